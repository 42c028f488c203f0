//! Looks: what asks a store before it decides about a request.
//!
//! Off the hot path. Many who miss the same thing cause one read, and what a read
//! yields goes where the hot path finds it.

use std::sync::Arc;

use crate::domain::denial::{Denial, DenialReason};
use crate::domain::session::{Session, SessionKey};
use crate::domain::standing::{Bearer, Generation};
use crate::domain::time::{Monotonic, Now, Timestamp};
use crate::engine::account::CurrentAccount;
use crate::engine::builder::OnStale;
use crate::engine::cell::Cell;
use crate::engine::figures::{Lookup, StoreTrouble};
use crate::engine::session::{Kept, Live, Scopes, TokenHash, UNKNOWN_BIRTH};
use crate::engine::sessions::Overtaken;
use crate::engine::source::SessionClaim;
use crate::engine::{Gate, ReadSession, Unanswered, unknown};
use crate::store::{ApiToken, BoxFuture, StoreError};

/// A session as it is stored, and what it may be used for where it is a token's.
type Stored = (Session, Option<Box<Scopes>>);

/// Only an account's: an application is nobody whom a guarded service knows.
fn as_session(token: ApiToken) -> Option<Stored> {
    let account = token.owner.account()?;
    let session = Session {
        key: token.key,
        account: account.into(),
        generation: Generation::new(0),
        created_at: token.created_at,
        expires_at: token.expires_at.unwrap_or(Timestamp::from_micros(i64::MAX)),
        last_seen_at: token.last_used_at.unwrap_or(token.created_at),
        opened_from: None,
        user_agent: None,
        device: None,
        console: false,
    };
    Some((session, Some(Box::new(Scopes(token.scopes)))))
}

impl Gate {
    /// Reads the account's standing, then judges.
    pub(super) async fn judge_after_read(
        self: Arc<Self>,
        live: Arc<Live>,
        on_stale: OnStale,
    ) -> Result<CurrentAccount, Denial> {
        let read = self.fill_for(&live).await;
        let now = self.clock.now();
        let says_something = live.cell.is_known_here() && !live.is_ahead();
        if read.is_ok() || (says_something && self.may_go_on_with(&live, now.monotonic, on_stale)) {
            return self.judge_finally(live, now, on_stale);
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

    /// Whether what is known of a session's account may be used although it could not be
    /// read again. Another system that fails shuts nobody out of the console.
    fn may_go_on_with(&self, live: &Live, now: Monotonic, on_stale: OnStale) -> bool {
        let by_source = live.cell.is_known() && self.may_use_overdue(&live.cell, now, on_stale);
        by_source || (live.bearer == Bearer::Console && self.elsewhere.is_some())
    }

    /// While a source without a feed fails, its last word is taken for
    /// `max_stale` longer, or for as long as it takes where that was chosen.
    pub(super) fn may_use_overdue(&self, cell: &Cell, now: Monotonic, on_stale: OnStale) -> bool {
        let until = cell.known_until().after(self.settings.max_stale);
        now <= until || on_stale == OnStale::BestEffort
    }

    /// Reads a session that is not in memory, then judges.
    pub(super) async fn look_up(
        self: Arc<Self>,
        hash: TokenHash,
        key: SessionKey,
        bearer: Bearer,
        on_stale: OnStale,
    ) -> Result<CurrentAccount, Denial> {
        let begin = || -> BoxFuture<'static, _> {
            let gate = Arc::clone(&self);
            Box::pin(async move { gate.read_session(hash, key, bearer).await })
        };
        let live = self.session_reads.read((key.id(), bearer), begin).await;
        let now = self.clock.now();
        match live {
            Ok(Some(live)) => self.judge_after_session(live, now, on_stale).await,
            Ok(None) => Err(self.ended(bearer, now.wall)),
            Err(Unanswered) => Err(self.deny(unknown()).by_token(bearer == Bearer::Token)),
        }
    }

    pub(super) async fn judge_after_session(
        self: Arc<Self>,
        live: Arc<Live>,
        now: Now,
        on_stale: OnStale,
    ) -> Result<CurrentAccount, Denial> {
        if self.may_use(&live.cell, now.monotonic) && !live.is_ahead() {
            self.judge_finally(live, now, on_stale)
        } else {
            self.judge_after_read(live, on_stale).await
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
            self.figures.lookups.add(Lookup::Session);
            let Some(stored) = self.stored_session(key, bearer).await? else {
                self.unknown_tokens.insert(hash, ());
                return Ok(None);
            };
            let cell = self.standings.find_or_create(&stored.0.account);
            let (session, scopes) = stored;
            let live = Live::new(hash, &session, bearer, cell);
            let live = Arc::new(live.for_scopes(scopes));
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
    ) -> Result<Option<Stored>, Unanswered> {
        match (bearer, &self.directory) {
            (Bearer::Session | Bearer::Console, _) => {
                let session = self.ask(self.session_store.session(key)).await?;
                let own = session.filter(|one| one.console == (bearer == Bearer::Console));
                Ok(own.map(|session| (session, None)))
            }
            (Bearer::Token, Some(directory)) => {
                Ok(self.ask(directory.token(key)).await?.and_then(as_session))
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

    async fn read_standing(
        &self,
        cell: &Arc<Cell>,
        born: Option<Generation>,
    ) -> Result<(), Unanswered> {
        // Somebody's read may have ended between the caller's look and this one.
        if self.may_use(cell, self.clock.now().monotonic) && !cell.is_behind(born) {
            return Ok(());
        }
        self.figures.lookups.add(Lookup::Standing);
        if let Some(elsewhere) = &self.elsewhere {
            return self.read_both(elsewhere, cell).await;
        }
        if self.directory.is_none() {
            return self.read_source(cell).await;
        }
        let began = cell.begin_read();
        let read = self.ask(self.source.standing(cell.key())).await?;
        // The feed tells of every change.
        cell.finish_read(began, read, self.clock.wall(), Monotonic::NEVER);
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
                self.figures.store_troubles.add(StoreTrouble::Failed);
                tracing::warn!(error = %error, "store failed");
                Err(Unanswered)
            }
            Err(_) => {
                self.figures.store_troubles.add(StoreTrouble::Silent);
                tracing::warn!(timeout = ?self.settings.store_timeout, "store silent");
                Err(Unanswered)
            }
        }
    }

    /// Judges a request by the application's own session.
    pub(super) async fn admit_claim(
        self: Arc<Self>,
        claim: BoxFuture<'static, Result<Option<SessionClaim>, StoreError>>,
        on_stale: OnStale,
    ) -> Result<CurrentAccount, Denial> {
        self.figures.lookups.add(Lookup::Claim);
        match self.ask(claim).await {
            Ok(Some(claim)) => {
                let cell = self.retained.get_with_by_ref(&claim.account, || {
                    self.standings.find_or_create(&claim.account)
                });
                let live = Arc::new(self.live_of_claim(&claim, cell));
                let now = self.clock.now();
                self.judge_after_session(live, now, on_stale).await
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
            created_at: claim.created_at.unwrap_or(UNKNOWN_BIRTH),
            expires_at: Timestamp::from_micros(i64::MAX),
            last_seen_at: now,
            opened_from: None,
            user_agent: None,
            device: None,
            console: false,
        };
        let bearer = Bearer::Session;
        let live = Live::new(self.tokens.hash(&[], bearer), &session, bearer, cell)
            .kept(Kept::ByApplication);
        if claim.generation.is_some() { live } else { live.of_any_generation() }
    }
}
