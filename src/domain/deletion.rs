//! A deletion under way: what was asked for, what is done, and what stopped it.
//!
//! ```text
//!               a step that      resumed
//!               can't be done  ┌─────────┐
//!  begun ──► Working ──────► Failed      │
//!              │  ▲            │  └──────┘ to Working
//!              │  └────────────┼── a process died: its lease is over, another goes on
//!              ▼               ▼
//!             Done         Cancelled (from Working, too; the account stays locked)
//! ```

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::domain::account::{Account, AccountId};
use crate::domain::lock::Reason;
use crate::domain::login::Login;
use crate::domain::time::Timestamp;
use crate::domain::transfer::{ModuleChoice, ModuleName, Transfer};

/// A deletion's number, 1 or more.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct DeletionId(i64);

/// A deletion, as it is kept and shown. In JSON, instants are as RFC 3339 writes them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Deletion {
    /// Its number.
    pub id: DeletionId,
    /// Whose account goes, as it was called when the deletion began.
    pub account: Party,
    /// Who gets records, as they were called then.
    pub receiver: Option<Party>,
    /// Who asked for it: `user:7`, `cli:root`.
    pub actor: String,
    /// Why.
    pub reason: Reason,
    /// What goes to somebody else.
    pub transfer: Transfer,
    /// How far it is.
    pub state: DeletionState,
    /// The modules of which something goes, in the order in which it is done.
    #[serde(serialize_with = "without_steps")]
    pub modules: Vec<ModuleProgress>,
    /// What stopped it, while it is [`DeletionState::Failed`].
    pub error: Option<String>,
    /// When it began.
    #[serde(serialize_with = "instant", deserialize_with = "read_instant")]
    pub begun_at: Timestamp,
    /// When anything about it last changed.
    #[serde(serialize_with = "instant", deserialize_with = "read_instant")]
    pub updated_at: Timestamp,
    /// When it was done or cancelled.
    #[serde(serialize_with = "instant_if_any", deserialize_with = "read_instant_if_any")]
    pub ended_at: Option<Timestamp>,
}

/// Who a deletion takes from or gives to, by every name that records may know them by.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Party {
    /// The account's number.
    pub id: AccountId,
    /// Its login.
    pub login: Login,
    /// Its primary e-mail address.
    pub email: Option<String>,
}

/// How far a deletion is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the whole life of a deletion")]
pub enum DeletionState {
    /// Somebody works on it, or died over it.
    Working,
    /// A step could not be done: it waits for somebody to resume or cancel it.
    Failed,
    /// It was called off; what was moved stays moved.
    Cancelled,
    /// The account is deleted.
    Done,
}

/// How far one module is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ModuleProgress {
    /// Which.
    pub module: ModuleName,
    /// Which of its records go.
    pub choice: ModuleChoice,
    /// How many that were when the deletion began.
    pub expected: u64,
    /// How many are with the receiver.
    pub moved: u64,
    /// How far it is.
    pub state: ModuleState,
    /// The step that is being done, written down before it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// How many steps are done.
    pub steps: u64,
    /// What went wrong with it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How far a module is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "before, in the middle, after")]
pub enum ModuleState {
    /// Nothing of it is moved yet.
    Waiting,
    /// It is being moved.
    Moving,
    /// Everything that was to go is with the receiver.
    Moved,
}

/// A step of moving: these records, or as many as the module moves at once.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Step {
    /// The records, where the module is moved record by record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RecordId>,
}

/// What an application numbers a record by.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(untagged)]
#[expect(clippy::exhaustive_enums, reason = "tables have keys of these two kinds")]
pub enum RecordId {
    /// A whole number.
    Number(i64),
    /// Any text, such as a UUID.
    Text(String),
}

impl DeletionId {
    /// The number itself.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for DeletionId {
    type Error = InvalidDeletionId;

    fn try_from(number: i64) -> Result<Self, InvalidDeletionId> {
        if number > 0 { Ok(Self(number)) } else { Err(InvalidDeletionId) }
    }
}

impl From<DeletionId> for i64 {
    fn from(id: DeletionId) -> Self {
        id.0
    }
}

impl std::str::FromStr for DeletionId {
    type Err = InvalidDeletionId;

