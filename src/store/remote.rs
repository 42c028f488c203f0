//! Standings of another system, over HTTP.
//!
//! A [`RemoteSource`] asks OpenProject, Clerk, a SCIM service, a token endpoint, another
//! Portcullis, or any service that speaks its JSON. It answers with a standing, with "no
//! such account", or it fails; whatever is not documented by the system is a failure, and
//! says nothing of the account.
//!
//! See the [manual](crate::manual::status_sources).

mod call;
mod circuit;
mod credential;
mod dialect;
mod events;
mod feed;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::StatusCode;
use ipnet::IpNet;
use moka::sync::Cache;
use tokio::sync::Semaphore;

pub use self::credential::{InvalidCredential, RemoteCredential};
pub use self::dialect::{RemoteKind, RemoteName};

use self::call::{Answer, Door};
use self::circuit::{Circuit, Turn};
use self::dialect::Said;
use crate::domain::account::AccountKey;
use crate::domain::outbound::OutboundUrl;
use crate::domain::standing::Standing;
use crate::domain::time::{Clock, Monotonic};
use crate::store::{NewsSender, SourceHealth, StatusSource};

/// How many answers are remembered by their entity tags.
const TAGS: u64 = 100_000;

/// How many accounts are remembered that are not there, and for how long: counted from
/// the answer, however often they are asked for.
const NOBODIES: u64 = 10_000;
const NOBODY_FOR: Duration = Duration::from_secs(10);

/// For how long a credential that worked is taken to work.
const TRUSTED_FOR: Duration = Duration::from_secs(5);

/// Where another system is, and how it is asked.
#[derive(Clone, Debug)]
#[must_use = "give it to RemoteSource::new"]
pub struct RemoteSettings {
    kind: RemoteKind,
    url: OutboundUrl,
    credential: RemoteCredential,
    named: RemoteName,
    networks: Vec<IpNet>,
    roots: Option<Vec<u8>>,
    timeout: Duration,
    at_once: usize,
    feed: bool,
    clock: Clock,
}

impl RemoteSettings {
    /// The system at this address, which knows us by this.
    pub fn new(kind: RemoteKind, url: OutboundUrl, credential: RemoteCredential) -> Self {
        Self {
            kind,
            url,
            credential,
            named: RemoteName::Id,
            networks: Vec::new(),
            roots: None,
            timeout: Duration::from_secs(2),
            at_once: 16,
            feed: kind.has_feed(),
            clock: Clock::system(),
        }
    }

    /// What accounts are called there. Default: their ids.
    pub fn named_by(mut self, named: RemoteName) -> Self {
        self.named = named;
        self
    }

    /// Networks that are not public, and that it may be in. Default: none.
    pub fn in_networks(mut self, networks: Vec<IpNet>) -> Self {
        self.networks = networks;
        self
    }

    /// Certificates in PEM, of whoever may vouch for it: these alone. Default: those that
    /// the machine trusts.
    pub fn trusting(mut self, roots: Vec<u8>) -> Self {
        self.roots = Some(roots);
        self
    }

    /// How long one answer may take, with its connection. Default: 2 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether its feed of changes is followed, where it has one. Default: yes.
    pub fn following(mut self, feed: bool) -> Self {
        self.feed = feed && self.kind.has_feed();
        self
    }

    /// How many questions are asked at once, at most. Default: 16.
    pub fn at_once(mut self, questions: usize) -> Self {
        self.at_once = questions.max(1);
        self
    }
}

/// Why a source can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRemote {
    /// Its address leads where nothing of ours may go.
    #[error("{0}")]
    Forbidden(String),
    /// Not certificates.
    #[error("the certificates to trust can't be read: {0}")]
    Roots(String),
    /// It knows no logins.
    #[error("accounts of this kind of system are asked about by their id, not by login")]
    NoLogins,
    /// The machine can't speak TLS, for instance.
    #[error("no requests can be sent: {0}")]
    Client(String),
    /// The address has more than a host and a path.
    #[error("an address of a source has no query")]
    Query,
}

/// Why another system gave no answer that could be used. Nothing is known by it of the
/// account that was asked about. Says nothing of what was answered.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Too many questions wait already.
    #[error("too many questions at once")]
    Busy,
    /// Our own credential is not taken, or is for less.
    #[error("it answered {0}: our credential is not taken, or may not see accounts")]
    Credential(StatusCode),
    /// It is failing, and is not asked.
    #[error("it is failing and is not asked until it is back")]
    Open,
    /// It spoke of somebody else.
    #[error("it answered with another account than the one that was asked for")]
    OtherAccount,
    /// Not what the system documents.
    #[error("it answered something else than documented: {0}")]
    OtherForm(&'static str),
    /// It is somewhere else.
    #[error("it does not answer: {0}")]
    Silent(String),
    /// A status that is none of an answer.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// More than an answer is.
    #[error("it answered too much")]
    TooLarge,
}

