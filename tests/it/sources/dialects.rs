//! What each system documents, and what it is taken for.

use std::time::Duration;

use portcullis::domain::lock::End;
use portcullis::domain::standing::Status;
use portcullis::store::remote::{Fault, RemoteKind, RemoteName, RemoteSource};
use portcullis::{Clock, DenialReason, Standing, StatusSource, Timestamp};
use serde_json::{Value, json};

use super::{Reply, System, TOKEN, key};

const SCIM: &str = "application/scim+json";
const HAL: &str = "application/hal+json; charset=utf-8";

/// What a source says of an account.
async fn ask(source: &RemoteSource, account: &str) -> Result<Option<Standing>, Fault> {
    source.standing(&key(account)).await
}

/// The status that it says an account has now.
async fn status(source: &RemoteSource, account: &str) -> Option<Status> {
    let standing = ask(source, account).await.expect("an answer");
    standing.map(|standing| standing.status(now()))
}

fn now() -> Timestamp {
    Clock::system().wall()
}

fn openproject(id: u32, status: &str) -> Value {
    json!({
        "_type": "User", "id": id, "name": "Alice Ng", "createdAt": "2022-04-04T08:07:22.910Z",
        "updatedAt": "2022-04-04T08:07:22.910Z", "login": "alice", "admin": false,
        "firstName": "Alice", "lastName": "Ng", "email": "alice@example.org",
        "avatar": "https://op.example/avatar", "status": status, "identityUrl": null,
        "language": "en",
        "_links": { "self": { "href": format!("/api/v3/users/{id}"), "title": "Alice Ng" } },
    })
}

/// OP-05 and section 6: what an account that is not there is answered with.
fn openproject_not_found() -> Reply {
    let body = json!({
        "_type": "Error",
        "errorIdentifier": "urn:openproject-org:api:v3:errors:NotFound",
        "message": "The requested resource could not be found.",
    });
    Reply::of(404, HAL, body.to_string())
}

#[tokio::test]
async fn openproject_says_who_is_locked() {
    let system = System::new().await;
    let source = system.source(RemoteKind::OpenProject);
    for (id, word, told) in [
        (7, "active", Status::Active),
        (8, "locked", Status::Locked),
        (9, "registered", Status::Registered),
        (10, "invited", Status::Invited),
        (11, "deleted", Status::Deleted),
    ] {
        let path = format!("/api/v3/users/{id}");
        system.says(&path, Reply::of(200, HAL, openproject(id, word).to_string()));
        assert_eq!(status(&source, &id.to_string()).await, Some(told), "{word}");
    }
    assert!(system.asked()[0].accept.starts_with("application/hal+json"));
    // What has no number is nobody's there, and is not asked for: `me` is whoever asks.
    let before = system.asked().len();
    assert_eq!(ask(&source, "me").await, Ok(None));
    assert_eq!(system.asked().len(), before);
}

#[tokio::test]
async fn openproject_knows_logins() {
    let system = System::new().await;
    let settings = system
        .settings(RemoteKind::OpenProject)
        .named_by(RemoteName::Login);
    let source = RemoteSource::new(settings).expect("a source");
    // OP-30.
    system.says("/api/v3/users/alice", Reply::of(200, HAL, openproject(7, "locked").to_string()));
    assert_eq!(status(&source, "alice").await, Some(Status::Locked));
    // A login of digits may be somebody's number, which wins there.
    system.says("/api/v3/users/42", Reply::of(200, HAL, openproject(42, "active").to_string()));
    assert_eq!(ask(&source, "42").await, Err(Fault::OtherAccount));
    assert_eq!(ask(&source, "ME").await, Ok(None));
}

#[tokio::test]
async fn openproject_shows_a_status_to_administrators_alone() {
    let system = System::new().await;
    let source = system.source(RemoteKind::OpenProject);
    // OP-28: what others are shown.
    let little = json!({"_type": "User", "id": 7, "name": "Alice Ng", "avatar": ""});
    system.says("/api/v3/users/7", Reply::of(200, HAL, little.to_string()));
    let refused = ask(&source, "7").await.expect_err("no status");
    assert!(refused.to_string().contains("does not show `status`"), "{refused}");
}

