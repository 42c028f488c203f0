//! The account's end: what has to be so in that very instant.

use crate::admin::AdminError;
use crate::admin::deletion::hold::{is_held, may_receive};
use crate::admin::deletion::run::{Going, Halt, gone};
use crate::domain::account::Account;
use crate::domain::deletion::Deletion;
use crate::domain::event::{Action, Note};
use crate::domain::standing::{Lifecycle, Transition};
use crate::store::{Edit, Facts};

/// The account's end, as the facts of one instant allow it.
pub(super) fn end(
    deletion: &Deletion,
    facts: &Facts<'_>,
    receiver: Option<&Account>,
) -> Going<Edit> {
    if !is_held(facts.account, facts.now) {
        return Err(Halt::LetIn);
    }
    if let Some(party) = &deletion.receiver {
        let receiver = receiver.ok_or_else(|| gone(party))?;
        may_receive(receiver, facts.account, facts.now)?;
    }
    // Whoever asked may have been the last but one when it began; the host may do it
    // all the same.
    let last = facts.account.is_active_admin(facts.now) && facts.other_active_admins == 0;
    if last && !deletion.actor.starts_with("cli:") {
        let change = Transition::Delete;
        return Err(Halt::Failed(AdminError::LastAdministrator { change }));
    }
    let mut account = facts.account.clone();
    account.lifecycle = Lifecycle::Deleted;
    account.generation = account.generation.next();
    let reason = Some(deletion.reason.as_str().to_owned());
    let (actor, action) = (deletion.actor.clone(), Action::AccountDeleted);
    let note = Note { actor, action, reason, from: None };
    Ok(Edit { account, password_hash: None, note })
}
