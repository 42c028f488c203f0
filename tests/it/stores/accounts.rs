//! Accounts: found, made, changed.

use std::sync::Arc;
use std::time::Duration;

use portcullis::domain::account::{Account, AccountId, Details};
use portcullis::domain::event::Action;
use portcullis::domain::lock::{Disablement, End, LiveSessions, Lockout, LockoutId, Locks};
use portcullis::domain::login::{Login, TypedLogin};
use portcullis::domain::standing::{Lifecycle, Version};
use portcullis::store::{
    AccountFilter, AccountQuery, AccountSearch, AuditQuery, BoxFuture, Changed, CreateError,
    Directory, Edit, Facts, NewAccount, PasswordEdit, StoreError, UniqueName,
};

use super::{World, add, admin_lock, edit, minutes, noon, note, person, try_edit};

pub(super) async fn a_new_account_is_found_by_all_its_names(world: World) {
    let directory = &*world.directory;
    let new = NewAccount {
        name: "Alice Ångström".to_owned(),
        email: Some("Alice@Example.org".to_owned()),
        admin: true,
        lifecycle: Lifecycle::Invited,
        ..person("alice")
    };
    let alice = add(directory, new).await;
    assert_eq!(alice.created_at, noon());
    assert!(alice.version > Version::default(), "a version that any change is newer than");
    assert_eq!(directory.account(alice.id).await.expect("answers"), Some(alice.clone()));
    for typed in ["alice", " ALICE ", "alice@example.ORG"] {
        let found = directory
            .resolve(TypedLogin::new(typed))
            .await
            .expect("answers");
        assert_eq!(found.as_ref(), Some(&alice), "{typed:?}");
    }
    for typed in ["", "bob", "alice@example", "%"] {
        let found = directory
            .resolve(TypedLogin::new(typed))
            .await
            .expect("answers");
        assert_eq!(found, None, "{typed:?}");
    }
    let nobody = AccountId::try_from(99).expect("a number");
    assert_eq!(directory.account(nobody).await.expect("answers"), None);
}

pub(super) async fn logins_and_addresses_are_unique(world: World) {
    let directory = &*world.directory;
    let with_email =
        |login: &str, email: &str| NewAccount { email: Some(email.to_owned()), ..person(login) };
    let first = add(directory, with_email("alice", "a@example.org")).await;
    let again = directory
        .create(person("ALICE"), note(Action::AccountCreated))
        .await;
    assert!(matches!(again, Err(CreateError::LoginTaken { .. })), "{again:?}");
    let again = directory
        .create(with_email("bob", "A@EXAMPLE.ORG"), note(Action::AccountCreated))
        .await;
    assert!(matches!(again, Err(CreateError::EmailTaken { .. })), "{again:?}");
    let second = add(directory, with_email("bob", "b@example.org")).await;
    assert_eq!(second.id.get(), first.id.get() + 1, "what was refused takes no number");
}

pub(super) async fn a_deleted_login_is_never_given_out_again(world: World) {
    let directory = &*world.directory;
    let email = Some("a@example.org".to_owned());
    let alice = add(directory, NewAccount { email: email.clone(), ..person("alice") }).await;
    edit(directory, alice.id, |account| account.lifecycle = Lifecycle::Deleted).await;
    let again = directory
        .create(person("Alice"), note(Action::AccountCreated))
        .await;
    assert!(matches!(again, Err(CreateError::LoginRetired { .. })), "{again:?}");
    for typed in ["alice", "a@example.org"] {
        assert_eq!(
            directory
                .resolve(TypedLogin::new(typed))
                .await
                .expect("answers"),
            None
        );
    }
    let kept = directory
        .account(alice.id)
        .await
        .expect("answers")
        .expect("the record stays");
    assert_eq!(kept.login.as_str(), "alice");
    let heir = add(directory, NewAccount { email, ..person("alice.2") }).await;
    let found = directory
        .resolve(TypedLogin::new("a@example.org"))
        .await
        .expect("answers");
    assert_eq!(found, Some(heir));
}

