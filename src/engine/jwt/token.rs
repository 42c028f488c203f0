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

use super::account::{JwtAccount, Named};
use super::effort::{Busy, Whence};
use super::issuer::JwtIssuer;
use super::keys::{Signed, Verdict};
use super::ring::Ring;
use super::{Jwts, KeysOf};
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
pub(crate) enum Flaw {
    Account,
    Audience,
    /// Too many others were looked at: nobody looked at it.
    Busy,
    Claims,
    Form,
    Header,
    Issuer,
    /// None of the issuer's keys of now made its signature.
    Key,
    /// Nobody can say whether it is worth anything: the issuer can't be asked for
    /// its keys.
    KeysUnknown,
    /// Over, or not yet begun.
    NotNow,
    Scope,
    Signature,
    Times,
}

impl Flaw {
    /// Whether it will still have it later.
    pub(super) fn is_lasting(self) -> bool {
        !matches!(self, Self::Busy | Self::Key | Self::KeysUnknown | Self::NotNow)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Audience => "audience",
            Self::Busy => "busy",
            Self::Claims => "claims",
            Self::Form => "form",
            Self::Header => "header",
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::KeysUnknown => "keys-unknown",
            Self::NotNow => "not-now",
            Self::Scope => "scope",
            Self::Signature => "signature",
            Self::Times => "times",
        }
    }
}

impl From<Busy> for Flaw {
    fn from(Busy: Busy) -> Self {
        Self::Busy
    }
}

/// Why a token is not taken at once.
enum Refused<'a> {
    For(Flaw),
    /// By no key that is known: others may be asked for.
    NoKey(&'a Ring),
}

impl From<Flaw> for Refused<'_> {
    fn from(flaw: Flaw) -> Self {
        Self::For(flaw)
    }
}

impl Jwts {
    /// What a token says, if it is worth anything now. Waits for a turn, and for its
    /// issuer's keys where none that is known made its signature.
    pub(super) async fn verify(
        &self,
        token: &[u8],
        now: Timestamp,
        whence: Whence,
    ) -> Result<Verified, Flaw> {
        match self.verify_in_turn(token, now, whence).await {
            Ok(verified) => return Ok(verified),
            Err(Refused::For(flaw)) => return Err(flaw),
            Err(Refused::NoKey(ring)) => {
                let _place = self.effort.place_for_keys(whence)?;
                ring.ask_again().await;
            }
        }
        let again = self.verify_in_turn(token, now, whence).await;
        again.map_err(|refused| match refused {
            Refused::For(flaw) => flaw,
            Refused::NoKey(ring) if ring.is_heard() => Flaw::Key,
            Refused::NoKey(_) => Flaw::KeysUnknown,
        })
    }

    async fn verify_in_turn(
        &self,
        token: &[u8],
        now: Timestamp,
        whence: Whence,
    ) -> Result<Verified, Refused<'_>> {
        let turn = self.effort.turn(whence).await;
        let _turn = turn.map_err(Flaw::from)?;
        self.verify_now(token, now)
    }

    fn verify_now(&self, token: &[u8], now: Timestamp) -> Result<Verified, Refused<'_>> {
        let opened = Opened::of(token)?;
        let (issuer, keys) = self.issuer_of(&opened.claims).ok_or(Flaw::Issuer)?;
        if !opened.claims.is_for(&issuer.audience) {
            return Err(Flaw::Audience.into());
        }
        let times = opened.times(issuer.leeway, now)?;
        let signed = opened.signed()?;
        let tried = || {
            self.signatures.fetch_add(1, Ordering::Relaxed);
        };
        match keys {
            KeysOf::Given(keys) => given(keys.verify(&signed, tried))?,
            KeysOf::Published(ring) => {
                let keys = ring.keys().ok_or(Refused::NoKey(ring))?;
                match keys.verify(&signed, tried) {
                    Verdict::Signed => {}
                    // Another set may have another key of that name.
                    Verdict::Forged => return Err(Flaw::Key.into()),
                    Verdict::ByNoKey => return Err(Refused::NoKey(ring)),
                }
            }
        }
        Ok(opened.verified(issuer, &times)?)
    }

    fn issuer_of(&self, claims: &Claims) -> Option<(&JwtIssuer, &KeysOf)> {
        let name = claims.text("iss")?;
        let mut issuers = self.issuers.iter();
        let (issuer, keys) = issuers.find(|(issuer, _)| issuer.name() == name)?;
        Some((issuer, keys))
    }
}

pub(super) fn given(verdict: Verdict) -> Result<(), Flaw> {
    if verdict == Verdict::Signed { Ok(()) } else { Err(Flaw::Signature) }
}

/// A token whose parts can be read. Nothing of them is worth anything yet.
pub(super) struct Opened<'a> {
    parts: Parts<'a>,
    header: Header,
    pub(super) claims: Claims,
}

impl<'a> Opened<'a> {
    pub(super) fn of(token: &'a [u8]) -> Result<Self, Flaw> {
        let parts = Parts::of(token).ok_or(Flaw::Form)?;
        let header = Header::read(parts.header).ok_or(Flaw::Header)?;
        let claims = Claims::read(parts.claims).ok_or(Flaw::Claims)?;
        Ok(Self { parts, header, claims })
    }

    /// From when until when it is taken, if that is now.
    pub(super) fn times(&self, leeway: Duration, now: Timestamp) -> Result<Times, Flaw> {
        let times = self.claims.times(leeway).ok_or(Flaw::Times)?;
        if times.include(now) { Ok(times) } else { Err(Flaw::NotNow) }
    }

    pub(super) fn signed(&self) -> Result<Signed<'_>, Flaw> {
        self.parts.signed(&self.header).ok_or(Flaw::Signature)
    }

    /// What it says, once its signature is found good.
    fn verified(&self, issuer: &JwtIssuer, times: &Times) -> Result<Verified, Flaw> {
        Ok(Verified {
            key: SessionKey::from_bytes(Sha256::digest(self.parts.message).into()),
            account: self.claims.account(issuer).ok_or(Flaw::Account)?,
            issued_at: times.issued_at,
            expires_at: times.until,
            scopes: self.claims.scopes().ok_or(Flaw::Scope)?,
        })
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
        let json = decoded(part)?;
        // What is a list is none, although its entries could be read as fields.
        let is_object = json.trim_ascii_start().starts_with(b"{");
        let header: Self = serde_json::from_slice(&json).ok().filter(|_| is_object)?;
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
pub(super) struct Claims(Map<String, Value>);

/// From when until when a token is taken.
pub(super) struct Times {
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

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn is_for(&self, audience: &str) -> bool {
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
    pub(super) fn instant(&self, name: &str) -> Option<Timestamp> {
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
        let sessions = JwtSessions::from_issuer(JwtIssuer::new("us", "them", keys));
        Jwts::new(&sessions, None).expect("keys that are there")
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
            prop_assert!(jwts().verify_now(token.as_bytes(), NOW).is_err());
        }

        /// Property: any bytes are refused, and nothing panics.
        #[test]
        fn bytes_are_refused(token in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(jwts().verify_now(&token, NOW).is_err());
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
