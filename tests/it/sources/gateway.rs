//! Another system through the running gateway: whom it locked is refused.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use portcullis::domain::account::Account;
use portcullis::engine::{AccountLink, OtherSource};
use portcullis::store::remote::{RemoteKind, RemoteName, RemoteSource};
use portcullis::testing::TestGate;
use serde_json::{Value, json};

use super::{Reply, System};
use crate::gateway::{Stand, serve};
use crate::support::soon;

const REFRESH: Duration = Duration::from_secs(30);
const MAX_STALE: Duration = Duration::from_secs(10);
const HAL: &str = "application/hal+json; charset=utf-8";

/// A gateway before an application and beside OpenProject, where alice is number 7.
struct Setting {
    system: System,
    stand: Stand,
    alice: Account,
    cookie: String,
}

fn user(status: &str) -> Reply {
    let body = json!({"_type": "User", "id": 7, "login": "alice", "status": status});
    Reply::of(200, HAL, body.to_string())
}

impl Setting {
    async fn new(rules: impl FnOnce(OtherSource) -> OtherSource) -> Self {
        let system = System::new().await;
        system.says("/api/v3/users/7", user("active"));
        let source = system.source(RemoteKind::OpenProject);
        let other = rules(OtherSource::new(source, AccountLink::ExternalId));
        Self::of(system, other).await
    }

    async fn of(system: System, other: OtherSource) -> Self {
        let test = TestGate::with(|gate| {
            gate.also_asking(other)
                .refresh_every(REFRESH)
                .max_stale(MAX_STALE, portcullis::OnStale::Strict)
        })
        .await;
        let application = serve(Router::new().fallback(get(|| async { "hello" }))).await;
        let stand = Stand::of(test, application, Vec::new(), |_| {}).await;
        let alice = stand.test.account("alice").await;
        stand
            .test
            .edit(&alice, |alice| alice.details.external_id = Some("7".to_owned()))
            .await;
        let cookie = stand.test.sign_in(&alice).await;
        Self { system, stand, alice, cookie }
    }

    async fn visit(&self) -> (u16, Value) {
        let (browser, cookie) = (self.stand.browser(), &self.cookie);
        let answer = browser
            .send("GET", "/", &[("cookie", cookie), ("accept", "application/json")], "")
            .await;
        let body = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        (answer.status, body)
    }

    /// Until what is known has to be asked for again.
    async fn wait_for_refresh(&self) {
        self.wait(REFRESH + Duration::from_millis(1)).await;
    }

    /// Lets time pass. The directory has to be heard of again before anybody comes.
    async fn wait(&self, time: Duration) {
        self.stand.test.clock().advance(time);
        let gate = self.stand.test.gate();
        assert!(soon(|| gate.health().directory_lost_for.is_none()).await);
    }

    #[track_caller]
    fn is_refused((status, body): (u16, Value), how: u16, word: &str) {
        assert_eq!(status, how, "{body}");
        let kind = body["type"].as_str().unwrap_or_default();
        assert!(kind.ends_with(word), "{body}");
    }
}

#[tokio::test]
async fn whom_the_other_system_locked_is_refused_within_the_interval() {
    let setting = Setting::new(|other| other).await;
    assert_eq!(setting.visit().await.0, 200);
    setting.system.says("/api/v3/users/7", user("locked"));
    // It is asked no more often than that.
    for _ in 0..10 {
        assert_eq!(setting.visit().await.0, 200);
    }
    let asked = setting.system.asked().len();
    setting.wait_for_refresh().await;
    Setting::is_refused(setting.visit().await, 403, "account-locked");
    assert_eq!(setting.system.asked().len(), asked + 1);
    setting.system.says("/api/v3/users/7", user("active"));
    setting.wait_for_refresh().await;
    assert_eq!(setting.visit().await.0, 200, "the session is the same");
}

#[tokio::test]
async fn either_refuses() {
    let setting = Setting::new(|other| other).await;
    assert_eq!(setting.visit().await.0, 200);
    setting.stand.test.lock(&setting.alice).await;
    Setting::is_refused(setting.visit().await, 403, "account-locked");
    // What the other system says, and even its failing, unlocks nobody.
    setting.wait_for_refresh().await;
    Setting::is_refused(setting.visit().await, 403, "account-locked");
    setting
        .system
        .says_everywhere(Some(Reply::of(500, "text/plain", "broken")));
    setting.wait_for_refresh().await;
    setting.wait(MAX_STALE).await;
    Setting::is_refused(setting.visit().await, 403, "account-locked");
    setting.system.says_everywhere(None);
    setting.stand.test.unlock(&setting.alice).await;
    Setting::is_refused(setting.visit().await, 401, "session-ended");
}

#[tokio::test]
async fn while_it_fails_what_is_known_is_used_up_to_the_limit() {
    let setting = Setting::new(|other| other).await;
    assert_eq!(setting.visit().await.0, 200);
    let broken = Reply::of(404, "text/html", "<h1>Not here</h1>");
    setting.system.says_everywhere(Some(broken));
    setting.wait_for_refresh().await;
    assert_eq!(setting.visit().await.0, 200, "its last word is young");
    setting.wait(MAX_STALE).await;
    let browser = setting.stand.browser();
    let answer = browser
        .send("GET", "/", &[("cookie", &setting.cookie), ("accept", "application/json")], "")
        .await;
    assert_eq!(answer.status, 503);
    assert!(answer.headers.contains_key("retry-after"));
    assert!(answer.cookies().is_empty(), "no cookie is cleared: {:?}", answer.cookies());
    assert!(!answer.body.contains("locked"), "{}", answer.body);
    setting.system.says_everywhere(None);
    let is_back = async || setting.visit().await.0 == 200;
    assert!(eventually(is_back).await, "the same session goes on");
}

