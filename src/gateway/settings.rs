//! What a gateway does, settled: a configuration resolves into this.

mod pool;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use http::header::HeaderName;
use http::uri::{Authority, Scheme, Uri};

pub use self::pool::{HealthCheck, UpstreamPool};
use crate::domain::client::TrustedProxies;
use crate::gateway::routes::Route;
pub use crate::gateway::sign_in::SignIn;
use crate::guard::ReturnOrigin;

/// Everything that a gateway needs to know beside the gate itself.
///
/// [`Settings::for_upstream`] has the documented default for each.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where people come in.
    pub public: SocketAddr,
    /// Whether other processes of the same user may listen at the same addresses, as the
    /// next one does before this one ends.
    pub reuse_port: bool,
    /// How it is spoken there; `None`: plain http.
    pub tls: Option<Tls>,
    /// Where administrators and machines come in; `None`: nowhere.
    pub admin: Option<SocketAddr>,
    /// How it is spoken there; `None`: plain http.
    pub admin_tls: Option<Tls>,
    /// Who connects to the admin listener for others, and says for whom as in
    /// [`ClientAddress::proxy_protocol`].
    pub admin_proxy_protocol: TrustedProxies,
    /// Host names that the admin listener answers to, beside its own address and
    /// `localhost`.
    pub admin_hosts: Vec<String>,
    /// Whether the figures are for those alone who bring a token for them.
    pub metrics_token: bool,
    /// The origin that people see, where it is known: `https://app.example`.
    pub public_url: Option<Origin>,
    /// Other hosts, behind proxies that ask here, whose people sign in at the origin
    /// that people see.
    pub return_origins: Vec<ReturnOrigin>,
    /// The application that is guarded.
    pub upstream: Upstream,
    /// How a client's address is told behind other proxies.
    pub client_address: ClientAddress,
    /// How much of anything is taken, and how long anything may take.
    pub limits: Limits,
    /// Whether Envoy is answered in gRPC, at the path of its authorization service, which
    /// is no application's then.
    pub ext_authz: bool,
    /// Paths that everybody may see, each with all below it: `/assets`. Each is a public
    /// route.
    pub open_paths: Vec<String>,
    /// Rules for some of the requests.
    pub routes: Vec<Route>,
    /// Further applications, which routes go to by name.
    pub upstreams: Vec<UpstreamPool>,
    /// How upstreams are told who is signed in by what is signed; `None`: they are not.
    pub assertion: Option<Assertion>,
    /// Further headers that clients must not send, because the upstream trusts
    /// them.
    pub strip_headers: Vec<HeaderName>,
    /// Where people sign in.
    pub sign_in: SignIn,
    /// How requests are told apart, here and in the application.
    pub requests: Requests,
    /// The line for each request.
    pub access_log: AccessLog,
}

/// How requests are told apart, here and in the application.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Requests {
    /// The header that carries a request's id; `None`: nobody is told.
    pub id_header: Option<HeaderName>,
    /// Whose word about the trace that a request belongs to is passed on.
    pub trace_context: TraceFrom,
}

/// Whose `traceparent` and `tracestate` are passed on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TraceFrom {
    /// That of proxies whose word is taken.
    #[default]
    Trusted,
    /// Everybody's.
    Anybody,
    /// Nobody's.
    Nobody,
}

/// The line that is written for each request that people send.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AccessLog {
    /// How it is written; `None`: it is not.
    pub format: Option<AccessFormat>,
    /// To the end of this file; `None`: to standard output.
    pub file: Option<PathBuf>,
    /// How many lines may wait to be written.
    pub queue: usize,
}

/// How a line of the access log is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AccessFormat {
    /// As an object of JSON, for programs.
    Json,
    /// As `name=value`, for people and for programs that read logfmt.
    Text,
}

