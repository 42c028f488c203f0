//! Tries tokens outside of a gate, with whatever keys: for the program.

use super::carrier::{MAX_TOKEN_BYTES, has_form};
use super::issuer::LEEWAY;
use super::keys::{InvalidJwtKey, JwtKeys, SetFrom, read_set};
use super::token::{Flaw, Opened, given};
use crate::domain::time::Timestamp;

/// What a token is held against.
#[derive(Debug)]
pub(crate) struct JwtTrial {
    keys: JwtKeys,
    issuer: Option<String>,
    audience: Option<String>,
    now: Timestamp,
}

/// What a token says that is worth something.
#[derive(Debug)]
pub(crate) struct Tried {
    /// `sub`, if it is there.
    pub(crate) subject: Option<String>,
    /// Without any leeway.
    pub(crate) expires_at: Timestamp,
}

impl JwtTrial {
    /// Any issuer's tokens, signed with one of the keys of this JWK set, in which
    /// secrets may be.
    pub(crate) fn with_set(set: &[u8], now: Timestamp) -> Result<Self, InvalidJwtKey> {
        let (keys, _) = read_set(set, SetFrom::Tester)?;
        Ok(Self { keys, issuer: None, audience: None, now })
    }

    /// The same, where the tokens have to be of this issuer, and for this service.
    pub(crate) fn of(self, issuer: Option<String>, audience: Option<String>) -> Self {
        Self { issuer, audience, ..self }
    }

    /// What a token is worth: as a gate would say, except that it asks for no
    /// account and, where this names none, for no issuer and no audience.
    pub(crate) fn verify(&self, token: &[u8]) -> Result<Tried, Flaw> {
        if token.len() > MAX_TOKEN_BYTES || !has_form(token) {
            return Err(Flaw::Form);
        }
        let opened = Opened::of(token)?;
        let claims = &opened.claims;
        let is_other = |name: &String| claims.text("iss") != Some(name);
        if self.issuer.as_ref().is_some_and(is_other) {
            return Err(Flaw::Issuer);
        }
        if !self
            .audience
            .as_ref()
            .is_none_or(|name| claims.is_for(name))
        {
            return Err(Flaw::Audience);
        }
        opened.times(LEEWAY, self.now)?;
        given(self.keys.verify(&opened.signed()?, || {}))?;
        let subject = claims.text("sub").map(str::to_owned);
        Ok(Tried { subject, expires_at: claims.instant("exp").ok_or(Flaw::Times)? })
    }
}

impl Flaw {
    /// For whoever has the token in their hands.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Account => "it names no account",
            Self::Audience => "it is for somebody else: its `aud` is another",
            Self::Busy => "nobody looked at it",
            Self::Claims => "its claims can't be read",
            Self::Form => "it is no signed token of three parts, or too long",
            Self::Header => {
                "its header can't be read, is of another kind of token, or brings keys or \
                 extensions"
            }
            Self::Issuer => "it is by somebody else: its `iss` is another",
            Self::Key | Self::Signature => "none of the keys that it can mean made its signature",
            Self::KeysUnknown => "the keys are not known",
            Self::NotNow => "it is over, or has not begun",
            Self::Scope => "its `scope` can't be read",
            Self::Times => "its `iat` or `exp` is not there, or one of its times is no time",
        }
    }
}
