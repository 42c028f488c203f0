//! What the gateway says to other proxies, asked as they ask: by the protocol of those
//! that no test here can run, and by whom it is not meant for.

use axum::Router;
use portcullis::domain::client::TrustedProxies;
use portcullis::engine::CookieDomain;
use portcullis::gateway::{Origin, Settings};
use portcullis::guard::ReturnOrigin;
use portcullis::testing::TestGate;

use super::Stand;
use crate::support::Answer;

async fn stand(trusted: &str) -> Stand {
    let trusted = TrustedProxies::new([trusted.parse().expect("a network")]);
    let application = Router::new().fallback(|| async { "the application" });
    Stand::with(application, |settings: &mut Settings| {
        settings.client_address.trusted_proxies = trusted;
        settings.open_paths = vec!["/public".to_owned()];
    })
    .await
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
}

/// As Traefik 3 asks: the client's own headers, and the facts in four of its own.
fn traefik<'a>(method: &'a str, uri: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("accept", "text/html"),
        ("sec-fetch-mode", "navigate"),
        ("x-forwarded-method", method),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "app.example"),
        ("x-forwarded-uri", uri),
        ("x-forwarded-for", "203.0.113.9"),
    ]
}

#[tokio::test]
async fn traefik_passes_on_what_the_client_is_sent() {
    let stand = stand("127.0.0.1/32").await;
    let browser = stand.browser();
    let asked = traefik("GET", "/reports?year=2026");
    let answer = browser.send("GET", "/.portcullis/check", &asked, "").await;
    assert_eq!(answer.status, 303);
    let to = header(&answer, "location");
    assert_eq!(to, Some("/.portcullis/sign-in?return_to=/reports%3Fyear%3D2026"));
    let (alice, cookie) = stand.signed_in("alice").await;
    let asked = [asked, vec![("cookie", cookie.as_str())]].concat();
    let answer = browser.send("GET", "/.portcullis/check", &asked, "").await;
    assert_eq!((answer.status, header(&answer, "x-portcullis-user")), (200, Some("alice")));
    for named in ["x-portcullis-email", "x-portcullis-name", "x-portcullis-groups"] {
        assert_eq!(header(&answer, named), Some(""), "{named} overwrites what a client sent");
    }
    assert_eq!(header(&answer, "cache-control"), Some("no-store"));
    stand.test.lock(&alice).await;
    let answer = browser.send("GET", "/.portcullis/check", &asked, "").await;
    assert_eq!(answer.status, 303);
    assert!(header(&answer, "location").is_some_and(|to| to.ends_with("&notice=locked")));
}

#[tokio::test]
async fn envoy_asks_with_the_request_itself_behind_a_prefix() {
    let stand = stand("127.0.0.1/32").await;
    let browser = stand.browser();
    let (_, cookie) = stand.signed_in("alice").await;
    let asked = [("accept", "application/json"), ("x-forwarded-proto", "https")];
    let path = "/.portcullis/check/path/reports?year=2026";
    let answer = browser.send("DELETE", path, &asked, "").await;
    assert_eq!(answer.status, 401);
    let with_cookie = [asked[0], asked[1], ("cookie", &*cookie)];
    let answer = browser.send("DELETE", path, &with_cookie, "").await;
    assert_eq!((answer.status, header(&answer, "x-portcullis-user")), (200, Some("alice")));
    let answer = browser
        .send("GET", "/.portcullis/check/path/public/logo", &asked, "")
        .await;
    assert_eq!((answer.status, header(&answer, "x-portcullis-user")), (200, Some("")));
    for path in ["/.portcullis/check/path", "/.portcullis/check/path//.portcullis/account"] {
        let answer = browser.send("GET", path, &with_cookie, "").await;
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn status_alone_is_one_of_three() {
    let stand = stand("127.0.0.1/32").await;
    let browser = stand.browser();
    let url = [
        ("accept", "text/html"),
        ("x-original-url", "https://app.example/reports"),
        ("x-original-method", "GET"),
    ];
    for path in ["/.portcullis/check/status", "/.portcullis/check"] {
        let answer = browser.send("GET", path, &url, "").await;
        assert_eq!(answer.status, 401, "{path}");
        let to = header(&answer, "x-portcullis-location");
        assert_eq!(to, Some("/.portcullis/sign-in?return_to=/reports"));
        assert_eq!(header(&answer, "x-portcullis-reason"), Some("no-session"));
        assert_eq!((header(&answer, "location"), answer.body.as_str()), (None, ""));
    }
    let (alice, cookie) = stand.signed_in("alice").await;
    stand.test.lock(&alice).await;
    let asked = [url[0], url[1], url[2], ("cookie", &*cookie)];
    let answer = browser
        .send("GET", "/.portcullis/check/status", &asked, "")
        .await;
    assert_eq!(
        (answer.status, header(&answer, "x-portcullis-reason")),
        (403, Some("account-locked"))
    );
}

#[tokio::test]
async fn who_is_no_trusted_proxy_is_told_what_to_set() {
    let stand = stand("192.0.2.1/32").await;
    let (_, cookie) = stand.signed_in("alice").await;
    let asked = [traefik("GET", "/"), vec![("cookie", cookie.as_str())]].concat();
    for path in ["/.portcullis/check", "/.portcullis/check/status", "/.portcullis/check/path/"] {
        let answer = stand.browser().send("GET", path, &asked, "").await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.body.contains("clients.trusted_proxies"), "{}", answer.body);
        assert_eq!(header(&answer, "x-portcullis-user"), None);
    }
}

#[tokio::test]
async fn facts_that_are_missing_or_told_twice_are_named() {
    let stand = stand("127.0.0.1/32").await;
    let mut asked = traefik("GET", "/");
    asked.push(("x-forwarded-uri", "/public"));
    let answer = stand
        .browser()
        .send("GET", "/.portcullis/check", &asked, "")
        .await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("X-Forwarded-Uri has to come once"), "{}", answer.body);
    let answer = stand
        .browser()
        .send("GET", "/.portcullis/check", &[], "")
        .await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("X-Forwarded-Method has to come once"), "{}", answer.body);
}

