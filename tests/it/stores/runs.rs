//! Runs: every store keeps them alike.

use std::time::Duration;

use portcullis::domain::event::Action;
use portcullis::domain::group::GroupId;
use portcullis::domain::lock::End;
use portcullis::domain::standing::Lifecycle;
use portcullis::store::{
    AuditQuery, Decision, Directory, Edit, Facts, FeedCursor, ItemOutcome, ItemQuery, NewRun, Run,
    RunId, RunItem, RunOrigin, RunRefusal, RunState, RunStep, StepItem, Stepped,
};
use portcullis::{AccountId, Timestamp};

use super::{World, add, admin_lock, edit, minutes, noon, note, person};

const HOLDER: u64 = u64::MAX - 1;

fn new_run(preparing: bool, total: u64) -> NewRun {
    NewRun {
        origin: RunOrigin::Bulk,
        actor: "cli:root".to_owned(),
        plan: "{\"any\": \"text\"}".to_owned(),
        preparing,
        last: i64::try_from(total).expect("a number"),
        total,
        undoes: None,
        unless_since: None,
    }
}

async fn begin(directory: &dyn Directory, new: NewRun) -> Run {
    let begun = directory
        .runs()
        .begin_run(new, note(Action::RunBegun))
        .await;
    begun.expect("answers").expect("begun")
}

fn item(position: i64, account: Option<AccountId>) -> StepItem {
    StepItem { position, account, name: None }
}

fn lock(facts: &Facts<'_>) -> Decision {
    let mut account = facts.account.clone();
    if account.locks.admin_lock.is_some() {
        return Decision::Leave(ItemOutcome::Unchanged, None);
    }
    account.locks.admin_lock = Some(admin_lock(End::Never));
    account.generation = account.generation.next();
    let edit = Edit { account, password_hash: None, note: note(Action::AccountLocked) };
    Decision::Write { edit: Box::new(edit), kept: Some("before".to_owned()) }
}

/// The last step of a run, with time enough.
fn whole(run: RunId, items: Vec<StepItem>) -> RunStep {
    let (hold_until, budget) = (noon().after(minutes(5)), Duration::from_secs(10));
    RunStep { run, holder: HOLDER, hold_until, items, is_last: true, budget }
}

/// Locks everybody but the last administrator.
async fn step(
    directory: &dyn Directory,
    run: RunId,
    items: Vec<StepItem>,
    is_last: bool,
) -> Option<Stepped> {
    let step = RunStep { is_last, ..whole(run, items) };
    let decide = |_: &StepItem, facts: Facts<'_>, _: &[GroupId]| {
        if facts.account.is_active_admin(facts.now) && facts.other_active_admins == 0 {
            return Decision::Leave(ItemOutcome::Refused, Some("last".to_owned()));
        }
        lock(&facts)
    };
    directory
        .runs()
        .step_run(step, Box::new(decide))
        .await
        .expect("answers")
}

async fn items(
    directory: &dyn Directory,
    run: RunId,
    outcome: Option<ItemOutcome>,
) -> Vec<RunItem> {
    let query = ItemQuery { run, after: 0, outcome, limit: 100 };
    directory.runs().run_items(query).await.expect("answers")
}

async fn claimed(directory: &dyn Directory, run: RunId) -> bool {
    let until = noon().after(minutes(5));
    let claimed = directory.runs().claim_run(run, HOLDER, until).await;
    claimed.expect("answers").is_some()
}

/// Locks them in a run of one step.
pub(super) async fn lock_in_one_step(
    directory: &dyn Directory,
    named: &[(i64, Option<AccountId>)],
) {
    let run = begin(directory, new_run(false, named.len() as u64)).await;
    assert!(claimed(directory, run.id).await);
    let all = named.iter().map(|(n, id)| item(*n, *id)).collect();
    let stepped = step(directory, run.id, all, true)
        .await
        .expect("it is ours");
    assert_eq!(stepped.run.counts.changed, named.len() as u64);
}

