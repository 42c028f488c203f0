//! The configuration as it is written: every section and key, once.
//!
//! The comments of the keys here are those of the reference file.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use http::header::HeaderName;
use ipnet::IpNet;

use super::kind::{
    AccessLines, BusKind, Colour, Header, HostName, HostTold, Inactive, InactiveAction, JwtNames,
    KeyPrefix, Line, LockFor, LogFormat, LogLevel, Longest, MaybeHeader, MaybeListen, OpenPath,
    Retention, SourceAccounts, SourceKind, SourceScheme, SupportUrl, Unknown, Wait, Window,
};
use super::read::Reader;
use super::sign_in::{ParamName, SignInBy, SignInUrl};
use super::tls::{AskedFor, Files, Hsts};
use super::value::{Ceiling, Count, Length, LicenceLimit, Size, Value};
use crate::domain::lock::LiveSessions;
use crate::domain::policy::{Enforcement, MAX_LIMIT, MAX_REMEMBERED, Preset, WindowKind};
use crate::engine::{CookieDomain, OnStale};
use crate::gateway::Origin;
use crate::gateway::settings::TraceFrom;
use crate::guard::ReturnOrigin;
use crate::store::redis::{AfterLoss, RedisAddress, RedisMode, WhenAway};

/// A key as the reference file and the messages show it.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// With its section: `public.listen`.
    pub(super) name: &'static str,
    /// What it does, line by line.
    pub(super) words: &'static [&'static str],
    /// Its default as the file writes it, if it has one.
    pub(super) default: Option<String>,
    /// Another value, as the file writes it.
    pub(super) example: &'static str,
    /// What is allowed.
    pub(super) allowed: String,
}

/// A section of the file.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) path: &'static str,
    pub(super) words: &'static [&'static str],
    pub(super) keys: Vec<Key>,
}

const DAY: u64 = 24 * 3600;
const QUARTER: u64 = 90 * DAY;

