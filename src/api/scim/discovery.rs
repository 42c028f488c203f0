//! What a client finds out first: what there is and what is done here.

use serde_json::{Value, json};

use super::bulk::{MAX_BYTES, MAX_OPERATIONS};
use super::flavour::Flavour;
use super::problem::Problem;
use super::schema::{self, ResourceType};

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// What is done here, and how much of it.
pub(super) fn service_provider_config(flavour: Flavour) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": {
            "supported": true, "maxOperations": MAX_OPERATIONS, "maxPayloadSize": MAX_BYTES,
        },
        "filter": { "supported": true, "maxResults": flavour.max_page() },
        "changePassword": { "supported": true },
        "sort": { "supported": flavour.has_sort_and_tags() },
        "etag": { "supported": flavour.has_sort_and_tags() },
        "authenticationSchemes": schemes(flavour),
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{}/ServiceProviderConfig", flavour.mount()),
        },
    })
}

fn schemes(flavour: Flavour) -> Value {
    let bearer = json!({
        "type": "oauthbearertoken",
        "name": "OAuth Bearer Token",
        "description": "A token that `portcullis token create` makes, as a bearer",
        "specUri": "https://www.rfc-editor.org/info/rfc6750",
        "primary": true,
    });
    let basic = json!({
        "type": "httpbasic",
        "name": "HTTP Basic",
        "description": "The same token, as the password of the user apikey",
        "specUri": "https://www.rfc-editor.org/info/rfc7617",
    });
    if flavour.is_wso2() { json!([bearer, basic]) } else { json!([bearer]) }
}

fn list(resources: &[Value]) -> Value {
    json!({
        "schemas": [LIST],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

pub(super) fn resource_types(flavour: Flavour) -> Value {
    list(&ResourceType::ALL.map(|kind| kind.to_json(flavour)))
}

pub(super) fn resource_type(flavour: Flavour, name: &str) -> Result<Value, Problem> {
    let mut all = ResourceType::ALL.into_iter();
    let found = all.find(|kind| kind.name() == name);
    let found = found.ok_or_else(|| Problem::not_found("there is no such resource type"))?;
    Ok(found.to_json(flavour))
}

pub(super) fn schemas(flavour: Flavour) -> Value {
    let all = schema::all(flavour).into_iter();
    let shown: Vec<Value> = all.map(|schema| schema.to_json(flavour)).collect();
    list(&shown)
}

pub(super) fn schema_of(flavour: Flavour, urn: &str) -> Result<Value, Problem> {
    let found = schema::all(flavour)
        .into_iter()
        .find(|schema| schema.urn.eq_ignore_ascii_case(urn));
    let found = found.ok_or_else(|| Problem::not_found("there is no such schema"))?;
    Ok(found.to_json(flavour))
}
