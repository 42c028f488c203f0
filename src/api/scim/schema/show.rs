//! Schemas and resource types as clients read them.

use serde_json::{Value, json};

use super::{Attribute, Kind, Mutability, ResourceType, Returned, Schema};
use crate::api::scim::flavour::Flavour;

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Boolean => "boolean",
            Self::Complex => "complex",
            Self::DateTime => "dateTime",
            Self::Integer => "integer",
            Self::Reference(_) => "reference",
            Self::String => "string",
        }
    }
}

impl Attribute {
    fn to_json(&self) -> Value {
        let mut shown = json!({
            "name": self.name,
            "type": self.kind.word(),
            "multiValued": self.many,
            "description": self.words,
            "required": self.required,
            "mutability": match self.mutability {
                Mutability::Immutable => "immutable",
                Mutability::ReadOnly => "readOnly",
                Mutability::ReadWrite => "readWrite",
                Mutability::WriteOnly => "writeOnly",
            },
            "returned": match self.returned {
                Returned::Always => "always",
                Returned::Default => "default",
                Returned::Never => "never",
                Returned::Request => "request",
            },
        });
        if self.kind == Kind::Complex {
            shown["subAttributes"] = self.subs.iter().map(Self::to_json).collect();
        } else {
            shown["caseExact"] = self.exact.into();
            shown["uniqueness"] = if self.unique { "server" } else { "none" }.into();
        }
        if let Kind::Reference(to) = self.kind {
            shown["referenceTypes"] = json!(to);
        }
        if !self.canonical.is_empty() {
            shown["canonicalValues"] = json!(self.canonical);
        }
        shown
    }
}

impl Schema {
    pub(in crate::api::scim) fn to_json(&self, flavour: Flavour) -> Value {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": self.urn,
            "name": self.name,
            "description": self.words,
            "attributes": self.attributes.iter().map(Attribute::to_json).collect::<Value>(),
            "meta": {
                "resourceType": "Schema",
                "location": format!("{}/Schemas/{}", flavour.mount(), self.urn),
            },
        })
    }
}

impl ResourceType {
    pub(in crate::api::scim) fn to_json(self, flavour: Flavour) -> Value {
        let extension = |schema: &&Schema| json!({ "schema": schema.urn, "required": false });
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": self.name(),
            "name": self.name(),
            "endpoint": self.endpoint(),
            "description": self.schema().words,
            "schema": self.schema().urn,
            "schemaExtensions": self.extensions(flavour).iter().map(extension).collect::<Value>(),
            "meta": {
                "resourceType": "ResourceType",
                "location": format!("{}/ResourceTypes/{}", flavour.mount(), self.name()),
            },
        })
    }
}