fn renamed<'a>(directory: &'a dyn Directory, id: AccountId, login: &str) -> BoxFuture<'a, Renamed> {
    let login = Login::new(login).expect("a login");
    let decide = move |facts: Facts<'_>| {
        let account = Account { login, ..facts.account.clone() };
        Some(Edit { account, password_hash: None, note: note(Action::AccountUpdated) })
    };
    directory.change(id, Box::new(decide))
}

type Renamed = Result<Option<Changed>, StoreError>;

async fn resolved(directory: &dyn Directory, login: &str) -> Option<AccountId> {
    let found = directory.resolve(TypedLogin::new(login)).await;
    found.expect("answers").map(|account| account.id)
}

pub(super) async fn a_former_login_is_never_anybody_elses(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await.id;
    let bob = add(directory, person("bob")).await.id;
    let changed = renamed(directory, alice, "alice.smith").await;
    assert_eq!(
        changed
            .expect("renamed")
            .expect("changed")
            .account
            .login
            .as_str(),
        "alice.smith"
    );
    assert_eq!(resolved(directory, "alice.smith").await, Some(alice));
    assert_eq!(resolved(directory, "alice").await, None);

    for taken in ["alice", "alice.smith"] {
        let refused = renamed(directory, bob, taken).await;
        let Err(StoreError::Taken { name: UniqueName::Login(_) }) = refused else {
            panic!("{taken}: {refused:?}");
        };
        assert_eq!(resolved(directory, "bob").await, Some(bob), "nothing was changed");
    }
    let born = directory
        .create(person("alice"), note(Action::AccountCreated))
        .await;
    assert!(matches!(born, Err(CreateError::LoginRetired { .. })), "{born:?}");

    renamed(directory, alice, "alice").await.expect("her own");
    assert_eq!(resolved(directory, "alice").await, Some(alice));
    let refused = renamed(directory, bob, "alice.smith").await;
    assert!(matches!(refused, Err(StoreError::Taken { .. })), "{refused:?}");
    renamed(directory, bob, "bob.jones")
        .await
        .expect("a new one");
    renamed(directory, bob, "bob.brown")
        .await
        .expect("another one");
    let born = directory
        .create(person("bob.jones"), note(Action::AccountCreated))
        .await;
    assert!(matches!(born, Err(CreateError::LoginRetired { .. })), "{born:?}");
}

pub(super) async fn an_external_id_is_one_accounts(world: World) {
    let directory = &*world.directory;
    let with_id = |login: &str, id: &str| {
        let details = Details { external_id: Some(id.to_owned()), ..Details::default() };
        NewAccount { details, ..person(login) }
    };
    let alice = add(directory, with_id("alice", "HR-1")).await.id;
    let taken = directory
        .create(with_id("bob", "HR-1"), note(Action::AccountCreated))
        .await;
    assert!(matches!(taken, Err(CreateError::ExternalIdTaken { .. })), "{taken:?}");
    let bob = add(directory, with_id("bob", "hr-1")).await.id;
    let take = |facts: Facts<'_>| {
        let mut account = facts.account.clone();
        account.details.external_id = Some("HR-1".to_owned());
        Some(Edit { account, password_hash: None, note: note(Action::AccountUpdated) })
    };
    let refused = directory.change(bob, Box::new(take)).await;
    let Err(StoreError::Taken { name: UniqueName::ExternalId(_) }) = refused else {
        panic!("{refused:?}");
    };
    edit(directory, alice, |account| account.lifecycle = Lifecycle::Deleted).await;
    let changed = directory
        .change(bob, Box::new(take))
        .await
        .expect("free again");
    assert_eq!(
        changed
            .expect("changed")
            .account
            .details
            .external_id
            .as_deref(),
        Some("HR-1")
    );
}

