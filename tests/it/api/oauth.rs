//! Applications: how they get tokens, what those are worth, and when no more.

use std::time::Duration;

use http::HeaderMap;
use portcullis::admin::settings::TOKEN_LIFETIME;
use portcullis::admin::{Actor, Admin, CreatedApplication};
use portcullis::api::Api;
use portcullis::domain::event::Action;
use portcullis::domain::permission::Permission;
use portcullis::store::memory::SingleProcessDirectory;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::{Reply, Stand, basic, complete, token};
use crate::engine::faulty::{Faulty, Mood};
use crate::support::Browser;

const SYSTEM: Actor = Actor::System;
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// An application, as its programs know it.
struct App {
    id: String,
    secret: String,
}

impl App {
    async fn new(admin: &Admin, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let made = admin.add_application(&SYSTEM, "hr", scopes).await;
        Self::of(&made.expect("an application"))
    }

    fn of(made: &CreatedApplication) -> Self {
        Self { id: made.application.id.to_string(), secret: made.secret.expose() }
    }

    fn number(&self) -> portcullis::domain::application::ApplicationId {
        self.id.parse().expect("an id")
    }

    fn basic(&self) -> String {
        basic(&self.id, &self.secret)
    }
}

fn written(pairs: &[(&str, &str)]) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs).finish()
}

async fn send(api: &Browser, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let answer = api.send("POST", path, headers, body).await;
    let read = serde_json::from_str(&answer.body).unwrap_or_default();
    Reply { status: answer.status, headers: answer.headers, body: read, text: answer.body }
}

/// With Basic authentication.
async fn ask(stand: &Stand, app: &App, path: &str, pairs: &[(&str, &str)]) -> Reply {
    let basic = app.basic();
    let headers = [FORM, ("authorization", &*basic)];
    send(&stand.api, &format!("/oauth2/{path}"), &headers, &written(pairs)).await
}

#[track_caller]
fn is_kept_by_nobody(headers: &HeaderMap) {
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["pragma"], "no-cache");
    assert!(
        headers["content-type"]
            .to_str()
            .expect("text")
            .starts_with("application/json")
    );
}

#[track_caller]
fn is_error(reply: &Reply, status: u16, name: &str) {
    assert_eq!((reply.status, &reply.body["error"]), (status, &json!(name)), "{}", reply.text);
    let words = reply.body["error_description"].as_str().expect("words");
    let allowed = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    assert!(words.len() > 10 && words.bytes().all(allowed), "{words}");
    assert!(reply.body.get("access_token").is_none());
    let challenge = reply
        .headers
        .get("www-authenticate")
        .map(http::HeaderValue::as_bytes);
    let expected = (status == 401).then_some(&b"Basic realm=\"portcullis\""[..]);
    assert_eq!(challenge, expected);
    is_kept_by_nobody(&reply.headers);
}

