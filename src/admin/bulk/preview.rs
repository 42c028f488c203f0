//! Says what a change of many would do, without doing it.

use std::collections::HashSet;

use crate::admin::bulk::begin::check;
use crate::admin::bulk::judge::{Refusal, Rules, judge};
use crate::admin::bulk::{BulkChange, BulkPreview, BulkRequest, Refused, Selection};
use crate::admin::{Actor, Admin, AdminError};
use crate::domain::account::{Account, AccountId};
use crate::domain::login::TypedLogin;
use crate::domain::standing::Lifecycle;
use crate::domain::time::Timestamp;
use crate::store::{AccountFilter, AccountSearch, Decision, Facts, ItemOutcome, RunId};

/// Accounts that are read in one go.
const PAGE: u32 = 500;

/// How many of those who would be refused are named.
const NAMED: usize = 100;

impl Admin {
    /// Says what a change of many would do now: nothing is written.
    ///
    /// # Errors
    ///
    /// As [`Admin::begin_bulk`].
    pub async fn preview_bulk(
        &self,
        actor: &Actor,
        request: &BulkRequest,
    ) -> Result<BulkPreview, AdminError> {
        self.may_change(actor, &request.change).await?;
        let mut trial = self.trial(actor, &request.change).await?;
        match &request.selection {
            Selection::Ids(ids) => {
                for id in ids {
                    trial.take(self.directory.account(*id).await?);
                }
            }
            Selection::Logins(logins) => {
                for login in logins {
                    trial.take(self.directory.resolve(TypedLogin::new(login)).await?);
                }
            }
            Selection::Search(filters) => {
                check(filters)?;
                let mut after = None;
                while let Some(page) = self.page_after(filters, after).await? {
                    after = page.last().map(|account| account.id);
                    page.into_iter()
                        .for_each(|account| trial.take(Some(account)));
                }
            }
        }
        Ok(trial.preview)
    }

    pub(in crate::admin) async fn page_after(
        &self,
        filters: &[AccountFilter],
        after: Option<AccountId>,
    ) -> Result<Option<Vec<Account>>, AdminError> {
        let filters = filters.to_vec();
        let search =
            AccountSearch { filters, after, limit: PAGE, uncounted: true, ..Default::default() };
        let found = self.directory.search(search).await?.accounts;
        Ok(Some(found).filter(|found| !found.is_empty()))
    }

    async fn trial(&self, actor: &Actor, change: &BulkChange) -> Result<Trial, AdminError> {
        let rules = Rules {
            run: RunId::new(0),
            actor: actor.clone(),
            change: change.of_one(),
            sign_out: change.sign_out,
            licences: self.licence_limit().await?,
        };
        Ok(Trial {
            rules,
            admins: self.active_admins().await?,
            licences: self.directory.headcount().await?.licensed,
            now: self.now(),
            seen: HashSet::new(),
            preview: BulkPreview::default(),
        })
    }

    /// How many administrators can act now.
    async fn active_admins(&self) -> Result<u64, AdminError> {
        let (mut after, mut count, now) = (None, 0, self.now());
        while let Some(page) = self
            .page_after(&[AccountFilter::Admin(true)], after)
            .await?
        {
            after = page.last().map(|account| account.id);
            count += page
                .iter()
                .filter(|admin| admin.is_active_admin(now))
                .count() as u64;
        }
        Ok(count)
    }
}

/// A run that writes nothing.
struct Trial {
    rules: Rules,
    admins: u64,
    licences: u64,
    now: Timestamp,
    seen: HashSet<AccountId>,
    preview: BulkPreview,
}

impl Trial {
    fn take(&mut self, account: Option<Account>) {
        let account = account.filter(|account| account.lifecycle != Lifecycle::Deleted);
        let Some(account) = account else {
            return self.preview.counts.count(ItemOutcome::NotFound);
        };
        if !self.seen.insert(account.id) {
            return;
        }
        let own = u64::from(account.is_active_admin(self.now));
        let other_active_admins = self.admins.saturating_sub(own);
        let (account_now, now) = (&account, self.now);
        let licences_used = self.licences;
        let facts =
            Facts { account: account_now, other_active_admins, devices: &[], licences_used, now };
        match judge(&facts, &self.rules) {
            Decision::Pass => {}
            Decision::Write { edit, .. } => {
                let still = u64::from(edit.account.is_active_admin(now));
                self.admins = self.admins + still - own;
                let uses = |account: &Account| u64::from(account.uses_licence());
                self.licences = self.licences + uses(&edit.account) - uses(&account);
                self.preview.counts.count(ItemOutcome::Changed);
            }
            Decision::Leave(outcome, why) => {
                self.preview.counts.count(outcome);
                let why = why.as_deref().and_then(Refusal::from_word);
                if let Some(why) = why.filter(|_| self.preview.refused.len() < NAMED) {
                    let (id, login) = (account.id, account.login.clone());
                    self.preview
                        .refused
                        .push(Refused { account: id, login, why });
                }
            }
        }
    }
}
