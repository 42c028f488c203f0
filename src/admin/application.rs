//! Makes, lists, changes and removes applications.

use crate::admin::person::shown_name;
use crate::admin::rights::Receiver;
use crate::admin::token::{random, worded};
use crate::admin::{Actor, Admin, AdminError, CreatedToken, Rights, TokenRequest};
use crate::domain::application::{Application, ApplicationId, ApplicationSecret};
use crate::domain::event::{Action, Note};
use crate::domain::operation::Operation;
use crate::domain::scope::Scopes;
use crate::store::{ApiToken, ApplicationEdit, NewApplication};

/// The longest name of an application, in characters.
const MAX_NAME_CHARS: usize = 100;

/// An application, with its secret for this once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CreatedApplication {
    /// What the application gets. It can't be shown again.
    pub secret: ApplicationSecret,
    /// What is stored.
    pub application: Application,
}

/// What is written of an application, and under which name.
struct Change {
    application: Application,
    action: Action,
    revoke_tokens: bool,
}

impl Admin {
    /// Makes an application: a program that comes with rights of its own, which are
    /// never more than its maker's. One for everything, `*`, acts as an administrator.
    ///
    /// # Errors
    ///
    /// If whoever asks may not manage tokens, or may not do themselves what a scope is
    /// for; if there is no scope, or one has no such form; or the name can't be shown.
    pub async fn add_application(
        &self,
        actor: &Actor,
        name: &str,
        scopes: Vec<String>,
    ) -> Result<CreatedApplication, AdminError> {
        actor.require(Operation::ManageTokens)?;
        let name = application_name(name)?;
        let scopes = scopes_of_application(actor, scopes)?;
        let secret = ApplicationSecret::from_random(random()?);
        let id = ApplicationId::from_random(random()?);
        let new = NewApplication { id, name, secret: secret.key(), scopes };
        let note = actor.note(Action::ApplicationCreated, None);
        let application = self
            .directory
            .applications()
            .create_application(new, note)
            .await?;
        self.count(Action::ApplicationCreated);
        Ok(CreatedApplication { secret, application })
    }

    /// Every application, oldest first.
    ///
    /// # Errors
    ///
    /// If whoever asks may not manage tokens.
    pub async fn applications(&self, actor: &Actor) -> Result<Vec<Application>, AdminError> {
        actor.require(Operation::ManageTokens)?;
        Ok(self.directory.applications().applications().await?)
    }

    /// One application.
    ///
    /// # Errors
    ///
    /// If there is none, or whoever asks may not manage tokens and is another.
    pub async fn application(
        &self,
        actor: &Actor,
        id: ApplicationId,
    ) -> Result<Application, AdminError> {
        if !actor.is_application(id) {
            actor.require(Operation::ManageTokens)?;
        }
        self.application_named(id).await
    }

    /// Gives an application a new secret. The one before opens nothing from now on, nor
    /// do the tokens that the application had.
    ///
    /// # Errors
    ///
    /// If there is none, or whoever asks may not do all that it may: they would have
    /// its secret.
    pub async fn rotate_secret(
        &self,
        actor: &Actor,
        id: ApplicationId,
    ) -> Result<CreatedApplication, AdminError> {
        let secret = ApplicationSecret::from_random(random()?);
        let key = secret.key();
        let change = |before: &Application| {
            require_all_of(actor, &before.scopes)?;
            let application = Application { secret: key, ..before.clone() };
            let action = Action::ApplicationSecretRotated;
            Ok(Some(Change { application, action, revoke_tokens: true }))
        };
        let application = self.change_application(actor, id, change).await?.0;
        Ok(CreatedApplication { secret, application })
    }

    /// Changes what an application may do, at once: its tokens are for no more than
    /// that. Says whether that changed anything.
    ///
    /// # Errors
    ///
    /// As [`Admin::add_application`], or if there is none.
    pub async fn scope_application(
        &self,
        actor: &Actor,
        id: ApplicationId,
        scopes: Vec<String>,
    ) -> Result<(Application, bool), AdminError> {
        actor.require(Operation::ManageTokens)?;
        let scopes = scopes_of_application(actor, scopes)?;
        let change = |before: &Application| {
            let application = Application { scopes, ..before.clone() };
            let action = Action::ApplicationScopesChanged;
            Ok(Some(Change { application, action, revoke_tokens: false }))
        };
        self.change_application(actor, id, change).await
    }

    /// Shuts an application out, or lets it in again. While it is out, it gets no token
    /// and those that it has open nothing. Says whether that changed anything.
    ///
    /// # Errors
    ///
    /// If there is none, or whoever asks may not manage tokens, or would let in what
    /// may do more than they.
    pub async fn enable_application(
        &self,
        actor: &Actor,
        id: ApplicationId,
        enabled: bool,
    ) -> Result<(Application, bool), AdminError> {
        let change = |before: &Application| {
            if enabled {
                require_all_of(actor, &before.scopes)?;
            }
            let application = Application { enabled, ..before.clone() };
            let action =
                if enabled { Action::ApplicationEnabled } else { Action::ApplicationDisabled };
            Ok(Some(Change { application, action, revoke_tokens: false }))
        };
        self.change_application(actor, id, change).await
    }

