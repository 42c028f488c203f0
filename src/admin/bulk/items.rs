//! The items that come next in a run.

use std::collections::HashMap;

use crate::admin::bulk::Chosen;
use crate::admin::bulk::plan::Plan;
use crate::admin::{Admin, AdminError};
use crate::domain::account::AccountId;
use crate::store::{AccountSearch, ItemOutcome, ItemQuery, Run, RunId, RunItem, StepItem};

/// Items that are decided on in one transaction, at most.
pub(super) const STEP: u32 = 200;

/// What comes next, and what is known of it already.
pub(super) struct Next {
    pub(super) items: Vec<StepItem>,
    pub(super) is_last: bool,
    /// Of an undo: what the other run did, by the position.
    pub(super) done: HashMap<i64, RunItem>,
}

impl Admin {
    pub(super) async fn next_items(&self, run: &Run, plan: &Plan) -> Result<Next, AdminError> {
        match &plan.chosen {
            Chosen::Search(filters) => {
                let search = AccountSearch {
                    filters: filters.clone(),
                    after: AccountId::try_from(run.reached).ok(),
                    limit: STEP,
                    uncounted: true,
                    ..AccountSearch::default()
                };
                let found = self.directory.search(search).await?.accounts;
                let full = found.len() >= STEP as usize;
                let ids = found.into_iter().map(|account| account.id);
                let items: Vec<_> = ids.filter(|id| id.get() <= run.last).map(item_of).collect();
                let is_last = !full || items.len() < STEP as usize;
                Ok(Next { items, is_last, done: HashMap::new() })
            }
            Chosen::Listed => {
                let found = self
                    .stored_items(run.id, run.reached, ItemOutcome::Pending)
                    .await?;
                Ok(Next::of(&found, HashMap::new()))
            }
            Chosen::Undo(undone) => {
                let found = self
                    .stored_items(*undone, run.reached, ItemOutcome::Changed)
                    .await?;
                let next = Next::of(&found, HashMap::new());
                let done = found.into_iter().map(|item| (item.position, item));
                Ok(Next { done: done.collect(), ..next })
            }
        }
    }

    async fn stored_items(
        &self,
        run: RunId,
        after: i64,
        outcome: ItemOutcome,
    ) -> Result<Vec<RunItem>, AdminError> {
        let query = ItemQuery { run, after, outcome: Some(outcome), limit: STEP };
        Ok(self.directory.runs().run_items(query).await?)
    }
}

impl Next {
    fn of(found: &[RunItem], done: HashMap<i64, RunItem>) -> Self {
        let items = found.iter().map(|item| StepItem {
            position: item.position,
            account: item.account,
            name: item.name.clone(),
        });
        Self { items: items.collect(), is_last: found.len() < STEP as usize, done }
    }
}

fn item_of(id: AccountId) -> StepItem {
    StepItem { position: id.get(), account: Some(id), name: None }
}
