//! The secret of an API token, as its holder gets it.

use std::fmt;

use crate::domain::session::{SessionKey, SessionToken};

/// What every API token begins with, so that people and scanners know one.
pub const TOKEN_PREFIX: &str = "pct_";

/// The secret of an API token: `pct_` and 43 characters of base64url.
///
/// Never printed by `Debug`. Only its [`SessionKey`] is stored.
#[derive(Clone)]
pub struct TokenSecret(SessionToken);

impl TokenSecret {
    /// The secret of these random bytes. They must come from the operating
    /// system: whoever can guess them has the owner's rights.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(SessionToken::from_random(bytes))
    }

    /// Reads what a client sent, if it has a secret's form.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let token = text.strip_prefix(TOKEN_PREFIX.as_bytes())?;
        SessionToken::parse(token).map(Self)
    }

    /// The text that the holder gets, once. A secret.
    pub fn expose(&self) -> String {
        format!("{TOKEN_PREFIX}{}", self.0.expose())
    }

    /// What is stored instead: the hash of the 43 characters.
    pub fn key(&self) -> SessionKey {
        self.0.key()
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_reads_back_and_is_not_printed() {
        let secret = TokenSecret::from_random([7; 32]);
        let text = secret.expose();
        assert!(text.starts_with("pct_"), "{text}");
        assert_eq!(text.len(), 47);
        let read = TokenSecret::parse(text.as_bytes()).expect("its own text");
        assert_eq!(read.key(), secret.key());
        assert!(TokenSecret::parse(&text.as_bytes()[4..]).is_none());
        assert_eq!(format!("{secret:?}"), "TokenSecret(..)");
    }

    proptest! {
        /// Property: a secret is read exactly when it has the prefix and a
        /// session token's form, and reads back as it was sent.
        #[test]
        fn only_the_form_is_read(text in "(pct_|PCT_|pct|)[A-Za-z0-9_-]{42,44}|[ -~]{0,60}") {
            let token = text.strip_prefix(TOKEN_PREFIX);
            let form = token.and_then(|token| SessionToken::parse(token.as_bytes()));
            let read = TokenSecret::parse(text.as_bytes());
            prop_assert_eq!(read.is_some(), form.is_some());
            if let Some(read) = read {
                prop_assert_eq!(read.expose(), text);
            }
        }
    }
}
