//! Sessions: opened, refused, touched, ended.

use portcullis::AccountKey;
use portcullis::domain::account::Account;
use portcullis::domain::denial::DenialReason;
use portcullis::domain::device::DeviceId;
use portcullis::domain::event::{Action, Note};
use portcullis::domain::lock::{Disablement, End};
use portcullis::domain::session::Session;
use portcullis::domain::standing::Lifecycle;
use portcullis::store::{Directory, NewDevice, NewSession};

use super::{World, add, admin_lock, edit, key, minutes, new_session, noon, note, person};

async fn open(directory: &dyn Directory, new: NewSession) -> Session {
    directory
        .open_session(new)
        .await
        .expect("writes")
        .expect("may sign in")
}

pub(super) async fn a_session_is_opened_found_and_ended(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    world.clock.advance(minutes(1));
    let new = NewSession { user_agent: Some("curl".to_owned()), ..new_session(alice.id, 1) };
    let opened = open(directory, new.clone()).await;
    let now = noon().after(minutes(1));
    assert_eq!(
        opened,
        Session {
            key: key(1),
            account: alice.key(),
            generation: alice.generation,
            created_at: now,
            expires_at: new.expires_at,
            last_seen_at: now,
            opened_from: new.opened_from,
            user_agent: new.user_agent,
            device: None,
            console: false,
        }
    );
    assert_eq!(directory.session(key(1)).await.expect("answers").as_ref(), Some(&opened));
    assert_eq!(directory.session(key(2)).await.expect("answers"), None);

    let after = directory
        .account(alice.id)
        .await
        .expect("answers")
        .expect("an account");
    assert_eq!(after, Account { last_sign_in_at: Some(now), ..alice.clone() }, "only that changed");

    let ended = directory
        .end_session(key(1).id(), note(Action::SessionEnded))
        .await;
    assert_eq!(ended.expect("writes"), Some(opened));
    assert_eq!(directory.session(key(1)).await.expect("answers"), None);
    let again = directory
        .end_session(key(1).id(), note(Action::SessionEnded))
        .await;
    assert_eq!(again.expect("answers"), None);
}

pub(super) async fn a_session_is_born_in_its_accounts_generation(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let first = open(directory, new_session(alice.id, 1)).await;
    let raised = |account: &mut Account| account.generation = account.generation.next();
    let changed = edit(directory, alice.id, raised).await;
    let second = open(directory, new_session(alice.id, 2)).await;
    assert_eq!(first.generation, alice.generation);
    assert_eq!(second.generation, changed.generation);
    assert!(second.generation > first.generation);
}

pub(super) async fn a_session_of_another_generation_than_expected_is_not_opened(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let read = Some(alice.generation);
    open(directory, NewSession { expected: read, ..new_session(alice.id, 1) }).await;
    let raised = |account: &mut Account| account.generation = account.generation.next();
    let changed = edit(directory, alice.id, raised).await;
    let device = NewDevice {
        known: None,
        past_lockout: false,
        fresh: DeviceId::from_random([1; 8]),
        key: key(2),
    };
    let late =
        NewSession { expected: read, device: Some(device.clone()), ..new_session(alice.id, 2) };
    let refused = directory.open_session(late).await.expect("answers");
    assert_eq!(refused, Err(DenialReason::SessionEnded));
    assert_eq!(directory.session(key(2)).await.expect("answers"), None);
    assert_eq!(directory.devices(alice.id).await.expect("answers"), []);
    let now = Some(changed.generation);
    let anew = NewSession { expected: now, device: Some(device), ..new_session(alice.id, 2) };
    assert_eq!(open(directory, anew).await.generation, changed.generation);
    assert_eq!(directory.devices(alice.id).await.expect("answers").len(), 1);
}

