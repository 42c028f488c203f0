//! Routes through a running gateway: who passes where, and to which application.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::{HeaderMap, Method};
use portcullis::admin::Actor;
use portcullis::domain::account::Account;
use portcullis::domain::client::TrustedProxies;
use portcullis::domain::event::{Action, Note};
use portcullis::domain::group::GroupName;
use portcullis::domain::lock::End;
use portcullis::domain::login::Login;
use portcullis::domain::permission::Permission;
use portcullis::domain::standing::Lifecycle;
use portcullis::gateway::routes::{Access, HostPattern, Route, RoutePath};
use portcullis::gateway::settings::UpstreamPool;
use portcullis::gateway::{Origin, Settings};
use portcullis::store::memory::SingleProcessDirectory;
use portcullis::store::{Directory, NewAccount, NewGroup};
use portcullis::testing::TestGate;
use portcullis::{Clock, OnStale, Portcullis};
use serde_json::Value;

use super::health::Post;
use super::{Stand, serve};
use crate::engine::faulty::{Faulty, Mood};
use crate::support::{Act, Answer, OK, RawClient, Recorder};

/// An application that says which it is, and who asks it.
async fn named(name: &'static str) -> SocketAddr {
    let answer = move |headers: HeaderMap| async move {
        let who = headers
            .get("x-portcullis-user")
            .map(|who| who.to_str().expect("text"));
        format!("{name} for {}", who.unwrap_or("nobody"))
    };
    serve(Router::new().fallback(answer)).await
}

pub(super) fn route(path: &str, access: Access) -> Route {
    let mut route = Route::new(RoutePath::parse(path).expect("a path"));
    route.access = access;
    route
}

pub(super) fn pool(name: &str, address: SocketAddr) -> UpstreamPool {
    let origin = Origin::parse(&format!("http://{address}")).expect("an origin");
    UpstreamPool::new(name.to_owned(), origin, [])
}

/// A gateway before an application, with these routes.
async fn stand(routes: Vec<Route>) -> Stand {
    let upstream = named("the application").await;
    Stand::over(upstream, |settings| settings.routes = routes).await
}

async fn get(stand: &Stand, host: &str, path: &str, cookie: &str) -> Answer {
    let mut headers = vec![("host", host), ("accept", "application/json")];
    if !cookie.is_empty() {
        headers.push(("cookie", cookie));
    }
    stand.browser().send("GET", path, &headers, "").await
}

