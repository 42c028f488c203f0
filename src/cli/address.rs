//! `portcullis address`: what is counted by an address, whosever accounts were
//! tried from there.

use std::net::IpAddr;

use clap::Subcommand;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::{Value, json};

use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::output::{Output, Page, cell};
use crate::cli::policy::{Chosen, choose};
use crate::cli::store::{self, Named};
use crate::domain::attempts::{Budget, Scope};
use crate::domain::client::ClientAddr;
use crate::domain::lock::{End, Lockout};
use crate::domain::time::Timestamp;
use crate::store::{AttemptStore, Counter, Directory};

/// The widest networks whose counters are looked for one by one.
const WIDEST: [u8; 2] = [16, 48];

#[derive(Debug, Subcommand)]
pub(super) enum AddressCommand {
    /// Show how many guesses an address has left, or until when it is locked
    Show {
        /// An IPv4 or IPv6 address
        address: IpAddr,
    },
    /// Forget the failed guesses and the lockouts of an address or a network
    ///
    /// Of an IPv6 address its /64, /56 and /48. What accounts counted stays: `user unlock` lifts it.
    Unlock {
        /// An address, or a network as in 192.0.2.0/24 or 2001:db8::/48
        #[arg(value_name = "ADDRESS|NETWORK", value_parser = read_network)]
        network: IpNet,
    },
}

/// How one network stands.
struct Counted {
    network: IpNet,
    limit: u32,
    budget: Budget,
}

impl AddressCommand {
    pub(super) async fn run(self, named: &Named, output: Output) -> Result<(), Failure> {
        let located = named.locate()?;
        let directory = store::open_with_attempts(&located.directory).await?;
        let (directory, attempts) = store::counted_in(located.redis.as_ref(), directory).await?;
        match self {
            Self::Show { address } => {
                let chosen = choose(&[], named, output).await?;
                show(address.into(), &chosen, &*directory, &*attempts, output).await
            }
            Self::Unlock { network } => {
                let desk = Desk::new(named.program(), directory, located.pins, output);
                unlock(network, &*attempts, &desk).await
            }
        }
    }
}

/// An address, or a network without bits beyond its length.
fn read_network(text: &str) -> Result<IpNet, String> {
    let address = text
        .parse()
        .ok()
        .map(|address: IpAddr| IpNet::from(address.to_canonical()));
    let network = address.or_else(|| text.parse::<IpNet>().ok().map(|network| network.trunc()));
    network.ok_or_else(|| "write an address, or a network as in 192.0.2.0/24".to_owned())
}

/// Every network that an address in this one is counted under, by size, the
/// narrowest first.
fn counted_under(network: IpNet) -> Result<Vec<(u8, Vec<IpNet>)>, Failure> {
    let widest = if network.addr().is_ipv4() { WIDEST[0] } else { WIDEST[1] };
    if network.prefix_len() < widest {
        return Err(Failure::usage(format!(
            "{network} is wider than a /{widest}: unlock narrower networks, one after the other"
        )));
    }
    Ok(match network {
        IpNet::V4(v4) => vec![(32, within_v4(v4))],
        IpNet::V6(v6) => [64, 56, 48].map(|size| (size, within_v6(v6, size))).into(),
    })
}

fn within_v4(network: Ipv4Net) -> Vec<IpNet> {
    network
        .subnets(32)
        .into_iter()
        .flatten()
        .map(IpNet::V4)
        .collect()
}

/// The networks of this size in it, or the one that it is in.
fn within_v6(network: Ipv6Net, size: u8) -> Vec<IpNet> {
    match network.subnets(size) {
        Ok(subnets) => subnets.map(IpNet::V6).collect(),
        Err(_) => {
            let around = Ipv6Net::new(network.addr(), size).map(|around| around.trunc());
            around.ok().map(IpNet::V6).into_iter().collect()
        }
    }
}

async fn unlock(network: IpNet, attempts: &dyn AttemptStore, desk: &Desk) -> Result<(), Failure> {
    let (host, mut unlocked) = (desk.host()?, Vec::new());
    for (size, networks) in counted_under(network)? {
        let whose = match &networks[..] {
            [one] => one.to_string(),
            _ => format!("{} networks of size /{size} in {network}", networks.len()),
        };
        let cleared = host
            .admin
            .unlock_networks(&host.actor, attempts, &whose, &networks)
            .await?;
        if cleared > 0 {
            let what =
                if networks.len() == 1 { whose } else { format!("{cleared} of size /{size}") };
            unlocked.push((what, size, cleared));
        }
    }
    let words = match unlocked.len() {
        0 => format!("Nothing is counted by {}: nothing was changed.", shown(network)),
        _ => {
            let what: Vec<_> = unlocked.iter().map(|(what, ..)| what.as_str()).collect();
            format!(
                "What was counted by {} is forgotten ({}): sign-ins from there are taken again. \
                 Lockouts of accounts stay.",
                shown(network),
                what.join(", ")
            )
        }
    };
    let each = unlocked
        .iter()
        .map(|(_, size, count)| json!({ "prefix": size, "counters": count }));
    let json = json!({
        "changed": !unlocked.is_empty(),
        "network": network.to_string(),
        "unlocked": each.collect::<Vec<_>>(),
    });
    desk.output.answer(&json, &Page::new().line(&words))
}

