//! Runs, tried on a directory in memory.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::admin::tests::{NOW, administrator, cli, manager, person};
use crate::admin::{Actor, Admin, AdminError, NewPerson, Rights, Target, UnlockKind};
use crate::domain::account::Account;
use crate::domain::event::Action;
use crate::domain::lock::End;
use crate::domain::login::Login;
use crate::domain::permission::Permission;
use crate::domain::standing::Status;
use crate::domain::time::Clock;
use crate::store::memory::SingleProcessDirectory;
use crate::store::{AuditQuery, Directory, NewRun, RunStep, StepItem};

fn desk() -> (Arc<dyn Directory>, Admin) {
    let directory: Arc<dyn Directory> = Arc::new(SingleProcessDirectory::new(Clock::manual(NOW)));
    (Arc::clone(&directory), Admin::new(directory))
}

async fn people(admin: &Admin, count: usize) -> Vec<AccountId> {
    let mut ids = Vec::new();
    for n in 0..count {
        let login = Login::new(&format!("p{n}")).expect("a login");
        let added = admin.add(&cli(), NewPerson::new(login).active()).await;
        ids.push(added.expect("added").account.id);
    }
    ids
}

async fn boss(admin: &Admin, login: &str) -> Account {
    let person = NewPerson::new(Login::new(login).expect("a login"));
    let added = admin.add(&cli(), person.active().with_admin(true)).await;
    added.expect("added").account
}

fn by(account: &Account) -> Actor {
    let (id, login) = (account.id, account.login.clone());
    let from = Some("192.0.2.9".to_owned());
    Actor::Account { id, login, from, rights: Rights::of(account) }
}

fn lock() -> BulkChange {
    let locked = LockWish::Yes { until: None, reason: None };
    BulkChange { locked, ..BulkChange::default() }
}

fn unlock() -> BulkChange {
    BulkChange { locked: LockWish::No, ..BulkChange::default() }
}

fn of(ids: &[AccountId], change: BulkChange) -> BulkRequest {
    BulkRequest { selection: Selection::Ids(ids.to_vec()), change }
}

fn everybody(change: BulkChange) -> BulkRequest {
    BulkRequest { selection: Selection::Search(Vec::new()), change }
}

async fn done(admin: &Admin, actor: &Actor, request: BulkRequest) -> BulkRun {
    let run = admin.begin_bulk(actor, request).await.expect("begun");
    let run = admin.finish_run(run.id, |_| {}).await.expect("finished");
    assert_eq!(run.state, RunState::Finished);
    run
}

async fn undone(admin: &Admin, actor: &Actor, id: RunId) -> BulkRun {
    let run = admin.undo_run(actor, id).await.expect("begun");
    admin.finish_run(run.id, |_| {}).await.expect("finished")
}

async fn status(admin: &Admin, id: AccountId) -> Status {
    let account = admin.account(&Target::from(id)).await.expect("there");
    account.standing().status(admin.now())
}

fn counts(run: &BulkRun) -> (u64, u64, u64, u64) {
    let RunCounts { changed, unchanged, refused, not_found } = run.counts;
    (changed, unchanged, refused, not_found)
}

/// PO-03, PO-04 and PO-05 of the contracts.
#[tokio::test]
async fn people_are_locked_unlocked_and_left() {
    let (_, admin) = desk();
    let ids = people(&admin, 3).await;
    let second = Target::from(ids[1]);
    admin
        .lock(&cli(), &second, End::Never, None)
        .await
        .expect("locked");
    let run = done(&admin, &cli(), of(&ids, lock())).await;
    assert_eq!(counts(&run), (2, 1, 0, 0), "no error for the one that was locked");
    for id in &ids {
        assert_eq!(status(&admin, *id).await, Status::Locked);
    }
    let run = done(&admin, &cli(), of(&ids, unlock())).await;
    assert_eq!(counts(&run), (3, 0, 0, 0));
    admin
        .lock(&cli(), &second, End::Never, None)
        .await
        .expect("locked");
    let run = done(&admin, &cli(), of(&ids, BulkChange::default())).await;
    assert_eq!(counts(&run), (0, 3, 0, 0), "what was not chosen is not changed");
    assert_eq!(status(&admin, ids[1]).await, Status::Locked);
    assert_eq!(status(&admin, ids[0]).await, Status::Active);
}

