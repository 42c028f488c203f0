//! Attributes as data: what `/Schemas` says, what is taken, what may be written, what
//! is shown and how filters compare all follow from it.

mod core;
mod enterprise;
mod group;
mod show;
mod user;
mod wso2;

use super::flavour::Flavour;

pub(super) use self::core::COMMON;
pub(super) use self::enterprise::ENTERPRISE;
pub(super) use self::wso2::WSO2_URN;

/// What an attribute's values are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Binary,
    Boolean,
    Complex,
    DateTime,
    Integer,
    /// To one of these.
    Reference(&'static [&'static str]),
    String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mutability {
    Immutable,
    ReadOnly,
    ReadWrite,
    WriteOnly,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Returned {
    Always,
    Default,
    Never,
    Request,
}

/// One attribute, with those in it.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) words: &'static str,
    pub(super) kind: Kind,
    pub(super) many: bool,
    pub(super) required: bool,
    pub(super) exact: bool,
    pub(super) unique: bool,
    pub(super) mutability: Mutability,
    pub(super) returned: Returned,
    pub(super) canonical: &'static [&'static str],
    pub(super) subs: &'static [Self],
}

/// Attributes that belong together.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) urn: &'static str,
    pub(super) name: &'static str,
    pub(super) words: &'static str,
    pub(super) attributes: &'static [Attribute],
}

/// What there is: users or groups.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ResourceType {
    Group,
    User,
}

impl Attribute {
    const fn new(name: &'static str, words: &'static str, kind: Kind) -> Self {
        Self {
            name,
            words,
            kind,
            many: false,
            required: false,
            exact: matches!(kind, Kind::Binary | Kind::Reference(_)),
            unique: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            canonical: &[],
            subs: &[],
        }
    }

    const fn text(name: &'static str, words: &'static str) -> Self {
        Self::new(name, words, Kind::String)
    }

    const fn flag(name: &'static str, words: &'static str) -> Self {
        Self::new(name, words, Kind::Boolean)
    }

    const fn complex(name: &'static str, words: &'static str, subs: &'static [Self]) -> Self {
        Self { subs, ..Self::new(name, words, Kind::Complex) }
    }

    const fn many(self) -> Self {
        Self { many: true, ..self }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn exact(self) -> Self {
        Self { exact: true, ..self }
    }

    const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    const fn mutability(self, mutability: Mutability) -> Self {
        Self { mutability, ..self }
    }

    const fn read_only(self) -> Self {
        self.mutability(Mutability::ReadOnly)
    }

    const fn returned(self, returned: Returned) -> Self {
        Self { returned, ..self }
    }

    const fn canonical(self, canonical: &'static [&'static str]) -> Self {
        Self { canonical, ..self }
    }

    /// The attribute in it of this name.
    pub(super) fn sub(&self, name: &str) -> Option<&'static Self> {
        named(self.subs, name)
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.mutability == Mutability::ReadOnly
    }
}

/// Names are compared ignoring case.
fn named(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes
        .iter()
        .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

impl Schema {
    pub(super) fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        named(self.attributes, name)
    }
}

impl ResourceType {
    pub(super) const ALL: [Self; 2] = [Self::User, Self::Group];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Group => "Group",
            Self::User => "User",
        }
    }

    /// Where they are, below a mount.
    pub(super) const fn endpoint(self) -> &'static str {
        match self {
            Self::Group => "/Groups",
            Self::User => "/Users",
        }
    }

    pub(super) const fn schema(self) -> &'static Schema {
        match self {
            Self::Group => &group::GROUP,
            Self::User => &user::USER,
        }
    }

    pub(super) const fn extensions(self, flavour: Flavour) -> &'static [&'static Schema] {
        match (self, flavour) {
            (Self::Group, _) => &[],
            (Self::User, Flavour::Strict) => &[&ENTERPRISE, &wso2::STRICT],
            (Self::User, Flavour::Wso2) => &[&ENTERPRISE, &wso2::OWN],
        }
    }

    /// The attribute at the top of this name, also one that all have.
    pub(super) fn attribute(self, name: &str) -> Option<&'static Attribute> {
        self.schema()
            .attribute(name)
            .or_else(|| named(COMMON, name))
    }

    /// The extension of this URN; URNs are compared ignoring case.
    pub(super) fn extension(self, flavour: Flavour, urn: &str) -> Option<&'static Schema> {
        let mut all = self.extensions(flavour).iter();
        all.find(|schema| schema.urn.eq_ignore_ascii_case(urn))
            .copied()
    }
}

/// Every schema of a mount, once.
pub(super) fn all(flavour: Flavour) -> Vec<&'static Schema> {
    let mut schemas = Vec::new();
    for kind in ResourceType::ALL {
        schemas.push(kind.schema());
        schemas.extend(kind.extensions(flavour));
    }
    schemas
}
