//! What has to be so while a deletion goes on.

use crate::admin::deletion::TransferError;
use crate::domain::account::Account;
use crate::domain::lock::End;
use crate::domain::standing::{Lifecycle, Status};
use crate::domain::time::Timestamp;

/// Whether the account still waits for its end: locked without one, or nobody has
/// come in it yet. Otherwise somebody wants the person in.
pub(super) fn is_held(account: &Account, now: Timestamp) -> bool {
    match account.lifecycle {
        Lifecycle::Invited | Lifecycle::Registered => true,
        Lifecycle::Deleted => false,
        _ => account
            .locks
            .admin_lock_at(now)
            .is_some_and(|lock| lock.end == End::Never),
    }
}

/// Refuses whoever can't get records: who is not active, or about to be deleted.
pub(super) fn may_receive(
    receiver: &Account,
    account: &Account,
    now: Timestamp,
) -> Result<(), TransferError> {
    if receiver.id == account.id {
        return Err(TransferError::SelfReceiver);
    }
    match receiver.standing().status(now) {
        Status::Active => Ok(()),
        Status::Deleted => Err(TransferError::NoReceiver { receiver: receiver.id.into() }),
        status => {
            Err(TransferError::ReceiverNotActive { login: receiver.login.to_string(), status })
        }
    }
}
