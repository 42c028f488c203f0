//! People: what the engine knows an account by, and the directory's record.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::lock::Locks;
use crate::domain::login::Login;
use crate::domain::permission::Permissions;
use crate::domain::profile::Profile;
use crate::domain::standing::{Generation, Lifecycle, Standing, Version};
use crate::domain::time::Timestamp;

/// The longest text that may serve as an [`AccountKey`], in bytes.
pub const MAX_KEY_BYTES: usize = 255;

/// An account's number in our directory, the same in every interface.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct AccountId(i64);

impl AccountId {
    /// The number itself, 1 or more.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for AccountId {
    type Error = InvalidKey;

    fn try_from(number: i64) -> Result<Self, InvalidKey> {
        if number > 0 { Ok(Self(number)) } else { Err(InvalidKey::NotPositive) }
    }
}

impl From<AccountId> for i64 {
    fn from(id: AccountId) -> Self {
        id.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the engine knows an account by: an opaque id of its source.
///
/// An integer, a UUID or a text are three kinds: the text `"42"` and the
/// integer 42 are different accounts, so that no mapping falls through from one
/// way of naming people to another.
///
/// Cheap to clone.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountKey(Repr);

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Repr {
    Integer(i64),
    Text(Arc<str>),
    Uuid([u8; 16]),
}

impl AccountKey {
    /// The key of an account whose source numbers its people.
    pub const fn integer(number: i64) -> Self {
        Self(Repr::Integer(number))
    }

    /// The key of an account by a UUID's sixteen bytes, in network order.
    pub const fn uuid(bytes: [u8; 16]) -> Self {
        Self(Repr::Uuid(bytes))
    }

    /// The key of an account by any other text; compared byte by byte.
    ///
    /// # Errors
    ///
    /// If the text is empty or longer than [`MAX_KEY_BYTES`].
    pub fn text(text: &str) -> Result<Self, InvalidKey> {
        match text.len() {
            0 => Err(InvalidKey::Empty),
            1..=MAX_KEY_BYTES => Ok(Self(Repr::Text(text.into()))),
            bytes => Err(InvalidKey::TooLong { bytes }),
        }
    }

    /// The number, where the source numbers its people.
    pub const fn as_integer(&self) -> Option<i64> {
        match self.0 {
            Repr::Integer(number) => Some(number),
            Repr::Text(_) | Repr::Uuid(_) => None,
        }
    }

    /// The text, where the source knows its people by one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Repr::Text(text) => Some(text),
            Repr::Integer(_) | Repr::Uuid(_) => None,
        }
    }

    /// A UUID's sixteen bytes, where the source knows its people by one.
    pub const fn as_uuid(&self) -> Option<[u8; 16]> {
        match self.0 {
            Repr::Uuid(bytes) => Some(bytes),
            Repr::Integer(_) | Repr::Text(_) => None,
        }
    }

    /// The number in our directory, where this is such a key.
    pub fn account_id(&self) -> Option<AccountId> {
        match self.0 {
            Repr::Integer(number) => AccountId::try_from(number).ok(),
            Repr::Text(_) | Repr::Uuid(_) => None,
        }
    }
}

impl From<AccountId> for AccountKey {
    fn from(id: AccountId) -> Self {
        Self::integer(id.get())
    }
}

impl From<i64> for AccountKey {
    fn from(number: i64) -> Self {
        Self::integer(number)
    }
}

/// The source's own spelling of the id: it may name two kinds alike, so use
/// [`AccountKey::to_tagged`] where it is read back.
impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Integer(number) => number.fmt(f),
            Repr::Text(text) => f.write_str(text),
            Repr::Uuid(bytes) => write_uuid(bytes, f),
        }
    }
}

fn write_uuid(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

impl AccountKey {
    /// A text that [`AccountKey::from_str`] reads back as the same key.
    pub fn to_tagged(&self) -> String {
        let kind = match self.0 {
            Repr::Integer(_) => 'i',
            Repr::Text(_) => 't',
            Repr::Uuid(_) => 'u',
        };
        format!("{kind}:{self}")
    }
}

/// Reads what [`AccountKey::to_tagged`] wrote.
impl FromStr for AccountKey {
    type Err = InvalidKey;

    fn from_str(tagged: &str) -> Result<Self, InvalidKey> {
        match tagged.split_once(':') {
            Some(("i", number)) => number
                .parse()
                .map(Self::integer)
                .map_err(|_| InvalidKey::Malformed),
            Some(("t", text)) => Self::text(text),
            Some(("u", uuid)) => parse_uuid(uuid)
                .map(Self::uuid)
                .ok_or(InvalidKey::Malformed),
            _ => Err(InvalidKey::Malformed),
        }
    }
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let hyphens: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    if hyphens != [8, 13, 18, 23] {
        return None;
    }
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let plain = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    plain
        .then(|| u128::from_str_radix(&digits, 16).ok())
        .flatten()
        .map(u128::to_be_bytes)
}

/// Why a value can't be an account's key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// An empty text names nobody.
    #[error("an account key is not empty")]
    Empty,
    /// Not a form that [`AccountKey::to_tagged`] writes.
    #[error("an account key reads i:NUMBER, t:TEXT or u:UUID")]
    Malformed,
    /// An account number of our directory is 1 or more.
    #[error("an account number is 1 or more")]
    NotPositive,
    /// Longer than any source's ids.
    #[error("an account key has at most {MAX_KEY_BYTES} bytes, not {bytes}")]
    TooLong {
        /// How long it was.
        bytes: usize,
    },
}