    fn from_str(text: &str) -> Result<Self, InvalidDeletionId> {
        let number: i64 = text.parse().map_err(|_| InvalidDeletionId)?;
        number.try_into()
    }
}

impl fmt::Display for DeletionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number that no deletion has.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a deletion's number is 1 or more")]
pub struct InvalidDeletionId;

impl DeletionState {
    /// The stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
        }
    }

    /// Reads the stable word.
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Working, Self::Failed, Self::Cancelled, Self::Done];
        all.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether the deletion can still come to its end.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Working | Self::Failed)
    }
}

impl fmt::Display for DeletionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Party {
    /// The owner of this account's names now.
    pub fn of(account: &Account) -> Self {
        Self { id: account.id, login: account.login.clone(), email: account.email.clone() }
    }
}

impl ModuleProgress {
    /// A module of which nothing is moved yet.
    pub fn new(module: ModuleName, choice: ModuleChoice, expected: u64) -> Self {
        let (moved, steps) = (0, 0);
        let state = ModuleState::Waiting;
        Self { module, choice, expected, moved, state, step: None, steps, error: None }
    }
}

impl Deletion {
    /// How many records are with the receiver.
    pub fn moved(&self) -> u64 {
        self.modules.iter().map(|module| module.moved).sum()
    }

    /// How many were to go when it began.
    pub fn expected(&self) -> u64 {
        self.modules.iter().map(|module| module.expected).sum()
    }
}

/// Which records a step is about is for whoever does it.
fn without_steps<S: Serializer>(
    modules: &[ModuleProgress],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let shown = modules
        .iter()
        .map(|module| ModuleProgress { step: None, ..module.clone() });
    serializer.collect_seq(shown)
}

fn instant<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

fn instant_if_any<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}

fn read_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    read(&String::deserialize(deserializer)?)
}

fn read_instant_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    text.as_deref().map(read).transpose()
}

fn read<E: de::Error>(text: &str) -> Result<Timestamp, E> {
    let read: Result<jiff::Timestamp, _> = text.parse();
    read.map(|at| Timestamp::from_micros(at.as_microsecond()))
        .map_err(|_| E::custom(format_args!("{text:?} is no instant")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_back_by_their_words() {
        for state in [
            DeletionState::Working,
            DeletionState::Failed,
            DeletionState::Cancelled,
            DeletionState::Done,
        ] {
            assert_eq!(DeletionState::from_word(state.as_str()), Some(state));
        }
        assert_eq!(DeletionState::from_word("gone"), None);
        assert!(DeletionId::try_from(0).is_err() && "x".parse::<DeletionId>().is_err());
    }

    #[test]
    fn a_deletion_is_shown_with_its_choice_and_without_records() {
        let party = |number: i64, login: &str| Party {
            id: number.try_into().expect("a number"),
            login: Login::new(login).expect("a login"),
            email: None,
        };
        let (name, receiver) = ("deals".parse::<ModuleName>().expect("a name"), party(7, "ann"));
        let mut progress = ModuleProgress::new(name, ModuleChoice::All, 3);
        progress.step = Some(Step { records: vec![RecordId::Number(4)] });
        let deletion = Deletion {
            id: DeletionId(1),
            account: party(3, "bob"),
            transfer: Transfer::All { receiver: receiver.id },
            receiver: Some(receiver),
            actor: "cli:root".to_owned(),
            reason: "left".try_into().expect("a reason"),
            state: DeletionState::Working,
            modules: vec![progress],
            error: None,
            begun_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            ended_at: None,
        };
        let shown = serde_json::to_value(&deletion).expect("JSON");
        assert_eq!(shown["begun_at"], "1970-01-01T00:00:00Z");
        assert_eq!(shown["transfer"]["records"], "all");
        assert_eq!(shown["modules"][0]["expected"], 3);
        assert!(shown["modules"][0].get("step").is_none());
        let mut read: Deletion = serde_json::from_value(shown).expect("a deletion");
        assert_eq!(read.modules[0].step, None);
        read.modules[0].step.clone_from(&deletion.modules[0].step);
        assert_eq!(read, deletion, "it is read back as it was shown");
    }
}
