//! Sessions: the token that a client holds, and what is stored of it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::account::AccountKey;
use crate::domain::device::DeviceId;
use crate::domain::standing::Generation;
use crate::domain::time::Timestamp;

/// A secret that opens a session: 32 random bytes, written in base64url.
///
/// Never printed by `Debug`. Only its [`SessionKey`] is stored.
#[derive(Clone)]
pub struct SessionToken([u8; Self::LEN]);

impl SessionToken {
    /// How many characters a token has.
    pub const LEN: usize = 43;

    /// The token of these random bytes. They must come from the operating
    /// system: whoever can guess them is signed in.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        let mut text = [0; Self::LEN];
        for (at, digit) in text.iter_mut().enumerate() {
            *digit = ALPHABET[six_bits(&bytes, at)];
        }
        Self(text)
    }

    /// Reads what a client sent, if it has a token's form.
    ///
    /// Exactly one text is each token: the two spare bits at the end are zero.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text: [u8; Self::LEN] = text.try_into().ok()?;
        let alphabet = text
            .iter()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'));
        let canonical = b"AEIMQUYcgkosw048".contains(&text[Self::LEN - 1]);
        (alphabet && canonical).then_some(Self(text))
    }

    /// The text that the client gets. A secret.
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// What is stored instead of the token.
    pub fn key(&self) -> SessionKey {
        SessionKey(Sha256::digest(self.0).into())
    }

    /// What is stored instead of the token of a session in the console: another key than
    /// the same text has elsewhere, so that neither opens the other.
    pub fn key_of_console(&self) -> SessionKey {
        let digest = Sha256::new().chain_update(b"console:");
        SessionKey(digest.chain_update(self.0).finalize().into())
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The `at`th group of six bits; what lies past the end is zero.
fn six_bits(bytes: &[u8; 32], at: usize) -> usize {
    let bit = at * 6;
    let byte = |i: usize| u16::from(bytes.get(i).copied().unwrap_or(0));
    let pair = byte(bit / 8) << 8 | byte(bit / 8 + 1);
    usize::from(pair >> (10 - bit % 8) & 0x3f)
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

/// The SHA-256 of a token: what is stored of it. Does not open a session.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// The key with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this is that key. Takes as long wherever they differ.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The public name of the session.
    pub fn id(&self) -> SessionId {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0[..16]);
        SessionId(u128::from_be_bytes(half))
    }

    /// Sixty-four hexadecimal digits.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads what [`SessionKey::to_hex`] wrote.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({}..)", self.id())
    }
}

/// The public name of a session: for lists and logs, and to end it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String")]
pub struct SessionId(u128);

impl SessionId {
    /// The number itself.
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    fn from_str(hex: &str) -> Result<Self, InvalidSessionId> {
        let digits = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let number = digits.then(|| u128::from_str_radix(hex, 16).ok()).flatten();
        number.map(Self).ok_or(InvalidSessionId)
    }
}

/// Not the id of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an id of a session or token has 32 hexadecimal digits")]
pub struct InvalidSessionId;

/// A session as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// The hash of its token.
    pub key: SessionKey,
    /// Whose it is.
    pub account: AccountKey,
    /// The account's generation when it was opened.
    pub generation: Generation,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// Where it was opened from.
    pub opened_from: Option<String>,
    /// The program that opened it, as it called itself.
    pub user_agent: Option<String>,
    /// The known device that it was signed in on, if it was one.
    pub device: Option<DeviceId>,
    /// Whether it was opened in the console, and is worth nothing elsewhere.
    pub console: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let token = SessionToken::from_random([7; 32]);
        assert_eq!(format!("{token:?}"), "SessionToken(..)");
        assert!(!format!("{:?}", token.key()).contains(&token.key().to_hex()));
    }

    #[test]
    fn the_text_is_base64url() {
        let zero = SessionToken::from_random([0; 32]);
        assert_eq!(zero.expose(), "A".repeat(43));
        let ones = SessionToken::from_random([0xff; 32]);
        assert_eq!(ones.expose(), format!("{}8", "_".repeat(42)));
    }

    proptest! {
        /// Property: a token reads back, and no other text is the same token.
        #[test]
        fn one_text_is_one_token(bytes: [u8; 32], at in 0..43usize, with: u8) {
            let token = SessionToken::from_random(bytes);
            let text = token.expose().to_owned();
            let read = SessionToken::parse(text.as_bytes()).expect("its own text");
            prop_assert_eq!(read.key(), token.key());

            let mut other = text.clone().into_bytes();
            other[at] = with;
            if let Some(other) = SessionToken::parse(&other) {
                prop_assert_eq!(other.key() == token.key(), other.expose() == text);
            }
        }

        /// Property: what has not the form is nothing, whatever it is.
        #[test]
        fn only_the_form_is_read(text in proptest::collection::vec(any::<u8>(), 0..90)) {
            if let Some(token) = SessionToken::parse(&text) {
                prop_assert_eq!(token.expose().as_bytes(), text.as_slice());
            }
        }

        #[test]
        fn keys_and_names_read_back(bytes: [u8; 32]) {
            let key = SessionKey::from_bytes(bytes);
            prop_assert_eq!(SessionKey::from_hex(&key.to_hex()), Some(key));
            prop_assert_eq!(key.id().to_string().parse(), Ok(key.id()));
            prop_assert!(key.to_hex().starts_with(&key.id().to_string()));
        }

        /// Property: hexadecimal digits are read whole or not at all, and mean
        /// what they say.
        #[test]
        fn only_hexadecimal_digits_are_read(text in "[0-9a-fA-F]{62,66}|[0-9a-f+ -]{64}|[0-9a-f+]{30,34}") {
            let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
            let key = SessionKey::from_hex(&text);
            prop_assert_eq!(key.is_some(), digits && text.len() == 64);
            if let Some(key) = key {
                prop_assert_eq!(key.to_hex(), text.to_ascii_lowercase());
            }
            let id = text.parse::<SessionId>();
            prop_assert_eq!(id.is_ok(), digits && text.len() == 32);
            if let Ok(id) = id {
                prop_assert_eq!(id.to_string(), text.to_ascii_lowercase());
            }
        }
    }
}
