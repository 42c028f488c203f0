//! The kinds of text that keys take.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::header::HeaderName;
use http::uri::Authority;
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use super::value::Text;
use crate::admin::modules::OwnerKey;
use crate::admin::settings;
use crate::domain::length::{read_length, spell_length};
use crate::domain::lock::LiveSessions;
use crate::domain::policy::{
    Enforcement, NO_CEILING, NO_WINDOW, Preset, UNTIL_UNLOCKED, WindowKind, live_sessions_name,
    live_sessions_named,
};
use crate::engine::{CookieDomain, OnStale};
use crate::gateway::Origin;
use crate::gateway::settings::{AccessFormat, TraceFrom};
use crate::guard::ReturnOrigin;
use crate::store::redis::{AfterLoss, InvalidRedisAddress, RedisAddress, RedisMode, WhenAway};

/// Words that stand for values, and nothing else.
macro_rules! words {
    ($type:ty { $($word:literal => $value:path),+ $(,)? }) => {
        impl Text for $type {
            fn allowed() -> Cow<'static, str> {
                [$(concat!("\"", $word, "\"")),+].join(" or ").into()
            }

            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok($value),)+
                    _ => Err("is none of its words".to_owned()),
                }
            }

            fn spell(&self) -> String {
                match self {
                    $($value => $word,)+
                }
                .to_owned()
            }
        }
    };
}

pub(super) use words;

/// Which host name the upstream is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum HostTold {
    Client,
    Upstream,
}

words!(HostTold { "client" => Self::Client, "upstream" => Self::Upstream });
words!(Enforcement { "lock" => Self::Lock, "monitor" => Self::Monitor });
words!(WindowKind { "sliding" => Self::Sliding, "since-last" => Self::SinceLast });
words!(OnStale { "strict" => Self::Strict, "best-effort" => Self::BestEffort });

/// What a foreign token's claim says of an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum JwtNames {
    Number,
    Login,
    Email,
    Source,
}

words!(JwtNames {
    "number" => Self::Number,
    "login" => Self::Login,
    "email" => Self::Email,
    "source" => Self::Source,
});

/// Another system that has a say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SourceKind {
    Clerk,
    OpenProject,
    Portcullis,
    Scim,
    Wso2,
}

words!(SourceKind {
    "clerk" => Self::Clerk,
    "openproject" => Self::OpenProject,
    "portcullis" => Self::Portcullis,
    "scim" => Self::Scim,
    "wso2" => Self::Wso2,
});

impl SourceKind {
    /// As it is written.
    pub(super) fn word(self) -> String {
        self.spell()
    }
}

/// How our credential is sent to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SourceScheme {
    Basic,
    Bearer,
}

words!(SourceScheme { "bearer" => Self::Bearer, "basic" => Self::Basic });

/// What accounts are called there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SourceAccounts {
    ExternalId,
    Login,
    Number,
}

words!(SourceAccounts {
    "external_id" => Self::ExternalId,
    "login" => Self::Login,
    "number" => Self::Number,
});

/// What becomes of whom the other system does not know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unknown {
    Pass,
    Refuse,
}

words!(Unknown { "pass" => Self::Pass, "refuse" => Self::Refuse });

words!(OwnerKey {
    "account" => Self::Account,
    "login" => Self::Login,
    "email" => Self::Email,
});

/// What wakes other gateways.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BusKind {
    None,
    Redis,
}

words!(BusKind { "redis" => Self::Redis, "none" => Self::None });
words!(WhenAway { "refuse" => Self::Refuse, "count-locally" => Self::CountLocally });
words!(AfterLoss { "refuse" => Self::Refuse, "go-on" => Self::GoOn });
words!(RedisMode {
    "standalone" => Self::Standalone,
    "sentinel" => Self::Sentinel,
    "cluster" => Self::Cluster,
});

impl Text for RedisAddress {
    fn allowed() -> Cow<'static, str> {
        "an address as in \"redis://127.0.0.1:6379/0\", or rediss:// for TLS".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error: InvalidRedisAddress| error.to_string())
    }

    fn spell(&self) -> String {
        self.to_string()
    }
}

/// What our keys in a shared place begin with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct KeyPrefix(pub(super) String);

impl Text for KeyPrefix {
    fn allowed() -> Cow<'static, str> {
        "at most 40 letters, digits and : . _ -".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let in_prefix = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '_' | '-');
        match text.len() <= 40 && text.chars().all(in_prefix) {
            true => Ok(Self(text.to_owned())),
            false => Err("is none".to_owned()),
        }
    }

    fn spell(&self) -> String {
        self.0.clone()
    }
}

/// A short wait for a machine near by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Wait(pub(super) Duration);

