//! Deletions under way: leases, and what they keep safe.

use std::time::Duration;

use portcullis::AccountId;
use portcullis::domain::deletion::{
    Deletion, DeletionId, DeletionState, ModuleProgress, ModuleState, Party, RecordId, Step,
};
use portcullis::domain::event::Action;
use portcullis::domain::standing::Lifecycle;
use portcullis::domain::transfer::{ModuleChoice, Transfer};
use portcullis::store::{Claim, DeletionQuery, Directory, Edit, Facts, Lease, NewDeletion, Remark};

use super::{World, add, note, person};

fn lease(holder: &str) -> Lease {
    Lease { holder: holder.to_owned(), length: Duration::from_secs(30) }
}

async fn new(directory: &dyn Directory, login: &str) -> NewDeletion {
    let (account, receiver) = (person(login), person(&format!("{login}-heir")));
    let account = Party::of(&add(directory, account).await);
    let receiver = Party::of(&add(directory, receiver).await);
    let module = "deals".parse().expect("a name");
    NewDeletion {
        account,
        transfer: Transfer::All { receiver: receiver.id },
        receiver: Some(receiver),
        actor: "cli:root".to_owned(),
        reason: "left".try_into().expect("a reason"),
        modules: vec![ModuleProgress::new(module, ModuleChoice::All, 3)],
    }
}

async fn begin(world: &World, login: &str) -> Deletion {
    let new = new(&*world.directory, login).await;
    let begun = world.directory.deleting();
    let begun = begun.begin_deletion(new, lease("a"), note(Action::DeletionBegun));
    begun.await.expect("answers").expect("the first")
}

async fn claim(world: &World, id: DeletionId, holder: &str, by_hand: bool) -> Claim {
    let note = by_hand.then(|| note(Action::DeletionResumed));
    let claim = world
        .directory
        .deleting()
        .claim_deletion(id, lease(holder), note);
    claim.await.expect("answers").expect("a deletion")
}

async fn save(world: &World, deletion: &Deletion, holder: &str) -> bool {
    let saved = world
        .directory
        .deleting()
        .save_deletion(deletion, lease(holder), None);
    saved.await.expect("answers")
}

async fn read(world: &World, id: DeletionId) -> Deletion {
    let found = world.directory.deleting().deletion(id).await;
    found.expect("answers").expect("a deletion")
}

async fn records(world: &World, account: AccountId, action: Action) -> usize {
    let query = portcullis::store::AuditQuery { account: Some(account), before: None, limit: 100 };
    let all = world.directory.audit(query).await.expect("answers");
    all.iter().filter(|record| record.action == action).count()
}

pub(super) async fn a_deletion_is_kept_as_it_is_written(world: World) {
    let mut deletion = begin(&world, "ada").await;
    assert_eq!(read(&world, deletion.id).await, deletion);
    let progress = &mut deletion.modules[0];
    (progress.moved, progress.state, progress.steps) = (2, ModuleState::Moving, 1);
    let records = vec![RecordId::Number(7), RecordId::Text("x'\"\u{e9}".to_owned())];
    progress.step = Some(Step { records });
    world.clock.advance(Duration::from_secs(1));
    assert!(save(&world, &deletion, "a").await);
    let kept = read(&world, deletion.id).await;
    assert_eq!(kept.modules, deletion.modules);
    assert!(kept.updated_at > deletion.updated_at && kept.ended_at.is_none());
    let unknown = DeletionId::try_from(99).expect("a number");
    let found = world.directory.deleting().deletion(unknown).await;
    assert_eq!(found.expect("answers"), None);
}

pub(super) async fn an_account_has_one_open_deletion(world: World) {
    let first = begin(&world, "ada").await;
    let again = NewDeletion {
        account: first.account.clone(),
        receiver: None,
        transfer: Transfer::Nothing,
        ..new(&*world.directory, "bob").await
    };
    let store = world.directory.deleting();
    let begin = || store.begin_deletion(again.clone(), lease("b"), note(Action::DeletionBegun));
    assert_eq!(begin().await.expect("answers"), Err(first.id));
    let account = first.account.id;
    assert_eq!(records(&world, account, Action::DeletionBegun).await, 1, "the log has one");
    let cancelled = store
        .cancel_deletion(first.id, note(Action::DeletionCancelled))
        .await;
    assert!(matches!(cancelled, Ok(Some(Ok(_)))), "{cancelled:?}");
    let second = begin().await.expect("answers").expect("the first is over");
    let query = |open| DeletionQuery { account: Some(account), open, before: None, limit: 9 };
    let listed = store.deletions(query(false)).await.expect("answers");
    let ids: Vec<_> = listed.iter().map(|deletion| deletion.id).collect();
    assert_eq!(ids, [second.id, first.id], "newest first");
    let open = store.deletions(query(true)).await.expect("answers");
    assert_eq!(open, std::slice::from_ref(&second));
    let older = DeletionQuery { before: Some(second.id), ..query(false) };
    assert_eq!(store.deletions(older).await.expect("answers").len(), 1);
}

