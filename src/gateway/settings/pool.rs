//! Upstreams of several servers.

use std::time::Duration;

use http::uri::Uri;

use super::{Origin, Upstream};

/// Servers that do the same, of which a request goes to one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpstreamPool {
    /// What routes call it.
    pub name: String,
    /// Where they listen: at least one.
    pub origins: Vec<Origin>,
    /// How each of them is spoken to; its own origin is the first.
    pub settings: Upstream,
    /// How they are checked; `None`: they are not.
    pub check: Option<HealthCheck>,
    /// How long one is left alone that could not be connected to, while there are others.
    pub left_alone_for: Duration,
}

/// How servers are checked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HealthCheck {
    /// The path that is asked for: an answer below 400 is a good one.
    pub path: Uri,
    /// How often.
    pub every: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// After so many bad answers in a row a server is down.
    pub fall: u32,
    /// After so many good ones in a row it is up again.
    pub rise: u32,
}

impl HealthCheck {
    /// Asks for this path, with the defaults.
    pub const fn new(path: Uri) -> Self {
        let (every, timeout) = (Duration::from_secs(5), Duration::from_secs(2));
        Self { path, every, timeout, fall: 3, rise: 2 }
    }
}

impl UpstreamPool {
    /// A pool of these servers, with the defaults.
    pub fn new(name: String, first: Origin, others: impl IntoIterator<Item = Origin>) -> Self {
        let settings = Upstream::new(first.clone());
        Self::of(name, std::iter::once(first).chain(others).collect(), settings)
    }

    pub(super) const fn of(name: String, origins: Vec<Origin>, settings: Upstream) -> Self {
        Self { name, origins, settings, check: None, left_alone_for: LEFT_ALONE_FOR }
    }
}

const LEFT_ALONE_FOR: Duration = Duration::from_secs(5);
