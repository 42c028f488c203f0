//! The public listener's service: what people and programs reach.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::header::{LOCATION, STRICT_TRANSPORT_SECURITY};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

use crate::engine::Portcullis;
use crate::gateway::RESERVED;
use crate::gateway::access_log::{AccessLog, Entry};
use crate::gateway::answer::Refusal;
use crate::gateway::assertion::Assertions;
use crate::gateway::body::{Body, RequestBody};
use crate::gateway::figures::{Figures, Outcome, RouteFigures};
use crate::gateway::forward_auth::ForwardAuth;
use crate::gateway::listen::Answer;
use crate::gateway::proxy::Proxy;
use crate::gateway::request_id::{Registrar, Ticket};
use crate::gateway::routes::{Access, Asked, Routes};
use crate::gateway::screen::{Peer, Screen, is_below};
use crate::gateway::settings::{Settings, Tls};
use crate::gateway::shed::Slots;
use crate::gateway::sign_in::SignInPage;
use crate::gateway::tunnel::Tunnels;
use crate::gateway::under_way::{self, UnderWay};
use crate::guard::response::DefaultResponseForDenial;
use crate::guard::{ClientKind, Guard, GuardLayer, RefusalPages};

type Guarded = Guard<Proxy, DefaultResponseForDenial<fn(String) -> Body>>;

/// What every connection of the public listener shares. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Public(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    screen: Screen,
    pages: Router,
    /// What stands in the place of our own page, where sign-in is elsewhere.
    sign_in: SignInPage,
    routes: Arc<Routes>,
    assertions: Option<Assertions>,
    /// For the requests of each rule.
    guarded: Vec<Guarded>,
    counts: Vec<Arc<RouteFigures>>,
    /// For other proxies.
    forward_auth: ForwardAuth,
    body_idle_timeout: Duration,
    figures: Figures,
    registrar: Registrar,
    access_log: AccessLog,
    /// What browsers are told about https, where TLS ends here.
    hsts: Option<HeaderValue>,
}

/// What goes on when the settings change.
#[derive(Clone, Debug)]
pub(crate) struct Lasting {
    pub(crate) assertions: Option<Assertions>,
    pub(crate) tunnels: Tunnels,
    pub(crate) figures: Figures,
    pub(crate) access_log: AccessLog,
    pub(crate) slots: Slots,
}

/// The body that a page of the gateway's own may be sent; its forms are short.
const FORM_BYTES: u64 = 64 * 1024;

impl Public {
    pub(crate) fn new(
        gate: &Portcullis,
        settings: &Settings,
        (pages, refusal_pages): (Router, Option<Arc<dyn RefusalPages>>),
        (routes, lasting): (Arc<Routes>, Lasting),
    ) -> Self {
        let Lasting { assertions, tunnels, figures, access_log, slots } = lasting;
        let screen = Screen::new(settings);
        let untrusted = Arc::clone(&screen.untrusted);
        let beside = (assertions.clone(), tunnels, figures.clone(), slots);
        let proxies = Proxy::all(gate, settings, &routes, untrusted, beside);
        let layer = GuardLayer::new(gate.clone())
            .sign_in(settings.sign_in.address())
            .text_into(Body::from as fn(String) -> Body);
        let sign_in = SignInPage::new(settings, refusal_pages.clone());
        let layer = match refusal_pages {
            Some(pages) => layer.refusal_pages(pages),
            None => layer,
        };
        let asked = (&routes, &assertions);
        let forward_auth = ForwardAuth::new(&layer, settings, gate, asked, &screen.untrusted);
        let rules = routes.rules().iter().zip(proxies);
        let guarded = rules.map(|(rule, proxy)| guard_by(&layer, rule.access).layer(proxy));
        let guarded = guarded.collect();
        Self(Arc::new(Shared {
            screen,
            sign_in,
            forward_auth,
            pages,
            guarded,
            counts: routes
                .rules()
                .iter()
                .map(|rule| figures.route(rule.label))
                .collect(),
            routes,
            assertions,
            body_idle_timeout: settings.limits.body_idle_timeout,
            figures,
            registrar: Registrar::new(&settings.requests),
            access_log,
            hsts: settings.tls.as_ref().and_then(hsts),
        }))
    }
}

