//! What comes of a sign-in: a session, or a reason why not.

use std::fmt;
use std::time::Duration;

use http::{HeaderValue, StatusCode};

use crate::domain::account::AccountKey;
use crate::domain::client::ClientAddr;
use crate::domain::denial::{DenialReason, LockKind};
use crate::domain::event::{Action, Note};
use crate::domain::lock::{End, Lockout};
use crate::domain::session::{Session, SessionToken};
use crate::domain::standing::{Generation, Standing};
use crate::domain::time::Timestamp;
use crate::engine::credential::CookieDomain;
use crate::engine::devices::Offer;
use crate::engine::session::Kept;
use crate::engine::visitor::Door;
use crate::engine::{CurrentAccount, Portcullis, Unanswered, console};
use crate::store::NewSession;

/// A new session. Its cookie goes to the client, and nowhere else.
#[derive(Clone)]
pub struct SignedIn {
    token: SessionToken,
    session: Session,
    cookie: HeaderValue,
    device_cookie: Option<HeaderValue>,
}

impl SignedIn {
    fn new(
        gate: &Portcullis,
        token: SessionToken,
        session: Session,
        device: Option<SessionToken>,
        door: Door,
    ) -> Self {
        let lifetime = session.expires_at.since(session.created_at);
        let cookie = match door {
            Door::Service => gate.cookie(token.expose(), lifetime),
            Door::Console { https } => console::cookie(token.expose(), lifetime, https),
        };
        let device_cookie = device.and_then(|secret| gate.device_cookie(&session, secret));
        Self { token, session, cookie, device_cookie }
    }

    /// Every `Set-Cookie` header for the client: the session's, and that of the
    /// device, which is known by it from now on. Secrets.
    pub fn set_cookies(&self) -> impl Iterator<Item = &HeaderValue> {
        std::iter::once(&self.cookie).chain(&self.device_cookie)
    }

    /// The `Set-Cookie` header that hands the session to the client. A secret.
    pub const fn set_cookie(&self) -> &HeaderValue {
        &self.cookie
    }

    /// The session, as it is stored.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The generation that the session was born in.
    pub const fn generation(&self) -> Generation {
        self.session.generation
    }

    /// The token itself, for clients that keep no cookies. A secret.
    pub const fn token(&self) -> &SessionToken {
        &self.token
    }
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl Portcullis {
    /// The `Set-Cookie` header that takes a dead session from the client.
    pub fn clearing_cookie(&self) -> HeaderValue {
        self.cookie("", Duration::ZERO)
    }

    fn cookie(&self, value: &str, lifetime: Duration) -> HeaderValue {
        let settings = self.0.settings();
        let line = cookie_line(settings.cookie.name(), value, lifetime, "Lax", settings.https);
        match &settings.cookie_domain {
            None => line,
            Some(domain) => with_domain(&line, domain),
        }
    }

    pub(super) fn set_cookie(&self, name: &str, value: &str, lifetime: Duration) -> HeaderValue {
        cookie_line(name, value, lifetime, "Lax", self.0.settings().https)
    }
}

/// The same cookie, for all hosts of this domain.
fn with_domain(line: &HeaderValue, domain: &CookieDomain) -> HeaderValue {
    let text = [line.as_bytes(), b"; Domain=", domain.as_str().as_bytes()].concat();
    let mut header = HeaderValue::from_bytes(&text).unwrap_or_else(|_| line.clone());
    header.set_sensitive(true);
    header
}

pub(super) fn cookie_line(
    name: &str,
    value: &str,
    lifetime: Duration,
    same_site: &str,
    https: bool,
) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    let text = format!(
        "{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite={same_site}{secure}",
        lifetime.as_secs(),
    );
    let mut header = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

/// Why somebody was not signed in.
///
/// With the `axum` feature this is a response; otherwise
/// [`SignInError::status`] and [`SignInError::retry_after_secs`] make one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// As many guesses as are allowed are being checked right now.
    #[error("too many sign-ins of this account at once: try again in a second")]
    Busy,
    /// Too many guesses failed. The same for logins that do not exist.
    #[error("too many failed sign-ins: try again later")]
    LockedOut {
        /// When it opens.
        end: End,
        /// When this was said.
        at: Timestamp,
    },
    /// The password was right, and the account may not sign in.
    #[error("the account may not sign in: {reason}")]
    Refused {
        /// Why.
        reason: DenialReason,
        /// When this was said.
        at: Timestamp,
    },
    /// A store did not answer. Nothing was counted that was not checked.
    #[error("sign-in is not possible right now: try again in a moment")]
    Unavailable,
    /// The password was wrong, or there is no such login; or the account was
    /// signed out everywhere, as by a new password, while the old one was checked.
    #[error("wrong login or password")]
    Wrong,
}

impl SignInError {
    pub(crate) fn locked_out(lockout: &Lockout, at: Timestamp) -> Self {
        Self::LockedOut { end: lockout.end_at(at), at }
    }

