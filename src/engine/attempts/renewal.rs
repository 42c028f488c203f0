//! Makes a stored hash anew that is not as we make them: one that came from another
//! system, or of parameters that we used before. Only then is the password known.

use crate::domain::account::{Account, AccountId};
use crate::domain::event::{Action, Note};
use crate::domain::password::Password;
use crate::domain::standing::Generation;
use crate::engine::Portcullis;
use crate::store::{Edit, Facts, PasswordEdit};

/// A hash to be made and written.
pub(super) struct Renewal {
    gate: Portcullis,
    account: AccountId,
    /// A password that is set meanwhile raises it, and stays.
    generation: Generation,
    password: Password,
}

impl Renewal {
    pub(super) fn new(gate: &Portcullis, account: &Account, password: Password) -> Self {
        let (gate, generation) = (gate.clone(), account.generation);
        Self { gate, account: account.id, generation, password }
    }

    /// The person is signed in already: what fails here is done at the next sign-in.
    pub(super) async fn write(self) {
        let gate = &self.gate.0;
        let Some(directory) = &gate.directory else { return };
        let Ok(hash) = gate.passwords.hash(&self.password).await else { return };
        let decide = |facts: Facts<'_>| self.edit(&facts, hash);
        let written = gate
            .ask(directory.change(self.account, Box::new(decide)))
            .await;
        if let Ok(Some(changed)) = written {
            gate.learn(&changed.account.key(), changed.account.standing());
        }
    }

    fn edit(&self, facts: &Facts<'_>, hash: String) -> Option<Edit> {
        let note = Note {
            actor: "engine".to_owned(),
            action: Action::PasswordRehashed,
            reason: None,
            from: None,
        };
        let account = facts.account.clone();
        // One that was taken away does not come back.
        let same = account.has_password && account.generation == self.generation;
        let password_hash = Some(PasswordEdit::Set(hash));
        same.then_some(Edit { account, password_hash, note })
    }
}
