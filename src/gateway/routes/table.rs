//! Finds the route of a request, without taking any memory for a plain path.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Method};

use super::readings::{self, has_dots};
use super::{Access, HostPattern, Require, Route, RoutesError};
use crate::gateway::answer::Refusal;

/// What holds for the requests of a route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Rule {
    /// Its name in figures and in the log.
    pub(crate) label: &'static str,
    pub(crate) access: Access,
    /// `None`: nothing.
    pub(crate) require: Option<Require>,
    pub(crate) upstream: Option<String>,
    pub(crate) body_bytes: Option<u64>,
    pub(crate) response_timeout: Option<Duration>,
}

/// Every rule, and which requests it is for.
#[derive(Debug)]
pub(crate) struct Routes {
    /// The first is that of requests which have no route.
    rules: Vec<Arc<Rule>>,
    /// Those that are as narrow as any other: no reading leads to a narrower one.
    narrowest: Vec<bool>,
    /// By name, in order.
    hosts: Vec<(Box<str>, Paths)>,
    /// The longest name first.
    below: Vec<(Box<str>, Paths)>,
    any: Paths,
    /// Whether a rule hangs on a method.
    by_method: bool,
}

/// The routes of some hosts, by path.
#[derive(Debug, Default)]
struct Paths {
    entries: Vec<Entry>,
    /// The most steps that one has.
    steps: usize,
}

#[derive(Debug)]
struct Entry {
    /// Without a slash at the end.
    path: Box<str>,
    by_method: Vec<(Vec<Method>, usize)>,
    rest: Option<usize>,
}

/// A request, as far as routes go by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) host: &'a [u8],
    pub(crate) path: &'a str,
    pub(crate) method: &'a Method,
}

impl<'a> Asked<'a> {
    /// A request that was looked over.
    pub(crate) fn of(head: &'a Parts) -> Self {
        let host = head
            .headers
            .get(HOST)
            .map_or(&b""[..], HeaderValue::as_bytes);
        Self { host, path: head.uri.path(), method: &head.method }
    }
}

impl Rule {
    /// What holds where nothing is said.
    fn usual() -> Self {
        Self {
            label: "none",
            access: Access::Protect,
            require: None,
            upstream: None,
            body_bytes: None,
            response_timeout: None,
        }
    }

    fn of(route: &Route) -> Self {
        // Routes are few, and live as long as the program does.
        let label = Box::leak(route.to_string().into_boxed_str());
        Self {
            label,
            access: route.access,
            require: Some(route.require.clone()).filter(|require| !require.is_nothing()),
            upstream: route.upstream.clone(),
            body_bytes: route.body_bytes,
            response_timeout: route.response_timeout,
        }
    }

    /// Whether nobody passes by this rule who would not by the other.
    fn is_as_narrow_as(&self, other: &Self) -> bool {
        self.access >= other.access && (other.require.is_none() || self.require == other.require)
    }
}

impl Routes {
    /// A table of these routes, each of which goes to one of these upstreams.
    pub(crate) fn new(routes: &[Route], upstreams: &[&str]) -> Result<Self, RoutesError> {
        if let Some(error) = super::check::check(routes, upstreams).into_iter().next() {
            return Err(error);
        }
        let mut table = Self {
            rules: vec![Arc::new(Rule::usual())],
            narrowest: Vec::new(),
            hosts: Vec::new(),
            below: Vec::new(),
            any: Paths::default(),
            by_method: routes.iter().any(|route| !route.methods.is_empty()),
        };
        for route in routes {
            table.rules.push(Arc::new(Rule::of(route)));
            let rule = table.rules.len() - 1;
            table.paths_of(&route.host).add(route, rule);
        }
        table.hosts.sort_by(|(a, _), (b, _)| a.cmp(b));
        table.below.sort_by_key(|(name, _)| usize::MAX - name.len());
        let narrow = |rule: &Arc<Rule>| table.rules.iter().all(|other| rule.is_as_narrow_as(other));
        table.narrowest = table.rules.iter().map(narrow).collect();
        Ok(table)
    }

    fn paths_of(&mut self, host: &HostPattern) -> &mut Paths {
        let (list, name) = match host {
            HostPattern::Any => return &mut self.any,
            HostPattern::Below(name) => (&mut self.below, name),
            HostPattern::Is(name) => (&mut self.hosts, name),
        };
        let at = list.iter().position(|(other, _)| **other == **name);
        let at = at.unwrap_or_else(|| {
            list.push((name.as_str().into(), Paths::default()));
            list.len() - 1
        });
        &mut list[at].1
    }

    /// Every rule, in the order of its number.
    pub(crate) fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// Whether a rule hangs on a method: then nobody may say another one than they use.
    pub(crate) const fn go_by_method(&self) -> bool {
        self.by_method
    }

