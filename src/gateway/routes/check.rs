//! Finds routes that nobody could tell apart.

use super::{Access, Route, with_open_paths};

/// Why a list of routes is not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RoutesError {
    /// Two are for the very same requests.
    #[error("the routes {first} and {second} are for the same requests")]
    Same {
        /// The one that is written first.
        first: String,
        /// The other.
        second: String,
        /// Where they are in the list.
        at: (usize, usize),
    },
    /// Two share some requests, and neither is a part of the other.
    #[error(
        "the routes {first} and {second} are both for {both}, one by its host and the other by \
         its path"
    )]
    Crossing {
        /// The one with the narrower host.
        first: String,
        /// The one with the longer path.
        second: String,
        /// What both are for.
        both: String,
        /// Where they are in the list.
        at: (usize, usize),
    },
    /// Something is required of people of whom nobody may know who they are.
    #[error("the route {route} is {}, and requires something of whoever comes", access.as_str())]
    RequiredOfAnybody {
        /// Which one.
        route: String,
        /// Who may pass.
        access: Access,
        /// Where it is in the list.
        at: usize,
    },
    /// It goes to an upstream that is none.
    #[error("the route {route} goes to the upstream {upstream}, and there is none of this name")]
    NoUpstream {
        /// Which one.
        route: String,
        /// Where it would go.
        upstream: String,
        /// Where it is in the list.
        at: usize,
    },
}

impl RoutesError {
    /// Where in the list the trouble is: the route, and the other one where there are two.
    pub const fn places(&self) -> (usize, Option<usize>) {
        match self {
            Self::Same { at, .. } | Self::Crossing { at, .. } => (at.0, Some(at.1)),
            Self::RequiredOfAnybody { at, .. } | Self::NoUpstream { at, .. } => (*at, None),
        }
    }

    /// What mends it.
    pub fn mend(&self) -> String {
        match self {
            Self::Same { .. } => "leave one of them out, or name methods that differ".to_owned(),
            Self::Crossing { both, .. } => {
                format!("add a route for {both}, which says what holds there")
            }
            Self::RequiredOfAnybody { .. } => {
                "set its access to \"protect\", or require nothing".to_owned()
            }
            Self::NoUpstream { upstream, .. } => {
                format!("write [upstreams.{upstream}], or leave `upstream` out")
            }
        }
    }
}

/// The same of routes and open paths together: those come after them in the list.
pub(crate) fn check_all(routes: &[Route], open: &[String], upstreams: &[&str]) -> Vec<RoutesError> {
    check(&with_open_paths(routes, open), upstreams)
}

/// Checks what can be told of routes alone: all trouble that is found.
pub(super) fn check(routes: &[Route], upstreams: &[&str]) -> Vec<RoutesError> {
    let mut found: Vec<_> = (0..routes.len())
        .flat_map(|at| alone(routes, at, upstreams))
        .collect();
    for second in 0..routes.len() {
        found.extend((0..second).filter_map(|first| pair(routes, first, second)));
    }
    found
}

fn alone(routes: &[Route], at: usize, upstreams: &[&str]) -> Vec<RoutesError> {
    let (route, mut found) = (&routes[at], Vec::new());
    if route.access != Access::Protect && !route.require.is_nothing() {
        let access = route.access;
        found.push(RoutesError::RequiredOfAnybody { route: route.to_string(), access, at });
    }
    if let Some(name) = &route.upstream
        && !upstreams.contains(&name.as_str())
    {
        let (route, upstream) = (route.to_string(), name.clone());
        found.push(RoutesError::NoUpstream { route, upstream, at });
    }
    found
}

fn pair(routes: &[Route], first: usize, second: usize) -> Option<RoutesError> {
    let (one, other) = (&routes[first], &routes[second]);
    let at = (first, second);
    if one.host == other.host && one.path == other.path {
        return both_take(one, other).then(|| RoutesError::Same {
            first: one.to_string(),
            second: other.to_string(),
            at,
        });
    }
    let narrower = |a: &Route, b: &Route| a.host != b.host && a.host.is_within(&b.host);
    let longer = |a: &Route, b: &Route| a.path != b.path && a.path.is_within(&b.path);
    let (by_host, by_path) = match () {
        () if narrower(one, other) && longer(other, one) => (one, other),
        () if narrower(other, one) && longer(one, other) => (other, one),
        () => return None,
    };
    is_open(routes, by_host, by_path).then(|| RoutesError::Crossing {
        first: by_host.to_string(),
        second: by_path.to_string(),
        both: format!("{}{}", by_host.host, by_path.path),
        at,
    })
}

/// Whether two routes of one host and path leave it open which a request belongs to.
fn both_take(one: &Route, other: &Route) -> bool {
    match (one.methods.is_empty(), other.methods.is_empty()) {
        (true, true) => true,
        (false, false) => one.methods.iter().any(|method| takes(other, method)),
        _ => false,
    }
}

/// Whether a route is for this method; GET brings HEAD with it.
fn takes(route: &Route, method: &http::Method) -> bool {
    let methods = &route.methods;
    methods.is_empty()
        || methods.contains(method)
        || (*method == http::Method::HEAD && methods.contains(&http::Method::GET))
        || (*method == http::Method::GET && methods.contains(&http::Method::HEAD))
}

/// Whether some method of what both are for has no route of its own there.
fn is_open(routes: &[Route], by_host: &Route, by_path: &Route) -> bool {
    let there: Vec<_> = routes
        .iter()
        .filter(|route| route.host == by_host.host && route.path == by_path.path)
        .collect();
    let settled = |method: &http::Method| there.iter().any(|route| takes(route, method));
    let named = by_host.methods.iter().chain(&by_path.methods);
    let mut shared = named.filter(|method| takes(by_host, method) && takes(by_path, method));
    let any = by_host.methods.is_empty() && by_path.methods.is_empty();
    let others = any && !there.iter().any(|route| route.methods.is_empty());
    others || shared.any(|method| !settled(method))
}
