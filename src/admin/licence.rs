//! Licences: how many accounts may be active, and how many are.

use std::sync::Arc;
use std::time::Duration;

use crate::admin::settings::{LICENCE_LIMIT, SettingSource};
use crate::admin::{Actor, Admin, AdminError, Ruling};
use crate::domain::permission::Permission;
use crate::engine::Portcullis;
use crate::store::{Facts, Headcount};

/// How often the figures of a running gateway are counted anew.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// How many licences there are, and who uses them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Licences {
    /// How many accounts use one: the active and the locked.
    pub used: u64,
    /// How many may; `None` for as many as there are.
    pub limit: Option<u64>,
    /// How many accounts there are of each status.
    pub by_status: Headcount,
    /// Where the limit comes from.
    pub source: SettingSource,
}

impl Licences {
    /// How many more accounts may become active. None where the limit was lowered
    /// below what is used; `None` without a limit.
    pub fn available(&self) -> Option<u64> {
        self.limit.map(|limit| limit.saturating_sub(self.used))
    }

    /// How many more are used than may be, after the limit was lowered.
    pub fn over(&self) -> u64 {
        self.limit
            .map_or(0, |limit| self.used.saturating_sub(limit))
    }
}

impl Admin {
    /// How many licences there are, and how many are used.
    ///
    /// # Errors
    ///
    /// If whoever asks may not see accounts, or the store can't answer.
    pub async fn licences(&self, actor: &Actor) -> Result<Licences, AdminError> {
        actor.require(Permission::ViewUsers)?;
        self.count_licences().await
    }

    async fn count_licences(&self) -> Result<Licences, AdminError> {
        let setting = self.value_of(&LICENCE_LIMIT).await?;
        let by_status = self.directory.headcount().await?;
        let limit = setting.value.parse().ok();
        Ok(Licences { used: by_status.licensed, limit, by_status, source: setting.source })
    }

    /// Says how many accounts may use a licence, on every gateway of the directory.
    /// Fewer than are used ends nobody's access: it only keeps new ones out.
    ///
    /// # Errors
    ///
    /// If it is pinned, whoever asks is no administrator, or the number is 0.
    pub async fn limit_licences(
        &self,
        actor: &Actor,
        limit: Option<u64>,
    ) -> Result<bool, AdminError> {
        match limit {
            Some(limit) => {
                self.set_setting(actor, &LICENCE_LIMIT, &limit.to_string())
                    .await
            }
            None => self.reset_setting(actor, &LICENCE_LIMIT).await,
        }
    }

    /// The limit, as it is just before a transaction that counts what is used: who
    /// lowers it in the same moment keeps out the next one.
    pub(super) async fn licence_limit(&self) -> Result<Option<u64>, AdminError> {
        Ok(self.value_of(&LICENCE_LIMIT).await?.value.parse().ok())
    }

    /// Keeps a gate's figures of licences: a task counts at every change of a setting,
    /// and four times a minute, until the gate ends. A store that fails changes nothing.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn keep_licence_figures(&self, gate: &Portcullis) {
        let mut changed = gate.settings_changed();
        let figures = Arc::clone(&gate.figures().licences);
        // Without the gate, which would keep itself alive.
        let admin = Self { gate: None, ..self.clone() };
        tokio::spawn(async move {
            loop {
                if let Ok(licences) = admin.count_licences().await {
                    figures.tell(licences.used, licences.limit);
                }
                tokio::select! {
                    more = changed.changed() => if more.is_err() { return },
                    () = tokio::time::sleep(COUNT_EVERY) => {}
                }
            }
        });
    }
}

impl Ruling {
    /// Refuses a change that takes a licence more than there are.
    pub(super) fn within(self, facts: &Facts<'_>, limit: Option<u64>) -> Result<Self, AdminError> {
        if let Self::Write(edit, _) = &self
            && let Some(limit) = limit
            && edit.account.uses_licence()
            && !facts.account.uses_licence()
            && facts.licences_used >= limit
        {
            return Err(AdminError::NoLicence { used: facts.licences_used, limit });
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::{account, cli, facts};
    use crate::domain::event::Action;
    use crate::domain::standing::Lifecycle;

    fn becomes(before: Lifecycle, after: Lifecycle, used: u64, limit: Option<u64>) -> bool {
        let mut ada = account(7);
        ada.lifecycle = before;
        let mut facts = facts(&ada);
        facts.licences_used = used;
        let mut edited = ada.clone();
        edited.lifecycle = after;
        let ruling = Ruling::write(edited, cli().note(Action::AccountUpdated, None));
        ruling.within(&facts, limit).is_ok()
    }

    #[test]
    fn only_who_takes_a_licence_needs_one() {
        use Lifecycle::{Active, Deleted, Invited};
        assert!(becomes(Invited, Active, 4, Some(5)));
        assert!(!becomes(Invited, Active, 5, Some(5)));
        assert!(!becomes(Invited, Active, 9, Some(5)), "lowered since");
        assert!(becomes(Invited, Active, 9, None));
        assert!(becomes(Active, Active, 9, Some(5)), "who has one keeps it");
        assert!(becomes(Active, Deleted, 9, Some(5)));
        assert!(becomes(Invited, Invited, 9, Some(5)));
    }
}
