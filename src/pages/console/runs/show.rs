//! One bulk update: how far it is, and what became of each account.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use super::words::{self, Effect};
use super::{accounts, authors, named};
use crate::admin::{BulkItem, BulkRun};
use crate::domain::account::{Account, AccountId};
use crate::domain::permission::Permission;
use crate::domain::time::Timestamp;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::overview::spaced;
use crate::pages::console::people::{Badge, Person};
use crate::pages::console::staff::Staff;
use crate::pages::form;
use crate::pages::when::Moment;
use crate::store::{ItemOutcome, RunId, RunState};

/// Accounts on a page.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "console/run.html")]
struct RunPage {
    shell: Shell,
    id: RunId,
    name: String,
    state: Badge,
    /// It goes on: the page looks again by itself.
    is_live: bool,
    progress: Progress,
    /// The address of this very page, below the console's.
    here: String,
    by: String,
    origin: Option<&'static str>,
    begun: Option<Moment>,
    ended: Option<Moment>,
    chosen: String,
    effects: Vec<Effect>,
    may: May,
    undoes: Option<RunId>,
    undone_by: Option<RunId>,
    tabs: Vec<Tab>,
    items: Vec<Item>,
    next: Option<String>,
    is_later: bool,
    asked: Asked,
}

/// How many are done, of how many.
struct Progress {
    done: u64,
    total: u64,
    words: String,
}

/// What whoever looks may do with it now.
struct May {
    cancel: bool,
    resume: bool,
    undo: bool,
}

struct Tab {
    name: &'static str,
    count: Option<String>,
    word: &'static str,
    is_here: bool,
}

struct Item {
    person: Option<Person>,
    name: String,
    outcome: Badge,
    why: Option<String>,
}

/// What the address asks for.
#[derive(Clone, Copy)]
struct Asked {
    outcome: Option<ItemOutcome>,
    after: i64,
}

pub(super) async fn page(
    State(desk): Here,
    staff: Staff,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, &id, &head).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(desk: &Desk, staff: &Staff, id: &str, head: &Parts) -> Result<RunPage, Trouble> {
    staff.require(Permission::ManageUsers)?;
    let (id, asked) = (named(id)?, Asked::of(head)?);
    let run = desk.admin.run(&staff.actor, id).await?;
    let mut items = desk
        .admin
        .run_items(&staff.actor, id, asked.after, asked.outcome, PAGE + 1)
        .await?;
    let more = items.len() > PAGE as usize;
    items.truncate(PAGE as usize);
    let next = items.last().map(|item| item.position).filter(|_| more);
    let now = desk.now();
    let said = authors(desk, staff, vec![&run.by]).await?;
    Ok(RunPage {
        shell: desk.shell(staff, Section::Runs).with(notice(head)),
        id,
        name: words::name(&run),
        state: words::state(run.state),
        is_live: is_live(&run),
        progress: Progress::of(&run),
        here: asked.at(id, asked.after),
        by: said.get(&run.by).cloned().unwrap_or_default(),
        origin: words::origin(&run),
        begun: run.begun_at.map(|at| Moment::past(at, now)),
        ended: run.ended_at.map(|at| Moment::past(at, now)),
        chosen: words::chosen(&run),
        effects: effects(&run, now),
        may: May::of(staff, &run),
        undoes: run.undoes,
        undone_by: run.undone_by,
        tabs: asked.tabs(&run),
        items: Item::all(desk, staff, items, now).await?,
        next: next.map(|after| asked.at(id, after)),
        is_later: asked.after != 0,
        asked,
    })
}

impl RunPage {
    /// The address of the first page.
    fn first(&self) -> String {
        self.asked.at(self.id, 0)
    }
}

const fn is_live(run: &BulkRun) -> bool {
    matches!(run.state, RunState::Preparing | RunState::Running)
}

/// An undo does the opposite of what it takes back: its page names that instead.
fn effects(run: &BulkRun, now: Timestamp) -> Vec<Effect> {
    if run.undoes.is_some() { Vec::new() } else { words::effects(&run.change, now) }
}

