//! Filters: `userName eq "bob" and not (emails[type eq "work"] pr)`.

mod parse;
mod store;
mod takes;

use std::fmt;

use serde_json::Value;

use super::flavour::Flavour;
use super::path::{self, Place};
use super::problem::Problem;
use super::schema::{Attribute, Kind, ResourceType};

pub(super) use self::parse::{attribute_path, parse, split_path};
pub(super) use self::store::{for_groups, for_users, id_of, time_of};
pub(super) use self::takes::compare;

/// A filter over what `P` names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter<P> {
    And(Box<Self>, Box<Self>),
    Compare(P, Operator, Value),
    Not(Box<Self>),
    Or(Box<Self>, Box<Self>),
    Present(P),
    /// One of several that all of this holds for.
    Within(P, Box<Self>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Begins,
    Contains,
    Ends,
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    NotEqual,
}

impl Operator {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Begins, "sw"),
        (Self::Contains, "co"),
        (Self::Ends, "ew"),
        (Self::Equal, "eq"),
        (Self::Greater, "gt"),
        (Self::GreaterOrEqual, "ge"),
        (Self::Less, "lt"),
        (Self::LessOrEqual, "le"),
        (Self::NotEqual, "ne"),
    ];

    fn named(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, name)| name.eq_ignore_ascii_case(word))
            .map(|(operator, _)| operator)
    }

    fn word(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(own, _)| *own == self)
            .map_or("", |(_, name)| name)
    }

    const fn is_of_texts(self) -> bool {
        matches!(self, Self::Begins | Self::Contains | Self::Ends)
    }

    const fn is_of_order(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual)
    }
}

/// What is compared: an attribute of a resource, or one inside another's value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) extension: Option<&'static str>,
    /// The complex attribute that it is in.
    pub(super) outer: Option<&'static Attribute>,
    pub(super) leaf: &'static Attribute,
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.path() == other.path()
    }
}

impl Target {
    /// Its name, without a schema's.
    pub(super) fn path(&self) -> String {
        match self.outer {
            Some(outer) => format!("{}.{}", outer.name, self.leaf.name),
            None => self.leaf.name.to_owned(),
        }
    }

    fn of(place: Place) -> Result<Self, Problem> {
        let unfit = || Problem::filter("a filter compares attributes, not whole schemas");
        let attribute = place.attribute.ok_or_else(unfit)?;
        let extension = place.extension.map(|schema| schema.urn);
        Ok(match place.sub {
            Some(leaf) => Self { extension, outer: Some(attribute), leaf },
            None => Self { extension, outer: None, leaf: attribute },
        })
    }

    /// The same, or what stands for it in a comparison: of something complex, its value.
    fn compared(self) -> Result<Self, Problem> {
        if self.leaf.kind != Kind::Complex {
            return Ok(self);
        }
        let value = self.leaf.sub("value");
        let name = self.leaf.name;
        let leaf = value.ok_or_else(|| Problem::filter(format!("{name} has parts: name one")))?;
        Ok(Self { extension: self.extension, outer: Some(self.leaf), leaf })
    }
}

impl Filter<String> {
    /// The same over the attributes of this type.
    pub(super) fn resolve(
        &self,
        kind: ResourceType,
        flavour: Flavour,
    ) -> Result<Filter<Target>, Problem> {
        let find = |path: &String| {
            let place = path::place(kind, flavour, path);
            Target::of(place.map_err(|problem| Problem::filter(problem.words))?)
        };
        self.map(&find)
    }

    /// The same over what is in values of this attribute.
    pub(super) fn within(&self, outer: &'static Attribute) -> Result<Filter<Target>, Problem> {
        self.map(&|path: &String| {
            let missing = || Problem::filter(format!("{} has no {path}", outer.name));
            let leaf = outer.sub(path).ok_or_else(missing)?;
            Ok(Target { extension: None, outer: None, leaf })
        })
    }

    fn map(
        &self,
        find: &dyn Fn(&String) -> Result<Target, Problem>,
    ) -> Result<Filter<Target>, Problem> {
        let both =
            |a: &Self, b: &Self| Ok::<_, Problem>((Box::new(a.map(find)?), Box::new(b.map(find)?)));
        Ok(match self {
            Self::And(a, b) => both(a, b).map(|(a, b)| Filter::And(a, b))?,
            Self::Or(a, b) => both(a, b).map(|(a, b)| Filter::Or(a, b))?,
            Self::Not(inner) => Filter::Not(Box::new(inner.map(find)?)),
            Self::Present(path) => Filter::Present(find(path)?),
            Self::Within(path, inner) => {
                let target = find(path)?;
                if target.leaf.kind != Kind::Complex {
                    return Err(Problem::filter(format!("{path} has no parts")));
                }
                Filter::Within(target, Box::new(inner.within(target.leaf)?))
            }
            Self::Compare(path, operator, value) => {
                let target = find(path)?.compared()?;
                let value = literal(target.leaf, *operator, value)?;
                Filter::Compare(target, *operator, value)
            }
        })
    }
}

/// What an attribute is compared with, if that makes sense.
fn literal(attribute: &Attribute, operator: Operator, value: &Value) -> Result<Value, Problem> {
    let (name, word) = (attribute.name, operator.word());
    let nonsense = || Problem::filter(format!("{name} {word} {value} makes no sense"));
    if value.is_null() {
        let asks = matches!(operator, Operator::Equal | Operator::NotEqual);
        return if asks { Ok(Value::Null) } else { Err(nonsense()) };
    }
    match attribute.kind {
        Kind::Boolean if operator.is_of_order() || operator.is_of_texts() => Err(nonsense()),
        Kind::Boolean => match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true.into()),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false.into()),
            _ => Err(nonsense()),
        },
        Kind::Binary if operator.is_of_order() => Err(nonsense()),
        Kind::Integer if value.is_number() && !operator.is_of_texts() => Ok(value.clone()),
        Kind::Integer => Err(nonsense()),
        Kind::DateTime if !operator.is_of_texts() => {
            let text = value.as_str().and_then(time_of);
            text.map(|_| value.clone()).ok_or_else(nonsense)
        }
        Kind::DateTime => Err(nonsense()),
        _ if value.is_string() => Ok(value.clone()),
        _ => Err(nonsense()),
    }
}

/// As it is written.
impl<P: fmt::Display> fmt::Display for Filter<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(a, b) => write!(f, "({a}) and ({b})"),
            Self::Or(a, b) => write!(f, "({a}) or ({b})"),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Within(path, inner) => write!(f, "{path}[{inner}]"),
            Self::Compare(path, operator, value) => write!(f, "{path} {} {value}", operator.word()),
        }
    }
}