#[tokio::test]
async fn each_request_goes_where_its_route_says() {
    let wiki = named("the wiki").await;
    let mut by_host = route("/", Access::Protect);
    by_host.host = HostPattern::parse("*.wiki.example").expect("a pattern");
    by_host.upstream = Some("wiki".to_owned());
    let mut by_path = route("/wiki", Access::Public);
    by_path.upstream = Some("wiki".to_owned());
    let mut both = by_path.clone();
    both.host = by_host.host.clone();
    let upstream = named("the application").await;
    let stand = Stand::over(upstream, |settings| {
        settings.routes = vec![by_host, by_path, both];
        settings.upstreams = vec![pool("wiki", wiki)];
    })
    .await;
    let (_, alice) = stand.signed_in("alice").await;
    for (host, path, cookie, status, text) in [
        ("app.example", "/", alice.as_str(), 200, "the application for alice"),
        ("app.example", "/", "", 401, "sign"),
        ("app.example", "/wikis", &alice, 200, "the application for alice"),
        ("app.example", "/wiki/a", &alice, 200, "the wiki for alice"),
        ("app.example", "/wiki/a", "", 200, "the wiki for nobody"),
        ("De.Wiki.example:99", "/x", &alice, 200, "the wiki for alice"),
        ("de.wiki.example", "/x", "", 401, "sign"),
        ("wiki.example", "/x", &alice, 200, "the application for alice"),
    ] {
        let answer = get(&stand, host, path, cookie).await;
        assert_eq!(answer.status, status, "{host}{path}: {}", answer.body);
        assert!(answer.body.contains(text), "{host}{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_route_may_be_for_some_methods_alone() {
    let mut read = route("/news", Access::Public);
    read.methods = vec![Method::GET];
    let upstream = Recorder::saying(OK).await;
    let stand = Stand::over(upstream.address, |settings| settings.routes = vec![read]).await;
    let browser = stand.browser();
    let send = async |method: &str, headers: &[(&str, &str)]| {
        browser.send(method, "/news/1", headers, "").await.status
    };
    assert_eq!(send("GET", &[]).await, 200);
    assert_eq!(send("HEAD", &[]).await, 200);
    for method in ["POST", "DELETE", "PATCH", "GETX", "get"] {
        assert_eq!(send(method, &[]).await, 401, "{method}");
    }
    // Nobody says another method than they use.
    let spellings = ["x-http-method-override", "x_method-override", "X-HTTP-Method"];
    for name in spellings {
        assert_eq!(send("GET", &[(name, "DELETE")]).await, 200);
    }
    for seen in upstream.requests() {
        assert!(
            seen.headers
                .iter()
                .all(|(name, _)| !name.contains("method")),
            "{seen}"
        );
    }
}

#[tokio::test]
async fn no_other_spelling_gets_past_a_route() {
    let mut staff = route("/admin", Access::Protect);
    staff.require.groups = vec!["Staff".to_owned()];
    let upstream = Recorder::saying(OK).await;
    let stand = Stand::over(upstream.address, |settings| {
        settings.routes = vec![route("/assets", Access::Public), staff];
    })
    .await;
    let (_, alice) = stand.signed_in("alice").await;
    for path in [
        "/admin",
        "/admin/",
        "/Admin",
        "//admin",
        "//x/admin",
        "/%61dmin",
        "/%2561dmin",
        "/admin;x",
        "/;a/admin",
        "/admin%2fusers",
        "/admin.json",
        "/admin%20",
        "/admin%3f",
        "/admin%23",
        "/x/..%2fadmin",
        "/x/%2e%2e/admin",
        "/x/..;/admin",
        "/%c1%a1dmin",
        "/assets/..%2fadmin",
        "/assets/%2e%2e/admin",
        "/assets/%c0%ae%c0%ae/admin",
    ] {
        let answer = get(&stand, "app.example", path, &alice).await;
        assert!(matches!(answer.status, 400 | 403), "{path}: {}", answer.status);
        let answer = get(&stand, "app.example", path, "").await;
        assert!(matches!(answer.status, 400 | 401), "{path}: {}", answer.status);
    }
    // Headers that some take for the path.
    for name in ["x-original-url", "x-rewrite-url", "X_Original_Url", "x-forwarded-uri"] {
        let headers = [("host", "app.example"), (name, "/admin")];
        let answer = stand.browser().send("GET", "/assets/a", &headers, "").await;
        assert_eq!(answer.status, 200);
    }
    for seen in upstream.requests() {
        assert!(seen.line.starts_with("GET /assets/a "), "{seen}");
        assert!(!seen.to_string().contains("/admin"), "{seen}");
    }
    assert_eq!(upstream.requests().len(), 4);
}

/// A group with these members.
async fn group(test: &TestGate, name: &str, permissions: &[Permission], members: &[&Account]) {
    let new = NewGroup {
        name: GroupName::new(name).expect("a name"),
        external_id: None,
        permissions: permissions.iter().copied().collect(),
        document: Value::Null,
        members: members
            .iter()
            .map(|account| account.id)
            .collect::<BTreeSet<_>>(),
    };
    test.admin()
        .create_group(&Actor::System, new)
        .await
        .expect("a group");
}

/// Asks until it is answered like this; what changes groups is heard of soon.
async fn soon(status: u16, ask: impl AsyncFn() -> u16) {
    let asked = tokio::time::timeout(Duration::from_secs(20), async {
        while ask().await != status {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    asked.await.unwrap_or_else(|_| panic!("never {status}"));
}

#[tokio::test]
async fn who_is_not_what_a_route_requires_is_told_so() {
    let mut staff = route("/staff", Access::Protect);
    staff.require.groups = vec!["Staff".to_owned(), "Guests".to_owned()];
    let mut audit = route("/audit", Access::Protect);
    audit.require.permission = Some(Permission::ViewAudit);
    let stand = stand(vec![staff, audit]).await;
    let (alice, hers) = stand.signed_in("alice").await;
    let (_, his) = stand.signed_in("bob").await;
    let browser = stand.browser();
    let status = async |path: &str, cookie: &str| get(&stand, "a", path, cookie).await.status;
    assert_eq!((status("/staff", &hers).await, status("/staff", "").await), (403, 401));
    group(&stand.test, "STAFF", &[Permission::ViewAudit], &[&alice]).await;
    soon(200, async || status("/staff", &hers).await).await;
    assert_eq!(status("/audit", &hers).await, 200);
    assert_eq!((status("/staff", &his).await, status("/audit", &his).await), (403, 403));
    assert_eq!(status("/elsewhere", &his).await, 200);

    let ask = async |headers: &[(&str, &str)], method: &str| {
        let headers = [headers, &[("cookie", his.as_str())]].concat();
        browser.send(method, "/staff/x", &headers, "").await
    };
    let page = ask(&[("sec-fetch-mode", "navigate"), ("accept", "text/html")], "GET").await;
    assert_eq!((page.status, page.location()), (403, ""), "no loop over the sign-in page");
    assert!(page.body.contains("This is not for your account"), "{}", page.body);
    let program = ask(&[("accept", "application/json")], "GET").await;
    let problem: Value = serde_json::from_str(&program.body).expect("JSON");
    assert_eq!((program.status, &problem["status"]), (403, &Value::from(403)));
    assert_eq!(problem["type"], "urn:portcullis:gateway:forbidden");
    let htmx = ask(&[("hx-request", "true")], "GET").await;
    assert_eq!((htmx.status, htmx.headers.get("hx-redirect")), (403, None));
    let grpc = ask(&[("content-type", "application/grpc+proto")], "POST").await;
    assert_eq!((grpc.status, &grpc.headers["grpc-status"]), (200, &"7".parse().expect("text")));
    for answer in [page, program, htmx, grpc] {
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers.get("set-cookie"), None, "the session goes on");
    }
}

#[tokio::test]
async fn a_token_for_less_does_not_do() {
    let test = TestGate::with(|builder| builder.api_tokens(true)).await;
    let alice = test.account("alice").await;
    test.edit(&alice, |alice| {
        alice.details.permissions = [Permission::ManageUsers].into_iter().collect();
    })
    .await;
    let scopes = vec!["audit.view".to_owned()];
    let request = portcullis::admin::TokenRequest { scopes, ..Default::default() };
    let made = test
        .admin()
        .create_token(&Actor::System, &alice.id.into(), request)
        .await;
    let narrow = format!("Bearer {}", made.expect("a token").secret.expose());
    let wide = test.api_token(&alice).await;
    let mut people = route("/people", Access::Protect);
    people.require.permission = Some(Permission::ViewUsers);
    let upstream = named("the application").await;
    let stand =
        Stand::of(test, upstream, Vec::new(), |settings| settings.routes = vec![people]).await;
    let ask = async |token: &str| {
        stand
            .browser()
            .send("GET", "/people", &[("authorization", token)], "")
            .await
    };
    assert_eq!(ask(&wide).await.status, 200);
    let refused = ask(&narrow).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.headers["www-authenticate"], "Bearer error=\"insufficient_scope\"");
}

#[tokio::test]
async fn forward_auth_goes_by_the_same_routes() {
    let mut staff = route("/staff", Access::Protect);
    staff.require.groups = vec!["Staff".to_owned()];
    let mut read = route("/news", Access::Public);
    read.methods = vec![Method::GET];
    let mut closed = route("/news", Access::Protect);
    closed.host = HostPattern::parse("inner.example").expect("a pattern");
    let upstream = named("the application").await;
    let routes = vec![staff, read, closed];
    let here = TrustedProxies::new(["127.0.0.1/32".parse().expect("a network")]);
    let stand = Stand::over(upstream, |settings: &mut Settings| {
        settings.routes = routes;
        settings.client_address.trusted_proxies = here;
    })
    .await;
    let (alice, hers) = stand.signed_in("alice").await;
    let ask = async |method: &str, url: &str, cookie: &str| {
        let headers = [("x-original-url", url), ("x-original-method", method), ("cookie", cookie)];
        stand
            .browser()
            .send("GET", "/.portcullis/check/status", &headers, "")
            .await
    };
    for (method, url, cookie, status) in [
        ("GET", "https://app.example/news/1", "", 200),
        ("POST", "https://app.example/news/1", "", 401),
        ("GET", "https://inner.example/news/1", "", 401),
        ("GET", "https://inner.example/news/1", hers.as_str(), 200),
        ("GET", "https://app.example/staff", &hers, 403),
        ("GET", "https://app.example/STAFF", &hers, 400),
        ("GET", "https://app.example/%73taff", &hers, 400),
    ] {
        assert_eq!(ask(method, url, cookie).await.status, status, "{method} {url}");
    }
    let refused = ask("GET", "https://app.example/staff", &hers).await;
    assert_eq!(refused.headers["x-portcullis-reason"], "forbidden");
    group(&stand.test, "Staff", &[], &[&alice]).await;
    let staff = "https://app.example/staff";
    soon(200, async || ask("GET", staff, &hers).await.status).await;
}

#[tokio::test]
async fn a_route_has_limits_of_its_own() {
    let mut uploads = route("/uploads", Access::Protect);
    uploads.body_bytes = Some(10);
    let mut slow = route("/slow", Access::Protect);
    slow.response_timeout = Some(Duration::from_millis(200));
    let upstream = Recorder::acting(|request| match request.line.contains("/slow") {
        true => vec![Act::Hang],
        false => vec![Act::Send(OK.to_vec())],
    })
    .await;
    let stand = Stand::over(upstream.address, |settings| {
        settings.routes = vec![uploads, slow];
    })
    .await;
    let (_, alice) = stand.signed_in("alice").await;
    let headers = [("cookie", alice.as_str()), ("accept", "application/json")];
    let send = async |path: &str, body: &str| {
        stand
            .browser()
            .send("POST", path, &headers, body)
            .await
            .status
    };
    assert_eq!(send("/uploads", "ten bytes!").await, 200);
    assert_eq!(send("/uploads", "eleven byte").await, 413);
    assert_eq!(send("/other", "eleven byte").await, 200);
    assert_eq!(send("/slow", "").await, 504);
}

/// Somebody in a directory, and the cookie of a session of theirs.
async fn person(
    directory: &SingleProcessDirectory,
    gate: &Portcullis,
    login: &str,
) -> (Account, String) {
    let new = NewAccount {
        login: Login::new(login).expect("a login"),
        name: String::new(),
        email: None,
        admin: false,
        details: Default::default(),
        lifecycle: Lifecycle::Active,
        locks: Default::default(),
        password_hash: None,
    };
    let note =
        Note { actor: "test".to_owned(), action: Action::AccountCreated, reason: None, from: None };
    let account = directory
        .create(new, note)
        .await
        .expect("a store in memory");
    let session = gate
        .open_session(account.id, None)
        .await
        .expect("a session");
    let cookie = format!("{}={}", gate.cookie_name(), session.token().expose());
    (account, cookie)
}

#[tokio::test]
async fn best_effort_goes_on_while_the_directory_is_lost() {
    let inner = SingleProcessDirectory::new(Clock::system());
    let directory = Faulty::new(inner.clone());
    let builder = Portcullis::builder().directory(directory.clone());
    let builder = builder.max_stale(Duration::from_millis(300), OnStale::Strict);
    let gate = builder.build().await.expect("a gate");
    let (_, hers) = person(&inner, &gate, "alice").await;
    let (_, unseen) = person(&inner, &gate, "carol").await;
    let (bob, his) = person(&inner, &gate, "bob").await;
    let upstream = named("the application").await;
    let news = |settings: &mut Settings| settings.routes = vec![route("/news", Access::BestEffort)];
    let post = Post::with(gate.clone(), upstream, news, Router::new()).await;
    let ask = async |path: &str, cookie: &str| {
        let headers = [("accept", "application/json"), ("cookie", cookie)];
        let answer = post.public.send("GET", path, &headers, "").await;
        (answer.status, answer.body)
    };
    let fine = |who: &str| (200, format!("the application for {who}"));
    assert_eq!((ask("/news", &hers).await, ask("/news", &his).await), (fine("alice"), fine("bob")));
    assert_eq!(ask("/news", "").await.0, 401, "nobody passes while it can be asked");
    let admin = portcullis::admin::Admin::new(Arc::new(inner)).with_gate(gate);
    let bob = bob.id.into();
    let lock = admin.lock(&Actor::System, &bob, End::Never, None);
    lock.await.expect("somebody who can be locked");
    directory.set(Mood::Failing);
    soon(503, async || ask("/elsewhere", &hers).await.0).await;
    assert_eq!(ask("/news", &hers).await, fine("alice"), "what is known is used");
    assert_eq!(ask("/news", &unseen).await, fine("nobody"), "what is not is nobody's");
    assert_eq!(ask("/news", &his).await.0, 403, "a known lock stays a lock");
    assert_eq!(ask("/news", "").await.0, 401, "and who brings nothing is nobody");
    assert_eq!(ask("/elsewhere", &unseen).await.0, 503);
    directory.set(Mood::Well);
    soon(200, async || ask("/elsewhere", &hers).await.0).await;
    assert_eq!(ask("/news", &unseen).await, fine("carol"), "nothing was ended");
}

/// What is promised of whatever is under way.
const CUT_WITHIN: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_lock_cuts_what_is_live_on_every_route() {
    let upstream = Recorder::acting(|request| {
        let text = match request.line.contains("/socket") {
            true => "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            false => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: hello\n\n",
        };
        vec![Act::Send(text.as_bytes().to_vec()), Act::Hang]
    })
    .await;
    for access in [Access::Protect, Access::BestEffort, Access::Public] {
        for (path, fields) in [
            ("/live/events", ""),
            (
                "/live/socket",
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            ),
        ] {
            let stand = Stand::over(upstream.address, |settings| {
                settings.routes = vec![route("/live", access)];
            })
            .await;
            let (alice, hers) = stand.signed_in("alice").await;
            let (_, his) = stand.signed_in("bob").await;
            let open = async |cookie: &str| {
                let mut client = RawClient::to(stand.address).await;
                let head = format!(
                    "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n",
                    stand.address
                );
                client.send(head + fields + "\r\n").await;
                let began = client.until_silent(Duration::from_millis(200)).await;
                assert!(began.starts_with(b"HTTP/1.1 "), "{access:?} {path}");
                client
            };
            let (mut hers, mut his) = (open(&hers).await, open(&his).await);
            stand.test.lock(&alice).await;
            assert!(hers.rest(CUT_WITHIN).await.is_some(), "{access:?} {path} goes on");
            let silent = his.until_silent(Duration::from_millis(200)).await;
            assert!(silent.is_empty(), "{access:?} {path}: {}", silent.escape_ascii());
            assert!(his.rest(Duration::from_millis(100)).await.is_none(), "bob's goes on");
        }
    }
}
