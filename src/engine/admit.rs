//! The hot path: a request's head is passed, denied, or looked at.
//!
//! A request that passes costs one look-up and a few loads, and nothing here
//! awaits. Only a miss makes a [`Look`], which reads the store.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::HeaderMap;
use http::request::Parts;

use crate::domain::denial::{Denial, DenialReason};
use crate::domain::session::{Session, SessionKey, SessionToken};
use crate::domain::standing::{Bearer, Generation};
use crate::domain::time::{Monotonic, Now, Timestamp};
use crate::engine::account::CurrentAccount;
use crate::engine::builder::OnStale;
use crate::engine::cell::{Cell, Verdict};
use crate::engine::credential::{self, Credential};
use crate::engine::sessions::{Live, Overtaken, Times, TokenHash};
use crate::engine::source::SessionClaim;
use crate::engine::{Gate, Portcullis, ReadSession, Unanswered, unknown};
use crate::store::{BoxFuture, StoreError};

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
pub struct Look(BoxFuture<'static, Result<CurrentAccount, Denial>>);

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
enum Known {
    Pass,
    Deny(Denial),
    /// The account's standing must be read.
    ReadStanding,
    /// The session must be read again.
    ReadSession,
}

impl Portcullis {
    /// Decides about a request by its headers, without waiting.
    ///
    /// For sessions of ours. Where the application keeps its own, everything is
    /// a [`Look`]: use [`Portcullis::admit_head`].
    pub fn admit(&self, headers: &HeaderMap) -> Admission {
        let gate = &self.0;
        let settings = &gate.settings;
        match credential::of(headers, &settings.cookie, settings.api_tokens) {
            Credential::Session(token) => self.admit_token(token, Bearer::Session),
            Credential::ApiToken(token) => self.admit_token(token, Bearer::Token),
            Credential::Malformed(bearer) => Admission::Deny(gate.ended(bearer, gate.clock.wall())),
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
        let Some(source) = &self.0.session_source else { return self.admit(&head.headers) };
        let claim = source.claim(head);
        let gate = Arc::clone(&self.0);
        Admission::Look(Look(Box::pin(async move { gate.admit_claim(claim).await })))
    }

    #[inline]
    fn admit_token(&self, token: &[u8], bearer: Bearer) -> Admission {
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
        match gate.judge(&live, now) {
            Known::Pass => Admission::Pass(CurrentAccount(live)),
            Known::Deny(denial) => Admission::Deny(denial),
            Known::ReadStanding => {
                let gate = Arc::clone(gate);
                Admission::Look(Look(Box::pin(async move { gate.judge_after_read(live).await })))
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
        let (gate, key) = (Arc::clone(gate), token.key());
        Admission::Look(Look(Box::pin(async move { gate.look_up(hash, key, bearer).await })))
    }
}

impl Gate {
    /// Judges a session that is in memory. The account's reasons go before the
    /// session's, and before not knowing: a known lock stays a lock.
    #[inline]
    fn judge(&self, live: &Live, now: Now) -> Known {
        let verdict = live.cell.word().verdict(live.born(), now.wall);
        let settled = live.is_settled(now.wall);
        let fresh = self.is_fresh(now.monotonic) && now.monotonic <= live.cell.known_until();
        if verdict == Verdict::Pass && settled && fresh {
            return Known::Pass;
        }
        self.judge_closely(live, now, verdict)
    }

    #[cold]
    fn judge_closely(&self, live: &Live, now: Now, verdict: Verdict) -> Known {
        let times = live.times(now.wall, self.settings.session_idle);
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
        match self.answer_when_stale(now.monotonic) {
            Some(reason) => Known::Deny(self.of(live, reason, false, now.wall)),
            None => Known::Pass,
        }
    }

    fn answer_when_stale(&self, now: Monotonic) -> Option<DenialReason> {
        let strict = self.settings.on_stale == OnStale::Strict;
        (strict && !self.is_fresh(now)).then(unknown)
    }

    pub(super) fn refusal(&self, live: &Live, now: Timestamp) -> Option<Denial> {
        let (reason, dead) = live.cell.refusal(live.bearer, live.born(), now)?;
        Some(self.of(live, reason, dead || now >= live.expires_at, now))
    }

    pub(super) fn of(
        &self,
        live: &Live,
        reason: DenialReason,
        dead: bool,
        now: Timestamp,
    ) -> Denial {
        Denial::new(reason, now)
            .of(live.cell.key().clone())
            .with_dead_session(dead)
            .by_token(live.bearer == Bearer::Token)
            .with_session_born_at(live.created_at)
    }

    fn deny(&self, reason: DenialReason) -> Denial {
        Denial::new(reason, self.clock.wall())
    }

    /// The request brought what opens nothing, and never will.
    fn ended(&self, bearer: Bearer, now: Timestamp) -> Denial {
        Denial::new(DenialReason::SessionEnded, now)
            .with_dead_session(true)
            .by_token(bearer == Bearer::Token)
    }

    /// Reads the account's standing, then judges.
    async fn judge_after_read(self: Arc<Self>, live: Arc<Live>) -> Result<CurrentAccount, Denial> {
        let read = self.fill_for(&live).await;
        let now = self.clock.now();
        let says_something = live.cell.is_known() && !live.is_ahead();
        if read.is_ok() || (says_something && self.may_use_overdue(&live.cell, now.monotonic)) {
            return self.judge_finally(live, now);
        }
        let known_lock = says_something
            .then(|| self.refusal(&live, now.wall))
            .flatten();
        Err(known_lock.unwrap_or_else(|| self.of(&live, unknown(), false, now.wall)))
    }

    /// Fills the cell of a session; once more where a read that was under way
    /// already is older than the session.
    pub(super) async fn fill_for(self: &Arc<Self>, live: &Live) -> Result<(), Unanswered> {
        self.fill(&live.cell, live.born()).await?;
        if live.is_ahead() {
            self.fill(&live.cell, live.born()).await?;
        }
        Ok(())
    }

    /// Judges after everything was read that could be read.
    fn judge_finally(&self, live: Arc<Live>, now: Now) -> Result<CurrentAccount, Denial> {
        if let Some(denial) = self.refusal(&live, now.wall) {
            return Err(denial);
        }
        match live.times(now.wall, self.settings.session_idle) {
            Times::Expired | Times::Idle => {
                return Err(self.of(&live, DenialReason::SessionEnded, true, now.wall));
            }
            Times::Touch => self.touch(&live, now.wall),
            Times::Fine => {}
        }
        match self.answer_when_stale(now.monotonic) {
            Some(reason) => Err(self.of(&live, reason, false, now.wall)),
            None => Ok(CurrentAccount(live)),
        }
    }

    /// While a source without a feed fails, its last word is taken for
    /// `max_stale` longer, or for as long as it takes where that was chosen.
    fn may_use_overdue(&self, cell: &Cell, now: Monotonic) -> bool {
        let until = cell.known_until().after(self.settings.max_stale);
        now <= until || self.settings.on_stale == OnStale::BestEffort
    }

    /// Reads a session that is not in memory, then judges.
    async fn look_up(
        self: Arc<Self>,
        hash: TokenHash,
        key: SessionKey,
        bearer: Bearer,
    ) -> Result<CurrentAccount, Denial> {
        let begin = || -> BoxFuture<'static, _> {
            let gate = Arc::clone(&self);
            Box::pin(async move { gate.read_session(hash, key, bearer).await })
        };
        let live = self.session_reads.read((key.id(), bearer), begin).await;
        let now = self.clock.now();
        match live {
            Ok(Some(live)) => self.judge_after_session(live, now).await,
            Ok(None) => Err(self.ended(bearer, now.wall)),
            Err(Unanswered) => Err(self.deny(unknown()).by_token(bearer == Bearer::Token)),
        }
    }

    async fn judge_after_session(
        self: Arc<Self>,
        live: Arc<Live>,
        now: Now,
    ) -> Result<CurrentAccount, Denial> {
        if self.may_use(&live.cell, now.monotonic) && !live.is_ahead() {
            self.judge_finally(live, now)
        } else {
            self.judge_after_read(live).await
        }
    }

    /// Reads a session from the store and puts it into the table. The account's
    /// cell is got or made only then, and is filled by a later read.
    async fn read_session(
        self: Arc<Self>,
        hash: TokenHash,
        key: SessionKey,
        bearer: Bearer,
    ) -> ReadSession {
        // Twice: what was read while changes may have been missed is read again.
        for _ in 0..2 {
            let reading = self.sessions.read(key.id());
            let Some(session) = self.stored_session(key, bearer).await? else {
                self.unknown_tokens.insert(hash, ());
                return Ok(None);
            };
            let cell = self.standings.find_or_create(&session.account);
            let live = Arc::new(Live::new(hash, &session, bearer, cell));
            match reading.finish(&live) {
                Ok(()) => return Ok(Some(live)),
                Err(Overtaken::Ended) => return Ok(None),
                Err(Overtaken::ReadAgain) => {}
            }
        }
        Err(Unanswered)
    }

    pub(super) async fn stored_session(
        &self,
        key: SessionKey,
        bearer: Bearer,
    ) -> Result<Option<Session>, Unanswered> {
        match (bearer, &self.directory) {
            (Bearer::Session, _) => self.ask(self.session_store.session(key)).await,
            (Bearer::Token, Some(directory)) => {
                let token = self.ask(directory.token(key)).await?;
                Ok(token.map(|token| Session {
                    key,
                    account: token.owner.into(),
                    generation: Generation::new(0),
                    created_at: token.created_at,
                    expires_at: token.expires_at.unwrap_or(Timestamp::from_micros(i64::MAX)),
                    last_seen_at: token.last_used_at.unwrap_or(token.created_at),
                    opened_from: None,
                    user_agent: None,
                }))
            }
            (Bearer::Token, None) => Ok(None),
        }
    }

    /// Fills a cell by a read of the source that begins now, for a session that
    /// was born in this generation. Many who miss the same account cause one
    /// read, and who comes just after it causes none.
    pub(super) async fn fill(
        self: &Arc<Self>,
        cell: &Arc<Cell>,
        born: Option<Generation>,
    ) -> Result<(), Unanswered> {
        // More than once: a read may begin just before changes were missed.
        for _ in 0..3 {
            let begin = || -> BoxFuture<'static, _> {
                let (gate, cell) = (Arc::clone(self), Arc::clone(cell));
                Box::pin(async move { gate.read_standing(&cell, born).await })
            };
            let key = cell.key().clone();
            self.standing_reads.read(key, begin).await?;
            if cell.is_known() {
                return Ok(());
            }
        }
        Err(Unanswered)
    }

    async fn read_standing(&self, cell: &Cell, born: Option<Generation>) -> Result<(), Unanswered> {
        // Somebody's read may have ended between the caller's look and this one.
        if self.may_use(cell, self.clock.now().monotonic) && !cell.is_behind(born) {
            return Ok(());
        }
        let began = cell.begin_read();
        let began_at = self.clock.now();
        let read = self.ask(self.source.standing(cell.key())).await?;
        let until = match self.directory {
            // The feed tells of every change.
            Some(_) => Monotonic::NEVER,
            None => began_at.monotonic.after(self.settings.refresh_every),
        };
        cell.finish_read(began, read, self.clock.wall(), until);
        self.account_changed(cell.key());
        Ok(())
    }

    /// Asks a store, for as long as a request can wait. The time-out is in here,
    /// so that a caller who goes away does not change what others get.
    pub(super) async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Unanswered> {
        match tokio::time::timeout(self.settings.store_timeout, question).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "store failed");
                Err(Unanswered)
            }
            Err(_) => {
                tracing::warn!(timeout = ?self.settings.store_timeout, "store silent");
                Err(Unanswered)
            }
        }
    }

    /// Judges a request by the application's own session.
    async fn admit_claim(
        self: Arc<Self>,
        claim: BoxFuture<'static, Result<Option<SessionClaim>, StoreError>>,
    ) -> Result<CurrentAccount, Denial> {
        match self.ask(claim).await {
            Ok(Some(claim)) => {
                let cell = self.retained.get_with_by_ref(&claim.account, || {
                    self.standings.find_or_create(&claim.account)
                });
                let live = Arc::new(self.live_of_claim(&claim, cell));
                let now = self.clock.now();
                self.judge_after_session(live, now).await
            }
            Ok(None) => Err(self.deny(DenialReason::NoSession)),
            Err(Unanswered) => Err(self.deny(unknown())),
        }
    }

    fn live_of_claim(&self, claim: &SessionClaim, cell: Arc<Cell>) -> Live {
        let now = self.clock.wall();
        let session = Session {
            key: SessionKey::from_bytes([0; 32]),
            account: claim.account.clone(),
            generation: claim.generation.unwrap_or_default(),
            created_at: claim.created_at.unwrap_or(now),
            expires_at: Timestamp::from_micros(i64::MAX),
            last_seen_at: now,
            opened_from: None,
            user_agent: None,
        };
        let bearer = Bearer::Session;
        let live = Live::new(self.tokens.hash(&[], bearer), &session, bearer, cell);
        if claim.generation.is_some() { live } else { live.of_any_generation() }
    }
}