/// A token for these scopes; none for all.
async fn access(stand: &Stand, app: &App, scope: &str) -> String {
    let reply = ask(stand, app, "token", &[GRANT, ("scope", scope)]).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.body["access_token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

async fn list(stand: &Stand, token: &str) -> u16 {
    stand.get(token, "/users").await.status
}

#[tokio::test]
async fn an_application_gets_a_token_both_ways() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let app = App::new(stand.test.admin(), &["*"]).await;
    let by_header = ask(&stand, &app, "token", &[GRANT]).await;
    let fields = [GRANT, ("client_id", &app.id), ("client_secret", &app.secret)];
    let by_form = send(&stand.api, "/oauth2/token", &[FORM], &written(&fields)).await;
    for reply in [by_header, by_form] {
        assert_eq!(reply.status, 200, "{}", reply.text);
        is_kept_by_nobody(&reply.headers);
        let token = reply.body["access_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        let expected = json!({
            "access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "*",
        });
        assert_eq!(reply.body, expected);
        assert_eq!(list(&stand, &token).await, 200);
        let bearer = format!("Bearer {token}");
        let seen = stand
            .raw("GET", "/users/ada", &[("authorization", &bearer)], "")
            .await;
        seen.is_user("active");
    }
    let record = stand.last_record().await;
    let actor = format!("app:{}", app.id);
    assert_eq!((record.action, &record.actor), (Action::TokenCreated, &actor));
    assert_eq!((record.account, record.from.as_deref()), (None, Some("127.0.0.1")));

    let path = stand.lock_path(&ada).await;
    let token = access(&stand, &app, "").await;
    stand.post(&token, &path, json!({})).await.is_user("locked");
    let record = stand.last_record().await;
    assert_eq!((record.action, record.actor), (Action::AccountLocked, actor.clone()));
    assert_eq!((record.account, record.from.as_deref()), (Some(ada.id), Some("127.0.0.1")));
    let locked = stand.now(&ada).await;
    assert_eq!(locked.locks.admin_lock.map(|lock| lock.author), Some(actor));
    let seen = stand
        .test
        .admin()
        .application(&SYSTEM, app.number())
        .await
        .expect("there");
    assert!(seen.last_used_at.is_some());
}

#[tokio::test]
async fn who_does_not_prove_to_be_one_gets_nothing() {
    let stand = Stand::new().await;
    let app = App::new(stand.test.admin(), &["*"]).await;
    let other = App::new(stand.test.admin(), &["*"]).await;
    let wrong = format!("pcs_{}", "A".repeat(43));
    let bearer = format!("Bearer {}", stand.a);
    for header in [
        basic(&app.id, &wrong),
        basic(&app.id, &other.secret),
        basic(&app.id, &app.secret[4..]),
        basic(&app.id, ""),
        basic("", ""),
        basic("root", super::PASSWORD),
        basic("0000000000000000", &app.secret),
        basic(&app.id.to_uppercase().replace('0', "A"), &app.secret),
        basic("apikey", &stand.a),
        bearer,
        "Basic !!!".to_owned(),
        "Digest x".to_owned(),
        "Basic".to_owned(),
    ] {
        let headers = [FORM, ("authorization", &*header)];
        for path in ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"] {
            let reply = send(&stand.api, path, &headers, &written(&[GRANT, ("token", "x")])).await;
            is_error(&reply, 401, "invalid_client");
        }
    }
    let by_form: [&[(&str, &str)]; 5] = [
        &[GRANT],
        &[GRANT, ("client_id", &app.id)],
        &[GRANT, ("client_secret", &app.secret)],
        &[GRANT, ("client_id", &app.id), ("client_secret", &wrong)],
        &[GRANT, ("client_id", &other.id), ("client_secret", &app.secret)],
    ];
    for pairs in by_form {
        let reply = send(&stand.api, "/oauth2/token", &[FORM], &written(pairs)).await;
        is_error(&reply, 401, "invalid_client");
    }
    // In the address they would be in logs: they are not looked for there.
    let path = format!(
        "/oauth2/token?{}",
        written(&[("client_id", &app.id), ("client_secret", &app.secret)])
    );
    let reply = send(&stand.api, &path, &[FORM], &written(&[GRANT])).await;
    is_error(&reply, 401, "invalid_client");
    // However often somebody guesses, the right secret is taken.
    for _ in 0..50 {
        let header = basic(&app.id, &wrong);
        let headers = [FORM, ("authorization", &*header)];
        send(&stand.api, "/oauth2/token", &headers, &written(&[GRANT])).await;
    }
    assert_eq!(list(&stand, &access(&stand, &app, "").await).await, 200);
}