/// How a listener speaks TLS itself.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tls {
    /// The certificates. A client is shown the first that is for the name it asks for,
    /// and the first of all if none is.
    pub pairs: Vec<KeyPair>,
    /// For how long browsers that were here use https alone; `None`: they are not told.
    pub hsts: Option<Duration>,
    /// What those who connect have to show; `None`: nothing.
    pub clients: Option<ClientCertificates>,
}

/// Certificates that those who connect have to show.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ClientCertificates {
    /// The file of the authorities that sign them, in the PEM form.
    pub authorities: PathBuf,
    /// Who has to show one. A connection of theirs without it is closed.
    pub asked: AskedOf,
    /// What a certificate has to be for, by one of its alternative names; empty: anything.
    pub names: Vec<String>,
    /// The file of the authorities' lists of revoked certificates, in the PEM form.
    pub revoked: Option<PathBuf>,
}

/// Who has to show a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AskedOf {
    /// Whoever connects.
    Everybody,
    /// Who connects from these networks. Nobody else is asked for one.
    These(TrustedProxies),
}

impl ClientCertificates {
    /// Asks everybody for a certificate of these authorities.
    pub const fn new(authorities: PathBuf) -> Self {
        Self { authorities, asked: AskedOf::Everybody, names: Vec::new(), revoked: None }
    }
}

/// The files of a certificate, both in the PEM form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyPair {
    /// The certificate, and after it those that vouch for it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Tls {
    /// Shows these certificates.
    pub const fn new(pairs: Vec<KeyPair>) -> Self {
        Self { pairs, hsts: None, clients: None }
    }
}

/// The application behind the gateway.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Upstream {
    /// Where it listens.
    pub origin: Origin,
    /// Whether it is told its own host name instead of the one that the client
    /// asked for.
    pub own_host: bool,
    /// Whether it is spoken to in HTTP/2 from the first byte.
    pub http2: bool,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long it may take to begin its answer, once it has the request; while a
    /// body still moves, it has not.
    pub response_timeout: Duration,
    /// How long it may pause in the middle of an answer; streams of events
    /// (`text/event-stream`) may pause as long as they like.
    pub body_idle_timeout: Duration,
    /// How long a connection that nobody uses is kept.
    pub idle_timeout: Duration,
    /// How it learns who is signed in.
    pub identity: IdentityHeaders,
    /// What assertions call it; `None`: its name, or its origin where it has none.
    pub audience: Option<String>,
}

/// The names of the headers that tell the upstream who is signed in; `None`: it
/// is not told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IdentityHeaders {
    /// The account's login.
    pub user: Option<HeaderName>,
    /// Its number, or the key that its source knows it by.
    pub account: Option<HeaderName>,
    /// Its primary e-mail address.
    pub email: Option<HeaderName>,
    /// Its name.
    pub name: Option<HeaderName>,
    /// Its groups, separated by commas.
    pub groups: Option<HeaderName>,
}

/// What is signed for upstreams: a JSON web token that says who is signed in.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Assertion {
    /// The header that it is in.
    pub header: HeaderName,
    /// Who signs: the text of `iss`.
    pub issuer: String,
    /// How long one holds, a minute at most.
    pub lifetime: Duration,
    /// How long a key signs before another takes its place.
    pub rotate_every: Duration,
}

