//! The examples, each as a real process that is asked over a socket.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Answer, Browser, Example, portcullis, run_example};

const PASSWORD: &str = "correct horse";

async fn sign_in(browser: &Browser, login: &str, password: &str) -> Answer {
    let fields = [("login", login), ("password", password)];
    browser.post_form("/sign-in", "", &fields).await
}

async fn signed_in(browser: &Browser, login: &str) -> String {
    let answer = sign_in(browser, login, PASSWORD).await;
    assert_eq!((answer.status, answer.location()), (303, "/"), "{answer:?}");
    answer.cookie()
}

async fn assert_greeted(browser: &Browser, cookie: &str, login: &str) {
    let answer = browser.get("/", cookie).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains(&format!("Hello {login}")), "{answer:?}");
}

/// Sent to sign-in with this notice.
#[track_caller]
fn assert_sent_away(answer: &Answer, notice: &str) {
    assert_eq!(answer.status, 303, "{answer:?}");
    let location = answer.location();
    assert!(location.starts_with("/sign-in?"), "{location}");
    assert!(location.ends_with(&format!("notice={notice}")), "{location}");
}

/// The answer once another process's change has taken hold: 100 ms are promised,
/// and a machine that runs other tests may need more.
async fn once_refused(browser: &Browser, cookie: &str) -> Answer {
    for _ in 0..500 {
        let answer = browser.get("/", cookie).await;
        if answer.status != 200 {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still admitted after five seconds");
}

async fn once_signed_in(browser: &Browser, login: &str) -> String {
    for _ in 0..500 {
        let answer = sign_in(browser, login, PASSWORD).await;
        if answer.status == 303 {
            return answer.cookie();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still refused after five seconds");
}

/// The whole story of one person, locked and unlocked from the command line.
async fn locked_from_outside(example: &str) {
    let folder = with_alice();
    let service = Example::start(example, folder.path());
    let browser = service.browser();

    let stranger = browser.get("/", "").await;
    assert_eq!(stranger.location(), "/sign-in?return_to=/", "{stranger:?}");
    assert_eq!(sign_in(&browser, "alice", "wrong").await.status, 401);
    let cookie = signed_in(&browser, "alice").await;
    assert_greeted(&browser, &cookie, "alice").await;

    run(&folder, &["user", "lock", "alice"]);
    assert_sent_away(&once_refused(&browser, &cookie).await, "locked");
    assert_eq!(sign_in(&browser, "alice", PASSWORD).await.status, 403);
    assert_eq!(sign_in(&browser, "alice", "wrong").await.status, 401);

    run(&folder, &["user", "unlock", "alice"]);
    let fresh = once_signed_in(&browser, "alice").await;
    assert_greeted(&browser, &fresh, "alice").await;
    let old = browser.get("/", &cookie).await;
    assert_ne!(old.status, 200, "the lock ended this session for good");

    let out = browser.post_form("/sign-out", &fresh, &[]).await;
    assert_eq!((out.status, out.location()), (303, "/sign-in"));
    assert_eq!(browser.get("/", &fresh).await.status, 303);
}

fn with_alice() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    portcullis(folder.path(), &["user", "add", "alice", "--password-stdin"], PASSWORD);
    folder
}

fn run(folder: &TempDir, args: &[&str]) {
    portcullis(folder.path(), args, "");
}

#[tokio::test]
async fn axum_refuses_who_is_locked_by_another_process() {
    locked_from_outside("axum").await;
}

#[tokio::test]
async fn existing_sessions_are_refused_by_another_process() {
    locked_from_outside("existing_sessions").await;
}

#[tokio::test]
async fn existing_sessions_are_never_the_ones_that_a_client_brought() {
    let folder = with_alice();
    let service = Example::start("existing_sessions", folder.path());
    let browser = service.browser();
    let first = signed_in(&browser, "alice").await;
    let fields = [("login", "alice"), ("password", PASSWORD)];
    let again = browser
        .post_form("/sign-in", &first, &fields)
        .await
        .cookie();
    assert_ne!(first, again);
    assert_greeted(&browser, &again, "alice").await;
    assert_eq!(browser.get("/", &first).await.status, 303);
}

#[tokio::test]
async fn custom_source_pushes_a_lock_to_the_gate() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Example::start("custom_source", folder.path());
    let browser = service.browser();
    let alice = signed_in(&browser, "alice").await;
    let bob = signed_in(&browser, "bob").await;
    assert_greeted(&browser, &bob, "bob").await;
    assert_eq!(
        browser
            .post_form("/people/alice/lock", &bob, &[])
            .await
            .status,
        403
    );

    let locked = browser.post_form("/people/bob/lock", &alice, &[]).await;
    assert_eq!((locked.status, locked.body.as_str()), (200, "bob is locked\n"));
    // At once: the lock was pushed before its answer.
    assert_sent_away(&browser.get("/", &bob).await, "locked");
    assert_eq!(sign_in(&browser, "bob", PASSWORD).await.status, 403);
    assert_eq!(sign_in(&browser, "bob", "wrong").await.status, 401);
    let twice = browser.post_form("/people/bob/lock", &alice, &[]).await;
    assert_eq!(twice.body, "bob: nothing to change\n");

    browser.post_form("/people/bob/unlock", &alice, &[]).await;
    assert_sent_away(&browser.get("/", &bob).await, "signed-out");
    let fresh = signed_in(&browser, "bob").await;
    assert_greeted(&browser, &fresh, "bob").await;
}

#[tokio::test]
async fn custom_source_keeps_a_lock_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    lock_bob_and_stop(folder.path()).await;
    let service = Example::start("custom_source", folder.path());
    assert_eq!(sign_in(&service.browser(), "bob", PASSWORD).await.status, 403);
}

async fn lock_bob_and_stop(folder: &Path) {
    let service = Example::start("custom_source", folder);
    let browser = service.browser();
    let alice = signed_in(&browser, "alice").await;
    browser.post_form("/people/bob/lock", &alice, &[]).await;
}

#[tokio::test]
async fn guesses_are_counted_in_every_example() {
    for example in ["axum", "custom_source", "existing_sessions"] {
        let folder = with_alice_unless(example);
        let service = Example::start(example, folder.path());
        let browser = service.browser();
        let mut statuses = Vec::new();
        for n in 0..6 {
            statuses.push(
                sign_in(&browser, "alice", &format!("wrong {n}"))
                    .await
                    .status,
            );
        }
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429], "{example}");
        // Not even the right password is looked at now.
        let refused = sign_in(&browser, "alice", PASSWORD).await;
        assert_eq!(refused.status, 429, "{example}");
        assert!(refused.headers.contains_key("retry-after"), "{example}");
    }
}

