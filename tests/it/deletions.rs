//! Deletions with transfer, over both stores and a real table.

mod app;
mod conditions;
mod crash;
mod endpoint;
mod postgres;
mod program;
mod stops;

use std::sync::Arc;
use std::time::Duration;

use portcullis::admin::deletion::{DeletionRequest, TransferError};
use portcullis::admin::{Actor, Admin, AdminError, NewPerson, Page, PersonChange, Target};
use portcullis::domain::account::Account;
use portcullis::domain::deletion::{Deletion, DeletionState};
use portcullis::domain::event::Action;
use portcullis::domain::lock::End;
use portcullis::domain::login::Login;
use portcullis::domain::standing::{Lifecycle, Status};
use portcullis::domain::transfer::Transfer;
use portcullis::store::memory::SingleProcessDirectory;
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{AuditQuery, CreateError, Directory, StoreError};
use portcullis::{Clock, Timestamp};
use serde_json::json;
use tempfile::TempDir;

pub(crate) use self::app::App;

/// Runs each test against a directory in memory and one in a file.
macro_rules! both {
    ($($test:ident)+) => {
        $crate::deletions::over! { in_memory $($test)+ }
        $crate::deletions::over! { in_sqlite $($test)+ }
    };
}
pub(crate) use both;

/// The same, and with the application's records in Postgres.
macro_rules! each {
    ($($test:ident)+) => {
        $crate::deletions::both! { $($test)+ }
        $crate::deletions::over! { with_postgres $($test)+ }
    };
}
pub(crate) use each;

macro_rules! over {
    ($world:ident $($test:ident)+) => {
        mod $world {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(crate::deletions::World::$world().await).await;
                }
            )+
        }
    };
}
pub(crate) use over;

each! {
    po_15_records_are_assigned_to_active_people_only
    po_16_a_locked_persons_records_stay_theirs
    po_18_everything_goes_to_the_receiver
    po_19_nothing_goes_anywhere
    po_20_of_each_module_goes_what_was_chosen
    po_21_a_deleted_login_is_never_used_again
    what_a_choice_names_has_to_be_there
    without_modules_nothing_could_go
    only_who_manages_people_deletes_them
    the_log_tells_the_whole_story
    who_has_never_come_is_deleted_without_a_lock
}

/// A directory with alice, who administers, bob, carol and dora; and an application.
pub(crate) struct World {
    pub(crate) admin: Admin,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) clock: Clock,
    pub(crate) app: App,
    _kept: TempDir,
}

pub(crate) const NOON: Timestamp = Timestamp::from_secs(1_795_284_000);

impl World {
    pub(crate) async fn in_memory() -> Self {
        let clock = Clock::manual(NOON);
        let directory = Arc::new(SingleProcessDirectory::new(clock.clone()));
        let folder = crate::stores::folder();
        let app = App::make(folder.path()).await;
        Self::over(directory, clock, app, folder).await
    }

    /// The directory in memory, the application in Postgres.
    pub(crate) async fn with_postgres() -> Self {
        let clock = Clock::manual(NOON);
        let directory = Arc::new(SingleProcessDirectory::new(clock.clone()));
        let app = App::in_postgres().await;
        Self::over(directory, clock, app, crate::stores::folder()).await
    }

    pub(crate) async fn in_sqlite() -> Self {
        let (folder, clock) = (crate::stores::folder(), Clock::manual(NOON));
        let file = folder.path().join("accounts.db");
        let directory = SqlDirectory::open_with_clock(file, clock.clone()).await;
        let app = App::make(folder.path()).await;
        Self::over(Arc::new(directory.expect("opens")), clock, app, folder).await
    }

    async fn over(directory: Arc<dyn Directory>, clock: Clock, app: App, kept: TempDir) -> Self {
        let admin = Admin::new(Arc::clone(&directory)).with_modules(app.modules());
        for (login, administers) in
            [("alice", true), ("bob", false), ("carol", false), ("dora", false)]
        {
            add(&admin, login, administers).await;
        }
        Self { admin, directory, clock, app, _kept: kept }
    }

