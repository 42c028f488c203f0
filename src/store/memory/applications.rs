//! Applications held in memory.

use crate::domain::application::{Application, ApplicationId};
use crate::domain::event::Note;
use crate::domain::time::Timestamp;
use crate::store::memory::SingleProcessDirectory;
use crate::store::memory::now;
use crate::store::memory::state::State;
use crate::store::{
    ApplicationStore, BoxFuture, DecideApplication, NewApplication, StoreError, TokenOwner,
    UniqueName,
};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl ApplicationStore for SingleProcessDirectory {
    fn create_application(&self, new: NewApplication, note: Note) -> Answer<'_, Application> {
        now(self.write(|state, at| {
            if state.applications.contains_key(&new.id) {
                return Err(StoreError::Taken { name: UniqueName::Application(new.id) });
            }
            let application = new.born(&note, at);
            state
                .applications
                .insert(application.id, application.clone());
            self.log(state, at, None, note, (None, None));
            Ok(application)
        }))
    }

    fn application(&self, id: ApplicationId) -> Answer<'_, Option<Application>> {
        now(Ok(self.state().applications.get(&id).cloned()))
    }

    fn applications(&self) -> Answer<'_, Vec<Application>> {
        let mut all: Vec<_> = self.state().applications.values().cloned().collect();
        all.sort_by_key(|application| (application.created_at, application.id));
        now(Ok(all))
    }

    fn change_application<'a>(
        &'a self,
        id: ApplicationId,
        decide: DecideApplication<'a>,
    ) -> Answer<'a, Option<Application>> {
        now(Ok(self.write(|state, at| {
            let before = state.applications.get(&id)?;
            let edit = decide(before)?;
            let after = edit.over(before);
            state.applications.insert(id, after.clone());
            if edit.revoke_tokens {
                forget_tokens(state, id);
            }
            self.log(state, at, None, edit.note, (None, None));
            Some(after)
        })))
    }

    fn remove_application(&self, id: ApplicationId, note: Note) -> Answer<'_, Option<Application>> {
        now(Ok(self.write(|state, at| {
            let removed = state.applications.remove(&id)?;
            forget_tokens(state, id);
            self.log(state, at, None, note, (None, None));
            Some(removed)
        })))
    }

    fn touch_application(&self, id: ApplicationId, at: Timestamp) -> Answer<'_, ()> {
        if let Some(application) = self.state().applications.get_mut(&id) {
            application.last_used_at = application.last_used_at.max(Some(at));
        }
        now(Ok(()))
    }
}

fn forget_tokens(state: &mut State, id: ApplicationId) {
    let owner = TokenOwner::Application(id);
    state.tokens.retain(|_, token| token.owner != owner);
}
