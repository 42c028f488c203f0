//! The hot path: a request's head is passed, denied, or looked at.
//!
//! A request that passes costs one look-up and a few loads, and nothing here
//! awaits. Only a miss makes a [`Look`], which reads the store.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Extensions, HeaderMap};

use crate::domain::denial::{Denial, DenialReason};
use crate::domain::session::{SessionKey, SessionToken};
use crate::domain::standing::Bearer;
use crate::domain::time::{Monotonic, Now, Timestamp};
use crate::engine::account::CurrentAccount;
use crate::engine::builder::OnStale;
use crate::engine::cell::Verdict;
use crate::engine::credential::{self, Credential};
use crate::engine::session::{Live, Times, TokenHash};
use crate::engine::{Gate, Portcullis, elsewhere, unknown};
use crate::store::BoxFuture;

/// What the gate says to a request.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever asks must answer each of them")]
pub enum Admission {
    /// It may pass.
    Pass(CurrentAccount),
    /// It is refused.
    Deny(Denial),
    /// The store must be asked first.
    Look(Look),
}

/// A look at the store that decides about a request.
///
/// Dropping it leaves nothing half done; others who wait for the same answer
/// carry the read on.
pub struct Look(pub(super) BoxFuture<'static, Result<CurrentAccount, Denial>>);

impl Future for Look {
    type Output = Result<CurrentAccount, Denial>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look(..)")
    }
}

/// What is known of a session without asking the store.
pub(super) enum Known {
    Pass,
    Deny(Denial),
    /// The account's standing must be read.
    ReadStanding,
    /// The session must be read again.
    ReadSession,
}

/// What of a request is looked at.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "jwt"), expect(dead_code, reason = "tokens alone ask whence they come"))]
pub(crate) struct Sent<'a> {
    pub(super) headers: &'a HeaderMap,
    /// Where whoever stands before the gate puts what they know.
    pub(super) extensions: Option<&'a Extensions>,
}

impl Portcullis {
    /// Decides about a request by its headers, without waiting.
    ///
    /// For sessions of ours, and for tokens that somebody else signed. Where the
    /// application keeps its own, everything is a [`Look`]: use
    /// [`Portcullis::admit_head`].
    pub fn admit(&self, headers: &HeaderMap) -> Admission {
        self.admit_sent(Sent { headers, extensions: None })
    }

    /// As [`Portcullis::admit`]; and where the extensions hold the
    /// [`ClientAddr`](crate::ClientAddr), no one address takes all the time that there
    /// is for tokens which nobody has seen before.
    #[inline]
    pub fn admit_from(&self, headers: &HeaderMap, extensions: &Extensions) -> Admission {
        self.admit_sent(Sent { headers, extensions: Some(extensions) })
    }

    #[inline]
    fn admit_sent(&self, sent: Sent<'_>) -> Admission {
        let gate = &self.0;
        #[cfg(feature = "jwt")]
        if let Some(admission) = self.admit_jwt_in_header(sent) {
            return admission;
        }
        let settings = gate.settings();
        match credential::of(sent.headers, &settings.cookie, settings.api_tokens) {
            Credential::Session(token) => self.admit_token(token, Bearer::Session),
            Credential::ApiToken(token) => self.admit_token(token, Bearer::Token),
            Credential::Malformed(bearer) => Admission::Deny(gate.ended(bearer, gate.clock.wall())),
            #[cfg(feature = "jwt")]
            Credential::None if gate.jwt.load().is_some() => self.admit_jwt_in_cookie(sent),
            Credential::None => Admission::Deny(gate.deny(DenialReason::NoSession)),
        }
    }

    /// Whether requests are decided by their whole head, which
    /// [`Portcullis::admit_head`] takes, because the application keeps its own
    /// sessions.
    pub fn has_session_source(&self) -> bool {
        self.0.session_source.is_some()
    }

    /// Decides about a request by its whole head.
    pub fn admit_head(&self, head: &Parts) -> Admission {
        let Some(source) = &self.0.session_source else {
            return self.admit_from(&head.headers, &head.extensions);
        };
        let claim = source.claim(head);
        let gate = Arc::clone(&self.0);
        let on_stale = self.1;
        Admission::Look(Look(Box::pin(async move { gate.admit_claim(claim, on_stale).await })))
    }

    #[inline]
    pub(super) fn admit_token(&self, token: &[u8], bearer: Bearer) -> Admission {
        let gate = &self.0;
        let hash = gate.tokens.hash(token, bearer);
        let Some(live) = gate
            .sessions
            .find(hash)
            .filter(|live| live.bearer == bearer)
        else {
            return self.look_up(hash, token, bearer);
        };
        let now = gate.clock.now();
        match gate.judge(&live, now, self.1) {
            Known::Pass => Admission::Pass(CurrentAccount(live)),
            Known::Deny(denial) => Admission::Deny(denial),
            Known::ReadStanding => {
                let (gate, on_stale) = (Arc::clone(gate), self.1);
                let look = async move { gate.judge_after_read(live, on_stale).await };
                Admission::Look(Look(Box::pin(look)))
            }
            Known::ReadSession => {
                gate.sessions.forget(live.id());
                self.look_up(hash, token, bearer)
            }
        }
    }