    pub(crate) async fn account(&self, login: &str) -> Account {
        self.admin.account(&login.into()).await.expect("an account")
    }

    pub(crate) async fn all_to(&self, login: &str) -> Transfer {
        Transfer::All { receiver: self.account(login).await.id }
    }

    /// What begins to delete bob.
    pub(crate) async fn begin(
        &self,
        transfer: Transfer,
    ) -> Result<portcullis::admin::DeletionRun, AdminError> {
        self.admin
            .begin_deletion(&cli(), &"bob".into(), request(transfer))
            .await
    }

    /// Deletes bob.
    pub(crate) async fn delete(&self, transfer: Transfer) -> Result<Deletion, AdminError> {
        self.begin(transfer).await?.run(|_| ()).await
    }

    pub(crate) async fn actions(&self, login: &str) -> Vec<Action> {
        let id = self.number(login).await;
        let query = AuditQuery { account: Some(id), before: None, limit: 100 };
        let records = self.directory.audit(query).await.expect("answers");
        records.iter().rev().map(|record| record.action).collect()
    }

    /// Numbers are given in the order of [`World::over`].
    async fn number(&self, login: &str) -> portcullis::AccountId {
        let at = ["alice", "bob", "carol", "dora"]
            .iter()
            .position(|one| *one == login);
        let number = at.expect("one of them") as i64 + 1;
        number.try_into().expect("a number")
    }

    /// Bob's record, also when it is deleted.
    pub(crate) async fn bob(&self) -> Account {
        let id = self.number("bob").await;
        self.directory
            .account(id)
            .await
            .expect("answers")
            .expect("a record")
    }

    pub(crate) async fn set_email(&self, login: &str, email: &str) {
        let mut change = PersonChange::default();
        change.email(email).expect("an address");
        let changed = self.admin.update(&cli(), &login.into(), change).await;
        changed.expect("answers");
    }
}

pub(crate) fn cli() -> Actor {
    Actor::Cli { user: "root".to_owned() }
}

pub(crate) fn request(transfer: Transfer) -> DeletionRequest {
    DeletionRequest { reason: "left".try_into().expect("a reason"), transfer }
}

pub(crate) async fn add(admin: &Admin, login: &str, administers: bool) -> Account {
    let person = NewPerson::new(Login::new(login).expect("a login"))
        .with_admin(administers)
        .active();
    admin.add(&cli(), person).await.expect("added").account
}

async fn po_15_records_are_assigned_to_active_people_only(world: World) {
    let names = async || -> Vec<String> {
        let page = Page { offset: 0, limit: 10 };
        let found = world
            .admin
            .assignable(&cli(), "", page)
            .await
            .expect("answers");
        found.people.into_iter().map(|one| one.login).collect()
    };
    assert_eq!(names().await, ["alice", "bob", "carol", "dora"]);
    world
        .admin
        .allow_disabling(&cli(), true)
        .await
        .expect("a setting");
    let left = || "left".try_into().expect("a reason");
    world
        .admin
        .lock(&cli(), &"carol".into(), End::Never, None)
        .await
        .expect("locks");
    world
        .admin
        .disable(&cli(), &"dora".into(), left())
        .await
        .expect("disables");
    assert_eq!(names().await, ["alice", "bob"]);
    for (login, assignable) in [("alice", true), ("bob", true), ("carol", false), ("dora", false)] {
        let id = world.account(login).await.id;
        assert_eq!(
            world
                .admin
                .is_assignable(&cli(), id)
                .await
                .expect("answers"),
            assignable
        );
    }
    for (login, status) in [("carol", Status::Locked), ("dora", Status::Disabled)] {
        let refused = world.delete(world.all_to(login).await).await;
        let Err(AdminError::Transfer(TransferError::ReceiverNotActive { status: now, .. })) =
            refused
        else {
            panic!("{refused:?}")
        };
        assert_eq!(now, status);
    }
    let own = world.delete(world.all_to("bob").await).await;
    assert!(matches!(own, Err(AdminError::Transfer(TransferError::SelfReceiver))), "{own:?}");
    let id = 99.try_into().expect("a number");
    assert!(
        !world
            .admin
            .is_assignable(&cli(), id)
            .await
            .expect("answers")
    );
    let nobody = world.delete(Transfer::All { receiver: id }).await;
    assert!(matches!(nobody, Err(AdminError::Transfer(TransferError::NoReceiver { .. }))));
    assert_eq!(world.bob().await.standing().status(NOON), Status::Active, "nothing was begun");
}