#[tokio::test]
async fn not_found_is_an_answer_to_a_credential_that_works() {
    let system = System::new().await;
    let source = system.source(RemoteKind::OpenProject);
    let me = openproject(1, "active");
    system.says("/api/v3/users/me", Reply::of(200, HAL, me.to_string()));
    system.says("/api/v3/users/9999", openproject_not_found());
    assert_eq!(ask(&source, "9999").await, Ok(None));
    assert_eq!(system.lines(), ["GET /api/v3/users/9999", "GET /api/v3/users/me"]);
    // It is remembered for a while.
    assert_eq!(ask(&source, "9999").await, Ok(None));
    assert_eq!(system.lines().len(), 2);

    // The same from a system that does not know us: nothing is known by it.
    let other = System::new().await;
    let source = other.source(RemoteKind::OpenProject);
    other.says("/api/v3/users/9999", openproject_not_found());
    let anonymous = json!({"_type": "User", "id": 2, "name": "Anonymous"});
    other.says("/api/v3/users/me", Reply::of(200, HAL, anonymous.to_string()));
    assert!(ask(&source, "9999").await.is_err());
    other.says("/api/v3/users/me", openproject_not_found());
    assert!(ask(&source, "9999").await.is_err());
}

fn clerk(locked: bool, banned: bool, rest: &Value) -> Reply {
    let body = json!({
        "object": "user", "id": "user_2abc", "username": "alice", "first_name": "Alice",
        "last_name": "Ng", "has_image": false, "password_enabled": true, "banned": banned,
        "locked": locked, "lockout_expires_in_seconds": rest, "verification_attempts_remaining": 10,
        "created_at": 1_700_000_000_000_i64, "updated_at": 1_700_000_000_000_i64,
        "deprovisioned": false, "external_id": null,
    });
    Reply::json(200, &body)
}

#[tokio::test]
async fn clerk_says_who_is_locked_and_for_how_long() {
    let system = System::new().await;
    let source = system.source(RemoteKind::Clerk);
    let path = "/v1/users/user_2abc";
    system.says(path, clerk(false, false, &Value::Null));
    assert_eq!(status(&source, "user_2abc").await, Some(Status::Active));
    // CL-02: until somebody unlocks.
    system.says(path, clerk(true, false, &Value::Null));
    assert_eq!(ask(&source, "user_2abc").await, Ok(Some(Standing::locked())));
    // CL-01: the time that is left.
    system.says(path, clerk(true, false, &json!(3600)));
    let standing = ask(&source, "user_2abc")
        .await
        .expect("an answer")
        .expect("somebody");
    let end = standing
        .sign_in_refusal(now())
        .and_then(DenialReason::lock_end)
        .and_then(End::instant)
        .expect("an end");
    let left = end.since(now());
    assert!(left > Duration::from_secs(3590) && left <= Duration::from_secs(3600), "{left:?}");
    // CL-13.
    system.says(path, clerk(false, true, &Value::Null));
    assert_eq!(status(&source, "user_2abc").await, Some(Status::Disabled));
    // CL-09, to a secret that works.
    let not_found = json!({"errors": [{
        "code": "resource_not_found", "message": "not found", "long_message": "No user was found."
    }]});
    system.says(path, Reply::json(404, &not_found));
    assert!(ask(&source, "user_2abc").await.is_err(), "the trial is answered with HTML");
    system.says(
        "/v1/users/count",
        Reply::json(200, &json!({"object": "total_count", "total_count": 3})),
    );
    assert_eq!(ask(&source, "user_2abc").await, Ok(None));
}

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const WSO2: &str = "urn:scim:wso2:schema";
const ID: &str = "2819c223-7f76-453a-919d-413861904646";

fn scim(fields: &Value) -> Reply {
    let mut body = json!({
        "schemas": [CORE], "id": ID, "userName": "bjensen",
        "meta": {"resourceType": "User", "version": "W/\"a330bc54f0671c9\""},
    });
    let object = body.as_object_mut().expect("an object");
    object.extend(fields.as_object().expect("an object").clone());
    Reply::of(200, SCIM, body.to_string())
}

fn scim_not_found() -> Reply {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "detail": "Resource not found", "status": "404",
    });
    Reply::of(404, SCIM, body.to_string())
}

fn scim_list() -> Reply {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 1, "startIndex": 1, "itemsPerPage": 1, "Resources": [],
    });
    Reply::of(200, SCIM, body.to_string())
}

