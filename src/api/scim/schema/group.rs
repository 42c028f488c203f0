//! Groups of people.

use super::core::link;
use super::{Attribute, Mutability, Returned, Schema};

const MEMBERS: &[Attribute] = &[
    Attribute::text("value", "The member's id")
        .exact()
        .mutability(Mutability::Immutable),
    link("$ref", &["User"]),
    Attribute::text("type", "What the member is")
        .mutability(Mutability::Immutable)
        .canonical(&["User"]),
    // As the standard's own schema has it, which has no more: clients compare what they
    // sent with what they get.
    Attribute::text("display", "What the member is called")
        .read_only()
        .returned(Returned::Request),
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
