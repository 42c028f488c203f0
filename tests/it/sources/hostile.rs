//! Systems that are slow, broken, or not what they seem.

use std::time::Duration;

use portcullis::domain::outbound::OutboundUrl;
use portcullis::store::remote::{
    Fault, InvalidRemote, RemoteCredential, RemoteKind, RemoteSettings, RemoteSource,
};
use portcullis::{Standing, StatusSource};
use serde_json::json;
use tokio::time::Instant;

use super::{Reply, System, TOKEN, key, lock};
use crate::support::soon;

fn active() -> Reply {
    Reply::json(200, &json!({"account": "42", "state": "active"}))
}

async fn ask(source: &RemoteSource) -> Result<Option<Standing>, Fault> {
    source.standing(&key("42")).await
}

#[tokio::test]
async fn nothing_but_what_is_documented_is_an_answer() {
    let nobody = json!({"account": "42", "state": "none"});
    let other_nobody = json!({"account": "43", "state": "none"});
    let faults = [
        ("a page", Reply::of(200, "text/html", "<title>Sign in</title>")),
        ("a page that is called JSON", Reply::of(200, "application/json", "<title>")),
        ("JSON that is called a page", Reply::of(200, "text/html", nobody.to_string())),
        ("a proxy's 404", Reply::of(404, "text/html", "<h1>404</h1>")),
        ("another's 404", Reply::json(404, &json!({"error": "not found"}))),
        ("a 404 of somebody else", Reply::json(404, &other_nobody)),
        ("somebody else", Reply::json(200, &json!({"account": "43", "state": "active"}))),
        ("no state", Reply::json(200, &json!({"account": "42"}))),
        ("an unknown state", Reply::json(200, &json!({"account": "42", "state": "fine"}))),
        ("a list", Reply::json(200, &json!([{"account": "42", "state": "active"}]))),
        ("nothing", Reply::json(200, &json!(null))),
        ("a redirect", Reply::json(302, &nobody)),
        ("an error", Reply::json(500, &nobody)),
        ("too many", Reply::json(429, &nobody)),
        ("not for us", Reply::json(403, &nobody)),
        ("gone", Reply::json(410, &nobody)),
        ("unchanged since never", Reply::json(304, &nobody)),
        ("empty", Reply::of(204, "application/json", "")),
    ];
    for (what, reply) in faults {
        let system = System::new().await;
        system.says_everywhere(Some(reply));
        let source = system.source(RemoteKind::Portcullis);
        assert!(ask(&source).await.is_err(), "{what}");
        assert_eq!(source.health().failed, 1, "{what}");
        // A redirect is not followed.
        assert_eq!(system.asked().len(), 1, "{what}");
        system.says_everywhere(Some(active()));
        assert_eq!(ask(&source).await, Ok(Some(Standing::active())), "nothing is left of {what}");
    }
}

#[tokio::test]
async fn a_credential_that_is_revoked_makes_nobody_vanish() {
    let system = System::new().await;
    system.says("/standing/42", active());
    let source = system.source(RemoteKind::Portcullis);
    assert!(ask(&source).await.is_ok());
    system.knows("Bearer another");
    let refused = ask(&source).await.expect_err("revoked");
    assert!(matches!(refused, Fault::Credential(_)));
    assert!(!refused.to_string().contains(TOKEN));
}

#[tokio::test]
async fn a_slow_or_huge_answer_is_none() {
    let system = System::new().await;
    let settings = system
        .settings(RemoteKind::Portcullis)
        .timeout(Duration::from_millis(200));
    let source = RemoteSource::new(settings).expect("a source");
    system.says_everywhere(Some(active().after(Duration::from_secs(30))));
    let began = Instant::now();
    assert_eq!(ask(&source).await, Err(Fault::Silent("not in time".to_owned())));
    assert!(began.elapsed() < Duration::from_secs(10));
    let huge = format!(
        "{{\"account\": \"42\", \"state\": \"active\", \"x\": \"{}\"}}",
        "x".repeat(1 << 20)
    );
    system.says_everywhere(Some(Reply::of(200, "application/json", huge)));
    assert_eq!(ask(&source).await, Err(Fault::TooLarge));
}

