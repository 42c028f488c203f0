//! Settings as WSO2 Identity Server's identity governance has them: connectors, in
//! categories, with properties that are texts.

mod connector;
mod policy;

use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use self::connector::Connector;
use crate::admin::{Admin, AdminError, Caller};
use crate::api::body::{self, NoObject};
use crate::api::token::{self, Stranger};

const BASE: &str = "/api/server/v1/identity-governance";

/// Why a request was not done.
struct Refusal {
    status: StatusCode,
    words: String,
}

impl Refusal {
    fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into() }
    }

    fn nothing() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such connector")
    }
}

impl From<AdminError> for Refusal {
    fn from(error: AdminError) -> Self {
        let status = match &error {
            AdminError::AdministratorsOnly
            | AdminError::Forbidden { .. }
            | AdminError::OutOfScope { .. } => StatusCode::FORBIDDEN,
            AdminError::InvalidSetting { .. } => StatusCode::BAD_REQUEST,
            AdminError::Pinned { .. } => StatusCode::CONFLICT,
            _ => {
                tracing::warn!(%error, "administration failed");
                let words = "the settings can't be reached now: try again in a moment";
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, words);
            }
        };
        Self::new(status, error.to_string())
    }
}

impl From<NoObject> for Refusal {
    fn from(why: NoObject) -> Self {
        match why {
            NoObject::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"),
            NoObject::TooSlow => {
                Self::new(StatusCode::REQUEST_TIMEOUT, "the body did not come to its end in time")
            }
            NoObject::Malformed => {
                Self::new(StatusCode::BAD_REQUEST, "the body is not a single JSON object")
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = format!("IDG-{}", self.status.as_u16());
        let message = self.status.canonical_reason().unwrap_or_default();
        let document = json!({ "code": code, "message": message, "description": self.words });
        let mut answer = (self.status, Json(document)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = http::HeaderValue::from_static("Bearer realm=\"portcullis\"");
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

pub(super) fn router(admin: Admin) -> Router {
    let at = |path: &str| format!("{BASE}{path}");
    Router::new()
        .route(BASE, get(categories))
        .route(&at("/{category}"), get(category))
        .route(&at("/{category}/connectors"), get(connectors))
        .route(&at("/{category}/connectors/{connector}"), get(show).patch(change))
        .route_layer(from_fn_with_state(admin.clone(), admitted))
        .with_state(admin)
}

/// Lets those through whom a token says something of.
async fn admitted(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let mut answer = match token::caller(&admin, &head).await {
        Ok(caller) => {
            head.extensions.insert(caller);
            next.run(Request::from_parts(head, body)).await
        }
        Err(Stranger::Unknown(error)) => Refusal::from(error).into_response(),
        Err(Stranger::Silent | Stranger::Refused(_)) => {
            let words = "this needs a token that opens it: send one as a bearer";
            Refusal::new(StatusCode::UNAUTHORIZED, words).into_response()
        }
    };
    let never = http::HeaderValue::from_static("no-store");
    answer.headers_mut().insert(CACHE_CONTROL, never);
    answer
}

async fn categories() -> Json<Value> {
    Json(
        Connector::ALL
            .iter()
            .map(Connector::category_link)
            .collect(),
    )
}

async fn shown(admin: &Admin, caller: &Caller, connector: &Connector) -> Result<Value, Refusal> {
    let setting = admin.setting(&caller.actor(), connector.setting).await?;
    Ok(connector.show(&setting.value))
}

async fn category(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let found = Connector::in_category(&id).ok_or_else(Refusal::nothing)?;
    let connector = shown(&admin, &caller, found).await?;
    Ok(Json(found.show_category(&connector)))
}

async fn connectors(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let found = Connector::in_category(&id).ok_or_else(Refusal::nothing)?;
    Ok(Json(json!([shown(&admin, &caller, found).await?])))
}

fn find(category: &str, connector: &str) -> Result<&'static Connector, Refusal> {
    let found = Connector::in_category(category).filter(|found| found.id() == connector);
    found.ok_or_else(Refusal::nothing)
}

async fn show(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path((category, connector)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    let found = find(&category, &connector)?;
    Ok(Json(shown(&admin, &caller, found).await?))
}

async fn change(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path((category, connector)): Path<(String, String)>,
    headers: HeaderMap,
    sent: axum::body::Body,
) -> Result<StatusCode, Refusal> {
    let found = find(&category, &connector)?;
    let kind = headers
        .get(http::header::CONTENT_TYPE)
        .map(http::HeaderValue::as_bytes);
    let kind = kind
        .unwrap_or_default()
        .split(|b| *b == b';')
        .next()
        .unwrap_or_default();
    if !kind.trim_ascii().eq_ignore_ascii_case(b"application/json") {
        let words = "the body is application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words));
    }
    let sent = body::object(sent, false).await?;
    let wrong = |words: &str| Refusal::new(StatusCode::BAD_REQUEST, words);
    if sent.get("operation").and_then(Value::as_str) != Some("UPDATE") {
        return Err(wrong("the operation is UPDATE"));
    }
    let properties = sent.get("properties").and_then(Value::as_array);
    let properties = properties.ok_or_else(|| wrong("properties are a list"))?;
    let text = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
    let pairs: Option<Vec<_>> = properties
        .iter()
        .map(|one| text(one, "name").zip(text(one, "value")))
        .collect();
    let pairs = pairs.ok_or_else(|| wrong("a property has a name and a value, both texts"))?;
    let setting = admin.setting(&caller.actor(), found.setting).await?;
    let value = found
        .changed(&setting.value, &pairs)
        .map_err(|words| wrong(&words))?;
    admin
        .set_setting(&caller.actor(), found.setting, &value)
        .await?;
    Ok(StatusCode::OK)
}
