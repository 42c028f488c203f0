//! What enterprises keep of people.

use super::{Attribute, Kind, Schema};

const MANAGER: &[Attribute] = &[
    Attribute::text("value", "The manager's id").exact(),
    Attribute::new("$ref", "Where the manager is", Kind::Reference(&["User"])),
    Attribute::text("displayName", "What the manager is called").read_only(),
];

pub(in crate::api::scim) const ENTERPRISE: Schema = Schema {
    urn: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    name: "EnterpriseUser",
    words: "What enterprises keep of people",
    attributes: &[
        Attribute::text("employeeNumber", "Their number in the organization"),
        Attribute::text("costCenter", "Their cost centre"),
        Attribute::text("organization", "Their organization"),
        Attribute::text("division", "Their division"),
        Attribute::text("department", "Their department"),
        Attribute::complex("manager", "Whom they report to", MANAGER),
    ],
};
