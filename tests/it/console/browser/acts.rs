//! Every act of the console, and what it does to somebody in another browser: see
//! `tests/browser/console_acts.mjs`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use axum::routing::post;
use portcullis::admin::{Actor, Admin, PersonChange, Target};
use portcullis::api::Api;
use portcullis::domain::permission::Permission;
use portcullis::pages::Branding;
use portcullis::store::Directory;
use portcullis::testing::TestGate;

use super::{administrator, driven, service};
use crate::pages::browser::person;

/// Beside those whom the acts are about: a list that nobody looks through page by page.
const CROWD: usize = 10_000;

async fn populate(test: &TestGate, admin: &Admin) {
    let directory: Arc<dyn Directory> = Arc::clone(test.directory());
    for (login, name) in [
        ("ada", "Ada Administrator"),
        ("clara", "Clara Clerk"),
        ("bob", "Bob Berger"),
        ("dan", "Dan Dunn"),
        ("eve", "Eve Ernst"),
        ("fay", "Fay Fuchs"),
    ] {
        person(&directory, login, name).await;
    }
    administrator(admin, "ada").await;
    let mut change = PersonChange::default();
    change.permissions([Permission::ViewUsers].into_iter().collect());
    let clara = admin
        .update(&Actor::System, &Target::from("clara"), change)
        .await;
    clara.expect("somebody who may look");
    for number in 0..CROWD {
        test.account(&format!("p{number:05}")).await;
    }
}

/// Locked, switched off, signed out, one by one and in bulk, by keyboard alone and without
/// scripts; permissions, passwords, links, tokens, policies; and who it is, asked again.
#[tokio::test(flavor = "multi_thread")]
async fn every_act_reaches_whoever_it_is_about_at_their_next_click() {
    let test = TestGate::new().await;
    let gate = test.gate();
    let admin = Admin::new(Arc::clone(test.directory()))
        .with_gate(gate.clone())
        .with_passwords(gate.passwords());
    populate(&test, &admin).await;
    let clock = test.clock().clone();
    let later = |Path(minutes): Path<u64>| async move {
        clock.advance(Duration::from_secs(60 * minutes));
    };
    let service = service(&gate, &admin, Branding::new("Harbour").contact("room 7"))
        .merge(Api::new(admin).into_router())
        .route("/later/{minutes}", post(later));
    driven(service, "console_acts.mjs", Vec::new()).await;
}
