//! What somebody owns, module by module, also where one does not answer.

use portcullis::admin::Modules;
use portcullis::admin::modules::{Field, ModuleError, Moved, Order, RecordModule};
use portcullis::domain::deletion::{Party, Step};
use portcullis::domain::transfer::ModuleName;
use portcullis::store::BoxFuture;

use super::super::House;
use super::at;

/// A module that says this, or never says anything.
#[derive(Debug)]
struct Says(Option<Result<u64, ModuleError>>);

impl RecordModule for Says {
    fn fields(&self) -> &[Field] {
        &[]
    }

    fn key_of(&self, party: &Party) -> Result<String, ModuleError> {
        Ok(party.login.to_string())
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ModuleError>> {
        Box::pin(async { Ok(()) })
    }

    fn count<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<u64, ModuleError>> {
        assert_eq!(order.from.login.as_str(), "anna");
        Box::pin(async {
            match &self.0 {
                Some(answer) => answer.clone(),
                None => std::future::pending().await,
            }
        })
    }

    fn next_step<'a>(
        &'a self,
        _order: &'a Order,
    ) -> BoxFuture<'a, Result<Option<Step>, ModuleError>> {
        Box::pin(async { Err(ModuleError::Refused("nothing is moved here".to_owned())) })
    }

    fn carry_out<'a>(
        &'a self,
        _order: &'a Order,
        _to: &'a Party,
        _step: &'a Step,
        _key: &'a str,
    ) -> BoxFuture<'a, Result<Moved, ModuleError>> {
        Box::pin(async { Err(ModuleError::Refused("nothing is moved here".to_owned())) })
    }
}

fn name(text: &str) -> ModuleName {
    text.parse().expect("a name")
}

#[tokio::test]
async fn a_module_that_fails_or_hangs_hides_no_other() {
    let broken = Err(ModuleError::Unavailable("the <shop> is closed".to_owned()));
    let modules = Modules::new()
        .with(name("deals"), "Deals <b>", Says(Some(Ok(1234))))
        .with(name("orders"), "Orders", Says(Some(broken)))
        .with(name("notes"), "Notes", Says(None));
    let house = House::with_modules(modules).await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let page = desk.page(&at(&anna, "/records")).await;
    for words in [
        "Deals &#60;b&#62;</th><td data-label=\"Records\">1\u{202f}234</td>",
        "the &#60;shop&#62; is closed",
        "It did not answer in time.",
        "/console/modules",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("<b>") && !page.contains("<shop>"), "{page}");
}

#[tokio::test]
async fn no_module_is_an_empty_page_that_says_what_one_is() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let page = desk.page(&at(&anna, "/records")).await;
    assert!(page.contains("No module is configured."), "{page}");
    house.test.delete(&anna).await;
    let page = desk.page(&at(&anna, "/records")).await;
    assert!(page.contains("The account is deleted."), "{page}");
}
