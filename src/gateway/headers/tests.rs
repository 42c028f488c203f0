use http::header::HOST;
use proptest::prelude::*;

use super::*;

/// The values of a header, line by line.
type Lines = &'static [&'static [u8]];

fn with_cookies(lines: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(COOKIE, HeaderValue::from_bytes(line).expect("a value"));
    }
    headers
}

fn cookies(headers: &HeaderMap) -> Vec<&[u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect()
}

#[test]
fn our_cookies_go_and_the_others_stay() {
    let cases: &[(Lines, Lines)] = &[
        (&[b"theme=dark"], &[b"theme=dark"]),
        (&[b" theme = dark ;;"], &[b" theme = dark ;;"]),
        (&[b"portcullis=x"], &[]),
        (&[b"a=1; portcullis=x; b=2"], &[b"a=1; b=2"]),
        (&[b"a=1;portcullis=x;b=2"], &[b"a=1; b=2"]),
        (&[b"a=1; PortCullis=x"], &[b"a=1"]),
        (&[b"__Host-portcullis=x; __host-portcullis-device=y; __Secure-portcullis=z"], &[]),
        (&[b"portcullis-console=x; portcullis_y=z; portcullis"], &[]),
        (&[b"a=\"x; portcullis=y\"; b=2"], &[b"a=\"x; b=2"]),
        (&[b"a=portcullis=x"], &[b"a=portcullis=x"]),
        (&[b"a=1", b"b=2"], &[b"a=1; b=2"]),
        (&[b"a=1", b"portcullis=x", b"b=2"], &[b"a=1; b=2"]),
        (&[b"portcullis=x", b""], &[]),
        (&[b"\tportcullis=x"], &[]),
        (&[b"a=\xff; portcullis=x"], &[b"a=\xff"]),
    ];
    for (before, after) in cases {
        let mut headers = with_cookies(before);
        remove_our_cookies(&mut headers);
        let shown = || {
            before
                .iter()
                .map(|line| String::from_utf8_lossy(line))
                .collect::<Vec<_>>()
        };
        assert_eq!(cookies(&headers), *after, "{:?}", shown());
    }
}

#[test]
fn an_upstream_sets_no_cookie_of_ours() {
    let mut headers = HeaderMap::new();
    for value in [
        "theme=dark; Path=/",
        "portcullis=x",
        "__Host-portcullis=x; Secure",
        " Portcullis=x",
        "portcullisx=y",
        // Without a name, to a browser: it comes back without the sign.
        "=portcullis=x",
        "= =\t__Host-portcullis=x",
        "lang=en",
    ] {
        headers.append(SET_COOKIE, value.parse().expect("a value"));
    }
    remove_our_set_cookies(&mut headers);
    let left: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
    assert_eq!(left, ["theme=dark; Path=/", "lang=en"]);
}

#[test]
fn what_connection_names_goes_but_not_what_the_gateway_goes_by() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("connection", "close, X-Private ,Host,, b@d, Content-Length"),
        ("connection", "X-Edge"),
        ("x-private", "1"),
        ("x-edge", "2"),
        ("host", "app.example"),
        ("content-length", "5"),
        ("accept", "*/*"),
    ] {
        headers.append(name, value.parse().expect("a value"));
    }
    let edge = HeaderName::from_static("x-edge");
    remove_named_by_connection(&mut headers, &[&HOST, &edge]);
    remove_of_one_hop(&mut headers);
    let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["accept", "host", "x-edge"]);
}

#[test]
fn an_identity_is_visible_ascii() {
    for (text, written) in [
        ("alice", "alice"),
        ("alice@example.org", "alice@example.org"),
        ("Zoë Ångström", "Zo%C3%AB%20%C3%85ngstr%C3%B6m"),
        ("100%", "100%25"),
        ("a\r\nX-Admin: 1", "a%0D%0AX-Admin:%201"),
        ("\u{7f}", "%7F"),
    ] {
        assert_eq!(encoded(text), written);
    }
}

/// Cookies as a client may send them: other people's, ours, and nonsense.
fn any_pair() -> impl Strategy<Value = (String, bool)> {
    let ours = "(__Host-|__Secure-|__host-)?[Pp]ortcullis[a-z_-]{0,4}(=[a-zA-Z0-9\"]{0,6})?";
    prop_oneof![
        ours.prop_map(|pair| (pair, true)),
        "[abc_]{1,4}=[ -:<-~]{0,8}[!-:<-~]".prop_map(|pair| (pair, false)),
        "[abc]{1,3}".prop_map(|pair| (pair, false)),
        "a=\"portcullis=[a-z]{0,3}\"".prop_map(|pair| (pair, false)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Property: what remains is exactly the other pairs, in order, and in one
    /// line.
    #[test]
    fn the_others_remain_in_order(
        lines in proptest::collection::vec(proptest::collection::vec(any_pair(), 1..6), 0..4),
        tight: bool,
    ) {
        let separator = if tight { ";" } else { "; " };
        let text = |pairs: &Vec<(String, bool)>| {
            pairs.iter().map(|(pair, _)| pair.clone()).collect::<Vec<_>>().join(separator)
        };
        let written: Vec<String> = lines.iter().map(text).collect();
        let bytes: Vec<&[u8]> = written.iter().map(String::as_bytes).collect();
        let mut headers = with_cookies(&bytes);
        remove_our_cookies(&mut headers);
        let others: Vec<&str> = lines
            .iter()
            .flatten()
            .filter(|(_, ours)| !ours)
            .map(|(pair, _)| pair.trim())
            .collect();
        let left: Vec<String> = cookies(&headers)
            .iter()
            .flat_map(|line| line.split(|byte| *byte == b';'))
            .map(|pair| String::from_utf8_lossy(pair.trim_ascii()).into_owned())
            .collect();
        prop_assert!(headers.get_all(COOKIE).iter().count() <= 1);
        prop_assert_eq!(left, others);
    }

    /// Property: whatever bytes a cookie line has, no pair of ours is left in it.
    #[test]
    fn none_of_ours_is_left(line in proptest::collection::vec(any::<u8>(), 0..60), at in 0usize..60) {
        let mut line: Vec<u8> = line;
        let at = at.min(line.len());
        line.splice(at..at, *b"; portcullis=secret");
        let Ok(value) = HeaderValue::from_bytes(&line) else { return Ok(()) };
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, value);
        remove_our_cookies(&mut headers);
        for line in cookies(&headers) {
            prop_assert!(!line.split(|byte| *byte == b';').any(is_our_cookie));
        }
    }

    /// Property: any text is a header's value, and the text comes back from it.
    #[test]
    fn an_identity_comes_back(text in "\\PC{0,20}") {
        let value = encoded(&text);
        prop_assert!(value.as_bytes().iter().all(u8::is_ascii_graphic));
        let back = percent_encoding::percent_decode(value.as_bytes()).decode_utf8_lossy();
        prop_assert_eq!(back, text);
    }
}
