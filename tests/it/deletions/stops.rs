//! What stops a deletion, and how it goes on.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::admin::modules::{Field, ModuleError, Modules, Moved, Order, RecordModule};
use portcullis::admin::modules::{OwnerKey, TableModule};
use portcullis::admin::{Admin, AdminError, UnlockKind};
use portcullis::domain::deletion::{Deletion, DeletionState, ModuleState, Party, Step};
use portcullis::domain::event::Action;
use portcullis::domain::lock::End;
use portcullis::domain::standing::{Lifecycle, Status};
use portcullis::domain::transfer::Transfer;
use portcullis::store::BoxFuture;

use super::{LONG, NOON, World, cli, each};

each! {
    a_receiver_who_is_locked_in_the_middle_stops_it
    a_receiver_who_is_locked_at_the_end_stops_it
    whoever_unlocks_calls_it_off
    who_is_locked_again_is_not_deleted_by_the_old_one
    it_is_called_off_by_hand_and_the_lock_stays
    one_works_on_it_at_a_time
    a_module_that_fails_is_gone_on_with
    a_process_that_dies_in_a_step_loses_and_doubles_nothing
    a_zombie_writes_nothing
    records_that_stay_are_told
    somebody_who_is_renamed_stops_it
    no_other_interface_deletes_meanwhile
}

/// Does something before or after a step of the deals.
struct Trap {
    inner: TableModule,
    /// Taken by the first step that comes.
    before: Mutex<Option<BoxFuture<'static, Result<(), ModuleError>>>>,
    after: Mutex<Option<BoxFuture<'static, ()>>>,
}

/// Shares a trap with the modules that it is in.
#[derive(Clone)]
struct Shared(Arc<Trap>);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared(..)")
    }
}

impl RecordModule for Shared {
    fn fields(&self) -> &[Field] {
        self.0.inner.fields()
    }

    fn key_of(&self, party: &Party) -> Result<String, ModuleError> {
        self.0.inner.key_of(party)
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ModuleError>> {
        self.0.inner.check()
    }

    fn count<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<u64, ModuleError>> {
        self.0.inner.count(order)
    }

    fn next_step<'a>(
        &'a self,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<Option<Step>, ModuleError>> {
        self.0.inner.next_step(order)
    }

    fn carry_out<'a>(
        &'a self,
        order: &'a Order,
        to: &'a Party,
        step: &'a Step,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Moved, ModuleError>> {
        let before = self.0.before.lock().expect("not poisoned").take();
        let after = self.0.after.lock().expect("not poisoned").take();
        Box::pin(async move {
            if let Some(happens) = before {
                happens.await?;
            }
            let moved = self.0.inner.carry_out(order, to, step, key).await;
            if let Some(happens) = after {
                happens.await;
            }
            moved
        })
    }
}

/// The world's administration with the deals in a trap, and 1204 deals of bob's.
async fn trapped(world: &World) -> (Admin, Shared) {
    world.app.fill().await;
    world
        .app
        .run(
            "INSERT INTO deals (owner_id) SELECT 2 FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION \
             ALL SELECT i + 1 FROM n WHERE i < 1200) SELECT i FROM n) AS many",
        )
        .await;
    let inner = world.app.table("deals", "owner_id", OwnerKey::Account);
    let (before, after) = (Mutex::new(None), Mutex::new(None));
    let trap = Shared(Arc::new(Trap { inner, before, after }));
    let name = "deals".parse().expect("a name");
    let modules = Modules::new().with(name, "Deals", trap.clone());
    (Admin::new(Arc::clone(&world.directory)).with_modules(modules), trap)
}

impl Shared {
    fn before(&self, happens: impl Future<Output = Result<(), ModuleError>> + Send + 'static) {
        *self.0.before.lock().expect("not poisoned") = Some(Box::pin(happens));
    }

    fn after(&self, happens: impl Future<Output = ()> + Send + 'static) {
        *self.0.after.lock().expect("not poisoned") = Some(Box::pin(happens));
    }
}