impl Fault {
    /// Whether it is about one account: whoever asks about others may get answers.
    const fn is_of_account(&self) -> bool {
        matches!(self, Self::OtherAccount)
    }

    /// Whether nothing was sent.
    const fn is_spared(&self) -> bool {
        matches!(self, Self::Open | Self::Busy)
    }
}

/// Another system that says the standing of its accounts. Cheap to clone; clones share
/// everything.
#[derive(Clone)]
pub struct RemoteSource(Arc<Remote>);

struct Remote {
    kind: RemoteKind,
    named: RemoteName,
    door: Door,
    feed: Option<feed::Feed>,
    timeout: Duration,
    clock: Clock,
    slots: Semaphore,
    circuit: Mutex<Circuit>,
    trusted_until: Mutex<Option<Monotonic>>,
    answered_at: Mutex<Option<Monotonic>>,
    tags: Cache<AccountKey, (String, Box<Standing>)>,
    nobodies: Cache<AccountKey, ()>,
    figures: Figures,
}

#[derive(Debug, Default)]
struct Figures {
    answered: AtomicU64,
    unchanged: AtomicU64,
    no_such_account: AtomicU64,
    failed: AtomicU64,
    spared: AtomicU64,
}

impl RemoteSource {
    /// Nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// If its address may not be connected to, or its certificates are none.
    pub fn new(settings: RemoteSettings) -> Result<Self, InvalidRemote> {
        if settings.named == RemoteName::Login && !settings.kind.knows_logins() {
            return Err(InvalidRemote::NoLogins);
        }
        let door = Door::new(&settings)?;
        let feed = settings
            .feed
            .then(|| feed::Feed::new(&settings))
            .transpose()?;
        Ok(Self(Arc::new(Remote {
            kind: settings.kind,
            named: settings.named,
            door,
            feed,
            timeout: settings.timeout,
            clock: settings.clock,
            slots: Semaphore::new(settings.at_once),
            circuit: Mutex::default(),
            trusted_until: Mutex::default(),
            answered_at: Mutex::default(),
            tags: Cache::new(TAGS),
            nobodies: Cache::builder()
                .max_capacity(NOBODIES)
                .time_to_live(NOBODY_FOR)
                .build(),
            figures: Figures::default(),
        })))
    }
}

impl StatusSource for RemoteSource {
    type Error = Fault;

    async fn standing(&self, account: &AccountKey) -> Result<Option<Standing>, Fault> {
        let remote = &self.0;
        if remote.nobodies.contains_key(account) {
            return Ok(None);
        }
        let call = remote.begin()?;
        let answer = remote.ask_in_turn(account).await;
        call.settle(answer)
    }

    async fn follow(&self, news: NewsSender) {
        let remote = &self.0;
        let Some(feed) = &remote.feed else { return };
        let forget = |account: &AccountKey| remote.nobodies.invalidate(account);
        feed.follow(remote.named, &forget, &news).await;
    }

    fn health(&self) -> SourceHealth {
        let remote = &self.0;
        let (circuit, figures) = (remote.circuit(), &remote.figures);
        let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let (answered_at, now) = (*lock(&remote.answered_at), remote.now());
        SourceHealth {
            failing_for: circuit.open_for(now),
            trying: circuit.is_trying(),
            answered_ago: answered_at.map(|at| now.since(at)),
            answered: count(&figures.answered),
            unchanged: count(&figures.unchanged),
            no_such_account: count(&figures.no_such_account),
            failed: count(&figures.failed),
            spared: count(&figures.spared),
        }
    }
}

/// A question that was begun: where it is dropped, the source did not answer in time.
struct Call<'a> {
    remote: &'a Arc<Remote>,
    settled: bool,
}

impl Call<'_> {
    fn settle(
        mut self,
        answer: Result<Option<Standing>, Fault>,
    ) -> Result<Option<Standing>, Fault> {
        self.settled = true;
        match &answer {
            Ok(_) => self.remote.answered(),
            Err(fault) if fault.is_spared() => self.remote.figures.spared(),
            Err(fault) => self.remote.failed(fault),
        }
        answer
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.remote.failed(&Fault::Silent("not in time".to_owned()));
        }
    }
}

impl Figures {
    fn spared(&self) {
        self.spared.fetch_add(1, Ordering::Relaxed);
    }
}

