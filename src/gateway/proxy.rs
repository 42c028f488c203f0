//! Passes requests on to the upstream, and its answers back.

use std::convert::Infallible;
use std::error::Error as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    SET_COOKIE, TE, TRANSFER_ENCODING,
};
use http::request::Parts;
use http::uri::Uri;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tower_service::Service;

use crate::domain::client::ClientAddr;
use crate::domain::denial::Denial;
use crate::engine::{CurrentAccount, Portcullis};
use crate::gateway::answer::Refusal;
use crate::gateway::assertion::{Assertions, Audience};
use crate::gateway::body::{Body, BodyError, RequestBody};
use crate::gateway::figures::Figures;
use crate::gateway::headers;
use crate::gateway::routes::{Access, Refused, Routes, Rule};
use crate::gateway::settings::{Limits, Settings};
use crate::gateway::shed::Slots;
use crate::gateway::tunnel::{self, Handshake, Tunnels};
use crate::gateway::under_way;
use crate::gateway::untrusted::Untrusted;
use crate::gateway::upstream::{UpstreamBody, UpstreamError, Waiting};
use crate::gateway::upstreams::{Failed, Servers, Unserved};
use crate::guard::{ClientKind, CutBody, DefaultResponseForDenial, LoopGuard, ResponseForDenial};

const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Passes the requests of one rule on. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Proxy(Arc<ByRule>);

/// What holds for the requests of one rule.
#[derive(Debug)]
struct ByRule {
    shared: Arc<Shared>,
    rule: Arc<Rule>,
    servers: Servers,
    body_bytes: Option<u64>,
    assertions: Option<(Assertions, Audience)>,
}

/// What holds for all requests.
#[derive(Debug)]
struct Shared {
    gate: Portcullis,
    /// Whether clients may not say another method than they use.
    by_method: bool,
    limits: Limits,
    untrusted: Arc<Untrusted>,
    tunnels: Tunnels,
    figures: Figures,
    slots: Slots,
    denials: DefaultResponseForDenial<fn(String) -> Body>,
}

/// What a refusal needs to know of a request that is gone.
struct Asked {
    kind: ClientKind,
    method: Method,
    uri: Uri,
    /// gRPC clients understand their own only.
    content_type: Option<HeaderValue>,
}

impl Proxy {
    /// One for each rule, in their order.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn all(
        gate: &Portcullis,
        settings: &Settings,
        routes: &Routes,
        untrusted: Arc<Untrusted>,
        (assertions, tunnels, figures, slots): (Option<Assertions>, Tunnels, Figures, Slots),
    ) -> Vec<Self> {
        let shared = Arc::new(Shared {
            by_method: routes.go_by_method(),
            limits: settings.limits.clone(),
            untrusted,
            tunnels,
            denials: denials(gate, settings),
            gate: gate.clone(),
            figures: figures.clone(),
            slots,
        });
        let pools: Vec<_> = settings
            .pools()
            .map(|pool| (pool.name.clone(), Servers::new(&pool, &figures)))
            .collect();
        let proxy = |rule: &Arc<Rule>| {
            let named = |(name, _): &&(String, _)| Some(name) == rule.upstream.as_ref();
            let (_, servers) = pools.iter().find(named).unwrap_or(&pools[0]);
            Self(Arc::new(ByRule {
                shared: Arc::clone(&shared),
                servers: servers.clone(),
                body_bytes: rule.body_bytes.or(settings.limits.body_bytes),
                assertions: assertions
                    .clone()
                    .map(|all| (all, settings.audience_of(rule))),
                rule: Arc::clone(rule),
            }))
        };
        routes.rules().iter().map(proxy).collect()
    }

    async fn pass_on(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let by_rule = &*self.0;
        let shared = &*by_rule.shared;
        let (mut head, body) = request.into_parts();
        let kind = ClientKind::of(&head);
        let me = head.extensions.remove::<CurrentAccount>();
        under_way::is_of(me.as_ref());
        if let Some(require) = &by_rule.rule.require {
            let asked = (&head, kind);
            let refused = require.refusal(&shared.gate, &by_rule.rule, asked, me.as_ref());
            if let Some(refused) = refused.await {
                return Ok(refused.answer(&shared.denials, &head));
            }
        }
        let assertion = match by_rule.assertion(me.as_ref()).await {
            Ok(assertion) => assertion,
            Err(refused) => return Ok(refused.answer(&shared.denials, &head)),
        };
        let client = tunnel::handshake(&mut head, kind);
        if let Some(refusal) = by_rule.refused(&body, client.as_ref()) {
            return Ok(refusal.answer(kind));
        }
        if shared.by_method || (kind == ClientKind::Preflight && me.is_none()) {
            headers::remove_method_overrides(&mut head.headers);
        }
        let slot = match shared
            .slots
            .take(head.extensions.remove::<ClientAddr>())
            .await
        {
            Ok(slot) => slot,
            Err(shed) => return Ok(shed.answer(kind)),
        };
        let asked = Asked::of(&head, kind);
        let body = by_rule.body(body);
        by_rule.prepare(&mut head, me.as_ref(), client.is_some());
        if let (Some(value), Some((assertions, _))) = (assertion, &by_rule.assertions) {
            assertions.put(&mut head.headers, value);
        }
        write_framing(&mut head, &body);
        let waiting = Waiting::of(me.as_ref().map(|me| (&shared.gate, me)));
        let mut waiting = waiting.patient_for(by_rule.rule.response_timeout);
        let request = Request::from_parts(head, body);
        let sent = under_way::timed(by_rule.servers.send(request, &mut waiting)).await;
        drop((waiting, slot));
        let usual = by_rule.rule.upstream.is_none();
        Ok(match sent {
            Ok((response, served)) => shared
                .answer(response, me, client, usual)
                .unwrap_or_else(|error| shared.refusal(served.failed(error), usual).answer(kind)),
            Err(Unserved::Failed(failed)) => shared.refusal(failed, usual).answer(kind),
            Err(Unserved::Ended(denial)) => shared.ended(&denial, asked),
        })
    }
}