pub(super) async fn who_is_refused_gets_no_session(world: World) {
    let directory = &*world.directory;
    let mut number = 0;
    let mut refusal = async |account: AccountKey| {
        number += 1;
        let any = add(directory, person(&format!("other{number}"))).await.id;
        let new = NewSession { account, ..new_session(any, number) };
        let opened = directory.open_session(new).await.expect("answers");
        assert_eq!(
            directory
                .session(key(number))
                .await
                .expect("answers")
                .is_some(),
            opened.is_ok()
        );
        opened.err()
    };
    let alice = add(directory, person("alice")).await;
    let end = End::At(noon().after(minutes(5)));
    edit(directory, alice.id, |a| a.locks.admin_lock = Some(admin_lock(end))).await;
    let locked = refusal(alice.key()).await;
    assert!(matches!(locked, Some(DenialReason::Locked { .. })), "{locked:?}");
    let unchanged = directory
        .account(alice.id)
        .await
        .expect("answers")
        .expect("an account");
    assert_eq!(unchanged.last_sign_in_at, None, "a refusal is no sign-in");
    world.clock.advance(minutes(5));
    assert_eq!(refusal(alice.key()).await, None, "free at the end instant");

    edit(directory, alice.id, |a| a.lifecycle = Lifecycle::Invited).await;
    assert_eq!(refusal(alice.key()).await, Some(DenialReason::NotYetActive));
    let reason = "left".try_into().expect("a reason");
    let disablement = Disablement { at: noon(), reason, author: "cli:root".to_owned() };
    edit(directory, alice.id, |a| a.locks.disablement = Some(disablement)).await;
    assert_eq!(refusal(alice.key()).await, Some(DenialReason::Disabled));
    edit(directory, alice.id, |a| a.lifecycle = Lifecycle::Deleted).await;
    let text = AccountKey::text("alice").expect("a text");
    for nobody in [alice.key(), AccountKey::integer(4711), AccountKey::integer(-1), text] {
        assert_eq!(refusal(nobody).await, Some(DenialReason::Deleted));
    }
}

/// A lock and a sign-in at once: the session is refused, or its generation is old.
pub(super) async fn a_lock_leaves_no_session_behind(world: World) {
    for round in 0..20 {
        let alice = add(&*world.directory, person(&format!("alice{round}"))).await;
        let directory = world.directory.clone();
        let sign_in = tokio::spawn(async move {
            directory
                .open_session(new_session(alice.id, round))
                .await
                .expect("answers")
        });
        let locked = edit(&*world.directory, alice.id, |account| {
            account.locks.admin_lock = Some(admin_lock(End::Never));
            account.generation = account.generation.next();
        })
        .await;
        if let Ok(session) = sign_in.await.expect("ends") {
            assert!(session.generation < locked.generation, "round {round}");
        }
    }
}

pub(super) async fn the_last_use_never_moves_back(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    for number in 0..300 {
        open(directory, new_session(alice.id, number)).await;
    }
    for (seen, expected) in [(3, 3), (2, 3), (5, 5), (0, 5)] {
        let seen = noon().after(minutes(seen));
        let mut batch: Vec<_> = (0..300).map(|number| (key(number), seen)).collect();
        batch.push((key(999), seen));
        directory.touch_sessions(batch).await.expect("writes");
        for number in [0, 150, 299] {
            let session = directory.session(key(number)).await.expect("answers");
            let expected = noon().after(minutes(expected));
            assert_eq!(session.map(|session| session.last_seen_at), Some(expected));
        }
    }
    assert_eq!(directory.session(key(999)).await.expect("answers"), None);
    directory
        .touch_sessions(Vec::new())
        .await
        .expect("nothing to do");
}

pub(super) async fn lists_have_the_living_only(world: World) {
    let directory = &*world.directory;
    let (alice, bob) = (add(directory, person("alice")).await, add(directory, person("bob")).await);
    for number in 1..=3 {
        world.clock.advance(minutes(1));
        let expires_at = noon().after(minutes(10 * number));
        open(directory, NewSession { expires_at, ..new_session(alice.id, number) }).await;
    }
    open(directory, new_session(bob.id, 4)).await;
    let listed = async || {
        let listed = directory.sessions_of(alice.key()).await.expect("answers");
        listed.iter().map(|session| session.key).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [key(3), key(2), key(1)], "newest first");
    world.clock.advance(minutes(7));
    assert_eq!(listed().await, [key(3), key(2)], "over at its end");
    let own = Note { actor: format!("user:{}", alice.id), ..note(Action::SessionEnded) };
    directory
        .end_session(key(3).id(), own)
        .await
        .expect("writes");
    assert_eq!(listed().await, [key(2)]);
    edit(directory, alice.id, |account| account.generation = account.generation.next()).await;
    assert_eq!(listed().await, [], "all were ended");
    let text = AccountKey::text("alice").expect("a text");
    assert_eq!(directory.sessions_of(text).await.expect("answers"), []);
}
