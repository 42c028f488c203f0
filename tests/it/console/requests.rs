//! What the console takes from browsers, and what it tells them: origins, addresses to
//! go on to, headers, scripts that ask, and what pages load.

use axum::body::Body;
use flate2::read::GzDecoder;
use http::{Request, StatusCode, header};
use portcullis::testing::TestGate;
use tower::ServiceExt;
use url::Url;

use super::{Desk, House, PASSWORD, address, asking, location, set_cookies};
use crate::guard::{Answer, ask};

/// A form with exactly these headers.
fn sent(path: &str, cookie: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::post(path)
        .header(header::HOST, "app.example")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookie)
        .extension(address());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .body(Body::from(body.to_owned()))
        .expect("a request")
}

const RIGHT: &str = "login=ada&password=open+the+gate+please";

#[tokio::test]
async fn a_path_that_is_no_text_is_a_page_of_ours() {
    let house = House::new().await;
    let desk = house.desk().await;
    for path in [
        "/console/users/%ff",
        "/console/users/1%ff/do/lock",
        "/console/runs/%C3%28",
        "/console/applications/%ff/rotate",
        "/console/assets/%ff",
        "/console/%ff",
    ] {
        let answer = desk.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.contains("There is nothing here"), "{path}: {}", answer.body);
        assert!(answer.header("content-security-policy").is_some(), "{path}");
        let sent = desk.post(path, &[]).await;
        assert_eq!(sent.status, StatusCode::NOT_FOUND, "{path}");
    }
    let nobody = Desk { app: &house.app, cookie: String::new() };
    assert!(location(&nobody.get("/console/users/%ff").await).starts_with("/console/sign-in"));
    assert_eq!(desk.get("/console/users/%E2%82%AC").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_is_done_for_another_sites_page() {
    let house = House::new().await;
    let desk = house.desk().await;
    let others: [&[(&str, &str)]; 6] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://app.example")],
        &[("origin", "http://app.example"), ("origin", "http://app.example")],
    ];
    let checked = house.test.gate().passwords_checked();
    for path in ["/console/sign-in", "/console/confirm", "/console/sign-out"] {
        for other in others {
            let answer = ask(&house.app, sent(path, &desk.cookie, other, RIGHT)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {other:?}");
            assert!(answer.body.contains("another site sent this form"), "{}", answer.body);
            assert_eq!(set_cookies(&answer).count(), 0);
        }
    }
    assert_eq!(house.test.gate().passwords_checked(), checked);
    assert_eq!(desk.get("/console/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn our_own_pages_may_send_forms() {
    let house = House::new().await;
    house.administrator("ada").await;
    let own: [&[(&str, &str)]; 4] = [
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("origin", "http://app.example")],
        &[("origin", "https://app.example")],
    ];
    for own in own {
        let answer = ask(&house.app, sent("/console/sign-in", "", own, RIGHT)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{own:?}");
    }
}

#[tokio::test]
async fn forms_that_mean_two_things_are_refused() {
    let house = House::new().await;
    house.administrator("ada").await;
    let own: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];
    let long = format!("{RIGHT}&more={}", "a".repeat(300_000));
    for (body, status) in [
        ("login=ada&login=bob&password=x", StatusCode::BAD_REQUEST),
        ("login=ada", StatusCode::BAD_REQUEST),
        ("login=%ff&password=x", StatusCode::BAD_REQUEST),
        (long.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let answer = ask(&house.app, sent("/console/sign-in", "", own, body)).await;
        assert_eq!(answer.status, status, "{}", &body[..body.len().min(60)]);
    }
    let json = Request::post("/console/sign-in")
        .header(header::HOST, "app.example")
        .header(header::CONTENT_TYPE, "application/json")
        .extension(address())
        .body(Body::from(r#"{"login":"ada","password":"open the gate please"}"#));
    let answer = ask(&house.app, json.expect("a request")).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(house.test.gate().passwords_checked(), 0);
}

/// Every address of the corpus, as a browser would follow it: it stays in the console.
#[tokio::test]
async fn nobody_is_led_out_of_the_console() {
    let house = House::new().await;
    let desk = house.desk().await;
    let base = Url::parse("https://app.example/console/sign-in").expect("a base");
    let ours = [
        "/",
        "/reports",
        "/consolex",
        "/console/../",
        "/console/sign-out",
        "/console/confirm?return_to=/console/confirm",
        "/CONSOLE/sign-in",
        "/console%2f..%2fx",
    ];
    let mut addresses = crate::pages::requests::corpus();
    addresses.extend(ours.map(str::to_owned));
    for address in &addresses {
        let value: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
        let answer = desk
            .get(&format!("/console/sign-in?return_to={value}"))
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{address:?}");
        let to = base.join(location(&answer)).expect("an address");
        assert_eq!(to.origin(), base.origin(), "{address:?}");
        assert!(to.path().starts_with("/console/"), "{address:?} leads to {to}");
        assert!(!to.path().ends_with("sign-out"), "{address:?} leads to {to}");
    }
    for kept in ["/console/users?status=locked&q=a%26b", "/console/audit"] {
        let value: String = url::form_urlencoded::byte_serialize(kept.as_bytes()).collect();
        let answer = desk
            .get(&format!("/console/sign-in?return_to={value}"))
            .await;
        assert_eq!(location(&answer), kept);
    }
}

#[tokio::test]
async fn signing_in_and_confirming_lead_nowhere_else() {
    let house = House::new().await;
    let desk = house.desk().await;
    for away in ["//evil.example", "https://evil.example/", "/\\evil.example", "/elsewhere"] {
        let fields = [("login", "ada"), ("password", PASSWORD), ("return_to", away)];
        let entered = house.send("/console/sign-in", "", &fields).await;
        assert_eq!((entered.status, location(&entered)), (StatusCode::SEE_OTHER, "/console/"));
        let page = desk
            .get(&format!("/console/confirm?return_to={away}"))
            .await;
        assert!(!page.body.contains("evil") && !page.body.contains("elsewhere"), "{}", page.body);
    }
    let fields = [("password", PASSWORD), ("return_to", "//evil.example")];
    let confirmed = desk.post("/console/confirm", &fields).await;
    assert_eq!((confirmed.status, location(&confirmed)), (StatusCode::SEE_OTHER, "/console/"));
}

#[tokio::test]
async fn who_is_not_signed_in_comes_back_to_what_they_asked_for() {
    let house = House::new().await;
    house.administrator("ada").await;
    let answer = ask(&house.app, asking("/console/users?q=a%26b", "")).await;
    let to = "/console/sign-in?return_to=/console/users%3Fq%3Da%2526b";
    assert_eq!((answer.status, location(&answer)), (StatusCode::SEE_OTHER, to));
    let form = ask(&house.app, asking(to, "")).await;
    let field = "name=\"return_to\" value=\"/console/users?q=a%26b\"";
    let escaped = "name=\"return_to\" value=\"/console/users?q&#61;a%26b\"";
    assert!(form.body.contains(field) || form.body.contains(escaped), "{}", form.body);
}

fn is_protected(answer: &Answer, what: &str) {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'"), "{what}: {policy}");
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
    assert!(policy.contains("form-action 'self'"), "{what}: {policy}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{what}");
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{what}");
    assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"), "{what}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
}

/// Pages, redirects, refusals and what is not there: none can be framed, none is kept.
#[tokio::test]
async fn every_answer_is_protected() {
    let house = House::new().await;
    let desk = house.desk().await;
    let pages = [
        "/console/",
        "/console/audit",
        "/console/sign-in",
        "/console/nothing",
        "/console/confirm",
        "/console/users/99",
        "/console/assets/none.css",
    ];
    for page in pages {
        is_protected(&desk.get(page).await, page);
        is_protected(&ask(&house.app, asking(page, "")).await, page);
    }
    for path in ["/console/confirm", "/console/sign-out", "/console/users", "/console/nothing"] {
        is_protected(&desk.post_from_elsewhere(path, &[]).await, path);
        is_protected(&house.send(path, "", &[]).await, path);
    }
    is_protected(&house.attempt("ada", "a guess").await, "a guess");
    let put = Request::put("/console/")
        .extension(address())
        .body(Body::empty());
    is_protected(&ask(&house.app, put.expect("a request")).await, "PUT");
}

/// A script gets no page of somebody who is not signed in into the middle of another.
#[tokio::test]
async fn scripts_follow_to_sign_in_as_a_whole_page() {
    let house = House::new().await;
    let desk = house.desk().await;
    let asked = |cookie: &str| {
        let request = Request::get("/console/audit").header(header::HOST, "app.example");
        let request = request
            .header(header::COOKIE, cookie)
            .header("hx-request", "true");
        request
            .extension(address())
            .body(Body::empty())
            .expect("a request")
    };
    let inside = ask(&house.app, asked(&desk.cookie)).await;
    assert_eq!((inside.status, inside.header("hx-redirect")), (StatusCode::OK, None));
    let outside = ask(&house.app, asked("")).await;
    assert_eq!(outside.status, StatusCode::UNAUTHORIZED);
    assert_eq!(outside.header("location"), None);
    let to = "/console/sign-in?return_to=/console/audit";
    assert_eq!(outside.header("hx-redirect"), Some(to));
}

/// The addresses that a page loads from.
fn loaded(page: &str) -> Vec<&str> {
    let parts = page
        .split('"')
        .filter(|part| part.starts_with("/console/assets/"));
    parts.collect()
}

#[tokio::test]
async fn what_a_page_loads_comes_compressed_to_whoever_takes_it() {
    let house = House::new().await;
    let page = house.desk().await.page("/console/").await;
    let loaded = loaded(&page);
    assert_eq!(loaded.len(), 5, "{loaded:?}");
    for path in loaded {
        let plain = asset(&house, path, None).await;
        assert_eq!(plain.0, None, "{path}");
        let mut encodings = 0;
        for (takes, gzip) in [
            ("gzip, deflate, br", true),
            ("GZIP", true),
            ("br;q=1.0, gzip;q=0.8", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, br", false),
            ("*;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            let (encoding, body) = asset(&house, path, Some(takes)).await;
            if !gzip {
                assert_eq!(encoding, None, "{path} for {takes:?}");
                assert_eq!(body, plain.1, "{path} for {takes:?}");
                continue;
            }
            assert_eq!(encoding.as_deref(), Some("gzip"), "{path} for {takes:?}");
            let mut whole = Vec::new();
            std::io::Read::read_to_end(&mut GzDecoder::new(&*body), &mut whole).expect("gzip");
            assert_eq!(whole, plain.1, "{path} for {takes:?}");
            encodings += 1;
        }
        assert_eq!(encodings, 3, "{path}");
    }
}

async fn asset(house: &House, path: &str, takes: Option<&str>) -> (Option<String>, Vec<u8>) {
    let mut request = Request::get(path).extension(address());
    if let Some(takes) = takes {
        request = request.header(header::ACCEPT_ENCODING, takes);
    }
    let request = request.body(Body::empty()).expect("a request");
    let answer = house
        .app
        .clone()
        .oneshot(request)
        .await
        .expect("axum can't fail");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    assert_eq!(answer.headers()[header::VARY], "Accept-Encoding", "{path}");
    let encoding = answer.headers().get(header::CONTENT_ENCODING);
    let encoding = encoding.map(|value| value.to_str().expect("a word").to_owned());
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    (encoding, body.expect("the whole body").to_vec())
}

#[tokio::test]
async fn the_console_may_be_anywhere() {
    use portcullis::admin::Admin;
    use portcullis::pages::Console;
    let test = TestGate::new().await;
    let console = Console::new(test.gate(), Admin::new(test.directory().clone())).at("");
    let app = console.into_router();
    let answer = ask(&app, asking("/", "")).await;
    assert_eq!((answer.status, location(&answer)), (StatusCode::SEE_OTHER, "/sign-in?return_to=/"));
    for bad in ["console", "/console/", "//console", "/a?b"] {
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let admin = Admin::new(test.directory().clone());
            Console::new(test.gate(), admin).at(bad)
        }));
        assert!(made.is_err(), "{bad}");
    }
}