async fn delete_bob(admin: &Admin, transfer: Transfer) -> Deletion {
    let begun = admin
        .begin_deletion(&cli(), &"bob".into(), super::request(transfer))
        .await;
    begun.expect("begins").run(|_| ()).await.expect("answers")
}

async fn resume(admin: &Admin, deletion: &Deletion) -> Deletion {
    let resumed = admin
        .resume_deletion(&cli(), deletion.id)
        .await
        .expect("resumes");
    resumed.run(|_| ()).await.expect("answers")
}

async fn lock_carol(admin: Admin) {
    admin
        .lock(&cli(), &"carol".into(), End::Never, None)
        .await
        .expect("locks");
}

/// All 1204 deals are carol's, each moved once, and no other is.
async fn all_is_moved_once(world: &World) {
    let app = &world.app;
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE owner_id = 2")
            .await,
        0
    );
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE moves = 1")
            .await,
        1204
    );
    assert_eq!(app.number("SELECT SUM(moves) FROM deals").await, 1204);
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE owner_id = 3")
            .await,
        1205
    );
    assert_eq!(world.bob().await.lifecycle, Lifecycle::Deleted);
}

async fn a_receiver_who_is_locked_in_the_middle_stops_it(world: World) {
    let (admin, trap) = trapped(&world).await;
    trap.after(lock_carol(admin.clone()));
    let stopped = delete_bob(&admin, world.all_to("carol").await).await;
    assert_eq!((stopped.state, stopped.moved()), (DeletionState::Failed, 500));
    let error = stopped.error.clone().expect("a reason");
    assert!(error.contains("carol is locked, and records go to active accounts only"), "{error}");
    assert_eq!(world.bob().await.standing().status(NOON), Status::Locked);
    assert_eq!(world.app.number("SELECT SUM(moves) FROM deals").await, 500);
    let again = resume(&admin, &stopped).await;
    assert_eq!((again.state, again.moved()), (DeletionState::Failed, 500), "still locked");
    admin
        .unlock(&cli(), &"carol".into(), UnlockKind::All)
        .await
        .expect("unlocks");
    let done = resume(&admin, &stopped).await;
    assert_eq!((done.state, done.moved()), (DeletionState::Done, 1204));
    all_is_moved_once(&world).await;
}

/// After the last record is moved, and before the account is deleted.
async fn a_receiver_who_is_locked_at_the_end_stops_it(world: World) {
    world
        .app
        .run("INSERT INTO deals (owner_id) VALUES (2)")
        .await;
    let run = world
        .begin(world.all_to("carol").await)
        .await
        .expect("begins");
    let (admin, handle) = (world.admin.clone(), tokio::runtime::Handle::current());
    let lock = move |deletion: &Deletion| {
        let last = deletion.modules.last().expect("three");
        if last.state == ModuleState::Moved {
            let admin = admin.clone();
            tokio::task::block_in_place(|| handle.block_on(lock_carol(admin)));
        }
    };
    let stopped = run.run(lock).await.expect("answers");
    assert_eq!((stopped.state, stopped.moved()), (DeletionState::Failed, 1));
    assert_eq!(world.bob().await.lifecycle, Lifecycle::Active, "nobody is deleted early");
}

async fn whoever_unlocks_calls_it_off(world: World) {
    let (admin, trap) = trapped(&world).await;
    let unlock = admin.clone();
    trap.before(async move {
        unlock
            .unlock(&cli(), &"bob".into(), UnlockKind::AdminLock)
            .await
            .expect("unlocks");
        Ok(())
    });
    let off = delete_bob(&admin, world.all_to("carol").await).await;
    assert_eq!(off.state, DeletionState::Cancelled);
    assert_eq!(world.bob().await.standing().status(NOON), Status::Active);
    assert_eq!(world.app.number("SELECT SUM(moves) FROM deals").await, 500, "the step that ran");
    let refused = admin.resume_deletion(&cli(), off.id).await;
    assert!(matches!(refused, Err(AdminError::DeletionEnded { .. })), "{refused:?}");
}

