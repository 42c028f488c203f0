//! The items that come next in a run.

use std::collections::HashMap;

use crate::admin::bulk::Chosen;
use crate::admin::bulk::plan::Plan;
use crate::admin::{Admin, AdminError};
use crate::domain::account::AccountId;
use crate::store::{AccountSearch, ItemOutcome, ItemQuery, Run, RunId, RunItem, StepItem};

/// What comes next, and what is known of it already.
pub(super) struct Next {
    pub(super) items: Vec<StepItem>,
    pub(super) is_last: bool,
    /// Of an undo: what the other run did, by the position.
    pub(super) done: HashMap<i64, RunItem>,
}

impl Admin {
    /// At most so many.
    pub(super) async fn next_items(
        &self,
        run: &Run,
        plan: &Plan,
        limit: u32,
    ) -> Result<Next, AdminError> {
        match &plan.chosen {
            Chosen::Search(filters) => {
                let search = AccountSearch {
                    filters: filters.clone(),
                    after: AccountId::try_from(run.reached).ok(),
                    limit,
                    uncounted: true,
                    ..AccountSearch::default()
                };
                let found = self.directory.search(search).await?.accounts;
                let full = found.len() >= limit as usize;
                let ids = found.into_iter().map(|account| account.id);
                let items: Vec<_> = ids.filter(|id| id.get() <= run.last).map(item_of).collect();
                let is_last = !full || items.len() < limit as usize;
                Ok(Next { items, is_last, done: HashMap::new() })
            }
            Chosen::Listed => {
                let found = self
                    .stored_items(run.id, run.reached, ItemOutcome::Pending, limit)
                    .await?;
                Ok(Next::of(&found, limit))
            }
            Chosen::Undo(undone) => {
                let found = self
                    .stored_items(*undone, run.reached, ItemOutcome::Changed, limit)
                    .await?;
                let next = Next::of(&found, limit);
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
        limit: u32,
    ) -> Result<Vec<RunItem>, AdminError> {
        let query = ItemQuery { run, after, outcome: Some(outcome), limit };
        Ok(self.directory.runs().run_items(query).await?)
    }
}

impl Next {
    /// How many of them are up to this position.
    pub(super) fn up_to(&self, reached: i64) -> usize {
        let decided = |item: &&StepItem| item.position <= reached;
        self.items.iter().filter(decided).count()
    }

    fn of(found: &[RunItem], limit: u32) -> Self {
        let items = found.iter().map(|item| StepItem {
            position: item.position,
            account: item.account,
            name: item.name.clone(),
        });
        let is_last = found.len() < limit as usize;
        Self { items: items.collect(), is_last, done: HashMap::new() }
    }
}

fn item_of(id: AccountId) -> StepItem {
    StepItem { position: id.get(), account: Some(id), name: None }
}
