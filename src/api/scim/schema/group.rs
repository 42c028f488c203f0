//! Groups of people.

use super::core::link;
use super::{Attribute, Mutability, Schema};

const MEMBERS: &[Attribute] = &[
    Attribute::text("value", "The member's id").exact().mutability(Mutability::Immutable),
    link("$ref", &["User"]),
    Attribute::text("type", "What the member is")
        .mutability(Mutability::Immutable)
        .canonical(&["User"]),
    Attribute::text("display", "What the member is called").read_only(),
];

pub(super) const GROUP: Schema = Schema {
    urn: "urn:ietf:params:scim:schemas:core:2.0:Group",
    name: "Group",
    words: "Groups of people",
    attributes: &[
        Attribute::text("displayName", "What the group is called").required(),
        Attribute::complex("members", "Who is in it", MEMBERS).many(),
    ],
};