#[tokio::test]
async fn every_example_says_why_somebody_is_at_its_sign_in_page() {
    for example in ["axum", "custom_source", "existing_sessions"] {
        let folder = with_alice_unless(example);
        let service = Example::start(example, folder.path());
        let browser = service.browser();
        let page = browser
            .get("/sign-in?return_to=/a%27b&notice=locked", "")
            .await;
        assert!(page.body.contains("This account is locked."), "{example}: {page:?}");
        assert!(page.body.contains("value='/a&#39;b'"), "{example}: {page:?}");
        let page = browser.get("/sign-in?notice=%3Cb%3E", "").await;
        assert!(!page.body.contains("role=alert>"), "{example}: {page:?}");
        let page = sign_in(&browser, "alice", "wrong").await;
        assert!(
            page.body.contains("<p role=alert>Wrong login or password."),
            "{example}: {page:?}"
        );

        let fields = [("login", "alice"), ("password", PASSWORD), ("return_to", "/?a=b")];
        let back = browser.post_form("/sign-in", "", &fields).await;
        assert_eq!(back.location(), "/?a=b", "{example}");
        let fields = [("login", "alice"), ("password", PASSWORD), ("return_to", "//evil.example")];
        let back = browser.post_form("/sign-in", "", &fields).await;
        assert_eq!(back.location(), "/", "{example}");
        let out = browser.post_form("/sign-out", &back.cookie(), &[]).await;
        assert_eq!((out.status, out.location()), (303, "/sign-in"), "{example}");
        assert_eq!(browser.get("/", &back.cookie()).await.status, 303, "{example}");
    }
}

fn with_alice_unless(example: &str) -> TempDir {
    match example {
        "custom_source" => tempfile::tempdir().expect("a folder"),
        _ => with_alice(),
    }
}

#[tokio::test]
async fn bare_tower_refuses_the_token_of_who_is_locked() {
    let folder = with_alice();
    let token = |scope| {
        let args = ["token", "create", "--owner", "alice", "--scope", scope];
        format!("Bearer {}", portcullis(folder.path(), &args, "").trim())
    };
    let (greets, does_not) = (token("greetings"), token("reports"));
    let service = Example::start("bare_tower", folder.path());
    let browser = service.browser();
    let ask = |token: &str| {
        let headers = [("authorization".to_owned(), token.to_owned())];
        let browser = &browser;
        async move {
            let headers = headers
                .each_ref()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            browser.send("GET", "/", &headers, "").await
        }
    };
    let greeted = ask(&greets).await;
    assert_eq!((greeted.status, greeted.body.as_str()), (200, "Hello alice\n"));
    assert_eq!(ask(&does_not).await.status, 403);
    assert_eq!(browser.send("GET", "/", &[], "").await.status, 401);

    run(&folder, &["user", "lock", "alice"]);
    let mut answer = ask(&greets).await;
    for _ in 0..500 {
        if answer.status != 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        answer = ask(&greets).await;
    }
    assert_eq!(answer.status, 401, "{answer:?}");
    let challenge = answer.headers["www-authenticate"]
        .to_str()
        .expect("letters");
    assert!(challenge.contains("invalid_token"), "{challenge}");
}