#[tokio::test]
async fn neither_oneself_nor_the_last_administrator_is_locked() {
    let (_, admin) = desk();
    let (alice, bob) = (boss(&admin, "alice").await, boss(&admin, "bob").await);
    let ids = people(&admin, 2).await;
    let run = done(&admin, &by(&alice), everybody(lock())).await;
    assert_eq!(counts(&run), (3, 0, 1, 0), "bob and the two, not alice");
    let items = admin
        .run_items(&cli(), run.id, 0, None, 10)
        .await
        .expect("items");
    let refused: Vec<_> = items
        .iter()
        .filter_map(|item| Some((item.account?, item.refused?)))
        .collect();
    assert_eq!(refused, [(alice.id, Refusal::Yourself)]);
    done(&admin, &cli(), everybody(unlock())).await;
    // Whoever is judged last is left: not the run is refused.
    let preview = admin
        .preview_bulk(&cli(), &everybody(lock()))
        .await
        .expect("a preview");
    let run = done(&admin, &cli(), everybody(lock())).await;
    assert_eq!(preview.counts, run.counts);
    assert_eq!(counts(&run), (3, 0, 1, 0));
    assert_eq!(status(&admin, bob.id).await, Status::Active);
    assert_eq!(preview.refused.len(), 1);
    assert_eq!(preview.refused[0].why, Refusal::LastAdministrator);
    assert_eq!(status(&admin, ids[0]).await, Status::Locked);
}

#[tokio::test]
async fn rules_of_single_changes_hold_in_runs() {
    let (_, admin) = desk();
    let alice = boss(&admin, "alice").await;
    let _bob = boss(&admin, "bob").await;
    let invited = NewPerson::new(Login::new("new").expect("a login"));
    let invited = admin.add(&cli(), invited).await.expect("added").account.id;
    let mut ids = people(&admin, 1).await;
    ids.extend([invited, alice.id, AccountId::try_from(99).expect("a number"), ids[0]]);
    let preview = admin
        .preview_bulk(&manager(90), &of(&ids, lock()))
        .await
        .expect("a preview");
    let run = done(&admin, &manager(90), of(&ids, lock())).await;
    assert_eq!(counts(&run), (1, 0, 2, 1), "each once, also who was named twice");
    assert_eq!(preview.counts, run.counts);
    let items = admin
        .run_items(&cli(), run.id, 0, Some(ItemOutcome::Refused), 10)
        .await;
    let why: Vec<_> = items
        .expect("items")
        .iter()
        .filter_map(|item| item.refused)
        .collect();
    assert_eq!(why, [Refusal::NotYetActive, Refusal::AdministratorsOnly]);

    let refused = admin.begin_bulk(&person(91), everybody(lock())).await;
    assert!(matches!(refused, Err(AdminError::Forbidden { .. })), "{refused:?}");
    let promote = BulkChange { admin: AdminWish::Yes, ..BulkChange::default() };
    let refused = admin.begin_bulk(&manager(90), everybody(promote)).await;
    assert!(matches!(refused, Err(AdminError::AdministratorsOnly)), "{refused:?}");
    let reason = "left".try_into().expect("a reason");
    let disable = BulkChange { disabled: DisableWish::Yes { reason }, ..BulkChange::default() };
    let refused = admin.begin_bulk(&cli(), everybody(disable)).await;
    assert!(matches!(refused, Err(AdminError::DisablingIsOff)), "{refused:?}");
    let past = LockWish::Yes { until: Some(NOW), reason: None };
    let past = BulkChange { locked: past, ..BulkChange::default() };
    let refused = admin.begin_bulk(&cli(), everybody(past)).await;
    assert!(matches!(refused, Err(AdminError::EndIsPast { .. })), "{refused:?}");
    let stranger = admin.cancel_run(&manager(91), run.id).await;
    assert!(matches!(stranger, Err(AdminError::AdministratorsOnly)), "{stranger:?}");
    assert!(admin.runs(&person(91), None, 10).await.is_err());
    assert_eq!(Permission::ManageUsers.as_str(), "users.manage");
}

