//! Begins runs.

use std::collections::HashSet;
use std::time::Duration;

use crate::admin::bulk::plan::Plan;
use crate::admin::bulk::{
    AdminWish, BulkChange, BulkRequest, BulkRun, Chosen, DisableWish, LockWish, Selection,
};
use crate::admin::lock::not_over;
use crate::admin::{Actor, Admin, AdminError};
use crate::domain::event::Action;
use crate::domain::login::TypedLogin;
use crate::domain::permission::Permission;
use crate::store::{
    AccountFilter, AccountOrder, AccountSearch, Direction, NewRun, Run, RunId, RunOrigin,
    RunRefusal, RunState, StepItem,
};

/// How far apart two runs of the rule about inactive people are; a little less than a day,
/// so that the hour does not wander.
const DAILY: Duration = Duration::from_secs(23 * 3600);

/// Items that are written down in one go.
const CHUNK: usize = 500;

/// The most that one run can list.
const MOST_LISTED: usize = 1_000_000;

/// The most filters of a search, those inside of others counted too, and the most
/// numbers and texts in them.
const MOST_FILTERS: usize = 64;
const MOST_VALUES: usize = 10_000;

impl Admin {
    /// Begins a change of many accounts. Nothing was changed yet when it returns:
    /// [`Admin::finish_run`] goes on with it, and so does every gateway.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change people, or this of them; if the end of a lock is
    /// past; while account disabling is off, where that is asked for; and if there are
    /// too many filters or names.
    pub async fn begin_bulk(
        &self,
        actor: &Actor,
        request: BulkRequest,
    ) -> Result<BulkRun, AdminError> {
        self.begin_run(actor, request, RunOrigin::Bulk).await
    }

    pub(in crate::admin) async fn begin_run(
        &self,
        actor: &Actor,
        request: BulkRequest,
        origin: RunOrigin,
    ) -> Result<BulkRun, AdminError> {
        self.may_change(actor, &request.change).await?;
        let BulkRequest { selection, change } = request;
        let run = match selection {
            Selection::Search(filters) => self.begin_search(actor, filters, change, origin).await?,
            Selection::Ids(ids) => {
                let items = distinct(ids).into_iter().map(|id| (Some(id), None));
                self.begin_listed(actor, items.collect(), change).await?
            }
            Selection::Logins(logins) => {
                let items = self.named(logins).await?;
                self.begin_listed(actor, items, change).await?
            }
        };
        self.count(Action::RunBegun);
        Ok(BulkRun::of(run)?)
    }

    /// Refuses what no account of a run could be changed by.
    pub(super) async fn may_change(
        &self,
        actor: &Actor,
        change: &BulkChange,
    ) -> Result<(), AdminError> {
        actor.require(Permission::ManageUsers)?;
        if change.admin != AdminWish::Leave {
            actor.require_administrator()?;
        }
        if let LockWish::Yes { until, .. } = change.locked {
            not_over(until, self.now())?;
        }
        if change.disabled != DisableWish::Leave {
            self.disabling_is_on().await?;
        }
        Ok(())
    }

    async fn begin_search(
        &self,
        actor: &Actor,
        filters: Vec<AccountFilter>,
        change: BulkChange,
        origin: RunOrigin,
    ) -> Result<Run, AdminError> {
        check(&filters)?;
        let counted = AccountSearch { filters: filters.clone(), ..AccountSearch::default() };
        let total = self.directory.search(counted).await?.total;
        let order = vec![(AccountOrder::Id, Direction::Descending)];
        let newest = AccountSearch { order, limit: 1, uncounted: true, ..AccountSearch::default() };
        let newest = self.directory.search(newest).await?.accounts;
        let last = newest.first().map_or(0, |account| account.id.get());
        let words = change.in_words(total);
        let plan = Plan::new(actor, Chosen::Search(filters), change).to_json()?;
        let new = NewRun {
            origin,
            actor: actor.name(),
            plan,
            preparing: false,
            last,
            total,
            undoes: None,
            unless_since: (origin == RunOrigin::Inactivity).then(|| self.now().before(DAILY)),
        };
        self.begin(actor, new, words).await
    }

    async fn begin_listed(
        &self,
        actor: &Actor,
        items: Vec<Listed>,
        change: BulkChange,
    ) -> Result<Run, AdminError> {
        if items.len() > MOST_LISTED {
            let why = format!("{} are more than {MOST_LISTED}: list fewer", items.len());
            return Err(AdminError::Selection { why });
        }
        let total = items.len() as u64;
        let words = change.in_words(total);
        let new = NewRun {
            origin: RunOrigin::Bulk,
            actor: actor.name(),
            plan: Plan::new(actor, Chosen::Listed, change).to_json()?,
            preparing: true,
            last: i64::try_from(total).unwrap_or(i64::MAX),
            total,
            undoes: None,
            unless_since: None,
        };
        let run = self.begin(actor, new, words).await?;
        let mut items = items.into_iter().zip(1..).peekable();
        while items.peek().is_some() {
            let chunk = items.by_ref().take(CHUNK);
            let chunk =
                chunk.map(|((account, name), position)| StepItem { position, account, name });
            if !self
                .directory
                .runs()
                .add_run_items(run.id, chunk.collect())
                .await?
            {
                return Err(stopped(run.id));
            }
        }
        let runs = self.directory.runs();
        let ready = runs.turn_run(run.id, &[RunState::Preparing], RunState::Running, None);
        ready.await?.ok_or_else(|| stopped(run.id))
    }

