//! Applications: programs that come with rights of their own, and nobody's account.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::domain::session::{SessionKey, SessionToken};
use crate::domain::time::Timestamp;

/// What every application's secret begins with, so that people and scanners know one.
pub const SECRET_PREFIX: &str = "pcs_";

/// The public name of an application: its `client_id`, and what the audit log calls it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String")]
pub struct ApplicationId(u64);

impl ApplicationId {
    /// The name that these random bytes make.
    pub const fn from_random(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<ApplicationId> for String {
    fn from(id: ApplicationId) -> Self {
        id.to_string()
    }
}

impl FromStr for ApplicationId {
    type Err = InvalidApplicationId;

    /// Reads exactly the text that is written: an application has one name.
    fn from_str(hex: &str) -> Result<Self, InvalidApplicationId> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if hex.len() != 16 || !hex.bytes().all(digit) {
            return Err(InvalidApplicationId);
        }
        let number = u64::from_str_radix(hex, 16);
        number.map(Self).map_err(|_| InvalidApplicationId)
    }
}

/// Not the id of an application.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an id of an application has 16 hexadecimal digits in lower case")]
pub struct InvalidApplicationId;

/// What an application proves itself with: `pcs_` and 43 characters of base64url.
///
/// Never printed by `Debug`. Only its [`SessionKey`] is stored.
#[derive(Clone)]
pub struct ApplicationSecret(SessionToken);

impl ApplicationSecret {
    /// The secret of these random bytes. They must come from the operating system:
    /// whoever can guess them is the application.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(SessionToken::from_random(bytes))
    }

    /// Reads what a client sent, if it has a secret's form.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let secret = text.strip_prefix(SECRET_PREFIX.as_bytes())?;
        SessionToken::parse(secret).map(Self)
    }

    /// The text that the holder gets, once. A secret.
    pub fn expose(&self) -> String {
        format!("{SECRET_PREFIX}{}", self.0.expose())
    }

    /// What is stored instead: the hash of the 43 characters. They are 256 random
    /// bits, so a plain hash is enough, and nobody guesses them however often they try.
    pub fn key(&self) -> SessionKey {
        self.0.key()
    }
}

impl fmt::Debug for ApplicationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApplicationSecret(..)")
    }
}

/// A program that comes with rights of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Application {
    /// Its `client_id`.
    pub id: ApplicationId,
    /// What people call it.
    pub name: String,
    /// The hash of its secret.
    pub secret: SessionKey,
    /// What it may do at most.
    pub scopes: Vec<String>,
    /// Whether it is let in.
    pub enabled: bool,
    /// Who made it, as the audit log names them.
    pub made_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last came, to the minute.
    pub last_used_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: an id reads back, and is read only as it is written.
        #[test]
        fn an_id_is_one_text(bytes: [u8; 8], text in "[0-9a-fA-F]{14,18}|[0-9a-f+ ]{16}") {
            let id = ApplicationId::from_random(bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            if let Ok(read) = text.parse::<ApplicationId>() {
                prop_assert_eq!(read.to_string(), text);
            }
        }

        /// Property: a secret is read exactly when it has the prefix and a session
        /// token's form, reads back as it was sent, and is not printed.
        #[test]
        fn only_the_form_is_read(
            bytes: [u8; 32],
            text in "(pcs_|PCS_|pct_|)[A-Za-z0-9_-]{42,44}|[ -~]{0,60}",
        ) {
            let secret = ApplicationSecret::from_random(bytes);
            let read = ApplicationSecret::parse(secret.expose().as_bytes()).expect("its own text");
            prop_assert_eq!(read.key(), secret.key());
            prop_assert_eq!(format!("{secret:?}"), "ApplicationSecret(..)");
            let token = text.strip_prefix(SECRET_PREFIX);
            let form = token.and_then(|token| SessionToken::parse(token.as_bytes()));
            let read = ApplicationSecret::parse(text.as_bytes());
            prop_assert_eq!(read.is_some(), form.is_some());
            if let Some(read) = read {
                prop_assert_eq!(read.expose(), text);
            }
        }
    }
}
