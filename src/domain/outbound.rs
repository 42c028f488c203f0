//! Where requests of our own may go: nowhere that a name server or a slip of the pen
//! could lead them.
//!
//! An address is https, unless it is on this machine, and names nobody's password.
//! What its host resolves to is looked at before each connection: public addresses
//! are free, all others have to be listed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::uri::{Scheme, Uri};
use ipnet::IpNet;

/// An address that requests of our own go to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OutboundUrl(Uri);

/// Why text is no [`OutboundUrl`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// Not an address at all.
    #[error("it begins with https:// and goes on with a host")]
    Malformed,
    /// A user or a password stands before the host.
    #[error("it names a user: a secret belongs into a file or a variable")]
    NamesUser,
    /// It is http and not on this machine.
    #[error("it is http: only https leaves this machine")]
    NotHttps,
}

impl OutboundUrl {
    /// Reads `https://crm.example/portcullis`, or `http://127.0.0.1:3000/transfer`.
    ///
    /// # Errors
    ///
    /// If it is not https, unless it is on this machine; or has a user or a fragment.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        if text.contains('#') {
            return Err(InvalidUrl::Malformed);
        }
        let uri: Uri = text.parse().map_err(|_| InvalidUrl::Malformed)?;
        let authority = uri.authority().ok_or(InvalidUrl::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(InvalidUrl::NamesUser);
        }
        let port = authority.as_str().strip_prefix(authority.host());
        if authority.host().is_empty() || (port != Some("") && authority.port_u16().is_none()) {
            return Err(InvalidUrl::Malformed);
        }
        let url = Self(uri.clone());
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Ok(url),
            Some(scheme) if *scheme == Scheme::HTTP && url.is_here() => Ok(url),
            Some(scheme) if *scheme == Scheme::HTTP => Err(InvalidUrl::NotHttps),
            _ => Err(InvalidUrl::Malformed),
        }
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// The address that the host is, where it is no name.
    pub fn literal(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    /// Whether it is on this machine by its own words.
    pub fn is_here(&self) -> bool {
        let named = self.host().eq_ignore_ascii_case("localhost");
        named
            || self
                .literal()
                .is_some_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Whether a connection to this address may be made, where the networks that are
    /// `listed` may be reached although they are not public.
    ///
    /// A name of this machine leads nowhere but to it, and no other name leads to it.
    pub fn may_connect(&self, to: IpAddr, listed: &[IpNet]) -> bool {
        let to = to.to_canonical();
        if self.is_here() {
            return to.is_loopback();
        }
        is_public(to) || listed.iter().any(|network| network.contains(&to))
    }
}

impl fmt::Display for OutboundUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether an address is somebody's on the Internet: in no range that is kept for
/// private networks, this machine, or other special purposes (IANA's registries).
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocols = (a, b, c) == (192, 0, 0);
    let benchmarks = a == 198 && (b == 18 || b == 19);
    let anycast_relay = (a, b, c) == (192, 88, 99);
    !(a == 0
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || shared
        || protocols
        || benchmarks
        || anycast_relay
        || a >= 224)
}

/// The Internet's addresses begin with 2000::/3. Those of them that carry an IPv4
/// address (6to4, Teredo) lead to wherever that one leads.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let global = a & 0xe000 == 0x2000;
    let special = a == 0x2001 && b < 0x0200;
    let documentation = (a == 0x2001 && b == 0x0db8) || (a == 0x3fff && b < 0x1000);
    let six_to_four = a == 0x2002;
    global && !special && !documentation && !six_to_four
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_https_or_here() {
        for good in [
            "https://crm.example/transfer?x=1",
            "https://10.0.0.7:8443/",
            "http://127.0.0.1:3000/transfer",
            "http://localhost/",
            "http://[::1]:3000/",
        ] {
            let url = OutboundUrl::parse(good).expect(good);
            assert_eq!(url.to_string(), good);
        }
        for (bad, why) in [
            ("http://crm.example/", InvalidUrl::NotHttps),
            ("http://127.0.0.1.example/", InvalidUrl::NotHttps),
            ("http://10.0.0.7/", InvalidUrl::NotHttps),
            ("https://user:secret@crm.example/", InvalidUrl::NamesUser),
            ("http://127.0.0.1@evil.example/", InvalidUrl::NamesUser),
            ("https://crm.example/#x", InvalidUrl::Malformed),
            ("ftp://crm.example/", InvalidUrl::Malformed),
            ("/transfer", InvalidUrl::Malformed),
            ("https://crm.example:99999/", InvalidUrl::Malformed),
            ("", InvalidUrl::Malformed),
        ] {
            assert_eq!(OutboundUrl::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn what_is_not_public_has_to_be_listed() {
        let crm = OutboundUrl::parse("https://crm.example/").expect("an address");
        let listed: Vec<IpNet> = vec!["10.1.0.0/16".parse().expect("a network")];
        let may = |ip: &str| crm.may_connect(ip.parse().expect(ip), &listed);
        for ip in ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "10.1.2.3", "::ffff:10.1.2.3"] {
            assert!(may(ip), "{ip}");
        }
        for ip in [
            "0.0.0.0",
            "10.2.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!may(ip), "{ip}");
        }
        let here = OutboundUrl::parse("http://localhost:3000/").expect("an address");
        assert!(here.may_connect(Ipv4Addr::LOCALHOST.into(), &[]));
        assert!(!here.may_connect("8.8.8.8".parse().expect("an address"), &[]));
    }

    proptest! {
        /// Property: no text is read as an address that is http and leaves this
        /// machine, or that names a user.
        #[test]
        fn nothing_slips_through(text in "(https?|HTTP|ftp)://[a-z0-9.:@\\[\\]%-]{0,30}(/.{0,10})?") {
            if let Ok(url) = OutboundUrl::parse(&text) {
                let uri: Uri = url.to_string().parse().expect("an address");
                prop_assert!(uri.scheme() == Some(&Scheme::HTTPS) || url.is_here());
                prop_assert!(!uri.authority().expect("a host").as_str().contains('@'));
            }
        }

        /// Property: an IPv4 address and the same one in IPv6's clothes are judged alike.
        #[test]
        fn clothes_make_no_difference(bits: u32) {
            let ip = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(is_public(ip.into()), is_public(ip.to_ipv6_mapped().into()));
        }
    }
}