pub(super) async fn a_step_is_one_transaction_with_all_that_comes_of_it(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let bob = add(directory, person("bob")).await;
    let gone = add(directory, person("gone")).await;
    edit(directory, gone.id, |account| account.lifecycle = Lifecycle::Deleted).await;
    edit(directory, bob.id, |bob| bob.locks.admin_lock = Some(admin_lock(End::Never))).await;
    let run = begin(directory, new_run(false, 5)).await;
    assert_eq!((run.id, run.state), (RunId::new(1), RunState::Running));
    assert!(claimed(directory, run.id).await);
    let head = directory.feed_head().await.expect("answers");
    let nobody = AccountId::try_from(99).ok();
    let all = vec![
        item(1, Some(alice.id)),
        item(2, Some(bob.id)),
        item(3, Some(gone.id)),
        item(4, nobody),
        item(5, None),
    ];
    let stepped = step(directory, run.id, all, true)
        .await
        .expect("it is ours");
    assert_eq!(stepped.run.state, RunState::Finished);
    assert_eq!((stepped.run.reached, stepped.run.counts.decided()), (5, 5));
    assert_eq!(stepped.changed.len(), 1);
    let kept = items(directory, run.id, None).await;
    let outcomes: Vec<_> = kept.iter().map(|item| item.outcome).collect();
    let (changed, unchanged) = (ItemOutcome::Changed, ItemOutcome::Unchanged);
    let missing = ItemOutcome::NotFound;
    assert_eq!(outcomes, [changed, unchanged, missing, missing, missing]);
    let now = directory
        .account(alice.id)
        .await
        .expect("answers")
        .expect("there");
    assert!(now.locks.admin_lock.is_some());
    assert_eq!((kept[0].before, kept[0].after), (Some(alice.version), Some(now.version)));
    assert_eq!(kept[0].kept.as_deref(), Some("before"));
    assert_eq!(items(directory, run.id, Some(missing)).await.len(), 3);

    let page = directory.feed_after(head, 100).await.expect("answers");
    let told: Vec<_> = page
        .accounts
        .iter()
        .map(|change| change.account.clone())
        .collect();
    assert_eq!(told, [alice.key()], "whom nothing happened to is not told of");
    let query = AuditQuery { account: Some(alice.id), before: None, limit: 1 };
    let log = directory.audit(query).await.expect("answers");
    assert_eq!(log[0].action, Action::AccountLocked);
    assert!(directory.verify_audit().await.expect("answers").is_ok());
    let again = step(directory, run.id, vec![item(1, Some(alice.id))], true).await;
    assert!(again.is_none(), "what is finished does not go on");
    assert_eq!(directory.runs().run(run.id).await.expect("answers"), Some(stepped.run));
    super::counts::assert_exact(directory).await;
}

pub(super) async fn administrators_are_counted_as_a_step_goes_on(world: World) {
    let directory = &*world.directory;
    let mut admins = Vec::new();
    for n in 0..3 {
        let mut new = person(&format!("boss{n}"));
        new.admin = true;
        admins.push(add(directory, new).await.id);
    }
    let run = begin(directory, new_run(false, 3)).await;
    assert!(claimed(directory, run.id).await);
    let all = admins.iter().zip(1..).map(|(id, n)| item(n, Some(*id)));
    let stepped = step(directory, run.id, all.collect(), true)
        .await
        .expect("it is ours");
    assert_eq!((stepped.run.counts.changed, stepped.run.counts.refused), (2, 1));
    let refused = items(directory, run.id, Some(ItemOutcome::Refused)).await;
    assert_eq!(refused[0].account, Some(admins[2]));
    assert_eq!(refused[0].detail.as_deref(), Some("last"));
}

pub(super) async fn licences_are_counted_as_a_step_goes_on(world: World) {
    const LICENCES: u64 = 3;
    let directory = &*world.directory;
    let mut gone = Vec::new();
    for n in 0..4 {
        let account = add(directory, person(&format!("p{n}"))).await;
        if n > 0 {
            let left = Some(super::accounts::disablement());
            edit(directory, account.id, |account| account.locks.disablement = left).await;
            gone.push(account.id);
        }
    }
    let run = begin(directory, new_run(false, 3)).await;
    assert!(claimed(directory, run.id).await);
    let mut used = Vec::new();
    let decide = |_: &StepItem, facts: Facts<'_>, _: &[GroupId]| {
        used.push(facts.licences_used);
        if facts.licences_used >= LICENCES {
            return Decision::Leave(ItemOutcome::Refused, None);
        }
        let mut account = facts.account.clone();
        account.locks.disablement = None;
        let edit = Edit { account, password_hash: None, note: note(Action::AccountEnabled) };
        Decision::Write { edit: Box::new(edit), kept: None }
    };
    let all = gone
        .iter()
        .zip(1..)
        .map(|(id, n)| item(n, Some(*id)))
        .collect();
    let stepped = directory
        .runs()
        .step_run(whole(run.id, all), Box::new(decide))
        .await;
    let counts = stepped.expect("answers").expect("it is ours").run.counts;
    assert_eq!((counts.changed, counts.refused), (2, 1));
    assert_eq!(used, [1, 2, 3]);
    let heads = directory.headcount().await.expect("answers");
    assert_eq!(heads.licensed, LICENCES, "what is counted on is stored");
}

