//! Foreign tokens at the gate: remembered as sessions are, and judged as they are.

use std::sync::Arc;

use super::Jwts;
use super::account::Named;
use super::carrier::{self, Carried};
use super::effort::Whence;
use super::token::{Flaw, Verified};
use crate::domain::account::AccountKey;
use crate::domain::client::ClientAddr;
use crate::domain::denial::{Denial, DenialReason};
use crate::domain::login::TypedLogin;
use crate::domain::session::{Session, SessionId};
use crate::domain::standing::{Bearer, Generation};
use crate::domain::time::Timestamp;
use crate::engine::account::CurrentAccount;
use crate::engine::admit::{Admission, Known, Look, Sent};
use crate::engine::builder::OnStale;
use crate::engine::cell::Cell;
use crate::engine::figures::TokenWorth;
use crate::engine::session::{Kept, Live, Scopes, TokenHash};
use crate::engine::sessions::Overtaken;
use crate::engine::sign_in::SignInError;
use crate::engine::{Gate, Portcullis, ReadSession, Unanswered, unknown};
use crate::store::BoxFuture;

/// When a token ended that was dead before anybody here saw it.
const LONG_AGO: Timestamp = Timestamp::from_micros(i64::MIN);

impl Sent<'_> {
    /// Whence it was sent, where whoever stands before the gate says so.
    fn whence(self) -> Whence {
        let client = self.extensions?.get::<ClientAddr>();
        client.copied().map(ClientAddr::prefix)
    }
}

impl Portcullis {
    /// Decides about a request with a token in its header; `None`: it has none.
    #[inline]
    pub(crate) fn admit_jwt_in_header(&self, sent: Sent<'_>) -> Option<Admission> {
        let jwts = self.0.jwt.load();
        let jwts = jwts.as_ref()?;
        let api_tokens = self.0.settings().api_tokens;
        self.admit_carried(jwts, jwts.carriers.of_header(sent.headers, api_tokens), sent, true)
    }

    /// Decides about a request that has nothing else.
    pub(crate) fn admit_jwt_in_cookie(&self, sent: Sent<'_>) -> Admission {
        let jwts = self.0.jwt.load();
        let jwts = jwts.as_ref();
        jwts.and_then(|jwts| {
            self.admit_carried(jwts, jwts.carriers.of_cookie(sent.headers), sent, false)
        })
        .unwrap_or_else(|| Admission::Deny(self.0.deny(DenialReason::NoSession)))
    }

    #[inline]
    fn admit_carried(
        &self,
        jwts: &Arc<Jwts>,
        carried: Carried<'_>,
        sent: Sent<'_>,
        by_token: bool,
    ) -> Option<Admission> {
        match carried {
            Carried::Nothing => None,
            Carried::Token(token) => Some(self.admit_jwt(jwts, token, sent, by_token)),
            Carried::Malformed => {
                let ended = self.0.ended(Bearer::Session, self.0.clock.wall());
                Some(Admission::Deny(ended.by_token(by_token)))
            }
        }
    }

    #[inline]
    fn admit_jwt(
        &self,
        jwts: &Arc<Jwts>,
        token: &[u8],
        sent: Sent<'_>,
        by_token: bool,
    ) -> Admission {
        let gate = &self.0;
        let hash = gate.tokens.hash(token, Bearer::Session);
        let remembered = gate.sessions.find(hash);
        let Some(live) = remembered.filter(|live| live.kept == Kept::InToken) else {
            return self.look_at_jwt(jwts, hash, token, sent.whence(), by_token);
        };
        match gate.judge(&live, gate.clock.now(), self.1) {
            Known::Pass => Admission::Pass(CurrentAccount(live)),
            Known::Deny(denial) => self.deny_jwt(&live, denial.by_token(by_token)),
            // A token is not idle: there is nothing else to read.
            Known::ReadStanding | Known::ReadSession => {
                let (gate, on_stale) = (Arc::clone(gate), self.1);
                look(by_token, async move { gate.judge_jwt(live, on_stale).await })
            }
        }
    }

    #[cold]
    fn deny_jwt(&self, live: &Live, denial: Denial) -> Admission {
        let gate = &self.0;
        let young = gate.outlives_raise(live, &denial);
        let Some(young) = young else { return Admission::Deny(denial) };
        match gate.judge_finally(young, gate.clock.now(), self.1) {
            Ok(account) => Admission::Pass(account),
            Err(other) => Admission::Deny(other.by_token(denial.is_of_token())),
        }
    }

