//! Licences: counted with every change, and never passed.

use std::sync::Arc;

use portcullis::domain::event::Action;
use portcullis::domain::lock::{Disablement, End};
use portcullis::domain::standing::Lifecycle;
use portcullis::store::{CreateError, Directory, Headcount, NewAccount};

use super::{World, add, admin_lock, edit, noon, note, person};

async fn used(directory: &dyn Directory) -> u64 {
    directory.headcount().await.expect("answers").licensed
}

fn left() -> Disablement {
    let reason = "left".try_into().expect("a reason");
    Disablement { at: noon(), reason, author: "cli:root".to_owned() }
}

pub(super) async fn licences_are_counted_with_every_change(world: World) {
    let directory = &*world.directory;
    assert_eq!(used(directory).await, 0);
    let ada = add(directory, person("ada")).await;
    let new = NewAccount { lifecycle: Lifecycle::Invited, ..person("bob") };
    let bob = add(directory, new).await;
    assert_eq!(used(directory).await, 1, "who is invited uses none");
    edit(directory, bob.id, |bob| bob.lifecycle = Lifecycle::Active).await;
    assert_eq!(used(directory).await, 2);
    edit(directory, ada.id, |ada| {
        ada.locks.lay_admin_lock(admin_lock(End::Never));
    })
    .await;
    assert_eq!(used(directory).await, 2, "who is locked uses one");
    edit(directory, ada.id, |ada| ada.locks.disablement = Some(left())).await;
    assert_eq!(used(directory).await, 1);
    edit(directory, ada.id, |ada| ada.name.push('x')).await;
    edit(directory, ada.id, |ada| ada.locks.disablement = None).await;
    assert_eq!(used(directory).await, 2);
    edit(directory, ada.id, |ada| ada.lifecycle = Lifecycle::Deleted).await;
    assert_eq!(used(directory).await, 1);
    let mut seen = None;
    let look = Box::new(|facts: portcullis::store::Facts<'_>| {
        seen = Some(facts.licences_used);
        None
    });
    directory.change(bob.id, look).await.expect("answers");
    assert_eq!(seen, Some(1));
}

pub(super) async fn the_last_licence_is_taken_once(world: World) {
    let directory = Arc::clone(&world.directory);
    let mut tasks = Vec::new();
    for n in 0..12 {
        let directory = Arc::clone(&directory);
        tasks.push(tokio::spawn(async move {
            let new = person(&format!("p{n}"));
            let note = note(Action::AccountCreated);
            directory.create_within(Some(5), new, note).await
        }));
    }
    let mut made = 0;
    for task in tasks {
        match task.await.expect("ends") {
            Ok(_) => made += 1,
            Err(CreateError::NoLicence { used: 5, limit: 5 }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((made, used(&*directory).await), (5, 5));
    let invited = NewAccount { lifecycle: Lifecycle::Invited, ..person("carol") };
    let made = directory.create_within(Some(5), invited, note(Action::AccountCreated));
    made.await.expect("who is invited needs none");
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(6), "refusals left nothing");
}

pub(super) async fn people_are_counted_by_status(world: World) {
    let directory = &*world.directory;
    for (login, lifecycle) in [
        ("ada", Lifecycle::Active),
        ("ben", Lifecycle::Active),
        ("cem", Lifecycle::Active),
        ("dan", Lifecycle::Invited),
        ("eva", Lifecycle::Registered),
        ("fay", Lifecycle::Active),
    ] {
        add(directory, NewAccount { lifecycle, ..person(login) }).await;
    }
    let id = |number: i64| number.try_into().expect("a number");
    let end = End::At(noon().after(super::minutes(5)));
    edit(directory, id(2), |ben| {
        ben.locks.lay_admin_lock(admin_lock(end));
    })
    .await;
    edit(directory, id(3), |cem| cem.locks.disablement = Some(left())).await;
    edit(directory, id(6), |fay| fay.lifecycle = Lifecycle::Deleted).await;
    let mut count = Headcount {
        licensed: 2,
        active: 1,
        locked: 1,
        locked_by_hand: 1,
        locked_by_failures: 0,
        disabled: 1,
        invited: 1,
        registered: 1,
        deleted: 1,
    };
    assert_eq!(directory.headcount().await.expect("answers"), count);
    world.clock.advance(super::minutes(5));
    (count.active, count.locked, count.locked_by_hand) = (2, 0, 0);
    assert_eq!(directory.headcount().await.expect("answers"), count, "a lock ended");
}
