//! `[upstreams.NAME]`: further applications, as they are written.

use std::ops::Range;

use http::Uri;
use toml::de::DeValue;

use super::entry::Entry;
use super::kind::HostTold;
use super::problem::{Place, Problem};
use super::value::{Count, Length};
use crate::gateway::MOST_SERVERS;
use crate::gateway::Origin;
use crate::gateway::settings::{HealthCheck, UpstreamPool};

/// What the section is called.
pub(super) const SECTION: &str = "upstreams";

/// How the reference file shows the section: as an example, for it has no defaults.
pub(super) const REFERENCE: &str = r#"
# Further applications, which routes go to by name: one [upstreams.NAME] for each. What is
# left out is as the defaults of [upstream] say. The headers that tell who is signed in are
# those of [upstream.identity].
# With several `urls`, a request goes to the server with the fewest under way; one that can't
# be connected to is left alone for `left_alone_for`. With a `check_path`, one that fails
# `check_fall` checks in a row gets no requests until it has passed `check_rise` of them.
# [upstreams.wiki]
# urls = ["http://10.0.0.5:3001", "http://10.0.0.6:3001"]
# audience = "wiki"
# left_alone_for = "5s"
# check_path = "/healthz"
# check_every = "5s"
# check_timeout = "2s"
# check_fall = 3
# check_rise = 2
# connect_timeout = "5s"
# response_timeout = "60s"
# body_idle_timeout = "5m"
# idle_timeout = "30s"
# host = "client"
# http2 = false
"#;

const KEYS: [&str; 15] = [
    "url",
    "urls",
    "audience",
    "left_alone_for",
    "check_path",
    "check_every",
    "check_timeout",
    "check_fall",
    "check_rise",
    "connect_timeout",
    "response_timeout",
    "body_idle_timeout",
    "idle_timeout",
    "host",
    "http2",
];

const DAY: u64 = 24 * 3600;