impl Assertion {
    /// Signed as this, with the defaults.
    pub const fn new(issuer: String) -> Self {
        Self {
            header: HeaderName::from_static("x-portcullis-assertion"),
            issuer,
            lifetime: Duration::from_secs(60),
            rotate_every: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// How a client's address is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientAddress {
    /// The proxies before the gateway whose word is taken.
    pub trusted_proxies: TrustedProxies,
    /// The one header that they write it into.
    pub header: HeaderName,
    /// Who connects to the public listener for others, and must say for whom by version 2
    /// of the PROXY protocol. Nobody else may.
    pub proxy_protocol: TrustedProxies,
}

/// How much of anything is taken, and how long anything may take.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at once, on each listener.
    pub connections: usize,
    /// The head of a request, in bytes.
    pub head_bytes: usize,
    /// Header fields in a request.
    pub head_fields: usize,
    /// The body of a request that goes to the upstream, in bytes; `None`: any.
    pub body_bytes: Option<u64>,
    /// How long a client may take to send a request's head, and how long a
    /// connection that nobody uses is kept.
    pub head_timeout: Duration,
    /// How long a client may send or take nothing in the middle of a body.
    pub body_idle_timeout: Duration,
    /// How long requests may go on after the gateway was told to stop.
    pub drain: Duration,
    /// Requests at once that wait for the application to begin its answer.
    pub in_flight: usize,
    /// How long a request waits for others to get theirs, where there are so many.
    pub queue_timeout: Duration,
}

/// Scheme, host and port of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

/// Why text is no [`Origin`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOrigin {
    /// It has a path, a query or a user.
    #[error("an origin is a scheme, a host and a port, and nothing else: http://127.0.0.1:3000")]
    MoreThanAnOrigin,
    /// Its port is none.
    #[error("a port is a number from 1 to 65535: http://127.0.0.1:3000")]
    InvalidPort,
    /// It is no address at all.
    #[error("an origin begins with http:// or https:// and goes on with a host")]
    NotAnOrigin,
}

impl Origin {
    /// Reads `http://127.0.0.1:3000` or `https://app.example`, with or without a
    /// slash at the end.
    ///
    /// # Errors
    ///
    /// If it is neither, or has a path, a query or a user.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let uri: Uri = text.parse().map_err(|_| InvalidOrigin::NotAnOrigin)?;
        let parts = uri.into_parts();
        let web = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
        let (Some(scheme), Some(authority)) = (parts.scheme.filter(web), parts.authority) else {
            return Err(InvalidOrigin::NotAnOrigin);
        };
        let bare = parts.path_and_query.is_none_or(|path| path.as_str() == "/");
        if !bare || authority.as_str().contains('@') || text.contains('#') {
            return Err(InvalidOrigin::MoreThanAnOrigin);
        }
        if authority.host().is_empty() {
            return Err(InvalidOrigin::NotAnOrigin);
        }
        // The parser lets a port through that is none, and says there is no port.
        let port = authority.as_str().strip_prefix(authority.host());
        if port != Some("") && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(InvalidOrigin::InvalidPort);
        }
        Ok(Self { scheme, authority })
    }

    /// Whether it is reached over TLS.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Host and port, to connect to.
    pub(crate) fn address(&self) -> String {
        let port = self.authority.port_u16();
        let usual = if self.is_https() { 443 } else { 80 };
        format!("{}:{}", self.authority.host(), port.unwrap_or(usual))
    }

    /// The scheme.
    pub const fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Host and port.
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl Settings {
    /// Guards this application, with the defaults.
    pub fn for_upstream(origin: Origin) -> Self {
        Self {
            public: (Ipv4Addr::LOCALHOST, 8080).into(),
            reuse_port: false,
            tls: None,
            admin: Some((Ipv4Addr::LOCALHOST, 8081).into()),
            admin_tls: None,
            admin_proxy_protocol: TrustedProxies::default(),
            admin_hosts: Vec::new(),
            metrics_token: false,
            public_url: None,
            return_origins: Vec::new(),
            upstream: Upstream::new(origin),
            client_address: ClientAddress::default(),
            limits: Limits::default(),
            ext_authz: false,
            open_paths: Vec::new(),
            routes: Vec::new(),
            upstreams: Vec::new(),
            assertion: None,
            strip_headers: Vec::new(),
            sign_in: SignIn::default(),
            requests: Requests::default(),
            access_log: AccessLog::default(),
        }
    }

    /// Every upstream: the usual one first, which has no name.
    pub(crate) fn pools(&self) -> impl Iterator<Item = UpstreamPool> {
        let settings = self.upstream.clone();
        let origins = vec![settings.origin.clone()];
        let usual = UpstreamPool::of(String::new(), origins, settings);
        std::iter::once(usual).chain(self.upstreams.iter().cloned())
    }

    /// Whether people see https.
    pub fn is_https(&self) -> bool {
        self.tls.is_some() || self.public_url.as_ref().is_some_and(Origin::is_https)
    }
}