#[tokio::test]
async fn every_account_has_its_own_record() {
    let (directory, admin) = desk();
    let alice = boss(&admin, "alice").await;
    let ids = people(&admin, 2).await;
    let reason = Some("audit week".try_into().expect("a reason"));
    let locked = LockWish::Yes { until: None, reason };
    let change = BulkChange { locked, sign_out: true, ..BulkChange::default() };
    let run = done(&admin, &by(&alice), of(&ids, change)).await;
    let query = AuditQuery { account: None, before: None, limit: 3 };
    let log = directory.audit(query).await.expect("a log");
    let said: Vec<_> = log
        .iter()
        .rev()
        .map(|record| (record.action, record.account, record.reason.as_deref()))
        .collect();
    let words = format!("run {}: audit week", run.id);
    let begun = format!("run {}: lock, sign out 2 accounts", run.id);
    assert_eq!(
        said,
        [
            (Action::RunBegun, None, Some(begun.as_str())),
            (Action::AccountLocked, Some(ids[0]), Some(words.as_str())),
            (Action::AccountLocked, Some(ids[1]), Some(words.as_str())),
        ]
    );
    let name = format!("user:{}", alice.id);
    assert!(
        log.iter()
            .all(|record| record.actor == name && record.from.is_some())
    );
    assert!(directory.verify_audit().await.expect("answers").is_ok());
}

#[tokio::test]
async fn an_undo_leaves_whom_somebody_changed_since() {
    let (_, admin) = desk();
    let ids = people(&admin, 4).await;
    let until = End::At(NOW.after(std::time::Duration::from_secs(60)));
    let reason = crate::admin::tests::reason("vacation");
    admin
        .lock(&cli(), &Target::from(ids[0]), until, reason)
        .await
        .expect("locked");
    let before = admin
        .account(&Target::from(ids[0]))
        .await
        .expect("there")
        .locks;
    let run = done(&admin, &cli(), of(&ids, lock())).await;
    assert_eq!(counts(&run), (4, 0, 0, 0), "a lock without an end is longer");
    let meanwhile = Target::from(ids[1]);
    admin
        .unlock(&cli(), &meanwhile, UnlockKind::All)
        .await
        .expect("unlocked");
    admin
        .lock(&cli(), &meanwhile, End::Never, None)
        .await
        .expect("locked");

    let undo = undone(&admin, &cli(), run.id).await;
    assert_eq!(counts(&undo), (3, 0, 1, 0));
    assert_eq!(undo.undoes, Some(run.id));
    let after = admin
        .account(&Target::from(ids[0]))
        .await
        .expect("there")
        .locks;
    assert_eq!(after, before, "the end and the reason are as before");
    assert_eq!(status(&admin, ids[1]).await, Status::Locked, "somebody meant that");
    assert_eq!(status(&admin, ids[2]).await, Status::Active);
    let again = admin.undo_run(&cli(), run.id).await;
    assert!(matches!(again, Err(AdminError::RunUndone { by, .. }) if by == undo.id), "{again:?}");
    let resumed = admin.resume_run(&cli(), run.id).await;
    assert!(matches!(resumed, Err(AdminError::RunUndone { .. })), "{resumed:?}");
    let back = undone(&admin, &cli(), undo.id).await;
    assert_eq!(counts(&back), (3, 0, 0, 0), "an undo is a run");
    assert_eq!(status(&admin, ids[2]).await, Status::Locked);
}