/// Reads every upstream that is written, and notes what is wrong.
pub(super) fn read(value: &DeValue<'_>, span: Range<usize>) -> (Vec<UpstreamPool>, Vec<Problem>) {
    let DeValue::Table(sections) = value else {
        let problem = Problem::new(Place::File(span), "`upstreams` is no section");
        let problem = problem.mend("write [upstreams.NAME], and its keys below it");
        return (Vec::new(), vec![problem]);
    };
    let (mut pools, mut problems) = (Vec::new(), Vec::new());
    for (name, value) in sections {
        let DeValue::Table(table) = value.get_ref() else {
            let what = format!("`upstreams.{}` is no section", name.get_ref().escape_debug());
            let problem = Problem::new(Place::File(name.span()), what);
            problems.push(problem.mend("write [upstreams.NAME], and its keys below it"));
            continue;
        };
        if !is_name(name.get_ref()) {
            let what = format!("`{}` can't be an upstream's name", name.get_ref().escape_debug());
            let problem = Problem::new(Place::File(name.span()), what);
            problems.push(problem.mend("take letters of ASCII, digits, - and _, at most 64"));
            continue;
        }
        let path = format!("{SECTION}.{}", name.get_ref());
        let mut entry = Entry::new(path, "an upstream", table, name.span());
        entry.refuse_others(&KEYS);
        pools.extend(pool(name.get_ref(), &mut entry));
        problems.append(&mut entry.problems);
    }
    (pools, problems)
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

fn pool(name: &str, entry: &mut Entry<'_>) -> Option<UpstreamPool> {
    let origins = origins(name, entry);
    let audience: Option<String> = entry.take("audience");
    let left_alone_for: Option<Length<0, 3600>> = entry.take("left_alone_for");
    let check = check(name, entry);
    let connect_timeout: Option<Length<1, 300>> = entry.take("connect_timeout");
    let response_timeout: Option<Length<1, DAY>> = entry.take("response_timeout");
    let body_idle_timeout: Option<Length<1, DAY>> = entry.take("body_idle_timeout");
    let idle_timeout: Option<Length<1, DAY>> = entry.take("idle_timeout");
    let host: Option<HostTold> = entry.take("host");
    let http2: Option<bool> = entry.take("http2");
    if !entry.problems.is_empty() {
        return None;
    }
    let mut origins = origins.into_iter();
    let mut pool = UpstreamPool::new(name.to_owned(), origins.next()?, origins);
    pool.check = check;
    if let Some(length) = left_alone_for {
        pool.left_alone_for = length.0;
    }
    pool.settings.audience = audience;
    let settings = &mut pool.settings;
    let set = |to: &mut std::time::Duration, from: Option<std::time::Duration>| {
        *to = from.unwrap_or(*to);
    };
    set(&mut settings.connect_timeout, connect_timeout.map(|it| it.0));
    set(&mut settings.response_timeout, response_timeout.map(|it| it.0));
    set(&mut settings.body_idle_timeout, body_idle_timeout.map(|it| it.0));
    set(&mut settings.idle_timeout, idle_timeout.map(|it| it.0));
    settings.own_host = host == Some(HostTold::Upstream);
    settings.http2 = http2.unwrap_or_default();
    Some(pool)
}

/// Where its servers listen: `url`, or `urls`.
fn origins(name: &str, entry: &mut Entry<'_>) -> Vec<Origin> {
    let origins = match (entry.has("url"), entry.has("urls")) {
        (false, true) => entry.take::<Vec<Origin>>("urls").unwrap_or_default(),
        (true, true) => {
            let what = format!("the upstream {name} has `url` and `urls`");
            entry.wrong(what, "leave one of them out");
            return Vec::new();
        }
        _ => entry.required::<Origin>("url").into_iter().collect(),
    };
    if entry.has("urls") && !(1..=MOST_SERVERS).contains(&origins.len()) {
        let what = format!("the upstream {name} has {} servers", origins.len());
        entry.wrong(what, format!("list from 1 to {MOST_SERVERS}"));
    }
    if origins.iter().any(Origin::is_https) {
        entry.wrong(
            format!("the gateway speaks plain http to the upstream {name}, and its url says https"),
            "name its http address",
        );
    }
    let same = |at: usize| origins[..at].contains(&origins[at]);
    if (0..origins.len()).any(same) {
        entry.wrong(format!("the upstream {name} has one server twice"), "list each of them once");
    }
    origins
}

fn check(name: &str, entry: &mut Entry<'_>) -> Option<HealthCheck> {
    let path: Option<String> = entry.take("check_path");
    let every: Option<Length<1, 3600>> = entry.take("check_every");
    let timeout: Option<Length<1, 300>> = entry.take("check_timeout");
    let fall: Option<Count<1, 100>> = entry.take("check_fall");
    let rise: Option<Count<1, 100>> = entry.take("check_rise");
    let Some(path) = path else {
        let others = ["check_every", "check_timeout", "check_fall", "check_rise"];
        if let Some(key) = others.into_iter().find(|key| entry.has(key)) {
            let what = format!("the upstream {name} has `{key}`, and is not checked");
            entry.wrong(what, "write check_path = \"/healthz\", or what it answers at");
        }
        return None;
    };
    let uri = path
        .parse()
        .ok()
        .filter(|uri: &Uri| path.starts_with('/') && uri.host().is_none());
    let Some(uri) = uri else {
        let what = format!("`upstreams.{name}.check_path` is no path");
        entry.wrong(what, "begin it with a slash, as in \"/healthz\"");
        return None;
    };
    let mut check = HealthCheck::new(uri);
    check.every = every.map_or(check.every, |length| length.0);
    check.timeout = timeout.map_or(check.timeout, |length| length.0);
    check.fall = fall.map_or(check.fall, |count| u32::try_from(count.0).unwrap_or(u32::MAX));
    check.rise = rise.map_or(check.rise, |count| u32::try_from(count.0).unwrap_or(u32::MAX));
    Some(check)
}