    pub(super) async fn begin(
        &self,
        actor: &Actor,
        new: NewRun,
        words: String,
    ) -> Result<Run, AdminError> {
        let undone = new.undoes.unwrap_or(RunId::new(0));
        let mut note = actor.note(Action::RunBegun, None);
        note.reason = Some(words);
        let begun = self.directory.runs().begin_run(new, note).await?;
        begun.map_err(|refusal| refused(undone, refusal))
    }

    /// Who has these names, each once. One that is nobody's stays.
    async fn named(&self, logins: Vec<String>) -> Result<Vec<Listed>, AdminError> {
        let mut seen = HashSet::new();
        let mut items = Vec::with_capacity(logins.len().min(MOST_LISTED));
        for login in logins {
            let typed = TypedLogin::new(&login);
            if !seen.insert(typed.as_str().to_owned()) {
                continue;
            }
            let found = self.directory.resolve(typed).await?;
            let shown = login.chars().take(MOST_SHOWN).collect();
            items.push((found.map(|account| account.id), Some(shown)));
        }
        Ok(items)
    }
}

/// An account that was listed, and the name that it was listed by.
type Listed = (Option<crate::domain::account::AccountId>, Option<String>);

/// The most of a name that is kept, in characters.
const MOST_SHOWN: usize = 256;

fn distinct<T: Copy + Eq + std::hash::Hash>(all: Vec<T>) -> Vec<T> {
    let mut seen = HashSet::with_capacity(all.len());
    all.into_iter().filter(|one| seen.insert(*one)).collect()
}

fn stopped(id: RunId) -> AdminError {
    let mend = "it was stopped while it was being prepared; begin it again";
    AdminError::RunState { id, state: RunState::Cancelled, mend }
}

fn refused(id: RunId, refusal: RunRefusal) -> AdminError {
    let state = RunState::Running;
    match refusal {
        RunRefusal::NoSuchRun => AdminError::NoSuchRun { id },
        RunRefusal::Undone(by) => AdminError::RunUndone { id, by },
        RunRefusal::NotEnded => {
            AdminError::RunState { id, state, mend: "wait for its end, or cancel it first" }
        }
        RunRefusal::TooSoon => {
            AdminError::RunState { id, state, mend: "one of its kind was begun a short time ago" }
        }
    }
}

/// Refuses searches that no database should be asked.
pub(super) fn check(filters: &[AccountFilter]) -> Result<(), AdminError> {
    let (nodes, values) = filters.iter().map(size).fold((0, 0), add);
    if nodes > MOST_FILTERS || values > MOST_VALUES {
        let why = format!(
            "a search has at most {MOST_FILTERS} filters with {MOST_VALUES} values in them; \
             name the people instead"
        );
        return Err(AdminError::Selection { why });
    }
    Ok(())
}

fn size(filter: &AccountFilter) -> (usize, usize) {
    match filter {
        AccountFilter::All(filters) | AccountFilter::Any(filters) => {
            filters.iter().map(size).fold((1, 0), add)
        }
        AccountFilter::Not(filter) => add((1, 0), size(filter)),
        AccountFilter::Ids(ids) => (1, ids.len()),
        AccountFilter::InGroups(groups) => (1, groups.len()),
        AccountFilter::Text { any_of, .. } => (1, any_of.len() * 100),
        AccountFilter::Status { any_of, .. } => (1, any_of.len() * 100),
        _ => (1, 0),
    }
}

fn add(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    (a.0 + b.0, a.1 + b.1)
}

impl BulkChange {
    /// What it does, for the audit log.
    fn in_words(&self, total: u64) -> String {
        let mut words = Vec::new();
        match &self.locked {
            LockWish::Leave => {}
            LockWish::No => words.push("unlock"),
            LockWish::Yes { .. } => words.push("lock"),
        }
        match &self.disabled {
            DisableWish::Leave => {}
            DisableWish::No => words.push("enable"),
            DisableWish::Yes { .. } => words.push("disable"),
        }
        match self.admin {
            AdminWish::Leave => {}
            AdminWish::No => words.push("take administrators' rights from"),
            AdminWish::Yes => words.push("make administrators of"),
        }
        if self.sign_out {
            words.push("sign out");
        }
        let words =
            if words.is_empty() { "change nothing of".to_owned() } else { words.join(", ") };
        let accounts = if total == 1 { "account" } else { "accounts" };
        format!("{words} {total} {accounts}")
    }
}

impl BulkChange {
    /// The same without the end of a lock: what is taken back is not to come.
    pub(super) fn without_end(&self) -> Self {
        let mut change = self.clone();
        if let LockWish::Yes { until, .. } = &mut change.locked {
            *until = None;
        }
        change
    }
}
