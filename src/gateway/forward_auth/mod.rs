//! Says to another proxy whether a request may pass: `check`, `check/status` and
//! `check/path/…`.
//!
//! | asked at | by | the original request is told by | answers |
//! |---|---|---|---|
//! | `check` | Caddy, Traefik | `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri` | 200, or what the client is sent |
//! | `check` with `X-Original-URL`, `check/status` | nginx, HAProxy | `X-Original-URL`, `X-Original-Method`, or as above | 200, 401, 403 |
//! | `check/path/…` | Envoy | the rest of the path, the method, `Host` | 200, or what the client is sent |
//!
//! In gRPC Envoy asks by its own protocol: the module `grpc`.
//!
//! A 200 names whoever asks in the identity headers, all of them each time: one that has
//! nothing to say is empty, so that a proxy which copies it overwrites what a client sent.

mod envoy;
mod grpc;
mod original;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use self::original::Original;
use crate::domain::denial::{Denial, DenialReason};
use crate::engine::{CurrentAccount, Portcullis};
use crate::gateway::RESERVED;
use crate::gateway::answer::Refusal;
use crate::gateway::assertion::{Assertions, Audience};
use crate::gateway::body::Body;
use crate::gateway::figures::Outcome;
use crate::gateway::headers::put_identity;
use crate::gateway::proxy::denials;
use crate::gateway::public::guard_by;
use crate::gateway::routes::{Access, Refused, Routes, Rule};
use crate::gateway::screen::{Peer, Screen, is_below};
use crate::gateway::settings::{IdentityHeaders, Settings};
use crate::gateway::untrusted::Untrusted;
use crate::guard::response::DefaultResponseForDenial;
use crate::guard::{ClientKind, Guard, GuardLayer, ReturnOrigin};

/// Below the reserved path: `/.portcullis/check`.
const CHECK: &str = "/check";
const STATUS: &str = "/check/status";
const PATH: &str = "/check/path";

/// Where a refused person is to be sent, for a proxy that can't pass the answer on.
const X_LOCATION: HeaderName = HeaderName::from_static("x-portcullis-location");
/// Why somebody was refused, in one word.
const X_REASON: HeaderName = HeaderName::from_static("x-portcullis-reason");

/// How the gateway answers for a guard.
pub(crate) type Denials = DefaultResponseForDenial<fn(String) -> Body>;

type Guarded = Guard<Allow, Denials>;

/// Answers other proxies.
#[derive(Debug)]
pub(crate) struct ForwardAuth {
    routes: Arc<Routes>,
    /// For the requests of each rule.
    guarded: Vec<Guarded>,
    /// For hosts whose people sign in at another.
    of_hosts: Vec<(ReturnOrigin, Vec<Guarded>)>,
    /// For pages of the gateway's own, which everybody may see.
    own: Guarded,
    /// What is taken off requests that are asked about in gRPC, where they are.
    grpc: Option<Arc<Untrusted>>,
}

/// What is to become of a request that a proxy asks about.
struct Decided {
    response: Response<Body>,
    denial: Option<Denial>,
    outcome: Outcome,
}

/// How the answer is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    /// What the client is sent is passed on.
    Whole,
    /// Only the status counts, and there are three.
    Status,
    /// The original path is behind this one.
    Behind,
}