async fn who_is_locked_again_is_not_deleted_by_the_old_one(world: World) {
    let (admin, trap) = trapped(&world).await;
    trap.before(async { Err(ModuleError::Refused("no".to_owned())) });
    let stopped = delete_bob(&admin, world.all_to("carol").await).await;
    assert_eq!(stopped.state, DeletionState::Failed);
    let bob = || "bob".into();
    admin
        .unlock(&cli(), &bob(), UnlockKind::All)
        .await
        .expect("unlocks");
    admin
        .lock(&cli(), &bob(), End::Never, None)
        .await
        .expect("locks");
    let refused = admin.resume_deletion(&cli(), stopped.id).await;
    assert!(matches!(refused, Err(AdminError::DeletionEnded { .. })), "{refused:?}");
    assert!(
        world
            .actions("bob")
            .await
            .contains(&Action::DeletionCancelled)
    );
}

async fn it_is_called_off_by_hand_and_the_lock_stays(world: World) {
    let (admin, trap) = trapped(&world).await;
    let (cancel, deletions) = (admin.clone(), world.admin.clone());
    trap.before(async move {
        let query =
            portcullis::store::DeletionQuery { account: None, open: true, before: None, limit: 1 };
        let open = deletions.deletions(&cli(), query).await.expect("answers");
        cancel
            .cancel_deletion(&cli(), open[0].id)
            .await
            .expect("cancels");
        Ok(())
    });
    let off = delete_bob(&admin, world.all_to("carol").await).await;
    assert_eq!(off.state, DeletionState::Cancelled);
    assert_eq!(world.bob().await.standing().status(NOON), Status::Locked, "it stays");
    let again = admin.cancel_deletion(&cli(), off.id).await;
    assert!(matches!(again, Err(AdminError::DeletionEnded { .. })), "{again:?}");
    // Another one may begin, and moves what is left.
    let done = delete_bob(&admin, world.all_to("carol").await).await;
    assert_eq!((done.state, done.moved()), (DeletionState::Done, 704));
    all_is_moved_once(&world).await;
}

async fn one_works_on_it_at_a_time(world: World) {
    let (admin, _) = trapped(&world).await;
    let all = super::request(world.all_to("carol").await);
    let run = admin
        .begin_deletion(&cli(), &"bob".into(), all.clone())
        .await
        .expect("begins");
    let id = run.deletion().id;
    let other = Admin::new(Arc::clone(&world.directory)).with_modules(world.app.modules());
    let resumed = other.resume_deletion(&cli(), id).await;
    assert!(matches!(resumed, Err(AdminError::DeletionHeld { .. })), "{resumed:?}");
    let begun = other.begin_deletion(&cli(), &"bob".into(), all).await;
    assert!(matches!(begun, Err(AdminError::DeletionOpen { .. })), "{begun:?}");
    assert_eq!(other.adopt_deletions().await.expect("answers"), 0);
    // It dies before it has begun, and its lease is over.
    drop(run);
    world.clock.advance(LONG);
    let (one, two) = tokio::join!(admin.adopt_deletions(), other.adopt_deletions());
    assert_eq!(one.expect("answers") + two.expect("answers"), 1, "one of them did it");
    all_is_moved_once(&world).await;
}

async fn a_module_that_fails_is_gone_on_with(world: World) {
    let (admin, trap) = trapped(&world).await;
    let broken = trap.clone();
    trap.after(async move {
        broken.before(async { Err(ModuleError::Unavailable("the disk is gone".to_owned())) });
    });
    let stopped = delete_bob(&admin, world.all_to("carol").await).await;
    assert_eq!((stopped.state, stopped.moved()), (DeletionState::Failed, 500));
    assert!(
        stopped
            .error
            .as_deref()
            .is_some_and(|error| error.contains("the disk is gone"))
    );
    assert!(stopped.modules[0].error.is_some());
    assert_eq!(world.bob().await.standing().status(NOON), Status::Locked);
    world.clock.advance(LONG);
    assert_eq!(admin.adopt_deletions().await.expect("answers"), 0, "it waits for a hand");
    let done = resume(&admin, &stopped).await;
    assert_eq!((done.state, done.moved(), done.error), (DeletionState::Done, 1204, None));
    all_is_moved_once(&world).await;
}

