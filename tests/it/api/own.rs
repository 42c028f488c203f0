//! Our own interface, `/admin/v1`.

mod deletions;
mod files;
mod groups;

use portcullis::domain::event::Action;
use portcullis::domain::permission::Permission;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{PASSWORD, Reply, Stand};

const JSON: (&str, &str) = ("content-type", "application/json");

impl Stand {
    /// Below `/admin/v1`, with a bearer token.
    pub(super) async fn own(&self, method: &str, path: &str, token: &str, body: Value) -> Reply {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.own_with(method, path, token, &[JSON], &text).await
    }

    async fn own_with(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [&[("authorization", &*bearer)], headers].concat();
        let path = format!("/admin/v1{path}");
        let answer = self.api.send(method, &path, &headers, body).await;
        let read = serde_json::from_str(&answer.body).unwrap_or_default();
        Reply { status: answer.status, headers: answer.headers, body: read, text: answer.body }
    }
}

impl Reply {
    #[track_caller]
    pub(super) fn is_problem(&self, status: u16, word: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        assert_eq!(self.body["type"], format!("urn:portcullis:problem:{word}"), "{}", self.text);
        assert_eq!(self.body["status"], status);
        for field in ["title", "detail"] {
            assert!(!self.body[field].as_str().unwrap_or_default().is_empty(), "{}", self.text);
        }
    }

    #[track_caller]
    fn is_done(&self, changed: bool) -> &Value {
        assert!(matches!(self.status, 200 | 201), "{}", self.text);
        assert_eq!(self.body["changed"], changed, "{}", self.text);
        &self.body["account"]
    }
}

#[tokio::test]
async fn an_account_is_made_changed_and_shown() {
    let stand = Stand::new().await;
    let new = json!({
        "login": "ada", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org",
        "language": "en", "external_id": "HR-1", "password": PASSWORD, "permissions": ["users.view"],
    });
    let made = stand.own("POST", "/accounts", &stand.a, new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let ada = made.is_done(true).clone();
    assert_eq!(made.headers["location"], format!("/admin/v1/accounts/{}", ada["id"]));
    assert_eq!((&ada["status"], &ada["name"]), (&json!("active"), &json!("Ada Lovelace")));

    let change = json!({ "login": "countess", "email": null, "language": null });
    let changed = stand
        .own("PATCH", "/accounts/ada", &stand.a, change.clone())
        .await;
    let account = changed.is_done(true);
    assert_eq!((&account["login"], &account["email"]), (&json!("countess"), &Value::Null));
    assert_eq!(account["external_id"], "HR-1", "what was not sent stays");
    let again = stand
        .own("PATCH", "/accounts/countess", &stand.a, change)
        .await;
    again.is_done(false);
    let gone = stand
        .own("GET", "/accounts/ada", &stand.a, Value::Null)
        .await;
    gone.is_problem(404, "no-such-account");
    assert_eq!(stand.sign_in("countess", PASSWORD).await, 303);
    let by_number = format!("/accounts/{}", ada["id"]);
    let shown = stand.own("GET", &by_number, &stand.a, Value::Null).await;
    assert_eq!(shown.body["login"], "countess");
    assert!(!shown.text.contains("password_hash") && !shown.text.contains("argon2"));
}

#[tokio::test]
async fn a_lock_bites_at_once_and_is_one_record() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let session = stand.test.sign_in(&ada).await;
    let inside = async || {
        let headers = [("cookie", session.as_str())];
        stand.public.send("GET", "/", &headers, "").await.status
    };
    assert_eq!(inside().await, 200);
    let until = "2040-01-31T12:00:00Z";
    let lock = json!({ "until": until, "reason": "left the company" });
    let locked = stand
        .own("POST", "/accounts/ada/lock", &stand.a, lock.clone())
        .await;
    let account = locked.is_done(true);
    assert_eq!(account["status"], "locked");
    assert_eq!(account["admin_lock"]["until"], until);
    assert_eq!(account["admin_lock"]["by"], format!("user:{}", stand.root.id));
    assert_ne!(inside().await, 200);
    let record = stand.last_record().await;
    assert_eq!((record.action, record.account), (Action::AccountLocked, Some(ada.id)));
    assert_eq!(record.actor, format!("user:{}", stand.root.id));
    assert_eq!(record.from.as_deref(), Some("127.0.0.1"));
    assert_eq!(record.reason.as_deref(), Some("left the company"));
    stand
        .own("POST", "/accounts/ada/lock", &stand.a, lock)
        .await
        .is_done(false);
    assert_eq!(stand.last_record().await.position, record.position, "one record");
    let unlocked = stand
        .own("POST", "/accounts/ada/unlock", &stand.a, Value::Null)
        .await;
    assert_eq!(unlocked.is_done(true)["status"], "active");
    assert_ne!(inside().await, 200, "sessions stay dead");
}