fn notice(head: &Parts) -> Option<Notice> {
    let words = match Done::of(head)?.act.as_str() {
        "begun" => "The bulk update has begun. It goes on also when you leave this page.",
        "undo-begun" => "The undo has begun. It goes on also when you leave this page.",
        "cancelled" => "The bulk update is stopped. What was changed stays changed.",
        "resumed" => "The bulk update goes on.",
        _ => return None,
    };
    Some(Notice::done(words))
}

impl Asked {
    fn of(head: &Parts) -> Result<Self, Trouble> {
        let given = |name| form::parameter(head, name).filter(|text| !text.is_empty());
        let bad = || Trouble::Bad("This bulk update has no such page.".to_owned());
        let outcome = given("outcome").map(|word| ItemOutcome::from_word(&word).ok_or_else(bad));
        let after = given("after").map(|text| text.parse().map_err(|_| bad()));
        Ok(Self { outcome: outcome.transpose()?, after: after.transpose()?.unwrap_or_default() })
    }

    fn at(self, id: RunId, after: i64) -> String {
        let outcome = self.outcome.map(|outcome| format!("outcome={outcome}"));
        let after = (after != 0).then(|| format!("after={after}"));
        let query: Vec<_> = outcome.into_iter().chain(after).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("runs/{id}{mark}{}", query.join("&"))
    }

    fn tabs(self, run: &BulkRun) -> Vec<Tab> {
        let counts = run.counts;
        let of = |outcome, name, number| Tab {
            name,
            count: Some(spaced(number)),
            word: outcome_word(Some(outcome)),
            is_here: self.outcome == Some(outcome),
        };
        let all = Tab { name: "All", count: None, word: "", is_here: self.outcome.is_none() };
        vec![
            all,
            of(ItemOutcome::Changed, "Changed", counts.changed),
            of(ItemOutcome::Refused, "Refused", counts.refused),
            of(ItemOutcome::Unchanged, "So already", counts.unchanged),
            of(ItemOutcome::NotFound, "Not there", counts.not_found),
        ]
    }
}

fn outcome_word(outcome: Option<ItemOutcome>) -> &'static str {
    outcome.map_or("", ItemOutcome::as_str)
}

impl Progress {
    fn of(run: &BulkRun) -> Self {
        let decided = run.counts.decided();
        // Of a search, it was counted when the run began.
        let total = run.total.max(decided);
        let words = format!("{} of {} are done", spaced(decided), spaced(total));
        Self { done: decided, total: total.max(1), words }
    }
}

impl May {
    /// Others have no hand in a run, but for administrators.
    fn of(staff: &Staff, run: &BulkRun) -> Self {
        let own = run.by == staff.actor.name() || staff.rights.administer();
        let live = is_live(run);
        let undone = run.undone_by.is_some();
        Self {
            cancel: own && live,
            resume: own && run.state == RunState::Cancelled && !undone,
            undo: !live && !undone && run.counts.changed > 0,
        }
    }
}

impl Item {
    async fn all(
        desk: &Desk,
        staff: &Staff,
        items: Vec<BulkItem>,
        now: Timestamp,
    ) -> Result<Vec<Self>, Trouble> {
        let ids = items.iter().filter_map(|item| item.account).collect();
        let known = accounts(desk, staff, ids).await?;
        Ok(items
            .iter()
            .map(|item| Self::of(item, &known, now))
            .collect())
    }

    fn of(item: &BulkItem, known: &HashMap<AccountId, Account>, now: Timestamp) -> Self {
        let account = item.account.and_then(|id| known.get(&id));
        let number = item.account.map(|id| format!("number {id}"));
        Self {
            person: account.map(|account| Person::of(account, now)),
            name: item.name.clone().or(number).unwrap_or_default(),
            outcome: words::outcome(item.outcome),
            why: item.refused.map(|why| why.to_string()),
        }
    }
}