async fn po_16_a_locked_persons_records_stay_theirs(world: World) {
    world.app.fill().await;
    world
        .admin
        .lock(&cli(), &"bob".into(), End::Never, None)
        .await
        .expect("locks");
    let all = world.all_to("carol").await;
    let preview = world
        .admin
        .transfer_preview(&cli(), &"bob".into(), &all)
        .await
        .expect("one");
    let owned: Vec<_> = preview
        .modules
        .iter()
        .map(|one| (one.owned, one.moving))
        .collect();
    assert_eq!(owned, [(2, 2), (0, 0), (4, 4)], "bob has no address yet, and so no tasks");
    assert_eq!(world.app.number("SELECT SUM(moves) FROM deals").await, 0, "it was a preview");
}

/// A reason and a choice are in the type of what is asked for: neither can be left out.
#[test]
fn po_17_a_reason_and_a_choice_have_to_be_given() {
    let whole = json!({ "reason": "left", "transfer": { "records": "nothing" } });
    assert!(serde_json::from_value::<DeletionRequest>(whole.clone()).is_ok());
    for (key, why) in
        [("reason", "missing field `reason`"), ("transfer", "missing field `transfer`")]
    {
        let mut part = whole.clone();
        part.as_object_mut().expect("an object").remove(key);
        let refused = serde_json::from_value::<DeletionRequest>(part).expect_err("half of it");
        assert!(refused.to_string().contains(why), "{refused}");
    }
    let mut empty = whole;
    empty["reason"] = json!("  ");
    assert!(serde_json::from_value::<DeletionRequest>(empty).is_err());
}

async fn po_18_everything_goes_to_the_receiver(world: World) {
    world.app.fill().await;
    world.set_email("bob", "bob@example.org").await;
    world.set_email("carol", "carol@example.org").await;
    world
        .app
        .run(
            "INSERT INTO deals (owner_id) SELECT 2 FROM \
        (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1203) \
        SELECT i FROM n) AS many",
        )
        .await;
    let mut told = Vec::new();
    let run = world
        .begin(world.all_to("carol").await)
        .await
        .expect("begins");
    assert_eq!(world.bob().await.standing().status(NOON), Status::Locked);
    let done = run
        .run(|deletion| told.push(deletion.moved()))
        .await
        .expect("does it");
    assert_eq!((done.state, done.moved(), done.expected()), (DeletionState::Done, 1211, 1211));
    assert!(told.len() > 4 && told.is_sorted(), "{told:?}");
    assert_eq!(world.bob().await.lifecycle, Lifecycle::Deleted);
    let app = &world.app;
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE owner_id = 3")
            .await,
        1208
    );
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE owner_id = 2")
            .await,
        0
    );
    assert_eq!(
        app.number("SELECT COUNT(*) FROM contacts WHERE owner = 'carol'")
            .await,
        2
    );
    let mails = "SELECT COUNT(*) FROM tasks WHERE mail = 'carol@example.org'";
    assert_eq!(app.number(mails).await, 2);
    assert_eq!(app.number("SELECT MAX(moves) FROM deals").await, 1, "each once");
    assert_eq!(app.number("SELECT SUM(moves) FROM deals").await, 1207, "and no other");
}

async fn po_19_nothing_goes_anywhere(world: World) {
    world.app.fill().await;
    let done = world.delete(Transfer::Nothing).await.expect("does it");
    assert_eq!((done.state, done.modules.len()), (DeletionState::Done, 0));
    assert_eq!(world.bob().await.lifecycle, Lifecycle::Deleted);
    assert_eq!(
        world
            .app
            .number("SELECT COUNT(*) FROM deals WHERE owner_id = 2")
            .await,
        4
    );
    assert_eq!(
        world
            .app
            .number("SELECT COUNT(*) FROM contacts WHERE owner = 'bob'")
            .await,
        2
    );
}

