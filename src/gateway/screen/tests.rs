use http::Request;
use proptest::prelude::*;

use super::*;
use crate::domain::client::TrustedProxies;

fn screen(change: impl FnOnce(&mut Settings)) -> Screen {
    let origin = crate::gateway::Origin::parse("http://127.0.0.1:3000").expect("an origin");
    let mut settings = Settings::for_upstream(origin);
    change(&mut settings);
    Screen::new(&settings)
}

fn head(target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::get(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request").into_parts().0
}

fn look(head: &mut Parts) -> Result<ClientAddr, Refusal> {
    screen(|_| {}).look(head, false, &peer("192.0.2.7"))
}

fn peer(ip: &str) -> Peer {
    Peer::new(ip.parse().expect("an address"))
}

#[test]
fn a_request_names_one_host() {
    for host in ["app.example", "app.example:8080", "127.0.0.1:1", "[::1]", "[::1]:443", "my_app-1"]
    {
        assert!(look(&mut head("/", &[("host", host)])).is_ok(), "{host}");
    }
    for host in [
        "",
        " ",
        "a b",
        "u@app.example",
        "u:p@app.example",
        "app.example/x",
        "app.example:",
        "app.example:x",
        "app.example:123456",
        "app.example:80:80",
        "[::1",
        "::1",
        "[g]",
        "a,b",
        "a?b",
        "a#b",
        "a%2fb",
        "app.example:+80",
        "[::1]x",
        "[]",
        ":80",
    ] {
        assert!(look(&mut head("/", &[("host", host)])).is_err(), "{host:?}");
    }
    assert!(look(&mut head("/", &[])).is_err());
    assert!(look(&mut head("/", &[("host", "a"), ("host", "a")])).is_err());
    assert!(look(&mut head("http://a/", &[("host", "b")])).is_err());
    let mut absolute = head("http://A.example/x?y", &[("host", "a.example")]);
    assert!(look(&mut absolute).is_ok());
    assert_eq!(absolute.uri, "/x?y");
    let mut of_http2 = head("https://a.example/x", &[]);
    assert!(look(&mut of_http2).is_ok());
    assert_eq!(of_http2.headers[HOST], "a.example");
    assert!(look(&mut head("http://u@a.example/x", &[])).is_err());
}

#[test]
fn a_path_is_read_in_one_way_only() {
    for path in [
        "/",
        "/a/b",
        "/a%20b",
        "/a%2Fb",
        "/a;v=1/b",
        "//a",
        "/a//b",
        "/...",
        "/.well-known/x",
        "/a.b/c..d",
        "/100%25",
        "/%E2%82%AC",
        "/\u{20ac}",
        "/a%252Fb",
        "/~user/%7Euser",
    ] {
        assert!(check_path(path).is_ok(), "{path}");
    }
    for path in [
        "/..",
        "/.",
        "/a/../b",
        "/a/./b",
        "/a/..",
        "/%2e%2e/b",
        "/%2E./b",
        "/.%2e/b",
        "/a/..;/b",
        "/a/..;v=1/b",
        "/.;/b",
        "/%252e%252e/b",
        "/%25252e%25252e/b",
        "/..%2Fb",
        "/a%2f..%2fb",
        "/a%5cb",
        "/a\\b",
        "/a%00b",
        "/a%0ab",
        "/a%0d%0ab",
        "/a%7fb",
        "/a%255cb",
        "/..%3Bx/b",
        "/%252525252e",
        "/a%2500",
    ] {
        assert!(check_path(path).is_err(), "{path}");
    }
}

#[test]
fn one_header_tells_the_address_and_only_trusted_proxies_write_it() {
    let forwarded = [
        ("host", "a"),
        ("x-forwarded-for", "203.0.113.9, 10.0.0.2"),
        ("x-forwarded-proto", "https"),
    ];
    let mut from_outside = head("/", &forwarded);
    let client = look(&mut from_outside).expect("fine");
    assert_eq!(client, "192.0.2.7".parse::<IpAddr>().expect("an address").into());
    assert_eq!(from_outside.headers["x-forwarded-for"], "192.0.2.7");
    assert_eq!(from_outside.headers["x-forwarded-proto"], "http");

    let behind = screen(|settings| {
        let proxies = ["10.0.0.0/8".parse().expect("a network")];
        settings.client_address.trusted_proxies = TrustedProxies::new(proxies);
    });
    let mut through = head("/", &forwarded);
    through
        .headers
        .insert("connection", "x-forwarded-for".parse().expect("a value"));
    let client = behind
        .look(&mut through, false, &peer("10.0.0.1"))
        .expect("fine");
    assert_eq!(client, "203.0.113.9".parse::<IpAddr>().expect("an address").into());
    assert_eq!(through.headers["x-forwarded-for"], "203.0.113.9, 10.0.0.2, 10.0.0.1");
    assert_eq!(through.headers["x-forwarded-proto"], "https");
}

#[test]
fn a_head_has_an_end() {
    let many = "x".repeat(33 * 1024);
    let refused = look(&mut head("/", &[("host", "a"), ("cookie", &many)]));
    assert!(matches!(refused, Err(Refusal::HeadTooLarge)), "{refused:?}");
}

#[test]
fn bodies_are_announced_and_upgrades_have_none() {
    let screen = screen(|_| {});
    let mut options = head("/", &[("host", "a")]);
    options.method = Method::OPTIONS;
    options.version = Version::HTTP_2;
    assert!(screen.look(&mut options, true, &peer("192.0.2.7")).is_err());
    let mut upgrade =
        head("/", &[("host", "a"), ("upgrade", "websocket"), ("content-length", "5")]);
    assert!(screen.look(&mut upgrade, true, &peer("192.0.2.7")).is_err());
    for coding in ["gzip, chunked", "xchunked", "chunked, chunked", "\"chunked\""] {
        let mut coded = head("/", &[("host", "a"), ("transfer-encoding", coding)]);
        assert!(screen.look(&mut coded, true, &peer("192.0.2.7")).is_err(), "{coding}");
    }
}

/// What a server may make of a path: decoded up to three times, then resolved.
fn resolved(path: &[u8], decodings: usize) -> Vec<Vec<u8>> {
    let mut path = path.to_vec();
    for _ in 0..decodings {
        path = percent_decode(&path).collect();
    }
    let mut names: Vec<Vec<u8>> = Vec::new();
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')) {
        let name = segment
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default();
        match name {
            b".." => drop(names.pop()),
            b"." => {}
            _ => names.push(segment.to_vec()),
        }
    }
    names
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Property: a path that passes has as many segments and the same ones for a
    /// server that resolves dot segments as for one that doesn't, however often
    /// it decodes first.
    #[test]
    fn nothing_is_left_to_resolve(
        path in "(/|\\.|\\.\\.|;|%2e|%2E|%252e|%2f|%5c|%255c|\\\\|%25|%00|%|a|2e|5c){1,12}",
    ) {
        let path = format!("/{path}");
        if check_path(&path).is_err() {
            return Ok(());
        }
        for decodings in 0..4 {
            let mut decoded = path.clone().into_bytes();
            for _ in 0..decodings {
                decoded = percent_decode(&decoded).collect();
            }
            prop_assert!(!decoded.contains(&b'\\') && !decoded.contains(&0), "{}", &path);
            let plain: Vec<Vec<u8>> = decoded.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
            prop_assert_eq!(resolved(path.as_bytes(), decodings), plain, "{}", &path);
        }
    }

    /// Property: whatever the path, it is below a prefix only if every server
    /// agrees: no encoding, no parameters, no empty segments after it.
    #[test]
    fn only_plain_paths_are_below(rest in "(/|a|\\.|;|%2e|%2f|//|\\?){0,8}") {
        let path = format!("/assets{rest}");
        if is_below(&path, "/assets") {
            prop_assert!(rest.is_empty() || rest.starts_with('/'));
            prop_assert!(!rest.contains('%') && !rest.contains(';') && !rest.contains("//"));
        }
    }

    /// Property: no header of a client, whatever its bytes, makes the screen
    /// panic; what passes has one host, and none of the names that nobody may
    /// send except those that the gateway wrote.
    #[test]
    fn what_passes_has_one_host_and_no_untrusted_name(
        fields in proptest::collection::vec(
            ("(host|connection|x[-_.]forwarded[-_.](for|host)|x-real-ip|remote_user|transfer-encoding|expect|[a-z_.-]{1,12})",
             proptest::collection::vec(any::<u8>(), 0..24)),
            0..8,
        ),
        has_body: bool,
    ) {
        let screen = screen(|_| {});
        let mut head = head("/a", &[]);
        for (name, value) in fields {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value))
            {
                head.headers.append(name, value);
            }
        }
        if screen.look(&mut head, has_body, &peer("192.0.2.7")).is_ok() {
            prop_assert_eq!(head.headers.get_all(HOST).iter().count(), 1);
            prop_assert!(is_host(head.headers[HOST].as_bytes()));
            let ours = [X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO];
            for name in head.headers.keys().filter(|name| !ours.contains(name)) {
                prop_assert!(!screen.untrusted.includes(name), "{}", name);
            }
            for name in ours {
                prop_assert_eq!(head.headers.get_all(name).iter().count(), 1);
            }
            prop_assert!(!head.headers.contains_key(EXPECT));
        }
    }
}
