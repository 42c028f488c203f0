//! Deletions held in memory.

use crate::domain::deletion::{Deletion, DeletionId, DeletionState};
use crate::domain::event::Note;
use crate::domain::time::Timestamp;
use crate::store::memory::directory::SingleProcessDirectory;
use crate::store::memory::now;
use crate::store::memory::state::State;
use crate::store::{
    BoxFuture, Changed, Claim, DecideEnd, DeletionQuery, DeletionStore, Lease, NewDeletion, Remark,
    StoreError,
};

/// A deletion, and who holds it until when.
#[derive(Debug)]
pub(super) struct Kept {
    deletion: Deletion,
    lease: Option<(String, Timestamp)>,
}

impl Kept {
    fn is_held_at(&self, at: Timestamp) -> Option<Timestamp> {
        self.lease
            .as_ref()
            .map(|(_, until)| *until)
            .filter(|until| at < *until)
    }

    /// Whether somebody with this lease may still write.
    fn is_of(&self, lease: &Lease) -> bool {
        let held = self.lease.as_ref();
        self.deletion.state == DeletionState::Working
            && held.is_some_and(|(holder, _)| *holder == lease.holder)
    }

    fn give(&mut self, lease: Lease, at: Timestamp) {
        self.lease = Some((lease.holder, at.after(lease.length)));
    }

    fn end(&mut self, state: DeletionState, at: Timestamp) {
        self.deletion.state = state;
        self.deletion.updated_at = at;
        self.deletion.ended_at = Some(at);
        self.lease = None;
    }
}

impl State {
    fn open_deletion(&self, new: &NewDeletion) -> Option<DeletionId> {
        let mut kept = self.deletions.values().map(|kept| &kept.deletion);
        kept.find(|one| one.account.id == new.account.id && one.state.is_open())
            .map(|one| one.id)
    }
}