    #[cold]
    fn look_at_jwt(
        &self,
        jwts: &Arc<Jwts>,
        hash: TokenHash,
        token: &[u8],
        whence: Whence,
        by_token: bool,
    ) -> Admission {
        let (gate, jwts, on_stale) = (Arc::clone(&self.0), Arc::clone(jwts), self.1);
        if !carrier::has_form(token) || gate.unknown_tokens.contains_key(&hash) {
            let ended = gate.ended(Bearer::Session, gate.clock.wall());
            return Admission::Deny(ended.by_token(by_token));
        }
        let token: Arc<[u8]> = token.into();
        look(by_token, async move {
            gate.look_up_jwt(&jwts, (hash, token), whence, on_stale)
                .await
        })
    }
}

fn look(
    by_token: bool,
    judged: impl Future<Output = Result<CurrentAccount, Denial>> + Send + 'static,
) -> Admission {
    Admission::Look(Look(Box::pin(async move {
        judged.await.map_err(|denial| denial.by_token(by_token))
    })))
}

impl Gate {
    /// Verifies a token that is not remembered, then judges.
    async fn look_up_jwt(
        self: Arc<Self>,
        jwts: &Arc<Jwts>,
        (hash, token): (TokenHash, Arc<[u8]>),
        whence: Whence,
        on_stale: OnStale,
    ) -> Result<CurrentAccount, Denial> {
        let begin = || -> BoxFuture<'static, _> {
            let (gate, jwts) = (Arc::clone(&self), Arc::clone(jwts));
            Box::pin(async move { gate.read_jwt(&jwts, hash, &token, whence).await })
        };
        match jwts.flights.read(hash, begin).await {
            Ok(Some(live)) => self.judge_jwt(live, on_stale).await,
            Ok(None) => Err(self.ended(Bearer::Session, self.clock.wall())),
            Err(Unanswered) => Err(self.deny(unknown())),
        }
    }

    async fn judge_jwt(
        self: Arc<Self>,
        live: Arc<Live>,
        on_stale: OnStale,
    ) -> Result<CurrentAccount, Denial> {
        let gate = Arc::clone(&self);
        let now = self.clock.now();
        let judged = gate
            .judge_after_session(Arc::clone(&live), now, on_stale)
            .await;
        match judged {
            Err(denial) => match self.outlives_raise(&live, &denial) {
                Some(young) => self.judge_finally(young, self.clock.now(), on_stale),
                None => Err(denial),
            },
            passed => passed,
        }
    }

    /// Verifies a token and puts it into the table of sessions.
    async fn read_jwt(
        self: Arc<Self>,
        jwts: &Jwts,
        hash: TokenHash,
        token: &[u8],
        whence: Whence,
    ) -> ReadSession {
        // Somebody's read may have ended between the caller's look and this one.
        if let Some(live) = self.sessions.find(hash) {
            return Ok(Some(live));
        }
        let first_seen = self.clock.wall();
        let verified = jwts.verify(token, first_seen, whence).await;
        self.figures.tokens.add(TokenWorth::of(&verified));
        let verified = match verified {
            Ok(verified) => verified,
            Err(flaw @ (Flaw::Busy | Flaw::KeysUnknown)) => {
                self.refuse_jwt::<()>(hash, flaw);
                return Err(Unanswered);
            }
            Err(flaw) => return Ok(self.refuse_jwt(hash, flaw)),
        };
        let Some(account) = self.account_of(&verified.account).await? else {
            return Ok(self.refuse_jwt(hash, Flaw::Account));
        };
        self.remember_jwt(hash, &verified, &account, first_seen)
            .await
    }

    fn refuse_jwt<T>(&self, hash: TokenHash, flaw: Flaw) -> Option<T> {
        tracing::debug!(jwt.flaw = flaw.as_str(), "foreign token refused");
        if flaw.is_lasting() {
            self.unknown_tokens.insert(hash, ());
        }
        None
    }

    /// As sessions are read: the cell is found before it is filled, and what was
    /// overtaken meanwhile is not put in.
    async fn remember_jwt(
        self: &Arc<Self>,
        hash: TokenHash,
        verified: &Verified,
        account: &AccountKey,
        first_seen: Timestamp,
    ) -> ReadSession {
        for _ in 0..2 {
            let reading = self.sessions.read(verified.key.id());
            if self.is_signed_out(verified.key.id()) {
                return Ok(None);
            }
            let cell = self.standings.find_or_create(account);
            if !self.may_use(&cell, self.clock.now().monotonic) {
                // What is known and overdue is judged as such.
                let filled = self.fill(&cell, None).await;
                filled.or_else(|error| if cell.is_known() { Ok(()) } else { Err(error) })?;
            }
            let live = Arc::new(verified.live(hash, cell, first_seen));
            match reading.finish(&live) {
                Ok(()) => return Ok(Some(live)),
                Err(Overtaken::Ended) => return Ok(None),
                Err(Overtaken::ReadAgain) => {}
            }
        }
        Err(Unanswered)
    }

    /// Whom a claim means. By exact text: what the directory finds by another
    /// spelling, or by another of somebody's names, is not meant.
    async fn account_of(&self, named: &Named) -> Result<Option<AccountKey>, Unanswered> {
        let (Named::Login(text) | Named::Email(text)) = named else {
            let Named::Key(key) = named else { return Ok(None) };
            return Ok(Some(key.clone()));
        };
        let Some(directory) = &self.directory else { return Ok(None) };
        let found = self.ask(directory.resolve(TypedLogin::new(text))).await?;
        let meant = found.filter(|account| match named {
            Named::Login(login) => account.login.as_str() == login,
            Named::Email(email) => account.email.as_ref() == Some(email),
            Named::Key(_) => false,
        });
        Ok(meant.map(|account| account.key()))
    }

    /// The same token in the account's generation of now, if it was refused for its
    /// own and was issued after that of now began. What was known of the account
    /// when the token was first seen may have been old; when that was is not
    /// forgotten.
    fn outlives_raise(&self, live: &Live, denial: &Denial) -> Option<Arc<Live>> {
        if denial.reason() != DenialReason::SessionEnded {
            return None;
        }
        let (generation, ended_at) = live.cell.last_raise();
        let is_of_another = live.born() != Some(generation);
        if !is_of_another || !is_later(live.created_at()?, ended_at?) {
            return None;
        }
        let reading = self.sessions.read(live.id());
        if self.is_signed_out(live.id()) {
            return None;
        }
        let young = Arc::new(live.reborn_in(generation));
        reading.finish(&young).is_ok().then_some(young)
    }

    pub(crate) fn is_signed_out(&self, id: SessionId) -> bool {
        self.jwt_signed_out.contains(id)
    }

    /// Refuses a token from now on until it expires.
    pub(crate) fn sign_out_jwt(&self, live: &Live) -> Result<bool, SignInError> {
        let (ended, now) = (&self.jwt_signed_out, self.clock.wall());
        let noted = ended.note(live.id(), live.expires_at, now);
        let is_news = noted.ok_or(SignInError::Unavailable)?;
        self.end_session(live.id());
        Ok(is_news)
    }

    pub(crate) fn sweep_jwts(&self) {
        self.jwt_signed_out.sweep(self.clock.wall());
    }
}

