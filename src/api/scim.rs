//! SCIM 2.0, twice over the same people and groups: as the standard has it, and as WSO2
//! Identity Server does.

mod answer;
mod bulk;
mod discovery;
mod filter;
mod flavour;
mod groups;
mod handlers;
mod list;
mod patch;
mod path;
mod problem;
mod query;
mod schema;
mod select;
mod service;
mod tag;
mod user;
mod users;
mod value;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};

use self::flavour::Flavour;
use self::problem::Problem;
use self::service::Service;
use crate::admin::Admin;
use crate::api::token::{self, Stranger};

/// What is said of every answer: it is about people, and for whoever asked.
const HEADERS: [(HeaderName, &str); 2] =
    [(CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];

/// What a request came to.
#[derive(Clone, Debug)]
struct Mount {
    admin: Admin,
    flavour: Flavour,
}

/// Both mounts.
pub(super) fn router(admin: &Admin) -> Router {
    let mounts = Flavour::ALL.map(|flavour| Mount { admin: admin.clone(), flavour });
    mounts
        .into_iter()
        .map(mounted)
        .fold(Router::new(), Router::merge)
}

fn mounted(mount: Mount) -> Router {
    let at = |path: &str| format!("{}{path}", mount.flavour.mount());
    let one = || {
        get(handlers::read)
            .put(handlers::replace)
            .patch(handlers::patch)
    };
    let one = || one().delete(handlers::delete);
    let many = || get(handlers::list).post(handlers::create);
    Router::new()
        .route(&at("/ServiceProviderConfig"), get(handlers::service_provider_config))
        .route(&at("/ResourceTypes"), get(handlers::resource_types))
        .route(&at("/ResourceTypes/{id}"), get(handlers::resource_type))
        .route(&at("/Schemas"), get(handlers::schemas))
        .route(&at("/Schemas/{id}"), get(handlers::schema))
        .route(&at("/Users"), many())
        .route(&at("/Users/.search"), post(handlers::search))
        .route(&at("/Users/{id}"), one())
        .route(&at("/Groups"), many())
        .route(&at("/Groups/.search"), post(handlers::search))
        .route(&at("/Groups/{id}"), one())
        .route(&at("/Me"), one())
        .route(&at("/.search"), post(handlers::search_all))
        .route(&at("/Bulk"), post(handlers::bulk))
        .route(&at(""), any(handlers::nothing))
        .route(&at("/"), any(handlers::nothing))
        .route(&at("/{*rest}"), any(handlers::nothing))
        .method_not_allowed_fallback(handlers::other_method)
        .route_layer(from_fn_with_state(mount.clone(), admitted))
        .with_state(mount)
}

/// Lets those through whom a token says something of, with a body of a known type.
async fn admitted(State(mount): State<Mount>, request: Request, next: Next) -> Response {
    let flavour = mount.flavour;
    let mut answer = match admit(mount, request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => refused.answer(flavour),
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        answer.headers_mut().entry(name).or_insert(value);
    }
    answer
}

async fn admit(mount: Mount, request: Request) -> Result<Request, Problem> {
    let (mut head, body) = request.into_parts();
    let caller = token::caller(&mount.admin, &head)
        .await
        .map_err(|stranger| match stranger {
            Stranger::Silent | Stranger::Refused(_) => Problem::unauthenticated(),
            Stranger::Unknown(error) => error.into(),
        })?;
    let Mount { admin, flavour } = mount;
    head.extensions.insert(Service { admin, flavour, caller });
    Ok(Request::from_parts(head, body))
}

/// A body has a type.
fn check_type(headers: &HeaderMap, flavour: Flavour) -> Result<(), Problem> {
    let kind = headers
        .get(CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let kind = kind
        .split(|b| *b == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let taken = [&b"application/scim+json"[..], b"application/json"];
    if taken.iter().any(|taken| taken.eq_ignore_ascii_case(kind)) {
        return Ok(());
    }
    let status = match flavour {
        Flavour::Strict => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Flavour::Wso2 => StatusCode::NOT_ACCEPTABLE,
    };
    Err(Problem::new(status, "the body is application/scim+json or application/json"))
}
