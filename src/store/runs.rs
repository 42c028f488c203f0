//! Runs: changes of many accounts, a few of them at a time.
//!
//! A run takes its items in the order of their positions and never goes back, so it
//! meets no account twice, whatever it changes. What became of an item is written in
//! the transaction that changed the account: a run that was killed goes on where it
//! stopped, and does nothing twice.
//!
//! Whoever works on a run holds it for a while, and longer with each step. Nobody
//! else works on it meanwhile; once the time is over, anybody may go on.

mod tally;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::account::AccountId;
use crate::domain::event::Note;
use crate::domain::group::GroupId;
use crate::domain::standing::Version;
use crate::domain::time::Timestamp;
use crate::store::{BoxFuture, Changed, Edit, Facts, StoreError};

pub(crate) use self::tally::Tally;

/// A run's number.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct RunId(i64);

impl RunId {
    /// The run with this number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$of])* $variant,)+
        }

        impl $name {
            /// The word that is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// Reads the stored word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// Where a run comes from.
    RunOrigin {
        /// Somebody chose people and what is to become of them.
        Bulk => "bulk",
        /// The rule about people who did not sign in for long.
        Inactivity => "inactivity",
        /// Somebody takes back what another run did.
        Undo => "undo",
    }
}

words! {
    /// How far a run has come.
    RunState {
        /// It was stopped; it can be resumed.
        Cancelled => "cancelled",
        /// Every item was decided on.
        Finished => "finished",
        /// Its items are still being written down: nothing was changed.
        Preparing => "preparing",
        /// It goes on, or waits for somebody to go on with it.
        Running => "running",
    }
}

words! {
    /// What became of one item.
    ItemOutcome {
        /// The account was changed.
        Changed => "changed",
        /// There is no such account, or it is deleted.
        NotFound => "not_found",
        /// It was not decided on yet.
        Pending => "pending",
        /// A rule forbids it.
        Refused => "refused",
        /// It was as asked for already.
        Unchanged => "unchanged",
    }
}

/// How many items came to what.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunCounts {
    /// Accounts that were changed.
    pub changed: u64,
    /// Accounts that were as asked for already.
    pub unchanged: u64,
    /// Accounts that a rule kept as they were.
    pub refused: u64,
    /// Names and numbers that are nobody's.
    pub not_found: u64,
}

impl RunCounts {
    /// Counts one more.
    pub fn count(&mut self, outcome: ItemOutcome) {
        match outcome {
            ItemOutcome::Changed => self.changed += 1,
            ItemOutcome::Unchanged => self.unchanged += 1,
            ItemOutcome::Refused => self.refused += 1,
            ItemOutcome::NotFound => self.not_found += 1,
            ItemOutcome::Pending => {}
        }
    }

    /// All of them.
    pub const fn decided(&self) -> u64 {
        self.changed + self.unchanged + self.refused + self.not_found
    }
}

/// A run as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Where it comes from.
    pub origin: RunOrigin,
    /// Who began it, as the audit log names them.
    pub actor: String,
    /// What is to be done and in whose name, in the words of whoever asked.
    pub plan: String,
    /// How far it has come.
    pub state: RunState,
    /// The position of the last item that was decided on.
    pub reached: i64,
    /// The last position there is.
    pub last: i64,
    /// How many items there were when it began.
    pub total: u64,
    /// How many came to what.
    pub counts: RunCounts,
    /// The run that this one takes back.
    pub undoes: Option<RunId>,
    /// The run that takes this one back.
    pub undone_by: Option<RunId>,
    /// Until when somebody works on it who need not answer.
    pub held_until: Option<Timestamp>,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it last came further.
    pub updated_at: Timestamp,
    /// When it was finished or cancelled.
    pub ended_at: Option<Timestamp>,
}

impl Run {
    pub(crate) fn begun(id: RunId, new: NewRun, now: Timestamp) -> Self {
        let state = if new.preparing { RunState::Preparing } else { RunState::Running };
        Self {
            id,
            origin: new.origin,
            actor: new.actor,
            plan: new.plan,
            state,
            reached: 0,
            last: new.last,
            total: new.total,
            counts: RunCounts::default(),
            undoes: new.undoes,
            undone_by: None,
            held_until: None,
            begun_at: now,
            updated_at: now,
            ended_at: None,
        }
    }

    /// Why it can't be taken back, if so.
    pub(crate) fn refuses_undo(&self) -> Option<RunRefusal> {
        match (self.undone_by, self.state) {
            (Some(by), _) => Some(RunRefusal::Undone(by)),
            (None, RunState::Cancelled | RunState::Finished) => None,
            _ => Some(RunRefusal::NotEnded),
        }
    }
}

/// A run about to be begun.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Where it comes from.
    pub origin: RunOrigin,
    /// Who begins it.
    pub actor: String,
    /// What is to be done and in whose name.
    pub plan: String,
    /// Whether its items are still to be written down.
    pub preparing: bool,
    /// The last position there is.
    pub last: i64,
    /// How many items there are, as far as is known.
    pub total: u64,
    /// The run that it takes back.
    pub undoes: Option<RunId>,
    /// Not if a run of the same origin was begun at this instant or later.
    pub unless_since: Option<Timestamp>,
}

