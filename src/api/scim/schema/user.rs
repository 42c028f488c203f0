//! People.

use super::core::{ADDRESSES, CERTIFICATES, EMAILS, IMS, PHONES, PHOTOS, PLURAL};
use super::{Attribute, Kind, Mutability, Returned, Schema};

const NAME: &[Attribute] = &[
    Attribute::text("formatted", "The whole name, as it is shown"),
    Attribute::text("familyName", "The last part of the name"),
    Attribute::text("givenName", "The first part of the name"),
    Attribute::text("middleName", "What stands between them"),
    Attribute::text("honorificPrefix", "What stands before the name"),
    Attribute::text("honorificSuffix", "What stands after the name"),
];

const GROUPS: &[Attribute] = &[
    Attribute::text("value", "The group's id")
        .exact()
        .read_only(),
    Attribute::new("$ref", "Where it is", Kind::Reference(&["Group"])).read_only(),
    Attribute::text("display", "What it is called").read_only(),
    Attribute::text("type", "How they are in it")
        .read_only()
        .canonical(&["direct"]),
];

pub(super) const USER: Schema = Schema {
    urn: "urn:ietf:params:scim:schemas:core:2.0:User",
    name: "User",
    words: "People",
    attributes: &[
        Attribute::text("userName", "What the person types to sign in")
            .required()
            .unique(),
        Attribute::complex("name", "The parts of the name", NAME),
        Attribute::text("displayName", "The name as it is shown"),
        Attribute::text("nickName", "What friends call them"),
        Attribute::new("profileUrl", "Their page", Kind::Reference(&["external"])),
        Attribute::text("title", "Their title"),
        Attribute::text("userType", "How they belong to the organization"),
        Attribute::text("preferredLanguage", "The language that they read"),
        Attribute::text("locale", "How numbers and dates are written for them"),
        Attribute::text("timezone", "Their time zone"),
        Attribute::flag("active", "Whether they may come in; false disables the account"),
        Attribute::text("password", "Their password, which is never shown")
            .exact()
            .mutability(Mutability::WriteOnly)
            .returned(Returned::Never),
        Attribute::complex("emails", "E-mail addresses", EMAILS).many(),
        Attribute::complex("phoneNumbers", "Telephone numbers", PHONES).many(),
        Attribute::complex("ims", "Addresses for messages", IMS).many(),
        Attribute::complex("photos", "Pictures", PHOTOS).many(),
        Attribute::complex("addresses", "Postal addresses", ADDRESSES).many(),
        Attribute::complex("groups", "The groups that they are in", GROUPS)
            .many()
            .read_only(),
        Attribute::complex("entitlements", "What they are entitled to", PLURAL).many(),
        Attribute::complex("roles", "Their roles elsewhere", PLURAL).many(),
        Attribute::complex("x509Certificates", "Their certificates", CERTIFICATES).many(),
    ],
};
