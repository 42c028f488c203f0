//! What only Postgres has: types, roles, locks, and a server that can be away.

mod doors;
mod others;
mod tables;

use portcullis::admin::modules::{ModuleError, Order, RecordModule, TableModule, TableSettings};
use portcullis::domain::deletion::Party;
use portcullis::domain::login::Login;
use portcullis::domain::transfer::Condition;

use super::App;
use crate::servers::Postgres;

/// An application with no table yet.
async fn bare() -> App {
    let server = Postgres::shared();
    App::on(server.port(), &server.fresh().await).await
}

fn module(app: &App, settings: TableSettings) -> TableModule {
    TableModule::new(app.database.clone(), settings).expect("a module")
}

fn party(number: i64, login: &str) -> Party {
    let login = Login::new(login).expect("a login");
    let id = number.try_into().expect("a number");
    Party { id, email: Some(format!("{login}@example.org")), login }
}

fn bobs(conditions: Vec<Condition>) -> Order {
    Order::new("deals".parse().expect("a name"), party(2, "bob"), conditions)
}

async fn all_moved(module: &TableModule, order: &Order) -> u64 {
    let carol = party(3, "carol");
    let mut records = 0;
    while let Some(step) = module.next_step(order).await.expect("chooses") {
        let moved = module.carry_out(order, &carol, &step, "").await;
        let again = module.carry_out(order, &carol, &step, "").await;
        assert_eq!(moved, again, "a step that is done again is as done once");
        records += moved.expect("moves").records;
    }
    records
}

fn misfit(error: &ModuleError, words: &str) {
    assert!(matches!(error, ModuleError::Misfit(_)), "{error:?}");
    assert!(error.to_string().contains(words), "{words}: {error}");
}

fn away(error: &ModuleError, words: &str) {
    assert!(matches!(error, ModuleError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains(words), "{words}: {error}");
}
