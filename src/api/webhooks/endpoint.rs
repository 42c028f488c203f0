//! Where messages go, and how they are signed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ipnet::IpNet;
use sha2::Sha256;

use crate::domain::outbound::OutboundUrl;
use crate::domain::time::Timestamp;

/// The shortest key that is taken, in bytes.
const SHORTEST_KEY: usize = 16;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// A service that is told what happens here.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where it is.
    pub url: OutboundUrl,
    /// What messages to it are signed with.
    pub secret: WebhookSecret,
    /// Which events it is told of, as `user.updated`; all where none is named.
    pub events: Vec<String>,
    /// Networks that are not public, and that it may be in.
    pub networks: Vec<IpNet>,
}

/// What messages are signed with. Never printed by `Debug`.
#[derive(Clone)]
pub struct WebhookSecret(Vec<u8>);

/// Not the form of a secret. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a secret is whsec_ and the base64 of at least {SHORTEST_KEY} bytes")]
pub struct InvalidSecret;

impl Endpoint {
    /// Whether it is told of this event.
    pub fn wants(&self, event: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|wanted| wanted == event)
    }
}

impl WebhookSecret {
    /// Reads `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`; white space around it is no part
    /// of it.
    ///
    /// # Errors
    ///
    /// If it has another form, or is so short that it could be guessed.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        let key = STANDARD.decode(encoded).map_err(|_| InvalidSecret)?;
        if key.len() < SHORTEST_KEY { Err(InvalidSecret) } else { Ok(Self(key)) }
    }

    /// What is written into `svix-signature` of a message that is sent at an instant.
    pub fn sign(&self, id: &str, at: Timestamp, body: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("keys of any length are taken")
        };
        for part in [id, ".", &at.floor_secs().to_string(), ".", body] {
            mac.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the Standard Webhooks specification's libraries.
    #[test]
    fn a_signature_is_as_others_make_it() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = secret.expect("a secret").sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            Timestamp::from_secs(1_614_265_330),
            "{\"test\": 2432232314}",
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    proptest! {
        /// Property: a secret is read exactly when it is the prefix and the base64 of
        /// enough bytes; and it is never printed.
        #[test]
        fn secrets_have_one_form(bytes: Vec<u8>, cut in 0..3_usize) {
            let whole = format!("whsec_{}", STANDARD.encode(&bytes));
            let read = WebhookSecret::parse(&whole);
            prop_assert_eq!(read.is_ok(), bytes.len() >= SHORTEST_KEY);
            prop_assert!(WebhookSecret::parse(&whole[1 + cut..]).is_err());
            if let Ok(secret) = read {
                prop_assert_eq!(format!("{secret:?}"), "WebhookSecret(..)");
            }
        }
    }
}
