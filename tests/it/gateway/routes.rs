//! Routes through a running gateway: who passes where, and to which application.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use http::HeaderMap;
use http::Method;
use portcullis::admin::Actor;
use portcullis::domain::account::Account;
use portcullis::domain::client::TrustedProxies;
use portcullis::domain::group::GroupName;
use portcullis::domain::permission::Permission;
use portcullis::gateway::routes::{Access, HostPattern, Route, RoutePath};
use portcullis::gateway::settings::UpstreamPool;
use portcullis::gateway::{Origin, Settings};
use portcullis::store::NewGroup;
use portcullis::testing::TestGate;
use serde_json::Value;

use super::{Stand, serve};
use crate::support::{Answer, OK, Recorder};

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
    let mut request = portcullis::admin::TokenRequest::default();
    request.scopes = vec!["audit.view".to_owned()];
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
        true => vec![crate::support::Act::Hang],
        false => vec![crate::support::Act::Send(OK.to_vec())],
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