impl Text for Wait {
    fn allowed() -> Cow<'static, str> {
        "a length of time from \"10ms\" to \"1m\", as in \"500ms\" or \"2s\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let length = read_length(text).ok_or("is not a length of time with its unit")?;
        let bounds = Duration::from_millis(10)..=Duration::from_secs(60);
        if bounds.contains(&length) { Ok(Self(length)) } else { Err("is out of bounds".to_owned()) }
    }

    fn spell(&self) -> String {
        spell_length(self.0)
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum LogFormat {
    /// One JSON object a line, for programs.
    Json,
    /// For people.
    #[default]
    Text,
}

words!(LogFormat { "text" => Self::Text, "json" => Self::Json });

words!(TraceFrom {
    "trusted" => Self::Trusted,
    "anybody" => Self::Anybody,
    "nobody" => Self::Nobody,
});

/// How a line for each request is written, if it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AccessLines {
    Json,
    Text,
    Off,
}

words!(AccessLines { "json" => Self::Json, "text" => Self::Text, "off" => Self::Off });

impl AccessLines {
    pub(super) const fn format(self) -> Option<AccessFormat> {
        match self {
            Self::Json => Some(AccessFormat::Json),
            Self::Text => Some(AccessFormat::Text),
            Self::Off => None,
        }
    }
}

impl Text for Preset {
    fn allowed() -> Cow<'static, str> {
        let names = Self::ALL.map(|preset| format!("\"{}\"", preset.name()));
        names.join(" or ").into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::named(text).ok_or_else(|| "is none of its words".to_owned())
    }

    fn spell(&self) -> String {
        self.name().to_owned()
    }
}

impl Text for LiveSessions {
    fn allowed() -> Cow<'static, str> {
        "\"refuse\" or \"keep\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        live_sessions_named(text).ok_or_else(|| "is none of its words".to_owned())
    }

    fn spell(&self) -> String {
        live_sessions_name(*self).to_owned()
    }
}

impl Text for String {
    fn allowed() -> Cow<'static, str> {
        "a text in one line".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err("is not a text in one line".to_owned());
        }
        Ok(text.to_owned())
    }

    fn spell(&self) -> String {
        self.clone()
    }
}

impl Text for SocketAddr {
    fn allowed() -> Cow<'static, str> {
        "an address and a port, as in \"127.0.0.1:8080\" or \"[::]:8080\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "is not an address with its port".to_owned())
    }

    fn spell(&self) -> String {
        self.to_string()
    }
}

/// Where to listen, if anywhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct MaybeListen(pub(super) Option<SocketAddr>);

impl Text for MaybeListen {
    fn allowed() -> Cow<'static, str> {
        format!("\"off\", or {}", SocketAddr::allowed()).into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            _ => SocketAddr::parse(text).map(|address| Self(Some(address))),
        }
    }

    fn spell(&self) -> String {
        self.0
            .map_or_else(|| "off".to_owned(), |address| address.spell())
    }
}

impl Text for Origin {
    fn allowed() -> Cow<'static, str> {
        "a scheme, a host and perhaps a port, as in \"https://app.example\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|invalid| format!("can't be used: {invalid}"))
    }

    fn spell(&self) -> String {
        self.to_string()
    }
}

impl Text for ReturnOrigin {
    fn allowed() -> Cow<'static, str> {
        "a scheme, a host and perhaps a port, as in \"https://wiki.example.com\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|_| "is no such origin".to_owned())
    }

    fn spell(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Text for CookieDomain {
    fn allowed() -> Cow<'static, str> {
        "a name with a dot in it, as in \"example.com\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|_| "is no such name".to_owned())
    }

    fn spell(&self) -> String {
        self.as_str().to_owned()
    }
}

/// The name of a header that may be set and stripped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Header(pub(super) HeaderName);

/// Headers that HTTP itself, or the guard, works with.
const RESERVED: [&str; 10] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Text for Header {
    fn allowed() -> Cow<'static, str> {
        "the name of a header, as in \"X-Forwarded-For\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let name = HeaderName::try_from(text).map_err(|_| "is not the name of a header")?;
        if RESERVED.contains(&name.as_str()) {
            return Err("is a header that HTTP or the guard itself works with".to_owned());
        }
        Ok(Self(name))
    }

    fn spell(&self) -> String {
        self.0.to_string()
    }
}

/// A header, or none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct MaybeHeader(pub(super) Option<Header>);

impl Text for MaybeHeader {
    fn allowed() -> Cow<'static, str> {
        "the name of a header, or \"off\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            _ => Header::parse(text).map(|header| Self(Some(header))),
        }
    }

    fn spell(&self) -> String {
        self.0
            .as_ref()
            .map_or_else(|| "off".to_owned(), Text::spell)
    }
}

/// A host's name as it stands in `Host`, in small letters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct HostName(pub(super) String);

impl Text for HostName {
    fn allowed() -> Cow<'static, str> {
        "the name of a host without a port, as in \"admin.example\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let host: Option<Authority> = text.parse().ok();
        match host {
            Some(host) if host.host() == text && !text.is_empty() => {
                Ok(Self(text.to_ascii_lowercase()))
            }
            _ => Err("is not the name of a host".to_owned()),
        }
    }

    fn spell(&self) -> String {
        self.0.clone()
    }
}

/// A path below which everybody may see everything.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct OpenPath(pub(super) String);