    #[cold]
    fn look_up(&self, hash: TokenHash, token: &[u8], bearer: Bearer) -> Admission {
        let gate = &self.0;
        let now = gate.clock.wall();
        let Some(token) = SessionToken::parse(token) else {
            return Admission::Deny(gate.ended(bearer, now));
        };
        if gate.unknown_tokens.contains_key(&hash) {
            return Admission::Deny(gate.ended(bearer, now));
        }
        let (gate, key) = (Arc::clone(gate), key_of(&token, bearer));
        let on_stale = self.1;
        let look = async move { gate.look_up(hash, key, bearer, on_stale).await };
        Admission::Look(Look(Box::pin(look)))
    }
}

impl Gate {
    /// Judges a session that is in memory. The account's reasons go before the
    /// session's, and before not knowing: a known lock stays a lock.
    #[inline]
    pub(super) fn judge(&self, live: &Live, now: Now, on_stale: OnStale) -> Known {
        let verdict = live.cell.word().verdict(live.born(), now.wall);
        let settled = live.is_settled(now.wall);
        let fresh = self.is_fresh(now.monotonic) && now.monotonic <= live.cell.known_until();
        if verdict == Verdict::Pass && settled && fresh {
            return Known::Pass;
        }
        self.judge_closely(live, now, on_stale, verdict)
    }

    #[cold]
    fn judge_closely(&self, live: &Live, now: Now, on_stale: OnStale, verdict: Verdict) -> Known {
        let times = live.times(now.wall, self.settings().session_idle);
        let overdue = now.monotonic > live.cell.known_until();
        if verdict == Verdict::Unknown || overdue || (verdict == Verdict::Refuse && live.is_ahead())
        {
            // An idle session may have been used elsewhere: that is read, too.
            return if times == Times::Idle { Known::ReadSession } else { Known::ReadStanding };
        }
        if verdict == Verdict::Refuse
            && let Some(denial) = self.refusal(live, now.wall)
        {
            return Known::Deny(denial);
        }
        match times {
            Times::Expired => {
                return Known::Deny(self.of(live, DenialReason::SessionEnded, true, now.wall));
            }
            Times::Idle => return Known::ReadSession,
            Times::Touch => self.touch(live, now.wall),
            Times::Fine => {}
        }
        match self.answer_when_stale(now.monotonic, on_stale) {
            Some(reason) => Known::Deny(self.of(live, reason, false, now.wall)),
            None => Known::Pass,
        }
    }

    fn answer_when_stale(&self, now: Monotonic, on_stale: OnStale) -> Option<DenialReason> {
        (on_stale == OnStale::Strict && !self.is_fresh(now)).then(unknown)
    }

    pub(super) fn refusal(&self, live: &Live, now: Timestamp) -> Option<Denial> {
        let device = live.device.filter(|_| self.settings().known_devices);
        let here = live.cell.refusal(live.bearer, device, live.born(), now);
        let elsewhere = live
            .cell
            .refusal_elsewhere(live.bearer, live.created_at(), now);
        let (reason, dead) = elsewhere::graver(here, elsewhere)?;
        Some(self.of(live, reason, dead || now >= live.expires_at, now))
    }

    pub(super) fn of(
        &self,
        live: &Live,
        reason: DenialReason,
        dead: bool,
        now: Timestamp,
    ) -> Denial {
        let denial = Denial::new(reason, now)
            .of(live.cell.key().clone())
            .with_dead_session(dead)
            .by_token(live.bearer == Bearer::Token);
        match live.created_at() {
            Some(born_at) => denial.with_session_born_at(born_at),
            None => denial,
        }
    }

    pub(super) fn deny(&self, reason: DenialReason) -> Denial {
        Denial::new(reason, self.clock.wall())
    }

    /// The request brought what opens nothing, and never will.
    pub(super) fn ended(&self, bearer: Bearer, now: Timestamp) -> Denial {
        Denial::new(DenialReason::SessionEnded, now)
            .with_dead_session(true)
            .by_token(bearer == Bearer::Token)
    }

    /// Judges after everything was read that could be read.
    pub(super) fn judge_finally(
        &self,
        live: Arc<Live>,
        now: Now,
        on_stale: OnStale,
    ) -> Result<CurrentAccount, Denial> {
        if let Some(denial) = self.refusal(&live, now.wall) {
            return Err(denial);
        }
        match live.times(now.wall, self.settings().session_idle) {
            Times::Expired | Times::Idle => {
                return Err(self.of(&live, DenialReason::SessionEnded, true, now.wall));
            }
            Times::Touch => self.touch(&live, now.wall),
            Times::Fine => {}
        }
        match self.answer_when_stale(now.monotonic, on_stale) {
            Some(reason) => Err(self.of(&live, reason, false, now.wall)),
            None => Ok(CurrentAccount(live)),
        }
    }
}

/// What is stored of a token that comes as this.
fn key_of(token: &SessionToken, bearer: Bearer) -> SessionKey {
    if bearer == Bearer::Console { token.key_of_console() } else { token.key() }
}
