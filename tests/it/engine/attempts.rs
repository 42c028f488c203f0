//! Attempts to sign in, through the gate.

use std::collections::HashMap;

use portcullis::admin::UnlockKind;
use portcullis::domain::denial::LockKind;
use portcullis::domain::password::Password;
use portcullis::engine::passwords::Passwords;
use portcullis::store::memory::SingleProcessAttempts;
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{AuditQuery, Edit, Facts, PasswordEdit, SessionStore};
use portcullis::{Attempt, LockoutPolicy, SignInError};

use super::faulty::Mood;
use super::*;

pub(super) const PASSWORD: &str = "correct horse battery";
pub(super) const LOCKED_FOR: Duration = Duration::from_secs(300);

pub(super) fn limit(limit: u32) -> LockoutPolicy {
    let policy = LockoutPolicy::after(limit).lasting(LOCKED_FOR).build();
    policy.expect("a policy")
}

async fn house(guesses: u32) -> House {
    House::with(|builder| builder.lockout(limit(guesses))).await
}

pub(super) async fn attempt(gate: &Portcullis, login: &str) -> Result<Attempt, SignInError> {
    gate.attempt(login, HERE).await
}

pub(super) async fn fail(gate: &Portcullis, login: &str) -> Result<u32, SignInError> {
    Ok(attempt(gate, login).await?.fail().await?.remaining())
}

pub(super) async fn with_password(house: &House, login: &str) -> Account {
    let password = Password::new(PASSWORD).expect("a password");
    let hash = Passwords::new().hash(&password).await.expect("hashed");
    person(&house.directory, login, Some(hash)).await
}

pub(super) fn locked_out() -> SignInError {
    SignInError::LockedOut { end: End::At(START.after(LOCKED_FOR)), at: START }
}

pub(super) async fn account(house: &House, account: &Account) -> Account {
    house
        .directory
        .account(account.id)
        .await
        .expect("it answers")
        .expect("an account")
}

async fn unlock(house: &House, account: &Account) {
    let unlocked = house
        .admin
        .unlock(&Actor::System, &account.id.into(), UnlockKind::All)
        .await;
    assert!(unlocked.expect("an account").changed);
}

