//! Values as the file and the environment give them, and the types they become.

use std::borrow::Cow;
use std::time::Duration;

use toml::de::DeValue;

use crate::admin::settings::{MOST_LICENCES, NO_LIMIT};
use crate::domain::counting::MAX_CEILING;
use crate::domain::length::{read_length, spell_length};
use crate::domain::policy::NO_CEILING;

/// A value before anybody knows what it should be.
#[derive(Clone, Debug)]
pub(super) enum Raw<'a> {
    Text(Cow<'a, str>),
    Integer(Option<u64>),
    Boolean(bool),
    List(Vec<Self>),
    /// Something that no key takes, by its name.
    Other(&'static str),
    /// From the environment, where everything is text.
    Variable(&'a str),
}

impl<'a> Raw<'a> {
    pub(super) fn of(value: &'a DeValue<'a>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(Cow::Borrowed(text)),
            DeValue::Integer(digits) => {
                let plain = digits.as_str().replace('_', "");
                Self::Integer(u64::from_str_radix(&plain, digits.radix()).ok())
            }
            DeValue::Boolean(value) => Self::Boolean(*value),
            DeValue::Array(values) => Self::List(
                values
                    .iter()
                    .map(|value| Self::of(value.get_ref()))
                    .collect(),
            ),
            DeValue::Float(_) => Self::Other("a fraction"),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Table(_) => Self::Other("a section"),
        }
    }

    /// What it is, for people.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Variable(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

/// Why a value is not taken.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It is of another kind.
    Kind(&'static str),
    /// This is wrong with it.
    Because(String),
}

/// What a key can be set to.
pub(super) trait Value: Sized {
    /// What is allowed, with an example.
    fn allowed() -> Cow<'static, str>;
    /// The same for a variable, where some things are written differently.
    fn allowed_in_variable() -> Cow<'static, str> {
        Self::allowed()
    }
    fn read(raw: &Raw<'_>) -> Result<Self, Wrong>;
    /// As it is written in the file; `None` if there is nothing to write.
    fn write(&self) -> Option<String>;
}

/// What is written as a text.
pub(super) trait Text: Sized {
    fn allowed() -> Cow<'static, str>;
    /// The error goes on after the key's name.
    fn parse(text: &str) -> Result<Self, String>;
    fn spell(&self) -> String;
}

impl<T: Text> Value for T {
    fn allowed() -> Cow<'static, str> {
        T::allowed()
    }

    fn read(raw: &Raw<'_>) -> Result<Self, Wrong> {
        let text: &str = match raw {
            Raw::Text(text) => text,
            Raw::Variable(text) => text,
            other => return Err(Wrong::Kind(other.kind())),
        };
        T::parse(text).map_err(Wrong::Because)
    }

    fn write(&self) -> Option<String> {
        Some(quoted(&self.spell()))
    }
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Reads each entry of a list; what is wrong with one names its place.
fn entries<'a, T: Text>(list: impl Iterator<Item = &'a Raw<'a>>) -> Result<Vec<T>, Wrong> {
    let entry = |(at, raw): (usize, &'a Raw<'a>)| {
        T::read(raw).map_err(|wrong| {
            let why = match wrong {
                Wrong::Kind(kind) => format!("is {kind}"),
                Wrong::Because(why) => why,
            };
            Wrong::Because(format!("(entry {}) {why}", at + 1))
        })
    };
    list.enumerate().map(entry).collect()
}

impl<T: Text> Value for Vec<T> {
    fn allowed() -> Cow<'static, str> {
        format!("a list in [ ], each of it {}", T::allowed()).into()
    }

    fn allowed_in_variable() -> Cow<'static, str> {
        format!("a list with commas between, each of it {}", T::allowed()).into()
    }

    fn read(raw: &Raw<'_>) -> Result<Self, Wrong> {
        match raw {
            Raw::List(values) => entries(values.iter()),
            Raw::Variable(text) => {
                let parts: Vec<_> = text
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(Raw::Variable)
                    .collect();
                entries(parts.iter())
            }
            other => Err(Wrong::Kind(other.kind())),
        }
    }

    fn write(&self) -> Option<String> {
        let values: Vec<_> = self.iter().map(|value| quoted(&value.spell())).collect();
        Some(format!("[{}]", values.join(", ")))
    }
}

/// What need not be said.
impl<T: Value> Value for Option<T> {
    fn allowed() -> Cow<'static, str> {
        T::allowed()
    }

    fn allowed_in_variable() -> Cow<'static, str> {
        T::allowed_in_variable()
    }

    fn read(raw: &Raw<'_>) -> Result<Self, Wrong> {
        T::read(raw).map(Some)
    }

    fn write(&self) -> Option<String> {
        self.as_ref().and_then(T::write)
    }
}

