//! The audit log: whole, in order, chained.

use portcullis::domain::event::{Action, AuditRecord, Note};
use portcullis::store::{AUDIT_STEP, AuditQuery, AuditSearch, AuditWalk, Directory, PasswordEdit};

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
            password_hash: Some(PasswordEdit::Set("$secret".to_owned())),
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

async fn positions(directory: &dyn Directory, search: AuditSearch) -> Vec<u64> {
    let entries = directory.audit_log().records(search).await;
    let entries = entries.expect("answers");
    entries.iter().map(|entry| entry.record.position).collect()
}

/// Five records: who did them, from where, when, and why.
async fn some_records(world: &World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    for (actor, action, reason, from) in [
        ("user:7", Action::AccountLocked, Some("Left for KÖLN"), Some("192.0.2.1")),
        ("user:70", Action::AccountUnlocked, None, Some("192.0.2.10")),
        ("user:7", Action::AccountUpdated, Some("50% off_x!"), None),
        ("engine", Action::AccountLocked, Some("köln again"), Some("192.0.2.1")),
    ] {
        world.clock.advance(minutes(1));
        let note = Note {
            actor: actor.to_owned(),
            action,
            reason: reason.map(str::to_owned),
            from: from.map(str::to_owned),
        };
        let decide = Box::new(move |facts: portcullis::store::Facts<'_>| {
            let account = facts.account.clone();
            Some(portcullis::store::Edit { account, password_hash: None, note })
        });
        directory.change(alice.id, decide).await.expect("writes");
    }
}

pub(super) async fn the_log_is_searched(world: World) {
    some_records(&world).await;
    let found = async |change: fn(&mut AuditSearch)| {
        let mut search = AuditSearch { limit: 10, ..AuditSearch::default() };
        change(&mut search);
        positions(&*world.directory, search).await
    };
    assert_eq!(found(|_| ()).await, [5, 4, 3, 2, 1]);
    assert_eq!(found(|s| s.actor = Some("user:7".to_owned())).await, [4, 2]);
    assert_eq!(found(|s| s.actions = vec![Action::AccountLocked]).await, [5, 2]);
    let two = |s: &mut AuditSearch| {
        s.actions = vec![Action::AccountUnlocked, Action::AccountLocked];
    };
    assert_eq!(found(two).await, [5, 3, 2]);
    assert_eq!(found(|s| s.address = Some("192.0.2.1".to_owned())).await, [5, 2]);
    assert_eq!(found(|s| s.since = Some(noon().after(minutes(3)))).await, [5, 4]);
    assert_eq!(found(|s| s.until = Some(noon().after(minutes(1)))).await, [1]);
    assert_eq!(found(|s| s.reason = Some("Köln".to_owned())).await, [5, 2]);
    assert_eq!(found(|s| s.reason = Some("% off_".to_owned())).await, [4]);
    assert_eq!(found(|s| s.reason = Some("_".to_owned())).await, [4]);
    assert_eq!(found(|s| s.account = 2.try_into().ok()).await, [0; 0]);
    let both = |s: &mut AuditSearch| {
        s.actor = Some("user:7".to_owned());
        s.reason = Some("köln".to_owned());
        s.oldest_first = true;
    };
    assert_eq!(found(both).await, [2]);
}

pub(super) async fn pages_go_both_ways(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    for n in 0..9 {
        edit(directory, alice.id, |account| account.name = n.to_string()).await;
    }
    let page = async |before, after, oldest_first| {
        let search = AuditSearch { before, after, oldest_first, limit: 3, ..Default::default() };
        positions(directory, search).await
    };
    assert_eq!(page(None, None, false).await, [10, 9, 8]);
    assert_eq!(page(Some(8), None, false).await, [7, 6, 5]);
    assert_eq!(page(None, Some(4), true).await, [5, 6, 7], "and back");
    assert_eq!(page(None, Some(7), true).await, [8, 9, 10]);
    assert_eq!(page(None, Some(10), true).await, [0; 0]);
    assert_eq!(page(Some(3), None, true).await, [1, 2]);
    let reasons = AuditSearch { reason: Some("x".to_owned()), limit: 3, ..Default::default() };
    assert_eq!(positions(directory, reasons).await, [0; 0]);
}

pub(super) async fn a_long_log_is_checked_in_steps(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let records = 2 * AUDIT_STEP as u64 + 1;
    for n in 1..records {
        edit(directory, alice.id, |account| account.name = n.to_string()).await;
    }
    let log = directory.audit_log();
    let (mut walk, mut steps) = (AuditWalk::from_the_start(), Vec::new());
    while !walk.is_done() {
        walk = log.check(walk).await.expect("answers").expect("whole");
        steps.push(walk.checked());
        if steps.len() == 1 {
            // Somebody writes meanwhile.
            edit(directory, alice.id, |account| account.name.clear()).await;
        }
    }
    assert_eq!(steps, [500, 1000, 1002]);
    assert_eq!((walk.position(), walk.end()), (1002, 1002));
}

pub(super) async fn what_is_old_is_forgotten_and_the_rest_holds(world: World) {
    some_records(&world).await;
    let directory = &*world.directory;
    let log = directory.audit_log();
    let forget = async |mins| {
        let why = note(Action::AuditPruned);
        let forgotten = log.forget(noon().after(minutes(mins)), why).await;
        forgotten.expect("answers").expect("whole")
    };
    assert_eq!(forget(0).await, None, "nothing is older");
    let all = AuditSearch { limit: 10, ..AuditSearch::default() };
    assert_eq!(positions(directory, all.clone()).await, [5, 4, 3, 2, 1], "nothing was written");
    let third = log
        .records(AuditSearch { limit: 1, before: Some(4), ..all.clone() })
        .await;
    let third = third.expect("answers").remove(0);

    let pruned = forget(3).await.expect("three records");
    assert_eq!((pruned.through, pruned.records), (3, 3));
    assert_eq!(pruned.link, third.link.to_hex());
    assert_eq!(positions(directory, all.clone()).await, [6, 5, 4]);
    let newest = &self::log(directory, ALL).await[0];
    assert_eq!(newest.action, Action::AuditPruned);
    let after = newest.after.as_deref().expect("what went");
    assert_eq!(after, serde_json::to_string(&pruned).expect("serialises"));
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(3));

    let alice = 1.try_into().expect("a number");
    edit(directory, alice, |account| account.name.clear()).await;
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(4));
    world.clock.advance(minutes(60));
    assert_eq!(forget(50).await.map(|pruned| pruned.records), Some(4), "all of them");
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(1));
    assert_eq!(positions(directory, all).await, [8]);
}
