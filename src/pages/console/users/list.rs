//! The page with the list.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use crate::admin::Rights;
use crate::domain::account::{Account, AccountId};
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::pages::answer::{self, see_other};
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::drawer::{Drawer, FORGOTTEN};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::people::{self, Against, Person};
use crate::pages::console::staff::Staff;
use crate::pages::console::users::filter::{Filter, STATUSES, Wrong, query};
use crate::pages::console::users::ranked::{self, After};
use crate::pages::console::users::sort::{Heading, Sort};
use crate::pages::console::users::ticks::Ticks;
use crate::pages::console::users::whom::asked;
use crate::pages::form::Fields;
use crate::pages::when::Moment;
use crate::store::{AccountFilter, AccountSearch, GroupQuery};

/// People on a page.
const PAGE: u32 = 50;

/// Groups that can be chosen from.
const MOST_GROUPS: u32 = 200;

/// Groups that are named beside a person.
const NAMED: usize = 3;

#[derive(Template)]
#[template(path = "console/users.html")]
struct UsersPage {
    shell: Shell,
    form: FilterForm,
    sort: Sort,
    headings: [Heading; 5],
    rows: Vec<Row>,
    /// After whom the next page goes on, where there is one.
    next: Option<String>,
    is_later: bool,
    ticks: Ticks,
    /// How the address of the first page goes on from `?`, with nobody ticked.
    here: String,
    /// What is searched for, as the box that chooses everyone who matches says it.
    all_of: String,
    may: May,
}

/// What the form that filters shows.
pub(in crate::pages::console) struct FilterForm {
    pub(in crate::pages::console) filter: Filter,
    pub(in crate::pages::console) statuses: [(&'static str, &'static str); 6],
    /// Number and name.
    pub(in crate::pages::console) groups: Vec<(String, String)>,
    pub(in crate::pages::console) wrong: Option<Wrong>,
}

struct Row {
    person: Person,
    why: Option<Why>,
    groups: String,
    added: Moment,
    is_me: bool,
    is_chosen: bool,
}

/// The most important thing that stands against somebody, in a few words.
struct Why {
    words: String,
    until: Option<Moment>,
}

/// What whoever looks may do from here.
#[derive(Clone, Copy)]
struct May {
    add: bool,
    change: bool,
    unlock: bool,
}

/// What the address asks for.
#[derive(Clone)]
struct Asked {
    filter: Filter,
    sort: Sort,
    after: Option<After>,
    ticks: Ticks,
}

pub(super) async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Operation::ListUsers)?;
        let drawer = desk.drawer(&staff);
        let mut fields = asked(&head, &drawer)?;
        let asked = Asked::read(&mut fields, &drawer)?;
        if let Some(asked) = asked.turned(&mut fields)? {
            return Ok(see_other(&asked.address(&desk, &drawer)?));
        }
        let page = show(&desk, &staff, &head, asked).await?;
        let is_wrong = page.form.wrong.is_some();
        let status = if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok(answer::page(status, &page))
    };
    shown
        .await
        .unwrap_or_else(|trouble: Trouble| trouble.answer(&desk, Some(&staff), &head))
}

async fn show(
    desk: &Desk,
    staff: &Staff,
    head: &Parts,
    asked: Asked,
) -> Result<UsersPage, Trouble> {
    let Asked { filter, sort, after, ticks } = asked;
    let (found, wrong) = match filter.filters(desk.now()) {
        Ok(filters) => (found(desk, staff, filters, (sort, after)).await?, None),
        Err(wrong) => (Vec::new(), Some(wrong)),
    };
    let (found, last) = cut(found);
    let ticks = ticks.on(&found, &desk.drawer(staff))?;
    let pairs = [filter.pairs(), sort.pairs()].concat();
    let here = query(&pairs);
    let next = last.map(|last| {
        let status = sort
            .order()
            .is_none()
            .then(|| last.standing().status(desk.now()));
        After::words(last.id, status)
    });
    let notice = match ticks.are_forgotten {
        true => Some(Notice::wrong(FORGOTTEN)),
        false => notice(desk, head, &here).await?,
    };
    Ok(UsersPage {
        shell: desk.shell(staff, Section::Users).with(notice),
        rows: rows(desk, staff, &found, &ticks).await?,
        headings: sort.headings(),
        next,
        is_later: after.is_some(),
        ticks,
        here,
        all_of: query(&filter.pairs()),
        form: FilterForm::new(desk, staff, filter, wrong).await?,
        sort,
        may: May::of(&staff.rights),
    })
}