impl Value for bool {
    fn allowed() -> Cow<'static, str> {
        "true or false".into()
    }

    fn read(raw: &Raw<'_>) -> Result<Self, Wrong> {
        match raw {
            Raw::Boolean(value) => Ok(*value),
            Raw::Variable("true") => Ok(true),
            Raw::Variable("false") => Ok(false),
            other => Err(Wrong::Kind(other.kind())),
        }
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// A number within bounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Count<const MIN: u64, const MAX: u64>(pub(super) u64);

impl<const MIN: u64, const MAX: u64> Value for Count<MIN, MAX> {
    fn allowed() -> Cow<'static, str> {
        format!("a number from {MIN} to {MAX}").into()
    }

    fn read(raw: &Raw<'_>) -> Result<Self, Wrong> {
        let number = match raw {
            Raw::Integer(number) => *number,
            Raw::Variable(text) => text.parse().ok(),
            other => return Err(Wrong::Kind(other.kind())),
        };
        match number {
            Some(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(Wrong::Because("is out of bounds".to_owned())),
        }
    }

    fn write(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

/// How many consecutive failures lock until somebody unlocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ceiling(pub(super) Option<u32>);

impl Value for Ceiling {
    fn allowed() -> Cow<'static, str> {
        format!("{}, or \"{NO_CEILING}\"", AnyCeiling::allowed()).into()
    }

    fn read(raw: &Raw<'_>) -> Result<Self, Wrong> {
        match raw {
            Raw::Text(text) if text == NO_CEILING => Ok(Self(None)),
            Raw::Variable(text) if *text == NO_CEILING => Ok(Self(None)),
            raw => {
                let count = AnyCeiling::read(raw)?.0;
                Ok(Self(u32::try_from(count).ok()))
            }
        }
    }

    fn write(&self) -> Option<String> {
        Some(
            self.0
                .map_or_else(|| quoted(NO_CEILING), |count| count.to_string()),
        )
    }
}

type AnyCeiling = Count<1, { MAX_CEILING as u64 }>;

/// How many accounts may use a licence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct LicenceLimit(pub(super) Option<u64>);

impl LicenceLimit {
    /// As the setting has it.
    pub(super) fn setting(self) -> String {
        self.0
            .map_or_else(|| NO_LIMIT.to_owned(), |limit| limit.to_string())
    }
}

impl Value for LicenceLimit {
    fn allowed() -> Cow<'static, str> {
        format!("{}, or \"{NO_LIMIT}\"", AnyLimit::allowed()).into()
    }

    fn read(raw: &Raw<'_>) -> Result<Self, Wrong> {
        match raw {
            Raw::Text(text) if text == NO_LIMIT => Ok(Self(None)),
            Raw::Variable(text) if *text == NO_LIMIT => Ok(Self(None)),
            raw => Ok(Self(Some(AnyLimit::read(raw)?.0))),
        }
    }

    fn write(&self) -> Option<String> {
        Some(
            self.0
                .map_or_else(|| quoted(NO_LIMIT), |limit| limit.to_string()),
        )
    }
}

type AnyLimit = Count<1, MOST_LICENCES>;

/// A number of bytes within bounds, written with its unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Size<const MIN: u64, const MAX: u64>(pub(super) u64);

/// Names of sizes, largest first.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

fn spell_size(bytes: u64) -> String {
    let fits = |(_, size): &&(&str, u64)| bytes != 0 && bytes.is_multiple_of(*size);
    let (unit, size) = SIZES.iter().find(fits).unwrap_or(&("B", 1));
    format!("{}{unit}", bytes / size)
}

fn read_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(end);
    let (_, size) = SIZES.iter().find(|(name, _)| *name == unit.trim())?;
    digits.parse::<u64>().ok()?.checked_mul(*size)
}

impl<const MIN: u64, const MAX: u64> Text for Size<MIN, MAX> {
    fn allowed() -> Cow<'static, str> {
        let (min, max) = (spell_size(MIN), spell_size(MAX));
        format!("a size from \"{min}\" to \"{max}\", as in \"32KiB\"").into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        match read_size(text).ok_or("is not a size with its unit")? {
            bytes if (MIN..=MAX).contains(&bytes) => Ok(Self(bytes)),
            _ => Err("is out of bounds".to_owned()),
        }
    }

    fn spell(&self) -> String {
        spell_size(self.0)
    }
}

/// A length of time between bounds in seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Length<const MIN: u64, const MAX: u64>(pub(super) Duration);

impl<const MIN: u64, const MAX: u64> Length<MIN, MAX> {
    pub(super) const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }
}

impl<const MIN: u64, const MAX: u64> Text for Length<MIN, MAX> {
    fn allowed() -> Cow<'static, str> {
        let [min, max] = [MIN, MAX].map(|secs| spell_length(Duration::from_secs(secs)));
        format!("a length of time from \"{min}\" to \"{max}\", as in \"15m\" or \"1h30m\"").into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let length = read_length(text);
        let length = length.ok_or("is not a length of time with its unit")?;
        let bounds = Duration::from_secs(MIN)..=Duration::from_secs(MAX);
        if bounds.contains(&length) { Ok(Self(length)) } else { Err("is out of bounds".to_owned()) }
    }

    fn spell(&self) -> String {
        spell_length(self.0)
    }
}
