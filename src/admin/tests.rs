//! People and instants that the rules' tests share.

use std::time::Duration;

use super::*;
use crate::domain::account::Details;
use crate::domain::lock::{AdminLock, End, LiveSessions, Lockout, LockoutId, Locks, Reason};
use crate::domain::login::Login;
use crate::domain::permission::Permission;
use crate::domain::standing::{Generation, Version};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_000_000);

pub(crate) fn account(number: i64) -> Account {
    Account {
        id: number.try_into().expect("a number"),
        login: Login::new(&format!("user{number}")).expect("a login"),
        name: String::new(),
        email: None,
        admin: false,
        details: Details::default(),
        lifecycle: Lifecycle::Active,
        locks: Locks::default(),
        generation: Generation::new(3),
        sessions_ended_at: None,
        version: Version::new(9),
        attempts_generation: 2,
        has_password: true,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        last_sign_in_at: None,
    }
}

/// The account among two other administrators.
pub(super) fn facts(account: &Account) -> Facts<'_> {
    Facts { account, other_active_admins: 2, devices: &[], licences_used: 0, now: NOW }
}

pub(super) fn administrator(number: i64) -> Actor {
    actor(&Account { admin: true, ..account(number) })
}

/// Somebody who may manage people and is no administrator.
pub(super) fn manager(number: i64) -> Actor {
    let mut manager = account(number);
    manager.details.permissions = [Permission::ManageUsers].into_iter().collect();
    actor(&manager)
}

/// Somebody who may do nothing to others.
pub(super) fn person(number: i64) -> Actor {
    actor(&account(number))
}

fn actor(account: &Account) -> Actor {
    let (id, login) = (account.id, account.login.clone());
    Actor::Account { id, login, from: None, rights: Rights::of(account) }
}

pub(super) fn cli() -> Actor {
    Actor::Cli { user: "root".to_owned() }
}

pub(super) fn at(secs: u64) -> End {
    End::At(NOW.after(Duration::from_secs(secs)))
}

pub(super) fn reason(words: &str) -> Option<Reason> {
    Some(words.try_into().expect("a reason"))
}

pub(crate) fn locked(mut account: Account, end: End) -> Account {
    let author = "user:1".to_owned();
    let laid_at = NOW.before(Duration::from_secs(60));
    account.locks.admin_lock = Some(AdminLock { laid_at, end, reason: None, author });
    account
}

pub(crate) fn locked_out(mut account: Account) -> Account {
    account.locks.lockout = Some(Lockout {
        id: LockoutId { generation: account.attempts_generation, n: 1 },
        laid_at: NOW,
        length: Some(Duration::from_secs(300)),
        failures: 5,
        live_sessions: LiveSessions::Refuse,
    });
    account
}

pub(super) fn written(ruling: Result<Ruling, AdminError>) -> (Edit, Option<Warning>) {
    match ruling {
        Ok(Ruling::Write(edit, warning)) => (*edit, warning),
        Ok(Ruling::Keep) => panic!("nothing was written"),
        Err(refused) => panic!("refused: {refused}"),
    }
}

/// Operations on a directory in memory, and the gate beside it.
#[cfg(feature = "passwords")]
mod operations {
    mod programs;

    use crate::admin::{NewPerson, TokenRequest, UnlockKind};
    use crate::domain::event::Action;
    use crate::domain::session::SessionToken;
    use crate::domain::standing::Status;
    use crate::store::memory::SingleProcessDirectory;
    use crate::store::{AuditQuery, NewSession};
    use crate::testing::{START, TestGate};

    use super::*;
    use crate::domain::time::Clock;

