//! What the gateway counts beside its gate.
//!
//! Every request adds to some of these, so those are kept once for each of a few
//! groups of threads: cores that serve at once don't wait for each other's
//! counters.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use http::{Extensions, StatusCode};
use tokio::time::Instant;

use crate::domain::denial::Denial;
use crate::engine::figures::{Bounds, Counts, Histogram, Level, Raised, Word, words};
use crate::engine::metrics::{Metric, Page};
use crate::gateway::routes::{Access, Forbidden};
use crate::gateway::shed::Shed;
use crate::gateway::tls::{HandshakeTrouble, Tls};
use crate::gateway::upstream::UpstreamError;

words! {
    /// What became of a request.
    pub(crate) enum Outcome {
        Passed => "passed",
        Denied => "denied",
        Forbidden => "forbidden",
        Open => "open",
        Page => "page",
        Malformed => "malformed",
        Shed => "shed",
        Abandoned => "abandoned",
    }
}

words! {
    /// The first digit of a status.
    enum Class {
        Informational => "1xx",
        Success => "2xx",
        Redirection => "3xx",
        ClientError => "4xx",
        ServerError => "5xx",
        Unknown => "other",
    }
}

words! {
    /// How the application did not answer.
    enum UpstreamTrouble {
        Connect => "connect",
        ConnectTimeout => "connect-timeout",
        ResponseTimeout => "response-timeout",
        Broken => "broken",
        UnaskedUpgrade => "unasked-upgrade",
    }
}

/// 0.5 ms to 30 s.
const OF_REQUESTS: Bounds = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000, 30_000_000,
];

/// Groups of threads. More cores than these share.
const GROUPS: usize = 8;

/// Counts for one gateway. Cheap to clone; clones count together.
#[derive(Clone, Default)]
pub(crate) struct Figures(Arc<Shared>);

#[derive(Default)]
struct Shared {
    hot: [Hot; GROUPS],
    troubles: Counts<UpstreamTrouble>,
    handshakes: Counts<HandshakeTrouble>,
    /// Of the public listener, and of the other.
    certificates: ArcSwap<[Option<Tls>; 2]>,
    public: Level,
    admin: Level,
    tunnels: Level,
    upstream: Level,
    idle: AtomicU64,
    /// Lines of the access log that found no room.
    access_log_dropped: AtomicU64,
    /// Whether the last connection to the upstream could not be made.
    unreachable: AtomicBool,
    /// One for each server of each upstream, the usual one first.
    servers: Mutex<Vec<Arc<ServerFigures>>>,
    /// One for each route, where there are any.
    routes: Mutex<Vec<Arc<RouteFigures>>>,
}

/// What is counted of one server.
#[derive(Debug)]
pub(crate) struct ServerFigures {
    label: &'static str,
    picks: Spread,
    passed_by: AtomicU64,
    down: AtomicBool,
}

/// What is counted of one route.
#[derive(Debug)]
pub(crate) struct RouteFigures {
    label: &'static str,
    requests: Spread,
}

/// A count that each request may add to, kept once for each group of threads.
#[derive(Debug, Default)]
struct Spread([OnItsOwn; GROUPS]);

/// On a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct OnItsOwn(AtomicU64);

impl Spread {
    fn add_one(&self) {
        self.0[group()].0.fetch_add(1, Ordering::Relaxed);
    }

    fn sum(&self) -> u64 {
        self.0
            .iter()
            .map(|count| count.0.load(Ordering::Relaxed))
            .sum()
    }
}

/// The group of this thread.
fn group() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static GROUP: usize = THREADS.fetch_add(1, Ordering::Relaxed) % GROUPS;
    }
    GROUP.with(|group| *group)
}

impl ServerFigures {
    pub(crate) const fn label(&self) -> &'static str {
        self.label
    }

    /// A request goes to it.
    pub(crate) fn picked(&self) {
        self.picks.add_one();
    }

    /// That request went to another.
    pub(crate) fn passed_by(&self) {
        self.passed_by.fetch_add(1, Ordering::Relaxed);
    }

    /// Its checks say this of it.
    pub(crate) fn is_up(&self, up: bool) {
        self.down.store(!up, Ordering::Relaxed);
    }
}

impl RouteFigures {
    /// A request has this route.
    pub(crate) fn asked(&self) {
        self.requests.add_one();
    }
}

/// What each request adds to; on cache lines of its own.
#[repr(align(128))]
struct Hot {
    requests: Counts<Outcome>,
    responses: Counts<Class>,
    durations: Histogram,
}

impl Default for Hot {
    fn default() -> Self {
        let (requests, responses) = (Counts::default(), Counts::default());
        Self { requests, responses, durations: Histogram::new(&OF_REQUESTS) }
    }
}

/// A request under way. Counted when it is dropped: one whose client went away
/// is, too.
#[derive(Debug)]
pub(crate) struct Counted<'a> {
    figures: &'a Figures,
    began: Instant,
    outcome: Outcome,
}