const WIKI: &str = "https://wiki.example.com";

/// One sign-in for two hosts.
async fn two_hosts() -> Stand {
    let application = Router::new().fallback(|| async { "the application" });
    let domain = CookieDomain::parse("example.com").expect("a domain");
    let test = TestGate::with(|builder| builder.https(true).cookie_domain(domain)).await;
    let upstream = super::serve(application).await;
    let origins = vec![ReturnOrigin::parse(WIKI).expect("an origin")];
    let trusted = TrustedProxies::new(["127.0.0.1/32".parse().expect("a network")]);
    Stand::of(test, upstream, origins.clone(), |settings| {
        settings.client_address.trusted_proxies = trusted;
        settings.public_url = Some(Origin::parse("https://app.example.com").expect("an origin"));
        settings.return_origins = origins;
    })
    .await
}

#[tokio::test]
async fn people_of_several_hosts_sign_in_once() {
    let stand = two_hosts().await;
    let browser = stand.browser();
    let at = |host| {
        let mut asked = traefik("GET", "/page?x=1");
        asked.retain(|(name, _)| *name != "x-forwarded-host");
        asked.push(("x-forwarded-host", host));
        asked
    };
    let answer = browser
        .send("GET", "/.portcullis/check", &at("Wiki.example.com"), "")
        .await;
    let there = "/.portcullis/sign-in?return_to=https%3A//wiki.example.com/page%3Fx%3D1";
    let there = format!("https://app.example.com{there}");
    assert_eq!((answer.status, header(&answer, "location")), (303, Some(&*there)));
    // Of a host that is not listed nothing is repeated.
    for host in ["app.example.com", "evil.test", "wiki.example.com.evil.test"] {
        let answer = browser
            .send("GET", "/.portcullis/check", &at(host), "")
            .await;
        let own = "/.portcullis/sign-in?return_to=/page%3Fx%3D1";
        assert_eq!(header(&answer, "location"), Some(own), "{host}");
    }
    stand
        .test
        .account_with_password("alice", "open the gate please")
        .await;
    let sign_in = async |return_to: &str| {
        let fields =
            [("login", "alice"), ("password", "open the gate please"), ("return_to", return_to)];
        browser.post_form("/.portcullis/sign-in", "", &fields).await
    };
    let answer = sign_in("https://wiki.example.com/page?x=1").await;
    assert_eq!(header(&answer, "location"), Some("https://wiki.example.com/page?x=1"));
    let set = header(&answer, "set-cookie").expect("a cookie").to_owned();
    assert!(set.starts_with("__Secure-portcullis=") && set.contains("; Secure"), "{set}");
    assert!(set.ends_with("; Domain=example.com"), "{set}");
    for elsewhere in ["https://evil.test/", "//evil.test", "https://wiki.example.com.evil.test/x"] {
        assert_eq!(header(&sign_in(elsewhere).await, "location"), Some("/"), "{elsewhere}");
    }
    let cookie = set.split(';').next().expect("a pair").to_owned();
    let asked = [at("wiki.example.com"), vec![("cookie", cookie.as_str())]].concat();
    let answer = browser.send("GET", "/.portcullis/check", &asked, "").await;
    assert_eq!((answer.status, header(&answer, "x-portcullis-user")), (200, Some("alice")));
    // The cookie of one host alone is no session here.
    let token = cookie.split_once('=').expect("a pair").1;
    let host_alone = format!("__Host-portcullis={token}");
    let asked = [at("wiki.example.com"), vec![("cookie", host_alone.as_str())]].concat();
    let answer = browser.send("GET", "/.portcullis/check", &asked, "").await;
    assert_eq!(answer.status, 303);
}
