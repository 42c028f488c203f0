//! What administrators do: one operation a file, the only writer of accounts.
//!
//! Every change is decided inside the directory's transaction, on facts of one
//! instant, and written with its audit record. When an operation returns, the
//! change is durable and the gate of this process, if there is one, enforces it;
//! other gateways follow the feed. An operation whose future is dropped either
//! happened or did not; the gate then learns of it through the feed.
//!
//! Each operation asks whether its [`Actor`] may do it: the command line is the host's,
//! and people and applications may do what their rights and their token allow. Whose a
//! session, a token or a device is that is ended by its id is asked here too: people
//! may always end their own.

mod actor;
mod add;
mod address;
mod application;
pub mod assertion_keys;
mod assignable;
mod audit;
mod authenticate;
mod bulk;
mod client;
mod delete;
pub mod deletion;
mod device;
mod disable;
mod error;
#[cfg(any(feature = "api", feature = "pages"))]
pub(crate) mod export;
mod feed;
mod find;
mod group;
mod history;
#[cfg(feature = "passwords")]
mod import;
#[cfg(feature = "api")]
pub(crate) mod import_row;
mod inactivity;
mod invite;
mod licence;
mod lock;
pub mod modules;
mod password;
mod person;
mod reuse;
mod rights;
mod scratch;
pub mod settings;
mod show;
mod sign_out;
mod token;
#[cfg(feature = "pages")]
mod trial;
mod unlock;
mod update;
#[cfg(feature = "passwords")]
mod verify;
mod webhooks;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use crate::domain::account::{Account, AccountId};
use crate::domain::event::{Action, Note};
use crate::domain::login::TypedLogin;
use crate::domain::session::{Session, SessionId};
use crate::domain::standing::{Lifecycle, Transition};
#[cfg(feature = "pages")]
use crate::domain::time::Monotonic;
use crate::domain::time::Timestamp;
use crate::engine::Portcullis;
#[cfg(feature = "passwords")]
use crate::engine::passwords::Passwords;
use crate::store::{Changed, Directory, Edit, Facts};

pub use self::actor::Actor;
pub use self::add::NewPerson;
pub use self::application::CreatedApplication;
pub use self::assignable::{Assignable, AssignablePage, Page};
pub use self::audit::ExportFormat;
pub use self::authenticate::{Caller, Identity, TokenRefusal};
pub use self::bulk::{
    AdminWish, BulkChange, BulkItem, BulkPreview, BulkRequest, BulkRun, Chosen, DisableWish,
    LockWish, Refusal, Refused, Selection,
};
pub use self::client::{Client, ClientRefusal, LiveToken, Revoked};
pub use self::deletion::{DeletionRequest, DeletionRun, TransferError};
pub use self::error::AdminError;
pub use self::feed::{FeedPart, FeedPlace};
pub use self::find::Taken;
pub use self::group::GroupChange;
pub use self::history::SOURCES_AMONG;
#[cfg(feature = "passwords")]
pub use self::import::{Import, ImportedPerson};
pub use self::inactivity::{InactivityPreview, InactivityRule};
pub use self::invite::{DEFAULT_INVITATION, Invited, MAX_INVITATION};
pub use self::licence::Licences;
pub use self::modules::Modules;
pub use self::person::{PersonChange, Switch};
pub use self::rights::Rights;
pub use self::scratch::{InvalidRun, ScratchRun};
pub use self::settings::{Branding, Pins};
pub use self::show::Detail;
pub use self::token::{CreatedToken, TokenRequest};
#[cfg(feature = "pages")]
pub use self::trial::{PolicyTrial, TRIED_ON, TriedPolicy};
pub use self::unlock::UnlockKind;

/// Does what administrators ask for.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Admin {
    directory: Arc<dyn Directory>,
    gate: Option<Portcullis>,
    /// Shared by all clones.
    pins: Arc<ArcSwap<Pins>>,
    modules: Modules,
    #[cfg(feature = "passwords")]
    passwords: Passwords,
}

/// Whom an operation is about.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// The account with this number.
    Id(AccountId),
    /// Whoever has this login or primary e-mail address.
    Login(TypedLogin),
}