#[tokio::test]
async fn what_makes_no_sense_is_told() {
    let stand = Stand::new().await;
    let app = App::new(stand.test.admin(), &["users.view"]).await;
    let pairs: [(&[(&str, &str)], &str); 9] = [
        (&[], "invalid_request"),
        (&[("grant_type", "")], "invalid_request"),
        (&[GRANT, GRANT], "invalid_request"),
        (&[GRANT, ("scope", "users.view"), ("scope", "users.view")], "invalid_request"),
        (&[GRANT, ("x", "1"), ("x", "2")], "invalid_request"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("grant_type", "authorization_code")], "unsupported_grant_type"),
        (&[("grant_type", "CLIENT_CREDENTIALS")], "unsupported_grant_type"),
        (&[GRANT, ("client_secret", &app.secret)], "invalid_request"),
    ];
    for (pairs, name) in pairs {
        is_error(&ask(&stand, &app, "token", pairs).await, 400, name);
    }
    let other = [GRANT, ("client_id", "0000000000000000")];
    is_error(&ask(&stand, &app, "token", &other).await, 400, "invalid_request");
    let same = [GRANT, ("client_id", &*app.id)];
    assert_eq!(ask(&stand, &app, "token", &same).await.status, 200);
    for scope in [
        "users.manage",
        "users.view users.manage",
        "*",
        "reports:read",
        "internal_user_mgt_update",
        "tokens.manage",
        "Users.View",
        "a,b",
        " ",
        "users.view\u{0}",
        "\u{e4}",
    ] {
        let reply = ask(&stand, &app, "token", &[GRANT, ("scope", scope)]).await;
        is_error(&reply, 400, "invalid_scope");
    }
    for path in ["revoke", "introspect"] {
        is_error(&ask(&stand, &app, path, &[]).await, 400, "invalid_request");
        let twice = [("token", "x"), ("token", "y")];
        is_error(&ask(&stand, &app, path, &twice).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let stand = Stand::new().await;
    let app = App::new(stand.test.admin(), &["users.view"]).await;
    let basic = app.basic();
    let auth = ("authorization", &*basic);
    let body = written(&[GRANT]);
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencodedx", ""] {
        let headers = [("content-type", kind), auth];
        let reply = send(&stand.api, "/oauth2/token", &headers, &body).await;
        is_error(&reply, 400, "invalid_request");
    }
    let reply = send(&stand.api, "/oauth2/token", &[auth], &body).await;
    is_error(&reply, 400, "invalid_request");
    let reply = send(&stand.api, "/oauth2/token", &[FORM, auth, auth], &body).await;
    assert!(matches!(reply.status, 400 | 401), "{}", reply.text);
    assert!(reply.body.get("access_token").is_none());
    let charset = ("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8");
    let reply = send(&stand.api, "/oauth2/token", &[charset, auth], &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let long = format!("{body}&x={}", "x".repeat(70_000));
    let reply = send(&stand.api, "/oauth2/token", &[FORM, auth], &long).await;
    is_error(&reply, 413, "invalid_request");
    let reply = send(&stand.api, "/oauth2/token", &[FORM, auth], "grant_type=%ff").await;
    is_error(&reply, 400, "invalid_request");
    for method in ["GET", "PUT", "DELETE"] {
        let answer = stand
            .api
            .send(method, "/oauth2/token", &[FORM, auth], "")
            .await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.headers["allow"], "POST");
    }
}