impl Upstream {
    /// An application there, with the defaults.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            own_host: false,
            http2: false,
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(60),
            body_idle_timeout: Duration::from_secs(300),
            idle_timeout: Duration::from_secs(30),
            identity: IdentityHeaders::default(),
            audience: None,
        }
    }
}

impl Default for Requests {
    fn default() -> Self {
        let id_header = Some(HeaderName::from_static("x-request-id"));
        Self { id_header, trace_context: TraceFrom::default() }
    }
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { format: None, file: None, queue: 10_000 }
    }
}

impl Default for IdentityHeaders {
    fn default() -> Self {
        Self {
            user: Some(HeaderName::from_static("x-portcullis-user")),
            account: Some(HeaderName::from_static("x-portcullis-account")),
            email: Some(HeaderName::from_static("x-portcullis-email")),
            name: Some(HeaderName::from_static("x-portcullis-name")),
            groups: Some(HeaderName::from_static("x-portcullis-groups")),
        }
    }
}

impl Default for ClientAddress {
    fn default() -> Self {
        Self {
            trusted_proxies: TrustedProxies::default(),
            header: HeaderName::from_static("x-forwarded-for"),
            proxy_protocol: TrustedProxies::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head_bytes: 32 * 1024,
            head_fields: 100,
            body_bytes: None,
            head_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            in_flight: 5_000,
            queue_timeout: Duration::from_secs(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_no_more_than_that() {
        for text in ["http://127.0.0.1:3000", "https://app.example", "http://[::1]:80/"] {
            let origin = Origin::parse(text).expect(text);
            assert_eq!(origin.to_string(), text.trim_end_matches('/'));
        }
        for text in ["http://a/b", "http://a?x", "http://u@a", "http://a#f"] {
            assert_eq!(Origin::parse(text), Err(InvalidOrigin::MoreThanAnOrigin), "{text}");
        }
        for text in ["http://a:0", "http://a:", "http://a:65536", "http://127.0.0.1:99999"] {
            assert_eq!(Origin::parse(text), Err(InvalidOrigin::InvalidPort), "{text}");
        }
        for text in ["", "a:80", "ftp://a", "/a", "http://", "http://a b"] {
            assert_eq!(Origin::parse(text), Err(InvalidOrigin::NotAnOrigin), "{text}");
        }
    }

    #[test]
    fn the_manual_has_the_defaults() {
        let manual = include_str!("../manual/gateway.md");
        let origin = Origin::parse("http://127.0.0.1:3000").expect("an origin");
        let Settings { limits, upstream, .. } = Settings::for_upstream(origin);
        let seconds = |time: Duration| format!("{} s", time.as_secs());
        for (name, default) in [
            ("limits.connections", limits.connections.to_string()),
            ("limits.head", format!("{} KiB", limits.head_bytes / 1024)),
            ("limits.head_fields", limits.head_fields.to_string()),
            (
                "limits.body",
                limits
                    .body_bytes
                    .map_or("none".to_owned(), |n| n.to_string()),
            ),
            ("limits.head_timeout", seconds(limits.head_timeout)),
            ("limits.body_idle_timeout", seconds(limits.body_idle_timeout)),
            ("limits.drain", seconds(limits.drain)),
            ("upstream.connect_timeout", seconds(upstream.connect_timeout)),
            ("upstream.response_timeout", seconds(upstream.response_timeout)),
            ("upstream.body_idle_timeout", seconds(upstream.body_idle_timeout)),
            ("upstream.idle_timeout", seconds(upstream.idle_timeout)),
        ] {
            let row = format!("\n| `{name}` | {default} |");
            assert!(manual.contains(&row), "{row}");
        }
    }
}
