//! What a form must be, and where people are led.

use std::fmt::Write;
use std::net::SocketAddr;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use axum::Router;
use axum::body::Body;
use futures_util::StreamExt;
use http::{Request, StatusCode};
use portcullis::domain::event::{Action, Note};
use portcullis::domain::login::Login;
use portcullis::domain::standing::Lifecycle;
use portcullis::store::NewAccount;
use portcullis::testing::TestGate;
use portcullis::{ClientAddr, Portcullis};
use url::Url;

use super::{
    FORM, PASSWORD, encoded, location, post, request, service, session, sign_in, visit, with_alice,
};
use crate::guard::ask;
use crate::support::Browser;

const PAGE: &str = "/.portcullis/sign-in";
const RIGHT: &str = "login=alice&password=correct+horse+battery";

/// Every page that changes something.
const UNSAFE: [&str; 6] = [
    PAGE,
    "/.portcullis/sign-out",
    "/.portcullis/account/password",
    "/.portcullis/account/end-session",
    "/.portcullis/account/end-others",
    "/.portcullis/account/forget-device",
];

#[tokio::test]
async fn nothing_is_done_for_another_sites_page() {
    let (test, app) = with_alice().await;
    let cookie = session(&sign_in(&app, "alice", PASSWORD).await);
    let others: [&[(&str, &str)]; 5] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://app.example")],
    ];
    let checked = test.gate().passwords_checked();
    for path in UNSAFE {
        for other in others {
            let mut headers =
                vec![("accept", "text/html"), ("content-type", FORM), ("cookie", cookie.as_str())];
            headers.extend(other);
            let answer = ask(&app, request("POST", path, &headers, RIGHT)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {other:?}");
            assert!(answer.body.contains("This was not sent by our page"), "{}", answer.body);
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    assert_eq!(test.gate().passwords_checked(), checked);
    assert_eq!(visit(&app, "/", &cookie).await.status, StatusCode::OK);
}

#[tokio::test]
async fn our_own_pages_and_programs_may_send_forms() {
    let (_test, app) = with_alice().await;
    let own: [&[(&str, &str)]; 5] = [
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("origin", "http://app.example")],
        &[("origin", "https://app.example")],
        &[],
    ];
    for own in own {
        let mut headers = vec![("accept", "text/html"), ("content-type", FORM)];
        headers.extend(own);
        let answer = ask(&app, request("POST", PAGE, &headers, RIGHT)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{own:?}");
    }
}

#[tokio::test]
async fn a_form_is_small_whole_and_of_one_type() {
    let (test, app) = with_alice().await;
    let padding = "x".repeat(8 * 1024);
    let json = r#"{"login":"alice","password":"correct horse battery"}"#;
    let multipart = "multipart/form-data; boundary=a";
    type Fields = [(&'static str, &'static str)];
    let cases: &[(&Fields, &str, u16)] = &[
        (&[("content-type", FORM)], RIGHT, 303),
        (&[("content-type", FORM)], &format!("{RIGHT}&return_to={padding}"), 413),
        (&[("content-type", FORM), ("content-length", "9000")], RIGHT, 413),
        (&[], RIGHT, 415),
        (&[("content-type", "text/plain")], RIGHT, 415),
        (&[("content-type", multipart)], RIGHT, 415),
        (&[("content-type", "application/json")], json, 415),
        (&[("content-type", "application/json"), ("accept", "application/json")], json, 200),
        (&[("content-type", "application/json"), ("accept", "application/json")], "[]", 400),
        (&[("content-type", FORM)], &format!("{RIGHT}&password=x"), 400),
        (&[("content-type", FORM)], &format!("{RIGHT}&%6cogin=x"), 400),
        (&[("content-type", FORM)], &format!("{RIGHT}&return_to=/&return_to=/"), 400),
        (&[("content-type", FORM)], "login=alice", 400),
        (&[("content-type", FORM)], "password=x", 400),
        (&[("content-type", FORM)], "", 400),
        (&[("content-type", FORM)], "login=%ff&password=x", 400),
    ];
    for (headers, body, status) in cases {
        let checked = test.gate().passwords_checked();
        let answer = ask(&app, request("POST", PAGE, headers, body)).await;
        let start = &body[..body.len().min(80)];
        assert_eq!(answer.status.as_u16(), *status, "{headers:?} {start}");
        let looked = test.gate().passwords_checked() - checked;
        assert_eq!(looked, u64::from(*status < 400), "{headers:?} {start}");
    }
}

/// The addresses of the corpus, with Rust's escapes.
pub(crate) fn corpus() -> Vec<String> {
    let lines = include_str!("../../corpus/return_to.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines
        .map(|line| {
            let (_, text) = line.split_once('\t').expect("a verdict and a tab");
            unescaped(text)
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            out.push(next);
            continue;
        }
        match rest.next().expect("an escape") {
            't' => out.push('\t'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            'u' => {
                let hex: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                let code = u32::from_str_radix(&hex, 16).expect("hexadecimal digits");
                out.push(char::from_u32(code).expect("a character"));
            }
            other => out.push(other),
        }
    }
    out
}

/// Alice, with a hash of her password that costs next to nothing to check.
async fn with_hasty_alice() -> Router {
    let test = TestGate::new().await;
    let params = Params::new(Params::MIN_M_COST, 1, 1, None).expect("parameters");
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = hasher.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]);
    let new = NewAccount {
        login: Login::new("alice").expect("a login"),
        name: String::new(),
        email: None,
        admin: false,
        details: Default::default(),
        lifecycle: Lifecycle::Active,
        locks: Default::default(),
        password_hash: Some(hash.expect("a hash").to_string()),
    };
    let actor = "test".to_owned();
    let note = Note { actor, action: Action::AccountCreated, reason: None, from: None };
    let created = test.directory().create(new, note).await;
    created.expect("a free login");
    service(test.gate())
}

#[tokio::test]
async fn signing_in_never_leads_away() {
    let app = with_hasty_alice().await;
    let base = Url::parse("https://app.example/.portcullis/sign-in").expect("a base");
    let mut kept = 0;
    for address in corpus() {
        let fields = [("login", "alice"), ("password", PASSWORD), ("return_to", &*address)];
        let answer = post(&app, PAGE, "", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{address:?}");
        let to = base.join(location(&answer)).expect("a URL");
        assert_eq!(to.origin(), base.origin(), "{address:?}");
        assert!(!to.path().starts_with("//"), "{address:?}");
        kept += usize::from(location(&answer) == address && address != "/");

        // The form carries on what is good, and nothing else.
        let query = encoded(&[("return_to", &address)]);
        let page = visit(&app, &format!("{PAGE}?{query}"), "").await;
        let carried = page.body.split("name=\"return_to\" value=\"").nth(1);
        let carried = carried.and_then(|rest| rest.split('"').next());
        assert_eq!(carried.is_some(), portcullis::ReturnTo::parse(&address).is_ok(), "{address:?}");
        let carried = base.join(carried.unwrap_or("/")).expect("a URL");
        assert_eq!(carried.origin(), base.origin(), "{address:?}");
    }
    assert!(kept >= 40, "{kept}");
}

#[tokio::test]
async fn nobody_is_led_in_circles() {
    let (_test, app) = with_alice().await;
    for circular in ["/.portcullis/sign-in", "/.portcullis/SIGN-IN/?a", "/.portcullis/sign-out"] {
        let fields = [("login", "alice"), ("password", PASSWORD), ("return_to", circular)];
        assert_eq!(location(&post(&app, PAGE, "", &fields).await), "/", "{circular}");
    }
    let fields =
        [("login", "alice"), ("password", PASSWORD), ("return_to", "/.portcullis/account")];
    assert_eq!(location(&post(&app, PAGE, "", &fields).await), "/.portcullis/account");
}

/// Every text that somebody chose, with what HTML would take for markup.
const MARKUP: &str = "\"'><script>alert(1)</script>&amp;";

fn assert_escaped(page: &str, what: &str) {
    assert!(!page.contains("<script>alert") && !page.contains("\"'>"), "{what}: {page}");
    assert!(page.contains("alert(1)"), "{what} is not shown: {page}");
}

#[tokio::test]
async fn markup_is_shown_and_never_read() {
    let test = TestGate::new().await;
    let app = super::service_with(test.gate(), |pages| {
        pages.brand(portcullis::pages::Branding::new(MARKUP).contact(MARKUP))
    });
    assert_escaped(&visit(&app, PAGE, "").await.body, "branding");
    let app = service(test.gate());
    assert_escaped(&sign_in(&app, MARKUP, "x").await.body, "login");
    let query = encoded(&[("return_to", "/a?<script>alert(1)</script>")]);
    let page = visit(&app, &format!("{PAGE}?{query}"), "").await.body;
    assert!(!page.contains("alert"), "{page}");
    // What an address may hold, a page may not take for its own.
    let query = encoded(&[("return_to", "/a?'onmouseover=alert(1)&b=c")]);
    let page = visit(&app, &format!("{PAGE}?{query}"), "").await.body;
    assert!(page.contains("value=\"/a?&#39;onmouseover=alert(1)&#38;b=c\""), "{page}");

    let mallory = test
        .account_with_password("<b>\"'>alert(1)", PASSWORD)
        .await;
    test.edit(&mallory, |account| {
        MARKUP.clone_into(&mut account.name);
        account.email = Some(MARKUP.to_owned());
    })
    .await;
    let headers = [("content-type", FORM), ("user-agent", "<script>alert(1)</script>")];
    let body = encoded(&[("login", "<b>\"'>alert(1)"), ("password", PASSWORD)]);
    let cookie = session(&ask(&app, request("POST", PAGE, &headers, &body)).await);
    for path in ["account", "account/password", "sign-in", "sign-out"] {
        let page = visit(&app, &format!("/.portcullis/{path}"), &cookie).await;
        assert_eq!(page.status, StatusCode::OK);
        assert_escaped(&page.body, path);
        assert!(!page.body.contains("<b>"), "{}", page.body);
    }
}

#[tokio::test]
async fn every_answer_is_protected() {
    let (_test, app) = with_alice().await;
    let cookie = session(&sign_in(&app, "alice", PASSWORD).await);
    let mut answers = Vec::new();
    for path in ["sign-in", "sign-out", "account", "account/password", "assets/none"] {
        answers.push(visit(&app, &format!("/.portcullis/{path}"), &cookie).await);
        answers.push(visit(&app, &format!("/.portcullis/{path}"), "").await);
    }
    answers.push(sign_in(&app, "alice", "a guess").await);
    answers.push(sign_in(&app, "alice", PASSWORD).await);
    answers.push(post(&app, PAGE, "", &[]).await);
    for answer in answers {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name} of {answer:?}");
        }
        let policy = answer.header("content-security-policy").expect("a policy");
        for part in
            ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "script-src 'self'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !answer.body.contains(" style="), "{policy}");
        assert!(!answer.body.contains("<style") && !answer.body.contains(" onclick"));
    }
}

/// Where a request comes from is needed before anybody may guess.
#[tokio::test]
async fn nobody_signs_in_from_nowhere() {
    let (test, app) = with_alice().await;
    let from = |address: Option<ClientAddr>| {
        let mut request = Request::post(PAGE).header("content-type", FORM);
        if let Some(address) = address {
            request = request.extension(address);
        }
        request.body(Body::from(RIGHT)).expect("a request")
    };
    let nowhere = ask(&app, from(None)).await;
    assert_eq!(nowhere.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(test.gate().passwords_checked(), 0);
    let gateway = SocketAddr::from(([203, 0, 113, 9], 1)).into();
    assert_eq!(ask(&app, from(Some(gateway))).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn pages_can_be_nested_anywhere() {
    let test = TestGate::new().await;
    test.account_with_password("alice", PASSWORD).await;
    for at in ["", "/me", "/a/b"] {
        let pages = portcullis::pages::Pages::new(test.gate()).at(at);
        assert_eq!(pages.sign_in_path(), format!("{at}/sign-in"));
        let router = pages.into_router();
        let app = match at {
            "" => Router::new().merge(router),
            at => Router::new().nest(at, router),
        };
        let page = visit(&app, &format!("{at}/sign-in"), "").await;
        assert!(page.body.contains(&format!("action=\"{at}/sign-in\"")), "{}", page.body);
        let mut links = String::new();
        write!(links, "href=\"{at}/assets/pages.").expect("written");
        assert!(page.body.contains(&links), "{}", page.body);
        let sent = visit(&app, &format!("{at}/account"), "").await;
        let to = format!("{at}/sign-in?return_to={at}/account");
        assert_eq!(location(&sent), to);
    }
}

/// Over a socket, as browsers meet it: a body without an announced length, and
/// the address of the connection.
#[tokio::test]
async fn it_holds_over_a_socket() {
    let gate = Portcullis::in_memory().await.expect("a gate");
    let service = service(gate).into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, service).await });
    let browser = Browser::at(address);
    let wrong = browser
        .post_form(PAGE, "", &[("login", "alice"), ("password", "x")])
        .await;
    assert_eq!(wrong.status, 401);
    let own = format!("http://{address}");
    let headers = [("origin", own.as_str()), ("content-type", FORM)];
    assert_eq!(browser.send("POST", PAGE, &headers, RIGHT).await.status, 401);
    let large = "x".repeat(9_000);
    assert_eq!(browser.send("POST", PAGE, &headers, &large).await.status, 413);
    let chunked = [headers[0], headers[1], ("transfer-encoding", "chunked")];
    assert_eq!(browser.send("POST", PAGE, &chunked, &large).await.status, 413);
}

/// A form of a session that is signed out when half of it was read.
fn half_then_signed_out(app: &Router, path: &str, accept: &str, cookie: &str) -> Request<Body> {
    let headers = [("accept", accept), ("content-type", FORM), ("cookie", cookie)];
    let (app, cookie) = (app.clone(), cookie.to_owned());
    let rest = futures_util::stream::once(async move {
        let out = post(&app, "/.portcullis/sign-out", &cookie, &[]).await;
        assert_eq!(out.status, StatusCode::SEE_OTHER);
        Ok::<_, std::io::Error>("&new=another+horse+battery&again=another+horse+battery")
    });
    let half = futures_util::stream::once(async {
        Ok("session=0000000000000000&device=0000000000000000&current=correct+horse+battery")
    });
    let body = Body::from_stream(half.chain(rest));
    request("POST", path, &headers, "").map(|_| body)
}

#[tokio::test]
async fn a_session_that_ended_while_its_form_was_sent_does_nothing() {
    for accept in ["text/html", "application/json"] {
        let (test, app) = with_alice().await;
        let phone = session(&sign_in(&app, "alice", PASSWORD).await);
        for path in UNSAFE.iter().filter(|path| path.contains("/account/")) {
            let desk = session(&sign_in(&app, "alice", PASSWORD).await);
            let checked = test.gate().passwords_checked();
            let answer = ask(&app, half_then_signed_out(&app, path, accept, &desk)).await;
            match accept {
                "text/html" => {
                    let to = "/.portcullis/sign-in?notice=signed-out";
                    assert_eq!(location(&answer), to, "{path}");
                }
                _ => {
                    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
                    assert!(answer.body.contains("You were signed out"), "{}", answer.body);
                    assert!(answer.header("www-authenticate").is_some());
                }
            }
            assert_eq!(answer.header("set-cookie"), None);
            assert_eq!(test.gate().passwords_checked(), checked, "{path}");
            assert_eq!(visit(&app, "/", &phone).await.status, StatusCode::OK, "{path}");
        }
    }
}