impl ForwardAuth {
    pub(crate) fn new(
        layer: &GuardLayer<Denials>,
        settings: &Settings,
        gate: &Portcullis,
        (routes, assertions): (&Arc<Routes>, &Option<Assertions>),
        untrusted: &Arc<Untrusted>,
    ) -> Self {
        let allow = |rule: &Arc<Rule>| {
            let (gate, rule) = (gate.clone(), Arc::clone(rule));
            let denials = denials(&gate, settings);
            let assertions = assertions
                .clone()
                .map(|all| (all, settings.audience_of(&rule)));
            let identity = settings.upstream.identity.clone();
            Allow { gate, rule, denials, identity, assertions }
        };
        let allows: Vec<_> = routes.rules().iter().map(allow).collect();
        let by_rule = |layer: &GuardLayer<Denials>| {
            let guarded = |allow: &Allow| guard_by(layer, allow.rule.access).layer(allow.clone());
            allows.iter().map(guarded).collect()
        };
        Self {
            of_hosts: of_hosts(layer, by_rule, settings),
            guarded: by_rule(layer),
            own: layer.clone().optional().layer(allows[0].clone()),
            routes: Arc::clone(routes),
            grpc: settings.ext_authz.then(|| Arc::clone(untrusted)),
        }
    }

    /// Whether a request is for it.
    pub(crate) fn is_at(path: &str) -> bool {
        asked(path).is_some()
    }

    /// Whether the request that the proxy asks about may pass.
    pub(crate) async fn answer(
        &self,
        screen: &Screen,
        peer: &Peer,
        head: &Parts,
    ) -> (Outcome, Response<Body>) {
        match self.ask(screen, peer, head).await {
            Ok(answered) => answered,
            Err(refusal) => (Outcome::Malformed, refusal.answer(ClientKind::Program)),
        }
    }

    /// The guards of the host that the original request is for.
    fn guards_of(&self, origin: &str) -> &[Guarded] {
        let found = self.of_hosts.iter().find(|(of, _)| of.as_str() == origin);
        found.map_or(&self.guarded, |(_, guarded)| guarded)
    }

    /// The guard of the original request, and who may pass by it.
    fn guard_of(&self, original: &Original) -> Result<(Guarded, Access), Refusal> {
        if is_below(original.target.path(), RESERVED) {
            return Ok((self.own.clone(), Access::Public));
        }
        let rule = self.routes.find(original.asked())?;
        let guarded = self.guards_of(&original.origin())[rule].clone();
        Ok((guarded, self.routes.rules()[rule].access))
    }

    async fn ask(
        &self,
        screen: &Screen,
        peer: &Peer,
        head: &Parts,
    ) -> Result<(Outcome, Response<Body>), Refusal> {
        if !screen.trusts(peer) {
            return Err(Refusal::UntrustedProxy);
        }
        screen.check_size(head)?;
        let asked = match asked(head.uri.path()) {
            Some(Asked::Whole) if head.headers.contains_key("x-original-url") => Asked::Status,
            Some(asked) => asked,
            None => return Err(Refusal::NotFound),
        };
        let original = match asked {
            Asked::Behind => Original::behind(&format!("{RESERVED}{PATH}"), head)?,
            Asked::Whole | Asked::Status => Original::told_by(&head.headers)?,
        };
        let Decided { response, denial, outcome } =
            self.decide(original, head.headers.clone()).await?;
        let response = match (denial, asked) {
            (Some(denial), Asked::Status) => status_alone(&denial, &response),
            (None, Asked::Status) if outcome == Outcome::Forbidden => forbidden_status(),
            _ => response,
        };
        Ok((outcome, response))
    }

    /// Whether this request may pass, of a sender of whom these headers tell.
    async fn decide(&self, original: Original, headers: HeaderMap) -> Result<Decided, Refusal> {
        let (mut guarded, access) = self.guard_of(&original)?;
        let request = original.into_request(headers);
        let response = match guarded.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let denial = response.extensions().get::<Denial>().cloned();
        let outcome = Outcome::of(access, response.extensions());
        Ok(Decided { response, denial, outcome })
    }
}

/// Guards for each host whose people sign in at the origin that people see.
fn of_hosts(
    layer: &GuardLayer<Denials>,
    by_rule: impl Fn(&GuardLayer<Denials>) -> Vec<Guarded>,
    settings: &Settings,
) -> Vec<(ReturnOrigin, Vec<Guarded>)> {
    let Some(public) = &settings.public_url else { return Vec::new() };
    let (page, public) = (settings.sign_in.address(), public.to_string());
    let guard = |origin: &ReturnOrigin| {
        let address = page.for_host(&public, origin.as_str()).ok()?;
        Some((origin.clone(), by_rule(&layer.clone().sign_in(address))))
    };
    settings.return_origins.iter().filter_map(guard).collect()
}

