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
    Facts { account, other_active_admins: 2, devices: &[], now: NOW }
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

pub(super) fn locked(mut account: Account, end: End) -> Account {
    let author = "user:1".to_owned();
    let laid_at = NOW.before(Duration::from_secs(60));
    account.locks.admin_lock = Some(AdminLock { laid_at, end, reason: None, author });
    account
}

pub(super) fn locked_out(mut account: Account) -> Account {
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
    use crate::admin::{NewPerson, TokenRequest, UnlockKind};
    use crate::domain::event::Action;
    use crate::domain::session::SessionToken;
    use crate::domain::standing::Status;
    use crate::store::memory::SingleProcessDirectory;
    use crate::store::{AuditQuery, NewDevice, NewSession};
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

    /// Gives somebody permissions.
    async fn permit(admin: &Admin, account: &Account, may: &[Permission]) -> Account {
        let mut change = PersonChange::default();
        change.permissions(may.iter().copied().collect());
        let permitted = admin.update(&cli(), &account.id.into(), change).await;
        permitted.expect("permitted").account
    }

    /// A person's rights, with a token for these alone.
    fn with_token(account: &Account, scopes: &[&str]) -> Actor {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let rights = Rights::of(account).within(&scopes);
        Actor::Account { id: account.id, login: account.login.clone(), from: None, rights }
    }

    fn asked(scopes: &[&str]) -> TokenRequest {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        TokenRequest { scopes, ..TokenRequest::default() }
    }

    /// Whose it is is asked by the operation itself, and not left to whoever calls it.
    #[tokio::test]
    async fn sessions_are_ended_by_their_owner_and_who_manages_people() {
        let (directory, admin) = desk();
        let (root, ada) = (person(&admin, "root", true).await, person(&admin, "ada", false).await);
        let eve = person(&admin, "eve", false).await;
        let mo = person(&admin, "mo", false).await;
        let mo = permit(&admin, &mo, &[Permission::ManageUsers]).await;
        let mut number = 0;
        let mut end = async |actor: Actor, whose: &Account| {
            number += 1;
            let id = session(&directory, whose, number).await.key.id();
            admin.end_session(&actor, id).await.map(drop)
        };
        assert!(matches!(end(by(&eve), &ada).await, Err(AdminError::Forbidden { .. })));
        assert!(matches!(end(by(&mo), &root).await, Err(AdminError::AdministratorsOnly)));
        let narrow = with_token(&ada, &["users.view"]);
        assert!(matches!(end(narrow, &ada).await, Err(AdminError::OutOfScope { .. })));
        for actor in [by(&ada), by(&mo), by(&root), with_token(&ada, &["*"]), cli(), Actor::System]
        {
            assert!(end(actor.clone(), &ada).await.is_ok(), "{actor:?}");
        }
        assert!(end(by(&root), &root).await.is_ok());
    }

    #[tokio::test]
    async fn tokens_are_for_their_owner_and_who_manages_tokens() {
        let (_, admin) = desk();
        let (root, ada) = (person(&admin, "root", true).await, person(&admin, "ada", false).await);
        let mo = person(&admin, "mo", false).await;
        let eve = permit(&admin, &mo, &[Permission::ManageUsers]).await;
        let tom = person(&admin, "tom", false).await;
        let may = [Permission::ManageTokens, Permission::ViewUsers];
        let tom = permit(&admin, &tom, &may).await;
        let target = |account: &Account| Target::from(account.id);
        let (roots, adas) = (target(&root), target(&ada));
        let new = async |actor: &Actor, owner: &Target, scopes: &[&str]| {
            admin.create_token(actor, owner, asked(scopes)).await
        };
        // Others' are no matter of who manages people, and administrators' of who manages tokens.
        assert!(matches!(new(&by(&eve), &adas, &[]).await, Err(AdminError::Forbidden { .. })));
        let refused = new(&by(&tom), &roots, &["users.view"]).await;
        assert!(matches!(refused, Err(AdminError::AdministratorsOnly)));
        // Nobody gives more than they may, to others or to themselves.
        for (maker, owner, scopes) in [
            (by(&tom), &adas, &["*"][..]),
            (by(&tom), &adas, &[]),
            (by(&tom), &adas, &["users.manage"]),
            (by(&tom), &adas, &["reports:read"]),
            (by(&tom), &target(&tom), &["internal_user_mgt_delete"]),
            (by(&ada), &adas, &["users.view"]),
            (with_token(&tom, &["tokens.manage"]), &target(&tom), &["users.view"]),
            (with_token(&tom, &["tokens.manage"]), &target(&tom), &[]),
        ] {
            let refused = new(&maker, owner, scopes).await;
            assert!(matches!(refused, Err(AdminError::BeyondMaker { .. })), "{maker:?} {scopes:?}");
        }
        // A token that is for less makes none that outlives it.
        let narrow = with_token(&ada, &["users.view"]);
        assert!(matches!(new(&narrow, &adas, &[]).await, Err(AdminError::OutOfScope { .. })));
        for (maker, owner, scopes) in [
            (by(&ada), &adas, &[][..]),
            (by(&ada), &adas, &["reports:read"]),
            (by(&tom), &adas, &["internal_user_mgt_list"]),
            (by(&root), &adas, &[]),
            (by(&root), &roots, &["users.manage"]),
            (cli(), &adas, &["users.manage"]),
        ] {
            let made = new(&maker, owner, scopes)
                .await
                .expect("made")
                .token
                .key
                .id();
            let strangers = admin.revoke_token(&by(&eve), made).await;
            assert!(matches!(strangers, Err(AdminError::Forbidden { .. })));
            let managers = admin.revoke_token(&by(&tom), made).await;
            assert_eq!(managers.is_ok(), owner != &roots, "administrators' are theirs");
        }
        let own = new(&by(&ada), &adas, &[])
            .await
            .expect("made")
            .token
            .key
            .id();
        let list =
            async |actor: &Actor, owner| admin.tokens(actor, owner).await.map(|all| all.len());
        assert_eq!(list(&by(&ada), Some(&adas)).await.ok(), Some(1));
        assert!(
            list(&by(&ada), Some(&roots)).await.is_err() && list(&by(&ada), None).await.is_err()
        );
        assert!(
            list(&by(&eve), Some(&adas)).await.is_err()
                && list(&narrow, Some(&adas)).await.is_err()
        );
        assert_eq!(list(&by(&tom), None).await.ok(), Some(2));
        assert!(admin.revoke_token(&by(&ada), own).await.is_ok());
    }

    #[tokio::test]
    async fn devices_are_forgotten_by_their_owner_and_who_manages_people() {
        let (directory, admin) = desk();
        let (ada, eve) = (person(&admin, "ada", false).await, person(&admin, "eve", false).await);
        let mut number = 0;
        let mut forget = async |actor: Actor| {
            number += 1;
            let id = crate::domain::device::DeviceId::from_random([number; 8]);
            let key = SessionToken::from_random([number; 32]).key();
            let device = NewDevice { known: None, past_lockout: false, fresh: id, key };
            let new = NewSession {
                key,
                account: ada.key(),
                expected: None,
                expires_at: START.after(Duration::from_secs(3600)),
                opened_from: None,
                user_agent: None,
                device: Some(device),
            };
            directory
                .open_session(new)
                .await
                .expect("a store")
                .expect("signed in");
            let done = admin
                .forget_device(&actor, &ada.id.into(), id)
                .await
                .map(drop);
            let known = directory
                .device(ada.id, id)
                .await
                .expect("a store")
                .is_some();
            assert_eq!(known, done.is_err());
            done
        };
        assert!(matches!(forget(by(&eve)).await, Err(AdminError::Forbidden { .. })));
        assert!(forget(by(&ada)).await.is_ok() && forget(cli()).await.is_ok());
        let gone = crate::domain::device::DeviceId::from_random([99; 8]);
        let again = admin.forget_device(&cli(), &ada.id.into(), gone).await;
        assert!(matches!(again, Err(AdminError::NoSuchDevice { .. })));
    }

    /// Each of the permissions beside the users' is for its own, and for no other.
    #[tokio::test]
    async fn the_log_and_the_settings_have_permissions_of_their_own() {
        let (_, admin) = desk();
        let mut allowed = Vec::new();
        for permission in Permission::ALL {
            let somebody = person(&admin, &permission.as_str().replace('.', "-"), false).await;
            let actor = by(&permit(&admin, &somebody, &[permission]).await);
            let query = AuditQuery { account: None, before: None, limit: 1 };
            let done = [
                admin.audit(&actor, query).await.is_ok(),
                admin.verify_audit(&actor).await.is_ok(),
                admin.settings(&actor).await.is_ok(),
                admin.allow_disabling(&actor, true).await.is_ok(),
                admin.applications(&actor).await.is_ok(),
            ];
            admin
                .allow_disabling(&cli(), false)
                .await
                .expect("a setting");
            allowed.push((permission, done.map(u8::from)));
        }
        let expected = [
            (Permission::ViewUsers, [0, 0, 1, 0, 0]),
            (Permission::UnlockUsers, [0, 0, 1, 0, 0]),
            (Permission::ManageUsers, [0, 0, 1, 0, 0]),
            (Permission::ManageSettings, [0, 0, 1, 1, 0]),
            (Permission::ViewAudit, [1, 1, 0, 0, 0]),
            (Permission::ManageTokens, [0, 0, 0, 0, 1]),
            (Permission::ReadMetrics, [0, 0, 0, 0, 0]),
        ];
        assert_eq!(allowed, expected);
        let root = by(&person(&admin, "root", true).await);
        assert!(admin.settings(&root).await.is_ok() && admin.verify_audit(&root).await.is_ok());
    }

    /// What changes nothing is not written, and a removed application is gone.
    #[tokio::test]
    async fn an_application_is_administered() {
        let (_, admin) = desk();
        let words = |scopes: &[&str]| scopes.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let add = async |name: &str, scopes: &[&str]| {
            admin.add_application(&cli(), name, words(scopes)).await
        };
        assert!(matches!(add("hr", &[]).await, Err(AdminError::NoScope)));
        assert!(matches!(add("hr", &["Users"]).await, Err(AdminError::InvalidScope { .. })));
        for name in ["", "  ", "h\u{1b}[2J", &"x".repeat(101)] {
            assert!(
                matches!(add(name, &["*"]).await, Err(AdminError::InvalidName { .. })),
                "{name}"
            );
        }
        let many: Vec<String> = (0..101).map(|n| format!("reports:{n}")).collect();
        let many = admin.add_application(&cli(), "hr", many).await;
        assert!(matches!(many, Err(AdminError::TooManyScopes { .. })));
        let made = add(" hr ", &["users.view", "users.view"])
            .await
            .expect("made");
        let id = made.application.id;
        assert_eq!((made.application.name.as_str(), made.application.scopes.len()), ("hr", 1));
        let enable = async |on| {
            admin
                .enable_application(&cli(), id, on)
                .await
                .expect("done")
                .1
        };
        assert_eq!(
            [enable(true).await, enable(false).await, enable(false).await],
            [false, true, false]
        );
        let out = admin.create_application_token(&cli(), id, asked(&[])).await;
        assert!(matches!(out, Err(AdminError::ApplicationDisabled { .. })));
        assert!(enable(true).await);
        let beyond = admin
            .create_application_token(&cli(), id, asked(&["users.manage"]))
            .await;
        assert!(matches!(beyond, Err(AdminError::BeyondApplication { .. })));
        let token = admin
            .create_application_token(&cli(), id, asked(&[]))
            .await
            .expect("made");
        assert_eq!((token.token.scopes, token.token.expires_at), (words(&["users.view"]), None));
        assert_eq!(
            admin
                .application_tokens(&cli(), id)
                .await
                .expect("a list")
                .len(),
            1
        );
        admin
            .revoke_token(&cli(), token.token.key.id())
            .await
            .expect("revoked");
        let scope = async |scopes: &[&str]| {
            admin
                .scope_application(&cli(), id, words(scopes))
                .await
                .expect("done")
                .1
        };
        assert_eq!([scope(&["users.view"]).await, scope(&["*"]).await], [false, true]);
        admin.rotate_secret(&cli(), id).await.expect("rotated");
        admin.remove_application(&cli(), id).await.expect("removed");
        for gone in [
            admin.application(&cli(), id).await.map(drop),
            admin.rotate_secret(&cli(), id).await.map(drop),
            admin.enable_application(&cli(), id, true).await.map(drop),
            admin.remove_application(&cli(), id).await.map(drop),
            admin
                .create_application_token(&cli(), id, asked(&[]))
                .await
                .map(drop),
        ] {
            assert!(matches!(gone, Err(AdminError::NoSuchApplication { .. })), "{gone:?}");
        }
        let expected = [
            Action::ApplicationCreated,
            Action::ApplicationDisabled,
            Action::ApplicationEnabled,
            Action::TokenCreated,
            Action::TokenRevoked,
            Action::ApplicationScopesChanged,
            Action::ApplicationSecretRotated,
            Action::ApplicationRemoved,
        ];
        assert_eq!(actions(&admin).await, expected);
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