/// One more than there are on a page.
async fn found(
    desk: &Desk,
    staff: &Staff,
    filters: Vec<AccountFilter>,
    (sort, after): (Sort, Option<After>),
) -> Result<Vec<Account>, Trouble> {
    let Some(order) = sort.order() else {
        return ranked::found(desk, staff, &filters, (sort.direction(), after), PAGE + 1).await;
    };
    let (order, after) = (vec![order], after.map(|after| after.id));
    let (limit, uncounted) = (PAGE + 1, true);
    let search = AccountSearch { filters, order, after, limit, uncounted, ..Default::default() };
    Ok(desk.admin.search(&staff.actor, search).await?.accounts)
}

/// The page, and after whom the next one goes on where there is one.
fn cut(mut found: Vec<Account>) -> (Vec<Account>, Option<Account>) {
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let last = found.last().filter(|_| more).cloned();
    (found, last)
}

fn joined(query: &str, more: &str) -> String {
    if query.is_empty() { more.to_owned() } else { format!("{query}&{more}") }
}

impl Asked {
    fn read(fields: &mut Fields, drawer: &Drawer<'_>) -> Result<Self, Trouble> {
        let after = fields.perhaps("after")?.filter(|after| !after.is_empty());
        let no_page = || Trouble::Bad("This list has no such page.".to_owned());
        let after = after.map(|text| After::read(&text).ok_or_else(no_page));
        let (after, filter) = (after.transpose()?, Filter::read(fields)?);
        let ticks = Ticks::read(fields, &filter, drawer)?;
        Ok(Self { filter, sort: Sort::read(fields)?, after, ticks })
    }

    /// The first page in another order, or of everybody, where a button asks for it.
    fn turned(&self, fields: &mut Fields) -> Result<Option<Self>, Trouble> {
        let is_pressed = |field: Option<String>| field.filter(|word| !word.is_empty());
        let by = is_pressed(fields.perhaps("by")?);
        let everybody = is_pressed(fields.perhaps("everybody")?);
        let Self { filter, sort, ticks, .. } = self.clone();
        let turned = match (by, everybody) {
            (None, None) => return Ok(None),
            (Some(by), _) => Self { filter, sort: Sort::of(&by), after: None, ticks },
            (None, Some(_)) => {
                let ticks = ticks.one_by_one();
                Self { filter: Filter::default(), sort, after: None, ticks }
            }
        };
        Ok(Some(turned))
    }

    fn address(self, desk: &Desk, drawer: &Drawer<'_>) -> Result<String, Trouble> {
        let pairs = [self.filter.pairs(), self.sort.pairs(), self.ticks.pairs(drawer)?].concat();
        drawer.address(&desk.path("users"), &pairs)
    }
}

impl FilterForm {
    pub(in crate::pages::console) async fn new(
        desk: &Desk,
        staff: &Staff,
        filter: Filter,
        wrong: Option<Wrong>,
    ) -> Result<Self, Trouble> {
        let query = GroupQuery { limit: MOST_GROUPS, ..GroupQuery::default() };
        let groups = desk.admin.groups(&staff.actor, query).await?.groups;
        let mut groups: Vec<_> = groups
            .into_iter()
            .map(|group| (group.id.to_string(), group.name.to_string()))
            .collect();
        groups.sort_by_key(|(_, name)| name.to_lowercase());
        // One that is not among them stays chosen.
        if !filter.group.is_empty() && groups.iter().all(|(id, _)| *id != filter.group) {
            groups.push((filter.group.clone(), format!("number {}", filter.group)));
        }
        Ok(Self { filter, statuses: STATUSES, groups, wrong })
    }

