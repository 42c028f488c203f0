//! Sign-in at a page elsewhere: where refused people are sent, and that a page which
//! sends them straight back comes to an end.

use std::time::Duration;

use axum::Router;
use axum::routing::any;
use http::Method;
use portcullis::domain::client::TrustedProxies;
use portcullis::gateway::Origin;
use portcullis::gateway::settings::SignIn;
use portcullis::guard::{ReturnOrigin, SignInAddress};
use portcullis::testing::TestGate;
use serde_json::Value;

use super::Stand;
use crate::support::{Answer, Example};

const PAGE: &str = "https://id.example/sign-in?for=shop";

fn application() -> Router {
    Router::new().fallback(any(async |method: Method| format!("the application: {method}")))
}

fn page(address: &str) -> SignInAddress {
    SignInAddress::parse(address)
        .expect("an address")
        .elsewhere(true)
}

/// The page of a provider on another host.
fn provider() -> SignIn {
    let page = page(PAGE).return_param("rd");
    SignIn::Elsewhere(page.return_origin("http://app.example").expect("an origin"))
}

async fn stand(sign_in: SignIn) -> Stand {
    Stand::with(application(), |settings| {
        settings.sign_in = sign_in;
        settings.client_address.trusted_proxies =
            TrustedProxies::new(["127.0.0.1/32".parse().expect("a network")]);
    })
    .await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let value = answer.headers.get(name);
    value.map_or("", |value| value.to_str().expect("visible"))
}

#[tokio::test]
async fn refused_people_are_sent_there_with_the_way_back_and_the_reason() {
    let stand = stand(provider()).await;
    let browser = stand.browser();
    let stranger = browser.get("/reports?year=2026", "").await;
    assert_eq!(stranger.status, 303);
    let back = "rd=http%3A//app.example/reports%3Fyear%3D2026";
    assert_eq!(stranger.location(), format!("{PAGE}&{back}"));
    assert_eq!(header(&stranger, "cache-control"), "no-store");

    let (alice, cookie) = stand.signed_in("alice").await;
    assert_eq!(browser.get("/reports", &cookie).await.status, 200);
    stand.test.lock(&alice).await;
    let locked = browser.get("/reports", &cookie).await;
    let back = "rd=http%3A//app.example/reports";
    assert_eq!(locked.location(), format!("{PAGE}&{back}&notice=locked"));

    let program = [("accept", "application/json"), ("cookie", cookie.as_str())];
    let program = browser.send("GET", "/reports", &program, "").await;
    assert_eq!((program.status, header(&program, "location")), (403, ""));
    let problem: Value = serde_json::from_str(&program.body).expect("JSON");
    assert_eq!(problem["sign_in_url"], PAGE);

    let htmx = [("hx-request", "true"), ("hx-boosted", "true"), ("cookie", cookie.as_str())];
    let htmx = browser.send("GET", "/reports", &htmx, "").await;
    assert_eq!(htmx.status, 403);
    assert_eq!(header(&htmx, "hx-redirect"), format!("{PAGE}&{back}&notice=locked"));
}

#[tokio::test]
async fn nobody_is_led_elsewhere_by_what_they_ask_for() {
    let stand = stand(provider()).await;
    for path in ["//evil.example/", "/%2fevil.example", "/a/..%2f..%2f/evil", "/.//evil.example"] {
        let headers = [("sec-fetch-mode", "navigate"), ("host", "evil.example")];
        let answer = stand.browser().send("GET", path, &headers, "").await;
        assert!(!answer.location().contains("evil"), "{path}: {}", answer.location());
        assert!(matches!(answer.status, 303 | 400), "{path}: {}", answer.status);
    }
    let own = "/.portcullis/sign-in?return_to=";
    for to in ["https://evil.example/", "//evil.example", "/%5Cevil.example", "javascript:alert(1)"]
    {
        let answer = stand.browser().get(&format!("{own}{to}"), "").await;
        assert_eq!((answer.status, answer.location()), (303, PAGE), "{to}");
    }
}