impl Figures {
    /// A request begins.
    pub(crate) fn request(&self) -> Counted<'_> {
        Counted { figures: self, began: Instant::now(), outcome: Outcome::Abandoned }
    }

    /// Connections of the public listener.
    pub(crate) fn public_connections(&self) -> Level {
        self.0.public.clone()
    }

    /// Connections of the admin listener.
    pub(crate) fn admin_connections(&self) -> Level {
        self.0.admin.clone()
    }

    /// Tunnels that are open.
    pub(crate) fn tunnels(&self) -> Level {
        self.0.tunnels.clone()
    }

    /// A connection to the upstream, for as long as what this gives lives.
    pub(crate) fn upstream_connection(&self) -> Raised {
        self.0.upstream.raise()
    }

    /// So many connections to the upstream wait for a request now.
    pub(crate) fn upstream_idle(&self, connections: usize) {
        self.0.idle.store(connections as u64, Ordering::Relaxed);
    }

    /// The listeners show these certificates: the public one, and the other.
    pub(crate) fn listeners_show(&self, certificates: [Option<Tls>; 2]) {
        self.0.certificates.store(Arc::new(certificates));
    }

    /// A client did not come to agree on TLS.
    pub(crate) fn handshake_failed(&self, trouble: HandshakeTrouble) {
        self.0.handshakes.add(trouble);
    }

    /// An upstream answered: the usual one, or another.
    pub(crate) fn upstream_answered(&self, status: StatusCode, usual: bool) {
        self.hot().responses.add(Class::of(status));
        if usual {
            self.upstream_reached();
        }
    }

    /// An upstream gave no whole answer: the usual one, or another.
    pub(crate) fn upstream_failed(&self, error: &UpstreamError, usual: bool) {
        let trouble = UpstreamTrouble::of(error);
        self.0.troubles.add(trouble);
        if usual && matches!(trouble, UpstreamTrouble::Connect | UpstreamTrouble::ConnectTimeout) {
            self.0.unreachable.store(true, Ordering::Relaxed);
        }
    }

    /// A connection to the upstream could be made.
    pub(crate) fn upstream_reached(&self) {
        // Nearly always so already: then nothing is written, and no core waits.
        if self.upstream_is_unreachable() {
            self.0.unreachable.store(false, Ordering::Relaxed);
        }
    }

    /// Whether the last connection to the upstream could not be made.
    pub(crate) fn upstream_is_unreachable(&self) -> bool {
        self.0.unreachable.load(Ordering::Relaxed)
    }

    /// In seconds since 1970; 0 where no TLS is spoken.
    fn certificate_ends(&self) -> [u64; 2] {
        let end = |tls: &Option<Tls>| tls.as_ref().map_or(0, Tls::first_end);
        self.0.certificates.load().each_ref().map(end)
    }

    /// A line of the access log found no room.
    pub(crate) fn access_log_dropped(&self) {
        self.0.access_log_dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Where a server's figures are kept from now on.
    pub(crate) fn server(&self, label: String) -> Arc<ServerFigures> {
        let mut servers = locked(&self.0.servers);
        // Other settings name most of them again.
        if let Some(known) = servers.iter().find(|known| known.label == label) {
            return Arc::clone(known);
        }
        // Servers are few, and live as long as the program does.
        let label = Box::leak(label.into_boxed_str());
        let (passed_by, down) = (AtomicU64::new(0), AtomicBool::new(false));
        let server = ServerFigures { label, picks: Spread::default(), passed_by, down };
        let server = Arc::new(server);
        servers.push(Arc::clone(&server));
        server
    }

    /// Where a route's figures are kept from now on.
    pub(crate) fn route(&self, label: &'static str) -> Arc<RouteFigures> {
        let mut routes = locked(&self.0.routes);
        if let Some(known) = routes.iter().find(|known| known.label == label) {
            return Arc::clone(known);
        }
        let route = Arc::new(RouteFigures { label, requests: Spread::default() });
        routes.push(Arc::clone(&route));
        route
    }

    fn report_routes(&self, page: &mut Page) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let servers = locked(&self.0.servers);
        page.counts(Metric::UpstreamPicks, servers.iter().map(|one| (one.label, one.picks.sum())));
        let passed_by = servers.iter().map(|one| (one.label, of(&one.passed_by)));
        page.counts(Metric::UpstreamPassedBy, passed_by);
        for server in servers.iter() {
            let up = !server.down.load(Ordering::Relaxed);
            page.labelled(Metric::UpstreamUp, server.label, u64::from(up));
        }
        let routes = locked(&self.0.routes);
        page.counts(
            Metric::RouteRequests,
            routes.iter().map(|one| (one.label, one.requests.sum())),
        );
    }

    fn hot(&self) -> &Hot {
        &self.0.hot[group()]
    }

    /// Writes them all.
    pub(crate) fn report(&self, page: &mut Page) {
        let Shared { hot, troubles, handshakes, public, admin, tunnels, upstream, idle, .. } =
            &*self.0;
        page.counts(Metric::Requests, sums(hot, |hot| &hot.requests));
        let durations = hot.iter().map(|hot| hot.durations.spread());
        if let Some(durations) = durations.reduce(|all, more| all.with(&more)) {
            page.histogram(Metric::RequestDuration, &durations);
        }
        page.labelled(Metric::Connections, "public", public.now());
        page.labelled(Metric::Connections, "admin", admin.now());
        page.gauge(Metric::Tunnels, tunnels.now());
        page.counts(Metric::HandshakeFailures, handshakes.each());
        let [of_public, of_admin] = self.certificate_ends();
        page.labelled(Metric::CertificateEnd, "public", of_public);
        page.labelled(Metric::CertificateEnd, "admin", of_admin);
        page.counts(Metric::UpstreamResponses, sums(hot, |hot| &hot.responses));
        page.counts(Metric::UpstreamFailures, troubles.each());
        page.labelled(Metric::UpstreamConnections, "open", upstream.now());
        page.labelled(Metric::UpstreamConnections, "idle", idle.load(Ordering::Relaxed));
        let dropped = self.0.access_log_dropped.load(Ordering::Relaxed);
        page.counter(Metric::AccessLogDropped, dropped);
        self.report_routes(page);
    }
}