pub(super) async fn an_account_is_born_with_what_is_laid_on_it(world: World) {
    let directory = &*world.directory;
    let locks = Locks {
        admin_lock: Some(admin_lock(End::Never)),
        disablement: Some(disablement()),
        ..Locks::default()
    };
    let born = add(directory, NewAccount { locks: locks.clone(), ..person("alice") }).await;
    assert_eq!(born.locks, locks);
    assert_eq!(directory.account(born.id).await.expect("answers"), Some(born));
    for filter in [AccountFilter::AdminLocked(true), AccountFilter::Disabled(true)] {
        let search = AccountSearch { filters: vec![filter], limit: 9, ..Default::default() };
        assert_eq!(directory.search(search).await.expect("answers").total, 1);
    }
}

pub(super) async fn a_change_is_written_whole(world: World) {
    let directory = &*world.directory;
    let before = add(directory, person("alice")).await;
    world.clock.advance(minutes(1));
    let everything = |account: &mut Account| {
        account.name = "Alice".to_owned();
        account.email = Some("alice@example.org".to_owned());
        account.admin = true;
        account.locks.admin_lock = Some(admin_lock(End::At(noon().after(minutes(5)))));
        account.locks.lockout = Some(lockout(Some(minutes(7))));
        account.locks.disablement = Some(disablement());
        account.generation = account.generation.next();
        account.attempts_generation += 1;
    };
    let changed = try_edit(directory, before.id, everything)
        .await
        .expect("writes");
    let changed = changed.expect("an account");
    let mut expected = before.clone();
    everything(&mut expected);
    expected.version = before.version.next();
    expected.updated_at = noon().after(minutes(1));
    expected.sessions_ended_at = Some(noon().after(minutes(1)));
    assert_eq!(changed.before, before);
    assert_eq!(changed.account, expected);
    assert_eq!(directory.account(before.id).await.expect("answers"), Some(expected));
}

pub(super) async fn the_stores_own_facts_are_not_for_edits(world: World) {
    let directory = &*world.directory;
    let before = add(directory, person("alice")).await;
    let after = edit(directory, before.id, |account| {
        account.id = AccountId::try_from(77).expect("a number");
        account.version = Version::new(0);
        account.created_at = noon().after(minutes(9));
        account.last_sign_in_at = Some(noon());
        account.has_password = true;
    })
    .await;
    assert_eq!(after, Account { version: before.version.next(), ..before.clone() });
    assert_eq!(directory.account(before.id).await.expect("answers"), Some(after));
}

pub(super) async fn the_last_raise_of_a_generation_is_known(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    assert_eq!(alice.sessions_ended_at, None);
    let rename = |account: &mut Account| account.name.push('a');
    let raise = |account: &mut Account| account.generation = account.generation.next();
    let unraised = edit(directory, alice.id, rename).await;
    assert_eq!(unraised.sessions_ended_at, None);
    world.clock.advance(minutes(1));
    let raised = edit(directory, alice.id, raise).await;
    assert_eq!(raised.sessions_ended_at, Some(noon().after(minutes(1))));
    world.clock.advance(minutes(1));
    let renamed = edit(directory, alice.id, |account| {
        rename(account);
        account.sessions_ended_at = None;
    });
    assert_eq!(renamed.await.sessions_ended_at, raised.sessions_ended_at, "the store's own fact");
    let read = directory
        .account(alice.id)
        .await
        .expect("answers")
        .expect("an account");
    assert_eq!(read.sessions_ended_at, raised.sessions_ended_at);
    assert_eq!(read.standing().sessions_ended_at, raised.sessions_ended_at);
    let head = directory
        .feed_after(Default::default(), 10)
        .await
        .expect("answers");
    let told = head.accounts.last().map(|change| &change.standing);
    assert_eq!(told, Some(&read.standing()));
}