impl Answer for Public {
    async fn answer(&self, peer: &Peer, request: Request<Incoming>) -> Response<Body> {
        let counted = self.0.figures.request();
        let (head, body) = request.into_parts();
        let ticket = self
            .0
            .registrar
            .ticket(&head.headers, self.0.screen.trusts(peer));
        let mut entry = self
            .0
            .access_log
            .entry(&head, peer, &ticket, &self.0.figures);
        let notes = entry.as_ref().map(Entry::notes);
        let request = Request::from_parts(head, body);
        let work = self.0.serve(peer, request, &ticket);
        let under_way = UnderWay::new(ticket.id().clone(), notes);
        match under_way.clone().work(work).await {
            Ok((outcome, mut response)) => {
                counted.ends(outcome);
                ticket.write_answer(response.headers_mut());
                response.body_mut().answers(under_way);
                if let Some(mut entry) = entry.take() {
                    entry.answered(outcome, &response);
                    response.body_mut().counted_in(entry);
                }
                // The gateway's own, whatever an application speaks: one of HTTP/1.0
                // would end the client's connection.
                *response.version_mut() = Version::HTTP_11;
                if let Some(hsts) = &self.0.hsts {
                    // What an application says of its own host goes before it.
                    let said = response.headers_mut().entry(STRICT_TRANSPORT_SECURITY);
                    said.or_insert_with(|| hsts.clone());
                }
                response
            }
            Err(never) => match never {},
        }
    }
}

impl Shared {
    async fn serve(
        &self,
        peer: &Peer,
        request: Request<Incoming>,
        ticket: &Ticket,
    ) -> Result<(Outcome, Response<Body>), Infallible> {
        let (mut head, body) = request.into_parts();
        if ForwardAuth::is_at(head.uri.path()) {
            return Ok(self.forward_auth.answer(&self.screen, peer, &head).await);
        }
        if self.forward_auth.is_asked_in_grpc(head.uri.path()) {
            let at_most = Some(ForwardAuth::longest_message(&self.screen));
            let untrusted = Arc::clone(&self.screen.untrusted);
            let body = RequestBody::new(body, at_most, self.body_idle_timeout, untrusted);
            let answer = self
                .forward_auth
                .answer_in_grpc(&self.screen, peer, &head, body);
            return Ok(Box::pin(answer).await);
        }
        let client = match self.screen.look(&mut head, !body.is_end_stream(), peer) {
            Ok(client) => client,
            Err(refusal) => {
                return Ok((Outcome::Malformed, refusal.answer(ClientKind::of(&head))));
            }
        };
        ticket.write_request(&mut head.headers);
        under_way::comes_from(client);
        if is_below(head.uri.path(), RESERVED) {
            head.extensions.insert(client);
            if let Some(assertions) = &self.assertions
                && Assertions::is_at(head.uri.path())
            {
                return Ok((Outcome::Page, assertions.keys(&head.method)));
            }
            let kind = ClientKind::of(&head);
            if matches!(head.uri.path().strip_prefix(RESERVED), Some("" | "/")) {
                return Ok((Outcome::Page, see_account()));
            }
            if let Some(page) = self.sign_in.answer(&head) {
                return Ok((Outcome::Page, page));
            }
            let page = self.page(Request::from_parts(head, body)).await?;
            let nothing = page.status() == StatusCode::NOT_FOUND;
            let page = if nothing { Refusal::NotFound.answer(kind) } else { page };
            return Ok((Outcome::Page, page));
        }
        head.extensions.insert(client);
        let rule = match self.routes.find(Asked::of(&head)) {
            Ok(rule) => rule,
            Err(refusal) => {
                return Ok((Outcome::Malformed, refusal.answer(ClientKind::of(&head))));
            }
        };
        if self.counts.len() > 1 {
            self.counts[rule].asked();
        }
        let mut guarded = self.guarded[rule].clone();
        let response = guarded.call(Request::from_parts(head, body)).await?;
        let outcome = Outcome::of(self.routes.rules()[rule].access, response.extensions());
        Ok((outcome, response))
    }

    async fn page(&self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let untrusted = Arc::clone(&self.screen.untrusted);
        let request = request.map(|body| {
            let body = RequestBody::new(body, Some(FORM_BYTES), self.body_idle_timeout, untrusted);
            axum::body::Body::new(body)
        });
        let answer = self.pages.clone().oneshot(request).await?;
        Ok(answer.map(Body::page))
    }
}

/// A layer that lets pass whom a rule lets pass.
pub(crate) fn guard_by<R: Clone>(layer: &GuardLayer<R>, access: Access) -> GuardLayer<R> {
    match access {
        Access::Public => layer.clone().optional(),
        Access::BestEffort => layer.clone().best_effort(),
        Access::Protect => layer.clone(),
    }
}

fn hsts(tls: &Tls) -> Option<HeaderValue> {
    let length = tls.hsts?.as_secs();
    HeaderValue::from_str(&format!("max-age={length}")).ok()
}

/// What is there for people is on the page of their account.
fn see_account() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let account = HeaderValue::from_static("/.portcullis/account");
    response.headers_mut().insert(LOCATION, account);
    response
}
