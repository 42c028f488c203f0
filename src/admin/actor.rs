//! Who asks for a change.

use crate::admin::{AdminError, Rights};
use crate::domain::account::{Account, AccountId};
use crate::domain::application::ApplicationId;
use crate::domain::event::{Action, Note};
use crate::domain::lock::Reason;
use crate::domain::login::Login;
use crate::domain::operation::{Operation, Operations};
use crate::domain::permission::Permission;

/// Who asks for a change.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Actor {
    /// A person in our directory, through an interface or a page.
    Account {
        /// Their number.
        id: AccountId,
        /// Their login.
        login: Login,
        /// The address that they came from.
        from: Option<String>,
        /// What they may do.
        rights: Rights,
    },
    /// A program that comes with rights of its own, through an interface. To every rule
    /// it is somebody else than the account that it asks about.
    Application {
        /// Its `client_id`.
        id: ApplicationId,
        /// What people call it.
        name: String,
        /// The address that it came from.
        from: Option<String>,
        /// What it may do.
        rights: Rights,
    },
    /// Somebody at the command line of the host, who may do everything.
    Cli {
        /// The user that the operating system knows them as.
        user: String,
    },
    /// The attempt engine.
    Engine,
    /// Portcullis itself: jobs and set-up.
    System,
}

impl Actor {
    /// The name in the audit log: `user:7`, `app:0123456789abcdef`, `cli:root`, `engine`,
    /// `system`.
    pub fn name(&self) -> String {
        match self {
            Self::Account { id, .. } => format!("user:{id}"),
            Self::Application { id, .. } => format!("app:{id}"),
            Self::Cli { user } => format!("cli:{user}"),
            Self::Engine => "engine".to_owned(),
            Self::System => "system".to_owned(),
        }
    }

    /// Whose number a name in the audit log is, where it is a person's.
    pub fn account_in(name: &str) -> Option<AccountId> {
        let number: i64 = name.strip_prefix("user:")?.parse().ok()?;
        number.try_into().ok()
    }

    /// What they may do; `None` for the host and Portcullis itself, who may everything.
    pub(super) fn rights(&self) -> Option<&Rights> {
        match self {
            Self::Account { rights, .. } | Self::Application { rights, .. } => Some(rights),
            Self::Cli { .. } | Self::Engine | Self::System => None,
        }
    }

    /// Whether this is that application.
    pub(super) fn is_application(&self, application: ApplicationId) -> bool {
        matches!(self, Self::Application { id, .. } if *id == application)
    }

    /// Whether this is the owner of that account.
    pub(super) fn owns(&self, account: AccountId) -> bool {
        matches!(self, Self::Account { id, .. } if *id == account)
    }

    /// Refuses who may not do this. The host and Portcullis itself may do everything.
    pub(super) fn require(&self, wanted: impl Into<Operations>) -> Result<(), AdminError> {
        self.rights()
            .map_or(Ok(()), |rights| rights.require(wanted))
    }

    /// Refuses who may not change this account, or themselves.
    pub(super) fn require_changing(&self, account: &Account) -> Result<(), AdminError> {
        match self.rights() {
            Some(rights) if self.owns(account.id) => rights.require_own(Operation::UpdateUser),
            _ => self.require_managing(account),
        }
    }

    /// The same of what only administrators may do.
    pub(super) fn require_administrator(&self) -> Result<(), AdminError> {
        self.require_administrator_to(Permission::ManageUsers)
    }

    /// The same of administrators whose token is for no more than this.
    pub(super) fn require_administrator_to(
        &self,
        wanted: impl Into<Operations>,
    ) -> Result<(), AdminError> {
        self.rights()
            .map_or(Ok(()), |rights| rights.require_administrator_to(wanted))
    }

    /// Refuses who may not change this account: administrators are changed by
    /// administrators alone.
    pub(super) fn require_managing(&self, account: &Account) -> Result<(), AdminError> {
        self.require_managing_to(Operation::UpdateUser, account)
    }

    /// Refuses to make a way in for somebody who may do more than whoever asks: with it
    /// they could do all of that, too.
    pub(super) fn require_reaching(&self, theirs: &Rights) -> Result<(), AdminError> {
        match self.rights() {
            Some(rights) if !rights.reach(theirs) => Err(AdminError::AdministratorsOnly),
            _ => Ok(()),
        }
    }

    /// Refuses who may not do this to this account.
    pub(crate) fn require_managing_to(
        &self,
        wanted: Operation,
        account: &Account,
    ) -> Result<(), AdminError> {
        self.require(wanted)?;
        if account.admin { self.require_administrator_to(wanted) } else { Ok(()) }
    }

    /// The address that they came from, where it came over the network.
    pub(super) fn from(&self) -> Option<&str> {
        match self {
            Self::Account { from, .. } | Self::Application { from, .. } => from.as_deref(),
            Self::Cli { .. } | Self::Engine | Self::System => None,
        }
    }

    /// What the audit log says when this actor does this.
    pub(super) fn note(&self, action: Action, reason: Option<&Reason>) -> Note {
        let from = self.from().map(str::to_owned);
        let reason = reason.map(|words| words.as_str().to_owned());
        Note { actor: self.name(), action, reason, from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_log_names_people_by_their_number() {
        let alice = Actor::Account {
            id: 7.try_into().expect("a number"),
            login: Login::new("alice").expect("a login"),
            from: Some("192.0.2.1".to_owned()),
            rights: Rights::default(),
        };
        let note = alice.note(Action::AccountLocked, None);
        assert_eq!((note.actor.as_str(), note.from.as_deref()), ("user:7", Some("192.0.2.1")));
        assert_eq!(Actor::Cli { user: "root".to_owned() }.name(), "cli:root");
        assert_eq!(Actor::Engine.name(), "engine");
        assert_eq!(Actor::account_in("user:7"), 7.try_into().ok());
        assert_eq!(Actor::account_in("cli:7"), None);
        let hr = Actor::Application {
            id: ApplicationId::from_random([0, 0, 0, 0, 0, 0, 0, 7]),
            name: "hr".to_owned(),
            from: Some("192.0.2.2".to_owned()),
            rights: Rights::default(),
        };
        let note = hr.note(Action::AccountLocked, None);
        assert_eq!(note.actor, "app:0000000000000007");
        assert_eq!(note.from.as_deref(), Some("192.0.2.2"));
        assert_eq!(Actor::account_in(&note.actor), None, "it is nobody's number");
    }
}