async fn po_20_of_each_module_goes_what_was_chosen(world: World) {
    world.app.fill().await;
    world.set_email("bob", "bob@example.org").await;
    let some: Transfer = serde_json::from_value(json!({
        "records": "some",
        "receiver": 3,
        "modules": {
            "contacts": "all",
            "tasks": "none",
            "deals": [{ "field": "status", "is": "open" }],
        },
    }))
    .expect("a choice");
    let preview = world
        .admin
        .transfer_preview(&cli(), &"bob".into(), &some)
        .await
        .expect("one");
    let moving: Vec<_> = preview
        .modules
        .iter()
        .map(|one| (one.owned, one.moving))
        .collect();
    assert_eq!(moving, [(2, 2), (2, 0), (4, 2)]);
    let done = world.delete(some).await.expect("does it");
    assert_eq!((done.state, done.moved()), (DeletionState::Done, 4));
    let app = &world.app;
    assert_eq!(
        app.number("SELECT COUNT(*) FROM contacts WHERE owner = 'carol'")
            .await,
        2
    );
    assert_eq!(
        app.number("SELECT COUNT(*) FROM tasks WHERE moves > 0")
            .await,
        0
    );
    let open = "SELECT COUNT(*) FROM deals WHERE moves = 1 AND status = 'open' AND owner_id = 3";
    assert_eq!(app.number(open).await, 2);
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE moves > 0")
            .await,
        2
    );
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE owner_id = 2")
            .await,
        2
    );
}

async fn po_21_a_deleted_login_is_never_used_again(world: World) {
    world.delete(Transfer::Nothing).await.expect("does it");
    for login in ["bob", "BOB"] {
        let again = NewPerson::new(Login::new(login).expect("a login"));
        let refused = world.admin.add(&cli(), again).await;
        let Err(AdminError::Create(CreateError::LoginRetired { .. })) = refused else {
            panic!("{refused:?}")
        };
    }
}

async fn what_a_choice_names_has_to_be_there(world: World) {
    let choose = |modules: serde_json::Value| {
        let some = json!({ "records": "some", "receiver": 3, "modules": modules });
        serde_json::from_value::<Transfer>(some).expect("a choice")
    };
    let module = world
        .delete(choose(json!({ "invoices": "all" })))
        .await
        .expect_err("none");
    assert_eq!(
        module.to_string(),
        "there is no module invoices: the modules are contacts, tasks, deals"
    );
    let field = json!({ "deals": [{ "field": "owner_id", "is": "3" }] });
    let field = world.delete(choose(field)).await.expect_err("none");
    assert!(field.to_string().contains("the fields are status, kind"), "{field}");
    // Carol has no address, and tasks are known by that.
    world.set_email("bob", "bob@example.org").await;
    let unknown = world
        .delete(choose(json!({ "tasks": "all" })))
        .await
        .expect_err("no address");
    assert!(unknown.to_string().contains("carol has no e-mail address"), "{unknown}");
    assert_eq!(world.bob().await.standing().status(NOON), Status::Active);
}

async fn without_modules_nothing_could_go(world: World) {
    let bare = Admin::new(Arc::clone(&world.directory));
    let all = request(world.all_to("carol").await);
    let refused = bare.begin_deletion(&cli(), &"bob".into(), all).await;
    assert!(matches!(refused, Err(AdminError::Transfer(TransferError::NoModules))), "{refused:?}");
    assert_eq!(world.bob().await.standing().status(NOON), Status::Active);
}

