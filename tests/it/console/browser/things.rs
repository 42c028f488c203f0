//! Acts on people, programs and rules in a real browser, and what they do to others
//! meanwhile: see `tests/browser/console_people.mjs`, `console_programs.mjs` and
//! `console_rules.mjs`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::post;
use portcullis::admin::{
    Actor, Admin, BulkChange, BulkRequest, LockWish, PersonChange, Selection, Target,
};
use portcullis::api::Api;
use portcullis::domain::permission::Permission;
use portcullis::pages::Branding;
use portcullis::store::{AccountFilter, Directory, TextField, TextFit};
use portcullis::testing::TestGate;

use super::{administrator, driven, service};
use crate::deletions::App;
use crate::pages::browser::person;

/// Whom the acts are about, by number from 1 on: ada administers, clara may look.
const CAST: [(&str, &str); 6] = [
    ("ada", "Ada Administrator"),
    ("clara", "Clara Clerk"),
    ("bob", "Bob Berger"),
    ("dan", "Dan Dunn"),
    ("eve", "Eve Ernst"),
    ("fay", "Fay Fuchs"),
];

async fn populate(test: &TestGate, admin: &Admin) {
    let directory: Arc<dyn Directory> = Arc::clone(test.directory());
    for (login, name) in CAST {
        person(&directory, login, name).await;
    }
    administrator(admin, "ada").await;
    let mut change = PersonChange::default();
    change.permissions([Permission::ViewUsers].into_iter().collect());
    let clara = admin
        .update(&Actor::System, &Target::from("clara"), change)
        .await;
    clara.expect("somebody who may look");
}

/// So many more, whose logins begin with this, between one and another who come in.
async fn crowd(test: &TestGate, first: &str, prefix: &str, count: usize, last: &str) {
    let directory: Arc<dyn Directory> = Arc::clone(test.directory());
    if !first.is_empty() {
        person(&directory, first, "").await;
    }
    for number in 0..count {
        test.account(&format!("{prefix}{number:05}")).await;
    }
    person(&directory, last, "").await;
}

fn admin_of(test: &TestGate) -> Admin {
    let gate = test.gate();
    Admin::new(Arc::clone(test.directory()))
        .with_gate(gate.clone())
        .with_passwords(gate.passwords())
}

/// The service and its console, and a way to let time pass.
fn stage(test: &TestGate, admin: &Admin) -> Router {
    let clock = test.clock().clone();
    let later = |Path(minutes): Path<u64>| async move {
        clock.advance(Duration::from_secs(60 * minutes));
    };
    service(&test.gate(), admin, Branding::new("Harbour").contact("room 7"))
        .merge(Api::new(admin.clone()).into_router())
        .route("/later/{minutes}", post(later))
}

/// Added, edited, found, ticked, exported, and a device forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn people_are_added_edited_found_and_ticked_by_keyboard() {
    let test = TestGate::new().await;
    let admin = admin_of(&test);
    populate(&test, &admin).await;
    crowd(&test, "", "p", 5_100, "willy").await;
    driven(stage(&test, &admin), "console_people.mjs", Vec::new()).await;
}

/// Applications, tokens, groups, and the log.
#[tokio::test(flavor = "multi_thread")]
async fn programs_and_groups_get_and_lose_what_they_may_by_keyboard() {
    let test = TestGate::new().await;
    let admin = admin_of(&test);
    populate(&test, &admin).await;
    driven(stage(&test, &admin), "console_programs.mjs", Vec::new()).await;
}

/// A command that locks everybody whose login has this in it, and breaks off after the
/// first step.
async fn half(admin: &Admin, text: &str) {
    let any_of = vec![text.to_owned()];
    let (field, fit) = (TextField::Login, TextFit::Part);
    let filter = AccountFilter::Text { field, fit, any_of, negated: false };
    let locked = LockWish::Yes { until: None, reason: None };
    let request = BulkRequest {
        selection: Selection::Search(vec![filter]),
        change: BulkChange { locked, ..BulkChange::default() },
    };
    let host = Actor::Cli { user: "root".to_owned() };
    let run = admin.begin_bulk(&host, request).await.expect("begun");
    let stepped = tokio::sync::Notify::new();
    tokio::select! {
        biased;
        () = stepped.notified() => {}
        ended = admin.finish_run(run.id, |_| stepped.notify_one()) => {
            panic!("{:?} before anybody could stop it", ended.map(|run| run.counts));
        }
    }
}

/// Ways to do to the application, and to the host, what nobody does at the console.
fn backstage(admin: &Admin, app: &Arc<App>) -> Router {
    let run = |sql: &'static str| {
        let app = Arc::clone(app);
        post(move || async move { app.run(sql).await })
    };
    let (breaks, sleeps) = (admin.clone(), admin.clone());
    Router::new()
        .route("/hold", run("INSERT INTO held VALUES (1)"))
        .route("/release", run("DELETE FROM held"))
        .route("/break", run("ALTER TABLE contacts RENAME TO elsewhere"))
        .route("/mend", run("ALTER TABLE elsewhere RENAME TO contacts"))
        .route("/half", post(move || async move { half(&breaks, "w").await }))
        .route("/night", post(move || async move { night(&sleeps).await }))
}

/// What a gateway does each night.
async fn night(admin: &Admin) {
    let kept = admin.keep_inactivity_rule().await;
    kept.expect("a night");
    admin.go_on_with_runs().await.expect("runs");
}

/// Licences, people who stay away, policies; runs and deletions that are stopped.
#[tokio::test(flavor = "multi_thread")]
async fn rules_hold_and_what_is_stopped_goes_on_by_keyboard() {
    let test = TestGate::new().await;
    let folder = crate::stores::folder();
    let app = Arc::new(App::make(folder.path()).await);
    let admin = admin_of(&test).with_modules(app.modules());
    populate(&test, &admin).await;
    let directory: Arc<dyn Directory> = Arc::clone(test.directory());
    for login in ["gus", "hal", "ian", "jon", "kim", "lou"] {
        person(&directory, login, "").await;
    }
    app.run(
        "INSERT INTO deals (owner_id, status, kind) VALUES
            (7, 'open', 'a'), (7, 'won', 'a'), (8, 'won', 'b'),
            (10, 'open', 'a'), (10, 'won', 'a'), (11, 'won', 'b');
        CREATE TABLE held (one INTEGER);
        CREATE TRIGGER held BEFORE UPDATE OF owner_id ON deals
            WHEN old.status = 'won' AND EXISTS (SELECT 1 FROM held)
            BEGIN SELECT RAISE(IGNORE); END",
    )
    .await;
    crowd(&test, "wanda", "w", 2_000, "willy").await;
    let stage = stage(&test, &admin).merge(backstage(&admin, &app));
    driven(stage, "console_rules.mjs", Vec::new()).await;
}
