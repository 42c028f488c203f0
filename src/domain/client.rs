//! Where a request comes from, told by hops that are trusted to know.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv6Net};

/// The address of whoever sent a request, an IPv4-mapped one as IPv4.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientAddr(IpAddr);

impl ClientAddr {
    /// The address itself.
    pub const fn ip(self) -> IpAddr {
        self.0
    }

    /// Reads an address, with or without a port, as logs and proxies write it.
    pub fn from_text(text: &str) -> Option<Self> {
        parse_hop(text.as_bytes())
    }

    /// What attempts from here are counted under: the address for IPv4, its /64
    /// for IPv6, where one household holds 2^64 addresses.
    pub fn prefix(self) -> IpNet {
        match self.0 {
            IpAddr::V4(v4) => IpNet::from(IpAddr::V4(v4)),
            IpAddr::V6(v6) => match Ipv6Net::new(v6, 64) {
                Ok(net) => IpNet::V6(net.trunc()),
                Err(_) => IpNet::from(IpAddr::V6(v6)),
            },
        }
    }

    /// The networks that it counts under, the narrowest first: the address for
    /// IPv4; the /64, /56 and /48 for IPv6, the sizes that sites are given.
    pub fn networks(self) -> impl Iterator<Item = IpNet> {
        let wider = match self.0 {
            IpAddr::V4(_) => &[][..],
            IpAddr::V6(_) => &[56, 48],
        };
        let wide = move |bits: &u8| IpNet::new(self.0, *bits).ok().map(|net| net.trunc());
        std::iter::once(self.prefix()).chain(wider.iter().filter_map(wide))
    }

    /// Finds the client behind trusted proxies.
    ///
    /// `hops` are the values of the one configured header (`X-Forwarded-For`)
    /// in the order they came. They are walked from the right while the hop
    /// before is trusted; the first untrusted hop is the client. An entry that
    /// is not an address yields the hop that sent it: skipping it would let the
    /// client choose who it is.
    pub fn behind<'a>(
        proxies: &TrustedProxies,
        peer: IpAddr,
        hops: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) -> Self {
        let mut client = Self::from(peer);
        for line in hops.rev() {
            for entry in line.rsplit(|byte| *byte == b',') {
                if !proxies.contains(client) {
                    return client;
                }
                let Some(hop) = parse_hop(entry) else { return client };
                client = hop;
            }
        }
        client
    }
}

impl From<IpAddr> for ClientAddr {
    fn from(addr: IpAddr) -> Self {
        Self(addr.to_canonical())
    }
}

impl From<SocketAddr> for ClientAddr {
    fn from(addr: SocketAddr) -> Self {
        addr.ip().into()
    }
}

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`,
/// `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn parse_hop(entry: &[u8]) -> Option<ClientAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    if let Ok(addr) = text.parse::<IpAddr>() {
        return Some(addr.into());
    }
    if let Ok(addr) = text.parse::<SocketAddr>() {
        return Some(addr.into());
    }
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    inner
        .parse::<Ipv6Addr>()
        .ok()
        .map(|addr| IpAddr::V6(addr).into())
}

