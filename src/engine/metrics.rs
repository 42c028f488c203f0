//! The figures of a gate, in the text format of Prometheus.
//!
//! Every figure's name, type, labels and help are in one table, [`Metric`]. The
//! values of labels are words that the program knows, so that no login, address,
//! path or number of an account can ever become one.

mod table;
mod text;

use std::sync::atomic::Ordering;
use std::time::Duration;

pub use self::table::{Kind, Metric};
pub(crate) use self::text::Page;

use crate::domain::time::Monotonic;
use crate::engine::{Gate, Portcullis};

/// The media type of [`Portcullis::metrics`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Portcullis {
    /// The gate's figures now, in the text format of OpenMetrics 1.0, which
    /// Prometheus reads. Serve it as [`CONTENT_TYPE`], where only machines of
    /// yours come.
    ///
    /// What only the gateway counts is not among them; the gateway serves all at
    /// `/metrics`.
    ///
    /// ```
    /// # use portcullis::{engine::metrics::CONTENT_TYPE, Portcullis};
    /// use axum::{Router, http::header, routing::get};
    ///
    /// fn metrics(gate: Portcullis) -> Router {
    ///     let page = move || async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], gate.metrics()) };
    ///     Router::new().route("/metrics", get(page))
    /// }
    /// ```
    pub fn metrics(&self) -> String {
        let mut page = Page::default();
        self.report(&mut page);
        page.text()
    }

    /// Writes the gate's figures.
    pub(crate) fn report(&self, page: &mut Page) {
        let (gate, figures) = (&*self.0, &self.0.figures);
        page.counts(Metric::Denials, figures.denials.each());
        page.counts(Metric::Cuts, figures.cuts.each());
        page.gauge(Metric::Sessions, gate.sessions.len() as u64);
        page.gauge(Metric::Standings, gate.standings.len() as u64);
        page.counts(Metric::Lookups, figures.lookups.each());
        page.counts(Metric::StoreFailures, figures.store_troubles.each());
        #[cfg(feature = "jwt")]
        gate.report_tokens(page);
        page.counts(Metric::Attempts, figures.attempts.each());
        page.counts(Metric::Lockouts, figures.lockouts.each());
        page.counts(Metric::WouldLock, figures.would_lock.each());
        page.counter(Metric::AttemptsForgotten, figures.attempts_forgotten.load(Ordering::Relaxed));
        page.histogram(Metric::AttemptStore, &figures.attempt_store.spread());
        let reach = gate.attempts.reach().unwrap_or_default();
        page.gauge(Metric::RedisConnected, reach.connected.into());
        let calls = [("answered", reach.answered), ("failed", reach.failed), ("slow", reach.slow)];
        page.counts(Metric::RedisCalls, calls);
        page.counter(Metric::RedisLosses, reach.losses);
        page.histogram(Metric::Revocation, &figures.revocations.spread());
        let last_lock = figures.last_lock.last();
        page.seconds(Metric::LastLock, last_lock.map_or(Duration::ZERO, |last| last.took));
        page.counts(Metric::AdminChanges, figures.admin_changes.each());
        page.gauge(Metric::LicencesUsed, figures.licences.used());
        page.gauge(Metric::LicencesLimit, figures.licences.limit());
        #[cfg(feature = "http-client")]
        {
            let webhooks = &figures.webhooks;
            page.counts(Metric::WebhookDeliveries, webhooks.deliveries.each());
            let of = |level: &std::sync::atomic::AtomicU64| level.load(Ordering::Relaxed);
            page.labelled(Metric::WebhookMessages, "waiting", of(&webhooks.waiting));
            page.labelled(Metric::WebhookMessages, "dead", of(&webhooks.dead));
        }
        gate.report_feed(page);
        gate.report_source(page);
        #[cfg(feature = "passwords")]
        gate.report_hashes(page);
        page.labelled(Metric::BuildInfo, env!("CARGO_PKG_VERSION"), 1);
    }
}

impl Gate {
    /// Without a directory there is no feed.
    fn report_feed(&self, page: &mut Page) {
        if self.directory.is_none() {
            return;
        }
        let position = self.figures.feed_position.load(Ordering::Relaxed);
        let looked_at = self.figures.looked_at_feed.load(Ordering::Relaxed);
        let looked_at = Monotonic::from_micros(looked_at);
        let age = self.clock.now().monotonic.since(looked_at);
        page.gauge(Metric::FeedPosition, position);
        page.seconds(Metric::FeedAge, age);
    }

    #[cfg(feature = "jwt")]
    fn report_tokens(&self, page: &mut Page) {
        page.counts(Metric::JwtTokens, self.figures.tokens.each());
        let (known, unknown) = self.jwt.load().as_ref().map_or((0, 0), |jwts| {
            let without = jwts.issuers_without_keys().count();
            (jwts.issuers() - without, without)
        });
        page.labelled(Metric::JwtIssuers, "known", known as u64);
        page.labelled(Metric::JwtIssuers, "unknown", unknown as u64);
    }

    /// Of a directory alone, which has no other source, all are zero.
    fn report_source(&self, page: &mut Page) {
        let source = self.source_health();
        let health = source.unwrap_or_default();
        let outcomes = [
            ("answered", health.answered),
            ("unchanged", health.unchanged),
            ("no-such-account", health.no_such_account),
            ("failed", health.failed),
            ("spared", health.spared),
        ];
        page.counts(Metric::SourceCalls, outcomes);
        let state = match (health.failing_for, health.trying) {
            (None, _) => "closed",
            (Some(_), true) => "half-open",
            (Some(_), false) => "open",
        };
        for one in ["closed", "half-open", "open"] {
            let is_so = source.is_some() && one == state;
            page.labelled(Metric::SourceCircuit, one, u64::from(is_so));
        }
        page.gauge(Metric::SourceFollowed, u64::from(self.is_followed()));
        page.seconds(Metric::SourceAge, health.answered_ago.unwrap_or_default());
    }

    #[cfg(feature = "passwords")]
    fn report_hashes(&self, page: &mut Page) {
        let load = self.passwords.load();
        page.labelled(Metric::PasswordHashes, "running", load.running);
        page.labelled(Metric::PasswordHashes, "waiting", load.waiting);
        page.counter(Metric::PasswordChecks, self.passwords.verifications());
        page.counter(Metric::PasswordsPutOff, load.put_off);
    }
}

#[cfg(test)]
mod tests;