    /// Whatever they ask for of somebody else, and of what is everybody's.
    #[tokio::test]
    async fn who_may_nothing_does_nothing_to_others() {
        let (_, admin) = desk();
        let (ada, eve) = (person(&admin, "ada", false).await, person(&admin, "eve", false).await);
        admin
            .allow_disabling(&cli(), true)
            .await
            .expect("a setting");
        let (eve, ada) = (by(&eve), Target::from(ada.id));
        let password = crate::domain::password::Password::new("four words will do").expect("long");
        let left: Reason = "left".try_into().expect("a reason");
        let new = NewPerson::new(Login::new("mallory").expect("a login"));
        let mut named = PersonChange::default();
        named.first_name("Eve").expect("a name");
        let search = crate::store::AccountSearch::default();
        let refused = [
            admin.add(&eve, new).await.err(),
            admin.delete(&eve, &ada, left.clone()).await.err(),
            admin.disable(&eve, &ada, left).await.err(),
            admin.enable(&eve, &ada).await.err(),
            admin.lock(&eve, &ada, End::Never, None).await.err(),
            admin.search(&eve, search).await.err(),
            admin.set_password(&eve, &ada, &password).await.err(),
            admin.sign_out(&eve, &ada).await.err(),
            admin.unlock(&eve, &ada, UnlockKind::All).await.err(),
            admin.unlock(&eve, &ada, UnlockKind::Lockout).await.err(),
            admin.update(&eve, &ada, named).await.err(),
            admin
                .create_token(&eve, &ada, TokenRequest::default())
                .await
                .err(),
        ];
        for refused in refused {
            assert!(matches!(refused, Some(AdminError::Forbidden { .. })), "{refused:?}");
        }
        let switched = admin.allow_disabling(&eve, false).await;
        assert!(matches!(switched, Err(AdminError::Forbidden { .. })), "{switched:?}");
    }

    fn desk() -> (Arc<dyn Directory>, Admin) {
        let directory: Arc<dyn Directory> =
            Arc::new(SingleProcessDirectory::new(Clock::manual(START)));
        (Arc::clone(&directory), Admin::new(directory))
    }

    async fn person(admin: &Admin, login: &str, is_admin: bool) -> Account {
        let login = Login::new(login).expect("a login");
        let password = crate::domain::password::Password::new("correct horse").expect("long");
        let person = NewPerson::new(login)
            .with_admin(is_admin)
            .with_password(password);
        admin.add(&cli(), person).await.expect("added").account
    }

    fn by(account: &Account) -> Actor {
        actor(account)
    }

    async fn session(directory: &Arc<dyn Directory>, of: &Account, byte: u8) -> Session {
        let new = NewSession {
            key: SessionToken::from_random([byte; 32]).key(),
            account: of.key(),
            expected: None,
            expires_at: START.after(Duration::from_secs(3600)),
            opened_from: None,
            user_agent: None,
            device: None,
            console: false,
        };
        let opened = directory.open_session(new).await.expect("a store");
        opened.expect("signed in")
    }

    async fn actions(admin: &Admin) -> Vec<Action> {
        let query = AuditQuery { account: None, before: None, limit: 100 };
        let mut records = admin.audit(&cli(), query).await.expect("a log");
        records.reverse();
        records.iter().map(|record| record.action).collect()
    }

    #[tokio::test]
    async fn what_changes_nothing_writes_nothing() {
        let (_, admin) = desk();
        let alice = person(&admin, "alice", false).await;
        let (system, target) = (Actor::System, Target::Id(alice.id));
        let lock = |end| admin.lock(&system, &target, end, None);
        let end = End::At(START.after(Duration::from_secs(60)));
        let first = lock(end).await.expect("locked");
        assert!(first.changed);
        let again = lock(end).await.expect("locked already");
        assert!(!again.changed);
        assert_eq!(again.account, first.account);
        let unlock = || admin.unlock(&system, &target, UnlockKind::All);
        assert!(unlock().await.expect("unlocked").changed);
        assert!(!unlock().await.expect("unlocked already").changed);
        let expected = [Action::AccountCreated, Action::AccountLocked, Action::AccountUnlocked];
        assert_eq!(actions(&admin).await, expected);
    }

    #[tokio::test]
    async fn ended_sessions_are_counted_and_stay_dead() {
        let (directory, admin) = desk();
        let alice = person(&admin, "alice", false).await;
        for byte in [1, 2, 3] {
            session(&directory, &alice, byte).await;
        }
        let one = session(&directory, &alice, 4).await.key.id();
        admin.end_session(&cli(), one).await.expect("ended");
        let again = admin.end_session(&cli(), one).await;
        assert!(matches!(again, Err(AdminError::NoSuchSession { .. })));

        let target = Target::from(alice.id);
        assert_eq!(admin.show(&target).await.expect("alice").sessions.len(), 3);
        let locked = admin.lock(&cli(), &target, End::Never, None).await;
        assert_eq!(locked.expect("locked").sessions_ended, Some(3));
        let unlocked = admin.unlock(&cli(), &target, UnlockKind::All).await;
        assert_eq!(unlocked.expect("unlocked").sessions_ended, Some(0));
        assert!(
            admin
                .show(&target)
                .await
                .expect("alice")
                .sessions
                .is_empty()
        );
    }