#[tokio::test]
async fn a_token_is_for_no_more_than_it_was_asked_for() {
    let stand = Stand::new().await;
    let app = App::new(stand.test.admin(), &["users.manage", "reports:read"]).await;
    let reply = ask(&stand, &app, "token", &[GRANT]).await;
    assert_eq!(reply.body["scope"], "reports:read users.manage");
    for (asked, given) in [
        ("users.view", "users.view"),
        ("users.view  users.view reports:read", "reports:read users.view"),
        ("internal_user_mgt_list", "internal_user_mgt_list"),
        ("internal_org_user_mgt_delete", "internal_org_user_mgt_delete"),
    ] {
        let reply = ask(&stand, &app, "token", &[GRANT, ("scope", asked)]).await;
        assert_eq!((reply.status, &reply.body["scope"]), (200, &json!(given)), "{}", reply.text);
    }
    let looks = access(&stand, &app, "users.view").await;
    assert_eq!(list(&stand, &looks).await, 200);
    let refused = stand.post(&looks, "/users", complete("grace")).await;
    refused.is_error(403, "Unauthenticated");
    // What the application may no more, its tokens may not at once.
    let whole = access(&stand, &app, "").await;
    assert_eq!(stand.post(&whole, "/users", complete("eve")).await.status, 422, "no password");
    let narrowed =
        stand
            .test
            .admin()
            .scope_application(&SYSTEM, app.number(), vec!["users.view".into()]);
    assert!(narrowed.await.expect("narrowed").1);
    assert_eq!(list(&stand, &whole).await, 200);
    let refused = stand.post(&whole, "/users", complete("eve")).await;
    refused.is_error(403, "MissingPermission");
    let seen = ask(&stand, &app, "introspect", &[("token", &whole)]).await;
    assert_eq!((&seen.body["active"], &seen.body["scope"]), (&json!(true), &json!("users.view")));
}

/// Each scope against each request: of an application that may everything, narrowed,
/// and as a token of an administrator. What is allowed is what the scope names.
#[tokio::test]
async fn each_scope_allows_its_requests_and_no_others() {
    let stand = Stand::new().await;
    let app = App::new(stand.test.admin(), &["*"]).await;
    // For each scope: list, view with every field, create, change, lock, unlock, delete.
    let matrix: [(&str, &str); 15] = [
        ("*", "lvcukod"),
        ("users.manage", "lvcukod"),
        ("users.unlock", "lvo"),
        ("users.view", "lv"),
        ("internal_user_mgt_list", "l"),
        ("internal_org_user_mgt_view", "v"),
        ("internal_user_mgt_create", "c"),
        ("internal_user_mgt_update", "uko"),
        ("internal_org_user_mgt_delete", "d"),
        ("internal_bulk_resource_create", ""),
        ("internal_group_mgt_update", ""),
        ("settings.manage", ""),
        ("audit.view", ""),
        ("tokens.manage", ""),
        ("metrics.read", ""),
    ];
    for (at, (scope, allowed)) in matrix.into_iter().enumerate() {
        for (by, key) in [
            ("a", access(&stand, &app, scope).await),
            ("t", token(&stand.test, &stand.root, &[scope]).await),
        ] {
            let done = what_it_may(&stand, &key, &format!("{by}{at}")).await;
            assert_eq!(done, allowed, "{scope} of {by}");
        }
    }
}

/// Tries each request on people of its own.
async fn what_it_may(stand: &Stand, key: &str, name: &str) -> String {
    let (ada, out) =
        (stand.person(&format!("{name}p")).await, stand.person(&format!("{name}o")).await);
    let path = format!("/users/{}", ada.id);
    let lock = format!("{path}/lock");
    let mut may = String::new();
    let mut note = |letter, done: bool| may.extend(done.then_some(letter));
    note('l', list(stand, key).await == 200);
    let seen = stand.get(key, &path).await;
    note('v', seen.status == 200 && seen.body.get("email").is_some());
    let made =
        stand.post(key, "/users", json!({ "status": "invited", "email": format!("{name}@e.org") }));
    note('c', made.await.status == 201);
    let changed = stand
        .patch(key, &path, json!({ "firstName": "Augusta" }))
        .await;
    note('u', changed.status == 200);
    note('k', stand.post(key, &lock, json!({})).await.status == 200);
    stand.test.lock_out(&out).await;
    let unlocked = stand.delete(key, &format!("/users/{}/lock", out.id)).await;
    note('o', unlocked.status == 200);
    note('d', stand.delete(key, &path).await.status == 202);
    may
}

