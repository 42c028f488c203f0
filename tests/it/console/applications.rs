//! Applications in the console: added, given new secrets, shut out, and removed.

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, header};
use portcullis::admin::{Actor, CreatedApplication, TokenRequest};
use portcullis::domain::application::{Application, ApplicationId};
use portcullis::domain::permission::Permission;

use super::checks::{ESCAPED, MARKUP, everybody, hidden, reach, wrong_at};
use super::tokens::{api, secret, status_with};
use super::{Desk, House, address, location};
use crate::guard::{Answer, ask};

const LIST: &str = "/console/applications";
const NEW: &str = "/console/applications/new";
const MANAGE: &[Permission] = &[Permission::ManageTokens];

fn at(id: ApplicationId, end: &str) -> String {
    format!("{LIST}/{id}{end}")
}

async fn added(house: &House, name: &str, scopes: &[&str]) -> CreatedApplication {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let made = house
        .test
        .admin()
        .add_application(&Actor::System, name, scopes)
        .await;
    made.expect("an application")
}

async fn now(house: &House, id: ApplicationId) -> Application {
    let found = house.test.admin().application(&Actor::System, id).await;
    found.expect("an application")
}

async fn all(house: &House) -> usize {
    let all = house.test.admin().applications(&Actor::System).await;
    all.expect("applications").len()
}

/// A token that lasts.
async fn token(house: &House, id: ApplicationId) -> String {
    let made = house
        .test
        .admin()
        .create_application_token(&Actor::System, id, TokenRequest::default())
        .await;
    made.expect("a token").secret.expose()
}

/// Sends a form with the key that its page has now.
async fn send(desk: &Desk<'_>, page: &str, to: &str, fields: &[(&str, &str)]) -> Answer {
    let once = hidden(&desk.page(page).await, "once");
    let fields: Vec<_> = fields.iter().copied().chain([("once", &*once)]).collect();
    desk.post(to, &fields).await
}

/// What an application gets with this secret.
async fn sign_in(api: &Router, id: ApplicationId, secret: &str) -> StatusCode {
    let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let request = Request::post("/oauth2/token")
        .header(header::HOST, "app.example")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .extension(address());
    ask(api, request.body(Body::from(body)).expect("a request"))
        .await
        .status
}

#[tokio::test]
async fn whoever_manages_tokens_does_and_nobody_else() {
    let house = House::new().await;
    for someone in everybody(&house).await {
        let id = added(&house, "hr", &["tokens.manage"]).await.application.id;
        someone.sees(LIST, MANAGE).await;
        someone.sees(NEW, MANAGE).await;
        for page in ["", "/rotate", "/disable", "/remove"] {
            someone.sees(&at(id, page), MANAGE).await;
        }
        let key = |page: String| {
            let (desk, may) = (&someone.desk, someone.may(MANAGE));
            async move { if may { hidden(&desk.page(&page).await, "once") } else { String::new() } }
        };
        let once = key(NEW.to_owned()).await;
        let fields = [("name", "new"), ("scope", "tokens.manage"), ("once", &*once)];
        someone.does(&house, NEW, &fields, MANAGE).await;
        let once = key(at(id, "")).await;
        someone
            .does(&house, &at(id, "/token"), &[("once", &*once)], MANAGE)
            .await;
        let once = key(at(id, "/rotate")).await;
        someone
            .does(&house, &at(id, "/rotate"), &[("once", &*once)], MANAGE)
            .await;
        for act in ["disable", "enable", "scope", "remove"] {
            let fields = [("act", act), ("scope", "tokens.manage")];
            someone.does(&house, &at(id, ""), &fields, MANAGE).await;
        }
    }
}