#[tokio::test]
async fn disabling_and_its_switch() {
    let stand = Stand::new().await;
    stand.person("ada").await;
    let left = json!({ "reason": "left" });
    let off = stand
        .own("POST", "/accounts/ada/disable", &stand.a, left.clone())
        .await;
    off.is_problem(409, "disabling-is-off");
    let patched = json!({ "disablement": { "reason": "left" } });
    let off = stand
        .own("PATCH", "/accounts/ada", &stand.a, patched.clone())
        .await;
    off.is_problem(409, "disabling-is-off");
    let path = "/settings/accounts.disabling";
    let on = stand
        .own("PUT", path, &stand.a, json!({ "value": "on" }))
        .await;
    assert_eq!((&on.body["value"], &on.body["is_set"]), (&json!("on"), &json!(true)));
    let unexplained = stand
        .own("POST", "/accounts/ada/disable", &stand.a, json!({}))
        .await;
    unexplained.is_problem(422, "invalid");
    let disabled = stand
        .own("POST", "/accounts/ada/disable", &stand.a, left)
        .await;
    assert_eq!(disabled.is_done(true)["status"], "disabled");
    let both = json!({ "disablement": null, "admin_lock": { "reason": "not yet" } });
    let back = stand.own("PATCH", "/accounts/ada", &stand.a, both).await;
    assert_eq!(back.is_done(true)["status"], "locked");
    let reset = stand.own("DELETE", path, &stand.a, Value::Null).await;
    assert_eq!((&reset.body["value"], &reset.body["is_set"]), (&json!("off"), &json!(false)));
}

#[tokio::test]
async fn a_version_that_is_no_more_changes_nothing() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let shown = stand
        .own("GET", "/accounts/ada", &stand.a, Value::Null)
        .await;
    let tag = shown.headers["etag"].to_str().expect("a tag").to_owned();
    let change = |name: &str| json!({ "first_name": name }).to_string();
    let patch = async |tag: &str, name: &str| {
        let headers = [JSON, ("if-match", tag)];
        stand
            .own_with("PATCH", "/accounts/ada", &stand.a, &headers, &change(name))
            .await
    };
    patch(&tag, "Augusta").await.is_done(true);
    patch(&tag, "Byron").await.is_problem(412, "outdated");
    patch("*", "Countess").await.is_done(true);
    for bad in ["7", "W/\"7\"", "\"x\"", "\"1\", \"2\"", ""] {
        patch(bad, "Nobody").await.is_problem(400, "malformed");
    }
    assert_eq!(stand.now(&ada).await.names().0, "Countess");
}

#[tokio::test]
async fn lists_are_found_sorted_and_paged() {
    let stand = Stand::new().await;
    for n in 0..12 {
        stand.person(&format!("p{n:02}")).await;
    }
    stand
        .own("POST", "/accounts/p03/lock", &stand.a, json!({}))
        .await
        .is_done(true);
    let list = async |query: &str| {
        let path = format!("/accounts?{query}");
        let answer = stand.own("GET", &path, &stand.a, Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let accounts = answer.body["accounts"].as_array().expect("a list");
        let logins: Vec<String> = accounts
            .iter()
            .map(|account| account["login"].as_str().expect("a login").to_owned())
            .collect();
        (logins, answer.body)
    };
    assert_eq!(list("status=locked").await.0, ["p03"]);
    assert_eq!(list("login=P07").await.0, ["p07"]);
    assert_eq!(list("search=p1&sort=-login").await.0, ["p11", "p10"]);
    assert_eq!(list("never_signed_in=false").await.0, [""; 0]);
    let (mut seen, mut query) = (Vec::new(), "sort=-login&limit=5&search=p&count=true".to_owned());
    loop {
        let (logins, page) = list(&query).await;
        assert_eq!(page["total"], 12);
        seen.extend(logins);
        let Some(next) = page["next"].as_i64() else { break };
        query = format!("sort=-login&limit=5&search=p&count=true&after={next}");
    }
    let expected: Vec<String> = (0..12).rev().map(|n| format!("p{n:02}")).collect();
    assert_eq!(seen, expected);
    for bad in ["limit=0", "limit=501", "sort=colour", "status=x", "foo=1", "created_since=now"] {
        let path = format!("/accounts?{bad}");
        stand
            .own("GET", &path, &stand.a, Value::Null)
            .await
            .is_problem(422, "invalid");
    }
}

#[tokio::test]
async fn sessions_and_devices_are_ended_by_who_may() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    stand.test.sign_in(&ada).await;
    let listed = stand
        .own("GET", "/accounts/ada/sessions", &stand.a, Value::Null)
        .await;
    let id = listed.body["sessions"][0]["id"]
        .as_str()
        .expect("one")
        .to_owned();
    let viewer = stand.who_may("viewer", Some(Permission::ViewUsers)).await;
    let path = format!("/sessions/{id}");
    let refused = stand
        .own("DELETE", &path, &viewer.secret, Value::Null)
        .await;
    refused.is_problem(403, "forbidden");
    let ended = stand.own("DELETE", &path, &stand.a, Value::Null).await;
    assert_eq!(ended.body["ended"], true, "{}", ended.text);
    for path in [&*path, "/sessions/x", "/sessions/%ff"] {
        let gone = stand.own("DELETE", path, &stand.a, Value::Null).await;
        gone.is_problem(404, "no-such-session");
    }
    let devices = stand
        .own("GET", "/accounts/ada/devices", &stand.a, Value::Null)
        .await;
    assert_eq!(devices.body["devices"], json!([]));
    let gone = stand
        .own("DELETE", "/accounts/ada/devices/x", &stand.a, Value::Null)
        .await;
    gone.is_problem(404, "no-such-device");
}

