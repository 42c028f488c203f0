use http::Request;
use proptest::prelude::*;

use super::*;

fn told(headers: &[(&str, &str)]) -> Result<Original, Refusal> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    Original::told_by(&map)
}

fn parts(method: &str, uri: &str, host: &str, proto: &str) -> Result<Original, Refusal> {
    told(&[
        ("x-forwarded-method", method),
        ("x-forwarded-uri", uri),
        ("x-forwarded-host", host),
        ("x-forwarded-proto", proto),
    ])
}

fn url(method: &str, url: &str) -> Result<Original, Refusal> {
    told(&[("x-original-method", method), ("x-original-url", url)])
}

fn behind(method: &str, target: &str, headers: &[(&str, &str)]) -> Result<Original, Refusal> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).expect("a request").into_parts();
    Original::behind("/.portcullis/check/path", &head)
}

fn facts(original: &Original) -> (&str, String, &str, bool) {
    let host = original.host.to_str().expect("text");
    (original.method.as_str(), original.target.to_string(), host, original.is_https)
}

#[test]
fn every_proxy_tells_the_same_request() {
    let expected = ("POST", "/reports?year=2026&x=%2F".to_owned(), "app.example:8443", true);
    let host = [("host", "app.example:8443"), ("x-forwarded-proto", "https")];
    let all = [
        url("POST", "https://app.example:8443/reports?year=2026&x=%2F"),
        parts("POST", "/reports?year=2026&x=%2F", "app.example:8443", "https"),
        behind("POST", "/.portcullis/check/path/reports?year=2026&x=%2F", &host),
    ];
    for original in all {
        assert_eq!(facts(&original.expect("told whole")), expected);
    }
}

/// Published: oauth2-proxy GHSA-7x63-xv5r-3p2x (`X-Forwarded-Uri` of a client beside the
/// proxy's own), GHSA-pxq7-h93f-9jrg (fragments), GHSA-7rh7-c77v-6434 (queries that look
/// like paths), Authelia CVE-2021-32637 (malformed addresses), Traefik GHSA-x677-9fxg-v5c5,
/// WSO2-2020-0868 (`;` and dot segments).
#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let twice = told(&[
        ("x-forwarded-method", "GET"),
        ("x-forwarded-uri", "/public"),
        ("x-forwarded-uri", "/private"),
        ("x-forwarded-host", "app.example"),
        ("x-forwarded-proto", "https"),
    ]);
    let both = told(&[
        ("x-original-url", "https://app.example/public"),
        ("x-original-method", "GET"),
        ("x-forwarded-uri", "/private"),
    ]);
    let by_path_too = behind(
        "GET",
        "/.portcullis/check/path/public",
        &[("host", "app.example"), ("x-forwarded-proto", "http"), ("x-forwarded-uri", "/private")],
    );
    for refused in [twice, both, by_path_too] {
        assert!(matches!(refused, Err(Refusal::Malformed(_))), "{refused:?}");
    }
    let corpus = [
        "/public/../private",
        "/public/%2e%2e/private",
        "/public/%252e%252e/private",
        "/public/..;/private",
        "/public\\..\\private",
        "/public/%5c../private",
        "/%2eportcullis/account",
        "/.portcullis;x/account",
        "//.portcullis/account",
        "/public#/private",
        "/public%00",
        "/a b",
        "public",
        "",
        "*",
        "https://other.example/",
    ];
    for path in corpus {
        let by_parts = parts("GET", path, "app.example", "https");
        assert!(by_parts.is_err(), "{path}: {by_parts:?}");
        let by_url = url("GET", &format!("https://app.example{path}"));
        assert!(by_url.is_err(), "{path}: {by_url:?}");
    }
}

#[test]
fn each_fact_is_needed_once_and_makes_sense() {
    let bad = [
        parts("", "/", "app.example", "https"),
        parts("GET POST", "/", "app.example", "https"),
        parts("CONNECT", "/", "app.example", "https"),
        parts("TRACE", "/", "app.example", "https"),
        parts("GET", "/", "", "https"),
        parts("GET", "/", "app.example, other.example", "https"),
        parts("GET", "/", "user@app.example", "https"),
        parts("GET", "/", "app.example/x", "https"),
        parts("GET", "/", "app.example", "https, http"),
        parts("GET", "/", "app.example", "ftp"),
        url("GET", "ftp://app.example/"),
        url("GET", "//app.example/"),
        url("GET", "https://app.example?x=/y"),
        url("GET", "https:///x"),
        url("GET", "https://user@app.example/"),
        told(&[("x-original-url", "https://app.example/")]),
        told(&[("x-original-method", "GET")]),
        told(&[]),
        behind("GET", "/.portcullis/check/path/x", &[("host", "app.example")]),
        behind("GET", "/.portcullis/check/path/x", &[("x-forwarded-proto", "http")]),
    ];
    for refused in bad {
        assert!(refused.is_err(), "{refused:?}");
    }
}

#[test]
fn a_preflight_is_no_way_round() {
    let mut headers = HeaderMap::new();
    headers.insert("origin", HeaderValue::from_static("https://other.example"));
    headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
    let original = parts("OPTIONS", "/", "app.example", "https").expect("told whole");
    let request = original.into_request(headers);
    assert!(
        !request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    );
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,24}",
        "(/|//|\\.\\.|%2e|;|\\?|#|a|\\\\|%){0,8}",
        "(https?://)?[a-z.:@]{0,12}(/[a-z%.]{0,8})?",
        Just("GET".to_owned()),
        Just("https".to_owned()),
        Just("app.example".to_owned()),
    ]
}

proptest! {
    /// Property: whatever headers say, an original request that is taken has one host
    /// that is one, and a path that reads the same however often it is decoded.
    #[test]
    fn what_is_taken_reads_in_one_way(values in proptest::collection::vec(any_value(), 6)) {
        let names = [
            "x-forwarded-method", "x-forwarded-uri", "x-forwarded-host", "x-forwarded-proto",
            "x-original-url", "x-original-method",
        ];
        for chosen in [&[0, 1, 2, 3][..], &[4, 5], &[0, 1, 2, 3, 4], &[1, 4, 5]] {
            let headers: Vec<_> = chosen.iter().map(|at| (names[*at], values[*at].as_str())).collect();
            if let Ok(original) = told(&headers) {
                prop_assert!(is_host(original.host.as_bytes()));
                prop_assert!(check_path(original.target.path()).is_ok());
                prop_assert!(original.target.path().starts_with('/'));
                prop_assert!(original.target.authority().is_none());
            }
        }
    }

    /// Property: an address is told alike by nginx and by Caddy.
    #[test]
    fn ways_of_telling_agree(path in "/[a-z/%0-9.;]{0,12}", query in "(\\?[a-z=&/.#]{0,8})?") {
        let target = format!("{path}{query}");
        let one = url("GET", &format!("http://app.example{target}")).ok();
        let other = parts("GET", &target, "app.example", "http").ok();
        prop_assert_eq!(one.as_ref().map(facts), other.as_ref().map(facts));
    }
}