#[tokio::test]
async fn few_questions_are_asked_at_once() {
    let system = System::new().await;
    system.says_everywhere(Some(active().after(Duration::from_millis(20))));
    let settings = system
        .settings(RemoteKind::Portcullis)
        .at_once(3)
        .timeout(Duration::from_secs(5));
    let source = RemoteSource::new(settings).expect("a source");
    let questions = (0..30).map(|_| ask(&source));
    for answer in futures_util::future::join_all(questions).await {
        assert!(answer.is_ok());
    }
    let most = lock(&system.inner).most_at_once;
    assert!(most <= 3, "{most} at once");
}

#[tokio::test]
async fn one_that_fails_is_left_alone_until_it_is_back() {
    let system = System::new().await;
    system.says_everywhere(Some(Reply::of(502, "text/html", "<h1>Bad Gateway</h1>")));
    let source = system.source(RemoteKind::Portcullis);
    for _ in 0..5 {
        assert!(matches!(ask(&source).await, Err(Fault::Status(_))));
    }
    assert!(source.health().failing_for.is_some());
    let asked = system.asked().len();
    for _ in 0..100 {
        assert_eq!(ask(&source).await, Err(Fault::Open));
    }
    // At most a trial or two came meanwhile.
    assert!(system.asked().len() < asked + 5);
    assert_eq!(source.health().spared, 100);

    // Nobody has to ask for it to be found out.
    system.says_everywhere(None);
    system.says("/standing/0", Reply::json(404, &json!({"account": "0", "state": "none"})));
    system.says("/standing/42", active());
    assert!(soon(|| source.health().failing_for.is_none()).await, "it is back");
    assert_eq!(ask(&source).await, Ok(Some(Standing::active())));
}

#[tokio::test]
async fn one_that_flaps_is_asked_while_it_answers_at_times() {
    let system = System::new().await;
    let source = system.source(RemoteKind::Portcullis);
    for round in 0..20 {
        let reply = match round % 4 {
            3 => active(),
            _ => Reply::of(503, "text/plain", "later"),
        };
        system.says_everywhere(Some(reply));
        let answer = ask(&source).await;
        assert_eq!(answer.is_ok(), round % 4 == 3, "{round}: {answer:?}");
    }
    assert_eq!(source.health().failing_for, None);
}

#[tokio::test]
async fn a_question_that_is_given_up_counts_as_a_failure() {
    let system = System::new().await;
    system.says_everywhere(Some(active().after(Duration::from_secs(30))));
    let source = system.source(RemoteKind::Portcullis);
    for _ in 0..5 {
        let given_up = tokio::time::timeout(Duration::from_millis(20), ask(&source)).await;
        assert!(given_up.is_err());
    }
    assert!(source.health().failing_for.is_some());
}

#[test]
fn an_address_is_looked_at_before_anything_is_sent() {
    let made = |url: &str, networks: &[&str]| {
        let url = OutboundUrl::parse(url).expect("an address");
        let credential = RemoteCredential::bearer(TOKEN).expect("a token");
        let networks = networks.iter().map(|one| one.parse().expect("a network"));
        let settings =
            RemoteSettings::new(RemoteKind::Scim, url, credential).in_networks(networks.collect());
        RemoteSource::new(settings)
    };
    assert!(matches!(made("https://10.0.0.7/", &[]), Err(InvalidRemote::Forbidden(_))));
    assert!(matches!(made("https://169.254.169.254/", &[]), Err(InvalidRemote::Forbidden(_))));
    assert!(made("https://10.0.0.7/", &["10.0.0.0/8"]).is_ok());
    assert!(matches!(made("https://id.example/x?y=z", &[]), Err(InvalidRemote::Query)));
    // Plain http leaves no machine.
    assert!(OutboundUrl::parse("http://op.example/").is_err());
}

#[test]
fn certificates_that_are_none_are_refused() {
    let url = OutboundUrl::parse("https://op.example/").expect("an address");
    let credential = RemoteCredential::bearer(TOKEN).expect("a token");
    let settings = RemoteSettings::new(RemoteKind::OpenProject, url, credential);
    let made = RemoteSource::new(settings.trusting(b"nothing".to_vec()));
    assert!(matches!(made, Err(InvalidRemote::Roots(_))));
}
