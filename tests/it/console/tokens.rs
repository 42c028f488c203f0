//! API tokens in the console: found, made with a secret that is shown once, and ended.

mod lists;

use std::time::Duration;

use axum::Router;
use http::{Request, StatusCode, header};
use portcullis::admin::{Actor, TokenRequest};
use portcullis::api::Api;
use portcullis::domain::permission::Permission;
use portcullis::store::ApiToken;
use portcullis::{Account, domain::session::SessionId};

use super::checks::{ESCAPED, IN_ADDRESS, MARKUP, everybody, hidden, reach, wrong_at};
use super::{Desk, House, address, location};
use crate::guard::{Answer, ask};

const NEW: &str = "/console/tokens/new";
const MANAGE: &[Permission] = &[Permission::ManageTokens];

/// The programs' side of a house.
pub(super) fn api(house: &House) -> Router {
    let admin = house.test.admin().clone();
    Api::new(admin.with_passwords(house.test.gate().passwords())).into_router()
}

/// What a program gets with this token.
pub(super) async fn status_with(api: &Router, token: &str) -> StatusCode {
    let request = Request::get("/api/v3/users")
        .header(header::HOST, "app.example")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .extension(address());
    let request = request.body(axum::body::Body::empty()).expect("a request");
    ask(api, request).await.status
}

/// The secret on a page that shows one.
pub(super) fn secret(page: &str, prefix: &str) -> String {
    let start = format!("value=\"{prefix}");
    let rest = page.split_once(&start).expect("a secret").1;
    format!("{prefix}{}", rest.split('"').next().unwrap_or_default())
}

async fn tokens(house: &House) -> Vec<ApiToken> {
    let all = house.test.admin().tokens(&Actor::System, None).await;
    all.expect("tokens")
}

async fn given(house: &House, owner: &Account, name: &str) -> SessionId {
    let request = TokenRequest { name: name.to_owned(), ..TokenRequest::default() };
    let made = house
        .test
        .admin()
        .create_token(&Actor::System, &owner.id.into(), request)
        .await;
    made.expect("a token").token.key.id()
}

/// Sends the form for a new token, as it was opened just now.
async fn make(desk: &Desk<'_>, fields: &[(&str, &str)]) -> Answer {
    let once = hidden(&desk.page(NEW).await, "once");
    let fields: Vec<_> = fields.iter().copied().chain([("once", &*once)]).collect();
    desk.post(NEW, &fields).await
}