/// More of them than one statement writes, and some of them again, near and far.
pub(super) async fn who_is_named_twice_in_a_step_is_judged_as_they_are_by_then(world: World) {
    let directory = &*world.directory;
    let mut people = Vec::new();
    for n in 0..40 {
        people.push(add(directory, person(&format!("p{n}"))).await);
    }
    let mut named: Vec<AccountId> = people.iter().map(|account| account.id).collect();
    named.insert(1, people[0].id);
    named.push(people[0].id);
    named.push(people[39].id);
    let run = begin(directory, new_run(false, 43)).await;
    assert!(claimed(directory, run.id).await);
    let head = directory.feed_head().await.expect("answers");
    let sign_out = |_: &StepItem, facts: Facts<'_>, _: &[GroupId]| {
        let mut account = facts.account.clone();
        account.generation = account.generation.next();
        // What is not for runs is not written.
        account.name = "somebody else".to_owned();
        let edit = Edit { account, password_hash: None, note: note(Action::SessionsEnded) };
        Decision::Write { edit: Box::new(edit), kept: None }
    };
    let all = named
        .iter()
        .zip(1..)
        .map(|(id, n)| item(n, Some(*id)))
        .collect();
    let stepped = directory
        .runs()
        .step_run(whole(run.id, all), Box::new(sign_out))
        .await;
    let stepped = stepped.expect("answers").expect("it is ours");
    assert_eq!((stepped.run.counts.changed, stepped.changed.len()), (43, 43));
    for (n, before) in people.iter().enumerate() {
        let times = named.iter().filter(|id| **id == before.id).count() as u64;
        let now = directory.account(before.id).await.expect("answers");
        let now = now.expect("there");
        assert_eq!(now.version.get(), before.version.get() + times, "p{n}");
        assert_eq!(now.generation.get(), before.generation.get() + times, "p{n}");
        assert_eq!(now.name, before.name);
        let query = AuditQuery { account: Some(before.id), before: None, limit: 100 };
        let log = directory.audit(query).await.expect("answers");
        assert_eq!(log.len() as u64, 1 + times, "a record for each change of p{n}");
        let was: serde_json::Value =
            serde_json::from_str(log[0].before.as_deref().expect("said")).expect("JSON");
        assert_eq!(was["version"], now.version.get() - 1, "it follows from the one before");
    }
    let all = items(directory, run.id, None).await;
    let versions: Vec<_> = [0, 1, 41].iter().map(|at| all[*at].after).collect();
    let first = people[0].version;
    let expected = [first.next(), first.next().next(), first.next().next().next()];
    assert_eq!(versions, expected.map(Some));
    let page = directory.feed_after(head, 100).await.expect("answers");
    assert_eq!(page.accounts.len(), 40);
    let end = directory.feed_head().await.expect("answers");
    assert_eq!(end.accounts, head.accounts + 43, "an entry in the feed for each");
    assert!(directory.verify_audit().await.expect("answers").is_ok());
}

pub(super) async fn a_run_is_worked_on_by_one(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let run = begin(directory, new_run(false, 1)).await;
    let runs = directory.runs();
    let until = noon().after(minutes(1));
    assert!(step(directory, run.id, vec![], true).await.is_none(), "it has to be claimed");
    assert!(
        runs.claim_run(run.id, 1, until)
            .await
            .expect("answers")
            .is_some()
    );
    assert!(
        runs.claim_run(run.id, 1, until)
            .await
            .expect("answers")
            .is_some(),
        "longer"
    );
    assert!(!claimed(directory, run.id).await);
    assert!(
        step(directory, run.id, vec![item(1, Some(alice.id))], true)
            .await
            .is_none()
    );
    let found = runs.run(run.id).await.expect("answers").expect("there");
    assert_eq!(found.held_until, Some(until));
    world.clock.advance(minutes(1));
    assert!(claimed(directory, run.id).await, "an end is half-open");
    assert!(
        step(directory, run.id, vec![item(1, Some(alice.id))], true)
            .await
            .is_some()
    );
    assert!(!claimed(directory, run.id).await, "there is nothing more to do");
    assert!(
        runs.claim_run(RunId::new(9), 1, until)
            .await
            .expect("answers")
            .is_none()
    );
}