#[tokio::test]
async fn a_run_that_is_stopped_can_be_resumed() {
    let (_, admin) = desk();
    let ids = people(&admin, 3).await;
    let run = admin
        .begin_bulk(&cli(), of(&ids, lock()))
        .await
        .expect("begun");
    let early = admin.undo_run(&cli(), run.id).await;
    assert!(matches!(early, Err(AdminError::RunState { .. })), "{early:?}");
    admin.cancel_run(&cli(), run.id).await.expect("stopped");
    assert_eq!(admin.go_on_with_runs().await.expect("looked"), 0);
    assert_eq!(status(&admin, ids[0]).await, Status::Active);
    let again = admin.cancel_run(&cli(), run.id).await;
    assert!(matches!(again, Err(AdminError::RunState { .. })), "{again:?}");
    admin.resume_run(&cli(), run.id).await.expect("resumed");
    assert_eq!(admin.go_on_with_runs().await.expect("looked"), 1);
    assert_eq!(status(&admin, ids[0]).await, Status::Locked);
    let over = admin.resume_run(&cli(), run.id).await;
    assert!(matches!(over, Err(AdminError::RunState { .. })), "{over:?}");
    let missing = admin.undo_run(&cli(), RunId::new(77)).await;
    assert!(matches!(missing, Err(AdminError::NoSuchRun { .. })), "{missing:?}");
}

#[tokio::test]
async fn two_never_work_on_one_run() {
    let (directory, admin) = desk();
    let ids = people(&admin, 1).await;
    let run = admin
        .begin_bulk(&cli(), of(&ids, lock()))
        .await
        .expect("begun");
    let until = NOW.after(std::time::Duration::from_secs(15));
    let runs = directory.runs();
    assert!(
        runs.claim_run(run.id, 1, until)
            .await
            .expect("answers")
            .is_some()
    );
    assert!(
        runs.claim_run(run.id, 2, until)
            .await
            .expect("answers")
            .is_none()
    );
    assert_eq!(admin.go_on_with_runs().await.expect("looked"), 0);
    directory
        .clock()
        .advance(std::time::Duration::from_secs(15));
    assert_eq!(admin.go_on_with_runs().await.expect("looked"), 1, "nobody holds it any more");
    let items = vec![StepItem { position: 1, account: Some(ids[0]), name: None }];
    let budget = std::time::Duration::from_secs(1);
    let step = RunStep { run: run.id, holder: 1, hold_until: until, items, is_last: true, budget };
    let late = runs
        .step_run(step, Box::new(|_, _, _| unreachable!("it is not asked")))
        .await;
    assert!(late.expect("answers").is_none(), "whoever was first comes too late");
}

#[tokio::test]
async fn a_search_judges_people_when_their_turn_comes() {
    let (directory, admin) = desk();
    let ids = people(&admin, 3).await;
    let any_of = vec![Status::Active];
    let filters = vec![AccountFilter::Status { any_of, negated: false }];
    let request = BulkRequest { selection: Selection::Search(filters), change: lock() };
    let run = admin.begin_bulk(&cli(), request).await.expect("begun");
    assert_eq!(run.total, 3);
    admin
        .lock(&cli(), &Target::from(ids[1]), End::Never, None)
        .await
        .expect("locked");
    let late = NewPerson::new(Login::new("late").expect("a login")).active();
    let late = admin.add(&cli(), late).await.expect("added").account.id;
    let run = admin.finish_run(run.id, |_| {}).await.expect("finished");
    assert_eq!(counts(&run), (2, 0, 0, 0));
    assert_eq!(status(&admin, late).await, Status::Active, "who came later is not in it");
    let too_many = vec![AccountFilter::Ids(Vec::new()); 65];
    let request = BulkRequest { selection: Selection::Search(too_many), change: lock() };
    let refused = admin.begin_bulk(&cli(), request).await;
    assert!(matches!(refused, Err(AdminError::Selection { .. })), "{refused:?}");
    let new = NewRun {
        origin: RunOrigin::Bulk,
        actor: "cli:root".to_owned(),
        plan: "not a plan".to_owned(),
        preparing: false,
        last: 0,
        total: 0,
        undoes: None,
        unless_since: None,
    };
    let note = cli().note(Action::RunBegun, None);
    let damaged = directory
        .runs()
        .begin_run(new, note)
        .await
        .expect("answers")
        .expect("begun");
    assert!(admin.run(&cli(), damaged.id).await.is_err(), "it is never guessed at");
}

