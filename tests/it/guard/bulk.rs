//! People who are locked in bulk are refused as after any lock.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use portcullis::GuardLayer;
use portcullis::admin::{Actor, Admin, BulkChange, BulkRequest, LockWish, Selection};
use portcullis::testing::TestGate;

use super::{visit, who};

#[tokio::test]
async fn whoever_a_run_locks_is_refused_at_their_next_request() {
    let test = TestGate::new().await;
    let mut cookies = Vec::new();
    for n in 0..5 {
        let account = test.account(&format!("p{n}")).await;
        cookies.push((account.clone(), test.sign_in(&account).await));
    }
    let app = Router::new()
        .route("/", get(who))
        .layer(GuardLayer::new(test.gate()));
    for (_, cookie) in &cookies {
        assert_eq!(visit(&app, "/", cookie).await.status, 200);
    }
    let gate = test.gate();
    let admin = Admin::new(Arc::clone(gate.directory().expect("a directory"))).with_gate(gate);
    let host = Actor::Cli { user: "root".to_owned() };
    let locked = LockWish::Yes { until: None, reason: None };
    let change = BulkChange { locked, ..BulkChange::default() };
    let ids = cookies[..4].iter().map(|(account, _)| account.id);
    let request = BulkRequest { selection: Selection::Ids(ids.collect()), change };
    let run = admin.begin_bulk(&host, request).await.expect("begun");
    let run = admin.finish_run(run.id, |_| {}).await.expect("finished");
    assert_eq!(run.counts.changed, 4);
    for (n, (_, cookie)) in cookies.iter().enumerate() {
        let expected = if n < 4 { 403 } else { 200 };
        assert_eq!(visit(&app, "/", cookie).await.status, expected, "p{n}");
    }
    let undo = admin.undo_run(&host, run.id).await.expect("begun");
    admin.finish_run(undo.id, |_| {}).await.expect("finished");
    let (first, cookie) = &cookies[0];
    assert_eq!(visit(&app, "/", cookie).await.status, 401, "sessions stay dead");
    let fresh = test.sign_in(first).await;
    assert_eq!(visit(&app, "/", &fresh).await.status, 200);
}