impl ByRule {
    /// What is signed for the upstream of whoever asks, if anything is.
    async fn assertion(&self, me: Option<&CurrentAccount>) -> Result<Option<HeaderValue>, Refused> {
        let (Some((assertions, audience)), Some(me)) = (&self.assertions, me) else {
            return Ok(None);
        };
        match assertions.of(me, audience).await {
            Ok(assertion) => Ok(Some(assertion)),
            // The upstream has the last word on who comes without one.
            Err(_) if self.rule.access != Access::Protect => Ok(None),
            Err(reason) => Err(Refused::unknown(reason, &self.shared.gate, me)),
        }
    }

    /// Why a request can't be passed on, if it can't.
    fn refused(&self, body: &Incoming, client: Option<&Handshake>) -> Option<Refusal> {
        if self.is_too_large(body) {
            Some(Refusal::TooLarge)
        } else {
            (client.is_some() && self.servers.settings().http2).then_some(Refusal::NoWebSocket)
        }
    }

    fn is_too_large(&self, body: &Incoming) -> bool {
        let least = body.size_hint().lower();
        self.body_bytes.is_some_and(|most| least > most)
    }

    fn body(&self, body: Incoming) -> RequestBody {
        let Limits { body_idle_timeout, .. } = self.shared.limits;
        let untrusted = Arc::clone(&self.shared.untrusted);
        RequestBody::new(body, self.body_bytes, body_idle_timeout, untrusted)
    }

    /// Makes the upstream's request of the client's.
    fn prepare(&self, head: &mut Parts, me: Option<&CurrentAccount>, to_upgrade: bool) {
        let settings = self.servers.settings();
        let headers = &mut head.headers;
        let takes_trailers = headers.get(TE).is_some_and(mentions_trailers);
        headers::remove_of_one_hop(headers);
        if to_upgrade {
            tunnel::ask_for_upgrade(headers);
        } else if takes_trailers {
            // gRPC servers insist on it.
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        headers::remove_our_cookies(headers);
        if let Some(me) = me {
            headers::put_identity(headers, &settings.identity, me);
            if me.is_by_token() {
                headers.remove(AUTHORIZATION);
            }
        }
        // Of an account and a connection of ours: none of the upstream's business.
        head.extensions.clear();
        head.version = if settings.http2 { Version::HTTP_2 } else { Version::HTTP_11 };
    }
}

impl Shared {
    /// What the guard would have said, had the request come now.
    fn ended(&self, denial: &Denial, asked: Asked) -> Response<Body> {
        tracing::info!(
            denial.reason = denial.reason().as_str(),
            account.id = denial.account().map(tracing::field::display),
            "request denied"
        );
        let mut response = self.denials.refuse(denial, &asked.into_head());
        // What is left of the body is nobody's to read.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// Makes the client's answer of the upstream's.
    fn answer(
        &self,
        mut response: Response<UpstreamBody>,
        me: Option<CurrentAccount>,
        client: Option<Handshake>,
        usual: bool,
    ) -> Result<Response<Body>, UpstreamError> {
        self.figures.upstream_answered(response.status(), usual);
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(response, me, client);
        }
        clean(response.headers_mut());
        Ok(response.map(|body| {
            let body = match me {
                Some(me) => CutBody::of(body, self.gate.clone(), me),
                None => CutBody::uncut(body),
            };
            Body::upstream(body)
        }))
    }

