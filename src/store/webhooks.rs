//! Messages that tell other services what happened here, until they arrive.
//!
//! What happened to accounts is in the audit log already, so nothing has to be written
//! beside a change: one gateway at a time reads on from where the last one stopped,
//! makes messages of it, and moves that place in the same transaction. Nothing is lost
//! by a crash, and nothing is made twice.

use std::fmt;
use std::time::Duration;

use crate::domain::account::AccountId;
use crate::domain::event::AuditRecord;
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::store::{BoxFuture, StoreError};

/// Keeps messages until they arrive.
pub trait WebhookStore: fmt::Debug + Send + Sync + 'static {
    /// From now on what happens is kept to be told. Nobody is told of what happened
    /// before the first time.
    fn begin(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Takes the desk where messages are made and sent, or keeps it, until so long
    /// from now. Says whether this holder has it.
    fn hold(&self, holder: String, length: Duration) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// What happened that no message tells of yet, at most so much of each kind.
    fn news(&self, limit: u32) -> BoxFuture<'_, Result<News, StoreError>>;

    /// Keeps messages, and takes the news as told. Says whether it was done: not by
    /// a holder who lost the desk, and not twice.
    fn post(
        &self,
        holder: String,
        told: News,
        messages: Vec<NewMessage>,
    ) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Messages to these endpoints whose time has come, oldest first. Of one account
    /// only the oldest that has not arrived at an endpoint: they come in order.
    fn due(
        &self,
        endpoints: Vec<String>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>>;

    /// Says what became of a message.
    fn settle(&self, number: u64, delivery: Delivery) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Messages that have not arrived, oldest first.
    fn messages(
        &self,
        filter: MessageFilter,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>>;

    /// Sends dead messages again: one, or all. Says how many there were.
    fn revive(&self, number: Option<u64>) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// How many messages wait, and how many are dead.
    fn backlog(&self) -> BoxFuture<'_, Result<(u64, u64), StoreError>>;
}

/// What happened that no message tells of yet.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Where the audit log was read from.
    pub from: u64,
    /// Where it was read to.
    pub to: u64,
    /// What it says, oldest first.
    pub records: Vec<AuditRecord>,
    /// What happened to single sessions, oldest first.
    pub sessions: Vec<SessionNews>,
}

/// Something that happened to one session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SessionNews {
    /// Which.
    pub session: SessionId,
    /// Whose it is.
    pub account: AccountId,
    /// What happened.
    pub kind: SessionNewsKind,
    /// When.
    pub at: Timestamp,
}

/// What happened to a session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SessionNewsKind {
    /// It was opened.
    Created,
    /// Its owner ended it.
    Ended,
    /// Somebody else ended it.
    Revoked,
}

impl SessionNewsKind {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Ended => "ended",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Created, Self::Ended, Self::Revoked];
        all.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A message about to be kept.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// What it is known by at every endpoint: the same however often it comes.
    pub id: String,
    /// Where it goes.
    pub endpoint: String,
    /// Whom it is about.
    pub account: AccountId,
    /// What kind of event it tells of.
    pub kind: String,
    /// What it says.
    pub body: String,
}

/// A message on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Its number, in the order in which messages were made.
    pub number: u64,
    /// What it is known by at every endpoint.
    pub id: String,
    /// Where it goes.
    pub endpoint: String,
    /// Whom it is about.
    pub account: AccountId,
    /// What kind of event it tells of.
    pub kind: String,
    /// What it says.
    pub body: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// How often it was sent.
    pub attempts: u32,
    /// When it is sent next; `None`: it is dead.
    pub next_at: Option<Timestamp>,
    /// Why it did not arrive the last time.
    pub last_error: Option<String>,
}

/// What became of a message that was sent.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Delivery {
    /// It arrived, and is forgotten.
    Arrived,
    /// It did not, and is sent again.
    Again {
        /// How long to wait.
        after: Duration,
        /// Why it did not.
        error: String,
    },
    /// It did not, and is sent no more.
    Dead {
        /// Why it did not.
        error: String,
    },
}

/// Which messages to list.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum MessageFilter {
    /// All that have not arrived.
    #[default]
    All,
    /// Those that are sent no more.
    Dead,
}

impl News {
    /// What was read, where each kind is cut at this many: of what is left, nothing is
    /// older than what was cut.
    pub(crate) fn cut(mut self, limit: u32) -> Self {
        let full = |length: usize| length >= limit as usize;
        if full(self.records.len())
            && let Some(last) = self.records.last().map(|record| record.at)
        {
            self.sessions.retain(|news| news.at <= last);
        } else if full(self.sessions.len())
            && let Some(last) = self.sessions.last().map(|news| news.at)
        {
            self.records.retain(|record| record.at <= last);
        }
        self.to = self
            .records
            .last()
            .map_or(self.from, |record| record.position);
        self
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.sessions.is_empty()
    }
}
