//! The audit log: whole, in order, chained.

use portcullis::domain::event::{Action, AuditRecord, Note};
use portcullis::store::{AuditQuery, Directory};

use super::{World, add, edit, minutes, new_session, noon, note, person};

const ALL: AuditQuery = AuditQuery { account: None, before: None, limit: 1000 };

async fn log(directory: &dyn Directory, query: AuditQuery) -> Vec<AuditRecord> {
    directory.audit(query).await.expect("answers")
}

pub(super) async fn every_change_has_its_record(world: World) {
    let directory = &*world.directory;
    let before = add(directory, person("alice")).await;
    world.clock.advance(minutes(1));
    let why = Note {
        actor: "user:7".to_owned(),
        reason: Some("lost her \"phone\"\nin Köln".to_owned()),
        from: Some("192.0.2.1".to_owned()),
        ..note(Action::AccountLocked)
    };
    let decide_why = why.clone();
    let decide = Box::new(move |facts: portcullis::store::Facts<'_>| {
        let mut account = facts.account.clone();
        account.admin = true;
        Some(portcullis::store::Edit {
            account,
            password_hash: Some("$secret".to_owned()),
            note: decide_why,
        })
    });
    let after = directory
        .change(before.id, decide)
        .await
        .expect("writes")
        .expect("an account");

    let [changed, created] = &log(directory, ALL).await[..] else { panic!("two records") };
    assert_eq!((created.position, created.action), (1, Action::AccountCreated));
    assert_eq!((created.account, created.before.as_deref()), (Some(before.id), None));
    assert_eq!(changed.position, 2);
    assert_eq!(changed.at, noon().after(minutes(1)));
    assert_eq!((&changed.actor, changed.action), (&why.actor, why.action));
    assert_eq!((&changed.reason, &changed.from), (&why.reason, &why.from));
    let json = |account| Some(serde_json::to_string(account).expect("serialises"));
    assert_eq!((&changed.before, &changed.after), (&json(&before), &json(&after.account)));
    let printed = format!("{changed:?}");
    assert!(!printed.contains("$secret"), "a password's hash is nobody's to read: {printed}");

    let session = directory.open_session(new_session(before.id, 1)).await;
    let session = session.expect("writes").expect("may sign in").key.id();
    directory
        .end_session(session, note(Action::SessionEnded))
        .await
        .expect("writes");
    let newest = &log(directory, ALL).await[0];
    assert_eq!((newest.action, newest.account), (Action::SessionEnded, Some(before.id)));
}

pub(super) async fn the_log_is_paged_backwards(world: World) {
    let directory = &*world.directory;
    let (alice, bob) = (add(directory, person("alice")).await, add(directory, person("bob")).await);
    for _ in 0..3 {
        edit(directory, alice.id, |account| account.name.push('x')).await;
        edit(directory, bob.id, |account| account.name.push('x')).await;
    }
    let positions = async |query| {
        let log = log(directory, query).await;
        log.iter().map(|record| record.position).collect::<Vec<_>>()
    };
    assert_eq!(positions(AuditQuery { limit: 3, ..ALL }).await, [8, 7, 6]);
    assert_eq!(positions(AuditQuery { limit: 3, before: Some(6), ..ALL }).await, [5, 4, 3]);
    assert_eq!(positions(AuditQuery { account: Some(bob.id), ..ALL }).await, [8, 6, 4, 2]);
    let page = AuditQuery { account: Some(alice.id), before: Some(7), limit: 2 };
    assert_eq!(positions(page).await, [5, 3]);
    assert_eq!(positions(AuditQuery { before: Some(1), ..ALL }).await, [0; 0]);
}

pub(super) async fn the_chain_holds(world: World) {
    let directory = &*world.directory;
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(0));
    let alice = add(directory, person("alice")).await;
    for n in 0..600 {
        edit(directory, alice.id, |account| account.name = n.to_string()).await;
    }
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(601));
}
