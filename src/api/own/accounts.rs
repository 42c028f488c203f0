//! One account: shown, made and changed.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::{ETAG, IF_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::change::{Change, Disable, Lock, SetPassword, Unlock};
use super::problem::Problem;
use super::read::{Sent, Who};
use super::view::{AccountView, OutcomeView};
use crate::admin::{Admin, AdminError, Caller, Identity, Outcome, Target};
use crate::domain::account::Account;
use crate::domain::operation::Operation;
use crate::domain::standing::Version;

/// Nothing is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

type Answer = Result<Response, Problem>;

/// Whoever asks, and what their token is for.
pub(super) async fn me(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
) -> Json<Value> {
    Json(match &caller.identity {
        Identity::Account(account) => {
            json!({ "account": AccountView::new(account, admin.now()), "application": null })
        }
        Identity::Application(application) => {
            let application = json!({ "id": application.id.to_string(), "name": application.name });
            json!({ "account": null, "application": application })
        }
    })
}

pub(super) async fn show(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
) -> Answer {
    let account = seen(&admin, &caller, &target).await?;
    Ok(tagged(account.version, Json(AccountView::new(&account, admin.now()))))
}

/// An account, if whoever asks may see it: their own, or anybody's.
pub(super) async fn seen(
    admin: &Admin,
    caller: &Caller,
    target: &Target,
) -> Result<Account, Problem> {
    let others = caller.rights.require(Operation::ViewUser);
    match (admin.account(target).await, others) {
        (Ok(account), Err(_)) if caller.is(account.id) => Ok(account),
        // Who there is, is not for whoever may not see people.
        (Ok(_) | Err(AdminError::NotFound { .. }), Err(refused)) => Err(refused.into()),
        (found, _) => Ok(found?),
    }
}

pub(super) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Sent(mut sent): Sent<Map<String, Value>>,
) -> Answer {
    caller.rights.require(Operation::CreateUser)?;
    let active = match sent.remove("active") {
        None => false,
        Some(Value::Bool(active)) => active,
        Some(_) => return Err(Problem::invalid("`active` is true or false")),
    };
    let change: Change = serde_json::from_value(Value::Object(sent))
        .map_err(|error| Problem::invalid(error.to_string()))?;
    let made = admin.add(&caller.actor(), change.read_new(active)?).await?;
    let at = format!("/admin/v1/accounts/{}", made.account.id);
    let mut answer = done(&admin, &made);
    *answer.status_mut() = StatusCode::CREATED;
    if let Ok(at) = HeaderValue::try_from(at) {
        answer.headers_mut().insert(LOCATION, at);
    }
    Ok(answer)
}

pub(super) async fn update(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    headers: HeaderMap,
    Sent(change): Sent<Change>,
) -> Answer {
    let mut change = change.read()?;
    if let Some(version) = expected(&headers)? {
        change.expect(version);
    }
    let done_so = admin.update(&caller.actor(), &target, change).await;
    answer(&admin, done_so)
}

pub(super) async fn lock(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    Sent(lock): Sent<Lock>,
) -> Answer {
    let (until, reason) = (lock.end(), lock.reason);
    answer(&admin, admin.lock(&caller.actor(), &target, until, reason).await)
}

pub(super) async fn unlock(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    Sent(unlock): Sent<Unlock>,
) -> Answer {
    let kind = unlock.kind.into();
    answer(&admin, admin.unlock(&caller.actor(), &target, kind).await)
}

pub(super) async fn disable(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    Sent(disable): Sent<Disable>,
) -> Answer {
    let actor = caller.actor();
    answer(&admin, admin.disable(&actor, &target, disable.reason).await)
}

pub(super) async fn enable(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    answer(&admin, admin.enable(&caller.actor(), &target).await)
}

pub(super) async fn sign_out(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    answer(&admin, admin.sign_out(&caller.actor(), &target).await)
}

pub(super) async fn set_password(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    Sent(sent): Sent<SetPassword>,
) -> Answer {
    let mut change = crate::admin::PersonChange::default();
    change.password(sent.password.0);
    answer(&admin, admin.update(&caller.actor(), &target, change).await)
}

fn answer(admin: &Admin, outcome: Result<Outcome, AdminError>) -> Answer {
    Ok(done(admin, &outcome?))
}

fn done(admin: &Admin, outcome: &Outcome) -> Response {
    tagged(outcome.account.version, Json(OutcomeView::new(outcome, admin.now())))
}

/// With the version that a later change can be asked of.
pub(super) fn tagged(version: Version, answer: impl IntoResponse) -> Response {
    let mut answer = answer.into_response();
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", version.get())) {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer
}

/// The version that `If-Match` names: one of them, or any.
pub(super) fn expected(headers: &HeaderMap) -> Result<Option<Version>, Problem> {
    let mut tags = headers.get_all(IF_MATCH).iter();
    let Some(tag) = tags.next() else { return Ok(None) };
    let tag = tag.to_str().unwrap_or_default().trim();
    if tag == "*" && tags.next().is_none() {
        return Ok(None);
    }
    let number = tag
        .strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .and_then(|tag| tag.parse().ok())
        .filter(|_| tags.next().is_none());
    number
        .map(|number| Some(Version::new(number)))
        .ok_or_else(|| {
            let detail = "`If-Match` names one version, as \"7\", or is *";
            Problem::new(StatusCode::BAD_REQUEST, "malformed", "This header can't be read", detail)
        })
}