impl DeletionStore for SingleProcessDirectory {
    fn begin_deletion(
        &self,
        new: NewDeletion,
        lease: Lease,
        note: Note,
    ) -> BoxFuture<'_, Result<Result<Deletion, DeletionId>, StoreError>> {
        now(self.write(|state, at| {
            if let Some(open) = state.open_deletion(&new) {
                return Ok(Err(open));
            }
            let number = state.deletions.len() as i64 + 1;
            let id = DeletionId::try_from(number).map_err(StoreError::unavailable)?;
            let deletion = new.born(id, at);
            let mut kept = Kept { deletion: deletion.clone(), lease: None };
            kept.give(lease, at);
            state.deletions.insert(id, kept);
            let after = serde_json::to_string(&deletion).ok();
            self.append(state, at, Some(deletion.account.id), note, (None, after));
            Ok(Ok(deletion))
        }))
    }

    fn deletion(&self, id: DeletionId) -> BoxFuture<'_, Result<Option<Deletion>, StoreError>> {
        let state = self.state();
        now(Ok(state.deletions.get(&id).map(|kept| kept.deletion.clone())))
    }

    fn deletions(&self, query: DeletionQuery) -> BoxFuture<'_, Result<Vec<Deletion>, StoreError>> {
        let state = self.state();
        let newest_first = state.deletions.values().rev().map(|kept| &kept.deletion);
        let wanted = |deletion: &&Deletion| {
            query.account.is_none_or(|id| deletion.account.id == id)
                && query.before.is_none_or(|before| deletion.id < before)
                && (!query.open || deletion.state.is_open())
        };
        let page = newest_first.filter(wanted).take(query.limit as usize);
        now(Ok(page.cloned().collect()))
    }

    fn orphaned_deletions(&self) -> BoxFuture<'_, Result<Vec<DeletionId>, StoreError>> {
        let (state, at) = (self.state(), self.clock_now());
        let orphaned = |kept: &&Kept| {
            kept.deletion.state == DeletionState::Working && kept.is_held_at(at).is_none()
        };
        let orphans = state.deletions.values().filter(orphaned);
        now(Ok(orphans.map(|kept| kept.deletion.id).collect()))
    }

    fn claim_deletion(
        &self,
        id: DeletionId,
        lease: Lease,
        resumed: Option<Note>,
    ) -> BoxFuture<'_, Result<Option<Claim>, StoreError>> {
        now(self.write(|state, at| {
            let Some(kept) = state.deletions.get_mut(&id) else { return Ok(None) };
            let stands = match kept.deletion.state {
                DeletionState::Working => true,
                DeletionState::Failed => resumed.is_some(),
                DeletionState::Cancelled | DeletionState::Done => false,
            };
            if !stands {
                return Ok(Some(Claim::Stopped(Box::new(kept.deletion.clone()))));
            }
            if let Some(until) = kept.is_held_at(at) {
                return Ok(Some(Claim::Held { until }));
            }
            kept.deletion.state = DeletionState::Working;
            kept.deletion.error = None;
            kept.deletion.updated_at = at;
            kept.give(lease, at);
            let deletion = kept.deletion.clone();
            if let Some(note) = resumed {
                self.append(state, at, Some(deletion.account.id), note, (None, None));
            }
            Ok(Some(Claim::Taken(Box::new(deletion))))
        }))
    }

    fn renew_deletion(
        &self,
        id: DeletionId,
        lease: Lease,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        let at = self.clock_now();
        let mut state = self.state();
        let kept = state
            .deletions
            .get_mut(&id)
            .filter(|kept| kept.is_of(&lease));
        now(Ok(kept.map(|kept| kept.give(lease, at)).is_some()))
    }

    fn save_deletion<'a>(
        &'a self,
        deletion: &'a Deletion,
        lease: Lease,
        remark: Option<Remark>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        now(self.write(|state, at| {
            let kept = state.deletions.get_mut(&deletion.id);
            let Some(kept) = kept.filter(|kept| kept.is_of(&lease)) else { return Ok(false) };
            kept.deletion = Deletion { updated_at: at, ..deletion.clone() };
            match deletion.state {
                DeletionState::Working => kept.give(lease, at),
                DeletionState::Failed => kept.lease = None,
                ended @ (DeletionState::Cancelled | DeletionState::Done) => kept.end(ended, at),
            }
            if let Some(Remark { note, after }) = remark {
                self.append(state, at, Some(deletion.account.id), note, (None, after));
            }
            Ok(true)
        }))
    }

    fn finish_deletion<'a>(
        &'a self,
        id: DeletionId,
        lease: Lease,
        decide: DecideEnd<'a>,
    ) -> BoxFuture<'a, Result<Option<Changed>, StoreError>> {
        now(self.write(|state, at| {
            let kept = state.deletions.get(&id).filter(|kept| kept.is_of(&lease));
            let Some(Kept { deletion, .. }) = kept else { return Ok(None) };
            let receiver = deletion.receiver.as_ref().map(|party| party.id);
            let account = deletion.account.id;
            let receiver = receiver.and_then(|id| state.accounts.get(&id));
            let receiver = receiver.map(|record| record.account.clone());
            let decide = |facts: crate::store::Facts<'_>| decide(facts, receiver.as_ref());
            let changed = self.decide(state, at, account, Box::new(decide))?;
            if changed.is_some()
                && let Some(kept) = state.deletions.get_mut(&id)
            {
                kept.end(DeletionState::Done, at);
            }
            Ok(changed)
        }))
    }

    fn cancel_deletion(
        &self,
        id: DeletionId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<Result<Deletion, Deletion>>, StoreError>> {
        now(self.write(|state, at| {
            let Some(kept) = state.deletions.get_mut(&id) else { return Ok(None) };
            if !kept.deletion.state.is_open() {
                return Ok(Some(Err(kept.deletion.clone())));
            }
            kept.end(DeletionState::Cancelled, at);
            let deletion = kept.deletion.clone();
            self.append(state, at, Some(deletion.account.id), note, (None, None));
            Ok(Some(Ok(deletion)))
        }))
    }
}
