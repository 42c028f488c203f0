//! Applications: where programs with rights of their own are kept.

use std::fmt;

use crate::domain::application::{Application, ApplicationId};
use crate::domain::event::Note;
use crate::domain::session::SessionKey;
use crate::domain::time::Timestamp;
use crate::store::{BoxFuture, StoreError};

/// Keeps applications. Of their secrets, only hashes.
///
/// Every change is one transaction with its audit record. No gateway enforces
/// anything of them without asking, so the feed tells nothing.
pub trait ApplicationStore: fmt::Debug + Send + Sync + 'static {
    /// Makes an application.
    fn create_application(
        &self,
        new: NewApplication,
        note: Note,
    ) -> BoxFuture<'_, Result<Application, StoreError>>;

    /// The application with this id, unless it was removed.
    fn application(
        &self,
        id: ApplicationId,
    ) -> BoxFuture<'_, Result<Option<Application>, StoreError>>;

    /// Every application, oldest first.
    fn applications(&self) -> BoxFuture<'_, Result<Vec<Application>, StoreError>>;

    /// Changes an application: `decide` sees it as it is inside the transaction, and
    /// says what to write, or `None` to leave all as it is. It is called at most once,
    /// and not if there is no such application.
    fn change_application<'a>(
        &'a self,
        id: ApplicationId,
        decide: DecideApplication<'a>,
    ) -> BoxFuture<'a, Result<Option<Application>, StoreError>>;

    /// Removes an application with all its tokens. `None` if there is none.
    fn remove_application(
        &self,
        id: ApplicationId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<Application>, StoreError>>;

    /// Notes when an application came. Never moves that back.
    fn touch_application(
        &self,
        id: ApplicationId,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Looks at an application inside a transaction and says what to write.
pub type DecideApplication<'a> =
    Box<dyn FnOnce(&Application) -> Option<ApplicationEdit> + Send + 'a>;

/// What to write of an application.
#[derive(Clone, Debug)]
pub struct ApplicationEdit {
    /// The application as it shall be. Its id, who made it and its times are the
    /// store's.
    pub application: Application,
    /// Whether all its tokens are revoked with it.
    pub revoke_tokens: bool,
    /// What the audit log says.
    pub note: Note,
}

/// An application about to be made.
#[derive(Clone, Debug)]
pub struct NewApplication {
    /// Its `client_id`.
    pub id: ApplicationId,
    /// What people call it.
    pub name: String,
    /// The hash of its secret.
    pub secret: SessionKey,
    /// What it may do at most.
    pub scopes: Vec<String>,
}

impl NewApplication {
    /// The application, made now by whoever the note names.
    pub(super) fn born(self, note: &Note, at: Timestamp) -> Application {
        let Self { id, name, secret, scopes } = self;
        Application {
            id,
            name,
            secret,
            scopes,
            enabled: true,
            made_by: note.actor.clone(),
            created_at: at,
            last_used_at: None,
        }
    }
}

impl ApplicationEdit {
    /// What is written over `before`.
    pub(super) fn over(&self, before: &Application) -> Application {
        Application {
            id: before.id,
            made_by: before.made_by.clone(),
            created_at: before.created_at,
            last_used_at: before.last_used_at,
            ..self.application.clone()
        }
    }
}