#[tokio::test]
async fn nobody_gives_or_gets_more_than_they_have() {
    let house = House::new().await;
    house.staff("keeper", MANAGE).await;
    let keeper = house.sign_in("keeper").await;
    let mighty = added(&house, "mighty", &["*"]).await.application.id;
    house
        .test
        .admin()
        .enable_application(&Actor::System, mighty, false)
        .await
        .expect("disabled");
    let before = reach(&house).await;
    let beyond = send(&keeper, NEW, NEW, &[("name", "kept"), ("scope", "users.view")]).await;
    wrong_at(&beyond, "scope", "users.view");
    assert!(beyond.body.contains("name=\"name\" value=\"kept\""), "{}", beyond.body);
    let fields = [("act", "scope"), ("scope", "users.view")];
    wrong_at(&keeper.post(&at(mighty, ""), &fields).await, "scope", "users.view");
    wrong_at(&keeper.post(&at(mighty, ""), &[("act", "enable")]).await, "form", "*");
    let rotated = send(&keeper, &at(mighty, "/rotate"), &at(mighty, "/rotate"), &[]).await;
    assert_eq!(rotated.status, StatusCode::FORBIDDEN, "{}", rotated.body);
    assert!(!rotated.body.contains("pcs_"), "{}", rotated.body);
    assert_eq!(reach(&house).await, before);
    // To shut it out is no more than they may.
    let removed = keeper.post(&at(mighty, ""), &[("act", "remove")]).await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn no_other_site_does_anything() {
    let house = House::new().await;
    let desk = house.desk().await;
    let id = added(&house, "hr", &["users.view"]).await.application.id;
    let once = hidden(&desk.page(NEW).await, "once");
    let before = reach(&house).await;
    let mut forms = vec![
        (NEW.to_owned(), vec![("name", "x"), ("scope", "users.view"), ("once", &*once)]),
        (at(id, "/token"), vec![("once", &*once)]),
        (at(id, "/rotate"), vec![("once", &*once)]),
    ];
    for act in ["disable", "enable", "remove"] {
        forms.push((at(id, ""), vec![("act", act)]));
    }
    forms.push((at(id, ""), vec![("act", "scope"), ("scope", "users.manage")]));
    for (path, fields) in forms {
        let refused = desk.post_from_elsewhere(&path, &fields).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(reach(&house).await, before);
}

#[tokio::test]
async fn a_new_application_shows_its_secret_once_and_comes_in_with_it() {
    let house = House::new().await;
    let desk = house.desk().await;
    let api = api(&house);
    let once = hidden(&desk.page(NEW).await, "once");
    let fields = [("name", "hr"), ("scope", "users.view"), ("once", &*once)];
    let made = desk.post(NEW, &fields).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let secret = secret(&made.body, "pcs_");
    let again = desk.post(NEW, &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    assert_eq!(all(&house).await, 1);
    let found = house
        .test
        .admin()
        .applications(&Actor::System)
        .await
        .expect("one");
    let id = found[0].id;
    assert!(made.body.contains(&format!("value=\"{id}\"")), "{}", made.body);
    assert_eq!(sign_in(&api, id, &secret).await, StatusCode::OK);
    let record = format!("/console/audit/records/{}", reach(&house).await);
    let pages = ["/rotate", "/disable", "/remove", ""].map(|end| at(id, end));
    let others = [LIST, "/console/audit", "/console/audit/export?format=csv", &record];
    for path in pages.iter().map(String::as_str).chain(others) {
        let page = desk.page(path).await;
        assert!(!page.contains(&secret[4..]), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_new_secret_is_told_first_and_ends_the_old_one_once() {
    let house = House::new().await;
    let desk = house.desk().await;
    let api = api(&house);
    let made = added(&house, "hr", &["users.view"]).await;
    let (id, old) = (made.application.id, made.secret.expose());
    let lasting = token(&house, id).await;
    let rotate = at(id, "/rotate");
    let before = reach(&house).await;
    let look = desk.page(&rotate).await;
    for words in ["opens nothing any more, at once", "Its 1 token opens nothing any more, for good"]
    {
        assert!(look.contains(words), "{words}: {look}");
    }
    assert_eq!(reach(&house).await, before, "a look changes nothing");
    assert_eq!(status_with(&api, &lasting).await, StatusCode::OK);
    let once = hidden(&look, "once");
    let rotated = desk.post(&rotate, &[("once", &*once)]).await;
    assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.body);
    let new = secret(&rotated.body, "pcs_");
    assert_ne!(new, old);
    assert_eq!(status_with(&api, &lasting).await, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in(&api, id, &old).await, StatusCode::UNAUTHORIZED);
    // The page is loaded again: the new secret stays good.
    let again = desk.post(&rotate, &[("once", &*once)]).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    assert!(!again.body.contains("pcs_") && again.body.contains("stays in force"));
    assert_eq!(sign_in(&api, id, &new).await, StatusCode::OK);
    let foreign = desk.post(&rotate, &[("once", "1-2-3")]).await;
    assert_eq!(foreign.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(foreign.body.contains("open for too long") && !foreign.body.contains("pcs_"));
    // What did that before does it no more without the page that asks.
    let direct = desk.post(&at(id, ""), &[("act", "rotate")]).await;
    assert_eq!(direct.status, StatusCode::NOT_FOUND);
    assert_eq!(sign_in(&api, id, &new).await, StatusCode::OK);
}

#[tokio::test]
async fn a_disabled_application_is_refused_at_once_until_it_is_enabled() {
    let house = House::new().await;
    let desk = house.desk().await;
    let api = api(&house);
    let made = added(&house, "hr", &["users.view"]).await;
    let (id, secret) = (made.application.id, made.secret.expose());
    let tokens = [token(&house, id).await, token(&house, id).await];
    let look = desk.page(&at(id, "/disable")).await;
    assert!(look.contains("Its 2 tokens open nothing until you enable it again"), "{look}");
    assert_eq!(status_with(&api, &tokens[0]).await, StatusCode::OK, "a look changes nothing");
    let done = desk.post(&at(id, ""), &[("act", "disable")]).await;
    assert!(location(&done).contains("done=disabled"), "{}", done.body);
    for token in &tokens {
        assert_eq!(status_with(&api, token).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(sign_in(&api, id, &secret).await, StatusCode::UNAUTHORIZED);
    let page = desk.page(location(&done)).await;
    assert!(
        page.contains("value=\"enable\"") && !page.contains("Make a token that lasts"),
        "{page}"
    );
    let before = reach(&house).await;
    let again = desk.post(&at(id, ""), &[("act", "disable")]).await;
    assert!(location(&again).contains("done=unchanged"), "{}", again.body);
    assert_eq!(reach(&house).await, before);
    let enabled = desk.post(&at(id, ""), &[("act", "enable")]).await;
    assert!(location(&enabled).contains("done=enabled"), "{}", enabled.body);
    assert_eq!(status_with(&api, &tokens[0]).await, StatusCode::OK);

    let gone = desk.post(&at(id, ""), &[("act", "remove")]).await;
    assert!(location(&gone).starts_with("/console/applications?done=removed"), "{}", gone.body);
    assert_eq!(status_with(&api, &tokens[0]).await, StatusCode::UNAUTHORIZED);
    for (path, form) in [("", "disable"), ("", "scope"), ("", "remove")] {
        let fields = [("act", form), ("scope", "users.view")];
        let status = desk.post(&at(id, path), &fields).await.status;
        assert_eq!(status, StatusCode::NOT_FOUND, "{form}");
    }
    for page in ["", "/rotate", "/disable", "/remove"] {
        assert_eq!(desk.get(&at(id, page)).await.status, StatusCode::NOT_FOUND, "{page}");
    }
}

#[tokio::test]
async fn a_token_of_an_application_is_made_once_and_revoked_from_its_page() {
    let house = House::new().await;
    let desk = house.desk().await;
    let api = api(&house);
    let id = added(&house, "hr", &["users.view"]).await.application.id;
    let once = hidden(&desk.page(&at(id, "")).await, "once");
    let fields = [("name", "nightly"), ("expires", ""), ("once", &*once)];
    let made = desk.post(&at(id, "/token"), &fields).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let secret = secret(&made.body, "pct_");
    assert_eq!(status_with(&api, &secret).await, StatusCode::OK);
    let again = desk.post(&at(id, "/token"), &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    let page = desk.page(&at(id, "")).await;
    assert_eq!(page.matches("/revoke\"").count(), 1, "{page}");
    assert!(!page.contains(&secret[4..]) && page.contains("nightly"), "{page}");
    let revoke = page
        .split("href=\"/console/tokens/")
        .nth(1)
        .expect("a link");
    let revoke = format!("/console/tokens/{}", revoke.split('"').next().unwrap_or_default());
    let look = desk.page(&revoke).await;
    assert!(look.contains("acts for hr no more"), "{look}");
    let revoked = desk.post(&revoke, &[]).await;
    assert_eq!(location(&revoked), format!("{}?done=revoked", at(id, "")));
    assert_eq!(status_with(&api, &secret).await, StatusCode::UNAUTHORIZED, "at once");
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays() {
    let house = House::new().await;
    let desk = house.desk().await;
    let id = added(&house, "hr", &["users.view"]).await.application.id;
    let before = reach(&house).await;
    let long = "x".repeat(101);
    for (name, scope, others, at, words) in [
        ("", "users.view", "", "name", "what people know it by"),
        (&*long, "users.view", "", "name", "100"),
        ("kept", "", "", "scope", "scope"),
        ("kept", "users.view", MARKUP, "others", ESCAPED),
        (MARKUP, "audit.view", "A,B", "others", "A,B"),
    ] {
        let mut fields = vec![("name", name), ("others", others)];
        if !scope.is_empty() {
            fields.push(("scope", scope));
        }
        let answer = send(&desk, NEW, NEW, &fields).await;
        wrong_at(&answer, at, words);
        let kept = |name: &str, value: &str| {
            let value = value.replace(MARKUP, ESCAPED);
            answer
                .body
                .contains(&format!("name=\"{name}\" value=\"{value}\""))
        };
        assert!(kept("name", name) && kept("others", others), "{}", answer.body);
        let ticked = answer.body.contains(&format!("value=\"{scope}\" checked"));
        assert_eq!(ticked, !scope.is_empty(), "{}", answer.body);
        assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
    }
    let fields = [("name", MARKUP), ("expires", "soon")];
    let answer = send(&desk, &at(id, ""), &at(id, "/token"), &fields).await;
    wrong_at(&answer, "expires", "as 12h or 90d");
    for kept in [format!("name=\"name\" value=\"{ESCAPED}\""), "value=\"soon\"".to_owned()] {
        assert!(answer.body.contains(&kept), "{kept}: {}", answer.body);
    }
    let answer = send(&desk, &at(id, ""), &at(id, "/token"), &[("name", &long)]).await;
    wrong_at(&answer, "name", "100");
    let answer = desk
        .post(&at(id, ""), &[("act", "scope"), ("others", MARKUP)])
        .await;
    wrong_at(&answer, "others", ESCAPED);
    wrong_at(&desk.post(&at(id, ""), &[("act", "scope")]).await, "scope", "scope");
    for act in ["", "explode"] {
        let status = desk.post(&at(id, ""), &[("act", act)]).await.status;
        assert_eq!(status, StatusCode::NOT_FOUND, "{act}");
    }
    assert_eq!(desk.post(&at(id, ""), &[]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(reach(&house).await, before);
    assert_eq!(now(&house, id).await.scopes, ["users.view"]);
}

#[tokio::test]
async fn what_people_wrote_is_never_markup() {
    let house = House::new().await;
    let desk = house.desk().await;
    let id = added(&house, MARKUP, &["users.view"]).await.application.id;
    let pages = ["", "/rotate", "/disable", "/remove"].map(|end| at(id, end));
    for path in pages.iter().map(String::as_str).chain([LIST]) {
        let page = desk.page(path).await;
        assert!(!page.contains("<script>alert") && page.contains(ESCAPED), "{path}: {page}");
    }
    let audit = desk.page("/console/audit").await;
    assert!(!audit.contains("<script>alert"), "{audit}");
    let missing = desk.get("/console/applications/%3Cscript%3Ealert(1)").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(!missing.body.contains("<script>alert"));
}

#[tokio::test]
async fn it_takes_a_password_of_late() {
    let house = House::new().await;
    let desk = house.desk().await;
    let id = added(&house, "hr", &["users.view"]).await.application.id;
    house.wait();
    let before = reach(&house).await;
    for end in ["", "/rotate", "/disable", "/remove"] {
        let confirm = format!("/console/confirm?return_to={}", at(id, end));
        assert_eq!(location(&desk.get(&at(id, end)).await), confirm);
    }
    assert!(location(&desk.get(NEW).await).starts_with("/console/confirm"));
    for (path, fields) in [
        (NEW.to_owned(), vec![("name", "x"), ("scope", "users.view")]),
        (at(id, "/rotate"), vec![]),
        (at(id, "/token"), vec![]),
        (at(id, ""), vec![("act", "disable")]),
        (at(id, ""), vec![("act", "remove")]),
        (at(id, ""), vec![("act", "scope"), ("scope", "*")]),
    ] {
        let asked = desk.post(&path, &fields).await;
        assert!(location(&asked).starts_with("/console/confirm?"), "{path}: {}", asked.body);
    }
    assert_eq!(reach(&house).await, before);
}
