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