    /// Two administrators who lock each other at once: one of them is left.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn one_administrator_is_always_left() {
        for _ in 0..20 {
            let (_, admin) = desk();
            let alice = person(&admin, "alice", true).await;
            let bob = person(&admin, "bob", true).await;
            let lock = |actor: Actor, target: AccountId| {
                let admin = admin.clone();
                tokio::spawn(async move {
                    admin
                        .lock(&actor, &target.into(), End::Never, None)
                        .await
                        .is_ok()
                })
            };
            let (one, other) = tokio::join!(lock(by(&alice), bob.id), lock(by(&bob), alice.id));
            let done = [one, other].map(|done| done.expect("no panic"));
            assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
        }
    }

    #[tokio::test]
    async fn the_gate_knows_before_the_operation_returns() {
        let test = TestGate::new().await;
        let alice = test.account("alice").await;
        let admin = Admin::new(Arc::clone(test.gate().directory().expect("a directory")))
            .with_gate(test.gate());
        let status = async || {
            let standing = test.gate().standing(&alice.key()).await;
            standing
                .expect("known")
                .expect("there")
                .status(test.clock().wall())
        };
        assert_eq!(status().await, Status::Active);
        let target = Target::from(alice.id);
        admin
            .lock(&cli(), &target, End::Never, None)
            .await
            .expect("locked");
        assert_eq!(status().await, Status::Locked);
        admin
            .unlock(&cli(), &target, UnlockKind::All)
            .await
            .expect("unlocked");
        assert_eq!(status().await, Status::Active);
    }

    #[tokio::test]
    async fn disabling_waits_for_its_switch() {
        let (_, admin) = desk();
        let alice = person(&admin, "alice", false).await;
        let target = Target::from(alice.id);
        let left = || Reason::try_from("left").expect("a reason");
        let refused = |done| matches!(done, Err(AdminError::DisablingIsOff));
        assert!(refused(admin.disable(&cli(), &target, left()).await));
        assert!(admin.allow_disabling(&cli(), true).await.expect("switched"));
        assert!(
            !admin
                .allow_disabling(&cli(), true)
                .await
                .expect("on already")
        );
        assert!(
            admin
                .disable(&cli(), &target, left())
                .await
                .expect("disabled")
                .changed
        );
        admin
            .allow_disabling(&cli(), false)
            .await
            .expect("switched");
        assert!(refused(admin.enable(&cli(), &target).await), "who is disabled stays so");
        let alice = admin.show(&target).await.expect("alice").account;
        assert_eq!(alice.standing().status(START), Status::Disabled);
    }

    #[tokio::test]
    async fn secrets_are_neither_stored_nor_logged() {
        let (directory, admin) = desk();
        let alice = person(&admin, "alice", true).await;
        let request = TokenRequest { name: "ci".to_owned(), ..TokenRequest::default() };
        let created = admin.create_token(&cli(), &"alice".into(), request).await;
        let created = created.expect("created");
        let query = AuditQuery { account: None, before: None, limit: 100 };
        let log = admin.audit(&cli(), query).await.expect("a log");
        let seen = format!("{log:?} {created:?} {directory:?} {admin:?}");
        let secret = created.secret.expose();
        let hash = directory.password_hash(alice.id).await.expect("a store");
        for secret in [&secret["pct_".len()..], "correct horse", &hash.expect("a hash")] {
            assert!(!seen.contains(secret), "{seen}");
        }
        assert!(
            directory
                .token(created.secret.key())
                .await
                .expect("a store")
                .is_some()
        );
        let id = created.token.key.id();
        admin.revoke_token(&cli(), id).await.expect("revoked");
        assert!(
            directory
                .token(created.secret.key())
                .await
                .expect("a store")
                .is_none()
        );
        let again = admin.revoke_token(&cli(), id).await;
        assert!(matches!(again, Err(AdminError::NoSuchToken { .. })));
    }

    #[tokio::test]
    async fn nobody_is_found_by_the_wrong_name() {
        let (_, admin) = desk();
        person(&admin, "alice", false).await;
        let nobody = [Target::from("2"), Target::from("1"), Target::Id(account(9).id)];
        for target in nobody {
            let locked = admin.lock(&cli(), &target, End::Never, None).await;
            assert!(matches!(locked, Err(AdminError::NotFound { .. })), "{target}");
        }
        let taken = NewPerson::new(Login::new("ALICE").expect("a login"));
        let refused = admin.add(&cli(), taken).await.expect_err("taken");
        assert_eq!(refused.to_string(), "the login alice is taken: choose another");
    }
}