#[tokio::test]
async fn who_is_shut_out_is_so_at_once() {
    let stand = Stand::new().await;
    let admin = stand.test.admin();
    let app = App::new(admin, &["users.view"]).await;
    let key = access(&stand, &app, "").await;
    let enable = async |enabled| {
        let done = admin
            .enable_application(&SYSTEM, app.number(), enabled)
            .await;
        assert!(done.expect("changed").1);
    };
    assert_eq!(list(&stand, &key).await, 200);
    enable(false).await;
    stand
        .get(&key, "/users")
        .await
        .is_error(401, "Unauthenticated");
    is_error(&ask(&stand, &app, "token", &[GRANT]).await, 401, "invalid_client");
    let reply = ask(&stand, &app, "introspect", &[("token", &key)]).await;
    is_error(&reply, 401, "invalid_client");
    enable(true).await;
    assert_eq!(list(&stand, &key).await, 200, "as an account's after an unlock");

    let rotated = admin
        .rotate_secret(&SYSTEM, app.number())
        .await
        .expect("rotated");
    stand
        .get(&key, "/users")
        .await
        .is_error(401, "Unauthenticated");
    is_error(&ask(&stand, &app, "token", &[GRANT]).await, 401, "invalid_client");
    let app = App::of(&rotated);
    let key = access(&stand, &app, "").await;
    admin
        .remove_application(&SYSTEM, app.number())
        .await
        .expect("removed");
    stand
        .get(&key, "/users")
        .await
        .is_error(401, "Unauthenticated");
    is_error(&ask(&stand, &app, "token", &[GRANT]).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_token_ends_by_itself() {
    let stand = Stand::new().await;
    let admin = stand.test.admin();
    let app = App::new(admin, &["users.view"]).await;
    let hour = access(&stand, &app, "").await;
    let set = admin.set_setting(&SYSTEM, &TOKEN_LIFETIME, "5m").await;
    assert!(set.expect("a setting"));
    let reply = ask(&stand, &app, "token", &[GRANT]).await;
    assert_eq!(reply.body["expires_in"], 300);
    let brief = reply.body["access_token"].as_str().expect("a token");
    for (minutes, hours, briefs) in [(4, 200, 200), (1, 200, 401), (54, 200, 401), (1, 401, 401)] {
        stand
            .test
            .clock()
            .advance(Duration::from_secs(60 * minutes));
        assert_eq!((list(&stand, &hour).await, list(&stand, brief).await), (hours, briefs));
    }
    let reply = ask(&stand, &app, "introspect", &[("token", &hour)]).await;
    assert_eq!(reply.body, json!({ "active": false }));
    for bad in ["59s", "25h", "soon", "0s"] {
        assert!(
            admin
                .set_setting(&SYSTEM, &TOKEN_LIFETIME, bad)
                .await
                .is_err(),
            "{bad}"
        );
    }
}

/// To every rule an application is somebody else.
#[tokio::test]
async fn an_application_is_nobodys_account() {
    let stand = Stand::new().await;
    let app = App::new(stand.test.admin(), &["*"]).await;
    let key = access(&stand, &app, "").await;
    stand.get(&key, "/users/me").await.is_error(404, "NotFound");
    stand
        .patch(&key, "/users/me", json!({}))
        .await
        .is_error(404, "NotFound");
    let root = stand.lock_path(&stand.root).await;
    stand
        .post(&key, &root, json!({}))
        .await
        .is_error(403, "MissingPermission");
    let second = stand.person("second").await;
    stand
        .test
        .edit(&second, |account| account.admin = true)
        .await;
    stand.post(&key, &root, json!({})).await.is_user("locked");
    // One that may manage people leaves administrators alone.
    let manager = App::new(stand.test.admin(), &["users.manage"]).await;
    let key = access(&stand, &manager, "").await;
    let path = stand.lock_path(&second).await;
    stand
        .post(&key, &path, json!({}))
        .await
        .is_error(403, "MissingPermission");
    let path = format!("/users/{}", second.id);
    let renamed = stand
        .patch(&key, &path, json!({ "firstName": "Eve" }))
        .await;
    renamed.is_error(403, "MissingPermission");
    // Nor is it anybody whom the guarded application knows.
    let bearer = format!("Bearer {key}");
    let answer = stand
        .public
        .send("GET", "/", &[("authorization", &bearer)], "")
        .await;
    assert_eq!(answer.status, 401, "{}", answer.body);
}

#[tokio::test]
async fn a_token_is_revoked_by_its_application() {
    let stand = Stand::new().await;
    let (app, other) = (
        App::new(stand.test.admin(), &["users.view"]).await,
        App::new(stand.test.admin(), &["tokens.manage"]).await,
    );
    let (key, kept) = (access(&stand, &app, "").await, access(&stand, &app, "").await);
    let revoke = async |by: &App, token: &str| {
        let pairs = [("token", token), ("token_type_hint", "refresh_token")];
        ask(&stand, by, "revoke", &pairs).await
    };
    is_error(&revoke(&other, &key).await, 400, "unauthorized_client");
    is_error(&revoke(&other, &stand.a).await, 400, "unauthorized_client");
    assert_eq!(list(&stand, &key).await, 200);
    for _ in 0..2 {
        let reply = revoke(&app, &key).await;
        assert_eq!((reply.status, reply.body), (200, json!({})), "{}", reply.text);
        stand
            .get(&key, "/users")
            .await
            .is_error(401, "Unauthenticated");
    }
    let record = stand.last_record().await;
    assert_eq!(record.action, Action::TokenRevoked);
    assert_eq!(record.actor, format!("app:{}", app.id));
    for unknown in ["x", "pct_", &key[1..], &format!("pct_{}", "A".repeat(43))] {
        assert_eq!(revoke(&app, unknown).await.status, 200, "{unknown}");
    }
    assert_eq!(list(&stand, &kept).await, 200);
    assert_eq!(list(&stand, &stand.a).await, 200);
}

#[tokio::test]
async fn a_token_is_worth_what_its_owner_is() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let (app, other, manager) = (
        App::new(stand.test.admin(), &["users.view"]).await,
        App::new(stand.test.admin(), &["users.manage"]).await,
        App::new(stand.test.admin(), &["tokens.manage"]).await,
    );
    let key = access(&stand, &app, "internal_user_mgt_list").await;
    let look = async |by: &App, token: &str| {
        let reply = ask(&stand, by, "introspect", &[("token", token)]).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        is_kept_by_nobody(&reply.headers);
        reply.body
    };
    let now = stand.test.clock().wall().floor_secs();
    let mut live = json!({
        "active": true, "scope": "internal_user_mgt_list", "token_type": "Bearer", "iat": now,
        "exp": now + 3600, "client_id": app.id, "sub": format!("app:{}", app.id),
    });
    assert_eq!(look(&app, &key).await, live);
    assert_eq!(look(&manager, &key).await, live);
    let dead = json!({ "active": false });
    assert_eq!(look(&other, &key).await, dead, "it is not its business");
    for unknown in ["x", &format!("pct_{}", "A".repeat(43)), &app.secret] {
        assert_eq!(look(&manager, unknown).await, dead);
    }

    let adas = token(&stand.test, &ada, &["users.view", "reports:read"]).await;
    live = json!({
        "active": true, "scope": "reports:read users.view", "token_type": "Bearer", "iat": now,
        "sub": format!("user:{}", ada.id), "username": "ada",
    });
    assert_eq!(look(&manager, &adas).await, live);
    assert_eq!(look(&app, &adas).await, dead);
    stand.test.lock_out(&ada).await;
    assert_eq!(look(&manager, &adas).await, live, "whoever guesses passwords has no token");
    // A lock bites on the next request, and nobody is told otherwise.
    stand.get(&adas, "/users/me").await.is_user("locked");
    let path = stand.lock_path(&ada).await;
    stand
        .post(&stand.a, &path, json!({}))
        .await
        .is_user("locked");
    stand
        .get(&adas, "/users/me")
        .await
        .is_error(401, "Unauthenticated");
    assert_eq!(look(&manager, &adas).await, dead);
    stand.delete(&stand.a, &path).await.is_user("active");
    assert_eq!(look(&manager, &adas).await, live);
    stand.test.disable(&ada).await;
    assert_eq!(look(&manager, &adas).await, dead);
}

/// Nothing is given out, and the client is told to come again.
#[tokio::test]
async fn a_directory_that_fails_is_told() {
    let clock = portcullis::Clock::manual(portcullis::testing::START);
    let store = Faulty::new(SingleProcessDirectory::new(clock));
    let admin = Admin::new(std::sync::Arc::new(store.clone()));
    let app = App::new(&admin, &["users.view"]).await;
    let api = Browser::at(crate::gateway::serve(Api::new(admin).into_router()).await);
    let basic = app.basic();
    let headers = [FORM, ("authorization", &*basic)];
    let token = format!("pct_{}", "A".repeat(43));
    let form = written(&[GRANT, ("token", &token)]);
    for (method, paths) in [
        ("application", &["token", "revoke", "introspect"][..]),
        ("create_token", &["token"]),
        ("setting", &["token"]),
        ("token", &["revoke", "introspect"]),
    ] {
        store.set_only(method, Mood::Failing);
        for path in paths {
            let reply = send(&api, &format!("/oauth2/{path}"), &headers, &form).await;
            is_error(&reply, 503, "temporarily_unavailable");
            assert_eq!(reply.headers["retry-after"], "1");
        }
        store.set(Mood::Well);
    }
    // That its use can't be noted is no reason to refuse it.
    store.set_only("touch_application", Mood::Failing);
    assert_eq!(send(&api, "/oauth2/token", &headers, &form).await.status, 200);
}

/// A form of parameters that mean something here, with values that may be right.
fn form(app: &App) -> impl Strategy<Value = Vec<(String, String)>> {
    let names = ["grant_type", "client_id", "client_secret", "scope", "token", "x"];
    let (id, secret) = (app.id.clone(), app.secret.clone());
    let value = prop_oneof![
        3 => Just("client_credentials".to_owned()),
        3 => Just(id),
        3 => Just(secret),
        1 => Just("users.view".to_owned()),
        1 => Just(format!("pcs_{}", "A".repeat(43))),
        2 => ".{0,12}",
    ];
    let pair = (proptest::sample::select(names.to_vec()), value);
    let pair = pair.prop_map(|(name, value)| (name.to_owned(), value));
    proptest::collection::vec(pair, 0..6)
}

/// Whatever form is sent: never an accident, and never a token without the right id and
/// the right secret, each once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_form_is_answered_and_none_opens_by_chance() {
    let stand = Stand::new().await;
    let app = App::new(stand.test.admin(), &["users.view"]).await;
    let mut runner = TestRunner::deterministic();
    let (form, raw) = (form(&app), proptest::collection::vec(any::<u8>(), 0..60));
    let mut given = 0;
    for round in 0..400 {
        let pairs = form.new_tree(&mut runner).expect("a form").current();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        // Now and then in full, which chance alone seldom sends.
        let pairs = match round % 20 {
            0 => [&[GRANT, ("client_id", &app.id), ("client_secret", &app.secret)], &pairs[..]]
                .concat(),
            _ => pairs,
        };
        for path in ["token", "revoke", "introspect"] {
            let path = format!("/oauth2/{path}");
            let reply = send(&stand.api, &path, &[FORM], &written(&pairs)).await;
            assert!(reply.status < 500, "{pairs:?}: {}", reply.text);
            let right = |name, wanted: &str| {
                let mut found = pairs.iter().filter(|(found, _)| *found == name);
                matches!((found.next(), found.next()), (Some((_, value)), None) if *value == wanted)
            };
            let proved = right("client_id", &app.id) && right("client_secret", &app.secret);
            let token = reply.body.get("access_token").is_some();
            assert!(!token || (proved && right("grant_type", "client_credentials")), "{pairs:?}");
            assert!(reply.status != 200 || proved, "{pairs:?}: {}", reply.text);
            given += usize::from(token);
        }
        let bytes = raw.new_tree(&mut runner).expect("bytes").current();
        let text = String::from_utf8_lossy(&bytes);
        let reply = send(&stand.api, "/oauth2/token", &[FORM], &text).await;
        assert!((400..500).contains(&reply.status), "{text:?}: {}", reply.text);
    }
    assert!(given > 0, "the right form is taken");
}

