//! Locks, unlocks and signs out those who were chosen in a list: says first what will
//! happen to whom.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use crate::admin::{BulkChange, BulkRequest, LockWish, Outcome, Target, UnlockKind};
use crate::domain::account::AccountId;
use crate::domain::lock::End;
use crate::domain::operation::Operation;
use crate::pages::answer::{self, see_other};
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::drawer::Drawer;
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Done;
use crate::pages::console::people::Person;
use crate::pages::console::runs;
use crate::pages::console::runs::foretold::Foretold;
use crate::pages::console::runs::lasting::Lasting;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::console::users::filter::{Wrong, query};
use crate::pages::console::users::list::sessions;
use crate::pages::console::users::whom::{Whom, asked};
use crate::pages::form::Fields;

/// What can be done from a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Act {
    Lock,
    Unlock,
    SignOut,
}

/// What is asked for, as it was typed.
struct Order {
    act: Act,
    whom: Whom,
    lasting: Lasting,
}

/// What stands on the page before it is done.
#[derive(Template)]
#[template(path = "console/act.html")]
struct ActPage {
    shell: Shell,
    title: String,
    act: Act,
    /// What will happen, one person.
    sentences: Vec<String>,
    /// What will happen, several.
    foretold: Option<Foretold>,
    lasting: Lasting,
    hidden: Vec<(&'static str, String)>,
    button: String,
    /// Why it can't be done at all.
    never: Option<String>,
    back: String,
    wrong: Option<Wrong>,
}

pub(super) async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let drawer = desk.drawer(&staff);
        let order = Order::read(&mut asked(&head, &drawer)?, &drawer)?;
        order.require(&staff)?;
        if order.whom.is_nobody() {
            return Ok(see_other(&order.list(&desk, &Done::new("nobody"))));
        }
        if order.whom.one().is_none() && !staff.is_sure(desk.now()) {
            return Err(Trouble::NotSure { onward: order.address(&desk, &staff)? });
        }
        let page = ActPage::new(&desk, &staff, order, None).await?;
        Ok(answer::page(StatusCode::OK, &page))
    };
    shown
        .await
        .unwrap_or_else(|trouble: Trouble| trouble.answer(&desk, Some(&staff), &head))
}