    /// The number of a request's rule.
    ///
    /// A path that leads to a narrower rule when it is read in another way is refused.
    #[inline]
    pub(crate) fn find(&self, asked: Asked<'_>) -> Result<usize, Refusal> {
        if self.rules.len() == 1 {
            return Ok(0);
        }
        let host = name_of(asked.host);
        let found = self.lookup(host, asked.path.as_bytes(), asked.method);
        if self.narrowest[found] {
            return Ok(found);
        }
        self.find_closely(host, asked, found)
    }

    fn find_closely(&self, host: &[u8], asked: Asked<'_>, found: usize) -> Result<usize, Refusal> {
        let ambiguous = Refusal::Malformed("the path could be read as one with a narrower rule");
        let Ok(readings) = readings::all(asked.path) else { return Err(ambiguous) };
        let dodges = readings.iter().any(|reading| {
            let other = self.lookup(host, reading, asked.method);
            has_dots(reading) || !self.rules[found].is_as_narrow_as(&self.rules[other])
        });
        if dodges { Err(ambiguous) } else { Ok(found) }
    }

    fn lookup(&self, host: &[u8], path: &[u8], method: &Method) -> usize {
        let exact = self
            .hosts
            .binary_search_by(|(name, _)| compare_folded(name, host));
        let exact = exact.ok().map(|at| &self.hosts[at].1);
        let below = self.below.iter().filter(|(name, _)| is_below(host, name));
        let tables = exact.into_iter().chain(below.map(|(_, paths)| paths));
        tables
            .chain([&self.any])
            .find_map(|paths| paths.lookup(path, method))
            .unwrap_or(0)
    }
}

impl Paths {
    fn add(&mut self, route: &Route, rule: usize) {
        self.steps = self.steps.max(route.path.steps());
        let path = route.path.as_prefix();
        let at = match self
            .entries
            .binary_search_by(|entry| (*entry.path).cmp(path))
        {
            Ok(at) => at,
            Err(at) => {
                let entry = Entry { path: path.into(), by_method: Vec::new(), rest: None };
                self.entries.insert(at, entry);
                at
            }
        };
        match route.methods.is_empty() {
            true => self.entries[at].rest = Some(rule),
            false => self.entries[at]
                .by_method
                .push((route.methods.clone(), rule)),
        }
    }

    /// The rule of the longest path that this one is below, and that has one for the
    /// method.
    fn lookup(&self, path: &[u8], method: &Method) -> Option<usize> {
        if self.entries.is_empty() {
            return None;
        }
        let mut slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let end = slashes.nth(self.steps).map_or(path.len(), |(at, _)| at);
        let mut prefix = &path[..end];
        loop {
            let find = |entry: &Entry| entry.path.as_bytes().cmp(prefix);
            if let Ok(at) = self.entries.binary_search_by(find)
                && let Some(rule) = self.entries[at].rule_for(method)
            {
                return Some(rule);
            }
            prefix = &prefix[..prefix.iter().rposition(|byte| *byte == b'/')?];
        }
    }
}

impl Entry {
    fn rule_for(&self, method: &Method) -> Option<usize> {
        let takes = |methods: &[Method]| {
            methods.contains(method) || (*method == Method::HEAD && methods.contains(&Method::GET))
        };
        let named = self.by_method.iter().find(|(methods, _)| takes(methods));
        named.map(|(_, rule)| *rule).or(self.rest)
    }
}

/// A host's name: no port, and no dot at the end.
fn name_of(host: &[u8]) -> &[u8] {
    let name = match host.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !host.ends_with(b"]") => &host[..colon],
        _ => host,
    };
    name.strip_suffix(b".").unwrap_or(name)
}

fn compare_folded(name: &str, host: &[u8]) -> Ordering {
    name.bytes().cmp(host.iter().map(u8::to_ascii_lowercase))
}

fn is_below(host: &[u8], name: &str) -> bool {
    let Some(cut) = host.len().checked_sub(name.len() + 1) else { return false };
    host[cut] == b'.' && compare_folded(name, &host[cut + 1..]).is_eq()
}

/// The routes of a gateway: those that are written, and the paths that are open.
pub(crate) fn with_open_paths<'a>(routes: &'a [Route], open: &[String]) -> Cow<'a, [Route]> {
    if open.is_empty() {
        return Cow::Borrowed(routes);
    }
    let opened = open.iter().filter_map(|path| {
        let path = super::RoutePath::parse(path).ok()?;
        Some(Route { access: Access::Public, ..Route::new(path) })
    });
    routes
        .iter()
        .cloned()
        .chain(opened)
        .collect::<Vec<_>>()
        .into()
}
