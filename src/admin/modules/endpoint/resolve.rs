//! Looks at every address that a name leads to before it is connected to.

use std::net::SocketAddr;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::domain::outbound::OutboundUrl;

/// Resolves the names of one endpoint.
pub(super) struct Resolver {
    url: OutboundUrl,
    networks: Vec<IpNet>,
}

/// A name leads nowhere that may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{host} is in no public network, and its network is not listed")]
struct Forbidden {
    host: String,
}

impl Resolver {
    pub(super) fn new(url: OutboundUrl, networks: Vec<IpNet>) -> Self {
        Self { url, networks }
    }
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
        let resolver = Resolver::new(url, networks.collect());
        let found = resolver.resolve("localhost".parse().expect("a name")).await;
        found
            .map(Iterator::count)
            .map_err(|error| error.to_string())
    }

    /// As if a name server said that the application's name is this machine's.
    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_followed() {
        let refused = resolved("https://crm.example/", &[]).await;
        assert!(refused.is_err_and(|error| error.contains("not listed")));
        let listed = resolved("https://crm.example/", &["127.0.0.0/8", "::1/128"]).await;
        assert!(listed.is_ok_and(|found| found > 0));
        let own = resolved("http://localhost:3000/", &[]).await;
        assert!(own.is_ok_and(|found| found > 0));
    }
}