    /// The status that says so over HTTP.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Busy | Self::LockedOut { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Refused { .. } => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Wrong => StatusCode::UNAUTHORIZED,
        }
    }

    /// A word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "too-many-at-once",
            Self::LockedOut { .. } => "locked-out",
            Self::Refused { reason, .. } => reason.as_str(),
            Self::Unavailable => "unavailable",
            Self::Wrong => "wrong-login-or-password",
        }
    }

    /// How long to wait before trying again, in whole seconds rounded up, where
    /// that is known.
    pub fn retry_after_secs(self) -> Option<u64> {
        let wait = match self {
            Self::Busy | Self::Unavailable => Duration::from_secs(1),
            Self::LockedOut { end, at } => end.instant()?.since(at),
            Self::Refused { reason, at } => reason.retry_after(at)?,
            Self::Wrong => return None,
        };
        Some((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }

    /// When it opens, where that is known: in whole seconds, and not too early.
    pub fn until(self) -> Option<Timestamp> {
        let end = match self {
            Self::LockedOut { end, .. } => end.instant(),
            Self::Refused { reason, .. } => reason.lock_end()?.instant(),
            Self::Busy | Self::Unavailable | Self::Wrong => None,
        };
        end.map(|end| Timestamp::from_secs(end.ceil_secs()))
    }
}

/// How somebody comes in.
#[derive(Default)]
pub(super) struct Entry {
    /// The generation that the account had before its password was read.
    pub(super) expected: Option<Generation>,
    pub(super) from: Option<ClientAddr>,
    pub(super) user_agent: Option<String>,
    pub(super) offer: Option<Offer>,
    pub(super) door: Door,
}

impl Portcullis {
    /// Opens a session without an attempt: after a sign-in that was checked
    /// elsewhere, or in a test. It is on no known device.
    ///
    /// The account's standing is read again inside the store's transaction.
    ///
    /// # Errors
    ///
    /// [`SignInError::Refused`] or [`SignInError::LockedOut`] if the account may
    /// not sign in; [`SignInError::Unavailable`] if the store does not answer.
    pub async fn open_session(
        &self,
        account: impl Into<AccountKey>,
        from: Option<ClientAddr>,
    ) -> Result<SignedIn, SignInError> {
        let (account, entry) = (account.into(), Entry { from, ..Entry::default() });
        self.open_session_of(account, entry).await
    }

    pub(super) async fn open_session_of(
        &self,
        account: AccountKey,
        entry: Entry,
    ) -> Result<SignedIn, SignInError> {
        let gate = &self.0;
        let Entry { expected, from, user_agent, offer, door } = entry;
        if let Some(reason) = self.refused_elsewhere(&account, door).await? {
            return Err(SignInError::of_refusal(reason, gate.clock.wall()));
        }
        let (device, secret) = offer.map(Offer::make).transpose()?.unzip();
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_| SignInError::Unavailable)?;
        let token = SessionToken::from_random(random);
        let now = gate.clock.wall();
        let new = NewSession {
            key: match door {
                Door::Service => token.key(),
                Door::Console { .. } => token.key_of_console(),
            },
            account,
            expected,
            expires_at: now.after(gate.settings().session_lifetime),
            opened_from: from.map(|from| from.to_string()),
            user_agent,
            device,
            console: door != Door::Service,
        };
        match gate.ask(gate.session_store.open_session(new)).await? {
            Ok(session) => Ok(SignedIn::new(self, token, session, secret, door)),
            Err(reason) => Err(SignInError::of_refusal(reason, now)),
        }
    }

    /// The standing as the source has it now, past every cell.
    pub(super) async fn read_standing_now(
        &self,
        account: &AccountKey,
    ) -> Result<Option<Standing>, Unanswered> {
        self.0.ask(self.0.source.standing(account)).await
    }

    /// Ends one session, everywhere.
    ///
    /// Says whether there was such a session. A token that somebody else signed is
    /// refused from now on until it expires, in this process alone: another
    /// process, and this one after a restart, take it still. To end it everywhere,
    /// sign the account out everywhere.
    ///
    /// # Errors
    ///
    /// If the store does not answer: then the session goes on.
    pub async fn sign_out(&self, session: &CurrentAccount) -> Result<bool, SignInError> {
        let id = match session.0.kept {
            Kept::ByApplication => return Ok(false),
            #[cfg(feature = "jwt")]
            Kept::InToken => return self.0.sign_out_jwt(&session.0),
            Kept::InStore => session.0.id(),
        };
        let note = Note {
            actor: format!("user:{}", session.key()),
            action: Action::SessionEnded,
            reason: None,
            from: None,
        };
        let ended = self
            .0
            .ask(self.0.session_store.end_session(id, note))
            .await?;
        self.0.end_session(id);
        Ok(ended.is_some())
    }
}

impl SignInError {
    fn of_refusal(reason: DenialReason, at: Timestamp) -> Self {
        match reason {
            DenialReason::Locked { by: LockKind::Lockout, end } => Self::LockedOut { end, at },
            DenialReason::Unknown { .. } => Self::Unavailable,
            // Of another generation by now: what was right may not be any more.
            DenialReason::SessionEnded => Self::Wrong,
            reason => Self::Refused { reason, at },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_is_never_told_too_early() {
        let at = Timestamp::from_secs(1_000);
        let end = End::At(at.after(Duration::from_micros(1_500_001)));
        let refused = SignInError::LockedOut { end, at };
        assert_eq!(refused.retry_after_secs(), Some(2));
        assert_eq!(refused.until(), Some(Timestamp::from_secs(1_002)));
    }
}
