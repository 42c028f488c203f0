//! Somebody who signs tokens, and what is taken from them.

use std::time::Duration;

use super::InvalidJwtSessions;
use super::account::JwtAccount;
use super::source::{JwtKeySource, Source};

/// By how much an issuer's clock may differ from ours at most.
pub const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// By how much it may, where nobody says.
pub(super) const LEEWAY: Duration = Duration::from_secs(10);

/// Somebody who signs tokens: their name, their keys, and whom they may name.
///
/// ```
/// use portcullis::engine::jwt::JwtAccount;
/// use portcullis::{JwtIssuer, JwtKeys};
///
/// # fn issuer(pem: &str) -> Result<JwtIssuer, Box<dyn std::error::Error>> {
/// let issuer = JwtIssuer::new("https://id.example", "shop", JwtKeys::public_pem(pem)?)
///     .names(JwtAccount::Login)
///     .by_claim("preferred_username")
///     .authoritative();
/// # Ok(issuer)
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "give it to JwtSessions"]
pub struct JwtIssuer {
    name: String,
    pub(super) audience: String,
    pub(super) keys: Source,
    pub(super) account: JwtAccount,
    pub(super) claim: String,
    pub(super) leeway: Duration,
    authoritative: bool,
}

impl JwtIssuer {
    /// Tokens with this text as `iss`, for this service as (one of) their `aud`,
    /// signed with one of these keys: [`JwtKeys`](crate::JwtKeys) that are known, or
    /// [`PublishedJwtKeys`](crate::PublishedJwtKeys). The claim `sub` is the account's
    /// number.
    pub fn new(
        iss: impl Into<String>,
        aud: impl Into<String>,
        keys: impl Into<JwtKeySource>,
    ) -> Self {
        Self {
            name: iss.into(),
            audience: aud.into(),
            keys: keys.into().0,
            account: JwtAccount::default(),
            claim: "sub".to_owned(),
            leeway: LEEWAY,
            authoritative: false,
        }
    }

    /// What the claim says of an account. Default: [`JwtAccount::Number`].
    pub fn names(mut self, account: JwtAccount) -> Self {
        self.account = account;
        self
    }

    /// The claim that names the account. Default: `sub`.
    ///
    /// Choose one that nobody can change for themselves at the issuer.
    pub fn by_claim(mut self, claim: impl Into<String>) -> Self {
        self.claim = claim.into();
        self
    }

    /// This issuer gives out logins and e-mail addresses, and nobody gets somebody
    /// else's from it: it may name people by them.
    pub fn authoritative(mut self) -> Self {
        self.authoritative = true;
        self
    }

    /// By how much the issuer's clock may differ from ours: so much longer is a
    /// token taken. Default: 10 seconds; at most [`MAX_LEEWAY`].
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn check(&self, has_directory: bool) -> Result<(), InvalidJwtSessions> {
        let issuer = self.name.clone();
        if issuer.is_empty() {
            Err(InvalidJwtSessions::NoIssuer)
        } else if self.audience.is_empty() {
            Err(InvalidJwtSessions::NoAudience { issuer })
        } else if self.claim.is_empty() {
            Err(InvalidJwtSessions::NoClaim { issuer })
        } else if self.leeway > MAX_LEEWAY {
            Err(InvalidJwtSessions::LeewayTooLong { issuer })
        } else if self.account.is_chosen() && !self.authoritative {
            Err(InvalidJwtSessions::NotAuthoritative { issuer })
        } else if self.account.is_chosen() && !has_directory {
            Err(InvalidJwtSessions::NoDirectory { issuer })
        } else if matches!(&self.keys, Source::Published(keys) if !keys.may_be_of(&issuer)) {
            Err(InvalidJwtSessions::OtherIssuersKeys { issuer })
        } else {
            Ok(())
        }
    }
}
