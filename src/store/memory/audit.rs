//! The audit log in the memory of one process.

use std::collections::BTreeMap;

use super::directory::SingleProcessDirectory;
use super::now;
use super::state::State;
use crate::domain::event::{Action, Note};
use crate::domain::time::Timestamp;
use crate::store::audit::DAY_MICROS;
use crate::store::keyring::AuditLink;
use crate::store::{
    AUDIT_STEP, AuditEntry, AuditLog, AuditPruned, AuditSearch, AuditWalk, BoxFuture, Break,
    BrokenChain, DayCount, Directory, StoreError,
};

impl State {
    /// The last record's position and link.
    pub(super) fn audit_end(&self) -> (u64, AuditLink) {
        let last = self.audit.last();
        last.map_or_else(
            || self.audit_beginning(),
            |entry| (entry.record.position, entry.link.clone()),
        )
    }

    /// What the first record that is kept is tied to.
    fn audit_beginning(&self) -> (u64, AuditLink) {
        self.audit_pruned.clone().unwrap_or((0, AuditLink::FIRST))
    }

    fn find_records(&self, search: &AuditSearch) -> Vec<AuditEntry> {
        let takes = |entry: &&AuditEntry| {
            search.reaches(entry.record.position) && search.takes(&entry.record)
        };
        let limit = search.limit as usize;
        let all = self.audit.iter();
        match search.oldest_first {
            true => all.filter(takes).take(limit).cloned().collect(),
            false => all.rev().filter(takes).take(limit).cloned().collect(),
        }
    }

    fn count_by_day(&self, actions: &[Action], since: Timestamp) -> Vec<DayCount> {
        let first = since.as_micros().div_euclid(DAY_MICROS);
        let mut counts: BTreeMap<(i64, &str), (Action, u64)> = BTreeMap::new();
        for entry in &self.audit {
            let (at, action) = (entry.record.at, entry.record.action);
            let day = at.as_micros().div_euclid(DAY_MICROS);
            if day >= first && actions.contains(&action) {
                counts
                    .entry((day, action.as_str()))
                    .or_insert((action, 0))
                    .1 += 1;
            }
        }
        let count = |((day, _), (action, count))| DayCount {
            day: Timestamp::from_micros(day * DAY_MICROS),
            action,
            count,
        };
        counts.into_iter().map(count).collect()
    }
}

impl SingleProcessDirectory {
    fn step(&self, mut walk: AuditWalk) -> Result<AuditWalk, BrokenChain> {
        let state = self.state();
        let (pruned, link) = state.audit_beginning();
        if walk.position < pruned {
            walk = AuditWalk { position: pruned, link, ..walk };
        }
        let after = |entry: &&AuditEntry| entry.record.position > walk.position;
        let next: Vec<_> = state.audit.iter().filter(after).take(AUDIT_STEP).collect();
        for AuditEntry { record, link } in &next {
            if self.keyring().audit_link(&walk.link, record) != *link {
                return Err(Break::Altered.at(record.position));
            }
            walk.step_to(record.position, link.clone());
        }
        walk.end = state.audit_end().0;
        walk.done = next.len() < AUDIT_STEP;
        Ok(walk)
    }

    fn forget_records(&self, before: Timestamp, note: Note) -> Option<AuditPruned> {
        self.write(|state, at| {
            let old = state
                .audit
                .iter()
                .take_while(|entry| entry.record.at < before);
            let old = old.count();
            let last = state.audit.drain(..old).next_back()?;
            let (through, link) = (last.record.position, last.link.to_hex());
            state.audit_pruned = Some((through, last.link));
            let pruned = AuditPruned { through, link, records: old as u64 };
            let after = serde_json::to_string(&pruned).ok();
            self.append(state, at, None, note, (None, after));
            Some(pruned)
        })
    }
}

impl AuditLog for SingleProcessDirectory {
    fn records(&self, search: AuditSearch) -> BoxFuture<'_, Result<Vec<AuditEntry>, StoreError>> {
        now(Ok(self.state().find_records(&search)))
    }

    fn check(
        &self,
        walk: AuditWalk,
    ) -> BoxFuture<'_, Result<Result<AuditWalk, BrokenChain>, StoreError>> {
        now(Ok(self.step(walk)))
    }

    fn checked_before(&self) -> BoxFuture<'_, Result<Option<AuditWalk>, StoreError>> {
        now(Ok(None))
    }

    fn forget(
        &self,
        before: Timestamp,
        note: Note,
    ) -> BoxFuture<'_, Result<Result<Option<AuditPruned>, BrokenChain>, StoreError>> {
        now(Ok(Ok(self.forget_records(before, note))))
    }

    fn by_day(
        &self,
        actions: Vec<Action>,
        since: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<DayCount>, StoreError>> {
        now(Ok(self.state().count_by_day(&actions, since)))
    }

    fn note_end(&self) -> BoxFuture<'_, Result<Result<(), BrokenChain>, StoreError>> {
        now(Ok(Ok(())))
    }
}
