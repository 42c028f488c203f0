//! What a record has to be, to go to somebody else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::transfer::InvalidTransfer;

/// The most conditions on the records of one module.
pub const MAX_CONDITIONS: usize = 20;

/// The longest value of a condition, in bytes.
pub const MAX_VALUE_BYTES: usize = 1000;

/// The longest name of a field, in bytes.
pub const MAX_FIELD_BYTES: usize = 100;

/// Conditions that a record has to fit all of; at least one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Conditions(pub(super) Vec<Condition>);

/// What one field of a record has to be.
///
/// A field is compared as the text that it shows, letter by letter. One without a
/// value is the empty text.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "ConditionForm", into = "ConditionForm")]
pub struct Condition {
    field: String,
    comparison: Comparison,
    value: String,
}

/// How a field is compared with a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is or it is not")]
pub enum Comparison {
    /// It is this value.
    Is,
    /// It is any other, or has none.
    IsNot,
}

// === impl Conditions ===

impl Conditions {
    /// These, all of which a record has to fit.
    ///
    /// # Errors
    ///
    /// If there are none, or more than [`MAX_CONDITIONS`].
    pub fn new(conditions: Vec<Condition>) -> Result<Self, InvalidTransfer> {
        match conditions.len() {
            0 => Err(InvalidTransfer::NoConditions),
            1..=MAX_CONDITIONS => Ok(Self(conditions)),
            _ => Err(InvalidTransfer::TooMany),
        }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Condition> {
        self.0.iter()
    }
}

// === impl Condition ===

impl Condition {
    /// That a field is, or is not, this value.
    ///
    /// # Errors
    ///
    /// If the field's name or the value can't be one. Whether a module has such a
    /// field is for the module to say.
    pub fn new(field: &str, comparison: Comparison, value: &str) -> Result<Self, InvalidTransfer> {
        let named = (1..=MAX_FIELD_BYTES).contains(&field.len());
        if !named || field.chars().any(char::is_control) {
            return Err(InvalidTransfer::Field);
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(InvalidTransfer::Value);
        }
        Ok(Self { field: field.to_owned(), comparison, value: value.to_owned() })
    }

    /// The field's name.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// How it is compared.
    pub const fn comparison(&self) -> Comparison {
        self.comparison
    }

    /// What it is compared with.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a field that has this value fits; `None` is no value.
    pub fn fits(&self, value: Option<&str>) -> bool {
        let is = value.unwrap_or_default() == self.value;
        match self.comparison {
            Comparison::Is => is,
            Comparison::IsNot => !is,
        }
    }
}

/// `status is open` and `status is not open`; nothing after it is no value.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.comparison {
            Comparison::Is => "is",
            Comparison::IsNot => "is not",
        };
        write!(f, "{} {word} {}", self.field, self.value)
    }
}

/// Reads what people write: `status is open`. A value that begins with `not ` can
/// only be written as JSON.
impl FromStr for Condition {
    type Err = InvalidTransfer;

    fn from_str(text: &str) -> Result<Self, InvalidTransfer> {
        let text = text.trim_start();
        let (field, rest) = match text.split_once(" is ") {
            Some((field, rest)) => (field, rest),
            None => (
                text.strip_suffix(" is")
                    .ok_or(InvalidTransfer::Comparison)?,
                "",
            ),
        };
        match rest.strip_prefix("not ") {
            Some(value) => Self::new(field, Comparison::IsNot, value),
            None if rest == "not" => Self::new(field, Comparison::IsNot, ""),
            None => Self::new(field, Comparison::Is, rest),
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ConditionForm {
    field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_not: Option<String>,
}

impl TryFrom<ConditionForm> for Condition {
    type Error = InvalidTransfer;

    fn try_from(form: ConditionForm) -> Result<Self, InvalidTransfer> {
        match (form.is, form.is_not) {
            (Some(value), None) => Self::new(&form.field, Comparison::Is, &value),
            (None, Some(value)) => Self::new(&form.field, Comparison::IsNot, &value),
            _ => Err(InvalidTransfer::Comparison),
        }
    }
}

impl From<Condition> for ConditionForm {
    fn from(condition: Condition) -> Self {
        let Condition { field, comparison, value } = condition;
        match comparison {
            Comparison::Is => Self { field, is: Some(value), is_not: None },
            Comparison::IsNot => Self { field, is: None, is_not: Some(value) },
        }
    }
}
