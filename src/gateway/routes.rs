//! Routes: which rule a request goes by, and where it goes.
//!
//! A request belongs to the narrowest route that it fits: the narrowest host, below
//! that the longest path, and of two for one path the one that names its method.
//! Routes that two readers would weigh differently are refused before anything is
//! served ([`RoutesError`]), so the order that they are written in never matters.

mod check;
mod readings;
mod required;
mod table;

use std::fmt;
use std::time::Duration;

use http::Method;

use crate::domain::permission::Permission;
use crate::gateway::RESERVED;
use crate::gateway::assertion::Audience;
use crate::gateway::screen::is_host;
use crate::gateway::settings::{Settings, UpstreamPool};

pub use self::check::RoutesError;
pub(crate) use self::check::check_all;
pub(crate) use self::required::{Forbidden, Refused};
pub(crate) use self::table::{Asked, Routes, Rule, with_open_paths};

/// A rule for some of the requests.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Route {
    /// The hosts that it is for.
    pub host: HostPattern,
    /// The path that it is for, with all below it.
    pub path: RoutePath,
    /// The methods that it is for; none: all. GET brings HEAD with it.
    pub methods: Vec<Method>,
    /// Who may pass.
    pub access: Access,
    /// What somebody who is signed in has to be beside that.
    pub require: Require,
    /// The upstream that it goes to; `None`: the usual one.
    pub upstream: Option<String>,
    /// The body of a request, in bytes; `None`: as everywhere.
    pub body_bytes: Option<u64>,
    /// How long the upstream may take to begin its answer; `None`: as its settings say.
    pub response_timeout: Option<Duration>,
}

/// Who may pass.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "from the widest to the narrowest")]
pub enum Access {
    /// Everybody. Whoever is signed in and may come in is told to the upstream.
    Public,
    /// Whoever is signed in; everybody while the directory can't be asked, who is not
    /// known to be refused.
    BestEffort,
    /// Whoever is signed in.
    #[default]
    Protect,
}

impl Access {
    /// The word for it in a configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::BestEffort => "best-effort",
            Self::Protect => "protect",
        }
    }
}

/// What somebody has to be: all of what is named.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Require {
    /// To have this permission, of themselves or through a group.
    pub permission: Option<Permission>,
    /// To be in one of these groups, by their names in any case.
    pub groups: Vec<String>,
}

impl Require {
    /// Whether nothing is required.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Route {
    /// A protected route for this path on every host.
    pub fn new(path: RoutePath) -> Self {
        Self {
            host: HostPattern::Any,
            path,
            methods: Vec::new(),
            access: Access::Protect,
            require: Require::default(),
            upstream: None,
            body_bytes: None,
            response_timeout: None,
        }
    }
}

impl fmt::Display for Route {
    /// `GET, POST app.example/admin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, method) in self.methods.iter().enumerate() {
            write!(f, "{}{method}", if at == 0 { "" } else { "," })?;
        }
        if !self.methods.is_empty() {
            f.write_str(" ")?;
        }
        write!(f, "{}{}", self.host, self.path)
    }
}

/// The hosts that a route is for. Ports don't matter, nor does case.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum HostPattern {
    /// Every host.
    #[default]
    Any,
    /// Every host below this name: `example.com` for `*.example.com`.
    Below(String),
    /// This host.
    Is(String),
}

/// Text is no pattern of hosts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no host, as in app.example or *.example.com, without a port")]
pub struct InvalidHost;

impl HostPattern {
    /// Reads `app.example` or `*.example.com`.
    ///
    /// # Errors
    ///
    /// If it is neither, or has a port.
    pub fn parse(text: &str) -> Result<Self, InvalidHost> {
        let (name, below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let is_address = name.starts_with('[');
        let plain = is_host(name.as_bytes()) && (is_address || !name.contains(':'));
        let steps = is_address || name.split('.').all(|step| !step.is_empty());
        if !plain || !steps || (below && is_address) || name.ends_with(']') != is_address {
            return Err(InvalidHost);
        }
        let name = name.to_ascii_lowercase();
        Ok(if below { Self::Below(name) } else { Self::Is(name) })
    }

    /// Whether every host of this one is one of the other's.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let below = |name: &str, of: &str| {
            name.strip_suffix(of)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        match (self, other) {
            (_, Self::Any) => true,
            (Self::Is(name), Self::Below(of)) => below(name, of),
            (Self::Below(name), Self::Below(of)) => name == of || below(name, of),
            (one, other) => one == other,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Is(name) => f.write_str(name),
        }
    }
}

/// A path that a route is for, with all below it. `/a` is `/a`, `/a/` and `/a/b`, and
/// not `/ab`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RoutePath(String);

/// Why text is no [`RoutePath`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPath {
    /// It begins with something else.
    #[error("does not begin with a slash")]
    NoSlash,
    /// It can be read in more ways than one.
    #[error("is not a plain path: no ?, #, %, *, ;, \\ or spaces, no empty, . or .. steps")]
    NotPlain,
    /// It is the gateway's own.
    #[error("is Portcullis's own: what has to be open there is open")]
    Reserved,
}

impl RoutePath {
    /// Reads `/` or `/admin`, with or without a slash at the end.
    ///
    /// # Errors
    ///
    /// If it could be read in more ways than one, or is the gateway's own.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let plain = |c: char| c.is_ascii_graphic() && !"?#%*\\;".contains(c);
        let wrong = |step: &str| step.is_empty() || step.bytes().all(|byte| byte == b'.');
        let path = text.strip_suffix('/').unwrap_or(text);
        let Some(rest) = text.strip_prefix('/') else { return Err(InvalidPath::NoSlash) };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if !path.chars().all(plain) || (!path.is_empty() && rest.split('/').any(wrong)) {
            return Err(InvalidPath::NotPlain);
        }
        let first = rest.split('/').next().unwrap_or_default();
        if first.eq_ignore_ascii_case(&RESERVED[1..]) {
            return Err(InvalidPath::Reserved);
        }
        Ok(Self(path.to_owned()))
    }

    /// Without a slash at the end; empty for `/`.
    pub(crate) fn as_prefix(&self) -> &str {
        &self.0
    }

    fn steps(&self) -> usize {
        self.0.bytes().filter(|byte| *byte == b'/').count()
    }

    /// Whether every path of this one is one of the other's.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let rest = self.0.strip_prefix(&other.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

impl Settings {
    /// What assertions call the upstream of a rule.
    pub(crate) fn audience_of(&self, rule: &Rule) -> Audience {
        let pools: Vec<_> = self.pools().collect();
        let named = |pool: &UpstreamPool| Some(&pool.name) == rule.upstream.as_ref();
        let number = pools.iter().position(named).unwrap_or_default();
        let pool = &pools[number];
        let usual = || match pool.name.is_empty() {
            true => pool.settings.origin.to_string(),
            false => pool.name.clone(),
        };
        let name = pool.settings.audience.clone().unwrap_or_else(usual);
        Audience { number, name: name.into() }
    }

    /// The table of all routes.
    pub(crate) fn routes(&self) -> Result<Routes, RoutesError> {
        let upstreams: Vec<&str> = self
            .upstreams
            .iter()
            .map(|pool| pool.name.as_str())
            .collect();
        Routes::new(&with_open_paths(&self.routes, &self.open_paths), &upstreams)
    }
}

#[cfg(test)]
mod tests;
