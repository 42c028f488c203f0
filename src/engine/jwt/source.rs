//! Where an issuer's keys come from.

use ipnet::IpNet;

use super::keys::JwtKeys;
use crate::domain::outbound::{InvalidUrl, OutboundUrl};

/// Where OpenID Connect issuers say where their keys are (Discovery 1.0, 4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Where an issuer's keys come from: [`JwtKeys`] that are given, or
/// [`PublishedJwtKeys`] that are fetched.
#[derive(Clone, Debug)]
pub struct JwtKeySource(pub(super) Source);

#[derive(Clone, Debug)]
pub(super) enum Source {
    Given(JwtKeys),
    Published(PublishedJwtKeys),
}

/// Keys that are given are not looked at: they are taken for others.
impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Published(a), Self::Published(b)) if a == b)
    }
}

/// Keys that an issuer publishes: fetched from it while a gate lives, by a task of
/// its own.
///
/// The set is fetched anew every 45 seconds, and once a token comes that no key of
/// it signed; never twice in 10 seconds, whatever comes. Until a new one is there,
/// and while the issuer can't be reached or answers nonsense, the old one stays in
/// use. Before there is any, nobody can say whose a token is, which is answered with
/// status 503; sessions of ours go on.
///
/// It is fetched over https, or from this machine, and from public networks unless
/// others are listed. Redirects are not followed, and no proxy is asked.
///
/// ```
/// use portcullis::{JwtIssuer, PublishedJwtKeys};
///
/// # fn issuers() -> Result<(), Box<dyn std::error::Error>> {
/// // An issuer of OpenID Connect says itself where its keys are.
/// let keys = PublishedJwtKeys::of_issuer("https://id.example")?;
/// let issuer = JwtIssuer::new("https://id.example", "shop", keys);
///
/// // Any other one's keys have an address.
/// let keys = PublishedJwtKeys::at("https://login.example/keys")?;
/// let other = JwtIssuer::new("login", "shop", keys);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "give it to JwtIssuer::new"]
pub struct PublishedJwtKeys {
    pub(super) place: Place,
    pub(super) networks: Vec<IpNet>,
}

/// Where keys are published.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// The set itself.
    Set(OutboundUrl),
    /// What says where the set of this issuer is.
    Configuration { issuer: String, url: OutboundUrl },
}

impl PublishedJwtKeys {
    /// The JWK set at this address.
    ///
    /// # Errors
    ///
    /// If it is not https, unless it is on this machine.
    pub fn at(url: &str) -> Result<Self, InvalidUrl> {
        Ok(Self { place: Place::Set(OutboundUrl::parse(url)?), networks: Vec::new() })
    }

    /// Those of the OpenID Connect issuer of this name, which is its address: it
    /// tells where they are, and has to call itself exactly so.
    ///
    /// # Errors
    ///
    /// If the name is no address that is https, or on this machine; or has a query.
    pub fn of_issuer(issuer: &str) -> Result<Self, InvalidUrl> {
        if issuer.contains('?') {
            return Err(InvalidUrl::Malformed);
        }
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let url = OutboundUrl::parse(&format!("{base}{WELL_KNOWN}"))?;
        let place = Place::Configuration { issuer: issuer.to_owned(), url };
        Ok(Self { place, networks: Vec::new() })
    }

    /// Networks that are not public, and that the issuer may be in. Default: none.
    pub fn in_networks(mut self, networks: Vec<IpNet>) -> Self {
        self.networks = networks;
        self
    }

    /// Whether they can be those of the issuer of this name.
    pub(super) fn may_be_of(&self, name: &str) -> bool {
        match &self.place {
            Place::Set(_) => true,
            Place::Configuration { issuer, .. } => issuer == name,
        }
    }

    /// What is asked first.
    pub(super) fn url(&self) -> &OutboundUrl {
        match &self.place {
            Place::Set(url) | Place::Configuration { url, .. } => url,
        }
    }
}

impl From<JwtKeys> for JwtKeySource {
    fn from(keys: JwtKeys) -> Self {
        Self(Source::Given(keys))
    }
}

impl From<PublishedJwtKeys> for JwtKeySource {
    fn from(keys: PublishedJwtKeys) -> Self {
        Self(Source::Published(keys))
    }
}
