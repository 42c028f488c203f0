//! Settles what is written: finds contradictions, and makes a [`Config`].

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::file::{Identity, Lockout, LockoutAddress, LockoutPair, Written, is_here};
use super::kind::{HostTold, Line, MaybeHeader};
use super::load::Checked;
use super::modules::ModuleSettings;
use super::problem::{ConfigErrors, Place, Problem};
use super::read::Places;
use super::tls;
use super::value::{LicenceLimit, Text};
use super::webhooks::WebhookSettings;
use super::{
    Config, GateSettings, LogSettings, RedisConfig, StoreSettings, assertion, jwt, redis, routes,
    sign_in, sources,
};
use crate::admin::Pins;
use crate::admin::settings::{
    ACCOUNT_DELETION, ACCOUNT_DISABLING, ACCOUNT_LOGINS_REUSED, AUDIT_RETENTION, BRANDING_ACCENT,
    BRANDING_CONTACT, BRANDING_NAME, BRANDING_SUPPORT_URL, CLERK_ADMIN_LOCK_FOR, INACTIVITY_ACTION,
    INACTIVITY_AFTER, LICENCE_LIMIT, LOCKOUT, Setting, TOKEN_LIFETIME,
};
use crate::domain::client::TrustedProxies;
use crate::domain::policy::{CounterWords, PolicyWords};
use crate::gateway::settings::{IdentityHeaders, UpstreamPool};
use crate::gateway::{Origin, Settings};

/// Where the directory is when nobody says where it is.
pub(crate) const DEFAULT_DIRECTORY: &str = "portcullis.db";

/// What can't be meant together. Each names both keys and the mend.
pub(super) fn contradictions(written: &Written, places: &Places) -> Vec<Problem> {
    let rules = [
        listeners,
        plain_admin,
        own_upstream,
        tls_upstream,
        tls::contradictions,
        session_times,
        cookie_domain,
        identity,
        lockout,
        jwt::contradictions,
        redis::contradictions,
        routes::contradictions,
        sign_in::contradictions,
        sources::contradictions,
    ];
    let found = rules.iter().flat_map(|rule| rule(written, places));
    found.collect()
}

/// Said of a key that contradicts another without being written.
const BY_DEFAULT: &str = "this is its default";

/// A contradiction of two keys, shown where either is written.
pub(super) fn between(
    places: &Places,
    one: &'static str,
    other: &'static str,
    what: String,
) -> Problem {
    let (first, second) = (places.of(one), places.of(other));
    match (&first, &second) {
        (Place::Default(_), _) => Problem::new(second, what).also(first, BY_DEFAULT),
        (_, Place::Default(_)) => Problem::new(first, what).also(second, BY_DEFAULT),
        _ => Problem::new(first, what).also(second, format!("`{other}`")),
    }
}

fn listeners(written: &Written, places: &Places) -> Vec<Problem> {
    let public = written.public.listen;
    let same = |admin: &std::net::SocketAddr| *admin == public && public.port() != 0;
    if written.admin.listen.0.as_ref().is_some_and(same) {
        let what = format!("`public.listen` and `admin.listen` are both {public}");
        let problem = between(places, "admin.listen", "public.listen", what);
        return vec![problem.mend("give `admin.listen` another port, or set it to \"off\"")];
    }
    Vec::new()
}

fn plain_admin(written: &Written, places: &Places) -> Vec<Problem> {
    let Some(listen) = written.admin.listen.0 else { return Vec::new() };
    let is_plain = written.admin_tls.certificate.is_none() && !written.admin.allow_plain;
    if is_here(&listen) || !is_plain {
        return Vec::new();
    }
    let what = format!(
        "`admin.listen` is {listen}, reached from other machines, and `admin.allow_plain` is false"
    );
    let problem = between(places, "admin.listen", "admin.allow_plain", what);
    vec![problem.mend(
        "set `admin.listen` to a loopback address such as \"127.0.0.1:8081\", name a certificate in \
         [admin.tls], or set `admin.allow_plain` to true where something before it ends TLS",
    )]
}

fn own_upstream(written: &Written, places: &Places) -> Vec<Problem> {
    let Some(url) = &written.upstream.url else { return Vec::new() };
    let listeners =
        [("public.listen", Some(written.public.listen)), ("admin.listen", written.admin.listen.0)];
    let own = listeners
        .into_iter()
        .filter_map(|(key, address)| Some((key, address?)));
    let own = own.filter(|(_, address)| is_at(url, *address));
    own.map(|(key, address)| {
        let what = format!("`upstream.url` and `{key}` are both {address}: the gateway itself");
        let problem = between(places, "upstream.url", key, what);
        problem
            .mend(format!("name the application in `upstream.url`, or give `{key}` another port"))
    })
    .collect()
}