/// What an operation did to an account.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The account as it is now.
    pub account: Account,
    /// Whether anything was written. Asking for what is so already succeeds and
    /// changes nothing.
    pub changed: bool,
    /// How many live sessions the change ended, where that could be counted. One
    /// that was opened in the same instant may be ended and not counted.
    pub sessions_ended: Option<usize>,
    /// What whoever asked should know.
    pub warning: Option<Warning>,
}

/// What a change brings about that may not have been meant.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Warning {
    /// Nobody is left who can act as an administrator.
    LastAdministrator,
}

/// What a rule says about a change that is asked for.
enum Ruling {
    /// All is as it was asked for.
    Keep,
    /// Write this, and pass the warning on.
    Write(Box<Edit>, Option<Warning>),
}

impl Admin {
    /// Over this directory.
    pub fn new(directory: Arc<dyn Directory>) -> Self {
        Self {
            directory,
            gate: None,
            pins: Arc::default(),
            modules: Modules::new(),
            #[cfg(feature = "passwords")]
            passwords: Passwords::new(),
        }
    }

    /// Tells this gate of each change before the operation returns: no request
    /// that begins later is admitted on the old standing.
    #[must_use]
    pub fn with_gate(self, gate: Portcullis) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// Leaves these settings as a configuration says, whatever is asked for.
    #[must_use]
    pub fn with_pins(self, pins: Pins) -> Self {
        Self { pins: Arc::new(ArcSwap::from_pointee(pins)), ..self }
    }

    /// Leaves these as a configuration says from now on, and no others: for this and
    /// every clone of it.
    pub fn replace_pins(&self, pins: Pins) {
        self.pins.store(Arc::new(pins));
        if let Some(gate) = &self.gate {
            gate.tell_settings_changed();
        }
    }

    /// Gives records of these modules to somebody else when their owner is deleted.
    #[must_use]
    pub fn with_modules(self, modules: Modules) -> Self {
        Self { modules, ..self }
    }

    /// Shares the limit on hashes that run at once.
    #[cfg(feature = "passwords")]
    #[must_use]
    pub fn with_passwords(self, passwords: Passwords) -> Self {
        Self { passwords, ..self }
    }

    /// The instant, by the directory's clock.
    pub fn now(&self) -> Timestamp {
        self.directory.clock().wall()
    }

    /// The instant by a clock that nobody sets, to tell how long something took.
    #[cfg(feature = "pages")]
    pub(crate) fn instant(&self) -> Monotonic {
        self.directory.clock().now().monotonic
    }

    /// Changes an account by a rule that sees it inside the transaction.
    async fn change(
        &self,
        target: &Target,
        rule: impl FnOnce(&Facts<'_>) -> Result<Ruling, AdminError> + Send,
    ) -> Result<Outcome, AdminError> {
        let id = self.number_of(target).await?;
        let limit = self.licence_limit().await?;
        // Before: those that a change ends are no longer listed after it. That
        // they can't be counted is no reason to let nobody be locked.
        let live = self.directory.sessions_of(id.into()).await.ok();
        let (mut seen, mut action) = (None, None);
        let decide = |facts: Facts<'_>| {
            let ruling = not_deleted(&facts, target).and_then(|()| rule(&facts));
            let ruling = ruling.and_then(|ruling| ruling.within(&facts, limit));
            let (edit, warning) = split(ruling);
            seen = Some(warning.map(|warning| (facts.account.clone(), warning)));
            action = edit.as_ref().map(|edit| edit.note.action);
            edit
        };
        let changed = self.directory.change(id, Box::new(decide)).await?;
        let (unchanged, warning) = seen.unwrap_or_else(|| Err(AdminError::unknown(target)))?;
        Ok(match changed {
            None => Outcome::unchanged(unchanged),
            Some(Changed { before, account }) => {
                self.tell_gate(&account);
                if before.locks.admin_lock.is_some() && account.locks.admin_lock.is_none() {
                    // What is unlocked is: should this fail, whoever works on a deletion
                    // sees that the lock is gone.
                    let _ = self.call_off_deletion(&account).await;
                }
                action.into_iter().for_each(|action| self.count(action));
                let sessions_ended = live.map(|live| ended_between(&live, &before, &account));
                Outcome { account, changed: true, sessions_ended, warning }
            }
        })
    }

