//! `[[routes]]`: rules for some of the requests, as they are written and checked.

use std::borrow::Cow;
use std::ops::Range;

use http::Method;
use toml::de::DeValue;

use super::entry::{Entry, list};
use super::file::Written;
use super::problem::{Place, Problem};
use super::read::Places;
use super::value::{Length, Size, Text};
use crate::domain::permission::Permission;
use crate::gateway::routes::{Access, HostPattern, Require, Route, RoutePath, check_all};

/// What the section is called.
pub(super) const SECTION: &str = "routes";

/// How the reference file shows the section: as examples, for it has no defaults.
pub(super) const REFERENCE: &str = r#"
# Rules for some of the requests: one [[routes]] for each. See the manual's page on routes.
# There are none by default: whoever is signed in passes to the application. Lines of these
# examples begin with `# `. A request goes by the narrowest route that it fits; routes that
# leave it open which one that is are refused.

# `path` is this path and all below it. `access` is "protect" (whoever is signed in),
# "public" (everybody) or "best-effort" (everybody, too, while the directory can't be asked).
# [[routes]]
# path = "/assets"
# access = "public"

# `require` names what somebody has to be beside being signed in: to have a permission,
# themselves or through a group, or to be in one of some groups.
# [[routes]]
# path = "/reports"
# methods = ["POST", "DELETE"]
# require = { permission = "users.view", groups = ["Staff", "Auditors"] }

# `host` is a name, or all names below one. `upstream` is a name of an [upstreams.NAME];
# left out: the one in [upstream]. `body` and `response_timeout` are for the requests of
# this route alone.
# [[routes]]
# host = "*.wiki.example"
# path = "/"
# upstream = "wiki"
# body = "2MiB"
# response_timeout = "5m"
"#;

const KEYS: [&str; 8] =
    ["host", "path", "methods", "access", "require", "upstream", "body", "response_timeout"];

const DAY: u64 = 24 * 3600;

impl Text for HostPattern {
    fn allowed() -> Cow<'static, str> {
        "the name of a host, or all below one, as in \"app.example\" or \"*.example.com\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|invalid| invalid.to_string())
    }

    fn spell(&self) -> String {
        self.to_string()
    }
}

impl Text for RoutePath {
    fn allowed() -> Cow<'static, str> {
        "a path that begins with a slash, as in \"/\" or \"/admin\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|invalid| invalid.to_string())
    }

    fn spell(&self) -> String {
        self.to_string()
    }
}

impl Text for Method {
    fn allowed() -> Cow<'static, str> {
        "the name of a method in capital letters, as in \"GET\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let capital = |byte: u8| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_';
        match Self::from_bytes(text.as_bytes()) {
            Ok(Self::CONNECT | Self::TRACE) => Err("never comes through".to_owned()),
            Ok(method) if text.bytes().all(capital) => Ok(method),
            _ => Err("is no method".to_owned()),
        }
    }

    fn spell(&self) -> String {
        self.to_string()
    }
}

impl Text for Access {
    fn allowed() -> Cow<'static, str> {
        "\"protect\", \"public\" or \"best-effort\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let all = [Self::Protect, Self::Public, Self::BestEffort];
        let named = all.into_iter().find(|access| access.as_str() == text);
        named.ok_or_else(|| "is none of its words".to_owned())
    }

    fn spell(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Text for Permission {
    fn allowed() -> Cow<'static, str> {
        let names = Self::ALL.map(|permission| format!("\"{}\"", permission.as_str()));
        names.join(" or ").into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|one| one.as_str() == text);
        named.ok_or_else(|| "is no permission".to_owned())
    }

    fn spell(&self) -> String {
        self.as_str().to_owned()
    }
}

/// A route, and where it is written.
pub(super) type Placed = (Route, Range<usize>);

/// Reads every route that is written, and notes what is wrong.
pub(super) fn read(value: &DeValue<'_>, span: Range<usize>) -> (Vec<Placed>, Vec<Problem>) {
    let (sections, mut problems) = list(SECTION, value, span);
    let mut routes = Vec::new();
    for (table, span) in sections {
        let mut entry = Entry::new(SECTION, "a route", table, span.clone());
        entry.refuse_others(&KEYS);
        if let Some(route) = route(&mut entry) {
            routes.push((route, span));
        }
        problems.append(&mut entry.problems);
    }
    (routes, problems)
}

fn route(entry: &mut Entry<'_>) -> Option<Route> {
    let path: Option<RoutePath> = entry.required("path");
    let host: Option<HostPattern> = entry.take("host");
    let methods: Option<Vec<Method>> = entry.take("methods");
    let access: Option<Access> = entry.take("access");
    let require = require(entry);
    let upstream: Option<String> = entry.take("upstream");
    let body: Option<Size<0, { 1 << 50 }>> = entry.take("body");
    let response_timeout: Option<Length<1, DAY>> = entry.take("response_timeout");
    if methods.as_ref().is_some_and(Vec::is_empty) {
        entry.wrong("`routes.methods` names no method", "name one, or leave it out for all");
    }
    if !entry.problems.is_empty() {
        return None;
    }
    let mut route = Route::new(path?);
    route.host = host.unwrap_or_default();
    route.methods = methods.unwrap_or_default();
    route.access = access.unwrap_or_default();
    route.require = require;
    route.upstream = upstream;
    route.body_bytes = body.map(|size| size.0);
    route.response_timeout = response_timeout.map(|length| length.0);
    Some(route)
}

fn require(entry: &mut Entry<'_>) -> Require {
    let mut require = Require::default();
    let Some(mut inner) = entry.inner("require", "what a route requires") else { return require };
    inner.refuse_others(&["permission", "groups"]);
    require.permission = inner.take("permission");
    require.groups = inner.take("groups").unwrap_or_default();
    if inner.problems.is_empty() && require.is_nothing() {
        inner.wrong(
            "`routes.require` requires nothing",
            "name a permission or groups, or leave it out",
        );
    }
    entry.problems.append(&mut inner.problems);
    require
}

/// Routes that leave it open what holds, shown where they are written.
///
/// Only once every route and upstream can be read: what is wrong with one would look like
/// its not being there.
pub(super) fn contradictions(written: &Written, places: &Places) -> Vec<Problem> {
    if !places.problems.is_empty() {
        return Vec::new();
    }
    let routes: Vec<Route> = places
        .routes
        .iter()
        .map(|(route, _)| route.clone())
        .collect();
    let open: Vec<String> = written
        .open
        .paths
        .iter()
        .map(|path| path.0.clone())
        .collect();
    let upstreams: Vec<&str> = places
        .upstreams
        .iter()
        .map(|pool| pool.name.as_str())
        .collect();
    let place = |at: usize| match places.routes.get(at) {
        Some((_, span)) => Place::File(span.clone()),
        None => places.of("open.paths"),
    };
    let problem = |error: crate::gateway::RoutesError| {
        let (first, second) = error.places();
        let problem = Problem::new(place(second.unwrap_or(first)), error.to_string());
        let problem = match second {
            Some(_) => problem.also(place(first), "the other one"),
            None => problem,
        };
        problem.mend(error.mend())
    };
    let found = check_all(&routes, &open, &upstreams);
    found.into_iter().map(problem).collect()
}
