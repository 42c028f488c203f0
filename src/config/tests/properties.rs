//! What holds for every configuration.

use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::config::file::{Admin, Limits, Lockout, LockoutAddress, LockoutPair, Sessions};
use crate::config::kind::{
    Colour, Header, HostName, HostTold, Line, LockFor, LogLevel, Longest, MaybeHeader, MaybeListen,
    OpenPath, Retention, SupportUrl, Window,
};
use crate::config::value::{Ceiling, Count, Length, LicenceLimit, Size};
use crate::domain::lock::LiveSessions;
use crate::domain::policy::{Enforcement, Preset, WindowKind};

fn length<const MIN: u64, const MAX: u64>() -> impl Strategy<Value = Length<MIN, MAX>> {
    (MIN * 1000..=MAX * 1000).prop_map(|millis| Length(Duration::from_millis(millis)))
}

fn count<const MIN: u64, const MAX: u64>() -> impl Strategy<Value = Count<MIN, MAX>> {
    (MIN..=MAX).prop_map(Count)
}

fn size<const MIN: u64, const MAX: u64>() -> impl Strategy<Value = Size<MIN, MAX>> {
    (MIN..=MAX).prop_map(Size)
}

fn header() -> impl Strategy<Value = Header> {
    "x-[a-z0-9-]{1,20}".prop_map(|name| Header(name.parse().expect("a name")))
}

fn origin() -> impl Strategy<Value = Origin> {
    ("https?", "[a-z0-9]{1,10}(\\.[a-z]{2,5})?", 1..=65535u16).prop_map(|(scheme, host, port)| {
        Origin::parse(&format!("{scheme}://{host}:{port}")).expect("an origin")
    })
}

fn address() -> impl Strategy<Value = SocketAddr> {
    any::<(std::net::IpAddr, u16)>().prop_map(SocketAddr::from)
}

fn line() -> impl Strategy<Value = Line> {
    "[!-~ä-ü\"\\\\ ]{1,50}"
        .prop_filter_map("a line", |text| crate::admin::settings::line(&text).ok().map(Line))
}

prop_compose! {
    fn sessions()(
        lifetime in length(),
        idle in length(),
        max_stale in length(),
        strict in any::<bool>(),
        capacity in count(),
        known_devices in any::<bool>(),
    ) -> Sessions {
        let when_stale = if strict { OnStale::Strict } else { OnStale::BestEffort };
        Sessions { lifetime, idle, max_stale, when_stale, capacity, known_devices, cookie_domain: None }
    }
}

prop_compose! {
    fn limits()(
        connections in count(),
        head in size(),
        head_fields in count(),
        body in option::of(size()),
        head_timeout in length(),
        body_idle_timeout in length(),
        drain in length(),
        in_flight in option::of(count()),
        queue_timeout in length(),
    ) -> Limits {
        Limits {
            connections,
            head,
            head_fields,
            body,
            head_timeout,
            body_idle_timeout,
            drain,
            in_flight,
            queue_timeout,
        }
    }
}

/// Any section about one counter.
macro_rules! counter {
    ($name:ident, $type:ident { $($rest:tt)* }) => {
        prop_compose! {
            fn $name()(
                count in option::of(any::<bool>()),
                max_attempts in option::of(count()),
                window in option::of(option::of(0..1_000_000u64)),
                since_last in option::of(any::<bool>()),
                lock_for in option::of(option::of(0..1_000_000u64)),
                growth in option::of(count()),
                longest in option::of(option::of(0..1_000_000u64)),
                steps in option::of(vec(length(), 0..4)),
                permanent_after in option::of(count()),
                ceiling in option::of(option::of(1..=1_000_000u32)),
            ) -> $type {
                let length = |secs: Option<u64>| secs.map(Duration::from_secs);
                let kind = |last| if last { WindowKind::SinceLast } else { WindowKind::Sliding };
                $type {
                    count,
                    max_attempts,
                    window: window.map(|secs| Window(length(secs))),
                    window_kind: since_last.map(kind),
                    lock_for: lock_for.map(|secs| LockFor(length(secs))),
                    growth,
                    longest: longest.map(|secs| Longest(length(secs))),
                    steps,
                    permanent_after,
                    ceiling: ceiling.map(Ceiling),
                    $($rest)*
                }
            }
        }
    };
}

