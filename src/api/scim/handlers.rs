//! One handler for each place.

use axum::Extension;
use axum::body::Body;
use axum::extract::{OriginalUri, Path, RawQuery};
use axum::response::{IntoResponse, Response};
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

use super::answer::{Done, Scim};
use super::bulk::MAX_BYTES;
use super::check_type;
use super::discovery;
use super::problem::Problem;
use super::query::Query;
use super::schema::ResourceType;
use super::service::{Act, Service};
use super::tag::Tags;
use super::value::Object;
use crate::api::body;
use crate::api::query;

type Asked = Extension<Service>;

/// Whom an address is about: one of many, or whoever asks.
type Named = Result<Path<String>, axum::extract::rejection::PathRejection>;

fn answered(service: &Service, result: Result<Done, Problem>) -> Response {
    match result {
        Ok(done) => done.answer(service.flavour),
        Err(problem) => problem.answer(service.flavour),
    }
}

fn document(service: &Service, result: Result<Value, Problem>) -> Response {
    match result {
        Ok(document) => Scim(StatusCode::OK, document).into_response(),
        Err(problem) => problem.answer(service.flavour),
    }
}

/// Which type an address is of.
fn kind_of(service: &Service, uri: &Uri) -> ResourceType {
    let rest = uri
        .path()
        .strip_prefix(service.flavour.mount())
        .unwrap_or_default();
    let groups = rest.starts_with(ResourceType::Group.endpoint());
    if groups { ResourceType::Group } else { ResourceType::User }
}

fn id_of(service: &Service, named: Named, uri: &Uri) -> String {
    let own = || {
        service
            .caller
            .account()
            .map(|account| account.id.to_string())
    };
    match named {
        Ok(Path(id)) => id,
        Err(_) if uri.path().ends_with("/Me") => own().unwrap_or_default(),
        // What is no text is nobody's id.
        Err(_) => String::new(),
    }
}

async fn object(service: &Service, headers: &HeaderMap, sent: Body) -> Result<Object, Problem> {
    check_type(headers, service.flavour)?;
    Ok(body::object_within(sent, false, MAX_BYTES).await?)
}

pub(super) async fn service_provider_config(Extension(service): Asked) -> Response {
    document(&service, Ok(discovery::service_provider_config(service.flavour)))
}

/// Nobody filters these, so that no client takes part of them for all.
fn unfiltered(query: Option<&str>) -> Result<(), Problem> {
    match query::value(query.unwrap_or_default(), "filter") {
        Some(_) => Err(Problem::forbidden("this is not filtered: read all of it")),
        None => Ok(()),
    }
}

pub(super) async fn resource_types(
    Extension(service): Asked,
    RawQuery(query): RawQuery,
) -> Response {
    let all = unfiltered(query.as_deref()).map(|()| discovery::resource_types(service.flavour));
    document(&service, all)
}

pub(super) async fn resource_type(Extension(service): Asked, Path(name): Path<String>) -> Response {
    document(&service, discovery::resource_type(service.flavour, &name))
}

pub(super) async fn schemas(Extension(service): Asked, RawQuery(query): RawQuery) -> Response {
    let all = unfiltered(query.as_deref()).map(|()| discovery::schemas(service.flavour));
    document(&service, all)
}

pub(super) async fn schema(Extension(service): Asked, Path(urn): Path<String>) -> Response {
    document(&service, discovery::schema_of(service.flavour, &urn))
}

pub(super) async fn list(
    Extension(service): Asked,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query::read(&query.unwrap_or_default(), service.flavour);
    let found = match query {
        Ok(query) => service.list(kind_of(&service, &uri), &query).await,
        Err(problem) => Err(problem),
    };
    document(&service, found)
}

async fn asked(service: &Service, headers: &HeaderMap, sent: Body) -> Result<Query, Problem> {
    Query::of_body(&object(service, headers, sent).await?, service.flavour)
}

pub(super) async fn search(
    Extension(service): Asked,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    sent: Body,
) -> Response {
    let found = match asked(&service, &headers, sent).await {
        Ok(query) => service.list(kind_of(&service, &uri), &query).await,
        Err(problem) => Err(problem),
    };
    document(&service, found)
}

