//! Clients for requests of our own, which go nowhere but where they were sent.

#[cfg(any(feature = "jwt", feature = "remote"))]
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{ClientBuilder, redirect};

use crate::domain::outbound::OutboundUrl;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// It leads nowhere that may be connected to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{host} is in no public network, and its network is not listed")]
pub(crate) struct Forbidden {
    host: String,
}

/// A client for this address alone, which looks at every network address that the
/// host's name leads to before it connects, follows no redirect and asks no proxy.
pub(crate) fn client(
    url: &OutboundUrl,
    networks: &[IpNet],
    answer: Duration,
) -> Result<ClientBuilder, Forbidden> {
    let forbidden = |ip| !url.may_connect(ip, networks);
    // A number is not resolved, so it is looked at here.
    if url.literal().is_some_and(forbidden) {
        return Err(Forbidden { host: url.host().to_owned() });
    }
    let resolver = Resolver { url: url.clone(), networks: networks.to_vec() };
    Ok(reqwest::Client::builder()
        .dns_resolver(Arc::new(resolver))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT)
        .timeout(answer)
        .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION"))))
}

/// What is at the bottom of an error, in a line: the rest repeats the address.
#[cfg(any(feature = "jwt", feature = "remote"))]
pub(crate) fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let text = cause.to_string();
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Resolves the name of one address.
struct Resolver {
    url: OutboundUrl,
    networks: Vec<IpNet>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (url, networks) = (self.url.clone(), self.networks.clone());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let free: Vec<SocketAddr> = found
                .filter(|address| url.may_connect(address.ip(), &networks))
                .collect();
            if free.is_empty() {
                return Err(Forbidden { host: name.as_str().to_owned() }.into());
            }
            let addresses: Addrs = Box::new(free.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolved(url: &str, networks: &[&str]) -> Result<usize, String> {
        let url = OutboundUrl::parse(url).expect("an address");
        let networks = networks.iter().map(|one| one.parse().expect("a network"));
        let resolver = Resolver { url, networks: networks.collect() };
        let found = resolver.resolve("localhost".parse().expect("a name")).await;
        found
            .map(Iterator::count)
            .map_err(|error| error.to_string())
    }

    /// As if a name server said that the issuer's name is this machine's.
    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_followed() {
        let refused = resolved("https://id.example/", &[]).await;
        assert!(refused.is_err_and(|error| error.contains("not listed")));
        let listed = resolved("https://id.example/", &["127.0.0.0/8", "::1/128"]).await;
        assert!(listed.is_ok_and(|found| found > 0));
        let own = resolved("http://localhost:3000/", &[]).await;
        assert!(own.is_ok_and(|found| found > 0));
    }

    #[test]
    fn a_number_is_looked_at_too() {
        let asked = |url: &str, networks: &[IpNet]| {
            let url = OutboundUrl::parse(url).expect("an address");
            client(&url, networks, CONNECT).is_ok()
        };
        let listed = "10.0.0.0/8".parse().expect("a network");
        assert!(!asked("https://10.0.0.7/", &[]));
        assert!(!asked("https://169.254.169.254/", &[listed]));
        assert!(asked("https://10.0.0.7/", &[listed]));
        assert!(asked("http://127.0.0.1:3000/", &[]));
    }
}