async fn only_who_manages_people_deletes_them(world: World) {
    let by = |account: &Account| Actor::Account {
        id: account.id,
        login: account.login.clone(),
        from: None,
        rights: portcullis::admin::Rights::of(account),
    };
    let carol = by(&world.account("carol").await);
    let bob: Target = "bob".into();
    let nothing = || request(Transfer::Nothing);
    let id = 1.try_into().expect("a number");
    let query =
        portcullis::store::DeletionQuery { account: None, open: false, before: None, limit: 9 };
    let refused = [
        world
            .admin
            .begin_deletion(&carol, &bob, nothing())
            .await
            .err(),
        world
            .admin
            .transfer_preview(&carol, &bob, &Transfer::Nothing)
            .await
            .err(),
        world.admin.deletion(&carol, id).await.err(),
        world.admin.deletions(&carol, query).await.err(),
        world.admin.resume_deletion(&carol, id).await.err(),
        world.admin.cancel_deletion(&carol, id).await.err(),
        world
            .admin
            .assignable(&carol, "", Page { offset: 0, limit: 1 })
            .await
            .err(),
        world
            .admin
            .is_assignable(&carol, world.account("bob").await.id)
            .await
            .err(),
    ];
    for refused in refused {
        assert!(matches!(refused, Some(AdminError::Forbidden { .. })), "{refused:?}");
    }
    let alice = by(&world.account("alice").await);
    let herself = world
        .admin
        .begin_deletion(&alice, &"alice".into(), nothing())
        .await;
    assert!(matches!(herself, Err(AdminError::Yourself { .. })), "{herself:?}");
    let last = world
        .admin
        .begin_deletion(&Actor::System, &"alice".into(), nothing())
        .await;
    assert!(matches!(last, Err(AdminError::LastAdministrator { .. })), "{last:?}");
    let run = world
        .admin
        .begin_deletion(&cli(), &"alice".into(), nothing())
        .await;
    let run = run.expect("the host can");
    assert!(run.warning().is_some(), "and is warned");
    assert_eq!(run.run(|_| ()).await.expect("does it").state, DeletionState::Done);
}

async fn the_log_tells_the_whole_story(world: World) {
    world.app.fill().await;
    world.set_email("bob", "bob@example.org").await;
    world.set_email("carol", "carol@example.org").await;
    world
        .delete(world.all_to("carol").await)
        .await
        .expect("does it");
    use Action::{
        AccountCreated, AccountDeleted, AccountLocked, AccountUpdated, DeletionBegun,
        RecordsTransferred,
    };
    assert_eq!(
        world.actions("bob").await,
        [
            AccountCreated,
            AccountUpdated,
            AccountLocked,
            DeletionBegun,
            RecordsTransferred,
            RecordsTransferred,
            RecordsTransferred,
            AccountDeleted,
        ]
    );
    let bob = Some(world.bob().await.id);
    let records = world
        .directory
        .audit(AuditQuery { account: bob, before: None, limit: 9 })
        .await;
    let records = records.expect("answers");
    assert!(
        records
            .iter()
            .skip(1)
            .take(4)
            .all(|one| one.reason.as_deref() == Some("left"))
    );
    let begun: serde_json::Value = records
        .iter()
        .find(|record| record.action == DeletionBegun)
        .and_then(|record| serde_json::from_str(record.after.as_deref()?).ok())
        .expect("JSON");
    assert_eq!(begun["transfer"], json!({ "records": "all", "receiver": 3 }));
    let deals: serde_json::Value =
        serde_json::from_str(records[1].after.as_deref().expect("a state")).expect("JSON");
    assert_eq!((&deals["module"], &deals["moved"]), (&json!("deals"), &json!(4)));
    let whole: Result<Result<u64, _>, StoreError> = world.directory.verify_audit().await;
    assert!(whole.expect("answers").is_ok());
}

async fn who_has_never_come_is_deleted_without_a_lock(world: World) {
    let invited = NewPerson::new(Login::new("ivan").expect("a login"));
    let ivan = world
        .admin
        .add(&cli(), invited)
        .await
        .expect("added")
        .account;
    assert_eq!(ivan.lifecycle, Lifecycle::Invited);
    let run = world
        .admin
        .begin_deletion(&cli(), &"ivan".into(), request(Transfer::Nothing))
        .await;
    let done = run.expect("begins").run(|_| ()).await.expect("does it");
    assert_eq!(done.state, DeletionState::Done);
}

/// Long enough for a lease to be over.
pub(crate) const LONG: Duration = Duration::from_secs(31);
