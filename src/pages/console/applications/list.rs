//! Every application, oldest first.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{Row, words_of};
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Shell;
use crate::pages::console::nav::Section;
use crate::pages::console::staff::Staff;

#[derive(Template)]
#[template(path = "console/applications.html")]
struct ListPage {
    shell: Shell,
    applications: Vec<Row>,
}

pub(super) async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let all = desk.admin.applications(&staff.actor).await?;
        let now = desk.now();
        let applications = all.iter().map(|one| Row::of(one, now)).collect();
        let shell = desk.shell(&staff, Section::Applications);
        Ok::<_, Trouble>(ListPage { shell: shell.with(words_of(&head)), applications })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