#[tokio::test]
async fn scim_says_who_is_active() {
    let system = System::new().await;
    let source = system.source(RemoteKind::Scim);
    let path = format!("/Users/{ID}");
    system.says(&path, scim(&json!({"active": true})));
    assert_eq!(status(&source, ID).await, Some(Status::Active));
    system.says(&path, scim(&json!({"active": false})));
    assert_eq!(status(&source, ID).await, Some(Status::Disabled));
    system.says(&path, scim(&json!({})));
    assert!(ask(&source, ID).await.is_err(), "it does not say");
    system.says(&path, scim(&json!({"active": "yes"})));
    assert!(ask(&source, ID).await.is_err());
    // V26: an address that there is nothing at is answered the same way. Whoever may list
    // people is at the right one.
    system.says(&path, scim_not_found());
    assert!(ask(&source, ID).await.is_err());
    system.says("/Users?startIndex=1&count=1", scim_list());
    assert_eq!(ask(&source, ID).await, Ok(None));
}

#[tokio::test]
async fn wso2_says_who_is_locked_and_until_when() {
    let system = System::new().await;
    let source = system.source(RemoteKind::Wso2);
    let path = format!("/scim2/Users/{ID}");
    let millis = |time: Timestamp| (time.as_micros() / 1000).to_string();
    let (past, future) =
        (now().before(Duration::from_secs(60)), now().after(Duration::from_secs(600)));
    for (fields, told) in [
        (json!({}), Status::Active),
        (json!({WSO2: {"accountLocked": false}}), Status::Active),
        (json!({WSO2: {"accountLocked": true, "lockedReason": "ADMIN_INITIATED"}}), Status::Locked),
        (json!({WSO2: {"accountLocked": "true", "unlockTime": "0"}}), Status::Locked),
        (json!({WSO2: {"accountLocked": true, "unlockTime": ""}}), Status::Locked),
        (json!({WSO2: {"accountLocked": true, "unlockTime": millis(future)}}), Status::Locked),
        // Section 3: the flag stays when the time is over.
        (json!({WSO2: {"accountLocked": true, "unlockTime": millis(past)}}), Status::Active),
        (json!({WSO2: {"accountDisabled": true}}), Status::Disabled),
        (json!({WSO2: {"accountDisabled": true, "accountLocked": true}}), Status::Disabled),
        (json!({WSO2: {"accountLocked": true, "accountState": "PENDING_SR"}}), Status::Registered),
        // Up to version 6 the flags were in the extension for enterprises.
        (
            json!({"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                {"accountLocked": true}}),
            Status::Locked,
        ),
        (json!({"active": false}), Status::Disabled),
    ] {
        system.says(&path, scim(&fields));
        assert_eq!(status(&source, ID).await, Some(told), "{fields}");
    }
    for bad in [
        json!({WSO2: {"accountLocked": "perhaps"}}),
        json!({WSO2: {"accountLocked": true, "unlockTime": "soon"}}),
        json!({WSO2: {"accountLocked": 1}}),
    ] {
        system.says(&path, scim(&bad));
        assert!(ask(&source, ID).await.is_err(), "{bad}");
    }
    system.says(&path, scim_not_found());
    system.says("/scim2/Users?startIndex=1&count=1", scim_list());
    // Five failures would be enough to stop asking: this one is the fourth.
    assert_eq!(ask(&source, ID).await, Ok(None));
}

#[tokio::test]
async fn introspection_says_whether_a_token_is_active() {
    let system = System::new().await;
    let source = system.source(RemoteKind::Introspection);
    // RFC 7662, 2.2.
    let active =
        json!({"active": true, "client_id": "l238j323ds-23ij4", "sub": "Z5O3upPC88QrAjx00dis"});
    system.says("/", Reply::json(200, &active));
    assert_eq!(status(&source, "2YotnFZFEjr1z+CsicMWpAA").await, Some(Status::Active));
    let asked = &system.asked()[0];
    assert_eq!(asked.line, "POST /");
    assert_eq!(asked.body, "token=2YotnFZFEjr1z%2BCsicMWpAA&token_type_hint=access_token");
    system.says("/", Reply::json(200, &json!({"active": false})));
    assert_eq!(ask(&source, "another").await, Ok(None));
    // Section 2.3: our own credential is not taken.
    system.knows("Bearer somebody else's");
    assert!(matches!(ask(&source, "third").await, Err(Fault::Credential(_))));
}

fn own(fields: &Value) -> Value {
    let mut body = json!({"account": "42", "login": "alice", "state": "active", "version": 7});
    let object = body.as_object_mut().expect("an object");
    object.extend(fields.as_object().expect("an object").clone());
    body
}

#[tokio::test]
async fn our_own_form_says_everything() {
    let system = System::new().await;
    let source = system.source(RemoteKind::Portcullis);
    for (fields, told) in [
        (json!({}), Status::Active),
        (json!({"state": "locked"}), Status::Locked),
        (json!({"state": "locked", "locked_until": "2999-01-01T00:00:00Z"}), Status::Locked),
        (json!({"state": "locked", "locked_until": "2001-01-01T00:00:00Z"}), Status::Active),
        (json!({"state": "disabled"}), Status::Disabled),
        (json!({"state": "deleted"}), Status::Deleted),
        (json!({"state": "invited"}), Status::Invited),
        (json!({"state": "registered"}), Status::Registered),
    ] {
        system.says("/standing/42", Reply::json(200, &own(&fields)));
        assert_eq!(status(&source, "42").await, Some(told), "{fields}");
    }
    let raised = json!({"generation": 4, "sessions_ended_at": "2026-01-01T00:00:00Z"});
    system.says("/standing/42", Reply::json(200, &own(&raised)));
    let standing = ask(&source, "42")
        .await
        .expect("an answer")
        .expect("somebody");
    assert_eq!((standing.version.get(), standing.generation.get()), (7, 4));
    assert!(standing.sessions_ended_at.is_some());
    let nobody = json!({"account": "9", "state": "none"});
    system.says("/standing/9", Reply::json(404, &nobody));
    assert_eq!(ask(&source, "9").await, Ok(None));
    // A status and a body that contradict each other say nothing.
    system.says("/standing/9", Reply::json(200, &nobody));
    system.says("/standing/8", Reply::json(404, &json!({"account": "8", "state": "active"})));
    let other = system.source(RemoteKind::Portcullis);
    assert!(ask(&other, "9").await.is_err() && ask(&other, "8").await.is_err());
}

#[tokio::test]
async fn our_own_form_knows_logins() {
    let system = System::new().await;
    let settings = system
        .settings(RemoteKind::Portcullis)
        .named_by(RemoteName::Login);
    let source = RemoteSource::new(settings).expect("a source");
    system.says("/standing/alice?by=login", Reply::json(200, &own(&json!({"state": "locked"}))));
    assert_eq!(status(&source, "alice").await, Some(Status::Locked));
    let nobody = json!({"account": "bob", "state": "none"});
    system.says("/standing/bob?by=login", Reply::json(404, &nobody));
    assert_eq!(ask(&source, "bob").await, Ok(None));
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let system = System::new().await;
    let source = system.source(RemoteKind::Portcullis);
    let locked = Reply::json(200, &own(&json!({"state": "locked"}))).tagged("\"7\"");
    system.says("/standing/42", locked);
    for _ in 0..3 {
        assert_eq!(status(&source, "42").await, Some(Status::Locked));
    }
    let health = source.health();
    assert_eq!((health.answered, health.unchanged), (1, 2));
    let unlocked = Reply::json(200, &own(&json!({"version": 8}))).tagged("W/\"8\"");
    system.says("/standing/42", unlocked);
    assert_eq!(status(&source, "42").await, Some(Status::Active));
    assert_eq!(status(&source, "42").await, Some(Status::Active));
    assert_eq!(source.health().unchanged, 3);
}

#[tokio::test]
async fn no_key_leads_elsewhere() {
    let system = System::new().await;
    let source = system.source(RemoteKind::Scim);
    for odd in ["../Groups/1", "a/b", "a?b=c", "a#b", "ä", "%2e%2e", "a\\b", "*"] {
        let _ = ask(&source, odd).await;
    }
    for line in system.lines() {
        let path = line.strip_prefix("GET /Users/").expect("below people");
        assert!(!path.contains(['/', '?', '#', '\\']), "{line}");
    }
    let (asked, source) = (system.lines().len(), system.source(RemoteKind::Scim));
    for dots in [".", "..", "..."] {
        assert_eq!(ask(&source, dots).await, Ok(None));
    }
    assert_eq!(system.lines().len(), asked, "dots alone are nobody's");
    assert!(!format!("{source:?}").contains(TOKEN));
}
