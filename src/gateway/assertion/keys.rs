//! The keys of a directory, made from its secret.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::jwk::{Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::admin::assertion_keys::{AssertionKey, AssertionKeys};
use crate::domain::time::Timestamp;
use crate::store::keyring::Keyring;

/// What P-256's keys are less than (FIPS 186-5; SEC 2, section 2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// What stands before a key of P-256 in the form of PKCS #8, without its public part
/// (RFC 5208 and RFC 5915).
const BEFORE_KEY: [u8; 35] = [
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01,
    0x01, 0x04, 0x20,
];

/// A key that can sign.
pub(super) struct Key {
    pub(super) id: Arc<str>,
    pub(super) private: EncodingKey,
    public: Value,
}

/// Every key that is published.
#[derive(Debug)]
pub(super) struct Ring {
    of: AssertionKeys,
    keys: Vec<Key>,
}

impl Ring {
    pub(super) fn new(
        keyring: &Keyring,
        keys: &AssertionKeys,
    ) -> jsonwebtoken::errors::Result<Self> {
        let made = keys.all().iter().map(|key| Key::new(keyring, key));
        Ok(Self { keys: made.collect::<Result<_, _>>()?, of: keys.clone() })
    }

    /// What it was made from.
    pub(super) const fn of(&self) -> &AssertionKeys {
        &self.of
    }

    /// The key that signs now.
    pub(super) fn signing_at(&self, now: Timestamp) -> Option<&Key> {
        let signing = self.of.signing_at(now)?;
        self.keys.iter().find(|key| *key.id == *signing.id)
    }

    /// The keys that are published now, as a set (RFC 7517, section 5).
    pub(super) fn published(&self, now: Timestamp) -> String {
        let published = self.of.published(now);
        let found = published.filter_map(|one| self.keys.iter().find(|key| *key.id == *one.id));
        let keys: Vec<_> = found.map(|key| key.public.clone()).collect();
        json!({ "keys": keys }).to_string()
    }
}

impl Key {
    fn new(keyring: &Keyring, key: &AssertionKey) -> jsonwebtoken::errors::Result<Self> {
        let private = EncodingKey::from_ec_der(&pkcs8(keyring, key));
        let mut public = Jwk::from_encoding_key(&private, Algorithm::ES256)?;
        public.common.key_id = Some(key.id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        public.common.key_operations = Some(vec![KeyOperations::Verify]);
        let public = serde_json::to_value(&public)?;
        Ok(Self { id: key.id.as_str().into(), private, public })
    }
}

/// The key that follows from the secret and what the directory keeps.
fn pkcs8(keyring: &Keyring, key: &AssertionKey) -> Vec<u8> {
    let mut number = [0; 32];
    // One in four thousand million is no key; that none of 256 is, nobody will see.
    for n in 0..=u8::MAX {
        number = keyring.assertion_number(key.seed(), n);
        if number != [0; 32] && number < ORDER {
            break;
        }
    }
    [&BEFORE_KEY[..], &number].concat()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
