//! What every resource has, and parts that many attributes are made of.

use super::{Attribute, Kind, Mutability, Returned};

/// Attributes that no schema lists, for all have them.
pub(in crate::api::scim) const COMMON: &[Attribute] = &[
    Attribute::text("schemas", "The schemas of what is there")
        .many()
        .exact()
        .returned(Returned::Always),
    Attribute::text("id", "The number, for ever")
        .exact()
        .unique()
        .read_only()
        .returned(Returned::Always),
    Attribute::text("externalId", "What the client knows it by").exact(),
    Attribute::complex("meta", "What is known about it", META).read_only(),
];

const META: &[Attribute] = &[
    Attribute::text("resourceType", "What it is")
        .exact()
        .read_only(),
    Attribute::new("created", "When it was made", Kind::DateTime).read_only(),
    Attribute::new("lastModified", "When it was last changed", Kind::DateTime).read_only(),
    Attribute::new("location", "Where it is", Kind::Reference(&["uri"])).read_only(),
    Attribute::text("version", "Its version, as an entity tag")
        .exact()
        .read_only(),
];

const DISPLAY: Attribute = Attribute::text("display", "What people read");
const TYPE: Attribute = Attribute::text("type", "What it is for");
const PRIMARY: Attribute = Attribute::flag("primary", "Whether it is the preferred one");

/// Something of which somebody has several, of any type.
pub(super) const PLURAL: &[Attribute] =
    &[Attribute::text("value", "The value"), DISPLAY, TYPE, PRIMARY];

macro_rules! plural {
    ($value:expr, $types:expr) => {
        &[$value, DISPLAY, TYPE.canonical($types), PRIMARY]
    };
}

pub(super) const EMAILS: &[Attribute] =
    plural!(Attribute::text("value", "The address"), &["work", "home", "other"]);

pub(super) const PHONES: &[Attribute] = plural!(
    Attribute::text("value", "The number"),
    &["work", "home", "mobile", "fax", "pager", "other"]
);

pub(super) const IMS: &[Attribute] = plural!(
    Attribute::text("value", "The address"),
    &["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"]
);

pub(super) const PHOTOS: &[Attribute] = plural!(
    Attribute::new("value", "Where it is", Kind::Reference(&["external"])),
    &["photo", "thumbnail"]
);

pub(super) const CERTIFICATES: &[Attribute] =
    &[Attribute::new("value", "The certificate, in base64", Kind::Binary), DISPLAY, TYPE, PRIMARY];

pub(super) const ADDRESSES: &[Attribute] = &[
    Attribute::text("formatted", "The address as it is written"),
    Attribute::text("streetAddress", "Street and number"),
    Attribute::text("locality", "City"),
    Attribute::text("region", "State or region"),
    Attribute::text("postalCode", "Postal code"),
    Attribute::text("country", "Country"),
    TYPE.canonical(&["work", "home", "other"]),
    PRIMARY,
];

/// A link to another resource, as it stands in a list.
pub(super) const fn link(name: &'static str, to: &'static [&'static str]) -> Attribute {
    Attribute::new(name, "Where it is", Kind::Reference(to)).mutability(Mutability::Immutable)
}
