use http::Response;

use super::super::SignInSucceeded;
use super::*;

fn head(status: u16, headers: &[(&str, &str)]) -> Parts {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(()).expect("a response").into_parts().0
}

#[test]
fn a_status_is_that_one() {
    let sign = Sign::status(StatusCode::NO_CONTENT);
    assert!(sign.is_in(&head(204, &[])));
    for status in [200, 303, 401, 500] {
        assert!(!sign.is_in(&head(status, &[])), "{status}");
    }
}

#[test]
fn a_redirect_leads_exactly_there() {
    let sign = Sign::redirect_to("/");
    assert!(sign.is_in(&head(303, &[("location", "/")])));
    assert!(sign.is_in(&head(302, &[("location", "/")])));
    for (status, locations) in [
        (303, &[("location", "/login")][..]),
        (303, &[("location", "/?error")]),
        (303, &[("location", "https://host/")]),
        (303, &[("location", "/"), ("location", "/login")]),
        (303, &[]),
        (200, &[("location", "/")]),
    ] {
        assert!(!sign.is_in(&head(status, locations)), "{status} {locations:?}");
    }
}

#[test]
fn a_redirect_below_a_path_begins_with_it() {
    let sign = Sign::redirect_below("/app/");
    assert!(sign.is_in(&head(303, &[("location", "/app/a?b")])));
    for location in ["/app", "/login?next=/app/", "//app/"] {
        assert!(!sign.is_in(&head(303, &[("location", location)])), "{location}");
    }
    assert!(!sign.is_in(&head(200, &[("location", "/app/a")])));
}

#[test]
fn a_cookie_is_set_and_not_taken_away() {
    let sign = Sign::sets_cookie("sid");
    for cookies in [
        &[("set-cookie", "sid=a")][..],
        &[("set-cookie", "sid=a; Path=/; Max-Age=3600; HttpOnly")],
        &[("set-cookie", "sid=; Max-Age=0"), ("set-cookie", "sid=a")],
        &[
            ("set-cookie", "other=x"),
            ("set-cookie", "sid=a; Expires=Fri, 31 Dec 2027 00:00:00 GMT"),
        ],
    ] {
        assert!(sign.is_in(&head(200, cookies)), "{cookies:?}");
    }
    for cookies in [
        &[][..],
        &[("set-cookie", "sid=")],
        &[("set-cookie", "sid=\"\"; Path=/")],
        &[("set-cookie", "sid")],
        &[("set-cookie", "sid2=a")],
        &[("set-cookie", "SID=a")],
        &[("set-cookie", "x=sid=a")],
        &[("set-cookie", "sid=a; max-age=0")],
        &[("set-cookie", "sid=a; Max-Age=-1")],
        &[("set-cookie", "sid=a; expires=Thu, 01 Jan 1970 00:00:00 GMT")],
        &[("set-cookie", "sid=a"), ("set-cookie", "sid=; Max-Age=0")],
        &[("cookie", "sid=a")],
    ] {
        assert!(!sign.is_in(&head(200, cookies)), "{cookies:?}");
    }
}

#[test]
fn headers_extensions_and_closures_are_signs() {
    let header = Sign::header(HeaderName::from_static("x-user"));
    assert!(header.is_in(&head(200, &[("x-user", "a")])) && !header.is_in(&head(200, &[])));

    let mut marked = head(200, &[]);
    assert!(!Sign::told().is_in(&marked));
    marked.extensions.insert(SignInSucceeded::of(7));
    assert!(Sign::told().is_in(&marked) && Sign::told().tells_account());

    let teapot = Sign::new(|head: &Parts| head.status == StatusCode::IM_A_TEAPOT);
    assert!(teapot.is_in(&head(418, &[])) && !teapot.is_in(&head(200, &[])));
}

#[test]
fn both_of_two_signs_must_be_there() {
    let sign = Sign::redirect_to("/").and(Sign::sets_cookie("sid"));
    assert!(sign.is_in(&head(303, &[("location", "/"), ("set-cookie", "sid=a")])));
    assert!(!sign.is_in(&head(303, &[("location", "/")])));
    assert!(!sign.is_in(&head(303, &[("set-cookie", "sid=a")])));
    assert_eq!(format!("{sign:?}"), "[redirect_to(\"/\"), sets_cookie(\"sid\")]");
    assert!(sign.clone().and(Sign::told()).tells_account() && !sign.tells_account());
}