/// The proxies whose word about the client is taken; none by default.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts these networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether nobody is trusted.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the hop is one of them.
    pub fn contains(&self, hop: ClientAddr) -> bool {
        self.0.iter().any(|network| network.contains(&hop.ip()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trusted(networks: &[&str]) -> TrustedProxies {
        TrustedProxies::new(networks.iter().map(|net| net.parse().expect("a network")))
    }

    fn client(proxies: &TrustedProxies, peer: &str, lines: &[&str]) -> String {
        let peer = peer.parse().expect("an address");
        ClientAddr::behind(proxies, peer, lines.iter().map(|line| line.as_bytes())).to_string()
    }

    #[test]
    fn without_trust_the_peer_is_the_client() {
        let nobody = TrustedProxies::default();
        assert_eq!(client(&nobody, "203.0.113.9", &["10.0.0.1"]), "203.0.113.9");
    }

    #[test]
    fn the_walk_is_from_the_right_across_lines() {
        let proxies = trusted(&["10.0.0.0/8", "fd00::/8"]);
        let cases: &[(&[&str], &str)] = &[
            (&[], "10.0.0.1"),
            (&["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
            (&["6.6.6.6", "198.51.100.7, 10.2.3.4"], "198.51.100.7"),
            (&["198.51.100.7, [fd00::1]:443"], "198.51.100.7"),
            (&["198.51.100.7:1234"], "198.51.100.7"),
            (&["::ffff:198.51.100.7"], "198.51.100.7"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // What can't be read yields the hop that sent it, and is never skipped.
            (&["6.6.6.6, unknown, 10.9.9.9"], "10.9.9.9"),
            (&["6.6.6.6, "], "10.0.0.1"),
            (&["6.6.6.6, 010.0.0.7"], "10.0.0.1"),
            (&["6.6.6.6, \"10.0.0.7\""], "10.0.0.1"),
            (&["6.6.6.6, 10.0.0.7%eth0"], "10.0.0.1"),
        ];
        for (lines, expected) in cases {
            assert_eq!(client(&proxies, "10.0.0.1", lines), *expected, "{lines:?}");
        }
    }

    #[test]
    fn a_household_is_one_source() {
        let prefix = |addr: &str| ClientAddr::from(addr.parse::<IpAddr>().expect("one")).prefix();
        assert_eq!(prefix("2001:db8::1"), prefix("2001:db8::ffff:1"));
        assert_ne!(prefix("2001:db8::1"), prefix("2001:db8:0:1::1"));
        assert_eq!(prefix("::ffff:192.0.2.1"), prefix("192.0.2.1"));
        assert_eq!(prefix("192.0.2.1").to_string(), "192.0.2.1/32");
    }

    /// One entry of the header, and the address that it names.
    fn any_hop() -> impl Strategy<Value = (String, Option<IpAddr>)> {
        let addresses = ["10.0.0.2", "10.9.9.9", "203.0.113.9", "fd00::1", "2001:db8::1"];
        let address = proptest::sample::select(addresses.to_vec());
        let named = (address, 0..4_u8, any::<u16>()).prop_map(|(text, form, port)| {
            let address: IpAddr = text.parse().expect("an address");
            let text = match (form, address) {
                (0, _) => text.to_owned(),
                (1, _) => format!(" {text}\t"),
                (2, IpAddr::V6(_)) => format!("[{text}]"),
                _ => SocketAddr::new(address, port).to_string(),
            };
            (text, Some(address))
        });
        let garbage =
            ["", " ", "unknown", "_hidden", "10.0.0", "10.0.0.2:", "[10.0.0.2]", "\"10.0.0.2\""];
        let garbage = proptest::sample::select(garbage.to_vec());
        prop_oneof![4 => named, 1 => garbage.prop_map(|text| (text.to_owned(), None))]
    }

    proptest! {
        /// Property: whatever a client writes on the left of what a trusted
        /// proxy appended, it stays who that proxy saw.
        #[test]
        fn a_client_cannot_choose_who_it_is(forged in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..40), 0..4,
        )) {
            let proxies = trusted(&["10.0.0.0/8"]);
            let seen = b"203.0.113.9".as_slice();
            let lines = forged.iter().map(Vec::as_slice).chain([seen]);
            let peer = "10.0.0.1".parse().expect("an address");
            let lines: Vec<_> = lines.collect();
            let found = ClientAddr::behind(&proxies, peer, lines.into_iter());
            prop_assert_eq!(found.to_string(), "203.0.113.9");
        }

        /// Property: where the peer is not trusted, no header changes who it is.
        #[test]
        fn nobody_speaks_for_a_stranger(lines in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..40), 0..4,
        )) {
            let proxies = trusted(&["10.0.0.0/8"]);
            let peer = "203.0.113.9".parse().expect("an address");
            let found = ClientAddr::behind(&proxies, peer, lines.iter().map(Vec::as_slice));
            prop_assert_eq!(found.ip(), peer);
        }

        /// Property: however hops are spelled and spread over lines, the client
        /// is the first from the right that is not trusted, or the last that
        /// could be read.
        #[test]
        fn the_first_stranger_is_the_client(hops in proptest::collection::vec(any_hop(), 0..8), split: bool) {
            let proxies = trusted(&["10.0.0.0/8", "fd00::/8"]);
            let mut expected: IpAddr = "10.0.0.1".parse().expect("an address");
            for (_, hop) in hops.iter().rev() {
                let Some(hop) = hop.filter(|_| proxies.contains(expected.into())) else { break };
                expected = hop;
            }
            let texts: Vec<&str> = hops.iter().map(|(text, _)| text.as_str()).collect();
            let joined = texts.join(",");
            let lines = if split || texts.is_empty() { texts } else { vec![joined.as_str()] };
            prop_assert_eq!(client(&proxies, "10.0.0.1", &lines), expected.to_string());
        }
    }
}