fn tls_upstream(written: &Written, places: &Places) -> Vec<Problem> {
    if !written.upstream.url.as_ref().is_some_and(Origin::is_https) {
        return Vec::new();
    }
    let what = "the gateway speaks plain http to the application, and `upstream.url` says https";
    let problem = Problem::new(places.of("upstream.url"), what);
    vec![
        problem
            .mend("name its http address; where that leaves the machine, put a TLS tunnel between"),
    ]
}

/// Whether somebody who connects to this origin comes to this listener.
fn is_at(origin: &Origin, listener: SocketAddr) -> bool {
    let host = origin.authority().host();
    let here = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    let reaches = if host.eq_ignore_ascii_case("localhost") {
        here(listener.ip())
    } else {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        literal.parse().is_ok_and(|ip: IpAddr| {
            let any = ip.is_unspecified() || listener.ip().is_unspecified();
            ip == listener.ip() || (any && here(ip) && here(listener.ip()))
        })
    };
    reaches && origin.authority().port_u16().unwrap_or(80) == listener.port()
}

fn session_times(written: &Written, places: &Places) -> Vec<Problem> {
    let sessions = &written.sessions;
    if sessions.idle.0 <= sessions.lifetime.0 {
        return Vec::new();
    }
    let what = "`sessions.idle` is longer than `sessions.lifetime`".to_owned();
    let problem = between(places, "sessions.idle", "sessions.lifetime", what);
    vec![problem.mend("shorten `sessions.idle`, or lengthen `sessions.lifetime`")]
}

/// A session that several hosts share has to reach each of them, and over https alone.
fn cookie_domain(written: &Written, places: &Places) -> Vec<Problem> {
    let (public, domain) = (&written.public, &written.sessions.cookie_domain);
    let Some(domain) = domain else {
        if public.return_origins.is_empty() {
            return Vec::new();
        }
        let what = "`public.return_origins` names other hosts, and none of them would get the \
                    session's cookie";
        let problem = Problem::new(places.of("public.return_origins"), what);
        return vec![problem.mend("set `sessions.cookie_domain` to the domain that they share")];
    };
    let Some(url) = public.url.as_ref().filter(|url| url.is_https()) else {
        let what = "`sessions.cookie_domain` takes https, and `public.url` does not say so";
        let problem = Problem::new(places.of("sessions.cookie_domain"), what);
        return vec![problem.mend("set `public.url` to the https address where people sign in")];
    };
    let own = std::iter::once(("public.url", url.authority().host()));
    let others = public.return_origins.iter();
    let others = others.map(|origin| ("public.return_origins", origin.host()));
    let outside = own.chain(others).filter(|(_, host)| !domain.includes(host));
    let outside = outside.map(|(key, host)| {
        let what = format!("`{key}` names {host}, which is outside of {}", domain.as_str());
        let problem = between(places, key, "sessions.cookie_domain", what);
        problem.mend("name hosts of `sessions.cookie_domain` alone")
    });
    outside.collect()
}

