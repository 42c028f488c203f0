//! Attempts to sign in that are over: one person's, and all of them in numbers.

use crate::admin::{Actor, Admin, AdminError};
use crate::domain::account::{Account, AccountId};
use crate::domain::client::ClientAddr;
use crate::domain::history::AttemptEnd;
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::store::{HistoryQuery, HourCount, Remembered, SourceCount};

/// How many attempts are looked through for where failures came from: the newest.
pub const SOURCES_AMONG: u64 = 20_000;

/// How many of an account's attempts are looked through for what led to a lockout.
const BEHIND: u32 = 200;

impl Admin {
    /// Attempts to sign in that are over, of one account or of all.
    ///
    /// # Errors
    ///
    /// If whoever asks may not read the audit log, or the store can't answer.
    pub async fn attempts(
        &self,
        actor: &Actor,
        query: HistoryQuery,
    ) -> Result<Vec<Remembered>, AdminError> {
        actor.require(Operation::ReadAudit)?;
        self.write_attempts().await;
        Ok(self.directory.history().attempts(query).await?)
    }

    /// How many attempts ended how in each hour since then.
    ///
    /// # Errors
    ///
    /// As [`Admin::attempts`].
    pub async fn attempts_by_hour(
        &self,
        actor: &Actor,
        since: Timestamp,
    ) -> Result<Vec<HourCount>, AdminError> {
        actor.require(Operation::ReadAudit)?;
        self.write_attempts().await;
        Ok(self.directory.history().by_hour(since).await?)
    }

    /// Where failures came from lately, of all accounts, the most first.
    ///
    /// # Errors
    ///
    /// As [`Admin::attempts`].
    pub async fn sources_of_failures(
        &self,
        actor: &Actor,
        limit: u32,
    ) -> Result<Vec<SourceCount>, AdminError> {
        actor.require(Operation::ReadAudit)?;
        self.write_attempts().await;
        let history = self.directory.history();
        Ok(history.sources(SOURCES_AMONG, limit).await?)
    }

    /// Where the failures came from that locked somebody out, those with the most
    /// first, as far as is remembered. Nothing where no lockout is laid.
    ///
    /// # Errors
    ///
    /// As [`Admin::attempts`].
    pub async fn sources_of_lockout(
        &self,
        actor: &Actor,
        account: &Account,
    ) -> Result<Vec<(ClientAddr, u32)>, AdminError> {
        let Some(lockout) = &account.locks.lockout else { return Ok(Vec::new()) };
        let query = HistoryQuery {
            account: Some(account.id),
            until: Some(lockout.laid_at),
            limit: BEHIND,
            ..HistoryQuery::default()
        };
        let attempts = self.attempts(actor, query).await?;
        let failures = attempts
            .iter()
            .map(|one| &one.attempt)
            .take_while(|one| one.end != AttemptEnd::Succeeded)
            .filter(|one| one.end == AttemptEnd::Wrong && one.device.is_none());
        let last = failures.take(lockout.failures as usize);
        let mut sources: Vec<(ClientAddr, u32)> = Vec::new();
        for from in last.filter_map(|one| one.from) {
            match sources.iter_mut().find(|(known, _)| *known == from) {
                Some((_, count)) => *count += 1,
                None => sources.push((from, 1)),
            }
        }
        sources.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok(sources)
    }

    /// What this process has not written yet is not missed by who reads here. Where
    /// the store does not take it, who reads is told so by the read itself.
    pub(super) async fn write_attempts(&self) {
        if let Some(gate) = &self.gate {
            let _ = gate.write_attempts().await;
        }
    }
}

/// Whose attempts to read: one account's, the newest first.
impl From<AccountId> for HistoryQuery {
    fn from(account: AccountId) -> Self {
        Self { account: Some(account), limit: 50, ..Self::default() }
    }
}