fn locked<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all groups counted together.
fn sums<W: Word>(
    groups: &[Hot],
    counts: impl Fn(&Hot) -> &Counts<W>,
) -> impl Iterator<Item = (&'static str, u64)> {
    let mut sums: Vec<_> = W::ALL.iter().map(|word| (word.as_str(), 0)).collect();
    for group in groups {
        for ((_, sum), (_, count)) in sums.iter_mut().zip(counts(group).each()) {
            *sum += count;
        }
    }
    sums.into_iter()
}

impl Outcome {
    /// What became of a request that the guard saw.
    pub(crate) fn of(access: Access, said: &Extensions) -> Self {
        if said.get::<Denial>().is_some() {
            Self::Denied
        } else if said.get::<Forbidden>().is_some() {
            Self::Forbidden
        } else if said.get::<Shed>().is_some() {
            Self::Shed
        } else if access == Access::Public {
            Self::Open
        } else {
            Self::Passed
        }
    }
}

impl Counted<'_> {
    /// This became of it.
    pub(crate) fn ends(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let hot = self.figures.hot();
        hot.requests.add(self.outcome);
        hot.durations.observe(self.began.elapsed());
    }
}

impl Class {
    fn of(status: StatusCode) -> Self {
        match status.as_u16() / 100 {
            1 => Self::Informational,
            2 => Self::Success,
            3 => Self::Redirection,
            4 => Self::ClientError,
            5 => Self::ServerError,
            _ => Self::Unknown,
        }
    }
}

impl UpstreamTrouble {
    const fn of(error: &UpstreamError) -> Self {
        match error {
            UpstreamError::Connect(_) | UpstreamError::NoneUp(_) => Self::Connect,
            UpstreamError::ConnectTimeout(_) => Self::ConnectTimeout,
            UpstreamError::ResponseTimeout(_) => Self::ResponseTimeout,
            UpstreamError::Ambiguous | UpstreamError::Http(_) => Self::Broken,
            UpstreamError::UnaskedUpgrade => Self::UnaskedUpgrade,
        }
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(figures: &Figures) -> Vec<(&'static str, u64)> {
        sums(&figures.0.hot, |hot| &hot.requests)
            .filter(|(_, n)| *n > 0)
            .collect()
    }

    #[test]
    fn threads_count_together() {
        let figures = Figures::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * GROUPS {
                scope.spawn(|| figures.request().ends(Outcome::Passed));
            }
        });
        drop(figures.request());
        assert_eq!(requests(&figures), [("passed", 2 * GROUPS as u64), ("abandoned", 1)]);
    }

    #[test]
    fn only_who_can_not_connect_finds_the_upstream_unreachable() {
        let figures = Figures::default();
        let patience = std::time::Duration::ZERO;
        figures.upstream_failed(&UpstreamError::ResponseTimeout(patience), true);
        figures.upstream_failed(&UpstreamError::ConnectTimeout(patience), false);
        assert!(!figures.upstream_is_unreachable());
        figures.upstream_failed(&UpstreamError::ConnectTimeout(patience), true);
        figures.upstream_answered(StatusCode::OK, false);
        assert!(figures.upstream_is_unreachable(), "another one says nothing of it");
        figures.upstream_answered(StatusCode::INTERNAL_SERVER_ERROR, true);
        assert!(!figures.upstream_is_unreachable(), "it answers, whatever it says");
    }
}