impl Text for OpenPath {
    fn allowed() -> Cow<'static, str> {
        "a path that begins with a slash and goes on, as in \"/assets\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_graphic() && !"?#%*\\;".contains(c);
        let path = text.strip_suffix('/').unwrap_or(text);
        let steps = |step: &str| step.is_empty() || step == "." || step == "..";
        let Some(rest) = path.strip_prefix('/') else {
            return Err(match text {
                "/" => "would open everything: name what is open below it".to_owned(),
                _ => "does not begin with a slash".to_owned(),
            });
        };
        if !path.chars().all(plain) || rest.split('/').any(steps) {
            return Err("is not a plain path: no ?, #, %, *, ;, \\ or spaces, no empty, . or .. \
                        steps"
                .to_owned());
        }
        if rest.split('/').next() == Some(".portcullis") {
            return Err("is Portcullis's own: what has to be open there is open".to_owned());
        }
        Ok(Self(path.to_owned()))
    }

    fn spell(&self) -> String {
        self.0.clone()
    }
}

impl Text for IpNet {
    fn allowed() -> Cow<'static, str> {
        "an address or a network, as in \"10.0.0.7\" or \"10.0.0.0/8\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let network: Result<Self, _> = text.parse();
        let one = || text.parse().map(|address: std::net::IpAddr| address.into());
        network
            .or_else(|_| one())
            .map_err(|_| "is not an address or a network".to_owned())
    }

    fn spell(&self) -> String {
        self.to_string()
    }
}

impl Text for PathBuf {
    fn allowed() -> Cow<'static, str> {
        "the path of a file, as in \"/var/lib/portcullis/portcullis.db\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err("is not the path of a file".to_owned());
        }
        Ok(text.into())
    }

    fn spell(&self) -> String {
        self.to_string_lossy().into_owned()
    }
}

/// What is logged: a level, or levels by where lines come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct LogLevel(pub(super) String);

impl Text for LogLevel {
    fn allowed() -> Cow<'static, str> {
        "error, warn, info, debug or trace, or such words by module, as in \
         \"info,portcullis::engine=debug\""
            .into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        // A bare word that is no level would be taken for a module's name.
        let is_level = |word: &str| {
            word.parse::<tracing_subscriber::filter::LevelFilter>()
                .is_ok()
        };
        let words = text.split(',').map(str::trim);
        let mut levels = words.map(|word| word.rsplit('=').next().unwrap_or(word));
        match EnvFilter::builder().parse(text) {
            Ok(_) if levels.all(is_level) => Ok(Self(text.to_owned())),
            _ => Err("is not understood".to_owned()),
        }
    }

    fn spell(&self) -> String {
        self.0.clone()
    }
}

/// Whether each word of what is to be logged is a level, or a module with one.
pub(crate) fn names_levels(text: &str) -> bool {
    LogLevel::parse(text).is_ok()
}

/// For how long failures count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Window(pub(super) Option<Duration>);

/// How long a lockout lasts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct LockFor(pub(super) Option<Duration>);

/// The longest that a lockout grows to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Longest(pub(super) Option<Duration>);

macro_rules! length_or {
    ($type:ident, $word:path, $example:literal) => {
        impl Text for $type {
            fn allowed() -> Cow<'static, str> {
                format!(concat!("a length of time, as in \"", $example, "\", or \"{}\""), $word)
                    .into()
            }

            fn parse(text: &str) -> Result<Self, String> {
                if text == $word {
                    return Ok(Self(None));
                }
                let length = read_length(text);
                let length = length.ok_or("is not a length of time with its unit")?;
                Ok(Self(Some(length)))
            }

            fn spell(&self) -> String {
                self.0.map_or_else(|| $word.to_owned(), spell_length)
            }
        }
    };
}

length_or!(Window, NO_WINDOW, "15m");
length_or!(LockFor, UNTIL_UNLOCKED, "5m");
length_or!(Longest, NO_CEILING, "1h");

/// Texts that the directory's settings read, too.
macro_rules! setting_texts {
    ($($(#[$doc:meta])+ $type:ident = $read:path, $allowed:literal, $wrong:literal;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub(super) struct $type(pub(super) String);

        impl Text for $type {
            fn allowed() -> Cow<'static, str> {
                $allowed.into()
            }

            fn parse(text: &str) -> Result<Self, String> {
                $read(text).map(Self).map_err(|_| $wrong.to_owned())
            }

            fn spell(&self) -> String {
                self.0.clone()
            }
        }
    )+};
}

setting_texts! {
    /// A line that people read.
    Line = settings::line, "a line of at most 200 characters", "is not such a line";
    /// A colour.
    Colour = settings::accent, "a colour, as in \"#4338ca\"", "is not a colour";
    /// After how long people who did not sign in are dealt with.
    Inactive = settings::days, "\"off\", or from \"1 day\" to \"3650 days\"", "is neither";
    /// What becomes of them.
    InactiveAction = settings::lock_or_disable, "\"lock\" or \"disable\"", "is neither";
    /// Where help is.
    SupportUrl = settings::support_url,
        "an address that begins with https://, http:// or mailto:", "is not such an address";
    /// How long audit records are kept.
    Retention = settings::retention,
        "\"forever\", or a length of time of at least a day, as in \"365d\"",
        "is not such a length of time";
}