/// Why a run was not begun. Nothing was stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RunRefusal {
    /// The run to be taken back is not there.
    NoSuchRun,
    /// The run to be taken back goes on still.
    NotEnded,
    /// One of the same origin was begun a short time ago.
    TooSoon,
    /// The run was taken back before, by this one.
    Undone(RunId),
}

/// One account that a run is about, and what became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunItem {
    /// Its place in the run.
    pub position: i64,
    /// The account, where there is one.
    pub account: Option<AccountId>,
    /// The login that was named, where it was.
    pub name: Option<String>,
    /// What became of it.
    pub outcome: ItemOutcome,
    /// Why it was refused.
    pub detail: Option<String>,
    /// The version that the account was in.
    pub before: Option<Version>,
    /// The version that the run left it in.
    pub after: Option<Version>,
    /// What the run changed as it was before, in the words of whoever asked.
    pub kept: Option<String>,
}

/// A few items to be decided on in one transaction.
#[derive(Clone, Debug)]
pub struct RunStep {
    /// Whose they are.
    pub run: RunId,
    /// Who works on the run.
    pub holder: u64,
    /// Until when nobody else does, unless it is said again.
    pub hold_until: Timestamp,
    /// The items, in the order of their positions.
    pub items: Vec<StepItem>,
    /// Whether there are no more after these.
    pub is_last: bool,
    /// How long the transaction may go on before its commit: items that are not decided
    /// on by then are left for the next step, but for the first few.
    pub budget: Duration,
}

/// An item to be decided on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StepItem {
    /// Its place in the run.
    pub position: i64,
    /// The account, where the name is somebody's.
    pub account: Option<AccountId>,
    /// The login that was named, where it was.
    pub name: Option<String>,
}

/// What is to become of an account.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "it is written, left with a word about it, or passed over"
)]
pub enum Decision {
    /// Say nothing of it: it is no item of this run after all.
    Pass,
    /// Leave it as it is, and say why.
    Leave(ItemOutcome, Option<String>),
    /// Write this, and keep what was there before.
    Write {
        /// The account as it is to be. Rights, locks and generations are for runs; the
        /// rest stays as it is.
        edit: Box<Edit>,
        /// What the run changes, as it was.
        kept: Option<String>,
    },
}

/// Decides on an item by the facts inside the transaction. Of accounts that are not
/// there it is not asked; of the devices of an account it is told nothing, but in which
/// groups it is.
pub type DecideItem<'a> = Box<dyn FnMut(&StepItem, Facts<'_>, &[GroupId]) -> Decision + Send + 'a>;

/// What a step did.
#[derive(Clone, Debug)]
pub struct Stepped {
    /// The run as it is now.
    pub run: Run,
    /// The accounts that were changed.
    pub changed: Vec<Changed>,
    /// How long others could not write meanwhile, with the commit.
    pub took: Duration,
}

/// Which items to list.
#[derive(Clone, Copy, Debug)]
pub struct ItemQuery {
    /// Whose.
    pub run: RunId,
    /// Only those after this position.
    pub after: i64,
    /// Only those that came to this.
    pub outcome: Option<ItemOutcome>,
    /// At most so many.
    pub limit: u32,
}

/// Keeps runs, their items, and who works on them.
pub trait RunStore: fmt::Debug + Send + Sync + 'static {
    /// Begins a run, with a record in the audit log.
    fn begin_run(
        &self,
        new: NewRun,
        note: Note,
    ) -> BoxFuture<'_, Result<Result<Run, RunRefusal>, StoreError>>;

    /// Writes down items of a run that is being prepared. Says whether it still is.
    fn add_run_items(
        &self,
        run: RunId,
        items: Vec<StepItem>,
    ) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Takes a run on that is to go on, unless somebody else works on it. The run as it
    /// is then.
    fn claim_run(
        &self,
        run: RunId,
        holder: u64,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Run>, StoreError>>;

    /// Decides on a few items, in one transaction with everything that comes of it: for
    /// each account that is changed its record in the audit log and its entry in the
    /// feed. `None` if the run does not go on, or somebody else works on it.
    fn step_run<'a>(
        &'a self,
        step: RunStep,
        decide: DecideItem<'a>,
    ) -> BoxFuture<'a, Result<Option<Stepped>, StoreError>>;

    /// Stops a run, lets it go on, or says that it is prepared, if it is in one of the
    /// states `from`; with a record in the audit log where there is something to say.
    fn turn_run<'a>(
        &'a self,
        run: RunId,
        from: &'a [RunState],
        to: RunState,
        note: Option<Note>,
    ) -> BoxFuture<'a, Result<Option<Run>, StoreError>>;

    /// A run by its number.
    fn run(&self, id: RunId) -> BoxFuture<'_, Result<Option<Run>, StoreError>>;

    /// Runs, newest first: those with a lower number than `before`, in one of these
    /// states, or in any if none is named.
    fn list_runs<'a>(
        &'a self,
        before: Option<RunId>,
        states: &'a [RunState],
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Run>, StoreError>>;

    /// Items of a run, in the order of their positions.
    fn run_items(&self, query: ItemQuery) -> BoxFuture<'_, Result<Vec<RunItem>, StoreError>>;
}