/// Goes where it is sent, and comes straight back, as from a provider where somebody is
/// signed in.
#[tokio::test]
async fn a_page_that_sends_people_straight_back_ends_on_a_page() {
    let stand = stand(provider()).await;
    let browser = stand.browser();
    let (alice, cookie) = stand.signed_in("alice").await;
    stand.test.lock(&alice).await;
    let mut cookies = cookie.clone();
    for round in 1..=2 {
        let sent = browser.get("/reports", &cookies).await;
        assert_eq!(sent.status, 303, "round {round}");
        let count = sent.cookies();
        let count = count.iter().find(|set| set.starts_with("portcullis-loop="));
        cookies = format!("{cookie}; {}", count.expect("it is counted"));
    }
    // Another address is another count.
    assert_eq!(browser.get("/other", &cookies).await.status, 303);
    let last = browser.get("/reports", &cookies).await;
    assert_eq!((last.status, last.location()), (403, ""));
    assert!(last.body.contains("Your account is locked"), "{}", last.body);
    let link = format!("{}&amp;rd=http%3A//app.example/reports", PAGE.replace('&', "&amp;"));
    assert!(last.body.contains(&link), "{} is not in {}", link, last.body);
    let cleared = last.cookies();
    assert!(cleared.contains(&"portcullis-loop=".to_owned()), "{cleared:?}");
    // Whoever clicks is sent again.
    assert_eq!(browser.get("/reports", &cookie).await.status, 303);
}

#[tokio::test]
async fn an_older_session_is_in_no_loop() {
    let stand = stand(provider()).await;
    let browser = stand.browser();
    let (alice, cookie) = stand.signed_in("alice").await;
    stand.test.lock(&alice).await;
    stand.test.clock().advance(Duration::from_secs(11));
    for round in 1..=5 {
        let sent = browser.get("/reports", &cookie).await;
        assert_eq!(
            (sent.status, sent.cookies().iter().any(|set| set.contains("loop"))),
            (303, false),
            "{round}"
        );
    }
}

#[tokio::test]
async fn our_own_page_is_not_there() {
    let stand = stand(provider()).await;
    let browser = stand.browser();
    stand
        .test
        .account_with_password("alice", "open the gate please")
        .await;
    let asked = browser
        .get("/.portcullis/sign-in?return_to=/a%3Fb", "")
        .await;
    let there = format!("{PAGE}&rd=http%3A//app.example/a%3Fb");
    assert_eq!((asked.status, asked.location()), (303, there.as_str()));
    let typed = [("login", "alice"), ("password", "open the gate please")];
    let typed = browser.post_form("/.portcullis/sign-in", "", &typed).await;
    assert_eq!((typed.status, typed.cookies().len()), (404, 0));
    // With a reason people read it, and are not sent on.
    for (notice, words) in [
        ("locked", "Your account is locked"),
        ("disabled", "Your account is disabled"),
        ("bye", "You are signed out"),
        ("%3Cscript%3E", "Sign in"),
    ] {
        let path = format!("/.portcullis/sign-in?return_to=/a&notice={notice}");
        let told = browser.get(&path, "").await;
        assert_eq!((told.status, told.location()), (200, ""), "{notice}");
        assert!(told.body.contains(words) && !told.body.contains("<script>"), "{}", told.body);
        assert!(told.body.contains("rd=http%3A//app.example/a"), "{}", told.body);
    }
    let (_, cookie) = stand.signed_in("bob").await;
    let account = browser.get("/.portcullis/account", &cookie).await;
    assert_eq!(account.status, 200);
    let out = browser
        .post_form("/.portcullis/sign-out", &cookie, &[])
        .await;
    assert_eq!(out.location(), "/.portcullis/sign-in?notice=bye");
}