#[tokio::test]
async fn no_answer_and_nothing_printed_has_a_secret() {
    let stand = Stand::new().await;
    let made = stand
        .test
        .admin()
        .add_application(&SYSTEM, "hr", vec!["*".to_owned()])
        .await;
    let made = made.expect("an application");
    let app = App::of(&made);
    let secret = &app.secret["pcs_".len()..];
    assert!(!format!("{made:?} {:?}", stand.test.directory()).contains(secret));
    let wrong = ask(&stand, &app, "token", &[("grant_type", "password")]).await;
    let right = ask(&stand, &app, "token", &[GRANT]).await;
    let shown = ask(&stand, &app, "introspect", &[("token", &app.secret)]).await;
    for reply in [wrong, right, shown] {
        assert!(!reply.text.contains(secret), "{}", reply.text);
    }
    let query = portcullis::store::AuditQuery { account: None, before: None, limit: 100 };
    let log = stand
        .test
        .admin()
        .audit(&SYSTEM, query)
        .await
        .expect("a log");
    assert!(!format!("{log:?}").contains(secret));
}

/// What somebody may give to an application ends where their own rights do.
#[tokio::test]
async fn nobody_makes_an_application_that_may_more_than_they() {
    let stand = Stand::new().await;
    let admin = stand.test.admin();
    let maker = stand.person("maker").await;
    let may = [Permission::ManageTokens, Permission::UnlockUsers];
    let permissions = may.into_iter().collect();
    stand
        .test
        .edit(&maker, |account| account.details.permissions = permissions)
        .await;
    let maker = stand.now(&maker).await;
    let actor = Actor::Account {
        id: maker.id,
        login: maker.login.clone(),
        from: None,
        rights: portcullis::admin::Rights::of(&maker),
    };
    let words = |scopes: &[&str]| {
        scopes
            .iter()
            .map(|scope| (*scope).to_owned())
            .collect::<Vec<_>>()
    };
    for scopes in [
        &["users.manage"][..],
        &["*"],
        &["users.view", "audit.view"],
        &["internal_user_mgt_update"],
    ] {
        let made = admin.add_application(&actor, "hr", words(scopes)).await;
        assert!(
            matches!(made, Err(portcullis::admin::AdminError::BeyondMaker { .. })),
            "{scopes:?}"
        );
    }
    let made =
        admin.add_application(&actor, "hr", words(&["users.view", "internal_user_mgt_list"]));
    let made = App::of(&made.await.expect("within their rights"));
    assert_eq!(list(&stand, &access(&stand, &made, "").await).await, 200);
    let widened = admin.scope_application(&actor, made.number(), words(&["users.manage"]));
    assert!(widened.await.is_err());
    // A secret of one that may more would be theirs.
    let strong = App::new(admin, &["users.manage"]).await.number();
    assert!(admin.rotate_secret(&actor, strong).await.is_err());
    let request = portcullis::admin::TokenRequest::default();
    assert!(
        admin
            .create_application_token(&actor, strong, request)
            .await
            .is_err()
    );
    assert!(
        admin
            .enable_application(&actor, strong, false)
            .await
            .expect("shut out")
            .1
    );
    assert!(
        admin
            .enable_application(&actor, strong, true)
            .await
            .is_err()
    );
    admin
        .remove_application(&actor, strong)
        .await
        .expect("removed");
}