    async fn number_of(&self, target: &Target) -> Result<AccountId, AdminError> {
        match target {
            Target::Id(id) => Ok(*id),
            Target::Login(_) => Ok(self.find(target).await?.id),
        }
    }

    /// The account as it is, unless it is deleted.
    async fn find(&self, target: &Target) -> Result<Account, AdminError> {
        let found = match target {
            Target::Id(id) => self.directory.account(*id).await?,
            Target::Login(typed) => self.directory.resolve(typed.clone()).await?,
        };
        found
            .filter(|account| account.lifecycle != Lifecycle::Deleted)
            .ok_or_else(|| AdminError::unknown(target))
    }

    /// For the figures: a change was made.
    fn count(&self, action: Action) {
        if let Some(gate) = &self.gate {
            gate.figures().changed(action);
        }
    }

    fn tell_gate(&self, account: &Account) {
        if let Some(gate) = &self.gate {
            gate.standing_changed(&account.key(), account.standing());
            gate.took_hold(&account.standing(), account.updated_at);
        }
    }

    fn tell_gate_of_end(&self, id: SessionId) {
        if let Some(gate) = &self.gate {
            gate.session_ended(id);
        }
    }
}

impl Outcome {
    fn unchanged(account: Account) -> Self {
        Self { account, changed: false, sessions_ended: Some(0), warning: None }
    }
}

impl Ruling {
    fn write(account: Account, note: Note) -> Self {
        Self::Write(Box::new(Edit { account, password_hash: None, note }), None)
    }

    fn with_warning(self, warning: Option<Warning>) -> Self {
        match self {
            Self::Keep => Self::Keep,
            Self::Write(edit, _) => Self::Write(edit, warning),
        }
    }
}

impl From<AccountId> for Target {
    fn from(id: AccountId) -> Self {
        Self::Id(id)
    }
}

impl From<&str> for Target {
    fn from(typed: &str) -> Self {
        Self::Login(TypedLogin::new(typed))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "number {id}"),
            Self::Login(typed) => write!(f, "{:?}", typed.as_str()),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LastAdministrator => {
                "no other administrator can act now: only the command line on this host can \
                 help until you undo this or add an administrator"
            }
        })
    }
}

/// How many of these sessions died with their generation.
fn ended_between(live: &[Session], before: &Account, after: &Account) -> usize {
    let raised = before.generation != after.generation;
    let born_in = |session: &&Session| session.generation == before.generation;
    if raised { live.iter().filter(born_in).count() } else { 0 }
}

fn split(
    ruling: Result<Ruling, AdminError>,
) -> (Option<Edit>, Result<Option<Warning>, AdminError>) {
    match ruling {
        Err(refused) => (None, Err(refused)),
        Ok(Ruling::Keep) => (None, Ok(None)),
        Ok(Ruling::Write(edit, warning)) => (Some(*edit), Ok(warning)),
    }
}

fn not_deleted(facts: &Facts<'_>, target: &Target) -> Result<(), AdminError> {
    match facts.account.lifecycle {
        Lifecycle::Deleted => Err(AdminError::unknown(target)),
        _ => Ok(()),
    }
}

/// Nobody shuts out themselves or the last active administrator. The command
/// line on the host can: it is how one gets back in, and it says what it does.
fn may_shut_out(
    facts: &Facts<'_>,
    actor: &Actor,
    change: Transition,
) -> Result<Option<Warning>, AdminError> {
    let last = facts.account.is_active_admin(facts.now) && facts.other_active_admins == 0;
    match actor {
        Actor::Account { id, .. } if *id == facts.account.id => {
            Err(AdminError::Yourself { change })
        }
        Actor::Cli { .. } => Ok(last.then_some(Warning::LastAdministrator)),
        _ if last => Err(AdminError::LastAdministrator { change }),
        _ => Ok(None),
    }
}

#[cfg(test)]
pub(crate) mod tests;
