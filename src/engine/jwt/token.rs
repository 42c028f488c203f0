//! Reads a token and says what it is worth, by its issuer's keys and the clock.
//!
//! What costs little is looked at first: whatever has a wrong form or is over needs
//! no signature. Nothing of an unsigned token leaves this file.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Jwts;
use super::account::{JwtAccount, Named};
use super::issuer::JwtIssuer;
use super::keys::Signed;
use crate::domain::session::SessionKey;
use crate::domain::time::Timestamp;

/// What a valid token says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Verified {
    /// The hash of what was signed: the same whatever form the signature has.
    pub(super) key: SessionKey,
    pub(super) account: Named,
    pub(super) issued_at: Timestamp,
    /// With the leeway in it.
    pub(super) expires_at: Timestamp,
    pub(super) scopes: Option<Vec<String>>,
}

/// Why a token is not taken. The client is not told: only the log is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    Account,
    Audience,
    Claims,
    Form,
    Header,
    Issuer,
    /// Over, or not yet begun.
    NotNow,
    Scope,
    Signature,
    Times,
}

impl Flaw {
    /// Whether it will still have it later.
    pub(super) fn is_lasting(self) -> bool {
        self != Self::NotNow
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Audience => "audience",
            Self::Claims => "claims",
            Self::Form => "form",
            Self::Header => "header",
            Self::Issuer => "issuer",
            Self::NotNow => "not-now",
            Self::Scope => "scope",
            Self::Signature => "signature",
            Self::Times => "times",
        }
    }
}

impl Jwts {
    /// What a token says, if it is worth anything now.
    pub(super) fn verify(&self, token: &[u8], now: Timestamp) -> Result<Verified, Flaw> {
        let parts = Parts::of(token).ok_or(Flaw::Form)?;
        let header = Header::read(parts.header).ok_or(Flaw::Header)?;
        let claims = Claims::read(parts.claims).ok_or(Flaw::Claims)?;
        let issuer = self.issuer_of(&claims).ok_or(Flaw::Issuer)?;
        if !claims.is_for(&issuer.audience) {
            return Err(Flaw::Audience);
        }
        let times = claims.times(issuer.leeway).ok_or(Flaw::Times)?;
        if !times.include(now) {
            return Err(Flaw::NotNow);
        }
        let signed = parts.signed(&header).ok_or(Flaw::Signature)?;
        let tried = || {
            self.signatures.fetch_add(1, Ordering::Relaxed);
        };
        if !issuer.keys.verify(&signed, tried) {
            return Err(Flaw::Signature);
        }
        Ok(Verified {
            key: SessionKey::from_bytes(Sha256::digest(parts.message).into()),
            account: claims.account(issuer).ok_or(Flaw::Account)?,
            issued_at: times.issued_at,
            expires_at: times.until,
            scopes: claims.scopes().ok_or(Flaw::Scope)?,
        })
    }

    fn issuer_of(&self, claims: &Claims) -> Option<&JwtIssuer> {
        let name = claims.text("iss")?;
        self.issuers.iter().find(|issuer| issuer.name() == name)
    }
}

/// A token, taken apart at its dots.
struct Parts<'a> {
    header: &'a [u8],
    claims: &'a [u8],
    signature: &'a [u8],
    /// What the signature is about.
    message: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(token: &'a [u8]) -> Option<Self> {
        let last = memchr::memrchr(b'.', token)?;
        let (message, signature) = (&token[..last], &token[last + 1..]);
        let first = memchr::memchr(b'.', message)?;
        let (header, claims) = (&message[..first], &message[first + 1..]);
        Some(Self { header, claims, signature, message })
    }

    fn signed<'h>(&self, header: &'h Header) -> Option<Signed<'h>>
    where
        'a: 'h,
    {
        Some(Signed {
            algorithm: header.algorithm()?,
            kid: header.kid.as_deref(),
            message: self.message,
            signature: decoded(self.signature)?,
        })
    }
}

/// Exactly one text is each part: no padding, no spare bits.
fn decoded(part: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// What a header says. Names that are there twice are no header.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default)]
    crit: There,
    #[serde(default)]
    jku: There,
    #[serde(default)]
    jwk: There,
    #[serde(default)]
    x5u: There,
    #[serde(default)]
    x5c: There,
    #[serde(default)]
    b64: There,
    #[serde(default)]
    enc: There,
    #[serde(default)]
    zip: There,
}

/// Whether a name is there, with whatever value, null included.
#[derive(Clone, Copy, Default)]
struct There(bool);

impl<'de> Deserialize<'de> for There {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|IgnoredAny| Self(true))
    }
}

impl Header {
    fn read(part: &[u8]) -> Option<Self> {
        let header: Self = serde_json::from_slice(&decoded(part)?).ok()?;
        (header.is_of_a_token() && !header.asks_for_more()).then_some(header)
    }