    /// Joins the client's connection and the upstream's.
    fn switch(
        &self,
        mut response: Response<UpstreamBody>,
        me: Option<CurrentAccount>,
        client: Option<Handshake>,
    ) -> Result<Response<Body>, UpstreamError> {
        let upstream = response.extensions_mut().remove::<OnUpgrade>();
        let (Some(client), Some(upstream), true) =
            (client, upstream, tunnel::is_of_websocket(response.headers()))
        else {
            return Err(UpstreamError::UnaskedUpgrade);
        };
        let busy = response.body_mut().take_place();
        clean(response.headers_mut());
        tunnel::ask_for_upgrade(response.headers_mut());
        self.tunnels
            .open(client, upstream, me.map(|me| (self.gate.clone(), me)), busy);
        Ok(response.map(|_| Body::empty()))
    }

    fn refusal(&self, failed: Failed, usual: bool) -> Refusal {
        let Failed { origin, error } = failed;
        if let UpstreamError::Http(http) = &error
            && let Some(of_client) = body_error(http)
        {
            return match of_client {
                BodyError::TooLarge => Refusal::TooLarge,
                BodyError::Idle => Refusal::SlowClient,
                // The client went away, or what it sent is no body.
                _ => Refusal::Malformed("the body came to no end"),
            };
        }
        tracing::warn!(error = %error, "upstream unavailable");
        self.figures.upstream_failed(&error, usual);
        Refusal::Upstream { address: origin.to_string(), error }
    }
}

impl Asked {
    fn of(head: &Parts, kind: ClientKind) -> Self {
        let content_type = (kind == ClientKind::Grpc)
            .then(|| head.headers.get(CONTENT_TYPE).cloned())
            .flatten();
        Self { kind, method: head.method.clone(), uri: head.uri.clone(), content_type }
    }

    /// A head that is of the same kind.
    fn into_head(self) -> Parts {
        let (mut head, ()) = Request::new(()).into_parts();
        (head.method, head.uri) = (self.method, self.uri);
        let told = match self.kind {
            ClientKind::Navigation => Some((SEC_FETCH_MODE, HeaderValue::from_static("navigate"))),
            ClientKind::Htmx => Some((HX_REQUEST, HeaderValue::from_static("true"))),
            _ => self.content_type.map(|sent| (CONTENT_TYPE, sent)),
        };
        head.headers.extend(told);
        head
    }
}

/// The guard's answers, for requests that it let in.
pub(crate) fn denials(
    gate: &Portcullis,
    settings: &Settings,
) -> DefaultResponseForDenial<fn(String) -> Body> {
    DefaultResponseForDenial::new()
        .clear_cookie(gate.clearing_cookie())
        .takes_tokens(gate.takes_bearer_tokens())
        .loop_guard(LoopGuard::new().secure(gate.is_https()))
        .sign_in_at(settings.sign_in.address())
        .text_into(Body::from as fn(String) -> Body)
}

/// Says how long the request is in the one way that there is for it.
fn write_framing(head: &mut Parts, body: &RequestBody) {
    let expects_some = !head.method.is_safe() && head.method != Method::DELETE;
    let headers = &mut head.headers;
    match body.size_hint().exact() {
        Some(0) if !expects_some => drop(headers.remove(CONTENT_LENGTH)),
        Some(length) => drop(headers.insert(CONTENT_LENGTH, length.into())),
        None => {
            headers.remove(CONTENT_LENGTH);
            if head.version != Version::HTTP_2 {
                // hyper would send a GET without its body otherwise.
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
    }
}

/// Takes off an answer what is not for the client.
fn clean(headers: &mut HeaderMap) {
    headers::remove_named_by_connection(headers, &[&CONTENT_LENGTH, &SET_COOKIE]);
    headers::remove_of_one_hop(headers);
    headers::remove_our_set_cookies(headers);
}

/// What went wrong with the client's body, if that is why a request failed.
fn body_error(error: &hyper::Error) -> Option<&BodyError> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        cause = error.source();
    }
    None
}

fn mentions_trailers(te: &HeaderValue) -> bool {
    let mut codings = te.as_bytes().split(|byte| *byte == b',');
    codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

impl Service<Request<Incoming>> for Proxy {
    type Response = Response<Body>;
    type Error = Infallible;
    // Boxed, since a future of an `async fn` has no name.
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        Box::pin(self.clone().pass_on(request))
    }
}
