//! The modules of the application: what there is to be given to somebody else.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use futures_util::future::join_all;
use http::StatusCode;

use super::Here;
use crate::admin::modules::ModuleDescription;
use crate::domain::operation::Operation;
use crate::pages::answer;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::staff::Staff;

/// How long the page waits for a module to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new().route("/modules", get(page))
}

#[derive(Template)]
#[template(path = "console/modules.html")]
struct ModulesPage {
    shell: Shell,
    modules: Vec<Row>,
}

struct Row {
    name: String,
    label: String,
    fields: String,
    /// What is wrong with it.
    trouble: Option<String>,
}

async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(desk: &Desk, staff: &Staff) -> Result<ModulesPage, Trouble> {
    staff.require(Operation::DeleteUser)?;
    // All at once: one that does not answer keeps nobody from being told of the others.
    let rows = desk.admin.modules().map(|module| row(desk, module));
    let modules = join_all(rows).await;
    Ok(ModulesPage { shell: desk.shell(staff, Section::Modules), modules })
}

async fn row(desk: &Desk, module: &ModuleDescription) -> Row {
    let checked = tokio::time::timeout(PATIENCE, desk.admin.check_module(&module.name)).await;
    let trouble = match checked {
        Ok(Some(Err(error))) => Some(sentence(&error.to_string())),
        Ok(_) => None,
        Err(_) => Some("It did not answer in time.".to_owned()),
    };
    let fields: Vec<_> = module
        .fields
        .iter()
        .map(|field| field.label.clone())
        .collect();
    let (name, label) = (module.name.to_string(), module.label.clone());
    Row { name, label, fields: fields.join(", "), trouble }
}