    /// Other kinds of tokens (of sign-outs, proofs, security events) may be signed
    /// with the same keys.
    fn is_of_a_token(&self) -> bool {
        let Some(typ) = &self.typ else { return true };
        let typ = typ.to_ascii_lowercase();
        matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
    }

    fn asks_for_more(&self) -> bool {
        let Self { crit, jku, jwk, x5u, x5c, b64, enc, zip, .. } = self;
        [crit, jku, jwk, x5u, x5c, b64, enc, zip]
            .iter()
            .any(|name| name.0)
    }

    fn algorithm(&self) -> Option<Algorithm> {
        self.alg.parse().ok()
    }
}

/// What a token claims.
struct Claims(Map<String, Value>);

/// From when until when a token is taken.
struct Times {
    issued_at: Timestamp,
    from: Timestamp,
    until: Timestamp,
}

impl Times {
    fn include(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

impl Claims {
    fn read(part: &[u8]) -> Option<Self> {
        serde_json::from_slice(&decoded(part)?).ok().map(Self)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn is_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one == audience),
            _ => false,
        }
    }

    /// None of these may lie in the future but the end. Without `iat` nobody could
    /// say whether a lock came before the token or after it.
    fn times(&self, leeway: Duration) -> Option<Times> {
        let issued_at = self.instant("iat")?;
        let not_before = match self.0.contains_key("nbf") {
            true => self.instant("nbf")?,
            false => issued_at,
        };
        Some(Times {
            issued_at,
            from: issued_at.max(not_before).before(leeway),
            until: self.instant("exp")?.after(leeway),
        })
    }

    /// A `NumericDate`, which may have a fraction.
    fn instant(&self, name: &str) -> Option<Timestamp> {
        let number = self.0.get(name)?.as_number()?;
        let secs = number
            .as_i64()
            .or_else(|| number.as_f64().map(|secs| secs.floor() as i64))?;
        (secs >= 0).then_some(Timestamp::from_secs(secs))
    }

    fn account(&self, issuer: &JwtIssuer) -> Option<Named> {
        let unverified = self
            .0
            .get("email_verified")
            .is_some_and(|said| *said != true);
        if issuer.account == JwtAccount::Email && unverified {
            return None;
        }
        issuer.account.read(self.0.get(&issuer.claim)?)
    }

    /// What the token is for, where it says so (RFC 9068; `scp` with others). The
    /// outer nothing is a claim that can't be read.
    fn scopes(&self) -> Option<Option<Vec<String>>> {
        let words = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect();
        match self.0.get("scope").or_else(|| self.0.get("scp")) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(words(text))),
            Some(Value::Array(list)) => {
                let list = list.iter().map(|word| word.as_str().map(str::to_owned));
                Some(Some(list.collect::<Option<_>>()?))
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::engine::jwt::{JwtKeys, JwtSessions};

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn jwts() -> Jwts {
        let keys = JwtKeys::secret(&[7; 32]).expect("a long secret");
        JwtSessions::from_issuer(JwtIssuer::new("us", "them", keys)).into()
    }

    fn part(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    proptest! {
        /// Property: whatever is in the parts, nobody is named without the key.
        #[test]
        fn nothing_unsigned_names_anybody(
            header in r#"\{"alg":"(HS256|none|RS256)"(,"(kid|typ)":"[a-zA-Z+]{0,8}")?\}|.{0,40}"#,
            claims in r#"\{"iss":"us","aud":"them","sub":"1","iat":1,"exp":[0-9.e]{1,9}\}|.{0,60}"#,
            signature in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let (header, claims) = (part(header.as_bytes()), part(claims.as_bytes()));
            let token = format!("{header}.{claims}.{}", part(&signature));
            prop_assert!(jwts().verify(token.as_bytes(), NOW).is_err());
        }

        /// Property: any bytes are refused, and nothing panics.
        #[test]
        fn bytes_are_refused(token in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(jwts().verify(&token, NOW).is_err());
        }

        /// Property: times are read whole or not at all, in seconds rounded down,
        /// and never below zero.
        #[test]
        fn times_are_seconds(
            number in prop_oneof![
                any::<i64>().prop_map(|n| json!(n)),
                any::<u64>().prop_map(|n| json!(n)),
                any::<f64>().prop_map(|n| json!(n)),
                "[0-9]{1,10}".prop_map(|text| json!(text)),
            ],
        ) {
            let claims = Claims(Map::from_iter([("exp".to_owned(), number.clone())]));
            let read = claims.instant("exp").map(Timestamp::floor_secs);
            prop_assert_eq!(read.is_some(), number.as_f64().is_some_and(|secs| secs >= 0.0));
            if let (Some(read), Some(exact)) = (read, number.as_f64()) {
                let latest = Timestamp::from_micros(i64::MAX).floor_secs() as f64;
                let difference = (read as f64 - exact.floor().min(latest)).abs();
                prop_assert!(difference <= 1.0, "{read} for {number}");
            }
        }
    }
}