/// The keys of the headers that tell who is signed in.
fn identity_keys(identity: &Identity) -> [(&'static str, &MaybeHeader); 5] {
    [
        ("upstream.identity.user", &identity.user),
        ("upstream.identity.account", &identity.account),
        ("upstream.identity.email", &identity.email),
        ("upstream.identity.name", &identity.name),
        ("upstream.identity.groups", &identity.groups),
    ]
}

fn identity(written: &Written, places: &Places) -> Vec<Problem> {
    let keys = identity_keys(&written.identity);
    let mut problems = Vec::new();
    for (at, (key, header)) in keys.iter().enumerate() {
        let Some(name) = &header.0 else { continue };
        for (other, _) in keys[..at].iter().filter(|(_, other)| *other == *header) {
            let what = format!("`{key}` and `{other}` are both the header {}", name.0);
            let problem = between(places, key, other, what);
            problems.push(problem.mend(format!("give `{key}` another name, or set it to \"off\"")));
        }
    }
    problems
}

/// What a section says of how one counter counts.
macro_rules! counter_words {
    ($section:expr) => {{
        let section = $section;
        CounterWords {
            count: section.count,
            max_attempts: section.max_attempts.map(|count| number(count.0)),
            window: section.window.map(|window| window.0),
            window_kind: section.window_kind,
            lock_for: section.lock_for.map(|lock_for| lock_for.0),
            growth: section.growth.map(|growth| number(growth.0)),
            longest: section.longest.map(|longest| longest.0),
            steps: section
                .steps
                .as_ref()
                .map(|steps| steps.iter().map(|step| step.0).collect()),
            permanent_after: section
                .permanent_after
                .map(|lockouts| Some(number(lockouts.0))),
            ceiling: section.ceiling.map(|ceiling| ceiling.0),
        }
    }};
}

fn number(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Written {
    fn policy_words(&self) -> PolicyWords {
        let lockout = &self.lockout;
        PolicyWords {
            preset: lockout.preset.unwrap_or_default(),
            account: counter_words!(lockout),
            account_at_address: counter_words!(&self.lockout_pair),
            address: counter_words!(&self.lockout_address),
            exempt: lockout.exempt.clone(),
            known_devices: lockout.known_devices,
            remember_wrong: lockout
                .remember_wrong
                .map(|n| u8::try_from(n.0).unwrap_or(u8::MAX)),
            live_sessions: lockout.live_sessions,
            enforcement: lockout.mode,
        }
    }

    /// Whether anything is said of the policy.
    fn names_a_policy(&self) -> bool {
        self.lockout != Lockout::default()
            || self.lockout_address != LockoutAddress::default()
            || self.lockout_pair != LockoutPair::default()
    }
}

fn lockout(written: &Written, places: &Places) -> Vec<Problem> {
    let Err(invalid) = written.policy_words().build() else { return Vec::new() };
    let written = places.written();
    let mut keys = written
        .filter(|(key, _)| key.starts_with("lockout."))
        .map(|(key, place)| (key.to_owned(), place.clone()));
    let Some((key, first)) = keys.next() else { return Vec::new() };
    let what = format!("the policy in [lockout] contradicts itself: {invalid}");
    let beside = match &first {
        Place::File(_) => format!("`{key}`"),
        _ => String::new(),
    };
    let problem = Problem::new(first, what).allowed(beside);
    vec![keys.fold(problem, |problem, (key, place)| problem.also(place, format!("`{key}`")))]
}

/// The one key that has to be written, shown where it would be: at `[upstream]`,
/// or at the file's first line.
pub(super) fn no_upstream(text: &str, is_file: bool) -> Problem {
    let place = match is_file {
        true => Place::File(section(text, "upstream")),
        false => Place::Default("upstream.url"),
    };
    Problem::new(place, "`upstream.url` is not set: which application is guarded?").mend(
        "write url = \"http://127.0.0.1:3000\" below [upstream], set PORTCULLIS__UPSTREAM__URL, or \
         start with `portcullis serve --upstream http://127.0.0.1:3000`",
    )
}

/// Where a section of the file begins; else the first line.
fn section(text: &str, name: &str) -> Range<usize> {
    let (table, _) = DeTable::parse_recoverable(text);
    let found = table.get_ref().get_key_value(name);
    let first = || 0..text.find(['\r', '\n']).unwrap_or(text.len());
    found.map_or_else(first, |(key, _)| key.span())
}

impl Checked {
    /// What is written, settled; the application is the one that is given, or the
    /// one in the file.
    pub(crate) fn config(self, upstream: Option<Origin>) -> Result<Config, ConfigErrors> {
        let Some(origin) = upstream.or_else(|| self.written.upstream.url.clone()) else {
            let name = self.path.as_ref().map(|path| path.display().to_string());
            let problem = no_upstream(&self.text, self.path.is_some());
            return Err(ConfigErrors::new(name, &self.text, vec![problem]));
        };
        let pinned = self.pinned();
        let directory = self.directory();
        let modules = self.modules();
        let webhooks = self.webhooks();
        let mut gateway = gateway(&self.written, origin);
        gateway.tls = tls::public(&self.written, &|key, path| self.placed(key, path));
        gateway.routes = self
            .places
            .routes
            .iter()
            .map(|(route, _)| route.clone())
            .collect();
        gateway.assertion = assertion::settings(&self.written);
        gateway.upstreams = self.upstreams(&gateway.upstream);
        gateway.admin_tls = tls::admin(&self.written, &|key, path| self.placed(key, path));
        let source = sources::settings(&self.written, &|key, path| self.placed(key, path));
        let redis = self.redis();
        let lines = self.written.access_log.file.as_ref();
        gateway.access_log.file = lines.map(|file| self.placed("log.access.file", file));
        let Self { written, path, .. } = self;
        Ok(Config {
            file: path,
            redis,
            gate: gate(&written, gateway.is_https()),
            gateway,
            store: StoreSettings { directory },
            pinned,
            modules,
            source,
            log: log(&written),
            webhooks,
        })
    }

    /// Where the directory is. A relative path in the file begins at the file's
    /// folder, so that it means the same wherever a command is run; any other
    /// begins where the command is run.
    pub(crate) fn directory(&self) -> PathBuf {
        let Some(directory) = self.written.store.directory.as_ref() else {
            return DEFAULT_DIRECTORY.into();
        };
        self.placed("store.directory", directory)
    }

    /// Where the file is that a key names.
    fn placed(&self, key: &'static str, named: &Path) -> PathBuf {
        match (self.places.of(key), &self.path) {
            (Place::File(_), Some(file)) => file.parent().unwrap_or(Path::new("")).join(named),
            _ => named.to_owned(),
        }
    }

    /// The modules, with relative paths beginning at the file's folder.
    pub(crate) fn modules(&self) -> Vec<ModuleSettings> {
        let folder = self.path.as_ref().and_then(|file| file.parent());
        let folder = folder.unwrap_or(Path::new(""));
        let written = self.places.modules.iter().cloned();
        written.map(|module| module.in_folder(folder)).collect()
    }

    /// Further applications, which are told who is signed in as the usual one is.
    fn upstreams(&self, usual: &crate::gateway::settings::Upstream) -> Vec<UpstreamPool> {
        let mut pools = self.places.upstreams.clone();
        for pool in &mut pools {
            pool.settings.identity = usual.identity.clone();
        }
        pools
    }

    /// Where attempts are counted, if that is written.
    pub(crate) fn redis(&self) -> Option<RedisConfig> {
        redis::config(&self.written, &|key, path| self.placed(key, path))
    }

    /// Where people reach the gateway, if that is written.
    pub(crate) fn public_url(&self) -> Option<String> {
        self.written.public.url.as_ref().map(Origin::to_string)
    }

    /// The webhooks, with relative paths beginning at the file's folder.
    pub(crate) fn webhooks(&self) -> Vec<WebhookSettings> {
        let folder = self.path.as_ref().and_then(|file| file.parent());
        let folder = folder.unwrap_or(Path::new(""));
        let written = self.places.webhooks.iter().cloned();
        written.map(|webhook| webhook.in_folder(folder)).collect()
    }

    /// The settings of the directory that are written here.
    pub(crate) fn pinned(&self) -> Pins {
        let Written { accounts, audit, branding, clerk, inactivity, licences, tokens, .. } =
            &self.written;
        let policy = self.written.policy_words().build().ok();
        let policy = policy.filter(|_| self.written.names_a_policy());
        let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
        let line = |line: &Line| line.0.clone();
        let values: [(&'static Setting, Option<String>); 14] = [
            (&LOCKOUT, policy.map(|policy| policy.to_string())),
            (&ACCOUNT_DELETION, accounts.deletion.map(switch)),
            (&ACCOUNT_DISABLING, accounts.disabling.map(switch)),
            (&ACCOUNT_LOGINS_REUSED, accounts.reuse_logins.map(switch)),
            (&INACTIVITY_AFTER, inactivity.after.as_ref().map(|after| after.0.clone())),
            (&INACTIVITY_ACTION, inactivity.action.as_ref().map(|action| action.0.clone())),
            (&AUDIT_RETENTION, audit.retention.as_ref().map(|kept| kept.0.clone())),
            (&LICENCE_LIMIT, licences.limit.map(LicenceLimit::setting)),
            (&CLERK_ADMIN_LOCK_FOR, clerk.admin_lock_for.as_ref().map(Text::spell)),
            (&TOKEN_LIFETIME, tokens.lifetime.as_ref().map(Text::spell)),
            (&BRANDING_NAME, branding.name.as_ref().map(line)),
            (&BRANDING_CONTACT, branding.contact.as_ref().map(line)),
            (&BRANDING_ACCENT, branding.accent.as_ref().map(|accent| accent.0.clone())),
            (&BRANDING_SUPPORT_URL, branding.support_url.as_ref().map(|url| url.0.clone())),
        ];
        let written = values
            .into_iter()
            .filter_map(|(setting, value)| Some((setting, value?)));
        written.fold(Pins::default(), |pins, (setting, value)| {
            pins.with(setting, &value, self.pinned_by(setting.name))
        })
    }

    /// What pins a setting, in words: the first key of that name, or below it.
    fn pinned_by(&self, setting: &str) -> String {
        let below = |key: &str| {
            key.strip_prefix(setting)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        let mut written = self.places.written();
        let found = written.find(|(key, _)| *key == setting || below(key));
        match (found, &self.path) {
            (Some((_, Place::Variable(name))), _) => name.clone(),
            (Some((key, _)), Some(path)) => format!("`{key}` in {}", path.display()),
            _ => format!("`{setting}`"),
        }
    }
}

fn gateway(written: &Written, origin: Origin) -> Settings {
    let Written { public, upstream, identity, admin, clients, limits, open, headers, .. } = written;
    let Written { access_log, requests, .. } = written;
    let mut settings = Settings::for_upstream(origin);
    settings.public = public.listen;
    settings.ext_authz = public.ext_authz;
    settings.reuse_port = public.reuse_port;
    settings.public_url = public.url.clone();
    settings.return_origins = public.return_origins.clone();
    settings.admin = admin.listen.0;
    settings.metrics_token = admin.metrics_token;
    settings.admin_hosts = admin.hosts.iter().map(|host| host.0.clone()).collect();
    settings.upstream.own_host = upstream.host == HostTold::Upstream;
    settings.upstream.http2 = upstream.http2;
    settings.upstream.connect_timeout = upstream.connect_timeout.0;
    settings.upstream.response_timeout = upstream.response_timeout.0;
    settings.upstream.body_idle_timeout = upstream.body_idle_timeout.0;
    settings.upstream.idle_timeout = upstream.idle_timeout.0;
    settings.upstream.identity = identity_headers(identity);
    settings.upstream.audience = upstream.audience.clone();
    settings.client_address.trusted_proxies =
        TrustedProxies::new(clients.trusted_proxies.iter().copied());
    settings.client_address.proxy_protocol =
        TrustedProxies::new(clients.proxy_protocol.iter().copied());
    settings.admin_proxy_protocol = TrustedProxies::new(admin.proxy_protocol.iter().copied());
    settings.client_address.header = clients.address_header.0.clone();
    settings.limits.connections = whole(limits.connections.0);
    settings.limits.head_bytes = whole(limits.head.0);
    settings.limits.head_fields = whole(limits.head_fields.0);
    settings.limits.body_bytes = limits.body.map(|size| size.0);
    settings.limits.head_timeout = limits.head_timeout.0;
    settings.limits.body_idle_timeout = limits.body_idle_timeout.0;
    settings.limits.drain = limits.drain.0;
    let half = (limits.connections.0 / 2).max(1);
    settings.limits.in_flight = whole(limits.in_flight.map_or(half, |requests| requests.0));
    settings.limits.queue_timeout = limits.queue_timeout.0;
    settings.access_log.format = access_log.format.format();
    settings.access_log.queue = whole(access_log.queue.0);
    settings.requests.id_header = requests.id_header.0.as_ref().map(|header| header.0.clone());
    settings.requests.trace_context = requests.trace_context;
    settings.open_paths = open.paths.iter().map(|path| path.0.clone()).collect();
    settings.strip_headers = headers
        .strip
        .iter()
        .map(|header| header.0.clone())
        .collect();
    settings.sign_in = sign_in::settings(written);
    settings
}

fn identity_headers(identity: &Identity) -> IdentityHeaders {
    let name = |header: &MaybeHeader| header.0.as_ref().map(|header| header.0.clone());
    IdentityHeaders {
        user: name(&identity.user),
        account: name(&identity.account),
        email: name(&identity.email),
        name: name(&identity.name),
        groups: name(&identity.groups),
    }
}

pub(super) fn gate(written: &Written, https: bool) -> GateSettings {
    let sessions = &written.sessions;
    GateSettings {
        session_lifetime: sessions.lifetime.0,
        session_idle: sessions.idle.0,
        session_capacity: whole(sessions.capacity.0),
        history: (written.history.keep.0, written.history.attempts.0),
        known_devices: sessions.known_devices,
        max_stale: sessions.max_stale.0,
        when_stale: sessions.when_stale,
        cookie_domain: sessions.cookie_domain.clone(),
        https,
        api_tokens: written.public.api_tokens,
        jwt: jwt::settings(written),
    }
}

pub(super) fn log(written: &Written) -> LogSettings {
    LogSettings { format: written.log.format, level: written.log.level.0.clone() }
}

/// Every number that is read has an upper bound that fits.
fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