    /// What is wrong with a field, if anything is.
    pub(in crate::pages::console) fn error(&self, field: &str) -> &str {
        let wrong = self.wrong.as_ref().filter(|wrong| wrong.field == field);
        wrong.map_or("", |wrong| &wrong.words)
    }
}

async fn rows(
    desk: &Desk,
    staff: &Staff,
    found: &[Account],
    ticks: &Ticks,
) -> Result<Vec<Row>, Trouble> {
    let ids = found.iter().map(|account| account.id).collect();
    let mut groups: HashMap<AccountId, Vec<String>> = HashMap::new();
    for membership in desk.admin.memberships(ids).await? {
        let names = groups.entry(membership.account).or_default();
        names.push(membership.name.to_string());
    }
    let now = desk.now();
    let row = |account: &Account| Row {
        person: Person::of(account, now),
        why: Why::of(account, now),
        groups: named(groups.get(&account.id).map_or(&[], Vec::as_slice)),
        added: Moment::past(account.created_at, now),
        is_me: account.id == staff.account.id,
        is_chosen: ticks.has(account.id),
    };
    Ok(found.iter().map(row).collect())
}

/// The first few, and how many there are beside them.
fn named(groups: &[String]) -> String {
    let shown = groups
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match groups.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

impl Row {
    /// Whether there is something to say of them beside who they are.
    fn has_part(&self) -> bool {
        self.is_me || self.person.admin || !self.groups.is_empty()
    }
}

impl Why {
    fn of(account: &Account, now: Timestamp) -> Option<Self> {
        let reason = people::reasons(account, now).into_iter().next()?;
        let words = match (reason.why, reason.kind) {
            (Some(why), _) => why,
            (None, Against::Lockout) => reason.what.replacen("Locked by ", "", 1),
            (None, _) => String::new(),
        };
        Some(Self { words, until: reason.until })
    }
}

impl May {
    fn of(rights: &Rights) -> Self {
        Self {
            add: rights.allow(Operation::CreateUser),
            change: rights.allow(Operation::UpdateUser),
            unlock: rights.allow(Operation::UnlockUser),
        }
    }
}

/// What was done to one person just now, and the way back.
async fn notice(desk: &Desk, head: &Parts, here: &str) -> Result<Option<Notice>, Trouble> {
    let Some(done) = Done::of(head) else { return Ok(None) };
    if done.act == "nobody" {
        let words = "Nobody was chosen, so nothing was done. Tick who it is about, or “Everyone \
                     who matches”.";
        return Ok(Some(Notice::hint(words)));
    }
    let id = done.id.and_then(|id| AccountId::try_from(id).ok());
    let Some(id) = id else { return Ok(None) };
    let Some(account) = desk.admin.record(id).await? else { return Ok(None) };
    let name = Person::of(&account, desk.now()).called;
    let hold = done.hold();
    let ended = sessions(done.count.unwrap_or_default());
    let back = |what: &str| format!("users/act?{}", joined(here, &format!("do={what}&id={id}")));
    Ok(match done.act.as_str() {
        "locked" => {
            let words = format!("{name} is locked and signed out of {ended}.{hold}");
            Some(Notice::done(words).leading_to(back("unlock"), "Undo"))
        }
        "unlocked" => {
            let words = format!("{name} is unlocked.{hold}");
            Some(Notice::done(words).leading_to(back("lock"), "Lock again"))
        }
        "signed-out" => {
            let words = format!("{name} is signed out of {ended}.{hold}");
            Some(Notice::done(words))
        }
        "unchanged" => Some(Notice::hint(format!("{name} was so already: nothing was changed."))),
        _ => None,
    })
}

/// "2 sessions".
pub(super) fn sessions(count: u64) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} session{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_groups_are_told_in_a_few_words() {
        let groups = |count: usize| (1..=count).map(|at| format!("g{at}")).collect::<Vec<_>>();
        assert_eq!(named(&groups(0)), "");
        assert_eq!(named(&groups(3)), "g1, g2, g3");
        assert_eq!(named(&groups(5)), "g1, g2, g3 and 2 more");
    }
}
