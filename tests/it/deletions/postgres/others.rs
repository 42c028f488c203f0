//! Others at work meanwhile, and a server that goes.

use std::time::Duration;

use portcullis::admin::Admin;
use portcullis::admin::modules::{Modules, Moved, OwnerKey, RecordModule};
use portcullis::domain::deletion::{DeletionState, RecordId};
use portcullis::domain::transfer::{Comparison, Condition};
use sqlx::Executor;
use tokio::time::Instant;

use super::{away, bobs, party};
use crate::deletions::{App, World, cli, request};
use crate::servers::Postgres;

/// Another session holds a record: we wait, but not for long, and go on later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_record_is_waited_for_but_not_for_long() {
    let app = App::in_postgres().await;
    app.fill().await;
    let module = app.table("deals", "owner_id", OwnerKey::Account);
    let (order, carol) = (bobs(Vec::new()), party(3, "carol"));
    let step = module
        .next_step(&order)
        .await
        .expect("chooses")
        .expect("some");
    let mut holder = app.pool.begin().await.expect("begins");
    holder
        .execute("SELECT id FROM deals WHERE id = 2 FOR UPDATE")
        .await
        .expect("locks");
    let started = Instant::now();
    let refused = module
        .carry_out(&order, &carol, &step, "")
        .await
        .expect_err("it is held");
    away(&refused, "another session holds records locked, for longer than 5 seconds");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(app.number("SELECT SUM(moves) FROM deals").await, 0, "all or nothing");
    let moving = tokio::spawn(async move {
        let moved = module.carry_out(&order, &carol, &step, "").await;
        (moved, module, order)
    });
    // It gives that record to somebody else while we wait for it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    holder
        .execute("UPDATE deals SET owner_id = 9 WHERE id = 2")
        .await
        .expect("takes");
    holder.commit().await.expect("commits");
    let (moved, module, order) = moving.await.expect("ends");
    assert_eq!(moved, Ok(Moved { records: 3, more: true }));
    assert_eq!(app.number("SELECT owner_id FROM deals WHERE id = 2").await, 9, "it stays theirs");
    assert_eq!(module.next_step(&order).await, Ok(None));
}

/// What the application took between the choice and the move is not ours to count, and
/// stops nothing.
#[tokio::test]
async fn what_is_taken_meanwhile_is_left_alone() {
    let folder = crate::stores::folder();
    for app in [App::in_postgres().await, App::make(folder.path()).await] {
        app.fill().await;
        let module = app.table("deals", "owner_id", OwnerKey::Account);
        let open = Condition::new("status", Comparison::Is, "open").expect("a condition");
        let order = bobs(vec![open]);
        let step = module
            .next_step(&order)
            .await
            .expect("chooses")
            .expect("some");
        assert_eq!(step.records, [RecordId::Number(1), RecordId::Number(2)]);
        app.run("UPDATE deals SET status = 'won' WHERE id = 1")
            .await;
        app.run("UPDATE deals SET owner_id = 4 WHERE id = 2").await;
        let moved = module
            .carry_out(&order, &party(3, "carol"), &step, "")
            .await;
        assert_eq!(moved, Ok(Moved { records: 0, more: true }));
        assert_eq!(module.next_step(&order).await, Ok(None));
        assert_eq!(app.number("SELECT owner_id FROM deals WHERE id = 2").await, 4);
        assert_eq!(
            app.number("SELECT COUNT(*) FROM deals WHERE owner_id = 3")
                .await,
            1
        );
    }
}

