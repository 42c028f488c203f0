//! Probes for whoever sends traffic here, and the figures.
//!
//! | path | answers |
//! |---|---|
//! | `/livez` | 200 as long as the process answers |
//! | `/readyz` | 200, or 503, with what is wrong |
//! | `/metrics` | the figures, for Prometheus; by a token where the settings say so |
//!
//! A probe asks nobody: it tells what the last request met. What was broken then
//! is tried again beside it, at most once a second, since nobody else may come to
//! find out that it is mended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::admin::Admin;
use crate::api::may_read_figures;
use crate::engine::Portcullis;
use crate::engine::metrics::{self, Page};
use crate::gateway::figures::Figures;
use crate::gateway::process;
use crate::gateway::settings::{Origin, Upstream};
use crate::gateway::shed::Slots;

/// How long after one try the next may be.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Knows how the gateway is. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Health(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    gate: Portcullis,
    figures: Figures,
    upstream: ArcSwap<Upstream>,
    slots: Slots,
    draining: AtomicBool,
    trying: AtomicBool,
}

/// Something that the gateway can't do.
#[derive(Debug)]
enum Degraded {
    Attempts,
    /// Sign-ins go on.
    AttemptsApart,
    Directory {
        lost_for: Duration,
    },
    Draining,
    Issuer {
        name: String,
    },
    Source {
        failing_for: Duration,
    },
    Upstream {
        origin: Origin,
    },
}

impl Health {
    pub(crate) fn new(
        gate: Portcullis,
        figures: Figures,
        upstream: Upstream,
        slots: Slots,
    ) -> Self {
        let (draining, trying) = (AtomicBool::new(false), AtomicBool::new(false));
        let upstream = ArcSwap::from_pointee(upstream);
        Self(Arc::new(Shared { gate, figures, upstream, slots, draining, trying }))
    }

    /// Requests go there from now on. Whether it can be reached is not known before one
    /// does.
    pub(crate) fn goes_to(&self, upstream: Upstream) {
        let before = self.0.upstream.swap(Arc::new(upstream));
        if before.origin != self.0.upstream.load().origin {
            self.0.figures.upstream_reached();
        }
    }

    /// From now on nobody new shall be sent here.
    pub(crate) fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// The probes and the figures.
    pub(crate) fn router(&self, figures_for: Option<Admin>) -> Router {
        let open = get(figures);
        let figures = match figures_for {
            Some(admin) => open.layer(from_fn_with_state(admin, may_read_figures)),
            None => open,
        };
        Router::new()
            .route("/livez", get(live))
            .route("/readyz", get(ready))
            .route("/metrics", figures)
            .with_state(self.clone())
    }

    fn degraded(&self) -> Vec<Degraded> {
        let shared = &self.0;
        let health = shared.gate.health();
        let draining = shared.draining.load(Ordering::Relaxed);
        let unreachable = shared.figures.upstream_is_unreachable();
        let origin = || shared.upstream.load().origin.clone();
        let issuers = shared.gate.issuers_without_keys().into_iter();
        let rest = [
            draining.then_some(Degraded::Draining),
            health
                .directory_lost_for
                .map(|lost_for| Degraded::Directory { lost_for }),
            health.attempts_failing.then_some(Degraded::Attempts),
            health.attempts_apart.then_some(Degraded::AttemptsApart),
            health
                .source_failing_for
                .map(|failing_for| Degraded::Source { failing_for }),
            unreachable.then(|| Degraded::Upstream { origin: origin() }),
        ]
        .into_iter()
        .flatten();
        let issuers = issuers.map(|name| Degraded::Issuer { name });
        rest.chain(issuers).collect()
    }

    /// Finds out beside the probe whether what was broken is mended. The
    /// directory needs none: its feed is looked for all the time.
    fn try_again(&self, degraded: &[Degraded]) {
        let attempts = degraded.iter().any(|d| matches!(d, Degraded::Attempts));
        let upstream = degraded
            .iter()
            .any(|d| matches!(d, Degraded::Upstream { .. }));
        if !(attempts || upstream) || self.0.trying.swap(true, Ordering::Relaxed) {
            return;
        }
        let health = self.clone();
        tokio::spawn(async move {
            if attempts {
                health.0.gate.probe_attempts().await;
            }
            if upstream {
                health.try_upstream().await;
            }
            sleep(TRY_EVERY).await;
            health.0.trying.store(false, Ordering::Relaxed);
        });
    }

    async fn try_upstream(&self) {
        let upstream = self.0.upstream.load_full();
        let Upstream { origin, connect_timeout, .. } = &*upstream;
        let connection = TcpStream::connect(origin.address());
        if let Ok(Ok(_)) = timeout(*connect_timeout, connection).await {
            self.0.figures.upstream_reached();
        }
    }
}

async fn live() -> Response<Body> {
    answer(StatusCode::OK, &json!({ "status": "live" }))
}

async fn ready(State(health): State<Health>) -> Response<Body> {
    let degraded = health.degraded();
    if degraded.is_empty() {
        return answer(StatusCode::OK, &json!({ "status": "ready" }));
    }
    health.try_again(&degraded);
    let (status, word) = if degraded.iter().any(Degraded::is_for_others) {
        (StatusCode::SERVICE_UNAVAILABLE, "not-ready")
    } else {
        (StatusCode::OK, "ready")
    };
    let degraded: Vec<_> = degraded.iter().map(Degraded::to_json).collect();
    answer(status, &json!({ "status": word, "degraded": degraded }))
}

async fn figures(State(health): State<Health>) -> Response<Body> {
    let mut page = Page::default();
    health.0.figures.report(&mut page);
    health.0.slots.report(&mut page);
    health.0.gate.report(&mut page);
    process::report(&mut page);
    let mut response = Response::new(Body::from(page.text()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{body}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Degraded {
    /// Whether people are served better elsewhere. An issuer that is silent is so for
    /// every gateway, and sessions go on.
    const fn is_for_others(&self) -> bool {
        !matches!(self, Self::AttemptsApart | Self::Issuer { .. })
    }

    fn to_json(&self) -> Value {
        let (what, detail) = match self {
            Self::Attempts => (
                "attempts",
                "the store that counts attempts does not answer: nobody can sign in".to_owned(),
            ),
            Self::AttemptsApart => (
                "attempts-apart",
                "Redis is away, and each gateway counts by itself: the setting is \
                 redis.when_away"
                    .to_owned(),
            ),
            Self::Directory { lost_for } => (
                "directory",
                format!(
                    "not heard of for {} s: what is known of accounts is older than \
                     sessions.max_stale allows",
                    lost_for.as_secs()
                ),
            ),
            Self::Draining => {
                ("draining", "the gateway was told to stop and ends what is open".to_owned())
            }
            Self::Issuer { name } => (
                "jwt-issuer",
                format!(
                    "the keys of {name} were not fetched since the start: its tokens get 503, \
                     and the log says why"
                ),
            ),
            Self::Source { failing_for } => (
                "source",
                format!(
                    "the system in [source] has been failing for {} s: what it last said is used \
                     no longer than sessions.max_stale allows",
                    failing_for.as_secs()
                ),
            ),
            Self::Upstream { origin } => (
                "upstream",
                format!("no connection could be made to {origin}: the setting is upstream.url"),
            ),
        };
        json!({ "what": what, "detail": detail })
    }
}