/// A thousand at once: so many get through, and the others are told to wait.
async fn a_thousand_at_once(gate: &Portcullis, login: &'static str) {
    let many = (0..1000).map(|_| {
        let gate = gate.clone();
        tokio::spawn(async move { attempt(&gate, login).await })
    });
    let mut granted = Vec::new();
    let mut refused: HashMap<&str, usize> = HashMap::new();
    for one in many.collect::<Vec<_>>() {
        match one.await.expect("it runs") {
            Ok(attempt) => granted.push(attempt),
            Err(error) => *refused.entry(error.as_str()).or_default() += 1,
        }
    }
    assert_eq!(granted.len(), 5, "{refused:?}");
    assert_eq!(refused, HashMap::from([("too-many-at-once", 995)]));

    // None of them says how it went: that is five failures.
    drop(granted);
    let locked =
        || async { matches!(attempt(gate, login).await, Err(SignInError::LockedOut { .. })) };
    eventually("dropped attempts count", Duration::from_secs(5), locked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_so_many_guesses_in_memory() {
    let gate = Portcullis::in_memory().await.expect("a gate");
    let directory = Arc::clone(gate.directory().expect("it was just made"));
    person(&*directory, "alice", None).await;
    a_thousand_at_once(&gate, "alice").await;
    a_thousand_at_once(&gate, "nobody").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_so_many_guesses_in_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = SqlDirectory::open(folder.path().join("accounts.db"))
        .await
        .expect("opened");
    let builder = Portcullis::builder()
        .attempts(directory.attempts())
        .directory(directory);
    let gate = builder
        .store_timeout(Duration::from_secs(60))
        .build()
        .await
        .expect("a gate");
    let directory = Arc::clone(gate.directory().expect("it was just given"));
    let alice = person(&*directory, "alice", None).await;
    a_thousand_at_once(&gate, "alice").await;
    let stored = directory
        .account(alice.id)
        .await
        .expect("it answers")
        .expect("an account");
    assert!(stored.locks.lockout.is_some(), "whoever meets a lockout writes it");
    a_thousand_at_once(&gate, "nobody").await;
}

#[tokio::test]
async fn the_lockout_is_written_before_anybody_is_told() {
    let house = house(2).await;
    let alice = house.account("alice").await;
    let session = sign_in(&house.gate, &alice).await;
    assert!(visit(&house.gate, &session).await.is_ok());
    assert_eq!(fail(&house.gate, "alice").await, Ok(1));
    assert_eq!(account(&house, &alice).await.locks.lockout, None);

    assert_eq!(fail(&house.gate, "alice").await, Ok(0));
    let lockout = account(&house, &alice)
        .await
        .locks
        .lockout
        .expect("written");
    assert_eq!((lockout.failures, lockout.laid_at), (2, START));
    let query = AuditQuery { account: Some(alice.id), before: None, limit: 1 };
    let newest = house
        .directory
        .audit(query)
        .await
        .expect("it answers")
        .remove(0);
    assert_eq!((newest.action, newest.actor.as_str()), (Action::AccountLockedOut, "engine"));
    assert_eq!(newest.reason.as_deref(), Some("2 failed sign-ins"));
    let denied = visit(&house.gate, &session).await;
    assert!(is_locked(&denied));
    assert!(!denied.expect_err("locked out").session_is_dead(), "it resumes");
    assert_eq!(attempt(&house.gate, "alice").await.err(), Some(locked_out()));

    let changes = house.directory.asked("change");
    assert_eq!(attempt(&house.gate, "alice").await.err(), Some(locked_out()));
    assert_eq!(house.directory.asked("change"), changes, "and written once");
    house.clock.advance(LOCKED_FOR);
    let resumed = || async { visit(&house.gate, &session).await.is_ok() };
    eventually("it resumes", Duration::from_secs(2), resumed).await;
}

#[tokio::test]
async fn who_meets_a_lockout_that_is_not_written_writes_it() {
    let house = house(1).await;
    let alice = house.account("alice").await;
    house.directory.set_only("change", Mood::Failing);
    assert_eq!(fail(&house.gate, "alice").await, Err(SignInError::Unavailable));
    assert_eq!(attempt(&house.gate, "alice").await.err(), Some(SignInError::Unavailable));
    house.directory.set(Mood::Well);
    assert_eq!(account(&house, &alice).await.locks.lockout, None);
    assert_eq!(attempt(&house.gate, "alice").await.err(), Some(locked_out()));
    assert!(account(&house, &alice).await.locks.lockout.is_some());
}

#[tokio::test]
async fn an_unlock_forgets_and_what_was_under_way_changes_nothing() {
    let house = house(3).await;
    let alice = house.account("alice").await;
    assert_eq!(fail(&house.gate, "alice").await, Ok(2));
    let (late, later) = (attempt(&house.gate, "alice").await, attempt(&house.gate, "alice").await);
    house.lock(&alice).await;
    unlock(&house, &alice).await;
    assert_eq!(account(&house, &alice).await.attempts_generation, 1);
    assert_eq!(fail(&house.gate, "alice").await, Ok(2), "the failures are forgotten");
    late.expect("reserved before")
        .fail()
        .await
        .expect("it answers");
    assert_eq!(fail(&house.gate, "alice").await, Ok(1), "the late one did not count");
    let later = later.expect("reserved before").succeed(alice.id).await;
    assert_eq!(later.err(), Some(SignInError::Wrong), "of an older generation");
    assert_eq!(fail(&house.gate, "alice").await, Ok(0), "nor did it clear");
    assert!(account(&house, &alice).await.locks.lockout.is_some());
    unlock(&house, &alice).await;
    assert_eq!(account(&house, &alice).await.locks.lockout, None);
    assert_eq!(fail(&house.gate, "alice").await, Ok(2));
}

#[tokio::test]
async fn a_success_clears() {
    let house = house(3).await;
    let alice = house.account("alice").await;
    assert_eq!(fail(&house.gate, "alice").await, Ok(2));
    assert_eq!(fail(&house.gate, " ALICE ").await, Ok(1), "one account, however it is spelled");
    let attempt = attempt(&house.gate, "alice")
        .await
        .expect("a guess is left");
    let signed_in = attempt.succeed(alice.id).await.expect("signed in");
    assert!(visit(&house.gate, &signed_in).await.is_ok());
    assert_eq!(fail(&house.gate, "alice").await, Ok(2));
}

async fn new_password(house: &House, account: &Account, password: &str) {
    let password = Password::new(password).expect("a password");
    let set = house
        .admin
        .set_password(&Actor::System, &account.id.into(), &password)
        .await;
    set.expect("an account");
}

#[tokio::test]
async fn the_old_password_opens_nothing_once_there_is_a_new_one() {
    let house = house(3).await;
    let alice = with_password(&house, "alice").await;
    assert_eq!(fail(&house.gate, "alice").await, Ok(2));
    let (late, later) = (attempt(&house.gate, "alice").await, attempt(&house.gate, "alice").await);
    // Both were found right before the new one was set.
    new_password(&house, &alice, "four words of hers").await;
    let late = late.expect("a guess").succeed(alice.id).await;
    assert_eq!(late.err(), Some(SignInError::Wrong));
    let later = later.expect("a guess").succeed_elsewhere(alice.id).await;
    assert_eq!(later.err(), Some(SignInError::Wrong));
    let sessions = house.directory.sessions_of(alice.key()).await;
    assert_eq!(sessions.expect("it answers"), []);
    assert_eq!(house.directory.devices(alice.id).await.expect("it answers"), []);
    assert_eq!(fail(&house.gate, "alice").await, Ok(1), "nothing was counted or cleared");

    let anew = attempt(&house.gate, "alice").await.expect("a guess");
    let signed_in = anew.check_password("four words of hers").await;
    assert!(visit(&house.gate, &signed_in.expect("right")).await.is_ok());
}

/// The new one comes after the old hash was read: before the standing is, or the
/// session is opened.
#[tokio::test]
async fn a_sign_in_that_a_new_password_overtakes_opens_no_session() {
    for step in ["account", "open_session"] {
        let house = Arc::new(house(3).await);
        let alice = with_password(&house, "alice").await;
        let old = attempt(&house.gate, "alice").await.expect("a guess");
        let (other, account) = (Arc::clone(&house), alice.clone());
        house.directory.before_next(step, async move {
            new_password(&other, &account, "four words of hers").await;
        });
        let answer = old.check_password(PASSWORD).await.map(|_| ());
        assert_eq!(answer, Err(SignInError::Wrong), "{step}");
        let sessions = house.directory.sessions_of(alice.key()).await;
        assert_eq!(sessions.expect("it answers"), [], "{step}");
        let now = self::account(&house, &alice).await;
        assert_eq!(now.generation, alice.generation.next(), "it was set meanwhile");
    }
}

#[tokio::test]
async fn who_does_not_exist_is_counted_the_same_way() {
    let house = house(2).await;
    with_password(&house, "alice").await;
    for login in ["alice", "nobody"] {
        let checked = house.gate.passwords_checked();
        let mut answers = Vec::new();
        for _ in 0..4 {
            let answer = match attempt(&house.gate, login).await {
                Ok(attempt) => attempt.check_password("wrong").await.map(|_| ()),
                Err(error) => Err(error),
            };
            answers.push(answer.expect_err("wrong"));
        }
        let wrong = SignInError::Wrong;
        assert_eq!(answers, [wrong, wrong, locked_out(), locked_out()], "{login}");
        assert_eq!(house.gate.passwords_checked() - checked, 2, "{login}: the same work");
    }
}

#[tokio::test]
async fn the_right_password_of_a_locked_account_is_neither_counted_nor_cleared() {
    let house = house(3).await;
    let alice = with_password(&house, "alice").await;
    assert_eq!(fail(&house.gate, "alice").await, Ok(2));
    house.lock(&alice).await;
    for _ in 0..5 {
        let attempt = attempt(&house.gate, "alice")
            .await
            .expect("nothing is counted");
        let refused = attempt.check_password(PASSWORD).await.expect_err("locked");
        let reason = DenialReason::Locked { by: LockKind::Admin, end: End::Never };
        assert_eq!(refused, SignInError::Refused { reason, at: START });
    }
    let wrong = attempt(&house.gate, "alice")
        .await
        .expect("a guess is left");
    let wrong = wrong.check_password("wrong").await.map(|_| ());
    assert_eq!(wrong, Err(SignInError::Wrong), "as of any account");
    assert_eq!(fail(&house.gate, "alice").await, Ok(0), "the third of three");
    let sessions = house
        .directory
        .sessions_of(alice.key())
        .await
        .expect("it answers");
    assert!(sessions.is_empty());
}

#[tokio::test]
async fn no_session_is_opened_for_who_may_not_sign_in() {
    let house = house(1).await;
    let (alice, bob) = (house.account("alice").await, house.account("bob").await);
    house.lock(&alice).await;
    let refused = house
        .gate
        .open_session(alice.id, None)
        .await
        .expect_err("locked");
    assert_eq!(refused.as_str(), "account-locked");
    fail(&house.gate, "bob").await.expect("it answers");
    let refused = house
        .gate
        .open_session(bob.id, None)
        .await
        .expect_err("locked out");
    assert_eq!(refused, locked_out());
}

#[tokio::test]
async fn a_directory_that_fails_costs_nobody_a_guess() {
    let house = house(2).await;
    let alice = with_password(&house, "alice").await;
    for (method, password) in
        [("password_hash", "wrong"), ("password_hash", PASSWORD), ("account", PASSWORD)]
    {
        for _ in 0..3 {
            let attempt = attempt(&house.gate, "alice")
                .await
                .expect("nothing is counted");
            house.directory.set_only(method, Mood::Failing);
            let answer = attempt.check_password(password).await.map(|_| ());
            assert_eq!(answer, Err(SignInError::Unavailable), "{method}");
            house.directory.set(Mood::Well);
        }
    }
    assert_eq!(fail(&house.gate, "alice").await, Ok(1));
    assert_eq!(account(&house, &alice).await.locks.lockout, None);
}

/// As after a restart of a service that counts in its memory.
#[tokio::test]
async fn a_lockout_that_only_the_directory_knows_lets_no_guess_through() {
    let house = house(1).await;
    let alice = with_password(&house, "alice").await;
    fail(&house.gate, "alice").await.expect("it answers");
    let restarted = Portcullis::builder()
        .directory(house.directory.clone())
        .attempts(SingleProcessAttempts::new(house.clock.clone()))
        .lockout(limit(1));
    let restarted = restarted.build().await.expect("a gate");
    for _ in 0..3 {
        assert_eq!(attempt(&restarted, "alice").await.err(), Some(locked_out()));
    }
    house.clock.advance(LOCKED_FOR);
    let attempt = attempt(&restarted, "alice").await.expect("it is over");
    assert!(attempt.check_password(PASSWORD).await.is_ok());
    assert!(account(&house, &alice).await.locks.lockout.is_some(), "kept, and over");
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let house = house(3).await;
    with_password(&house, "alice").await;
    let attempt = attempt(&house.gate, "alice").await.expect("a guess");
    let printed = format!("{attempt:?} {attempt:#?}");
    assert!(!printed.contains("argon2") && !printed.contains("alice"), "{printed}");
    let signed_in = attempt.check_password(PASSWORD).await.expect("right");
    let token = signed_in.token().expose();
    assert!(
        signed_in
            .set_cookie()
            .to_str()
            .expect("text")
            .contains(token)
    );
    let key = signed_in.session().key.to_hex();
    for printed in [format!("{signed_in:?}"), format!("{signed_in:#?}")] {
        assert!(!printed.contains(token) && !printed.contains(&key), "{printed}");
    }
    assert!(!format!("{:?}", signed_in.set_cookie()).contains(token));
}

#[tokio::test]
async fn a_session_remembers_the_program_that_opened_it() {
    let house = house(5).await;
    let alice = with_password(&house, "alice").await;
    let attempt = attempt(&house.gate, "alice").await.expect("a guess");
    let long = format!("curl/8\u{1b}[2J {}", "x".repeat(500));
    let signed_in = attempt
        .by_program(&long)
        .check_password(PASSWORD)
        .await
        .expect("right");
    let kept = signed_in.session().user_agent.clone().expect("kept");
    assert!(kept.starts_with("curl/8[2J x") && kept.chars().count() == 200, "{kept}");
    let listed = house
        .directory
        .sessions_of(alice.key())
        .await
        .expect("answers");
    assert_eq!(listed[0].user_agent, Some(kept));
}

/// A hash that came from another system: checked by its own algorithm, and ours after the
/// first sign-in that succeeds. Nobody is signed out by that.
#[tokio::test]
async fn an_imported_hash_is_made_our_own_at_the_first_sign_in() {
    let house = house(3).await;
    let alice = with_password(&house, "alice").await;
    // Of "passwordPASSWORDpassword".
    let foreign = "$pbkdf2-sha256$i=4096,l=40$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0\
                   $NIyJ28vTKy8y2BS4EW6EzysXNH68GAAYHE4qH7jdU+HGNVGMfaxH6Q";
    let imported = |facts: Facts<'_>| {
        let account = facts.account.clone();
        let note = Note {
            actor: "cli:root".to_owned(),
            action: Action::PasswordSet,
            reason: None,
            from: None,
        };
        Some(Edit { account, password_hash: Some(PasswordEdit::Set(foreign.to_owned())), note })
    };
    house
        .directory
        .change(alice.id, Box::new(imported))
        .await
        .expect("it answers");
    let wrong = attempt(&house.gate, "alice").await.expect("a guess");
    let wrong = wrong.check_password(PASSWORD).await.map(|_| ());
    assert_eq!(wrong, Err(SignInError::Wrong));
    let stored = house
        .directory
        .password_hash(alice.id)
        .await
        .expect("it answers");
    assert_eq!(stored.as_deref(), Some(foreign), "a wrong one changes nothing");
    for _ in 0..2 {
        let right = attempt(&house.gate, "alice").await.expect("a guess");
        let signed_in = right
            .check_password("passwordPASSWORDpassword")
            .await
            .expect("right");
        assert!(visit(&house.gate, &signed_in).await.is_ok(), "and nobody is signed out");
        let stored = house
            .directory
            .password_hash(alice.id)
            .await
            .expect("it answers");
        assert!(
            stored
                .expect("a hash")
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
        );
    }
    let now = account(&house, &alice).await;
    assert_eq!(now.generation, alice.generation);
    assert_eq!(now.version, alice.version.next().next(), "it was written once");
}