pub(super) async fn deciding_on_nothing_changes_nothing(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let head = directory.feed_head().await.expect("answers");
    let mut seen = None;
    let decide = Box::new(|facts: portcullis::store::Facts<'_>| {
        seen = Some((facts.account.clone(), facts.now));
        None
    });
    assert!(
        directory
            .change(alice.id, decide)
            .await
            .expect("answers")
            .is_none()
    );
    assert_eq!(seen, Some((alice.clone(), noon())));
    let nobody = AccountId::try_from(99).expect("a number");
    let not_called = Box::new(|_: portcullis::store::Facts<'_>| panic!("there is no account"));
    assert!(
        directory
            .change(nobody, not_called)
            .await
            .expect("answers")
            .is_none()
    );

    assert_eq!(directory.feed_head().await.expect("answers"), head);
    assert_eq!(directory.account(alice.id).await.expect("answers"), Some(alice.clone()));
    let query = AuditQuery { account: None, before: None, limit: 10 };
    assert_eq!(directory.audit(query).await.expect("answers").len(), 1);
    edit(directory, alice.id, |account| account.admin = true).await;
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(2), "a gap was left");
}

pub(super) async fn a_taken_address_changes_nothing(world: World) {
    let directory = &*world.directory;
    let email = Some("a@example.org".to_owned());
    add(directory, NewAccount { email, ..person("alice") }).await;
    let bob = add(directory, person("bob")).await;
    let taken = try_edit(directory, bob.id, |account| {
        account.email = Some("A@example.org".to_owned());
    })
    .await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "{taken:?}");
    assert_eq!(directory.account(bob.id).await.expect("answers"), Some(bob.clone()));
    edit(directory, bob.id, |account| account.email = Some("b@example.org".to_owned())).await;
}

pub(super) async fn an_accounts_password_is_replaced(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    assert!(!alice.has_password);
    assert_eq!(directory.password_hash(alice.id).await.expect("answers"), None);
    for hash in ["$one", "$two"] {
        let set = Box::new(|facts: portcullis::store::Facts<'_>| {
            let (account, password_hash) =
                (facts.account.clone(), Some(PasswordEdit::Set(hash.to_owned())));
            Some(Edit { account, password_hash, note: note(Action::PasswordSet) })
        });
        let changed = directory
            .change(alice.id, set)
            .await
            .expect("writes")
            .expect("an account");
        assert!(changed.account.has_password);
        edit(directory, alice.id, |account| account.name.push('!')).await;
        let stored = directory.password_hash(alice.id).await.expect("answers");
        assert_eq!(stored.as_deref(), Some(hash));
    }
    let removed = Box::new(|facts: portcullis::store::Facts<'_>| {
        let (account, password_hash) = (facts.account.clone(), Some(PasswordEdit::Remove));
        Some(Edit { account, password_hash, note: note(Action::PasswordRemoved) })
    });
    let changed = directory.change(alice.id, removed).await;
    let bare = changed.expect("writes").expect("an account").account;
    assert!(!bare.has_password);
    assert_eq!(directory.account(alice.id).await.expect("answers"), Some(bare));
    for _ in 0..2 {
        assert_eq!(directory.password_hash(alice.id).await.expect("answers"), None);
        edit(directory, alice.id, |account| account.has_password = true).await;
    }
    let born_with = NewAccount { password_hash: Some("$three".to_owned()), ..person("bob") };
    let bob = add(directory, born_with).await;
    assert!(bob.has_password);
    let stored = directory.password_hash(bob.id).await.expect("answers");
    assert_eq!(stored.as_deref(), Some("$three"));
}