#[tokio::test]
async fn who_may_not_see_people_learns_nothing_of_them() {
    let stand = Stand::new().await;
    stand.person("ada").await;
    let nobody = stand.who_may("nobody", None).await;
    let get = async |path: &str| stand.own("GET", path, &nobody.secret, Value::Null).await;
    for path in ["/accounts/ada", "/accounts/9999", "/accounts/ada/sessions", "/accounts"] {
        get(path).await.is_problem(403, "forbidden");
    }
    assert_eq!(get("/accounts/nobody").await.body["login"], "nobody");
    assert_eq!(get("/me").await.body["account"]["login"], "nobody");
    let known = stand
        .own("POST", "/accounts/ada/lock", &nobody.secret, json!({}))
        .await;
    known.is_problem(403, "forbidden");
    let own = stand
        .own("POST", "/accounts/nobody/lock", &nobody.secret, json!({}))
        .await;
    own.is_problem(403, "forbidden");
}

#[tokio::test]
async fn nobody_shuts_themselves_out() {
    let stand = Stand::new().await;
    let root = format!("/accounts/{}", stand.root.id);
    let own = stand
        .own("POST", &format!("{root}/lock"), &stand.a, json!({}))
        .await;
    own.is_problem(403, "yourself");
    let own = stand
        .own("PATCH", &root, &stand.a, json!({ "admin": false }))
        .await;
    own.is_problem(403, "yourself");
}

