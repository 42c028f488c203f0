//! What requests bring: a body, a query, and whom they are about.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Problem;
use crate::admin::Target;
use crate::api::body::{MAX_BODY, object_within};
use crate::domain::account::AccountId;

/// A body: a JSON object. None at all is an empty one.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request, MAX_BODY).await.map(Self)
    }
}

/// A body that may be as long as a list of everybody in a large company.
pub(super) struct Long<T>(pub(super) T);

const MAX_LONG_BODY: usize = 8 * 1024 * 1024;

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Long<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request, MAX_LONG_BODY).await.map(Self)
    }
}

async fn read<T: DeserializeOwned>(request: Request, most: usize) -> Result<T, Problem> {
    let (head, body) = request.into_parts();
    let is_json = is_json(&head.headers);
    let read = object_within(body, true, most).await?;
    if !is_json && !read.is_empty() {
        return Err(Problem::content_type());
    }
    serde_json::from_value(Value::Object(read)).map_err(|error| Problem::invalid(error.to_string()))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.unwrap_or_default();
    let kind = kind.split(|b| *b == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// The query of the address.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Query::<T>::from_request_parts(head, state).await;
        read.map(|Query(asked)| Self(asked))
            .map_err(|rejection| Problem::invalid(rejection.body_text()))
    }
}

/// Whom a request is about: a number, or else a login or e-mail address. If one
/// person's login is another's number, the number is meant.
pub(super) struct Who(pub(super) Target);

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<Vec<(String, String)>>::from_request_parts(head, state).await;
        let Path(parts) = path.map_err(|_: PathRejection| Problem::no_such_address())?;
        let who = parts.into_iter().find(|(name, _)| name == "who");
        let (_, who) = who.ok_or_else(Problem::no_such_address)?;
        Ok(Self(target(&who)))
    }
}

/// A number, or else a login or e-mail address.
pub(super) fn target(who: &str) -> Target {
    number(who).map_or_else(|| who.into(), Target::from)
}

fn number(who: &str) -> Option<AccountId> {
    let digits = who.bytes().all(|b| b.is_ascii_digit());
    let number: i64 = who.parse().ok().filter(|_| digits)?;
    number.try_into().ok()
}

/// A part of the address that has a form of its own.
pub(super) fn part<T: std::str::FromStr>(named: Result<Path<String>, PathRejection>) -> Option<T> {
    named.ok().and_then(|Path(text)| text.parse().ok())
}