#[test]
fn what_runs_are_asked_for_is_read_back() {
    let json = serde_json::json!({
        "selection": {"search": [
            {"not": {"admin": true}},
            {"any": [
                {"time": {"field": "last_sign_in_at", "before": "2030-01-31T12:00:00Z"}},
                {"status": {"any_of": ["locked", "disabled"]}},
            ]},
        ]},
        "change": {"locked": "no", "disabled": {"yes": {"reason": "left"}}, "admin": "yes"},
    });
    let request: BulkRequest = serde_json::from_value(json).expect("a request");
    assert_eq!(request.change.locked, LockWish::No);
    let text = serde_json::to_string(&request).expect("JSON");
    assert_eq!(serde_json::from_str::<BulkRequest>(&text).expect("read"), request);
    for bad in [
        r#"{"change": {}}"#,
        r#"{"selection": {"search": []}, "change": {"lock": "yes"}}"#,
        r#"{"selection": {"ids": [0]}, "change": {}}"#,
        r#"{"selection": {"search": []}, "change": {"disabled": {"yes": {}}}}"#,
        r#"{"selection": {"search": [{"time": {"field": "created_at", "before": 7}}]}, "change": {}}"#,
    ] {
        assert!(serde_json::from_str::<BulkRequest>(bad).is_err(), "{bad}");
    }
}

/// What a run and its undo are tried on: who is locked, disabled, an administrator.
#[derive(Clone, Copy, Debug)]
struct Start {
    locked: Option<u64>,
    disabled: bool,
    admin: bool,
}

fn starts() -> impl Strategy<Value = Vec<Start>> {
    let one = (proptest::option::of(1_u64..3), any::<bool>(), any::<bool>());
    let one = one.prop_map(|(locked, disabled, admin)| Start { locked, disabled, admin });
    proptest::collection::vec(one, 1..8)
}

fn changes() -> impl Strategy<Value = BulkChange> {
    let wish = prop_oneof![
        Just(LockWish::Leave),
        Just(LockWish::No),
        Just(LockWish::Yes { until: None, reason: None }),
    ];
    let disable = prop_oneof![
        Just(DisableWish::Leave),
        Just(DisableWish::No),
        Just(DisableWish::Yes { reason: "left".try_into().expect("a reason") }),
    ];
    let admin = prop_oneof![Just(AdminWish::Leave), Just(AdminWish::No), Just(AdminWish::Yes)];
    (wish, disable, admin, any::<bool>()).prop_map(|(locked, disabled, admin, sign_out)| {
        BulkChange { locked, disabled, admin, sign_out }
    })
}

async fn prepared(admin: &Admin, starts: &[Start]) -> Vec<AccountId> {
    admin
        .allow_disabling(&cli(), true)
        .await
        .expect("a setting");
    let ids = people(admin, starts.len()).await;
    for (id, start) in ids.iter().zip(starts) {
        let mut change = crate::admin::PersonChange::default();
        change.admin(start.admin);
        if let Some(minutes) = start.locked {
            let end = NOW.after(std::time::Duration::from_secs(60 * minutes));
            change.lock(End::At(end), crate::admin::tests::reason("before"));
        }
        if start.disabled {
            let reason = "gone".try_into().expect("a reason");
            change.disable(reason, crate::admin::Switch::Ignored);
        }
        admin
            .update(&cli(), &Target::from(*id), change)
            .await
            .expect("changed");
    }
    ids
}

