//! How the program ends, and what it says when it ends badly.

use std::io::Write;
use std::process::ExitCode;

use crate::admin::{AdminError, Target, TransferError};
use crate::cli::output::{clean, wants_colour};
use crate::cli::shell::{last, quote};
use crate::config::ConfigErrors;
use crate::store::{CreateError, StoreError};

/// What the exit codes mean, for `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  done, or already as asked for
  1  failed: the audit log was altered, a promise was broken under load,
     a token is not valid, or something unexpected
  2  the command, or a value in it or in the configuration, can't be understood
  3  there is no such account, session, token, application, setting or
     directory
  4  refused by a rule, such as locking someone who was only invited
  5  the store, or the server, can't answer";

/// How the program ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Exit {
    /// Done, or already as asked for.
    Done = 0,
    /// The audit log was altered, a token is not valid, or something unexpected.
    Failed = 1,
    /// The command, or a value in it or in the configuration, can't be understood.
    Usage = 2,
    /// There is no such account, session, token, application, setting or directory.
    NotFound = 3,
    /// Refused by a rule.
    Refused = 4,
    /// The store can't answer, and nothing was changed; or a server can't, and says no more.
    Store = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command was not done, for people: one line, and the command that may
/// help on a second one.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
    next: Option<String>,
    /// What is wrong with the configuration, shown in place of the message.
    config: Option<Box<ConfigErrors>>,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), next: None, config: None }
    }

    pub(super) fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same, with the command of this program to try next.
    pub(super) fn try_next(self, command: impl Into<String>) -> Self {
        Self { next: Some(command.into()), ..self }
    }

    /// The same, with this person in the command to try.
    pub(super) fn about(self, word: &str) -> Self {
        Self { next: self.next.map(|command| command.replace("LOGIN", word)), ..self }
    }

    /// The same, with the command that finds whom somebody meant.
    pub(super) fn looking_for(self, target: &Target) -> Self {
        match (self.next.as_deref(), target) {
            (Some("user list"), Target::Login(typed)) => {
                self.try_next(format!("user list --search={}", quote(typed.as_str())))
            }
            _ => self,
        }
    }

    /// How the program ends.
    pub(super) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether the store can't answer: nothing else can be done then either.
    pub(super) fn is_of_store(&self) -> bool {
        self.exit == Exit::Store
    }

    /// What went wrong, in words.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Says it on standard error. `program` is how this program is called.
    pub(super) fn report(&self, program: &str) -> Exit {
        let mut err = std::io::stderr().lock();
        // If nobody can read it, the exit code still tells.
        let _ = match &self.config {
            Some(errors) => writeln!(err, "{}", errors.render(wants_colour(&err))),
            None => writeln!(err, "error: {}", clean(&self.message)),
        };
        if let Some(command) = &self.next {
            let _ = writeln!(err, "  try: {program} {}", clean(command));
        }
        self.exit
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        let failure = Self::new(exit_of(&error), words(&error));
        match next_after(&error) {
            Some(command) => failure.try_next(command),
            None => failure,
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self { config: Some(Box::new(errors)), ..Self::usage("the configuration is wrong") }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        AdminError::from(error).into()
    }
}

fn words(error: &AdminError) -> String {
    match error {
        AdminError::Store(StoreError::Unavailable(_)) => format!(
            "{error}: try again, and if that does not help, see which other program holds the file"
        ),
        _ => error.to_string(),
    }
}

