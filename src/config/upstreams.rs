//! `[upstreams.NAME]`: further applications, as they are written.

use std::ops::Range;

use toml::de::DeValue;

use super::entry::Entry;
use super::kind::HostTold;
use super::problem::{Place, Problem};
use super::value::Length;
use crate::gateway::Origin;
use crate::gateway::settings::UpstreamPool;

/// What the section is called.
pub(super) const SECTION: &str = "upstreams";

/// How the reference file shows the section: as an example, for it has no defaults.
pub(super) const REFERENCE: &str = r#"
# Further applications, which routes go to by name: one [upstreams.NAME] for each. What is
# left out is as the defaults of [upstream] say. The headers that tell who is signed in are
# those of [upstream.identity].
# [upstreams.wiki]
# url = "http://127.0.0.1:3001"
# connect_timeout = "5s"
# response_timeout = "60s"
# body_idle_timeout = "5m"
# idle_timeout = "30s"
# host = "client"
# http2 = false
"#;

const KEYS: [&str; 7] = [
    "url",
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
    let url: Option<Origin> = entry.required("url");
    let connect_timeout: Option<Length<1, 300>> = entry.take("connect_timeout");
    let response_timeout: Option<Length<1, DAY>> = entry.take("response_timeout");
    let body_idle_timeout: Option<Length<1, DAY>> = entry.take("body_idle_timeout");
    let idle_timeout: Option<Length<1, DAY>> = entry.take("idle_timeout");
    let host: Option<HostTold> = entry.take("host");
    let http2: Option<bool> = entry.take("http2");
    if url.as_ref().is_some_and(Origin::is_https) {
        entry.wrong(
            format!("the gateway speaks plain http to the upstream {name}, and its url says https"),
            "name its http address",
        );
    }
    if !entry.problems.is_empty() {
        return None;
    }
    let mut pool = UpstreamPool::new(name.to_owned(), url?, []);
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