#[tokio::test]
async fn a_token_is_made_for_oneself_and_revoked() {
    let stand = Stand::new().await;
    let new = json!({ "name": "ci", "scopes": ["users.view"] });
    let made = stand.own("POST", "/tokens", &stand.a, new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (secret, id) = (&made.body["secret"], &made.body["token"]["id"]);
    let (secret, id) = (secret.as_str().expect("text"), id.as_str().expect("text"));
    let listed = stand.own("GET", "/tokens", secret, Value::Null).await;
    listed.is_problem(403, "out-of-scope");
    assert!(
        listed.headers["www-authenticate"]
            .to_str()
            .expect("text")
            .contains("tokens.manage")
    );
    assert_eq!(
        stand
            .own("GET", "/accounts", secret, Value::Null)
            .await
            .status,
        200
    );
    let listed = stand.own("GET", "/tokens", &stand.a, Value::Null).await;
    assert!(!listed.text.contains(secret), "it is shown once");
    let revoked = stand
        .own("DELETE", &format!("/tokens/{id}"), &stand.a, Value::Null)
        .await;
    assert_eq!(revoked.body["revoked"], true);
    stand
        .own("GET", "/accounts", secret, Value::Null)
        .await
        .is_problem(401, "invalid-token");
}

#[tokio::test]
async fn what_is_not_there_and_what_is_no_json_is_told_in_one_form() {
    let stand = Stand::new().await;
    for path in ["", "/", "/users", "/accounts/1/2/3", "/accounts/ada/colour"] {
        let answer = stand.own("GET", path, &stand.a, Value::Null).await;
        answer.is_problem(404, "no-such-address");
    }
    let answer = stand.own("PUT", "/accounts", &stand.a, json!({})).await;
    answer.is_problem(405, "no-such-method");
    let send = async |headers: &[(&str, &str)], body: &str| {
        stand
            .own_with("POST", "/accounts", &stand.a, headers, body)
            .await
    };
    send(&[("content-type", "text/plain")], "{\"login\":\"x\"}")
        .await
        .is_problem(415, "content-type");
    send(&[JSON], "[1]").await.is_problem(400, "malformed");
    send(&[JSON], "{\"login\":\"x\",\"colour\":1}")
        .await
        .is_problem(422, "invalid");
    send(&[JSON], "{}").await.is_problem(422, "invalid");
    send(&[JSON], &format!("{{\"login\":\"{}\"}}", "x".repeat(70_000)))
        .await
        .is_problem(413, "too-large");
    let silent = stand.api.send("GET", "/admin/v1/me", &[], "").await;
    assert_eq!(silent.status, 401);
    assert_eq!(silent.headers["www-authenticate"], "Bearer realm=\"portcullis\"");
}

/// Property: whatever JSON is sent wherever, the answer is one of ours, and no accident.
#[test]
fn any_json_gets_an_answer_of_ours() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let stand = runtime.block_on(async {
        let stand = Stand::new().await;
        stand.person("ada").await;
        stand
    });
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é\u{0}\u{202e}]{0,12}".prop_map(Value::from),
        Just(json!("2040-01-31T12:00:00Z")),
        Just(json!({ "reason": "why" })),
        Just(json!(["users.view"])),
    ];
    let field = prop_oneof![
        Just("login"),
        Just("name"),
        Just("first_name"),
        Just("email"),
        Just("language"),
        Just("external_id"),
        Just("admin"),
        Just("permissions"),
        Just("admin_lock"),
        Just("disablement"),
        Just("password"),
        Just("until"),
        Just("reason"),
        Just("kind"),
        Just("value"),
        Just("scopes"),
        Just("active"),
        Just("owner"),
        Just("transfer"),
        Just("members"),
        Just("add"),
    ];
    let object = proptest::collection::btree_map(field, scalar, 0..4);
    let place = prop_oneof![
        Just(("POST", "/accounts")),
        Just(("PATCH", "/accounts/ada")),
        Just(("POST", "/accounts/ada/lock")),
        Just(("POST", "/accounts/ada/unlock")),
        Just(("POST", "/accounts/ada/disable")),
        Just(("POST", "/accounts/ada/password")),
        Just(("PUT", "/settings/lockout")),
        Just(("PUT", "/settings/branding.name")),
        Just(("POST", "/tokens")),
        Just(("POST", "/groups")),
        Just(("POST", "/groups/1/members")),
        Just(("POST", "/accounts/ada/deletion")),
        Just(("POST", "/accounts/ada/deletion/preview")),
        Just(("DELETE", "/accounts/root")),
    ];
    let mut runner = TestRunner::new(ProptestConfig { cases: 200, ..ProptestConfig::default() });
    let ran = runner.run(&(place, object), |((method, path), object)| {
        let body = json!(object);
        let answer = runtime.block_on(stand.own(method, path, &stand.a, body.clone()));
        prop_assert!(answer.status < 500, "{method} {path} {body}: {}", answer.text);
        if answer.status >= 400 {
            prop_assert!(answer.body["type"].is_string(), "{}", answer.text);
        }
        Ok(())
    });
    ran.expect("every answer is one of ours");
}