fn asked(path: &str) -> Option<Asked> {
    let rest = path.strip_prefix(RESERVED)?;
    match rest {
        CHECK => Some(Asked::Whole),
        STATUS => Some(Asked::Status),
        _ => rest
            .strip_prefix(PATH)
            .filter(|rest| rest.starts_with('/'))
            .map(|_| Asked::Behind),
    }
}

/// The refusal in one of the two statuses that such a proxy knows, with the rest in
/// headers: where to send a person, why, and what to do with cookies.
fn status_alone(denial: &Denial, whole: &Response<Body>) -> Response<Body> {
    let status = match denial.reason() {
        DenialReason::NoSession | DenialReason::SessionEnded => StatusCode::UNAUTHORIZED,
        _ => StatusCode::FORBIDDEN,
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in whole.headers() {
        match *name {
            LOCATION if whole.status().is_redirection() => {
                headers.insert(X_LOCATION, value.clone());
            }
            CACHE_CONTROL
            | RETRY_AFTER
            | http::header::SET_COOKIE
            | http::header::VARY
            | http::header::WWW_AUTHENTICATE => {
                headers.append(name.clone(), value.clone());
            }
            _ => {}
        }
    }
    headers.insert(X_REASON, HeaderValue::from_static(denial.reason().as_str()));
    response
}

/// The same to somebody who is not what the route requires.
fn forbidden_status() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FORBIDDEN;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_REASON, HeaderValue::from_static("forbidden"));
    response
}

/// What stands behind the guard: says that the request may pass, and who asks.
#[derive(Clone, Debug)]
struct Allow {
    gate: Portcullis,
    rule: Arc<Rule>,
    denials: Denials,
    identity: IdentityHeaders,
    assertions: Option<(Assertions, Audience)>,
}

impl Allow {
    async fn judge(self, request: Request<()>) -> Response<Body> {
        let head = request.into_parts().0;
        let me = head.extensions.get::<CurrentAccount>();
        if let Some(require) = &self.rule.require {
            let kind = ClientKind::of(&head);
            let refused = require.refusal(&self.gate, &self.rule, (&head, kind), me);
            if let Some(refused) = refused.await {
                return refused.answer(&self.denials, &head);
            }
        }
        match self.allowed(me).await {
            Ok(response) => response,
            Err(refused) => refused.answer(&self.denials, &head),
        }
    }

    async fn allowed(&self, me: Option<&CurrentAccount>) -> Result<Response<Body>, Refused> {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        put_nobody(headers, &self.identity);
        if let Some(me) = me {
            put_identity(headers, &self.identity, me);
        }
        if let Some((assertions, audience)) = &self.assertions {
            match me {
                Some(me) => {
                    let assertion = assertions.of(me, audience).await;
                    let refused = |reason| Refused::unknown(reason, &self.gate, me);
                    assertions.put(headers, assertion.map_err(refused)?);
                }
                None => assertions.put_none(headers),
            }
        }
        Ok(response)
    }
}

impl Service<Request<()>> for Allow {
    type Response = Response<Body>;
    type Error = Infallible;
    // Boxed, since a future of an `async fn` has no name.
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let judged = self.clone().judge(request);
        Box::pin(async move { Ok(judged.await) })
    }
}

/// Says that nobody asks, in every header that could say who.
fn put_nobody(headers: &mut HeaderMap, names: &IdentityHeaders) {
    let names = [&names.user, &names.account, &names.email, &names.name, &names.groups];
    for name in names.into_iter().flatten() {
        headers.insert(name, HeaderValue::from_static(""));
    }
}