/// Somebody else waits for us while we wait for them: the step is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_tried_again() {
    let app = App::in_postgres().await;
    app.fill().await;
    let module = app.table("deals", "owner_id", OwnerKey::Account);
    let order = bobs(Vec::new());
    let step = module
        .next_step(&order)
        .await
        .expect("chooses")
        .expect("some");
    let mut other = app.pool.begin().await.expect("begins");
    // Whoever looks for a deadlock first gives way: we, after a second.
    other
        .execute("SET LOCAL deadlock_timeout = '30s'")
        .await
        .expect("sets");
    other
        .execute("UPDATE deals SET kind = 'c' WHERE id = 4")
        .await
        .expect("takes the last");
    let moving = tokio::spawn(async move {
        module
            .carry_out(&order, &party(3, "carol"), &step, "")
            .await
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    other
        .execute("UPDATE deals SET kind = 'c' WHERE id = 1")
        .await
        .expect("gets the first");
    other.commit().await.expect("commits");
    assert_eq!(moving.await.expect("ends"), Ok(Moved { records: 4, more: true }));
    assert_eq!(app.number("SELECT MAX(moves) FROM deals").await, 1);
}

/// The server goes in the middle of a deletion and comes again: it is gone on with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_and_comes_is_gone_on_with() {
    let mut server = Postgres::start();
    let name = server.fresh().await;
    let world = World::in_memory().await;
    let app = App::on(server.port(), &name).await;
    app.run(crate::deletions::app::IN_POSTGRES).await;
    app.run("INSERT INTO deals (owner_id) SELECT 2 FROM generate_series(1, 1204)")
        .await;
    let modules = Modules::new().with(
        "deals".parse().expect("a name"),
        "Deals",
        app.table("deals", "owner_id", OwnerKey::Account),
    );
    let admin = Admin::new(std::sync::Arc::clone(&world.directory)).with_modules(modules);
    let all = request(world.all_to("carol").await);
    let run = admin
        .begin_deletion(&cli(), &"bob".into(), all)
        .await
        .expect("begins");
    let mut running = Some(&mut server);
    let stopped = run.run(|deletion| {
        if deletion.moved() == 500
            && let Some(server) = running.take()
        {
            tokio::task::block_in_place(|| server.stop());
        }
    });
    let stopped = stopped.await.expect("answers");
    assert_eq!((stopped.state, stopped.moved()), (DeletionState::Failed, 500));
    let error = stopped.error.clone().expect("a reason");
    assert!(error.contains("does not answer") && error.contains("resume"), "{error}");
    let again = admin
        .resume_deletion(&cli(), stopped.id)
        .await
        .expect("resumes");
    let again = again.run(|_| ()).await.expect("answers");
    assert_eq!((again.state, again.moved()), (DeletionState::Failed, 500), "it is away still");
    server.start_again();
    let resumed = admin
        .resume_deletion(&cli(), stopped.id)
        .await
        .expect("resumes");
    let done = resumed.run(|_| ()).await.expect("answers");
    assert_eq!((done.state, done.moved()), (DeletionState::Done, 1204));
    let app = App::on(server.port(), &name).await;
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE owner_id = 3")
            .await,
        1204
    );
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE moves = 1")
            .await,
        1204
    );
}

/// A step's sessions are ended by the server's administrator, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_are_ended_lose_and_double_nothing() {
    let app = App::in_postgres().await;
    app.run("INSERT INTO deals (owner_id) SELECT 2 FROM generate_series(1, 5000)")
        .await;
    let module = app.table("deals", "owner_id", OwnerKey::Account);
    let (order, carol) = (bobs(Vec::new()), party(3, "carol"));
    let killer = app.pool.clone();
    let killing = tokio::spawn(async move {
        for _ in 0..40 {
            let kill = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                        WHERE datname = current_database() AND application_name = 'portcullis'";
            killer.execute(kill).await.expect("kills");
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
    });
    let (mut records, mut step) = (0, None);
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(60), "{records} after a minute");
        if step.is_none() {
            match module.next_step(&order).await {
                Ok(Some(next)) => step = Some(next),
                Ok(None) => break,
                Err(_) => continue,
            }
        }
        let Some(doing) = &step else { continue };
        if let Ok(moved) = module.carry_out(&order, &carol, doing, "").await {
            records += moved.records;
            step = None;
        }
    }
    killing.await.expect("ends");
    assert_eq!(records, 5000);
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE moves = 1")
            .await,
        5000
    );
}

/// Nobody who is stopped in the middle keeps the application waiting.
#[tokio::test]
async fn a_call_that_is_dropped_moves_nothing_or_all() {
    let app = App::in_postgres().await;
    app.run("INSERT INTO deals (owner_id) SELECT 2 FROM generate_series(1, 500)")
        .await;
    let module = app.table("deals", "owner_id", OwnerKey::Account);
    let (order, carol) = (bobs(Vec::new()), party(3, "carol"));
    let step = module
        .next_step(&order)
        .await
        .expect("chooses")
        .expect("some");
    for patience in 0..30 {
        let moving = module.carry_out(&order, &carol, &step, "");
        let _ = tokio::time::timeout(Duration::from_millis(patience), moving).await;
        let moved = app.number("SELECT SUM(moves) FROM deals").await;
        assert!(moved == 0 || moved == 500, "{moved}");
    }
    let moved = module.carry_out(&order, &carol, &step, "").await;
    assert_eq!(moved, Ok(Moved { records: 500, more: true }));
    assert_eq!(app.number("SELECT SUM(moves) FROM deals").await, 500);
}