async fn all(admin: &Admin, ids: &[AccountId]) -> Vec<Account> {
    let mut accounts = Vec::new();
    for id in ids {
        accounts.push(admin.account(&Target::from(*id)).await.expect("there"));
    }
    accounts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Property: after a run everybody is as asked or was refused, and an administrator
    /// who could act is left if there was one; after its undo, locks, disablements and
    /// rights are as before for everybody but those who were changed in between.
    #[test]
    fn a_run_and_its_undo_leave_nothing_behind(
        starts in starts(),
        change in changes(),
        touched in proptest::collection::vec(any::<bool>(), 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let (_, admin) = desk();
            let ids = prepared(&admin, &starts).await;
            let before = all(&admin, &ids).await;
            let actor = administrator(99);
            let run = done(&admin, &actor, everybody(change.clone())).await;
            let middle = all(&admin, &ids).await;
            let acting = |all: &[Account]| all.iter().any(|one| one.is_active_admin(NOW));
            assert!(acting(&middle) || !acting(&before));
            let items = admin.run_items(&actor, run.id, 0, None, 10).await.expect("items");
            assert_eq!(items.len(), ids.len());
            for ((item, before), after) in items.iter().zip(&before).zip(&middle) {
                let changed = item.outcome == ItemOutcome::Changed;
                assert_eq!(changed, before.version != after.version);
                if item.outcome == ItemOutcome::Refused { continue }
                match change.locked {
                    LockWish::Leave => assert_eq!(before.locks.admin_lock, after.locks.admin_lock),
                    LockWish::No => assert!(after.locks.admin_lock.is_none()),
                    LockWish::Yes { .. } => {
                        let lock = after.locks.admin_lock.as_ref().expect("a lock");
                        assert_eq!(lock.end, End::Never);
                    }
                }
                match change.disabled {
                    DisableWish::Leave => {
                        assert_eq!(before.locks.disablement, after.locks.disablement);
                    }
                    DisableWish::No => assert!(after.locks.disablement.is_none()),
                    DisableWish::Yes { .. } => assert!(after.locks.disablement.is_some()),
                }
                if change.admin != AdminWish::Leave {
                    assert_eq!(after.admin, change.admin == AdminWish::Yes);
                }
                if change.sign_out {
                    assert!(after.generation > before.generation);
                }
            }
            for (id, touched) in ids.iter().zip(&touched) {
                if *touched {
                    admin.sign_out(&cli(), &Target::from(*id)).await.expect("changed");
                }
            }
            let between = all(&admin, &ids).await;
            let undo = undone(&admin, &actor, run.id).await;
            let after = all(&admin, &ids).await;
            assert_eq!(undo.counts.decided(), run.counts.changed);
            for at in 0..ids.len() {
                let changed = items[at].outcome == ItemOutcome::Changed;
                let expected = if changed && !touched[at] { &before[at] } else { &between[at] };
                // Who would be the last to act stays one, though the run made them one.
                let kept = undo.counts.refused > 0 && after[at].locks == between[at].locks;
                let same = after[at].locks == expected.locks && after[at].admin == expected.admin;
                assert!(same || kept, "{:?} {:?}", after[at], expected);
                let barred = after[at].locks.disablement != between[at].locks.disablement
                    || after[at].locks.admin_lock != between[at].locks.admin_lock;
                assert_eq!(barred, after[at].generation != between[at].generation);
            }
        });
    }
}

#[tokio::test]
async fn who_may_not_learns_of_no_run() {
    let (_, admin) = desk();
    let looks = Actor::Account {
        id: AccountId::try_from(7).expect("a number"),
        login: Login::new("looks").expect("a login"),
        from: None,
        rights: Rights::default().with(&[Permission::ViewUsers].into_iter().collect()),
    };
    let none: RunId = "9".parse().expect("a number");
    let forbidden = |done: Result<BulkRun, AdminError>| {
        assert!(matches!(done, Err(AdminError::Forbidden { .. })), "{done:?}");
    };
    forbidden(admin.undo_run(&looks, none).await);
    forbidden(admin.cancel_run(&looks, none).await);
    forbidden(admin.resume_run(&looks, none).await);
    let known = admin.undo_run(&cli(), none).await;
    assert!(matches!(known, Err(AdminError::NoSuchRun { .. })), "{known:?}");
}