pub(super) async fn submit(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, fields, head } = sent;
    match done(&desk, &staff, fields).await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn done(desk: &Desk, staff: &Staff, mut fields: Fields) -> Result<Response, Trouble> {
    let order = Order::read(&mut fields, &desk.drawer(staff))?;
    order.require(staff)?;
    if order.whom.is_nobody() {
        return Ok(see_other(&order.list(desk, &Done::new("nobody"))));
    }
    let change = match order.change(desk) {
        Ok(change) => change,
        Err(wrong) => {
            let page = ActPage::new(desk, staff, order, Some(wrong)).await?;
            return Ok(answer::page(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    match order.whom.one() {
        Some(id) => one(desk, staff, &order, id, change).await,
        None => many(desk, staff, &order, change).await,
    }
}

async fn one(
    desk: &Desk,
    staff: &Staff,
    order: &Order,
    id: AccountId,
    change: BulkChange,
) -> Result<Response, Trouble> {
    let (target, actor, begun) = (Target::from(id), &staff.actor, desk.begin());
    let (word, outcome) = match order.act {
        Act::Lock => {
            let LockWish::Yes { until, reason } = change.locked else {
                return Err(Trouble::Bad("No lock was asked for.".to_owned()));
            };
            let end = until.map_or(End::Never, End::At);
            ("locked", desk.admin.lock(actor, &target, end, reason).await?)
        }
        Act::Unlock => {
            let kind = which(staff);
            ("unlocked", desk.admin.unlock(actor, &target, kind).await?)
        }
        Act::SignOut => ("signed-out", desk.admin.sign_out(actor, &target).await?),
    };
    let took = desk.since(begun);
    let Outcome { changed, sessions_ended, .. } = outcome;
    let done = match changed {
        true => Done::new(word)
            .took(took)
            .count(sessions_ended.unwrap_or_default() as u64),
        false => Done::new("unchanged"),
    };
    Ok(see_other(&order.list(desk, &done.id(id.get()))))
}

/// Whoever may only help people in lifts what failed sign-ins laid.
fn which(staff: &Staff) -> UnlockKind {
    match staff.rights.allow(Operation::UpdateUser) {
        true => UnlockKind::All,
        false => UnlockKind::Lockout,
    }
}

async fn many(
    desk: &Desk,
    staff: &Staff,
    order: &Order,
    change: BulkChange,
) -> Result<Response, Trouble> {
    if !staff.was_sure(desk.now()) {
        return Err(Trouble::NotSure { onward: order.address(desk, staff)? });
    }
    let selection = order.whom.selection(desk.now());
    let selection = selection.map_err(|wrong| Trouble::Bad(wrong.words))?;
    runs::begin(desk, staff, BulkRequest { selection, change }).await
}

impl Act {
    fn of(word: &str) -> Option<Self> {
        match word {
            "lock" => Some(Self::Lock),
            "unlock" => Some(Self::Unlock),
            "sign-out" => Some(Self::SignOut),
            _ => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::SignOut => "sign-out",
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Lock => "Lock",
            Self::Unlock => "Unlock",
            Self::SignOut => "Sign out",
        }
    }
}

impl Act {
    /// What will happen to one person who has so many sessions.
    fn happens(self, name: &str, open: &str, kind: UnlockKind) -> String {
        match (self, kind) {
            (Self::Lock, _) => format!(
                "{name} is signed out of {open} now and can't sign in until you unlock them, or \
                 until the time that you choose."
            ),
            (Self::Unlock, UnlockKind::Lockout) => {
                format!("What failed sign-ins laid on {name} is lifted: they can try again.")
            }
            (Self::Unlock, _) => format!(
                "All locks of {name} are lifted, also what failed sign-ins led to. They can sign \
                 in at once; sessions that a lock ended stay ended."
            ),
            (Self::SignOut, _) => {
                format!("{name} is signed out of {open} now. They can sign in again at once.")
            }
        }
    }
}

impl Order {
    fn read(fields: &mut Fields, drawer: &Drawer<'_>) -> Result<Self, Trouble> {
        let word = fields.perhaps("do")?.unwrap_or_default();
        let act = Act::of(&word).ok_or(Trouble::NotFound)?;
        Ok(Self { act, whom: Whom::read(fields, drawer)?, lasting: Lasting::read(fields)? })
    }

    /// What the operations ask for as well: a page is not shown in vain.
    fn require(&self, staff: &Staff) -> Result<(), Trouble> {
        staff.require(Operation::ListUsers)?;
        match (self.act, self.whom.one()) {
            (Act::Unlock, Some(_)) => staff.require(Operation::UnlockUser),
            _ => staff.require(Operation::UpdateUser),
        }
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        [vec![("do", self.act.word().to_owned())], self.whom.pairs()].concat()
    }

    /// Where it is asked for like this, with what was typed.
    fn address(&self, desk: &Desk, staff: &Staff) -> Result<String, Trouble> {
        let pairs = [self.pairs(), self.lasting.pairs()].concat();
        desk.drawer(staff).address(&desk.path("users/act"), &pairs)
    }

    /// The list that they were chosen in, which says what was done.
    fn list(&self, desk: &Desk, done: &Done) -> String {
        let filter = query(&self.whom.filter.pairs());
        let and = if filter.is_empty() { "" } else { "&" };
        format!("{}?{filter}{and}{}", desk.path("users"), done.to_query())
    }

    fn change(&self, desk: &Desk) -> Result<BulkChange, Wrong> {
        let mut change = BulkChange::default();
        match self.act {
            Act::Lock => {
                let (until, reason) = (self.lasting.until(desk.now())?, self.lasting.reason()?);
                change.locked = LockWish::Yes { until, reason };
            }
            Act::Unlock => change.locked = LockWish::No,
            Act::SignOut => change.sign_out = true,
        }
        Ok(change)
    }
}

impl ActPage {
    async fn new(
        desk: &Desk,
        staff: &Staff,
        order: Order,
        wrong: Option<Wrong>,
    ) -> Result<Self, Trouble> {
        let page = Self {
            shell: desk.shell(staff, Section::Users),
            title: String::new(),
            act: order.act,
            sentences: Vec::new(),
            foretold: None,
            hidden: order.pairs(),
            button: String::new(),
            never: None,
            back: query(&order.whom.pairs()),
            wrong,
            lasting: order.lasting.clone(),
        };
        match order.whom.one() {
            Some(id) => page.about_one(desk, staff, &order, id).await,
            None => page.about_many(desk, staff, &order).await,
        }
    }

    async fn about_one(
        self,
        desk: &Desk,
        staff: &Staff,
        order: &Order,
        id: AccountId,
    ) -> Result<Self, Trouble> {
        let detail = desk.admin.show(&Target::from(id)).await?;
        let name = Person::of(&detail.account, detail.now).called;
        let own = id == staff.account.id;
        let open = sessions(detail.sessions.len() as u64);
        let verb = order.act.verb();
        let never = (own && order.act == Act::Lock)
            .then(|| "This is your own account, and nobody locks themselves.".to_owned());
        let mut sentences = vec![order.act.happens(&name, &open, which(staff))];
        if own && order.act == Act::SignOut {
            sentences.push("This is your own account: you are signed out here as well.".to_owned());
        }
        let title = format!("{verb} {name}?");
        Ok(Self { title, button: format!("{verb} {name}"), sentences, never, ..self })
    }

    async fn about_many(self, desk: &Desk, staff: &Staff, order: &Order) -> Result<Self, Trouble> {
        let now = desk.now();
        let selection = order.whom.selection(now);
        let selection = selection.map_err(|wrong| Trouble::Bad(wrong.words))?;
        // What is wrong with a reason or an end changes nothing about who is meant.
        let change = match order.act {
            Act::Lock => BulkChange {
                locked: LockWish::Yes { until: None, reason: None },
                ..BulkChange::default()
            },
            _ => order
                .change(desk)
                .map_err(|wrong| Trouble::Bad(wrong.words))?,
        };
        let foretold = Foretold::of(desk, staff, &BulkRequest { selection, change }).await?;
        let verb = order.act.verb();
        let whom = foretold.whom();
        Ok(Self {
            title: format!("{verb} {whom}?"),
            button: format!("{verb} {whom}"),
            never: foretold.is_in_vain().then(|| foretold.in_vain()),
            foretold: Some(foretold),
            ..self
        })
    }

    /// What becomes of all of them, several.
    fn about_all(&self) -> &'static str {
        match self.act {
            Act::Lock => {
                "They are signed out everywhere and can't sign in until somebody unlocks them, or \
                 until the time that you choose."
            }
            Act::Unlock => {
                "All their locks are lifted, also what failed sign-ins led to. Sessions that a \
                 lock ended stay ended."
            }
            Act::SignOut => "Their sessions end now. Whoever may sign in can do so again at once.",
        }
    }

    fn is_dangerous(&self) -> bool {
        self.act != Act::Unlock
    }

    /// What is wrong with a field, if anything is.
    fn error(&self, field: &str) -> &str {
        let wrong = self.wrong.as_ref().filter(|wrong| wrong.field == field);
        wrong.map_or("", |wrong| &wrong.words)
    }

    /// Whether there is something to choose beside yes and no.
    fn asks(&self) -> bool {
        self.act == Act::Lock && self.never.is_none()
    }
}
