//! What happened: for the audit log, the feed and the logs.

use std::fmt;

use serde::Serialize;

use crate::domain::account::AccountId;
use crate::domain::time::Timestamp;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident => $word:literal,)*) => {
        /// What was done. The word is stable: audit logs keep it.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// Every action there is, in the order in which they are declared.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word that is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// Reads the stored word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

actions! {
    /// An invited or registered person was let in.
    AccountActivated => "account.activated",
    /// An account was made.
    AccountCreated => "account.created",
    /// An account was deleted for good; its record and login stay.
    AccountDeleted => "account.deleted",
    /// An account was disabled for good.
    AccountDisabled => "account.disabled",
    /// A disablement was lifted.
    AccountEnabled => "account.enabled",
    /// An admin lock was laid or changed.
    AccountLocked => "account.locked",
    /// The attempt engine locked an account out.
    AccountLockedOut => "account.locked_out",
    /// The attempt engine locked an account out at one address alone.
    AccountLockedOutAtAddress => "account.locked_out_at_address",
    /// The attempt engine would have locked an account out, were it not only told
    /// to monitor.
    AccountWouldBeLockedOut => "account.would_be_locked_out",
    /// Locks were lifted.
    AccountUnlocked => "account.unlocked",
    /// What is kept of a person was changed.
    AccountUpdated => "account.updated",
    /// What was counted by addresses was forgotten.
    AddressUnlocked => "address.unlocked",
    /// An application was made.
    ApplicationCreated => "application.created",
    /// An application was shut out.
    ApplicationDisabled => "application.disabled",
    /// An application was let in again.
    ApplicationEnabled => "application.enabled",
    /// An application was removed, with its tokens.
    ApplicationRemoved => "application.removed",
    /// What an application may do was changed.
    ApplicationScopesChanged => "application.scopes_changed",
    /// An application got a new secret.
    ApplicationSecretRotated => "application.secret_rotated",
    /// Old records of this log were forgotten.
    AuditPruned => "audit.pruned",
    /// Somebody began to delete an account, with a transfer of its records.
    DeletionBegun => "deletion.begun",
    /// A deletion was called off.
    DeletionCancelled => "deletion.cancelled",
    /// A deletion that had stopped goes on.
    DeletionResumed => "deletion.resumed",
    /// A known device was forgotten.
    DeviceForgotten => "device.forgotten",
    /// A known device used its own guesses up.
    DeviceLockedOut => "device.locked_out",
    /// A group was made.
    GroupCreated => "group.created",
    /// A group was deleted; its members stay.
    GroupDeleted => "group.deleted",
    /// What is kept of a group was changed, or who is in it.
    GroupUpdated => "group.updated",
    /// A password that was right is kept as another hash from now on.
    PasswordRehashed => "password.rehashed",
    /// A link was made that sets a password.
    InvitationCreated => "invitation.created",
    /// A password was taken away.
    PasswordRemoved => "password.removed",
    /// A password was set.
    PasswordSet => "password.set",
    /// Records of a module went to somebody else, before their owner is deleted.
    RecordsTransferred => "records.transferred",
    /// A change of many accounts was begun.
    RunBegun => "run.begun",
    /// A change of many accounts was stopped.
    RunCancelled => "run.cancelled",
    /// A change of many accounts that was stopped goes on.
    RunResumed => "run.resumed",
    /// One session was ended.
    SessionEnded => "session.ended",
    /// All sessions of an account were ended.
    SessionsEnded => "sessions.ended",
    /// A setting was changed.
    SettingChanged => "setting.changed",
    /// An API token was made.
    TokenCreated => "token.created",
    /// An API token was revoked.
    TokenRevoked => "token.revoked",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Action {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What the writer of a change says about it, for the audit log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// Who did it: `cli:root`, `user:7`, `engine`.
    pub actor: String,
    /// What was done.
    pub action: Action,
    /// Why, where somebody said so.
    pub reason: Option<String>,
    /// The address it was done from, where it came over the network.
    pub from: Option<String>,
}

/// One entry of the audit log.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AuditRecord {
    /// Its place in the log, without gaps.
    pub position: u64,
    /// When it was done.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: Action,
    /// To whom.
    pub account: Option<AccountId>,
    /// Why.
    pub reason: Option<String>,
    /// The address it was done from.
    pub from: Option<String>,
    /// What was there before, as JSON.
    pub before: Option<String>,
    /// What is there now, as JSON.
    pub after: Option<String>,
}