async fn sign_in_with_code(browser: &Browser, password: &str, code: &str) -> Answer {
    let body = format!("{{\"login\":\"alice\",\"password\":{password:?},\"code\":{code:?}}}");
    let headers = [("content-type", "application/json")];
    browser.send("POST", "/session", &headers, &body).await
}

#[tokio::test]
async fn sign_in_takes_the_whole_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Example::start("sign_in", folder.path());
    let browser = service.browser();
    assert_ne!(browser.get("/session", "").await.status, 200);
    for (password, code) in [("wrong", "246810"), (PASSWORD, "000000"), (PASSWORD, "")] {
        assert_eq!(sign_in_with_code(&browser, password, code).await.status, 401);
    }
    let session = sign_in_with_code(&browser, PASSWORD, "246810").await;
    assert_eq!(session.status, 204, "{session:?}");
    let cookie = session.cookie();
    let greeted = browser.get("/session", &cookie).await;
    assert_eq!((greeted.status, greeted.body.as_str()), (200, "Hello alice\n"));

    // Success cleared what had failed: five more, and then not even the right one.
    for _ in 0..5 {
        assert_eq!(sign_in_with_code(&browser, PASSWORD, "000000").await.status, 401);
    }
    let locked_out = sign_in_with_code(&browser, PASSWORD, "246810").await;
    assert_eq!(locked_out.status, 429);
    assert!(locked_out.headers.contains_key("retry-after"));

    let headers = [("cookie", cookie.as_str())];
    let out = browser.send("DELETE", "/session", &headers, "").await;
    assert_eq!(out.status, 204, "{out:?}");
    assert_ne!(browser.get("/session", &cookie).await.status, 200);
}

#[tokio::test]
async fn sign_in_layer_counts_for_an_application_that_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Example::start("sign_in_layer", folder.path());
    let browser = service.browser();
    let sign_in = async |user: &str, secret: &str| {
        let fields = [("user", user), ("secret", secret)];
        browser.post_form("/login", "", &fields).await
    };
    assert_eq!(browser.get("/", "").await.location(), "/login?return_to=/");
    assert!(browser.get("/login", "").await.body.contains("<form"));
    let signed_in = sign_in("alice", "correct horse").await;
    assert_eq!((signed_in.status, signed_in.location()), (303, "/"), "{signed_in:?}");
    let cookie = signed_in.cookie();
    assert_greeted(&browser, &cookie, "alice").await;

    // Five guesses, and then not even the right one; bob is another matter.
    for turn in 0..5 {
        let wrong = sign_in("alice", &format!("wrong {turn}")).await;
        assert_eq!((wrong.status, wrong.location()), (303, "/login?error"), "{wrong:?}");
    }
    for user in ["alice", "Alice", " alice"] {
        let locked_out = sign_in(user, "correct horse").await;
        assert_eq!(locked_out.status, 429, "{user}: {locked_out:?}");
        assert!(locked_out.headers.contains_key("retry-after"));
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let around = browser
        .send("POST", "//login", &form, "user=alice&secret=correct+horse")
        .await;
    assert_eq!(around.status, 401, "no page but the sign-in's is open: {around:?}");

    let bob = sign_in("bob", "battery staple").await.cookie();
    assert_greeted(&browser, &bob, "bob").await;
    browser.send("POST", "/people/bob/lock", &[], "").await;
    let refused = browser.get("/", &bob).await;
    assert_eq!(refused.location(), "/login?return_to=/&notice=locked", "{refused:?}");
    assert_eq!(sign_in("bob", "wrong").await.location(), "/login?error");
    let notice = sign_in("bob", "battery staple").await;
    assert_eq!((notice.status, notice.cookies().len()), (403, 0), "{notice:?}");
    assert!(notice.body.contains("Your account is locked"), "{notice:?}");
}

#[test]
fn load_test_prints_what_it_measured() {
    let printed = run_example("load_test", &["1"]);
    let number = |name: &str| -> u64 {
        let line = printed
            .lines()
            .find(|line| line.starts_with(&format!("{name}  ")));
        let line = line.unwrap_or_else(|| panic!("no {name} in {printed}"));
        line.split_whitespace()
            .last()
            .and_then(|word| word.parse().ok())
            .expect("a number")
    };
    assert!(number("passed") > 0, "{printed}");
    assert_eq!(number("passed a second"), number("passed"));
    assert_eq!(number("wrong"), 0, "{printed}");
    assert!(number("refused") > 0, "{printed}");
    for name in ["p50", "p99", "max", "lock to bite"] {
        let line = printed
            .lines()
            .find(|line| line.starts_with(name))
            .expect("a line");
        assert!(line.ends_with('s'), "a time: {line}");
    }
}