impl Remote {
    /// Unless the source is failing.
    fn begin(self: &Arc<Self>) -> Result<Call<'_>, Fault> {
        if self.circuit().is_closed() {
            return Ok(Call { remote: self, settled: false });
        }
        self.figures.spared();
        Err(Fault::Open)
    }

    async fn ask_in_turn(&self, account: &AccountKey) -> Result<Option<Standing>, Fault> {
        let slot = tokio::time::timeout(self.timeout, self.slots.acquire()).await;
        let Ok(Ok(_slot)) = slot else { return Err(Fault::Busy) };
        self.ask(account).await
    }

    async fn ask(&self, account: &AccountKey) -> Result<Option<Standing>, Fault> {
        let Some(question) = self.kind.question(account, self.named) else {
            return Ok(self.nobody(account));
        };
        let known = self.tags.get(account);
        let tag = known.as_ref().map(|(tag, _)| tag.as_str());
        let (status, tag, body) = match self.door.ask(&question, tag).await? {
            Answer::Unchanged => {
                let (_, standing) = known.ok_or(Fault::Status(StatusCode::NOT_MODIFIED))?;
                self.figures.unchanged.fetch_add(1, Ordering::Relaxed);
                return Ok(Some(*standing));
            }
            Answer::Said { status, tag, body } => (status, tag, body),
        };
        let now = self.clock.wall();
        match self.kind.read(status, &body, account, self.named, now)? {
            Said::Standing(standing) => {
                self.remember(account, tag, &standing);
                self.figures.answered.fetch_add(1, Ordering::Relaxed);
                Ok(Some(*standing))
            }
            Said::Nobody => Ok(self.nobody(account)),
            Said::PerhapsNobody => {
                self.try_credential().await?;
                Ok(self.nobody(account))
            }
        }
    }

    fn remember(&self, account: &AccountKey, tag: Option<String>, standing: &Standing) {
        match tag {
            Some(tag) => {
                let standing = Box::new(standing.clone());
                self.tags.insert(account.clone(), (tag, standing));
            }
            None => self.tags.invalidate(account),
        }
    }

    fn nobody(&self, account: &AccountKey) -> Option<Standing> {
        self.tags.invalidate(account);
        self.nobodies.insert(account.clone(), ());
        self.figures.no_such_account.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Only to somebody whose credential works is "not found" an answer.
    async fn try_credential(&self) -> Result<(), Fault> {
        let trusted = lock(&self.trusted_until).is_some_and(|until| self.now() < until);
        if trusted { Ok(()) } else { self.trial().await }
    }

    async fn trial(&self) -> Result<(), Fault> {
        match self.door.ask(&self.kind.trial(), None).await? {
            Answer::Said { status, body, .. } if self.kind.passes(status, &body) => {
                *lock(&self.trusted_until) = Some(self.now().after(TRUSTED_FOR));
                Ok(())
            }
            Answer::Said { status, .. } if status != StatusCode::OK => Err(Fault::Status(status)),
            _ => Err(Fault::OtherForm("our credential does not see accounts")),
        }
    }

    fn answered(&self) {
        *lock(&self.answered_at) = Some(self.now());
        // An answer that was under way when the circuit opened does not close it: the
        // trial does.
        let mut circuit = self.circuit();
        if circuit.is_closed() {
            let _ = circuit.answered();
        }
    }

    fn failed(self: &Arc<Self>, fault: &Fault) {
        self.figures.failed.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(error = %fault, "status source failed");
        if fault.is_of_account() {
            return;
        }
        *lock(&self.trusted_until) = None;
        let turn = self.circuit().failed(self.now());
        if turn == Some(Turn::Opened) {
            tracing::error!(source = %self.door, error = %fault, "status source lost");
            tokio::spawn(find_out(Arc::downgrade(self)));
        }
    }

    fn now(&self) -> Monotonic {
        self.clock.now().monotonic
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        lock(&self.circuit)
    }
}

/// Tries a source that is failing until it is back.
async fn find_out(remote: Weak<Remote>) {
    loop {
        let pause = remote.upgrade().and_then(|remote| remote.circuit().pause());
        let Some(pause) = pause else { return };
        tokio::time::sleep(pause).await;
        let Some(remote) = remote.upgrade() else { return };
        remote.circuit().begin_trial();
        if remote.trial().await.is_err() {
            remote.circuit().trial_failed();
            continue;
        }
        *lock(&remote.answered_at) = Some(remote.now());
        if remote.circuit().answered() == Some(Turn::Closed) {
            tracing::info!(source = %remote.door, "status source back");
        }
        return;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for RemoteSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSource")
            .field("kind", &self.0.kind)
            .finish_non_exhaustive()
    }
}
