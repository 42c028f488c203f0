//! Links that set a password: one of each account, good once.

use std::sync::Arc;

use portcullis::domain::account::AccountId;
use portcullis::domain::event::Action;
use portcullis::domain::invitation::{Invitation, Purpose};
use portcullis::domain::standing::{Generation, Lifecycle};
use portcullis::store::{
    AuditQuery, Directory, Edit, Facts, NewAccount, NewInvitation, PasswordEdit,
};

use super::{World, add, edit, key, minutes, note, person};

async fn invite(directory: &dyn Directory, id: AccountId, number: u64) -> Option<Invitation> {
    let decide = Box::new(move |account: &portcullis::Account, now: portcullis::Timestamp| {
        let purpose = Purpose::of(account, now)?;
        let new = NewInvitation { key: key(number), purpose, expires_at: now.after(minutes(60)) };
        Some((new, note(Action::InvitationCreated)))
    });
    directory
        .invitations()
        .invite(id, decide)
        .await
        .expect("answers")
}

async fn redeem(directory: &dyn Directory, number: u64) -> bool {
    let decide = Box::new(|facts: Facts<'_>| {
        let mut account = facts.account.clone();
        account.lifecycle = Lifecycle::Active;
        account.generation = account.generation.next();
        let password_hash = Some(PasswordEdit::Set("$hash".to_owned()));
        Some(Edit { account, password_hash, note: note(Action::AccountActivated) })
    });
    let redeemed = directory.invitations().redeem(key(number), decide).await;
    redeemed.expect("answers").is_some()
}

async fn is_good(directory: &dyn Directory, number: u64) -> bool {
    let found = directory.invitations().invitation(key(number)).await;
    found.expect("answers").is_some()
}

async fn invited(directory: &dyn Directory, login: &str) -> AccountId {
    let new = NewAccount { lifecycle: Lifecycle::Invited, ..person(login) };
    add(directory, new).await.id
}

pub(super) async fn a_link_is_made_found_and_used_once(world: World) {
    let directory = &*world.directory;
    let bob = invited(directory, "bob").await;
    let first = invite(directory, bob, 1).await.expect("a link");
    assert_eq!((first.purpose, first.account), (Purpose::Invitation, bob));
    let (found, account) = directory
        .invitations()
        .invitation(key(1))
        .await
        .expect("answers")
        .expect("good");
    assert_eq!((&found, account.id), (&first, bob));
    invite(directory, bob, 2).await.expect("another");
    assert!(!is_good(directory, 1).await && is_good(directory, 2).await, "it was replaced");

    let nothing = directory
        .invitations()
        .redeem(key(2), Box::new(|_| None))
        .await;
    assert!(nothing.expect("answers").is_none());
    assert!(is_good(directory, 2).await, "what was decided against leaves it in use");
    assert!(!redeem(directory, 1).await && !redeem(directory, 3).await);
    assert!(redeem(directory, 2).await);
    assert!(!redeem(directory, 2).await && !is_good(directory, 2).await);
    let account = directory.account(bob).await.expect("answers").expect("bob");
    assert_eq!(account.lifecycle, Lifecycle::Active);
    assert!(account.has_password);

    let query = AuditQuery { account: Some(bob), before: None, limit: 10 };
    let log = directory.audit(query).await.expect("answers");
    let actions: Vec<_> = log.iter().map(|record| record.action).collect();
    use Action::{AccountActivated, AccountCreated, InvitationCreated};
    assert_eq!(actions, [AccountActivated, InvitationCreated, InvitationCreated, AccountCreated]);
    let printed = format!("{log:?}");
    assert!(!printed.contains(&key(2).to_hex()), "{printed}");
    let reset = invite(directory, bob, 4).await.expect("a link");
    assert_eq!(reset.purpose, Purpose::Reset);
    assert_eq!(invite(directory, 99.try_into().expect("a number"), 5).await, None);
    directory
        .verify_audit()
        .await
        .expect("answers")
        .expect("whole");
}

pub(super) async fn a_link_ends_with_time_and_with_the_generation(world: World) {
    let directory = &*world.directory;
    let bob = invited(directory, "bob").await;
    invite(directory, bob, 1).await.expect("a link");
    world.clock.advance(minutes(59));
    assert!(is_good(directory, 1).await);
    world.clock.advance(minutes(1));
    assert!(!is_good(directory, 1).await && !redeem(directory, 1).await, "half-open");
    let ends: [fn(&mut portcullis::Account); 3] = [
        |bob| bob.generation = bob.generation.next(),
        |bob| bob.lifecycle = Lifecycle::Deleted,
        |bob| bob.generation = Generation::new(0),
    ];
    for (number, end) in (2..).zip(ends) {
        invite(directory, bob, number).await;
        edit(directory, bob, end).await;
        assert!(!is_good(directory, number).await && !redeem(directory, number).await);
    }
}

pub(super) async fn of_two_who_come_at_once_one_does(world: World) {
    let directory = Arc::clone(&world.directory);
    let bob = invited(&*directory, "bob").await;
    for round in 0..5 {
        invite(&*directory, bob, round).await.expect("a link");
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let directory = Arc::clone(&directory);
                tokio::spawn(async move { redeem(&*directory, round).await })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += u32::from(task.await.expect("ends"));
        }
        assert_eq!(done, 1);
    }
}
