//! Whom a claim names.

use serde_json::Value;

use crate::domain::account::AccountKey;

/// What an issuer's claim says of an account: one thing, by exact text.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum JwtAccount {
    /// Its number: in our directory, or a source's. A text of digits, or a number.
    #[default]
    Number,
    /// Its UUID at the source, in lower case with hyphens.
    Uuid,
    /// Its text at the source.
    Text,
    /// Its login in the directory, in the directory's spelling. Only of an issuer that
    /// is [authoritative](crate::JwtIssuer::authoritative).
    Login,
    /// Its primary e-mail address in the directory, as it is written there. Only of
    /// an issuer that is [authoritative](crate::JwtIssuer::authoritative); a
    /// token that calls the address unverified names nobody, nor does an address
    /// that is somebody's login.
    Email,
}

/// Somebody whom a token names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Named {
    Key(AccountKey),
    Login(String),
    Email(String),
}

impl JwtAccount {
    /// Whether whoever may choose it at the issuer could choose somebody else's.
    pub(super) const fn is_chosen(self) -> bool {
        matches!(self, Self::Login | Self::Email)
    }

    /// Whom this claim names, if it has the form.
    pub(super) fn read(self, claim: &Value) -> Option<Named> {
        if let (Self::Number, Value::Number(number)) = (self, claim) {
            return Some(Named::Key(AccountKey::integer(number.as_i64()?)));
        }
        let text = claim.as_str().filter(|text| !text.is_empty())?;
        let tagged = |kind: &str| format!("{kind}:{text}").parse::<AccountKey>().ok();
        match self {
            // One text is each number and each UUID: what reads back differently is none.
            Self::Number => tagged("i")
                .filter(|key| key.to_string() == text)
                .map(Named::Key),
            Self::Uuid => tagged("u")
                .filter(|key| key.to_string() == text)
                .map(Named::Key),
            Self::Text => AccountKey::text(text).ok().map(Named::Key),
            Self::Login => Some(Named::Login(text.to_owned())),
            Self::Email => Some(Named::Email(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KEYS: [JwtAccount; 3] = [JwtAccount::Number, JwtAccount::Uuid, JwtAccount::Text];

    #[test]
    fn exactly_one_text_is_a_number_or_a_uuid() {
        let number = Some(Named::Key(AccountKey::integer(42)));
        assert_eq!(JwtAccount::Number.read(&json!("42")), number);
        assert_eq!(JwtAccount::Number.read(&json!(42)), number);
        for other in ["042", "+42", " 42", "42 ", "0x2a", "４２", "42.0", "4_2", "", "alice"] {
            assert_eq!(JwtAccount::Number.read(&json!(other)), None, "{other:?}");
        }
        assert_eq!(JwtAccount::Number.read(&json!(42.0)), None);
        let uuid = "abababab-abab-abab-abab-abababababab";
        let key = Named::Key(AccountKey::uuid([0xab; 16]));
        assert_eq!(JwtAccount::Uuid.read(&json!(uuid)), Some(key));
        for other in [uuid.to_uppercase(), uuid.replace('-', ""), format!("{{{uuid}}}")] {
            assert_eq!(JwtAccount::Uuid.read(&json!(other)), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_no_text_names_nobody() {
        for claim in [json!(null), json!(true), json!(["42"]), json!({"id": 42}), json!("")] {
            for account in KEYS
                .into_iter()
                .chain([JwtAccount::Login, JwtAccount::Email])
            {
                assert_eq!(account.read(&claim), None, "{claim} as {account:?}");
            }
        }
        assert_eq!(JwtAccount::Text.read(&json!(42)), None);
    }

    proptest! {
        /// Property: a text that names a key is that key's own spelling, and no text
        /// is two people in one mapping.
        #[test]
        fn a_key_is_named_by_its_own_spelling(text in "[0-9]{1,20}|[ +0-9a-f-]{1,36}|.{1,40}") {
            for account in KEYS {
                if let Some(Named::Key(key)) = account.read(&json!(text)) {
                    prop_assert_eq!(key.to_string(), text.clone());
                }
            }
        }
    }
}