counter!(address_counter, LockoutAddress {});
counter!(pair_counter, LockoutPair {});
counter!(account_counter, Lockout { ..Lockout::default() });

prop_compose! {
    fn lockout()(
        account in account_counter(),
        preset in option::of(proptest::sample::select(&Preset::ALL[..])),
        exempt in option::of(vec(any::<(u32, u8)>(), 0..3)),
        known_devices in option::of(any::<bool>()),
        remember_wrong in option::of(count()),
        keep in option::of(any::<bool>()),
        monitor in option::of(any::<bool>()),
    ) -> Lockout {
        Lockout {
            preset,
            exempt: exempt.map(|networks| networks.into_iter().map(network).collect()),
            known_devices,
            remember_wrong,
            live_sessions: keep.map(|k| if k { LiveSessions::Keep } else { LiveSessions::Refuse }),
            mode: monitor.map(|m| if m { Enforcement::Monitor } else { Enforcement::Lock }),
            ..account
        }
    }
}

fn network((bits, prefix): (u32, u8)) -> ipnet::IpNet {
    ipnet::Ipv4Net::new(bits.into(), prefix % 33)
        .expect("a network")
        .into()
}

prop_compose! {
    fn people()(
        names in vec(option::of(header()), 5),
        strip in vec(header(), 0..4),
        paths in vec("(/[a-z0-9._~-]{1,8}[a-z]){1,3}", 0..3),
        hosts in vec("[a-z]{1,8}(\\.[a-z]{2,5})?", 0..3),
        proxies in vec(any::<(u32, u8)>(), 0..3),
        branding in (option::of(line()), option::of(line())),
        accent in option::of("#[0-9a-f]{6}|#[0-9a-f]{3}"),
        help in option::of("(https?://|mailto:)[!-~]{1,20}"),
        lifetime in option::of(60..=86_400_u64),
        [deletion, disabling, reuse_logins] in any::<[Option<bool>; 3]>(),
        kept in option::of("forever|[2-9][0-9]{0,3}d"),
        limit in option::of(option::of(1u64..=1_000_000_000)),
    ) -> Written {
        let mut written = Written::default();
        let mut names = names.into_iter().map(MaybeHeader);
        let mut next = || names.next().expect("five");
        let identity = &mut written.identity;
        identity.user = next();
        identity.account = next();
        identity.email = next();
        identity.name = next();
        identity.groups = next();
        written.headers.strip = strip;
        written.open.paths = paths.into_iter().map(OpenPath).collect();
        written.admin.hosts = hosts.into_iter().map(HostName).collect();
        written.clients.trusted_proxies = proxies.into_iter().map(network).collect();
        (written.branding.name, written.branding.contact) = branding;
        written.branding.accent = accent.map(Colour);
        written.branding.support_url = help.map(SupportUrl);
        written.tokens.lifetime = lifetime.map(Length::secs);
        (written.accounts.deletion, written.accounts.disabling) = (deletion, disabling);
        written.accounts.reuse_logins = reuse_logins;
        written.audit.retention = kept.map(Retention);
        written.licences.limit = limit.map(LicenceLimit);
        written
    }
}

