//! What became of each operation, as clients read it.

use serde_json::{Value, json};

use super::Outcome;
use crate::api::scim::flavour::Flavour;

const URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

pub(super) fn document(flavour: Flavour, outcomes: &[Outcome]) -> Value {
    let each: Vec<Value> = outcomes
        .iter()
        .map(|outcome| said(flavour, outcome))
        .collect();
    json!({ "schemas": [URN], "Operations": each })
}

fn said(flavour: Flavour, outcome: &Outcome) -> Value {
    let mut said = json!({ "method": outcome.one.method });
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            said[name] = value;
        }
    };
    set("bulkId", outcome.one.bulk_id.clone().map(Value::from));
    let (status, response) = match &outcome.result {
        Ok(done) => {
            set("location", done.location.clone().map(Value::from));
            set(
                "version",
                done.version
                    .clone()
                    .filter(|_| !flavour.is_wso2())
                    .map(Value::from),
            );
            (done.status, None)
        }
        Err(problem) => (problem.status, Some(problem.document(flavour))),
    };
    if flavour.is_wso2() {
        set("status", Some(json!({ "code": status.as_u16() })));
        // A document in a text, and there always.
        let text = response.map_or_else(String::new, |response| response.to_string());
        set("response", Some(text.into()));
    } else {
        set("status", Some(status.as_u16().to_string().into()));
        set("response", response);
    }
    said
}