fn exit_of(error: &AdminError) -> Exit {
    match error {
        AdminError::NotFound { .. }
        | AdminError::NoSuchDeletion { .. }
        | AdminError::NoMember { .. }
        | AdminError::NoSuchGroup { .. }
        | AdminError::NoSuchApplication { .. }
        | AdminError::NoSuchDevice { .. }
        | AdminError::NoSuchSession { .. }
        | AdminError::NoSuchRun { .. }
        | AdminError::NoSuchSetting { .. }
        | AdminError::NoSuchToken { .. } => Exit::NotFound,
        AdminError::DocumentTooLarge { .. }
        | AdminError::EndIsPast { .. }
        | AdminError::InvalidEmail { .. }
        | AdminError::InvalidExternalId { .. }
        | AdminError::InvalidGroup(_)
        | AdminError::InvalidIdentity { .. }
        | AdminError::InvalidInvitation
        | AdminError::InvalidLanguage { .. }
        | AdminError::InvalidName { .. }
        | AdminError::InvalidScope { .. }
        | AdminError::InvalidSetting { .. }
        | AdminError::Selection { .. }
        | AdminError::NoScope
        | AdminError::TooManyScopes { .. }
        | AdminError::Password(_) => Exit::Usage,
        AdminError::Store(StoreError::Taken { .. }) => Exit::Refused,
        AdminError::Transfer(TransferError::NoReceiver { .. }) => Exit::NotFound,
        AdminError::Transfer(
            TransferError::NoSuchModule { .. } | TransferError::NoSuchField { .. },
        ) => Exit::Usage,
        AdminError::Transfer(TransferError::Module { .. }) => Exit::Failed,
        AdminError::Store(_) => Exit::Store,
        AdminError::AuditAltered(_) | AdminError::Hashing | AdminError::Random => Exit::Failed,
        AdminError::AdministratorsOnly
        | AdminError::ApplicationDisabled { .. }
        | AdminError::BeyondApplication { .. }
        | AdminError::BeyondMaker { .. }
        | AdminError::Create(_)
        | AdminError::DeletionEnded { .. }
        | AdminError::DeletionHeld { .. }
        | AdminError::DeletionIsOff
        | AdminError::DeletionLost { .. }
        | AdminError::DeletionOpen { .. }
        | AdminError::DisablingIsOff
        | AdminError::Forbidden { .. }
        | AdminError::InvalidTransition(_)
        | AdminError::LastAdministrator { .. }
        | AdminError::NoGate
        | AdminError::Outdated { .. }
        | AdminError::NoLicence { .. }
        | AdminError::NotInvitable { .. }
        | AdminError::OutOfScope { .. }
        | AdminError::OwnerNotActive { .. }
        | AdminError::Pinned { .. }
        | AdminError::RunState { .. }
        | AdminError::RunUndone { .. }
        | AdminError::Transfer(_)
        | AdminError::Yourself { .. } => Exit::Refused,
    }
}

fn next_after(error: &AdminError) -> Option<String> {
    Some(match error {
        AdminError::NotFound { target: Target::Login(typed) } => {
            format!("user list --search={}", quote(typed.as_str()))
        }
        AdminError::NotFound { .. } => "user list".to_owned(),
        AdminError::NoMember { .. } => "user list".to_owned(),
        AdminError::NoSuchGroup { .. } => "group list".to_owned(),
        AdminError::ApplicationDisabled { id } => format!("application enable {id}"),
        AdminError::NoSuchApplication { .. } => "application list".to_owned(),
        AdminError::NoSuchSession { .. } => "user show LOGIN".to_owned(),
        AdminError::NoSuchRun { .. } => "run list".to_owned(),
        AdminError::NoSuchSetting { .. } => "settings list".to_owned(),
        AdminError::NoSuchToken { .. } => "token list".to_owned(),
        AdminError::DeletionOpen { id, .. } | AdminError::DeletionLost { id } => {
            format!("deletion show {id}")
        }
        AdminError::NoSuchDeletion { .. } | AdminError::DeletionEnded { .. } => {
            "deletion list".to_owned()
        }
        AdminError::NoLicence { .. } => "licence".to_owned(),
        AdminError::DisablingIsOff => "settings account-disabling on".to_owned(),
        AdminError::InvalidTransition(_) => "user passwd LOGIN".to_owned(),
        AdminError::AuditAltered(_) => "audit verify".to_owned(),
        AdminError::NotInvitable { login, .. } | AdminError::OwnerNotActive { login, .. } => {
            format!("user show {}", last(login))
        }
        AdminError::Create(CreateError::LoginTaken { login }) => {
            format!("user show {}", last(login.as_str()))
        }
        AdminError::Create(CreateError::EmailTaken { email }) => {
            format!("user show {}", last(email))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_says_what_to_do() {
        let busy = Failure::from(StoreError::unavailable("database is locked"));
        assert_eq!(busy.exit, Exit::Store);
        assert!(busy.message.contains("database is locked: try again"), "{}", busy.message);
        let unknown = Failure::from(AdminError::NotFound { target: "o'neil".into() });
        assert_eq!(unknown.exit, Exit::NotFound);
        assert_eq!(unknown.next.as_deref(), Some(r"user list --search='o'\''neil'"));
    }
}
