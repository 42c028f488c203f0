//! The modules' page: what is configured, whether it answers, and who sees that.

use std::time::Duration;

use http::StatusCode;
use portcullis::admin::Modules;
use portcullis::admin::modules::{Field, ModuleError, Moved, Order, RecordModule};
use portcullis::domain::deletion::{Party, Step};
use portcullis::domain::permission::Permission;
use portcullis::domain::transfer::ModuleName;
use portcullis::store::BoxFuture;

use super::House;
use super::checks::{ESCAPED, MARKUP, everybody};

const PAGE: &str = "/console/modules";

/// A module that answers like this.
#[derive(Debug)]
struct Known(Vec<Field>, Answer);

#[derive(Clone, Debug)]
enum Answer {
    Ready,
    Misfit(&'static str),
    Never,
}

impl RecordModule for Known {
    fn fields(&self) -> &[Field] {
        &self.0
    }

    fn key_of(&self, party: &Party) -> Result<String, ModuleError> {
        Ok(party.login.to_string())
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ModuleError>> {
        let answer = self.1.clone();
        Box::pin(async move {
            match answer {
                Answer::Ready => Ok(()),
                Answer::Misfit(words) => Err(ModuleError::Misfit(words.to_owned())),
                Answer::Never => std::future::pending().await,
            }
        })
    }

    fn count<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<u64, ModuleError>> {
        Box::pin(async { Ok(0) })
    }

    fn next_step<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Option<Step>, ModuleError>> {
        Box::pin(async { Ok(None) })
    }

    fn carry_out<'a>(
        &'a self,
        _: &'a Order,
        _: &'a Party,
        _: &'a Step,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Moved, ModuleError>> {
        Box::pin(async { Ok(Moved { records: 0, more: false }) })
    }
}

fn known(fields: &[&str], answer: Answer) -> Known {
    let field = |label: &&str| Field { name: "field".to_owned(), label: (*label).to_owned() };
    Known(fields.iter().map(field).collect(), answer)
}

fn name(name: &str) -> ModuleName {
    name.parse().expect("a name")
}

/// The row of this module.
fn row<'a>(page: &'a str, name: &str) -> &'a str {
    let at = page
        .find(&format!("<small class=\"muted\">{name}</small>"))
        .expect("a row");
    page[at..].split("</tr>").next().unwrap_or_default()
}

#[tokio::test]
async fn whoever_may_delete_people_sees_them_and_nobody_else() {
    let house =
        House::with_modules(Modules::new().with(name("deals"), "Deals", known(&[], Answer::Ready)))
            .await;
    for someone in everybody(&house).await {
        someone.sees(PAGE, &[Permission::ManageUsers]).await;
    }
}

#[tokio::test]
async fn each_module_says_whether_it_is_as_described() {
    let modules = Modules::new()
        .with(name("deals"), "Deals", known(&["Status", "Kind"], Answer::Ready))
        .with(name("notes"), "Notes", known(&[], Answer::Misfit("there is no table notes")));
    let house = House::with_modules(modules).await;
    let desk = house.desk().await;
    let page = desk.page(PAGE).await;
    let deals = row(&page, "deals");
    assert!(deals.contains("Status, Kind") && deals.contains("Ready"), "{deals}");
    let notes = row(&page, "notes");
    assert!(notes.contains("Not as described"), "{notes}");
    assert!(notes.contains("There is no table notes: mend the configuration"), "{notes}");
    assert!(notes.contains(">none<"), "{notes}");
}

#[tokio::test]
async fn one_that_never_answers_keeps_no_other_from_being_told() {
    let modules = Modules::new()
        .with(name("stuck"), "Stuck", known(&[], Answer::Never))
        .with(name("deals"), "Deals", known(&[], Answer::Ready));
    let house = House::with_modules(modules).await;
    let desk = house.desk().await;
    let page = tokio::time::timeout(Duration::from_secs(8), desk.page(PAGE)).await;
    let page = page.expect("a page in time");
    assert!(row(&page, "stuck").contains("It did not answer in time"), "{page}");
    assert!(row(&page, "deals").contains("Ready"), "{page}");
}

#[tokio::test]
async fn without_modules_the_page_says_how_one_is_described() {
    let house = House::new().await;
    let desk = house.desk().await;
    let page = desk.page(PAGE).await;
    assert!(page.contains("No module is configured.") && page.contains("[[modules]]"), "{page}");
    assert_eq!(desk.post(PAGE, &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_others_wrote_is_never_markup() {
    let modules =
        Modules::new().with(name("deals"), MARKUP, known(&[MARKUP], Answer::Misfit(MARKUP)));
    let house = House::with_modules(modules).await;
    let desk = house.desk().await;
    let page = desk.page(PAGE).await;
    assert!(!page.contains("<script>alert"), "{page}");
    assert_eq!(page.matches(ESCAPED).count(), 3, "{page}");
}