#[tokio::test]
async fn a_page_of_the_applications_own_is_open_and_nothing_else() {
    let stand = stand(SignIn::Elsewhere(page("/login"))).await;
    let browser = stand.browser();
    let sent = browser.get("/reports", "").await;
    assert_eq!(sent.location(), "/login?return_to=/reports");
    for method in ["GET", "POST"] {
        let open = browser.send(method, "/login?x=y", &[], "").await;
        assert_eq!((open.status, open.body), (200, format!("the application: {method}")));
    }
    for path in ["/login/more", "/logins", "/LOGIN", "/log%69n", "/"] {
        assert_ne!(browser.get(path, "").await.status, 200, "{path}");
    }
    // A locked person reads it as anybody else does.
    let (alice, cookie) = stand.signed_in("alice").await;
    stand.test.lock(&alice).await;
    assert_eq!(browser.get("/login", &cookie).await.status, 200);
}

fn traefik<'a>(host: &'a str, cookie: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("sec-fetch-mode", "navigate"),
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", host),
        ("x-forwarded-uri", "/reports?x=1"),
        ("x-forwarded-for", "203.0.113.9"),
        ("cookie", cookie),
    ]
}

#[tokio::test]
async fn other_proxies_are_told_the_same() {
    let stand = stand(provider()).await;
    let browser = stand.browser();
    let (alice, cookie) = stand.signed_in("alice").await;
    stand.test.lock(&alice).await;
    let there = format!("{PAGE}&rd=http%3A//app.example/reports%3Fx%3D1&notice=locked");
    let mut cookies = cookie.clone();
    for asked in ["/.portcullis/check", "/.portcullis/check/status"] {
        let asked = browser
            .send("GET", asked, &traefik("app.example", &cookies), "")
            .await;
        let told = format!("{}{}", asked.location(), header(&asked, "x-portcullis-location"));
        assert_eq!(told, there);
        let count = asked.cookies();
        let count = count.iter().find(|set| set.starts_with("portcullis-loop="));
        cookies = format!("{cookie}; {}", count.expect("it is counted"));
    }
    let last = browser
        .send("GET", "/.portcullis/check/status", &traefik("app.example", &cookies), "")
        .await;
    assert_eq!((last.status, header(&last, "x-portcullis-location")), (403, ""));
}

#[tokio::test]
async fn people_of_another_host_return_to_it() {
    let wiki = vec![ReturnOrigin::parse("https://wiki.example.com").expect("an origin")];
    let upstream = super::serve(application()).await;
    for (address, there) in [
        ("/login", "https://app.example.com/login?rd="),
        ("https://id.example/login", "https://id.example/login?rd="),
    ] {
        let test = TestGate::new().await;
        let stand = Stand::of(test, upstream, wiki.clone(), |settings| {
            settings.sign_in = SignIn::Elsewhere(page(address).return_param("rd"));
            settings.public_url = Origin::parse("https://app.example.com").ok();
            settings.return_origins.clone_from(&wiki);
            settings.client_address.trusted_proxies =
                TrustedProxies::new(["127.0.0.1/32".parse().expect("a network")]);
        })
        .await;
        let asked = traefik("wiki.example.com", "a=b");
        let asked = stand
            .browser()
            .send("GET", "/.portcullis/check", &asked, "")
            .await;
        let back = "https%3A//wiki.example.com/reports%3Fx%3D1";
        assert_eq!(asked.location(), format!("{there}{back}"));
    }
}

#[tokio::test]
async fn the_program_reads_it_from_its_file() {
    let upstream = super::serve(application()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "[public]\nlisten = \"127.0.0.1:0\"\nurl = \"http://app.example\"\n\
         [upstream]\nurl = \"http://{upstream}\"\n[admin]\nlisten = \"off\"\n\
         [sign_in]\nurl = \"{PAGE}\"\nreturn_param = \"rd\"\n"
    );
    let gateway = Example::gateway(folder.path(), &text);
    let sent = gateway.browser().get("/reports", "").await;
    let there = format!("{PAGE}&rd=http%3A//app.example/reports");
    assert_eq!((sent.status, sent.location()), (303, there.as_str()));
}