impl TokenWorth {
    fn of(verified: &Result<Verified, Flaw>) -> Self {
        match verified {
            Ok(_) => Self::Valid,
            Err(Flaw::Busy) => Self::Busy,
            Err(Flaw::KeysUnknown) => Self::KeysUnknown,
            Err(_) => Self::Worthless,
        }
    }
}

/// Whether a token that is as old as this was issued after the second of that. A
/// token's times are whole seconds: within one, nobody can say what came first.
fn is_later(token: Timestamp, raise: Timestamp) -> bool {
    token.floor_secs() > raise.floor_secs()
}

impl Verified {
    /// The token as a session, born in the account's generation of now, or dead if
    /// the account's sessions were ended since it was issued.
    fn live(&self, hash: TokenHash, cell: Arc<Cell>, first_seen: Timestamp) -> Live {
        let (generation, ended_at) = cell.last_raise();
        let created_at = self.issued_at.min(first_seen);
        let alive = ended_at.is_none_or(|at| is_later(created_at, at));
        let scopes = self.scopes.clone().map(|scopes| Box::new(Scopes(scopes)));
        Live::new(hash, &self.session(generation, created_at, alive, &cell), Bearer::Session, cell)
            .kept(Kept::InToken)
            .for_scopes(scopes)
    }

    fn session(
        &self,
        generation: Generation,
        created_at: Timestamp,
        alive: bool,
        cell: &Cell,
    ) -> Session {
        Session {
            key: self.key,
            account: cell.key().clone(),
            generation,
            created_at,
            expires_at: if alive { self.expires_at } else { LONG_AGO },
            // Whoever signed it says how long it lasts: it is never idle.
            last_seen_at: Timestamp::from_micros(i64::MAX),
            opened_from: None,
            user_agent: None,
            device: None,
            console: false,
        }
    }
}
