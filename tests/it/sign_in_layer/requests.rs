//! Which requests are sign-ins, and where they come from.

use axum::extract::{ConnectInfo, OriginalUri};
use http::Method;
use portcullis::guard::sign_in::{BadSignIn, SignInRefusal};

use super::*;

fn post_to(path: &str) -> Request<Body> {
    let mut request = form("login=alice&password=a");
    *request.uri_mut() = path.parse().expect("a path");
    request
}

fn refusal(response: &Response) -> Option<SignInRefusal> {
    response.extensions().get().copied()
}

#[tokio::test]
async fn a_path_is_counted_in_its_own_spelling_and_refused_in_another() {
    for path in ["/login", "/login/", "/log%69n", "/login?next=/", "http://host/login"] {
        let (test, app) = (TestGate::new().await, Application::default());
        let router = app.router(layer(&test));
        for _ in 0..5 {
            assert_eq!(status(&router, post_to(path)).await, 303, "{path}");
        }
        // The same wrong password each time was one guess; another is counted, too.
        for turn in 0..4 {
            let guess = credentials("alice", &format!("guess {turn}"));
            assert_eq!(status(&router, guess).await, 303, "{path}");
        }
        assert!(is_locked_out(&router, "alice").await, "{path}");
    }
    let (test, app) = (TestGate::new().await, Application::default());
    let router = app.router(layer(&test));
    for path in
        ["/LOGIN", "//login", "/x/..;/login", "/%2Flogin", "/login;a", "/log%2569n", "/login%00"]
    {
        let answer = ask(&router, post_to(path)).await;
        assert_eq!(answer.status(), 400, "{path}");
        assert_eq!(refusal(&answer), Some(SignInRefusal::Request(BadSignIn::Path)));
    }
    assert_eq!(app.asked(), 0);
    for path in ["/", "/logins", "/api/login"] {
        assert_eq!(status(&router, post_to(path)).await, 303, "{path}");
    }
    assert_eq!(app.asked(), 3);
}

#[tokio::test]
async fn other_methods_pass_unless_a_header_makes_them_a_sign_in() {
    let (test, app) = (TestGate::new().await, Application::default());
    let router = app.router(layer(&test));
    for method in [Method::GET, Method::PUT, Method::HEAD] {
        let mut request = form("anything at all");
        *request.method_mut() = method.clone();
        // The route has no such method; it was axum who said so.
        assert_eq!(status(&router, request).await, 405, "{method}");
    }
    for (method, name) in [
        (Method::GET, "x-http-method-override"),
        (Method::PUT, "x-method-override"),
        (Method::POST, "x-http-method"),
    ] {
        let mut request = form("login=alice&password=a");
        *request.method_mut() = method;
        request
            .headers_mut()
            .insert(name, "POST".parse().expect("a value"));
        let answer = ask(&router, request).await;
        assert_eq!(refusal(&answer), Some(SignInRefusal::Request(BadSignIn::Method)), "{name}");
    }
    assert_eq!(app.asked(), 0);
}

#[tokio::test]
async fn a_prefix_that_was_taken_off_is_known() {
    let (test, app) = (TestGate::new().await, Application::default());
    let inner = app.router(
        described(test.gate())
            .at("/auth/sign-in")
            .build()
            .expect("a layer"),
    );
    let router = Router::new().nest("/auth", inner);
    // By what is left of the path, and by the whole of it.
    for path in ["/auth/login", "/auth/sign-in"] {
        let mut request = post_to(path);
        *request.body_mut() = Body::from("no login");
        assert_eq!(status(&router, request).await, 400, "{path}");
    }
    let mut elsewhere = post_to("/x");
    elsewhere
        .extensions_mut()
        .insert(OriginalUri("/login".parse().expect("a path")));
    *elsewhere.body_mut() = Body::from("no login");
    let outermost = app.router(layer(&test));
    assert_eq!(status(&outermost, elsewhere).await, 400);
}

#[tokio::test]
async fn another_method_and_several_paths_are_watched_where_that_is_said() {
    let (test, app) = (TestGate::new().await, Application::default());
    let put = described(test.gate())
        .at("/api/session")
        .method(Method::PUT);
    let router = app.router(put.ignore_case().build().expect("a layer"));
    for path in ["/login", "/api/session", "/API/Session/"] {
        let mut request = post_to(path);
        *request.method_mut() = Method::PUT;
        *request.body_mut() = Body::empty();
        assert_eq!(status(&router, request).await, 400, "{path}");
    }
    assert_eq!(app.asked(), 0);
    assert_eq!(status(&router, post_to("/login")).await, 303);
}

#[tokio::test]
async fn nobody_signs_in_from_nowhere() {
    let (test, app) = (TestGate::new().await, Application::default());
    test.account("alice").await;
    let router = app.router(layer(&test));
    let mut nowhere = credentials("alice", RIGHT);
    nowhere.extensions_mut().clear();
    let answer = ask(&router, nowhere).await;
    assert_eq!(answer.status(), 500);
    assert_eq!(refusal(&answer), Some(SignInRefusal::NoAddress));
    assert_eq!(app.asked(), 0);

    let mut peer = credentials("alice", RIGHT);
    peer.extensions_mut().clear();
    let address = std::net::SocketAddr::from(([192, 0, 2, 9], 4711));
    peer.extensions_mut().insert(ConnectInfo(address));
    assert_eq!(status(&router, peer).await, 303);
}

#[tokio::test]
async fn a_closure_says_where_requests_come_from() {
    let (test, app) = (TestGate::new().await, Application::default());
    let by_header = |head: &http::request::Parts| {
        let said = head.headers.get("x-real-ip")?.to_str().ok()?;
        said.parse::<IpAddr>().ok().map(ClientAddr::from)
    };
    let layer = described(test.gate()).client_address(by_header).build();
    let router = app.router(layer.expect("a layer"));
    assert_eq!(status(&router, credentials("alice", "a")).await, 500);
    let mut known = credentials("alice", "a");
    known
        .headers_mut()
        .insert("x-real-ip", "192.0.2.1".parse().expect("a value"));
    assert_eq!(status(&router, known).await, 303);
}