#[tokio::test]
async fn applications_are_made_changed_and_removed() {
    let stand = Stand::new().await;
    let new = json!({ "name": "HR", "scopes": ["users.view"] });
    let made = stand.own("POST", "/applications", &stand.a, new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["application"]["id"]
        .as_str()
        .expect("text")
        .to_owned();
    let at = format!("/applications/{id}");
    let token = stand
        .own("POST", &format!("{at}/tokens"), &stand.a, json!({ "name": "x" }))
        .await;
    let token = token.body["secret"].as_str().expect("a secret").to_owned();
    let me = stand.own("GET", "/me", &token, Value::Null).await;
    assert_eq!(me.body["application"]["name"], "HR", "{}", me.text);
    stand
        .own("POST", "/accounts", &token, json!({ "login": "x" }))
        .await
        .is_problem(403, "forbidden");
    let off = stand
        .own("PATCH", &at, &stand.a, json!({ "enabled": false }))
        .await;
    assert_eq!(
        (&off.body["changed"], &off.body["application"]["enabled"]),
        (&json!(true), &json!(false))
    );
    stand
        .own("GET", "/me", &token, Value::Null)
        .await
        .is_problem(401, "invalid-token");
    let listed = stand
        .own("GET", "/applications", &stand.a, Value::Null)
        .await;
    assert_eq!(listed.body["applications"][0]["id"], id);
    let rotated = stand
        .own("POST", &format!("{at}/rotate"), &stand.a, Value::Null)
        .await;
    assert_ne!(rotated.body["secret"], made.body["secret"]);
    let removed = stand.own("DELETE", &at, &stand.a, Value::Null).await;
    assert_eq!(removed.body["removed"], true, "{}", removed.text);
    for at in [&*at, "/applications/x"] {
        stand
            .own("GET", at, &stand.a, Value::Null)
            .await
            .is_problem(404, "no-such-application");
    }
    let viewer = stand.who_may("viewer", Some(Permission::ViewUsers)).await;
    stand
        .own("GET", "/applications", &viewer.secret, Value::Null)
        .await
        .is_problem(403, "forbidden");
}

#[tokio::test]
async fn the_log_is_read_checked_exported_and_shortened() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    for what in ["lock", "unlock", "lock"] {
        stand
            .own("POST", &format!("/accounts/ada/{what}"), &stand.a, json!({}))
            .await
            .is_done(true);
    }
    let get = async |query: &str| {
        stand
            .own("GET", &format!("/audit{query}"), &stand.a, Value::Null)
            .await
    };
    let locks = get("?account=ada&action=account.locked,account.unlocked&limit=2").await;
    let records = locks.body["records"].as_array().expect("a list").clone();
    assert_eq!(records.len(), 2, "{}", locks.text);
    assert_eq!(
        (&records[0]["action"], &records[0]["account"]),
        (&json!("account.locked"), &json!(ada.id))
    );
    let next = locks.body["next"].as_u64().expect("more");
    let older = get(&format!("?account={}&action=account.locked&before={next}", ada.id)).await;
    assert_eq!(older.body["records"].as_array().expect("a list").len(), 1);
    let whole = stand
        .own("POST", "/audit/verify", &stand.a, Value::Null)
        .await;
    assert_eq!(whole.body["whole"], true, "{}", whole.text);
    let lines = get("/export?action=account.locked").await;
    assert_eq!(lines.text.lines().count(), 2);
    assert!(
        lines
            .text
            .lines()
            .all(|line| line.ends_with("\"}") && line.contains("\"link\":"))
    );
    let table = get("/export?format=csv").await;
    assert!(table.text.starts_with("position,at,actor,"), "{}", table.text);
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    for bad in ["?limit=0", "?action=x", "?since=now", "?format=csv", "/export?limit=3", "?foo=1"] {
        get(bad).await.is_problem(422, "invalid");
    }
    stand
        .test
        .clock()
        .advance(std::time::Duration::from_secs(1));
    let pruned = json!({ "before": "2200-01-01T00:00:00Z", "reason": "too old" });
    let pruned = stand.own("POST", "/audit/prune", &stand.a, pruned).await;
    assert_eq!(pruned.body["changed"], true, "{}", pruned.text);
    let whole = stand
        .own("POST", "/audit/verify", &stand.a, Value::Null)
        .await;
    assert_eq!(whole.body["whole"], true, "{}", whole.text);
    let viewer = stand.who_may("viewer", Some(Permission::ManageUsers)).await;
    let refused = stand
        .own("GET", "/audit", &viewer.secret, Value::Null)
        .await;
    refused.is_problem(403, "forbidden");
}

#[tokio::test]
async fn licences_are_counted_and_limited() {
    let stand = Stand::new().await;
    stand.person("ada").await;
    let shown = stand.own("GET", "/licences", &stand.a, Value::Null).await;
    assert_eq!((&shown.body["used"], &shown.body["limit"]), (&json!(2), &Value::Null));
    assert_eq!(shown.body["by_status"]["active"], 2);
    let limited = stand
        .own("PUT", "/licences", &stand.a, json!({ "limit": 2 }))
        .await;
    assert_eq!(limited.body["available"], 0, "{}", limited.text);
    let new = json!({ "login": "grace", "active": true });
    stand
        .own("POST", "/accounts", &stand.a, new)
        .await
        .is_problem(409, "no-licence");
    let invited = stand
        .own("POST", "/accounts", &stand.a, json!({ "login": "grace" }))
        .await;
    assert_eq!(invited.is_done(true)["status"], "invited", "who is invited uses none");
    let link = stand
        .own("POST", "/accounts/grace/invite", &stand.a, Value::Null)
        .await;
    let path = link.body["path"].as_str().expect("a path");
    assert!(path.starts_with("/invite#"), "{path}");
    stand
        .own("POST", "/accounts/ada/invite", &stand.a, json!({ "expires_in": 1 }))
        .await
        .is_problem(422, "invalid");
}