#[tokio::test]
async fn whoever_manages_tokens_does_and_nobody_else() {
    let house = House::new().await;
    let anna = house.test.account("anna").await;
    for someone in everybody(&house).await {
        let revoke = format!("/console/tokens/{}/revoke", given(&house, &anna, "one").await);
        for page in ["/console/tokens", NEW, &revoke] {
            someone.sees(page, MANAGE).await;
        }
        let once = match someone.may(MANAGE) {
            true => hidden(&someone.desk.page(NEW).await, "once"),
            false => String::new(),
        };
        let fields = [("owner", "anna"), ("scope", "tokens.manage"), ("once", &*once)];
        someone.does(&house, NEW, &fields, MANAGE).await;
        someone.does(&house, &revoke, &[], MANAGE).await;
        let gone = someone.desk.post(&revoke, &[]).await.status;
        let expected =
            if someone.may(MANAGE) { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
        assert_eq!(gone, expected, "{:?}", someone.held);
    }
}

#[tokio::test]
async fn an_administrators_tokens_are_for_administrators() {
    let house = House::new().await;
    let boss = house.administrator("boss").await;
    let token = given(&house, &boss, "the boss's").await;
    house.staff("keeper", MANAGE).await;
    let keeper = house.sign_in("keeper").await;
    let page = keeper.page("/console/tokens").await;
    assert!(page.contains("the boss&#39;s") && !page.contains("/revoke"), "{page}");
    let before = reach(&house).await;
    let revoke = format!("/console/tokens/{token}/revoke");
    assert_eq!(keeper.get(&revoke).await.status, StatusCode::FORBIDDEN);
    assert_eq!(keeper.post(&revoke, &[]).await.status, StatusCode::FORBIDDEN);
    let fields = [("owner", "boss"), ("scope", "tokens.manage")];
    assert_eq!(make(&keeper, &fields).await.status, StatusCode::FORBIDDEN);
    // Nor do they give what they have not.
    house.test.account("anna").await;
    let before = before.max(reach(&house).await);
    for scope in ["users.view", "*"] {
        let refused = make(&keeper, &[("owner", "anna"), ("scope", scope)]).await;
        wrong_at(&refused, "scope", scope);
    }
    assert_eq!(reach(&house).await, before);
}

#[tokio::test]
async fn no_other_site_makes_or_ends_a_token() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let revoke = format!("/console/tokens/{}/revoke", given(&house, &anna, "one").await);
    let once = hidden(&desk.page(NEW).await, "once");
    let before = reach(&house).await;
    let fields = [("owner", "anna"), ("scope", "users.view"), ("once", &*once)];
    for path in [NEW, &revoke] {
        let refused = desk.post_from_elsewhere(path, &fields).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(reach(&house).await, before);
    assert_eq!(desk.post(NEW, &fields).await.status, StatusCode::OK, "the key is good still");
}

#[tokio::test]
async fn a_secret_is_shown_once_and_the_same_form_makes_no_second() {
    let house = House::new().await;
    let desk = house.desk().await;
    let api = api(&house);
    let anna = house.staff("anna", &[Permission::ViewUsers]).await;
    let once = hidden(&desk.page(NEW).await, "once");
    let fields = [
        ("owner", "anna"),
        ("name", "sync"),
        ("scope", "users.view"),
        ("expires", "2h"),
        ("once", &*once),
    ];
    let made = desk.post(NEW, &fields).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    assert!(made.body.contains("readonly") && made.body.contains("hidden data-copy=\"v1\""));
    let secret = secret(&made.body, "pct_");
    assert_eq!(status_with(&api, &secret).await, StatusCode::OK);

    let again = desk.post(NEW, &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    assert!(again.body.contains("This form was sent before"), "{}", again.body);
    assert_eq!(again.header("cache-control"), Some("no-store"));
    let all = tokens(&house).await;
    assert_eq!((all.len(), all[0].name.as_str()), (1, "sync"));
    assert_eq!(all[0].expires_at, Some(all[0].created_at.after(Duration::from_secs(7200))));

    let id = all[0].key.id();
    let record = format!("/console/audit/records/{}", reach(&house).await);
    for page in [
        "/console/tokens".to_owned(),
        format!("/console/tokens/{id}/revoke"),
        "/console/audit".to_owned(),
        record,
        "/console/audit/export?format=jsonl".to_owned(),
        format!("/console/users/{}", anna.id),
        format!("/console/users/{}/history", anna.id),
    ] {
        let page = desk.page(&page).await;
        assert!(!page.contains(&secret), "{page}");
        assert!(!page.contains(&secret[4..]), "{page}");
    }
    let look = desk.page(&format!("/console/tokens/{id}/revoke")).await;
    assert!(look.contains("Revoke the token sync?") && look.contains("acts for anna no more"));
    assert_eq!(status_with(&api, &secret).await, StatusCode::OK, "a look ends nothing");
    let revoked = desk
        .post(&format!("/console/tokens/{id}/revoke"), &[])
        .await;
    assert!(location(&revoked).starts_with("/console/tokens?done=revoked"), "{}", revoked.body);
    assert_eq!(status_with(&api, &secret).await, StatusCode::UNAUTHORIZED, "at once");
    let list = desk.page(location(&revoked)).await;
    assert!(list.contains("The token is revoked") && tokens(&house).await.is_empty(), "{list}");
}

#[tokio::test]
async fn two_that_come_together_make_one() {
    let house = House::new().await;
    let desk = house.desk().await;
    house.test.account("anna").await;
    let once = hidden(&desk.page(NEW).await, "once");
    let fields = [("owner", "anna"), ("scope", "users.view"), ("once", &*once)];
    let (one, other) = tokio::join!(desk.post(NEW, &fields), desk.post(NEW, &fields));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(tokens(&house).await.len(), 1);
}

#[tokio::test]
async fn a_form_that_nobody_gave_out_is_shown_again() {
    let house = House::new().await;
    let desk = house.desk().await;
    house.test.account("anna").await;
    let old = hidden(&desk.page(NEW).await, "once");
    house.wait();
    let desk = house.sign_in("ada").await;
    let typed = [("owner", "anna"), ("name", MARKUP), ("scope", "users.view")];
    for once in ["", "1-2-3", &old] {
        let fields: Vec<_> = typed.into_iter().chain([("once", once)]).collect();
        let again = desk.post(NEW, &fields).await;
        wrong_at(&again, "form", "open for too long");
        assert!(again.body.contains(&format!("value=\"{ESCAPED}\"")), "{}", again.body);
        assert!(again.body.contains("value=\"users.view\" checked"), "{}", again.body);
        assert_eq!(tokens(&house).await.len(), 0, "{once}");
        let once = hidden(&again.body, "once");
        assert!(!once.is_empty() && once != old);
    }
    let without = desk.post(NEW, &typed).await;
    wrong_at(&without, "form", "open for too long");
    let once = hidden(&without.body, "once");
    let fields: Vec<_> = typed.into_iter().chain([("once", &*once)]).collect();
    assert_eq!(desk.post(NEW, &fields).await.status, StatusCode::OK, "sent once more");
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays() {
    let house = House::new().await;
    let desk = house.desk().await;
    house.test.account("anna").await;
    let locked = house.test.account("lena").await;
    house.test.lock(&locked).await;
    let before = reach(&house).await;
    let long = "x".repeat(101);
    let good = [("owner", "anna"), ("name", "kept"), ("expires", "90d"), ("scope", "users.view")];
    for (field, bad, at, words) in [
        ("owner", "", "owner", "whom the program acts for"),
        ("owner", "nobody", "owner", "nobody"),
        ("owner", "lena", "owner", "locked"),
        ("owner", MARKUP, "owner", ESCAPED),
        ("name", &long, "name", "100"),
        ("expires", "soon", "expires", "as 12h or 90d"),
        ("expires", MARKUP, "expires", "as 12h or 90d"),
        ("scope", "", "scope", "tick at least one"),
        ("others", "Not,A,Scope", "others", "Not,A,Scope"),
        ("others", MARKUP, "others", ESCAPED),
    ] {
        let mut fields: Vec<_> = good
            .iter()
            .copied()
            .filter(|(name, _)| *name != field)
            .collect();
        fields.push((field, bad));
        let answer = make(&desk, &fields).await;
        wrong_at(&answer, at, words);
        assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
        for (name, value) in fields {
            let value = value.replace(MARKUP, ESCAPED);
            let kept = match name {
                "scope" if value.is_empty() => continue,
                "scope" => format!("value=\"{value}\" checked"),
                name => format!("name=\"{name}\" value=\"{value}\""),
            };
            assert!(answer.body.contains(&kept), "{field}: {kept}: {}", answer.body);
        }
    }
    assert_eq!(reach(&house).await, before);
}

#[tokio::test]
async fn what_people_wrote_is_never_markup() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let id = given(&house, &anna, MARKUP).await;
    for path in [
        "/console/tokens".to_owned(),
        format!("/console/tokens?q={IN_ADDRESS}"),
        format!("/console/tokens/{id}/revoke"),
    ] {
        let page = desk.page(&path).await;
        assert!(!page.contains("<script>alert") && page.contains(ESCAPED), "{path}: {page}");
    }
    for path in ["/console/tokens/%3Cscript%3E/revoke", "/console/tokens/7/revoke"] {
        let page = desk.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!page.body.contains("<script>alert"));
    }
}

#[tokio::test]
async fn it_takes_a_password_of_late() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let revoke = format!("/console/tokens/{}/revoke", given(&house, &anna, "one").await);
    let once = hidden(&desk.page(NEW).await, "once");
    house.wait();
    let before = reach(&house).await;
    let fields = [("owner", "anna"), ("scope", "users.view"), ("once", &*once)];
    for path in [NEW, &revoke] {
        let confirm = format!("/console/confirm?return_to={path}");
        assert_eq!(location(&desk.get(path).await), confirm);
        assert_eq!(location(&desk.post(path, &fields).await), confirm);
    }
    assert_eq!(reach(&house).await, before);
    assert_eq!(desk.get("/console/tokens").await.status, StatusCode::OK, "to look takes none");
}