pub(super) async fn a_lease_keeps_others_away_until_it_is_over(world: World) {
    let deletion = begin(&world, "ada").await;
    let (id, store) = (deletion.id, world.directory.deleting());
    assert!(matches!(claim(&world, id, "b", true).await, Claim::Held { .. }));
    assert_eq!(store.orphaned_deletions().await.expect("answers"), []);
    assert!(!save(&world, &deletion, "b").await, "it is another's");
    world.clock.advance(Duration::from_secs(20));
    assert!(store.renew_deletion(id, lease("a")).await.expect("answers"));
    world.clock.advance(Duration::from_secs(20));
    assert!(matches!(claim(&world, id, "b", false).await, Claim::Held { .. }), "renewed");
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(store.orphaned_deletions().await.expect("answers"), [id]);
    assert!(matches!(claim(&world, id, "b", false).await, Claim::Taken(_)));
    assert!(!store.renew_deletion(id, lease("a")).await.expect("answers"), "it is b's now");
    assert!(!save(&world, &deletion, "a").await, "who was gone for long writes nothing");
    assert!(save(&world, &deletion, "b").await);
}

pub(super) async fn what_failed_waits_for_a_hand(world: World) {
    let mut deletion = begin(&world, "ada").await;
    deletion.state = DeletionState::Failed;
    deletion.error = Some("no table".to_owned());
    assert!(save(&world, &deletion, "a").await);
    assert_eq!(read(&world, deletion.id).await.error.as_deref(), Some("no table"));
    assert_eq!(
        world
            .directory
            .deleting()
            .orphaned_deletions()
            .await
            .expect("answers"),
        []
    );
    assert!(matches!(claim(&world, deletion.id, "b", false).await, Claim::Stopped(_)));
    let Claim::Taken(taken) = claim(&world, deletion.id, "b", true).await else {
        panic!("it is nobody's")
    };
    assert_eq!((taken.state, taken.error), (DeletionState::Working, None));
    assert_eq!(records(&world, deletion.account.id, Action::DeletionResumed).await, 1);
}

fn gone(facts: &Facts<'_>) -> Edit {
    let mut account = facts.account.clone();
    account.lifecycle = Lifecycle::Deleted;
    Edit { account, password_hash: None, note: note(Action::AccountDeleted) }
}

pub(super) async fn the_end_is_one_transaction(world: World) {
    let deletion = begin(&world, "ada").await;
    let (id, store) = (deletion.id, world.directory.deleting());
    let others = store.finish_deletion(id, lease("b"), Box::new(|facts, _| Some(gone(&facts))));
    assert!(others.await.expect("answers").is_none(), "it is a's");
    let nothing = store
        .finish_deletion(id, lease("a"), Box::new(|_, _| None))
        .await;
    assert!(nothing.expect("answers").is_none());
    assert_eq!(read(&world, id).await.state, DeletionState::Working);
    let receiver = deletion.receiver.as_ref().map(|party| party.id);
    let decide = move |facts: Facts<'_>, found: Option<&portcullis::Account>| {
        assert_eq!(found.map(|found| found.id), receiver);
        Some(gone(&facts))
    };
    let changed = store
        .finish_deletion(id, lease("a"), Box::new(decide))
        .await;
    let changed = changed.expect("answers").expect("it is a's");
    assert_eq!(changed.account.lifecycle, Lifecycle::Deleted);
    let done = read(&world, id).await;
    assert_eq!(done.state, DeletionState::Done);
    assert!(done.ended_at.is_some());
    assert!(matches!(claim(&world, id, "b", true).await, Claim::Stopped(_)));
    let cancelled = store
        .cancel_deletion(id, note(Action::DeletionCancelled))
        .await;
    assert!(matches!(cancelled, Ok(Some(Err(_)))), "too late: {cancelled:?}");
    assert!(
        world
            .directory
            .verify_audit()
            .await
            .expect("answers")
            .is_ok()
    );
    super::counts::assert_exact(&*world.directory).await;
}

pub(super) async fn a_deletion_that_is_called_off_is_nobodys(world: World) {
    let deletion = begin(&world, "ada").await;
    let (id, store) = (deletion.id, world.directory.deleting());
    let cancelled = store
        .cancel_deletion(id, note(Action::DeletionCancelled))
        .await;
    let cancelled = cancelled.expect("answers").expect("there").expect("open");
    assert_eq!(cancelled.state, DeletionState::Cancelled);
    assert!(!save(&world, &deletion, "a").await);
    let finish = store.finish_deletion(id, lease("a"), Box::new(|facts, _| Some(gone(&facts))));
    assert!(finish.await.expect("answers").is_none(), "nobody is deleted");
    let remark = Remark { note: note(Action::RecordsTransferred), after: None };
    let saved = store
        .save_deletion(&deletion, lease("a"), Some(remark))
        .await;
    assert!(!saved.expect("answers"));
    assert_eq!(records(&world, deletion.account.id, Action::RecordsTransferred).await, 0);
}