macro_rules! sections {
    ($(
        $(#[doc = $section_words:literal])+
        $section:ident: $type:ident = [$path:literal] {
            $(
                $(#[doc = $words:literal])+
                $key:ident: $kind:ty = $default:expr, $example:literal;
            )+
        }
    )+) => {
        /// Everything that can be written, with the defaults for what is not.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(super) struct Written {
            $($(#[doc = $section_words])+ pub(super) $section: $type,)+
        }

        $(
            $(#[doc = $section_words])+
            #[derive(Clone, Debug, PartialEq)]
            pub(super) struct $type {
                $($(#[doc = $words])+ pub(super) $key: $kind,)+
            }

            impl Default for $type {
                fn default() -> Self {
                    Self { $($key: $default,)+ }
                }
            }
        )+

        impl Written {
            /// Takes every key that was written out of what was read.
            pub(super) fn read(reader: &mut Reader<'_>) -> Self {
                let Self { $($section,)+ } = Self::default();
                Self {
                    $($section: $type {
                        $($key: reader.take(
                            concat!($path, ".", stringify!($key)),
                            $section.$key,
                        ),)+
                    },)+
                }
            }

            /// Every section, with its keys set to what is written here.
            pub(super) fn sections(&self) -> Vec<Section> {
                vec![$(Section {
                    path: $path,
                    words: &[$($section_words),+],
                    keys: vec![$(Key {
                        name: concat!($path, ".", stringify!($key)),
                        words: &[$($words),+],
                        default: self.$section.$key.write(),
                        example: $example,
                        allowed: <$kind>::allowed().into_owned(),
                    },)+],
                },)+]
            }
        }
    };
}

sections! {
    /// Where people come in.
    public: Public = ["public"] {
        /// The address and port to listen at.
        listen: SocketAddr = (Ipv4Addr::LOCALHOST, 8080).into(), r#""0.0.0.0:8080""#;
        /// The origin that people see. With https, cookies are for https alone: `[tls]`, or something
        /// before the gateway, ends TLS then. Left out: http, by whatever name people use.
        url: Option<Origin> = None, r#""https://app.example.com""#;
        /// Other hosts whose people sign in at `public.url`, behind proxies that ask here whether
        /// a request may pass. It takes `sessions.cookie_domain`.
        return_origins: Vec<ReturnOrigin> = Vec::new(), r#"["https://wiki.example.com"]"#;
        /// Whether API tokens are taken from the Authorization header.
        api_tokens: bool = false, "true";
        /// Whether Envoy is answered in gRPC (ext_authz), if it is one of `clients.trusted_proxies`.
        /// What is called envoy.service.auth is no service of the application's then.
        ext_authz: bool = false, "true";
        /// Whether other processes of the same user may listen at this address and the admin
        /// listener's: a new gateway starts beside the old one then. Sockets that systemd holds
        /// do it better: see the manual's page on operating.
        reuse_port: bool = false, "true";
    }

    /// TLS, where the gateway itself ends it. Files are in the PEM form; when they change, they are
    /// read again. It takes a `public.url` with https.
    tls: Tls = ["tls"] {
        /// The certificate, and after it those that vouch for it; several for several names: who
        /// asks for none of them gets the first. A relative path begins at this file's folder.
        certificate: Option<Files> = None, r#""/etc/portcullis/tls.crt""#;
        /// Its key; with several certificates, their keys in the same order.
        key: Option<Files> = None, r#""/etc/portcullis/tls.key""#;
        /// For how long browsers that were here come by https alone, whatever people type. They
        /// can't be told otherwise before it is over, but with "0s" over https.
        hsts: Hsts = Hsts(None), r#""180d""#;
        /// The authorities that sign certificates which those who connect have to show, as a file;
        /// left out: nobody is asked for one.
        client_ca: Option<PathBuf> = None, r#""/etc/portcullis/proxies-ca.crt""#;
        /// Who has to: everybody ("required"), or who connects from `clients.trusted_proxies`
        /// ("trusted-proxies"), and nobody else is asked. Who does not is shut out.
        client_certificates: AskedFor = AskedFor::Everybody, r#""trusted-proxies""#;
        /// Names, one of which such a certificate has to be for; empty: any.
        client_names: Vec<HostName> = Vec::new(), r#"["proxy.internal"]"#;
        /// The authorities' lists of revoked certificates (CRL), as a file. An outdated one shuts
        /// everybody out who has to show a certificate.
        client_crl: Option<PathBuf> = None, r#""/etc/portcullis/proxies-ca.crl""#;
    }

    /// The application that is guarded.
    upstream: Upstream = ["upstream"] {
        /// Where it listens. The one key that has to be set.
        url: Option<Origin> = None, r#""http://127.0.0.1:3000""#;
        /// How long a connection to it may take to be made.
        connect_timeout: Length<1, 300> = Length::secs(5), r#""10s""#;
        /// How long it may take to begin its answer.
        response_timeout: Length<1, DAY> = Length::secs(60), r#""5m""#;
        /// How long it may pause in the middle of an answer; event streams may pause for ever.
        body_idle_timeout: Length<1, DAY> = Length::secs(300), r#""1h""#;
        /// How long a connection that nobody uses is kept.
        idle_timeout: Length<1, DAY> = Length::secs(30), r#""90s""#;
        /// Which host name it is told: the client's, or its own.
        host: HostTold = HostTold::Client, r#""upstream""#;
        /// Whether it is spoken to in HTTP/2 from the first byte.
        http2: bool = false, "true";
        /// What assertions call it: the text of `aud`. Left out: its `url`.
        audience: Option<String> = None, r#""https://app.example""#;
    }

    /// The headers that tell the application who is signed in; "off" leaves one out.
    identity: Identity = ["upstream.identity"] {
        /// The login.
        user: MaybeHeader = header("x-portcullis-user"), r#""remote-user""#;
        /// The account's number.
        account: MaybeHeader = header("x-portcullis-account"), r#""off""#;
        /// The primary e-mail address.
        email: MaybeHeader = header("x-portcullis-email"), r#""remote-email""#;
        /// The name.
        name: MaybeHeader = header("x-portcullis-name"), r#""remote-name""#;
        /// The groups, separated by commas.
        groups: MaybeHeader = header("x-portcullis-groups"), r#""remote-groups""#;
    }

    /// Where administrators and machines come in.
    admin: Admin = ["admin"] {
        /// The address and port to listen at, or "off".
        listen: MaybeListen = MaybeListen(Some((Ipv4Addr::LOCALHOST, 8081).into())), r#""off""#;
        /// Host names that it answers to, beside its own address and localhost.
        hosts: Vec<HostName> = Vec::new(), r#"["admin.example"]"#;
        /// Whether it may listen beyond this machine without `[admin.tls]`, in plain http: only
        /// where something before it ends TLS, or the network is trusted.
        allow_plain: bool = false, "true";
        /// Whether `/metrics` is for those alone who bring a token with the scope metrics.read.
        metrics_token: bool = false, "true";
        /// Who forwards connections to the admin listener unread, as in `clients.proxy_protocol`.
        proxy_protocol: Vec<IpNet> = Vec::new(), r#"["10.0.0.7"]"#;
    }

    /// TLS for administrators and machines, as in `[tls]`.
    admin_tls: AdminTls = ["admin.tls"] {
        /// The certificate, and after it those that vouch for it; or several.
        certificate: Option<Files> = None, r#""/etc/portcullis/admin.crt""#;
        /// Its key; with several certificates, their keys in the same order.
        key: Option<Files> = None, r#""/etc/portcullis/admin.key""#;
        /// The authorities that sign certificates which those who connect have to show, as a file;
        /// left out: nobody is asked for one.
        client_ca: Option<PathBuf> = None, r#""/etc/portcullis/admin-ca.crt""#;
        /// Who has to: everybody ("required"), or who connects from `clients.trusted_proxies`
        /// ("trusted-proxies"), and nobody else is asked. Who does not is shut out.
        client_certificates: AskedFor = AskedFor::Everybody, r#""trusted-proxies""#;
        /// Names, one of which such a certificate has to be for; empty: any.
        client_names: Vec<HostName> = Vec::new(), r#"["proxy.internal"]"#;
        /// The authorities' lists of revoked certificates (CRL), as a file. An outdated one shuts
        /// everybody out who has to show a certificate.
        client_crl: Option<PathBuf> = None, r#""/etc/portcullis/admin-ca.crl""#;
    }

    /// Where accounts live.
    store: Store = ["store"] {
        /// The file of the directory; others lie beside it. A relative path begins at this file's
        /// folder. Left out: portcullis.db in the current folder.
        directory: Option<PathBuf> = None, r#""/var/lib/portcullis/portcullis.db""#;
        /// What wakes the other gateways when something changed, beside their looking by
        /// themselves: "redis" or "none".
        bus: Option<BusKind> = None, r#""none""#;
    }

    /// Where attempts to sign in are counted, where several gateways run: in Redis 7 or Valkey.
    /// Left out: beside the directory. See the manual's page on Redis.
    redis: Redis = ["redis"] {
        /// The server; nodes of a cluster, or the sentinels. rediss:// speaks TLS.
        urls: Option<Vec<RedisAddress>> = None, r#"["redis://127.0.0.1:6379"]"#;
        /// How they belong together.
        mode: RedisMode = RedisMode::Standalone, r#""sentinel""#;
        /// What sentinels call the master.
        master: String = "mymaster".to_owned(), r#""sign-ins""#;
        /// Whom Redis knows the gateway as. Left out: its default user.
        username: Option<String> = None, r#""portcullis""#;
        /// The file with that user's password.
        password_file: Option<PathBuf> = None, r#""/run/secrets/redis""#;
        /// The file with the certificates, in the PEM form, of those who vouch for the servers.
        /// Left out: those whom the system trusts.
        certificates: Option<PathBuf> = None, r#""/etc/portcullis/redis-ca.crt""#;
        /// Whether other machines may be spoken to in plain text: only in a trusted network.
        allow_plain: bool = false, "true";
        /// What all keys begin with.
        prefix: KeyPrefix = KeyPrefix("portcullis:".to_owned()), r#""shop:""#;
        /// How long a connection may take to be made.
        connect_timeout: Wait = Wait(Duration::from_secs(1)), r#""500ms""#;
        /// How long an answer may take.
        timeout: Wait = Wait(Duration::from_millis(500)), r#""200ms""#;
        /// What happens to sign-ins while it does not answer: "refuse" answers 503,
        /// "count-locally" gives a guesser the guesses of each gateway.
        when_away: WhenAway = WhenAway::Refuse, r#""count-locally""#;
        /// What happens to sign-ins after it may have lost what was counted: "refuse" answers
        /// 503 for a window, "go-on" gives a guesser at most one more budget a loss.
        after_loss: AfterLoss = AfterLoss::Refuse, r#""go-on""#;
    }

    /// How a client's address is told, where proxies stand before the gateway.
    clients: Clients = ["clients"] {
        /// The proxies whose word is taken.
        trusted_proxies: Vec<IpNet> = Vec::new(), r#"["10.0.0.0/8", "192.0.2.7"]"#;
        /// The one header that they write the client's address into.
        address_header: Header = Header(HeaderName::from_static("x-forwarded-for")), r#""x-real-ip""#;
        /// Who forwards connections to the public listener unread, as HAProxy with send-proxy-v2
        /// does: each must begin with version 2 of the PROXY protocol, and nobody else's may.
        proxy_protocol: Vec<IpNet> = Vec::new(), r#"["10.0.0.7"]"#;
    }

    /// How long people stay signed in.
    sessions: Sessions = ["sessions"] {
        /// How long a session lasts at most.
        lifetime: Length<60, { 365 * DAY }> = Length::secs(DAY / 2), r#""30d""#;
        /// How long a session lasts that nobody uses.
        idle: Length<300, { 365 * DAY }> = Length::secs(2 * 3600), r#""30m""#;
        /// How long what is known of accounts is used while the directory can't be asked.
        max_stale: Length<1, DAY> = Length::secs(10), r#""1m""#;
        /// What happens then: "strict" answers 503, "best-effort" lets people pass.
        when_stale: OnStale = OnStale::Strict, r#""best-effort""#;
        /// One sign-in for all hosts of this domain. Whoever runs one of them could use a session
        /// that comes to it. Left out: the cookie goes back to the host alone that set it.
        cookie_domain: Option<CookieDomain> = None, r#""example.com""#;
        /// How many sessions are kept in memory; others are read again when they come.
        capacity: Count<1000, 100_000_000> = Count(1_000_000), "200000";
        /// Whether people sign in and work from devices that they signed in from before, while
        /// strangers are locked out of their account. See the manual's page on concepts.
        known_devices: bool = true, "false";
    }

    /// Where people sign in.
    sign_in: SignInAt = ["sign_in"] {
        /// How: at Portcullis's own page ("here"), or at a page elsewhere that sees to a session by
        /// itself ("elsewhere"). Left out: by what else is written here.
        by: Option<SignInBy> = None, r#""here""#;
        /// The page elsewhere: a path of the application's own, or an address, which takes a
        /// `public.url` to return to.
        url: Option<SignInUrl> = None, r#""https://login.example/sign-in""#;
        /// The parameter that tells that page where people return to.
        return_param: ParamName = ParamName("return_to".to_owned()), r#""rd""#;
    }

    /// People who come with a JSON web token that somebody else signed, as with a session: the
    /// directory says whether they may come in. Only where an issuer is named.
    jwt: Jwt = ["jwt"] {
        /// Who signs: the text of `iss`. Its keys are fetched, and followed when they change.
        issuer: Option<String> = None, r#""https://id.example""#;
        /// What its tokens are for: the text of `aud`.
        audience: Option<String> = None, r#""shop""#;
        /// Where its keys are, as a JWK set; https, unless it is on this machine. Left out: where
        /// the issuer's OpenID Connect configuration says, which its name leads to.
        jwks_url: Option<String> = None, r#""https://id.example/keys""#;
        /// Networks that are not public, and that the issuer may be in.
        networks: Vec<IpNet> = Vec::new(), r#"["10.0.0.0/8"]"#;
        /// Whether tokens are taken from `Authorization: Bearer`.
        header: bool = true, "false";
        /// The cookie that they are taken from, too.
        cookie: Option<String> = None, r#""access""#;
        /// The claim that names the account. Nobody may be able to change it for themselves.
        claim: String = "sub".to_owned(), r#""email""#;
        /// What that claim is. By login or e-mail address an issuer could name anybody here: only
        /// one that gives nobody somebody else's. "source": what `[source]` knows people by, who
        /// need no account here.
        account: JwtNames = JwtNames::Number, r#""email""#;
    }

    /// Another system that has a say in who may come in: a request is refused where the directory
    /// or that system says so. Only where a kind is named. See the manual's page on status sources.
    source: Source = ["source"] {
        /// What it is.
        kind: Option<SourceKind> = None, r#""openproject""#;
        /// Where it is; https, unless it is on this machine. Of SCIM, with the path that `/Users`
        /// comes behind.
        url: Option<String> = None, r#""https://openproject.example""#;
        /// The file of what it knows us by. A relative path begins at this file's folder.
        credential_file: Option<PathBuf> = None, r#""/run/secrets/openproject""#;
        /// Or the variable that has it, whose name begins with PORTCULLIS_; a file that is named goes
        /// before it.
        credential_variable: Option<String> = None, r#""PORTCULLIS_SOURCE_TOKEN""#;
        /// How that is sent: as a bearer token, or as a user and a password with a colon between
        /// them. Left out: as the system wants its tokens, of OpenProject an API key.
        scheme: Option<SourceScheme> = None, r#""basic""#;
        /// What it knows the directory's accounts by: their external ids, their logins or their
        /// numbers.
        accounts: SourceAccounts = SourceAccounts::ExternalId, r#""login""#;
        /// What becomes of accounts without such a name: "pass" leaves them to the directory.
        unlinked: Unknown = Unknown::Pass, r#""refuse""#;
        /// What becomes of accounts that it does not have.
        missing: Unknown = Unknown::Refuse, r#""pass""#;
        /// How often it is asked about an account in use, where it does not tell of changes by
        /// itself: a lock there takes hold here within this time.
        refresh: Length<1, 3600> = Length::secs(30), r#""10s""#;
        /// Whether its feed of changes is followed, where it has one: another Portcullis has.
        follow: bool = true, "false";
        /// How long one answer may take.
        timeout: Length<1, 5> = Length::secs(2), r#""1s""#;
        /// How many questions it is asked at once, at most.
        at_once: Count<1, 1000> = Count(16), "4";
        /// Networks that are not public, and that it may be in.
        networks: Vec<IpNet> = Vec::new(), r#"["10.0.0.0/8"]"#;
        /// The file of the certificates, in the PEM form, of whoever may vouch for it: these alone.
        /// Left out: whom the machine trusts.
        ca: Option<PathBuf> = None, r#""/etc/portcullis/openproject-ca.pem""#;
    }

    /// How much of anything is taken, and how long anything may take.
    limits: Limits = ["limits"] {
        /// Connections at once, on each listener.
        connections: Count<1, 1_000_000> = Count(10_000), "2000";
        /// The head of a request.
        head: Size<4096, { 1 << 20 }> = Size(32 << 10), r#""64KiB""#;
        /// Header fields in a request.
        head_fields: Count<10, 10_000> = Count(100), "200";
        /// The body of a request. Left out: any.
        body: Option<Size<0, { 1 << 50 }>> = None, r#""100MiB""#;
        /// How long a client may take to send a request's head.
        head_timeout: Length<1, 3600> = Length::secs(30), r#""10s""#;
        /// How long a client may send or take nothing in the middle of a body.
        body_idle_timeout: Length<1, DAY> = Length::secs(60), r#""5m""#;
        /// How long requests may go on after the gateway was told to stop.
        drain: Length<0, 3600> = Length::secs(30), r#""2m""#;
        /// Requests at once that wait for the application to begin its answer; three quarters of
        /// them at most for one client address. Others wait for `queue_timeout`, and get 503 then.
        /// What the gateway answers itself needs no room. Left out: half of `connections`.
        in_flight: Option<Count<1, 1_000_000>> = None, "500";
        /// How long a request waits for room among them; "0s": not at all.
        queue_timeout: Length<0, 60> = Length::secs(1), r#""5s""#;
    }

    /// What everybody may see.
    open: Open = ["open"] {
        /// Paths that need no session, each with all below it.
        paths: Vec<OpenPath> = Vec::new(), r#"["/assets", "/healthz"]"#;
    }

    /// What is signed for the applications: a short-lived JSON web token that says who is signed
    /// in. Its keys are at /.portcullis/jwks.json. See the manual's page on assertions.
    assertion: Assertion = ["assertion"] {
        /// Whether it is sent.
        send: bool = false, "true";
        /// The header that it is in.
        header: Header = Header(HeaderName::from_static("x-portcullis-assertion")), r#""x-user-token""#;
        /// Who signs: the text of `iss`. Left out: `public.url`, else "portcullis".
        issuer: Option<String> = None, r#""https://gate.example""#;
        /// How long one holds.
        lifetime: Length<10, 60> = Length::secs(60), r#""30s""#;
        /// How long a key signs before another takes its place.
        rotate_every: Length<DAY, { 365 * DAY }> = Length::secs(30 * DAY), r#""7d""#;
    }

    /// Headers of clients.
    headers: Headers = ["headers"] {
        /// Further headers that clients must not send, because the application trusts them.
        strip: Vec<Header> = Vec::new(), r#"["x-internal-caller"]"#;
    }

    /// What is logged, on standard error.
    log: Log = ["log"] {
        /// For people ("text") or for programs ("json").
        format: LogFormat = LogFormat::Text, r#""json""#;
        /// error, warn, info, debug or trace; also by module. PORTCULLIS_LOG goes before it.
        level: LogLevel = LogLevel("info".to_owned()), r#""info,portcullis::engine=debug""#;
    }

    /// A line for each request that people send: method, path without its query, status, bytes,
    /// times, account number, and what became of it.
    access_log: AccessLog = ["log.access"] {
        /// "json", "text" (logfmt), or "off".
        format: AccessLines = AccessLines::Off, r#""json""#;
        /// The file that lines are added to. A relative path begins at this file's folder. It is
        /// opened anew when the configuration is read again. Left out: standard output.
        file: Option<PathBuf> = None, r#""/var/log/portcullis/access.log""#;
        /// How many lines may wait to be written; what comes when so many wait is left out.
        queue: Count<1, 1_000_000> = Count(10_000), "50000";
    }

    /// How requests are told apart, here and in the application.
    requests: Requests = ["requests"] {
        /// The header that carries a request's id, to the application and back to the client.
        /// Trusted proxies name requests; others get an id of the gateway's.
        id_header: MaybeHeader = header("x-request-id"), r#""off""#;
        /// Whose traceparent and tracestate (W3C Trace Context) are passed on: "trusted" (those of
        /// trusted proxies), "anybody" or "nobody".
        trace_context: TraceFrom = TraceFrom::Trusted, r#""anybody""#;
    }

    /// How failed sign-ins lock an account. One key here, or in the two sections after it, pins
    /// the whole policy: it can't be changed while gateways run. See `portcullis settings`, and
    /// `portcullis policy` for what a policy means.
    lockout: Lockout = ["lockout"] {
        /// What the policy begins with. "monitor" counts, and refuses nobody.
        preset: Option<Preset> = None, r#""balanced""#;
        /// Whether it counts at all.
        count: Option<bool> = None, "true";
        /// How many guesses reach the password check.
        max_attempts: Option<Count<1, { MAX_LIMIT as u64 }>> = None, "5";
        /// For how long a failure counts, or "none": for ever.
        window: Option<Window> = None, r#""15m""#;
        /// How the window lets failures go: each by itself ("sliding"), or all once the last of
        /// them is old enough ("since-last").
        window_kind: Option<WindowKind> = None, r#""sliding""#;
        /// How long a lockout lasts, or "until-unlocked".
        lock_for: Option<LockFor> = None, r#""5m""#;
        /// How many times as long each further lockout lasts; 1: no longer.
        growth: Option<Count<1, 100>> = None, "2";
        /// The longest that a lockout grows to, or "none".
        longest: Option<Longest> = None, r#""1h""#;
        /// How long the first lockouts of a row last, one after the other; the last one repeats.
        /// In the place of `lock_for` and `growth`.
        steps: Option<Vec<Length<1, { 365 * DAY }>>> = None, r#"["1m", "5m", "1h"]"#;
        /// After so many lockouts in a row, the next lasts until somebody unlocks.
        permanent_after: Option<Count<1, 1_000>> = None, "10";
        /// So many failures in a row lock until somebody unlocks, however far apart, or "none".
        ceiling: Option<Ceiling> = None, "100";
        /// Networks whose addresses are never counted. Those of trusted proxies never are.
        exempt: Option<Vec<IpNet>> = None, r#"["198.51.100.0/24"]"#;
        /// Whether known devices have guesses of their own.
        known_devices: Option<bool> = None, "true";
        /// How many wrong passwords of one network or device are remembered, as keyed hashes cut
        /// short: the same again is not a new guess.
        remember_wrong: Option<Count<0, { MAX_REMEMBERED as u64 }>> = None, "3";
        /// What a lockout does to people who are signed in: "refuse" or "keep".
        live_sessions: Option<LiveSessions> = None, r#""refuse""#;
        /// Whether lockouts refuse anybody ("lock"), or it is told whom they would ("monitor").
        mode: Option<Enforcement> = None, r#""lock""#;
    }

    /// How failed sign-ins from one address are counted, whosever accounts they are at. A lockout
    /// refuses sign-ins from there, but on known devices. An IPv6 /64 is one address; the /56 and
    /// the /48 that it is in have two and four times as many guesses.
    lockout_address: LockoutAddress = ["lockout.address"] {
        /// Whether it counts at all.
        count: Option<bool> = None, "true";
        /// How many guesses reach the password check.
        max_attempts: Option<Count<1, { MAX_LIMIT as u64 }>> = None, "100";
        /// For how long a failure counts, or "none": for ever.
        window: Option<Window> = None, r#""15m""#;
        /// How the window lets failures go: each by itself ("sliding"), or all once the last of
        /// them is old enough ("since-last").
        window_kind: Option<WindowKind> = None, r#""sliding""#;
        /// How long a lockout lasts, or "until-unlocked".
        lock_for: Option<LockFor> = None, r#""15m""#;
        /// How many times as long each further lockout lasts; 1: no longer.
        growth: Option<Count<1, 100>> = None, "2";
        /// The longest that a lockout grows to, or "none".
        longest: Option<Longest> = None, r#""1h""#;
        /// How long the first lockouts of a row last, one after the other; the last one repeats.
        /// In the place of `lock_for` and `growth`.
        steps: Option<Vec<Length<1, { 365 * DAY }>>> = None, r#"["1m", "5m", "1h"]"#;
        /// After so many lockouts in a row, the next lasts until somebody unlocks.
        permanent_after: Option<Count<1, 1_000>> = None, "10";
        /// So many failures in a row lock until somebody unlocks, however far apart, or "none".
        ceiling: Option<Ceiling> = None, "1000";
    }

    /// How failed sign-ins at one account from one address are counted. A lockout refuses that
    /// account from there alone. No preset counts them: one key here does.
    lockout_pair: LockoutPair = ["lockout.account_at_address"] {
        /// Whether it counts at all.
        count: Option<bool> = None, "true";
        /// How many guesses reach the password check.
        max_attempts: Option<Count<1, { MAX_LIMIT as u64 }>> = None, "5";
        /// For how long a failure counts, or "none": for ever.
        window: Option<Window> = None, r#""15m""#;
        /// How the window lets failures go: each by itself ("sliding"), or all once the last of
        /// them is old enough ("since-last").
        window_kind: Option<WindowKind> = None, r#""sliding""#;
        /// How long a lockout lasts, or "until-unlocked".
        lock_for: Option<LockFor> = None, r#""5m""#;
        /// How many times as long each further lockout lasts; 1: no longer.
        growth: Option<Count<1, 100>> = None, "2";
        /// The longest that a lockout grows to, or "none".
        longest: Option<Longest> = None, r#""1h""#;
        /// How long the first lockouts of a row last, one after the other; the last one repeats.
        /// In the place of `lock_for` and `growth`.
        steps: Option<Vec<Length<1, { 365 * DAY }>>> = None, r#"["1m", "5m", "1h"]"#;
        /// After so many lockouts in a row, the next lasts until somebody unlocks.
        permanent_after: Option<Count<1, 1_000>> = None, "10";
        /// So many failures in a row lock until somebody unlocks, however far apart, or "none".
        ceiling: Option<Ceiling> = None, "100";
    }

    /// What administrators can do to accounts. A key that is written is pinned.
    accounts: Accounts = ["accounts"] {
        /// Whether accounts can be deleted.
        deletion: Option<bool> = None, "false";
        /// Whether accounts can be disabled for good.
        disabling: Option<bool> = None, "true";
        /// Whether the login of a deleted account may be somebody else's.
        reuse_logins: Option<bool> = None, "true";
    }

    /// Clerk's Backend API. A key that is written is pinned.
    clerk: Clerk = ["clerk"] {
        /// How long a lock lasts that is laid through it, or "until-unlocked".
        admin_lock_for: Option<LockFor> = None, r#""30m""#;
    }

    /// What becomes of people who did not sign in for long. A key that is written is pinned.
    inactivity: Inactivity = ["inactivity"] {
        /// After how many days without a sign-in, or "off".
        after: Option<Inactive> = None, r#""90 days""#;
        /// Whether they are locked ("lock") or disabled ("disable").
        action: Option<InactiveAction> = None, r#""lock""#;
    }

    /// Access tokens that applications get. A key that is written is pinned.
    tokens: Tokens = ["tokens"] {
        /// How long one lives.
        lifetime: Option<Length<60, DAY>> = None, r#""15m""#;
    }

    /// Attempts to sign in that are over, kept in the directory for people to look at: who tried
    /// to come in when, from where, and how it ended. What locks anybody out is counted apart.
    history: History = ["history"] {
        /// How long they are kept.
        keep: Length<3600, QUARTER> = Length::secs(8 * DAY), r#""30d""#;
        /// How many are kept at most, the newest; 0 keeps none.
        attempts: Count<0, 100_000_000> = Count(1_000_000), "200000";
    }

    /// The audit log. A key that is written is pinned: then nobody who can write to the database
    /// can have records forgotten sooner.
    audit: Audit = ["audit"] {
        /// How long records are kept. Older ones are forgotten, and that is recorded.
        retention: Option<Retention> = None, r#""365d""#;
    }

    /// Licences: one for each active or locked account. A key that is written is pinned.
    licences: Licences = ["licences"] {
        /// How many there are. Fewer than are used keeps out new ones alone.
        limit: Option<LicenceLimit> = None, "500";
    }

    /// What pages and answers call things. A key that is written is pinned.
    branding: Branding = ["branding"] {
        /// The name of the service that people sign in to.
        name: Option<Line> = None, r#""Example""#;
        /// Whom people turn to who are locked.
        contact: Option<Line> = None, r#""the help desk, phone 4711""#;
        /// The colour of links and of the button that matters.
        accent: Option<Colour> = None, r##""#4338ca""##;
        /// Where help is, as a link at the foot of each page.
        support_url: Option<SupportUrl> = None, r#""https://help.example""#;
    }
}

fn header(name: &'static str) -> MaybeHeader {
    MaybeHeader(Some(Header(HeaderName::from_static(name))))
}

/// Whether an address is reached from this machine alone.
pub(super) fn is_here(address: &SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(v4) => v4.is_loopback(),
        IpAddr::V6(v6) => v6.to_canonical().is_loopback(),
    }
}
