//! What another system knows us by.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// What another system knows us by. Never printed.
#[derive(Clone)]
pub struct RemoteCredential(HeaderValue);

/// Why text is no credential. Says nothing of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCredential {
    /// No header can carry it.
    #[error("it is empty or has other than visible ASCII characters")]
    NotVisible,
    /// Basic authentication takes a user and a password.
    #[error("it is not a user and a password with a colon between them")]
    NoPassword,
}

impl RemoteCredential {
    /// A token, sent as `Bearer`. White space around it is no part of it.
    ///
    /// # Errors
    ///
    /// If it is empty, or no header can carry it.
    pub fn bearer(token: &str) -> Result<Self, InvalidCredential> {
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidCredential::NotVisible);
        }
        Self::header(&format!("Bearer {token}"))
    }

    /// A user and a password with a colon between them, sent as `Basic`. White space
    /// around both is no part of them.
    ///
    /// # Errors
    ///
    /// If there is no colon, or no user before it.
    pub fn basic(user_and_password: &str) -> Result<Self, InvalidCredential> {
        let text = user_and_password.trim();
        let user = text.split_once(':').map(|(user, _)| user);
        if user.is_none_or(str::is_empty) {
            return Err(InvalidCredential::NoPassword);
        }
        Self::header(&format!("Basic {}", STANDARD.encode(text)))
    }

    /// A key of OpenProject's API, sent as it wants it: as the password of `apikey`.
    ///
    /// # Errors
    ///
    /// If it is empty, or no header can carry it.
    pub fn api_key(key: &str) -> Result<Self, InvalidCredential> {
        // The same is asked of it as of a token.
        Self::bearer(key)?;
        Self::basic(&format!("apikey:{}", key.trim()))
    }

    fn header(text: &str) -> Result<Self, InvalidCredential> {
        let mut value = HeaderValue::try_from(text).map_err(|_| InvalidCredential::NotVisible)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The value of an `Authorization` header, which is not printed either.
    pub(super) fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for RemoteCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteCredential(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_never_printed() {
        let token = RemoteCredential::bearer(" s3cret\n").expect("a token");
        assert_eq!(token.value().to_str().ok(), Some("Bearer s3cret"));
        assert!(!format!("{token:?} {:?}", token.value()).contains("s3cret"));
        let key = RemoteCredential::api_key("k").expect("a key");
        assert_eq!(key.value().to_str().ok(), Some("Basic YXBpa2V5Oms="));
        for bad in ["", " ", "a b", "ä"] {
            assert!(RemoteCredential::bearer(bad).is_err(), "{bad}");
            assert!(RemoteCredential::api_key(bad).is_err(), "{bad}");
        }
        assert!(RemoteCredential::basic("nobody").is_err());
        assert!(RemoteCredential::basic(":x").is_err());
        assert!(RemoteCredential::basic("admin:pass word").is_ok());
    }
}