/// A single address without its length.
fn shown(network: IpNet) -> String {
    match network.prefix_len() == network.max_prefix_len() {
        true => network.addr().to_string(),
        false => network.to_string(),
    }
}

async fn show(
    address: ClientAddr,
    chosen: &Chosen,
    directory: &dyn Directory,
    attempts: &dyn AttemptStore,
    output: Output,
) -> Result<(), Failure> {
    let mut counted = Vec::new();
    for (network, rules) in chosen.policy.networks_of(address) {
        let counter = Counter {
            key: directory.keyring().address_attempt_key(network),
            rules: rules.clone(),
            generation: 0,
            scope: Scope::Shared,
        };
        let budget = attempts.budget(&[counter]).await?;
        counted.push(Counted { network, limit: rules.limit(), budget });
    }
    let now = directory.clock().wall();
    let views: Vec<_> = counted.iter().map(|counted| counted.view(now)).collect();
    let json = json!({ "address": address.to_string(), "networks": views });
    output.answer(&json, &page(address, chosen, &counted, now)?)
}

fn page(
    address: ClientAddr,
    chosen: &Chosen,
    counted: &[Counted],
    now: Timestamp,
) -> Result<Page, Failure> {
    if counted.is_empty() {
        let why = match chosen.policy.by_address() {
            Some(_) => "its network is exempt",
            None => "the policy counts nothing by address",
        };
        return Ok(Page::new().line(&format!("{address} does not count: {why}.")));
    }
    let zone = jiff::tz::TimeZone::system();
    let row = |counted: &Counted| {
        let (left, locked) = match &counted.budget {
            Budget::Open { remaining } => (*remaining, "no".to_owned()),
            Budget::LockedOut(lockout) => (0, until(lockout, now, &zone)),
        };
        [cell(counted.network), cell(format!("{left} of {}", counted.limit)), cell(locked)]
    };
    let rows = counted.iter().map(row).collect();
    Ok(Page::new().table(["NETWORK", "GUESSES LEFT", "LOCKED"], 3, rows))
}

fn until(lockout: &Lockout, now: Timestamp, zone: &jiff::tz::TimeZone) -> String {
    match lockout.end_at(now) {
        End::At(end) => format!("until {}", crate::cli::when::spell(end, now, zone)),
        End::Never => "until it is unlocked".to_owned(),
    }
}

impl Counted {
    /// The field names won't change.
    fn view(&self, now: Timestamp) -> Value {
        let (remaining, lockout) = match &self.budget {
            Budget::Open { remaining } => (*remaining, None),
            Budget::LockedOut(lockout) => (0, Some(lockout)),
        };
        let end = lockout.and_then(|lockout| lockout.end_at(now).instant());
        json!({
            "network": self.network.to_string(),
            "max_attempts": self.limit,
            "remaining": remaining,
            "locked": lockout.is_some(),
            "locked_since": lockout.map(|lockout| lockout.laid_at.to_string()),
            "locked_until": end.map(|end| end.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str) -> Vec<(u8, usize, String)> {
        let network = read_network(text).expect("a network");
        let under = counted_under(network).expect("not too wide");
        let told = under.into_iter().map(|(size, networks)| {
            let first = networks
                .first()
                .map_or_else(String::new, ToString::to_string);
            (size, networks.len(), first)
        });
        told.collect()
    }

    #[test]
    fn every_network_that_an_address_counts_under_is_unlocked() {
        let one = |size, text: &str| (size, 1, text.to_owned());
        assert_eq!(sizes("192.0.2.7"), [one(32, "192.0.2.7/32")]);
        assert_eq!(sizes("::ffff:192.0.2.7"), [one(32, "192.0.2.7/32")]);
        assert_eq!(sizes("192.0.2.7/24"), [(32, 256, "192.0.2.0/32".to_owned())]);
        let wide = [one(56, "2001:db8:1:1200::/56"), one(48, "2001:db8:1::/48")];
        let all = [&[one(64, "2001:db8:1:12ff::/64")][..], &wide].concat();
        assert_eq!(sizes("2001:db8:1:12ff::7"), all);
        assert_eq!(sizes("2001:db8:1:12ff::/64"), all);
        let some = (64, 256, "2001:db8:1:1200::/64".to_owned());
        assert_eq!(sizes("2001:db8:1:1200::/56"), [&[some][..], &wide].concat());
        let counts: Vec<_> = sizes("2001:db8:1::/48")
            .iter()
            .map(|(_, count, _)| *count)
            .collect();
        assert_eq!(counts, [65_536, 256, 1]);
        // Each of them is one that the policy counts by.
        let policy = crate::domain::policy::LockoutPolicy::balanced();
        let address: IpAddr = "2001:db8:1:12ff::7".parse().expect("an address");
        let by: Vec<_> = policy
            .networks_of(address.into())
            .map(|(net, _)| net.to_string())
            .collect();
        assert_eq!(
            all.iter()
                .map(|(.., text)| text.clone())
                .collect::<Vec<_>>(),
            by
        );
    }

    #[test]
    fn what_is_too_wide_is_refused_with_what_to_do() {
        for text in ["10.0.0.0/8", "2001:db8::/32"] {
            let network = read_network(text).expect("a network");
            let failure = counted_under(network).expect_err("too wide");
            assert!(failure.message().contains("unlock narrower networks"), "{text}");
        }
        assert!(read_network("here").is_err());
    }
}