    /// Removes an application for good, with its tokens.
    ///
    /// # Errors
    ///
    /// If there is none, or whoever asks may not manage tokens.
    pub async fn remove_application(
        &self,
        actor: &Actor,
        id: ApplicationId,
    ) -> Result<Application, AdminError> {
        actor.require(Operation::ManageTokens)?;
        let note = actor.note(Action::ApplicationRemoved, None);
        let removed = self
            .directory
            .applications()
            .remove_application(id, note)
            .await?;
        let removed = removed.ok_or(AdminError::NoSuchApplication { id })?;
        self.count(Action::ApplicationRemoved);
        Ok(removed)
    }

    /// Makes an API token that acts for an application, without its secret.
    ///
    /// # Errors
    ///
    /// If whoever asks may not manage tokens, or may not do what a scope is for; if there
    /// is no such application or it is disabled, the end is past, or a scope has no such
    /// form or is for more than the application.
    pub async fn create_application_token(
        &self,
        actor: &Actor,
        id: ApplicationId,
        mut request: TokenRequest,
    ) -> Result<CreatedToken, AdminError> {
        actor.require(Operation::ManageTokens)?;
        let application = self.application_named(id).await?;
        if !application.enabled {
            return Err(AdminError::ApplicationDisabled { id });
        }
        if request.scopes.is_empty() {
            request.scopes.clone_from(&application.scopes);
        }
        let (secret, new) = self.new_token(id.into(), request)?;
        require_all_of(actor, &new.scopes)?;
        within(&application, &new.scopes)?;
        self.store_token(actor, secret, new).await
    }

    /// The tokens of an application that are not revoked, oldest first.
    ///
    /// # Errors
    ///
    /// If whoever asks may not manage tokens, or there is no such application.
    pub async fn application_tokens(
        &self,
        actor: &Actor,
        id: ApplicationId,
    ) -> Result<Vec<ApiToken>, AdminError> {
        let application = self.application(actor, id).await?;
        Ok(self.directory.tokens(Some(application.id.into())).await?)
    }

    pub(super) async fn application_named(
        &self,
        id: ApplicationId,
    ) -> Result<Application, AdminError> {
        let found = self.directory.applications().application(id).await?;
        found.ok_or(AdminError::NoSuchApplication { id })
    }

    /// Changes an application by a rule that sees it inside the transaction. What is so
    /// already is not written.
    async fn change_application(
        &self,
        actor: &Actor,
        id: ApplicationId,
        rule: impl FnOnce(&Application) -> Result<Option<Change>, AdminError> + Send,
    ) -> Result<(Application, bool), AdminError> {
        actor.require(Operation::ManageTokens)?;
        let mut seen = Err(AdminError::NoSuchApplication { id });
        let mut action = None;
        let decide = |before: &Application| {
            let (ruled, edit) = ruling(actor, before, rule(before));
            seen = ruled;
            action = edit.as_ref().map(|edit| edit.note.action);
            edit
        };
        let store = self.directory.applications();
        let changed = store.change_application(id, Box::new(decide)).await?;
        let unchanged = seen?;
        Ok(match changed {
            Some(application) => {
                action.into_iter().for_each(|action| self.count(action));
                (application, true)
            }
            None => (unchanged, false),
        })
    }
}

/// What is told of a change, and what is written.
fn ruling(
    actor: &Actor,
    before: &Application,
    rule: Result<Option<Change>, AdminError>,
) -> (Result<Application, AdminError>, Option<ApplicationEdit>) {
    let change = match rule {
        Err(refused) => return (Err(refused), None),
        Ok(change) => change.filter(|change| change.application != *before),
    };
    let edit = change.map(|Change { application, action, revoke_tokens }| {
        let note: Note = actor.note(action, None);
        ApplicationEdit { application, revoke_tokens, note }
    });
    (Ok(before.clone()), edit)
}

fn application_name(name: &str) -> Result<String, AdminError> {
    let name = shown_name(name, MAX_NAME_CHARS)?;
    if name.is_empty() { Err(AdminError::InvalidName { max: MAX_NAME_CHARS }) } else { Ok(name) }
}

/// What an application is to be for. Nothing is left to stand for everything.
fn scopes_of_application(actor: &Actor, scopes: Vec<String>) -> Result<Vec<String>, AdminError> {
    if scopes.is_empty() {
        return Err(AdminError::NoScope);
    }
    let scopes = worded(scopes)?;
    require_all_of(actor, &scopes)?;
    Ok(scopes)
}

/// Refuses who may not do all that these are for.
fn require_all_of(actor: &Actor, scopes: &[String]) -> Result<(), AdminError> {
    let give = |rights: &Rights| rights.require_giving(scopes, Receiver::Application);
    actor.rights().map_or(Ok(()), give)
}

/// Refuses what an application may not do.
pub(super) fn within(application: &Application, scopes: &[String]) -> Result<(), AdminError> {
    let may = Scopes::of(&application.scopes);
    let beyond = scopes
        .iter()
        .find(|scope| !may.include(&Scopes::of([*scope])));
    match beyond {
        None => Ok(()),
        Some(scope) => Err(AdminError::BeyondApplication { scope: scope.clone() }),
    }
}