/// Eight writers at once: nothing is lost, and versions and positions have no gaps.
pub(super) async fn concurrent_changes_all_happen(world: World) {
    let alice = add(&*world.directory, person("alice")).await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let directory = world.directory.clone();
            tokio::spawn(async move {
                for change in 0..10 {
                    add(&*directory, person(&format!("p{writer}.{change}"))).await;
                    edit(&*directory, alice.id, |account| account.name.push('x')).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    let directory = &*world.directory;
    let alice = directory
        .account(alice.id)
        .await
        .expect("answers")
        .expect("an account");
    assert_eq!(alice.name.len(), 80);
    assert_eq!(alice.version.get(), 81);
    assert_eq!(directory.feed_head().await.expect("answers").accounts, 161);
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(161));
    let all = directory.accounts(everybody()).await.expect("answers");
    let numbers: Vec<i64> = all.iter().map(|account| account.id.get()).collect();
    assert_eq!(numbers, (1..=81).collect::<Vec<_>>());
}

/// Both administrators lock themselves out at once, each if another one is left.
pub(super) async fn the_last_administrator_stays(world: World) {
    for round in 0..5 {
        let mut both = Vec::new();
        for n in 0..2 {
            let new = NewAccount { admin: true, ..person(&format!("admin{round}.{n}")) };
            both.push(add(&*world.directory, new).await.id);
        }
        let leave = |id: AccountId, directory: Arc<dyn Directory>| async move {
            let decide = Box::new(|facts: portcullis::store::Facts<'_>| {
                let account = Account { admin: false, ..facts.account.clone() };
                let edit = Edit { account, password_hash: None, note: note(Action::AccountLocked) };
                (facts.other_active_admins > 0).then_some(edit)
            });
            directory
                .change(id, decide)
                .await
                .expect("writes")
                .is_some()
        };
        let one = tokio::spawn(leave(both[0], world.directory.clone()));
        let two = tokio::spawn(leave(both[1], world.directory.clone()));
        let left = [one.await.expect("ends"), two.await.expect("ends")];
        assert_eq!(left.iter().filter(|left| **left).count(), 1, "round {round}");
        for id in both {
            edit(&*world.directory, id, |account| account.admin = false).await;
        }
    }
}

pub(super) async fn administrators_who_can_act_are_counted(world: World) {
    let directory = &*world.directory;
    let mut admins = Vec::new();
    for n in 0..7 {
        let new = NewAccount { admin: true, ..person(&format!("admin{n}")) };
        admins.push(add(directory, new).await.id);
    }
    add(directory, person("nobody")).await;
    let locked = |end: End| {
        move |account: &mut Account| {
            account.locks.admin_lock = Some(admin_lock(end));
        }
    };
    edit(directory, admins[1], locked(End::Never)).await;
    edit(directory, admins[2], locked(End::At(noon().after(minutes(5))))).await;
    edit(directory, admins[3], |account| account.locks.lockout = Some(lockout(None))).await;
    edit(directory, admins[4], |account| account.locks.disablement = Some(disablement())).await;
    edit(directory, admins[5], |account| account.lifecycle = Lifecycle::Deleted).await;
    edit(directory, admins[6], |account| account.lifecycle = Lifecycle::Invited).await;
    // The one who was locked out by guessing is no less an administrator.
    for (later, expected) in [(0, 1), (4, 1), (1, 2)] {
        world.clock.advance(minutes(later));
        let mut counted = None;
        let decide = Box::new(|facts: portcullis::store::Facts<'_>| {
            counted = Some(facts.other_active_admins);
            None
        });
        directory.change(admins[0], decide).await.expect("answers");
        assert_eq!(counted, Some(expected));
        let all = directory.accounts(everybody()).await.expect("answers");
        let now = world.clock.wall();
        let by_rule = |account: &&Account| account.id != admins[0] && account.is_active_admin(now);
        assert_eq!(all.iter().filter(by_rule).count() as u64, expected);
    }
}

pub(super) fn everybody() -> AccountQuery {
    AccountQuery { status: None, search: None, after: None, limit: 1000 }
}

pub(super) fn lockout(length: Option<Duration>) -> Lockout {
    Lockout {
        id: LockoutId { generation: 0, n: 1 },
        laid_at: noon(),
        length,
        failures: 5,
        live_sessions: LiveSessions::Refuse,
    }
}

pub(super) fn disablement() -> Disablement {
    let reason = "left".try_into().expect("a reason");
    Disablement { at: noon(), reason, author: "cli:root".to_owned() }
}
