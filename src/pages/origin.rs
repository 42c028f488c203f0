//! Whether a form was sent by a page of ours.
//!
//! Browsers say where a request comes from in `Sec-Fetch-Site`, which no page
//! can change. Where that is not sent, as over plain http, there is `Origin`.
//! Programs send neither, and hold no cookie that another page could borrow.

use http::header::{HOST, HeaderName, ORIGIN};
use http::request::Parts;
use http::uri::Authority;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether this request was not made by a page of somebody else's.
pub(crate) fn is_own(request: &Parts, https: bool) -> bool {
    match only(request, &SEC_FETCH_SITE) {
        Said::Once(site) => matches!(site, "same-origin" | "none"),
        Said::Badly => false,
        Said::Nothing => match only(request, &ORIGIN) {
            Said::Once(origin) => is_ours(origin, request, https),
            Said::Badly => false,
            Said::Nothing => true,
        },
    }
}

/// What the request's headers of a name say.
enum Said<'a> {
    Nothing,
    Once(&'a str),
    /// Twice, or in bytes that are no text.
    Badly,
}

fn only<'a>(request: &'a Parts, name: &HeaderName) -> Said<'a> {
    let mut values = request.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Said::Nothing,
        (Some(value), None) => value.to_str().map_or(Said::Badly, Said::Once),
        (Some(_), Some(_)) => Said::Badly,
    }
}

/// A proxy may speak http to us and https to the browser, so http is taken for
/// https, never the other way round.
fn is_ours(origin: &str, request: &Parts, https: bool) -> bool {
    let (authority, port) = match (origin.split_once("://"), https) {
        (Some(("https", authority)), _) => (authority, 443),
        (Some(("http", authority)), false) => (authority, 80),
        _ => return false,
    };
    let Ok(theirs) = authority.parse::<Authority>() else { return false };
    let Some(ours) = own_authority(request) else { return false };
    let same_host = theirs.host().eq_ignore_ascii_case(ours.host());
    let port_of = |authority: &Authority| authority.port_u16().unwrap_or(port);
    same_host && port_of(&theirs) == port_of(&ours)
}

fn own_authority(request: &Parts) -> Option<Authority> {
    if let Some(authority) = request.uri.authority() {
        return Some(authority.clone());
    }
    match only(request, &HOST) {
        Said::Once(host) => host.parse().ok(),
        Said::Nothing | Said::Badly => None,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn own(https: bool, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::post("/sign-in").header("host", "app.example:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_own(&request.body(()).expect("a request").into_parts().0, https)
    }

    #[test]
    fn the_browsers_word_goes_first() {
        for (site, expected) in [
            ("same-origin", true),
            ("none", true),
            ("same-site", false),
            ("cross-site", false),
            ("Same-Origin", false),
            ("", false),
        ] {
            assert_eq!(own(true, &[("sec-fetch-site", site)]), expected, "{site}");
        }
        let ours = ("origin", "https://app.example:8080");
        assert!(!own(true, &[("sec-fetch-site", "cross-site"), ours]));
        assert!(!own(true, &[("sec-fetch-site", "none"), ("sec-fetch-site", "none")]));
    }

    #[test]
    fn an_origin_is_compared_with_the_host() {
        for (origin, over_http, over_https) in [
            ("https://app.example:8080", true, true),
            ("https://APP.example:8080", true, true),
            ("http://app.example:8080", true, false),
            ("https://app.example", false, false),
            ("https://app.example.evil.example:8080", false, false),
            ("https://evil.example", false, false),
            ("null", false, false),
            ("file://", false, false),
            ("app.example:8080", false, false),
        ] {
            assert_eq!(own(false, &[("origin", origin)]), over_http, "{origin}");
            assert_eq!(own(true, &[("origin", origin)]), over_https, "{origin}");
        }
        assert!(own(true, &[]), "a program says nothing");
    }

    #[test]
    fn the_usual_port_need_not_be_written() {
        let request = Request::post("/").header("host", "app.example:443");
        let request = request.header("origin", "https://app.example");
        assert!(is_own(&request.body(()).expect("a request").into_parts().0, true));
        let request = Request::post("https://app.example/").header("origin", "https://app.example");
        assert!(is_own(&request.body(()).expect("a request").into_parts().0, true));
        let request = Request::post("/").header("origin", "https://app.example");
        assert!(!is_own(&request.body(()).expect("a request").into_parts().0, true));
    }
}
