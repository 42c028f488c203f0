//! Why an operation was not done, and what to do about it.

use crate::admin::{Target, TransferError};
use crate::domain::account::AccountId;
use crate::domain::application::ApplicationId;
use crate::domain::deletion::{DeletionId, DeletionState};
use crate::domain::device::DeviceId;
use crate::domain::group::{GroupId, InvalidGroup};
use crate::domain::password::InvalidPassword;
use crate::domain::permission::Permission;
use crate::domain::session::SessionId;
use crate::domain::standing::{InvalidTransition, Status, Transition, Version};
use crate::domain::time::Timestamp;
use crate::store::{BrokenChain, CreateError, RunId, RunState, StoreError};

/// Why an operation was not done. Nothing was changed, unless it says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// Only administrators may do this.
    #[error("only an administrator can do this: ask one")]
    AdministratorsOnly,
    /// A token would be for an application that is shut out.
    #[error("the application {id} is disabled: enable it first")]
    ApplicationDisabled {
        /// Which.
        id: ApplicationId,
    },
    /// A token would be for more than its application.
    #[error("the application is not for {scope:?}: name less, or change its scopes first")]
    BeyondApplication {
        /// What is too much.
        scope: String,
    },
    /// A token or an application would be for more than whoever makes it may do.
    #[error(
        "you can't give {scope:?}, which is more than you may do: name less, or ask an administrator"
    )]
    BeyondMaker {
        /// What is too much.
        scope: String,
    },
    /// Records that do not fit their chain are not pruned.
    #[error("{0}: nothing was pruned; keep the file as evidence")]
    AuditAltered(#[from] BrokenChain),
    /// The account could not be made as asked for.
    #[error("{0}: choose another")]
    Create(#[source] CreateError),
    /// A deletion has ended, or it failed and nobody resumes it.
    #[error("the deletion {id} is {state}: list the deletions to see those that are open")]
    DeletionEnded {
        /// Which.
        id: DeletionId,
        /// How far it is.
        state: DeletionState,
    },
    /// Somebody works on a deletion.
    #[error("somebody works on the deletion {id}: wait until {until}, or until it is done")]
    DeletionHeld {
        /// Which.
        id: DeletionId,
        /// Until when, unless they go on.
        until: Timestamp,
    },
    /// The setting `accounts.deletion` is off.
    #[error("account deletion is switched off: switch it on first")]
    DeletionIsOff,
    /// Another process has taken a deletion over.
    #[error("another process works on the deletion {id} now: show it to see how far it is")]
    DeletionLost {
        /// Which.
        id: DeletionId,
    },
    /// The account is being deleted already.
    #[error("{login} is being deleted already: resume or cancel the deletion {id}")]
    DeletionOpen {
        /// Whose account it is.
        login: String,
        /// Which.
        id: DeletionId,
    },
    /// The setting `account_disabling` is off, as it is by default.
    #[error("account disabling is switched off: switch it on first")]
    DisablingIsOff,
    /// What an interface wants to keep of a person is too much.
    #[error("{bytes} bytes are too many to keep of a person, {max} are the most: keep less")]
    DocumentTooLarge {
        /// How many it would be.
        bytes: usize,
        /// The most.
        max: usize,
    },
    /// A lock or token would be over before it began.
    #[error("{end} is over already, it is {now}: name a later time")]
    EndIsPast {
        /// The end that was asked for.
        end: Timestamp,
        /// The instant of the decision.
        now: Timestamp,
    },
    /// More scopes than anybody needs.
    #[error("there are more than {max} scopes: name fewer, or * for everything")]
    TooManyScopes {
        /// How many there can be.
        max: usize,
    },
    /// Whoever asks may not do this.
    #[error("this needs the permission {permission}: ask an administrator for it")]
    Forbidden {
        /// What is needed.
        permission: Permission,
    },
    /// The password could not be hashed.
    #[error("the password could not be hashed: give the machine more free memory and try again")]
    Hashing,
    /// Not the form of an e-mail address.
    #[error("{email:?} is not an e-mail address: write it as name@example.org")]
    InvalidEmail {
        /// What was given.
        email: String,
    },
    /// Not the form of an external id.
    #[error("an external id has 1 to {max} bytes and no control characters: choose another")]
    InvalidExternalId {
        /// The longest.
        max: usize,
    },
    /// Not a name or a number of a group.
    #[error("{0}: write another")]
    InvalidGroup(#[from] InvalidGroup),
    /// Not the form of an identity at a provider.
    #[error("an identity has at most {max} visible characters: write provider:number")]
    InvalidIdentity {
        /// The longest identity.
        max: usize,
    },
    /// A link that lasts too short or too long.
    #[error("a link lasts between a minute and 30 days: write how long, as 7d")]
    InvalidInvitation,
    /// Not the form of a language.
    #[error("{tag:?} is not a language: write it as en or pt-BR")]
    InvalidLanguage {
        /// What was given.
        tag: String,
    },
    /// A name that no page could show.
    #[error("a name has at most {max} characters and no control characters: shorten or retype it")]
    InvalidName {
        /// The longest name.
        max: usize,
    },
    /// Not the form of a scope.
    #[error("{scope:?} is not a scope: write small letters, digits and . : _ -, or * for all")]
    InvalidScope {
        /// What was given.
        scope: String,
    },
    /// A setting can't have this value.
    #[error("{name} can't be set so: {why}; it can be {allowed}")]
    InvalidSetting {
        /// The setting.
        name: &'static str,
        /// What is wrong with the value.
        why: String,
        /// What it can be.
        allowed: &'static str,
    },
    /// The account's status does not allow this. Only people who have not come
    /// yet are refused so.
    #[error("{0} until somebody sets its password")]
    InvalidTransition(#[from] InvalidTransition),
    /// Nobody else could act as an administrator afterwards.
    #[error(
        "the last active administrator can't be {change}: add another administrator first, \
         or use the command line on the host"
    )]
    LastAdministrator {
        /// What was asked for.
        change: Transition,
    },
    /// Passwords are compared by the gate alone, which counts the guesses.
    #[error("nothing counts attempts here: ask a gateway")]
    NoGate,
    /// An application that would be for nothing.
    #[error("an application is for something: name at least one scope, or * for everything")]
    NoScope,
    /// There is no such application.
    #[error("there is no application {id}: list the applications to find which you mean")]
    NoSuchApplication {
        /// What was asked for.
        id: ApplicationId,
    },
    /// The device is not there, or was forgotten before.
    #[error("there is no device {id}: it was forgotten, or never known")]
    NoSuchDevice {
        /// What was asked for.
        id: DeviceId,
    },
    /// All licences are in use.
    #[error(
        "{used} of {limit} licences are in use: disable or delete somebody who left, or raise \
         the limit"
    )]
    NoLicence {
        /// How many accounts use one.
        used: u64,
        /// How many may.
        limit: u64,
    },
    /// Nobody has this login, address or number, or the account is deleted.
    #[error("there is no account {target}: list the accounts to find whom you mean")]
    NotFound {
        /// Who was asked for.
        target: Target,
    },
    /// There is no deletion with this number.
    #[error("there is no deletion {id}: list the deletions to see those that are there")]
    NoSuchDeletion {
        /// What was asked for.
        id: DeletionId,
    },
    /// Somebody is to be in a group who is nobody, or deleted.
    #[error(
        "there is no account {account} to be in the group: list the accounts to find whom you mean"
    )]
    NoMember {
        /// Who was to be in it.
        account: AccountId,
    },
    /// The group is not there, or was deleted before.
    #[error("there is no group {id}: list the groups to find which you mean")]
    NoSuchGroup {
        /// What was asked for.
        id: GroupId,
    },
    /// The session is not there, or was ended before.
    #[error("there is no session {id}: show the account to see its live sessions")]
    NoSuchSession {
        /// What was asked for.
        id: SessionId,
    },
    /// There is no run of this number.
    #[error("there is no run {id}: list the runs to see their numbers")]
    NoSuchRun {
        /// What was asked for.
        id: RunId,
    },
    /// There is no setting of this name.
    #[error("there is no setting {name:?}: list the settings to see their names")]
    NoSuchSetting {
        /// What was asked for.
        name: String,
    },
    /// The token is not there, or was revoked before.
    #[error("there is no token {id}: list the tokens to see those that work")]
    NoSuchToken {
        /// What was asked for.
        id: SessionId,
    },
    /// Somebody who can't come in with a password gets no link.
    #[error("{login} is {status}, and a link would not let them in: lift that first")]
    NotInvitable {
        /// Who was to get one.
        login: String,
        /// Their status.
        status: Status,
    },
    /// The token that somebody came with is for less.
    #[error("this token is not for {permission}: make one with that scope")]
    OutOfScope {
        /// What is needed.
        permission: Permission,
    },
    /// Somebody else was quicker.
    #[error("it was changed meanwhile, and is in version {}: look at it again", found.get())]
    Outdated {
        /// The version that it is in.
        found: Version,
    },
    /// A token would belong to somebody who may not act.
    #[error("{login} is {status}, and a token acts for its owner: choose an owner who is active")]
    OwnerNotActive {
        /// The owner.
        login: String,
        /// Their status.
        status: Status,
    },
    /// The password can't be set.
    #[error(transparent)]
    Password(#[from] InvalidPassword),
    /// A configuration pins this setting.
    #[error("{name} is pinned by {by}: change it there, and start the gateways anew")]
    Pinned {
        /// The setting.
        name: &'static str,
        /// What pins it.
        by: String,
    },
    /// The operating system gave no random bytes.
    #[error("the system gives no random bytes: see that getrandom or /dev/urandom works")]
    Random,
    /// The run is in no state for this.
    #[error("run {id} is {state}: {mend}")]
    RunState {
        /// Which.
        id: RunId,
        /// The state it is in.
        state: RunState,
        /// What to do about it.
        mend: &'static str,
    },
    /// The run was taken back before.
    #[error("run {id} was undone by run {by}: undo that one to have it back")]
    RunUndone {
        /// Which.
        id: RunId,
        /// The run that did it.
        by: RunId,
    },
    /// What is chosen for a run can't be.
    #[error("these can't be chosen: {why}")]
    Selection {
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Records can't be given to somebody else as was asked for.
    #[error(transparent)]
    Transfer(TransferError),
    /// People can't shut themselves out.
    #[error(
        "you can't be {change} by yourself: ask another administrator, \
         or use the command line on the host"
    )]
    Yourself {
        /// What was asked for.
        change: Transition,
    },
}

impl AdminError {
    pub(super) fn unknown(target: &Target) -> Self {
        Self::NotFound { target: target.clone() }
    }
}

impl From<CreateError> for AdminError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Store(store) => Self::Store(store),
            CreateError::NoLicence { used, limit } => Self::NoLicence { used, limit },
            other => Self::Create(other),
        }
    }
}