/// Before the records are moved, and after: nobody writes down that they are.
async fn a_process_that_dies_in_a_step_loses_and_doubles_nothing(world: World) {
    let (admin, trap) = trapped(&world).await;
    let all = super::request(world.all_to("carol").await);
    let run = admin
        .begin_deletion(&cli(), &"bob".into(), all)
        .await
        .expect("begins");
    let id = run.deletion().id;
    trap.before(pending());
    let died = tokio::time::timeout(Duration::from_millis(300), run.run(|_| ())).await;
    assert!(died.is_err(), "it hangs in the step");
    for _ in 0..2 {
        world.clock.advance(LONG);
        trap.after(pending());
        let again = admin.adopt_deletions();
        let died = tokio::time::timeout(Duration::from_millis(300), again).await;
        assert!(died.is_err(), "it hangs after the step");
    }
    world.clock.advance(LONG);
    assert_eq!(admin.adopt_deletions().await.expect("answers"), 1);
    let done = admin.deletion(&cli(), id).await.expect("there");
    assert_eq!((done.state, done.moved()), (DeletionState::Done, 1204), "counted once, too");
    all_is_moved_once(&world).await;
}

/// It stood still for longer than its lease, and somebody else went on meanwhile.
async fn a_zombie_writes_nothing(world: World) {
    let (admin, trap) = trapped(&world).await;
    let (clock, other) = (world.clock.clone(), admin.clone());
    trap.before(async move {
        clock.advance(LONG);
        assert_eq!(other.adopt_deletions().await.expect("answers"), 1);
        Ok(())
    });
    let done = delete_bob(&admin, world.all_to("carol").await).await;
    assert_eq!((done.state, done.moved()), (DeletionState::Done, 1204));
    all_is_moved_once(&world).await;
}

async fn records_that_stay_are_told(world: World) {
    let (admin, _) = trapped(&world).await;
    world.app.hold_won_deals().await;
    let stopped = delete_bob(&admin, world.all_to("carol").await).await;
    assert_eq!((stopped.state, stopped.moved()), (DeletionState::Failed, 1203));
    let error = stopped.error.expect("a reason");
    assert!(error.contains("records stay where they are, 1 of them"), "{error}");
    assert_eq!(world.bob().await.lifecycle, Lifecycle::Active);
}

async fn somebody_who_is_renamed_stops_it(world: World) {
    world.app.fill().await;
    for login in ["bob", "carol"] {
        world
            .set_email(login, &format!("{login}@example.org"))
            .await;
    }
    let run = world
        .begin(world.all_to("carol").await)
        .await
        .expect("begins");
    world.set_email("carol", "caroline@example.org").await;
    let stopped = run.run(|_| ()).await.expect("answers");
    let error = stopped.error.expect("a reason");
    assert!(error.contains("carol was carol@example.org when the deletion began"), "{error}");
    assert_eq!(stopped.modules[0].state, ModuleState::Moved, "contacts are known by login");
    assert_eq!(world.app.number("SELECT SUM(moves) FROM tasks").await, 0);
}

async fn no_other_interface_deletes_meanwhile(world: World) {
    let run = world
        .begin(world.all_to("carol").await)
        .await
        .expect("begins");
    let left = || "left".try_into().expect("a reason");
    let refused = world.admin.delete(&cli(), &"bob".into(), left()).await;
    assert!(matches!(refused, Err(AdminError::DeletionOpen { .. })), "{refused:?}");
    world
        .admin
        .cancel_deletion(&cli(), run.deletion().id)
        .await
        .expect("cancels");
    world
        .admin
        .delete(&cli(), &"bob".into(), left())
        .await
        .expect("deletes");
    let lost = run.run(|_| ()).await.expect("answers");
    assert_eq!(lost.state, DeletionState::Cancelled);
}