/// What is kept of a person beside what they are called and what stands against them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Details {
    /// The first part of the name, where it is kept in parts.
    pub first_name: String,
    /// The last part of the name, where it is kept in parts.
    pub last_name: String,
    /// The language that the person reads, as `en` or `pt-BR`.
    pub language: Option<String>,
    /// Who the person is at an identity provider, as `provider:number`.
    pub identity_url: Option<String>,
    /// What the person may do to other accounts; an administrator may do everything.
    pub permissions: Permissions,
    /// What another system knows the person by: compared byte by byte, and unique
    /// among the accounts that are not deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// What interfaces keep of the person in words of their own, by the interface.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub documents: BTreeMap<String, Value>,
}

/// A person's record in our directory.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Account {
    /// The number, the same in every interface.
    pub id: AccountId,
    /// What the person types to sign in; unique for ever.
    pub login: Login,
    /// The name as people write it; may be empty.
    pub name: String,
    /// The primary e-mail address, unique ignoring case.
    pub email: Option<String>,
    /// Administrators may do everything.
    pub admin: bool,
    /// What else is kept of the person.
    #[serde(flatten)]
    pub details: Details,
    /// Where in its life the account is.
    pub lifecycle: Lifecycle,
    /// What is laid on it.
    pub locks: Locks,
    /// Sessions of another generation are dead.
    pub generation: Generation,
    /// When the generation was last raised; `None` if it never was.
    pub sessions_ended_at: Option<Timestamp>,
    /// Raised by every change; the newer one is right.
    pub version: Version,
    /// Raised by an unlock; failed attempts of an older one are forgotten.
    pub attempts_generation: u64,
    /// Whether a password is set.
    pub has_password: bool,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When the record was last changed.
    pub updated_at: Timestamp,
    /// When the person last signed in.
    pub last_sign_in_at: Option<Timestamp>,
}

impl Account {
    /// What the hot path reads of this account.
    pub fn standing(&self) -> Standing {
        Standing {
            lifecycle: self.lifecycle,
            locks: self.locks.clone(),
            generation: self.generation,
            sessions_ended_at: self.sessions_ended_at,
            version: self.version,
            profile: Some(self.profile()),
        }
    }

    /// When the generation was last raised, if an edit at `now` makes it `after`.
    pub(crate) fn sessions_ended_by(&self, after: &Self, now: Timestamp) -> Option<Timestamp> {
        let raised = self.generation != after.generation;
        if raised { Some(now) } else { self.sessions_ended_at }
    }

    /// Whether it uses a licence: active and locked accounts do; who was disabled, is
    /// deleted or has not come yet uses none.
    pub fn uses_licence(&self) -> bool {
        self.lifecycle == Lifecycle::Active && self.locks.disablement.is_none()
    }

    /// What it is called.
    pub fn profile(&self) -> Profile {
        Profile::new(self.login.as_str()).with_details(&self.name, self.email.as_deref())
    }

    /// What the engine knows this account by.
    pub fn key(&self) -> AccountKey {
        self.id.into()
    }

    /// The first and the last part of the name. A name that is kept in one piece is
    /// parted before its last word, as most people would read it.
    pub fn names(&self) -> (&str, &str) {
        let Details { first_name, last_name, .. } = &self.details;
        if !first_name.is_empty() || !last_name.is_empty() {
            return (first_name, last_name);
        }
        let parts = self.name.trim().rsplit_once(char::is_whitespace);
        parts.map_or((&self.name, ""), |(first, last)| (first.trim_end(), last))
    }

    /// Whether the person is an administrator who can act right now.
    pub fn is_active_admin(&self, now: Timestamp) -> bool {
        self.admin
            && self.lifecycle == Lifecycle::Active
            && self.locks.disablement.is_none()
            && self.locks.admin_lock_at(now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kinds_never_meet() {
        let text = AccountKey::text("42").expect("a short text");
        assert_ne!(text, AccountKey::integer(42));
        assert_eq!(text.to_string(), AccountKey::integer(42).to_string());
    }

    #[test]
    fn a_key_is_read_back_as_its_own_kind_alone() {
        let text = AccountKey::text("42").expect("a short text");
        let (integer, uuid) = (AccountKey::integer(42), AccountKey::uuid([4; 16]));
        let read =
            |key: &AccountKey| (key.as_integer(), key.as_text().map(str::to_owned), key.as_uuid());
        assert_eq!(read(&text), (None, Some("42".to_owned()), None));
        assert_eq!(read(&integer), (Some(42), None, None));
        assert_eq!(read(&uuid), (None, None, Some([4; 16])));
    }

    #[test]
    fn a_uuid_is_spelled_the_usual_way() {
        let key = AccountKey::uuid(*b"0123456789abcdef");
        assert_eq!(key.to_string(), "30313233-3435-3637-3839-616263646566");
    }

    #[test]
    fn refuses_what_names_nobody() {
        assert_eq!(AccountKey::text(""), Err(InvalidKey::Empty));
        let long = "x".repeat(MAX_KEY_BYTES + 1);
        assert_eq!(AccountKey::text(&long), Err(InvalidKey::TooLong { bytes: 256 }));
        for bad in ["", "i:", "i:x", "t:", "u:1", "42", "x:1"] {
            assert!(bad.parse::<AccountKey>().is_err(), "{bad:?} was read");
        }
        assert_eq!(AccountId::try_from(0), Err(InvalidKey::NotPositive));
    }

    proptest! {
        /// Property: tagging loses nothing and joins no two keys.
        #[test]
        fn tagged_keys_read_back(number: i64, uuid: [u8; 16], text in ".{1,60}") {
            for key in [
                AccountKey::integer(number),
                AccountKey::uuid(uuid),
                AccountKey::text(&text).expect("a short text"),
            ] {
                prop_assert_eq!(key.to_tagged().parse(), Ok(key));
            }
        }
    }
}