pub(super) async fn what_is_listed_waits_until_all_is_written_down(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let run = begin(directory, new_run(true, 2)).await;
    let runs = directory.runs();
    let named = StepItem { position: 2, account: None, name: Some("nobody".to_owned()) };
    let listed = vec![item(1, Some(alice.id)), named];
    assert!(runs.add_run_items(run.id, listed).await.expect("answers"));
    assert!(!claimed(directory, run.id).await, "it is being prepared");
    let (preparing, running) = (RunState::Preparing, RunState::Running);
    let ready = runs
        .turn_run(run.id, &[preparing], running, None)
        .await
        .expect("answers");
    assert_eq!(ready.map(|run| run.state), Some(running));
    assert!(
        !runs
            .add_run_items(run.id, vec![item(3, None)])
            .await
            .expect("answers")
    );
    let pending = items(directory, run.id, Some(ItemOutcome::Pending)).await;
    assert_eq!(pending.len(), 2);
    assert_eq!(pending[1].name.as_deref(), Some("nobody"));
    assert!(claimed(directory, run.id).await);
    let next = |item: &RunItem| StepItem {
        position: item.position,
        account: item.account,
        name: item.name.clone(),
    };
    let stepped = step(directory, run.id, vec![next(&pending[0])], false).await;
    assert_eq!(stepped.expect("it is ours").run.state, running);
    assert_eq!(
        items(directory, run.id, Some(ItemOutcome::Pending))
            .await
            .len(),
        1
    );
    let stepped = step(directory, run.id, vec![next(&pending[1])], true).await;
    assert_eq!(stepped.expect("it is ours").run.state, RunState::Finished);
    let all = items(directory, run.id, None).await;
    assert_eq!(all.len(), 2, "what was pending is the same item");
    assert_eq!(all[1].name.as_deref(), Some("nobody"));
}

pub(super) async fn a_run_is_stopped_and_taken_back_once(world: World) {
    let directory = &*world.directory;
    let runs = directory.runs();
    let run = begin(directory, new_run(false, 0)).await;
    let undo = |undone: RunId| NewRun {
        origin: RunOrigin::Undo,
        undoes: Some(undone),
        ..new_run(false, 0)
    };
    let refused = async |new| {
        let begun = runs.begin_run(new, note(Action::RunBegun)).await;
        begun.expect("answers").err()
    };
    assert_eq!(refused(undo(run.id)).await, Some(RunRefusal::NotEnded));
    assert_eq!(refused(undo(RunId::new(9))).await, Some(RunRefusal::NoSuchRun));
    assert!(claimed(directory, run.id).await);
    let (running, cancelled) = (RunState::Running, RunState::Cancelled);
    let noted = Some(note(Action::RunCancelled));
    let stopped = runs
        .turn_run(run.id, &[running], cancelled, noted.clone())
        .await;
    assert_eq!(stopped.expect("answers").map(|run| run.state), Some(cancelled));
    assert!(step(directory, run.id, vec![], true).await.is_none(), "it was stopped");
    let again = runs.turn_run(run.id, &[running], cancelled, noted).await;
    assert_eq!(again.expect("answers"), None);
    let undone = begin(directory, undo(run.id)).await;
    assert_eq!(undone.undoes, Some(run.id));
    assert_eq!(refused(undo(run.id)).await, Some(RunRefusal::Undone(undone.id)));
    let found = runs.run(run.id).await.expect("answers").expect("there");
    assert_eq!(found.undone_by, Some(undone.id));

    world.clock.advance(minutes(1));
    let daily = |since: Timestamp| NewRun {
        origin: RunOrigin::Inactivity,
        unless_since: Some(since),
        ..new_run(false, 0)
    };
    let third = begin(directory, daily(noon())).await;
    assert_eq!(refused(daily(noon())).await, Some(RunRefusal::TooSoon));
    world.clock.advance(minutes(1));
    begin(directory, daily(noon().after(minutes(2)))).await;
    let listed = async |before, states: &[RunState]| -> Vec<i64> {
        let found = runs.list_runs(before, states, 10).await.expect("answers");
        found.iter().map(|run| run.id.get()).collect()
    };
    assert_eq!(listed(None, &[]).await, [4, 3, 2, 1]);
    assert_eq!(listed(Some(third.id), &[]).await, [2, 1]);
    assert_eq!(listed(None, &[cancelled]).await, [1]);
    let query = AuditQuery { account: None, before: None, limit: 100 };
    let log = directory.audit(query).await.expect("answers");
    let stopped = log
        .iter()
        .find(|record| record.action == Action::RunCancelled);
    let reason = stopped.expect("a record").reason.as_deref();
    assert_eq!(reason, Some("run 1"), "the log says which");
    assert!(directory.verify_audit().await.expect("answers").is_ok());
    let told = directory
        .feed_after(FeedCursor::default(), 100)
        .await
        .expect("answers");
    assert!(told.accounts.is_empty(), "no gateway need know of it");
}
