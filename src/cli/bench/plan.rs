//! What a load test is to do, checked: every number has an end.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use http::uri::PathAndQuery;

use crate::admin::ScratchRun;
use crate::cli::bench::length;
use crate::cli::bench::units::count;
use crate::cli::exit::Failure;
use crate::gateway::Origin;

const MAX_DURATION: Duration = Duration::from_secs(600);
const MIN_DURATION: Duration = Duration::from_secs(1);

/// What was asked for.
#[derive(Args, Clone, Debug)]
pub(super) struct Wanted {
    /// How many scratch accounts, each with a session
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) accounts: u32,

    /// How many connections, each kept alive
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(super) connections: u32,

    /// Requests that begin each second, whether or not others are answered; left out, as
    /// many as the connections can do
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) rate: Option<u32>,

    /// How long: 1s to 10m
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = length)]
    pub(super) duration: Duration,

    /// How many accounts are locked meanwhile, at random; at most half of them [default: 10, if
    /// there are as many]
    #[arg(long)]
    pub(super) locks: Option<u32>,

    /// At most so many requests, however long it takes
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(super) requests: u64,

    /// What is asked for
    #[arg(long, default_value = "/", value_parser = path)]
    pub(super) path: PathAndQuery,
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) accounts: u32,
    pub(super) connections: u32,
    pub(super) rate: Option<u32>,
    pub(super) duration: Duration,
    pub(super) locks: u32,
    pub(super) requests: u64,
}

/// Where the load goes.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) origin: Origin,
    pub(super) path: PathAndQuery,
    /// Looked up once: what was found to be this machine stays it.
    pub(super) address: SocketAddr,
}

impl Target {
    /// Finds the service, and refuses a machine that is not this one, unless
    /// whoever asks says that it is theirs.
    pub(super) async fn resolve(
        origin: Origin,
        path: PathAndQuery,
        remote_is_mine: bool,
    ) -> Result<Self, Failure> {
        if origin.is_https() {
            let words = "a load test speaks plain http: name the address that the gateway \
                         itself listens on";
            return Err(Failure::usage(words));
        }
        let authority = origin.authority();
        let host = authority.host().trim_matches(['[', ']']);
        let found = tokio::net::lookup_host((host, authority.port_u16().unwrap_or(80))).await;
        let found: Vec<_> = found.map_err(|_| nowhere(&origin))?.collect();
        let Some(address) = found.first().copied() else { return Err(nowhere(&origin)) };
        let here = found.iter().all(|address| address.ip().is_loopback());
        if !here && !remote_is_mine {
            return Err(Failure::usage(format!(
                "{origin} is not this machine, and a load test can put a service out of action: \
                 name its loopback address, or add --remote-is-mine if it is yours to load"
            )));
        }
        Ok(Self { origin, path, address })
    }

    pub(super) fn url(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }
}

impl Plan {
    pub(super) fn new(target: Target, wanted: &Wanted) -> Result<Self, Failure> {
        let Wanted { accounts, connections, rate, duration, requests, .. } = *wanted;
        if !(MIN_DURATION..=MAX_DURATION).contains(&duration) {
            return Err(Failure::usage("a load test takes from 1s to 10m: change --duration"));
        }
        let most = accounts / 2;
        let locks = wanted.locks.unwrap_or(10.min(most));
        if locks > most {
            return Err(Failure::usage(format!(
                "at most half of {accounts} accounts can be locked, so that there is a load: \
                 lower --locks or raise --accounts"
            )));
        }
        Ok(Self { target, accounts, connections, rate, duration, locks, requests })
    }

    /// How a run begins, in words.
    pub(super) fn announce(&self, run: &ScratchRun) -> String {
        let Self { accounts, connections, duration, .. } = self;
        format!(
            "run {run}: {} at {} for {} s over {connections} connections, with {} scratch accounts",
            self.pace(),
            self.target.url(),
            duration.as_secs_f64(),
            count(u64::from(*accounts)),
        )
    }

    fn pace(&self) -> String {
        match self.rate {
            Some(rate) => format!("{} requests a second", count(u64::from(rate))),
            None => "as many requests as there can be".to_owned(),
        }
    }
}

fn nowhere(origin: &Origin) -> Failure {
    Failure::usage(format!("{origin} has no address: check how it is written"))
}

fn path(text: &str) -> Result<PathAndQuery, String> {
    let read = text.parse().ok();
    read.filter(|_| text.starts_with('/'))
        .ok_or_else(|| "a path begins with /, as /reports?year=2026".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn target(url: &str, mine: bool) -> Result<Target, Failure> {
        let origin = Origin::parse(url).expect("an origin");
        Target::resolve(origin, PathAndQuery::from_static("/"), mine).await
    }

    fn wanted(accounts: u32, locks: Option<u32>, secs: u64) -> Wanted {
        Wanted {
            accounts,
            connections: 1,
            rate: None,
            duration: Duration::from_secs(secs),
            locks,
            requests: 1,
            path: PathAndQuery::from_static("/"),
        }
    }

    #[tokio::test]
    async fn only_this_machine_is_loaded_without_a_word() {
        for here in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://127.9.9.9"] {
            assert!(target(here, false).await.is_ok(), "{here}");
        }
        // Documentation's own addresses: nothing is sent to them.
        for there in ["http://192.0.2.1:8080", "http://[2001:db8::1]", "http://0.0.0.0:8080"] {
            assert!(target(there, false).await.is_err(), "{there}");
            assert!(target(there, true).await.is_ok(), "{there}");
        }
        assert!(target("https://127.0.0.1:8080", true).await.is_err());
    }

    #[tokio::test]
    async fn a_plan_leaves_people_to_be_admitted() {
        let target = target("http://127.0.0.1:1", false).await.expect("a target");
        let plan = |wanted: &Wanted| Plan::new(target.clone(), wanted);
        assert_eq!(plan(&wanted(100, None, 10)).expect("a plan").locks, 10);
        assert_eq!(plan(&wanted(3, None, 10)).expect("a plan").locks, 1);
        assert_eq!(plan(&wanted(8, Some(4), 10)).expect("a plan").locks, 4);
        assert!(plan(&wanted(8, Some(5), 10)).is_err());
        assert!(plan(&wanted(8, None, 601)).is_err());
        assert!(plan(&wanted(8, None, 0)).is_err());
    }

    #[test]
    fn a_path_is_one() {
        assert!(path("/a?b=c").is_ok());
        for bad in ["", "a", "http://192.0.2.1/", "*", "/a b"] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
    }
}
