//! Chooses whom to change and how, says what would happen, and begins it.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use super::draft::{Draft, Whose};
use super::foretold::Foretold;
use super::words::{self, Effect};
use crate::domain::permission::Permission;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::console::users::filter::Wrong;
use crate::pages::console::users::list::FilterForm;
use crate::pages::console::users::whom::asked;

#[derive(Template)]
#[template(path = "console/run_new.html")]
struct NewPage {
    shell: Shell,
    draft: Draft,
    form: FilterForm,
    wrongs: Vec<Wrong>,
    /// Disabling is switched on.
    disables: bool,
    /// Whoever asks may make administrators.
    administers: bool,
    program: String,
}

#[derive(Template)]
#[template(path = "console/run_check.html")]
struct CheckPage {
    shell: Shell,
    title: String,
    effects: Vec<Effect>,
    foretold: Foretold,
    hidden: Vec<(&'static str, String)>,
}

/// The form, for those who were chosen in a list if any were.
pub(super) async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Permission::ManageUsers)?;
        let drawer = desk.drawer(&staff);
        let draft = Draft::read(&mut asked(&head, &drawer)?, &drawer)?;
        if !staff.is_sure(desk.now()) {
            return Err(not_sure(&desk, &staff, &draft.whom.pairs())?);
        }
        let page = NewPage::of(&desk, &staff, draft, Vec::new()).await?;
        Ok(answer::page(StatusCode::OK, &page))
    };
    shown
        .await
        .unwrap_or_else(|trouble: Trouble| trouble.answer(&desk, Some(&staff), &head))
}

/// The form once more, as it was filled in.
pub(super) async fn again(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let shown = async {
        staff.require(Permission::ManageUsers)?;
        let draft = Draft::read(&mut fields, &desk.drawer(&staff))?;
        let page = NewPage::of(&desk, &staff, draft, Vec::new()).await?;
        Ok(answer::page(StatusCode::OK, &page))
    };
    shown
        .await
        .unwrap_or_else(|trouble: Trouble| trouble.answer(&desk, Some(&staff), &head))
}

/// What would happen: nothing is written.
pub(super) async fn check(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let shown = async {
        staff.require(Permission::ManageUsers)?;
        let draft = Draft::read(&mut fields, &desk.drawer(&staff))?;
        sure(&desk, &staff, &draft)?;
        let request = match draft.request(desk.now()) {
            Ok(request) => request,
            Err(wrongs) => return unclear(&desk, &staff, draft, wrongs).await,
        };
        let foretold = Foretold::of(&desk, &staff, &request).await?;
        let page = CheckPage {
            shell: desk.shell(&staff, Section::Runs),
            title: words::title(&request.change, foretold.number()),
            effects: words::effects(&request.change, desk.now()),
            foretold,
            hidden: draft.pairs(),
        };
        Ok(answer::page(StatusCode::OK, &page))
    };
    shown
        .await
        .unwrap_or_else(|trouble: Trouble| trouble.answer(&desk, Some(&staff), &head))
}

/// Begins it.
pub(super) async fn start(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let begun = async {
        staff.require(Permission::ManageUsers)?;
        let draft = Draft::read(&mut fields, &desk.drawer(&staff))?;
        sure(&desk, &staff, &draft)?;
        match draft.request(desk.now()) {
            Ok(request) => super::begin(&desk, &staff, request).await,
            Err(wrongs) => unclear(&desk, &staff, draft, wrongs).await,
        }
    };
    begun
        .await
        .unwrap_or_else(|trouble: Trouble| trouble.answer(&desk, Some(&staff), &head))
}

/// Whoever sends it gave their password a short time ago; what they chose waits for them.
fn sure(desk: &Desk, staff: &Staff, draft: &Draft) -> Result<(), Trouble> {
    if staff.was_sure(desk.now()) {
        return Ok(());
    }
    Err(not_sure(desk, staff, &draft.pairs())?)
}

fn not_sure(
    desk: &Desk,
    staff: &Staff,
    asked: &[(&'static str, String)],
) -> Result<Trouble, Trouble> {
    let onward = desk.drawer(staff).address(&desk.path("runs/new"), asked)?;
    Ok(Trouble::NotSure { onward })
}

async fn unclear(
    desk: &Desk,
    staff: &Staff,
    draft: Draft,
    wrongs: Vec<Wrong>,
) -> Result<Response, Trouble> {
    let page = NewPage::of(desk, staff, draft, wrongs).await?;
    Ok(answer::page(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

impl NewPage {
    async fn of(
        desk: &Desk,
        staff: &Staff,
        draft: Draft,
        wrongs: Vec<Wrong>,
    ) -> Result<Self, Trouble> {
        let of_filter = draft.whom.filter.filters(desk.now()).err();
        let of_filter = of_filter.filter(|wrong| wrongs.contains(wrong));
        let form = FilterForm::new(desk, staff, draft.whom.filter.clone(), of_filter).await?;
        Ok(Self {
            shell: desk.shell(staff, Section::Runs),
            draft,
            form,
            wrongs,
            disables: desk.admin.disabling_is_allowed().await?,
            administers: staff.rights.administer(),
            program: desk.program.clone(),
        })
    }

    fn is(&self, whose: &str) -> bool {
        self.draft.whose.word() == whose
    }

    fn has_ticked(&self) -> bool {
        !self.draft.whom.chosen.ids.is_empty() || self.draft.whose == Whose::Ticked
    }

    /// What is wrong with a field, if anything is.
    fn error(&self, field: &str) -> &str {
        let wrong = self.wrongs.iter().find(|wrong| wrong.field == field);
        wrong.map_or("", |wrong| &wrong.words)
    }
}