/// Whether it becomes so while somebody tries.
async fn eventually(is_so: impl AsyncFn() -> bool) -> bool {
    for _ in 0..200 {
        if is_so().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test]
async fn a_known_lock_stays_one_while_the_other_system_fails() {
    let setting = Setting::new(|other| other).await;
    setting.system.says("/api/v3/users/7", user("locked"));
    Setting::is_refused(setting.visit().await, 403, "account-locked");
    setting
        .system
        .says_everywhere(Some(Reply::of(500, "text/plain", "broken")));
    setting.wait_for_refresh().await;
    setting.wait(MAX_STALE * 2).await;
    Setting::is_refused(setting.visit().await, 403, "account-locked");
}

#[tokio::test]
async fn nobody_comes_in_who_is_locked_there() {
    let setting = Setting::new(|other| other).await;
    setting.system.says("/api/v3/users/7", user("locked"));
    let gate = setting.stand.test.gate();
    let refused = gate.open_session(setting.alice.id, None).await;
    let refused = refused.expect_err("locked");
    assert_eq!(refused.as_str(), "account-locked");
    setting
        .system
        .says_everywhere(Some(Reply::of(500, "text/plain", "broken")));
    let bob = setting.stand.test.account("bob").await;
    setting
        .stand
        .test
        .edit(&bob, |bob| bob.details.external_id = Some("8".to_owned()))
        .await;
    let refused = gate
        .open_session(bob.id, None)
        .await
        .expect_err("who knows?");
    assert_eq!(refused.as_str(), "unavailable");
}

#[tokio::test]
async fn accounts_without_a_name_there_are_the_directorys_alone() {
    let setting = Setting::new(|other| other).await;
    let (_, cookie) = setting.stand.signed_in("carol").await;
    let before = setting.system.asked().len();
    let visit = async |setting: &Setting| setting.stand.browser().get("/", &cookie).await.status;
    assert_eq!(visit(&setting).await, 200);
    assert_eq!(setting.system.asked().len(), before);
    // Until they get one.
    setting.system.says("/api/v3/users/7", user("locked"));
    let carol = setting
        .stand
        .test
        .directory()
        .resolve(portcullis::domain::login::TypedLogin::new("carol"));
    let carol = carol.await.expect("an answer").expect("carol");
    setting
        .stand
        .test
        .edit(&setting.alice, |alice| alice.details.external_id = None)
        .await;
    setting
        .stand
        .test
        .edit(&carol, |carol| carol.details.external_id = Some("7".to_owned()))
        .await;
    setting.wait_for_refresh().await;
    assert_eq!(visit(&setting).await, 303);

    let strict = Setting::new(|other| other.unlinked_pass(false)).await;
    let dave = strict.stand.test.account("dave").await;
    assert!(
        strict
            .stand
            .test
            .gate()
            .open_session(dave.id, None)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn whom_it_does_not_have_is_refused_unless_it_is_said_otherwise() {
    let not_found = Reply::of(
        404,
        HAL,
        json!({"_type": "Error", "errorIdentifier": "urn:openproject-org:api:v3:errors:NotFound"})
            .to_string(),
    );
    for (pass, status) in [(false, 401), (true, 200)] {
        let setting = Setting::new(|other| other.missing_pass(pass)).await;
        assert_eq!(setting.visit().await.0, 200);
        let me = json!({"_type": "User", "id": 1, "status": "active", "admin": true});
        setting
            .system
            .says("/api/v3/users/me", Reply::of(200, HAL, me.to_string()))
            .says("/api/v3/users/7", not_found.clone());
        setting.wait_for_refresh().await;
        let (answered, body) = setting.visit().await;
        assert_eq!(answered == 200, status == 200, "{answered} {body}");
    }
}

#[tokio::test]
async fn people_are_asked_about_by_login_too() {
    let system = System::new().await;
    system.says("/api/v3/users/alice", user("active"));
    let settings = system
        .settings(RemoteKind::OpenProject)
        .named_by(RemoteName::Login);
    let source = RemoteSource::new(settings).expect("a source");
    let other = OtherSource::new(source, AccountLink::Login);
    let setting = Setting::of(system, other).await;
    assert_eq!(setting.visit().await.0, 200);
    setting.system.says("/api/v3/users/alice", user("locked"));
    setting.wait_for_refresh().await;
    Setting::is_refused(setting.visit().await, 403, "account-locked");
}

#[tokio::test]
async fn what_the_probe_says_of_it() {
    let setting = Setting::new(|other| other).await;
    setting
        .system
        .says_everywhere(Some(Reply::of(500, "text/plain", "broken")));
    let gate = setting.stand.test.gate();
    let metrics = gate.metrics();
    assert!(metrics.contains("portcullis_source_circuit{state=\"closed\"} 1"), "{metrics}");
    for _ in 0..6 {
        setting.wait_for_refresh().await;
        setting.visit().await;
    }
    assert!(gate.health().source_failing_for.is_some());
    let metrics = gate.metrics();
    assert!(metrics.contains("portcullis_source_calls_total{outcome=\"failed\"} 5"), "{metrics}");
    assert!(metrics.contains("portcullis_source_circuit{state=\"closed\"} 0"), "{metrics}");
    assert!(metrics.contains("portcullis_source_calls_total{outcome=\"answered\"} 1"), "{metrics}");
    setting.system.says_everywhere(None);
    let me = json!({"_type": "User", "id": 1, "status": "active", "admin": true});
    setting
        .system
        .says("/api/v3/users/me", Reply::of(200, HAL, me.to_string()));
    assert!(soon(|| gate.health().is_well()).await, "nobody has to come for it");
}