prop_compose! {
    fn written()(
        people in people(),
        sessions in sessions(),
        limits in limits(),
        lockout in (lockout(), address_counter(), pair_counter()),
        listen in address(),
        admin in option::of(address()),
        url in option::of(origin()),
        upstream in option::of(origin()),
        switches in any::<[bool; 5]>(),
        directory in option::of("[a-zA-Z0-9_./ -]{1,30}"),
        level in proptest::sample::select(&["info", "warn,portcullis=debug", "TRACE"][..]),
    ) -> Written {
        let (lockout, lockout_address, lockout_pair) = lockout;
        let mut written =
            Written { sessions, limits, lockout, lockout_address, lockout_pair, ..people };
        written.public.listen = listen;
        written.public.url = url;
        written.public.api_tokens = switches[0];
        written.public.ext_authz = switches[1];
        written.upstream.url = upstream;
        written.upstream.http2 = switches[1];
        written.upstream.host = if switches[2] { HostTold::Client } else { HostTold::Upstream };
        let hosts = std::mem::take(&mut written.admin.hosts);
        let proxy_protocol = written.clients.trusted_proxies.clone();
        written.clients.proxy_protocol = proxy_protocol.iter().rev().copied().collect();
        written.admin = Admin {
            listen: MaybeListen(admin),
            hosts,
            allow_plain: switches[3],
            metrics_token: switches[0],
            proxy_protocol,
        };
        written.store.directory = directory.map(PathBuf::from);
        written.log.format = if switches[4] { LogFormat::Json } else { LogFormat::Text };
        written.log.level = LogLevel(level.to_owned());
        written
    }
}

proptest! {
    /// Property: what is written is read as the same, unless it contradicts itself:
    /// then nothing but contradictions is wrong with it.
    #[test]
    fn what_is_written_is_read_back(written in written()) {
        let text = written.render();
        match load::parse(&text, &nothing(), None) {
            Ok((read, _)) => prop_assert_eq!(read, written),
            Err(problems) => {
                let mut reader = super::super::read::Reader::new();
                let table = toml::de::DeTable::parse(&text).expect("TOML");
                reader.file(table.get_ref());
                prop_assert_eq!(Written::read(&mut reader), written);
                prop_assert_eq!(reader.finish().problems, vec![]);
                prop_assert!(!problems.is_empty());
            }
        }
    }

    /// Property: no text makes the loader or its messages panic, and everything that
    /// is wrong is at a line of the text.
    #[test]
    fn any_text_is_read_or_refused_at_its_lines(text in any_text()) {
        let Err(errors) = check(&text, &[]) else { return Ok(()) };
        prop_assert!(!errors.problems().is_empty());
        let lines = 1 + text.matches('\n').count();
        for problem in errors.problems() {
            let line = errors.line(problem);
            prop_assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{problem:?}");
        }
        prop_assert!(errors.to_string().contains("error"));
        prop_assert!(!errors.render(true).is_empty());
    }

    /// Property: no variable makes the loader panic, and what is wrong with one names it.
    #[test]
    fn any_variable_is_read_or_refused_by_its_name(key in any_key(), value in "\\PC{0,30}|[0-9a-z:./]{0,20}") {
        let name = format!("PORTCULLIS__{key}");
        let Err(errors) = check("", &[(&name, &value)]) else { return Ok(()) };
        prop_assert_eq!(errors.problems()[0].place(), &Place::Variable(name.clone()));
        prop_assert!(errors.to_string().contains(&name));
    }
}

fn any_key() -> impl Strategy<Value = String> {
    let keys: Vec<_> = Written::default()
        .sections()
        .into_iter()
        .flat_map(|s| s.keys)
        .collect();
    let known = keys
        .iter()
        .map(|key| key.name.to_ascii_uppercase().replace('.', "__"));
    prop_oneof![proptest::sample::select(known.collect::<Vec<_>>()), "[A-Z_]{0,20}"]
}

/// Anything at all, and what is nearly a configuration.
fn any_text() -> impl Strategy<Value = String> {
    let bytes = vec(any::<u8>(), 0..200);
    let anything = bytes.prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let piece = proptest::sample::select(
        &[
            "[public]",
            "[limits]",
            "[upstream.identity]",
            "listen",
            "head",
            "url",
            " = ",
            "\"",
            "\n",
            "\r\n",
            "\t",
            "'''",
            "7",
            "0x_1",
            "true",
            "[",
            "]",
            "{",
            "}",
            ".",
            ",",
            "#",
            "ä",
            "\u{feff}",
            "\"15m\"",
            "99999999999999999999",
            "1.5",
            "2020-01-01",
            "\u{0}",
            "\\",
            "//a@b",
        ][..],
    );
    let nearly = vec(piece, 0..40).prop_map(|pieces| pieces.concat());
    prop_oneof![anything, nearly]
}
