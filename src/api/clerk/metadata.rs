//! What applications keep of a user: merged, or replaced kind by kind.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::HeaderMap;
use serde_json::{Map, Value};

use super::document::{Document, METADATA};
use super::draft::keep;
use super::fault::Fault;
use super::json::Json;
use super::users::{Named, change, find};
use super::{check_type, fields};
use crate::admin::{Admin, Caller, PersonChange};
use crate::api::body;
use crate::domain::operation::Operation;

pub(super) async fn merge(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    headers: HeaderMap,
    sent: Body,
) -> Result<Json, Fault> {
    apply(&admin, &caller, named, &headers, sent, |document, kind, value| {
        match value {
            // Null takes away, here as below.
            Value::Null => document.replace_metadata(kind, Map::new()),
            value => document.merge_metadata(kind, &fields::object(kind, value)?),
        }
        Ok(())
    })
    .await
}

pub(super) async fn replace(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    headers: HeaderMap,
    sent: Body,
) -> Result<Json, Fault> {
    apply(&admin, &caller, named, &headers, sent, |document, kind, value| {
        document.replace_metadata(kind, fields::object(kind, value)?);
        Ok(())
    })
    .await
}

async fn apply(
    admin: &Admin,
    caller: &Caller,
    named: Named,
    headers: &HeaderMap,
    sent: Body,
    with: impl Fn(&mut Document, &str, &Value) -> Result<(), Fault>,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::UpdateUser)?;
    check_type(headers)?;
    let account = find(admin, named).await?;
    let sent = body::object(sent, true).await?;
    change(admin, caller, account, |account| {
        let mut document = Document::of(account);
        for (kind, value) in &sent {
            if !METADATA.contains(&kind.as_str()) {
                return Err(Fault::unknown_param(kind));
            }
            with(&mut document, kind, value)?;
        }
        let mut change = PersonChange::default();
        keep(&mut change, account, &document)?;
        Ok(change)
    })
    .await
}