pub(super) async fn search_all(
    Extension(service): Asked,
    headers: HeaderMap,
    sent: Body,
) -> Response {
    let found = match asked(&service, &headers, sent).await {
        Ok(query) => service.list_all(&query).await,
        Err(problem) => Err(problem),
    };
    document(&service, found)
}

pub(super) async fn bulk(Extension(service): Asked, headers: HeaderMap, sent: Body) -> Response {
    let done = match object(&service, &headers, sent).await {
        Ok(sent) => service.clone().bulk(&sent).await,
        Err(problem) => Err(problem),
    };
    document(&service, done)
}

pub(super) async fn create(
    Extension(service): Asked,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    sent: Body,
) -> Response {
    let made = async {
        let select = Query::select(&query.unwrap_or_default())?;
        let (kind, sent) = (kind_of(&service, &uri), object(&service, &headers, sent).await?);
        service
            .operate(kind, "", Act::Create(&sent), &Tags::default(), &select)
            .await
    };
    answered(&service, made.await)
}

pub(super) async fn read(
    Extension(service): Asked,
    named: Named,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let id = id_of(&service, named, &uri);
    let done = async {
        let select = Query::select(&query.unwrap_or_default())?;
        let (kind, any) = (kind_of(&service, &uri), Tags::default());
        service.operate(kind, &id, Act::Read, &any, &select).await
    };
    answered(&service, done.await.map(|done| unless_seen(done, &headers)))
}

/// Nothing, for who has it in this version already.
fn unless_seen(done: Done, headers: &HeaderMap) -> Done {
    let seen = Tags::of(headers, IF_NONE_MATCH);
    if done
        .version
        .as_ref()
        .is_some_and(|version| seen.name_tag(version))
    {
        return Done { status: StatusCode::NOT_MODIFIED, body: None, ..done };
    }
    done
}

async fn change(
    service: &Service,
    named: Named,
    uri: &Uri,
    query: Option<String>,
    headers: &HeaderMap,
    sent: Body,
    operation: fn(&Object) -> Act<'_>,
) -> Response {
    let id = id_of(service, named, uri);
    let done = async {
        let select = Query::select(&query.unwrap_or_default())?;
        let (kind, sent) = (kind_of(service, uri), object(service, headers, sent).await?);
        let tags = Tags::of(headers, IF_MATCH);
        service
            .operate(kind, &id, operation(&sent), &tags, &select)
            .await
    };
    answered(service, done.await)
}

pub(super) async fn replace(
    Extension(service): Asked,
    named: Named,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    sent: Body,
) -> Response {
    change(&service, named, &uri, query, &headers, sent, |sent| Act::Replace(sent)).await
}

pub(super) async fn patch(
    Extension(service): Asked,
    named: Named,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    sent: Body,
) -> Response {
    change(&service, named, &uri, query, &headers, sent, |sent| Act::Patch(sent)).await
}

pub(super) async fn delete(
    Extension(service): Asked,
    named: Named,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let (id, tags) = (id_of(&service, named, &uri), Tags::of(&headers, IF_MATCH));
    let (kind, select) = (kind_of(&service, &uri), Default::default());
    let done = service
        .operate(kind, &id, Act::Delete, &tags, &select)
        .await;
    answered(&service, done)
}

pub(super) async fn nothing(Extension(service): Asked) -> Response {
    Problem::not_found("there is nothing at this address").answer(service.flavour)
}

pub(super) async fn other_method(
    Extension(service): Asked,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let rest = uri
        .path()
        .strip_prefix(service.flavour.mount())
        .unwrap_or_default();
    let allowed = match rest {
        "/Bulk" | "/.search" | "/Users/.search" | "/Groups/.search" => "POST",
        "/Users" | "/Groups" => "GET, POST",
        _ if rest.starts_with("/Users/") || rest.starts_with("/Groups/") || rest == "/Me" => {
            "GET, PUT, PATCH, DELETE"
        }
        _ => "GET",
    };
    Problem::method(service.flavour, allowed)
}
