//! Requests that pass, and what the upstream and the client see of them.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use axum::routing::{any, get};

use super::Stand;

/// Answers with the head of the request that it got.
async fn echo(request: Request<Body>) -> String {
    let mut lines = vec![format!("{} {}", request.method(), request.uri())];
    for (name, value) in request.headers() {
        lines.push(format!("{name}: {}", value.to_str().expect("visible")));
    }
    lines.join("\n")
}

fn echoing() -> Router {
    Router::new().fallback(any(echo))
}

#[tokio::test]
async fn a_stranger_is_sent_to_sign_in_and_the_upstream_hears_nothing() {
    let stand = Stand::before(echoing()).await;
    let answer = stand.browser().get("/reports?year=2026", "").await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.location(), "/.portcullis/sign-in?return_to=/reports%3Fyear%3D2026");
}

#[tokio::test]
async fn the_upstream_learns_who_is_asking_and_no_secret() {
    let stand = Stand::before(echoing()).await;
    let (alice, cookie) = stand.signed_in("alice").await;
    let cookie = format!("theme=dark; {cookie}; lang=en");
    let seen = stand.browser().get("/a%2Fb;c?d=e", &cookie).await;
    assert_eq!(seen.status, 200);
    let lines: Vec<_> = seen.body.lines().collect();
    assert_eq!(lines[0], "GET /a%2Fb;c?d=e");
    for line in [
        "cookie: theme=dark; lang=en",
        "x-portcullis-user: alice",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        &format!("x-portcullis-account: {}", alice.id),
        &format!("x-forwarded-host: {}", stand.address),
        &format!("host: {}", stand.address),
    ] {
        assert!(lines.contains(&line), "{line} is not in {lines:#?}");
    }
}

#[tokio::test]
async fn nobody_can_say_who_they_are() {
    let stand = Stand::before(echoing()).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let forged = [
        ("cookie", cookie.as_str()),
        ("X-Portcullis-User", "root"),
        ("x_portcullis_user", "root"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6"),
        ("Remote-User", "root"),
        ("X-WebAuth-User", "root"),
        ("X-Original-URL", "/admin"),
        ("Connection", "close, X-Forwarded-For, Cookie2"),
        ("Cookie2", "root"),
    ];
    let seen = stand.browser().send("GET", "/", &forged, "").await;
    assert_eq!(seen.status, 200);
    assert!(!seen.body.contains("root") && !seen.body.contains("6.6.6.6"), "{}", seen.body);
    assert!(!seen.body.contains("/admin"), "{}", seen.body);
    assert!(seen.body.contains("x-portcullis-user: alice"));
}

#[tokio::test]
async fn a_lock_bites_at_the_next_request() {
    let stand = Stand::before(echoing()).await;
    let (alice, cookie) = stand.signed_in("alice").await;
    let browser = stand.browser();
    assert_eq!(browser.get("/", &cookie).await.status, 200);
    stand.test.lock(&alice).await;
    let refused = browser.get("/", &cookie).await;
    assert_eq!(refused.status, 303);
    assert_eq!(refused.location(), "/.portcullis/sign-in?return_to=/&notice=locked");
    stand.test.unlock(&alice).await;
    assert_eq!(browser.get("/", &cookie).await.status, 303);
}

#[tokio::test]
async fn answers_come_back_without_what_is_for_one_hop_or_only_ours() {
    let headers = || async {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("set-cookie", "theme=dark"),
            ("set-cookie", "portcullis=stolen"),
            ("set-cookie", "__Host-portcullis=stolen"),
            ("keep-alive", "timeout=5"),
            ("x-app", "yes"),
        ] {
            headers.append(name, value.parse().expect("a value"));
        }
        (headers, "fine")
    };
    let stand = Stand::before(Router::new().route("/", get(headers))).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let answer = stand.browser().get("/", &cookie).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "fine"));
    assert_eq!(answer.headers["x-app"], "yes");
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["theme=dark"]);
    assert!(!answer.headers.contains_key("keep-alive"));
}

#[tokio::test]
async fn a_body_goes_there_and_back() {
    let stand = Stand::before(Router::new().fallback(any(|body: String| async { body }))).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let body = "x".repeat(1 << 20);
    let headers = [("cookie", cookie.as_str())];
    for _ in 0..3 {
        let answer = stand.browser().send("POST", "/", &headers, &body).await;
        assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    }
}

#[tokio::test]
async fn a_dead_upstream_is_named_with_its_setting() {
    let unused = super::serve(Router::new()).await;
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let dead = socket.local_addr().expect("an address");
    drop(socket);
    assert_ne!(dead, unused);
    let stand = Stand::over(dead, |_| {}).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let page = stand.browser().get("/", &cookie).await;
    assert_eq!(page.status, 502);
    assert!(page.body.contains(&format!("http://{dead}")), "{}", page.body);
    assert!(page.body.contains("upstream.url"), "{}", page.body);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let application = Router::new().fallback(any(|body: String| async { body }));
    let stand = Stand::with(application, |settings| settings.limits.body_bytes = Some(10)).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let headers = [("cookie", cookie.as_str())];
    let fits = stand
        .browser()
        .send("POST", "/", &headers, "0123456789")
        .await;
    assert_eq!(fits.status, 200);
    let refused = stand
        .browser()
        .send("POST", "/", &headers, "0123456789a")
        .await;
    assert_eq!(refused.status, 413);
}

#[tokio::test]
async fn an_application_of_another_age_ends_no_clients_connection() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let socket = socket.expect("a port");
    let old = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let answer = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
            let _ = stream.write_all(answer).await;
        }
    });
    let stand = Stand::over(old, |_| {}).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let client = tokio::net::TcpStream::connect(stand.address).await;
    let mut client = client.expect("a connection");
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", stand.address);
    for round in 0..2 {
        client.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok") {
            answer.push(client.read_u8().await.expect("the connection goes on"));
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "round {round}");
    }
}

#[tokio::test]
async fn the_gateways_own_places_say_what_is_there() {
    let stand = Stand::before(echoing()).await;
    let browser = stand.browser();
    for path in ["/.portcullis", "/.portcullis/"] {
        let answer = browser.get(path, "").await;
        assert_eq!((answer.status, answer.location()), (303, "/.portcullis/account"));
    }
    let nothing = browser.get("/.portcullis/nothing", "").await;
    assert!(nothing.status == 404 && nothing.body.contains("There is no such page"));
}
