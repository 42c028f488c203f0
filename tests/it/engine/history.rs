//! What is remembered of attempts: each once, as it ended, whoever's login it was.

use portcullis::admin::UnlockKind;
use portcullis::domain::client::TrustedProxies;
use portcullis::domain::history::{AttemptEnd, PastAttempt};
use portcullis::store::HistoryQuery;
use portcullis::store::sql::SqlDirectory;
use portcullis::{LockoutPolicy, SignInError, Visitor};

use super::attempts::{PASSWORD, attempt, limit, with_password};
use super::devices::{browser_from, device_cookie};
use super::faulty::Mood;
use super::*;

async fn house() -> House {
    House::with(|builder| builder.lockout(limit(2))).await
}

/// All that is remembered, oldest first.
async fn told(gate: &Portcullis) -> Vec<PastAttempt> {
    gate.write_attempts().await.expect("a store");
    let query = HistoryQuery { oldest_first: true, limit: 1000, ..HistoryQuery::default() };
    let directory = gate.directory().expect("a directory");
    let found = directory.history().attempts(query).await.expect("a store");
    found.into_iter().map(|one| one.attempt).collect()
}

async fn ends(gate: &Portcullis) -> Vec<AttemptEnd> {
    told(gate).await.into_iter().map(|one| one.end).collect()
}

#[tokio::test]
async fn every_attempt_is_remembered_once_as_it_ended() {
    let house = house().await;
    let gate = &house.gate;
    let alice = with_password(&house, "alice").await;
    let check = async |password| attempt(gate, "alice").await?.check_password(password).await;
    check(PASSWORD).await.expect("right");
    attempt(gate, "alice")
        .await
        .expect("a guess")
        .pass_factor()
        .await
        .expect("passed");
    attempt(gate, "alice")
        .await
        .expect("a guess")
        .verify_password(PASSWORD)
        .await
        .expect("right");
    attempt(gate, "alice")
        .await
        .expect("a guess")
        .withdraw()
        .await
        .expect("withdrawn");
    check("").await.expect_err("nothing was guessed");
    check("wrong").await.expect_err("wrong");
    check("wronger").await.expect_err("wrong");
    check(PASSWORD).await.expect_err("locked out");
    house
        .admin
        .unlock(&Actor::System, &alice.id.into(), UnlockKind::All)
        .await
        .expect("unlocked");
    house.lock(&alice).await;
    let refused = check(PASSWORD).await.expect_err("locked");
    assert!(matches!(refused, SignInError::Refused { .. }), "{refused:?}");
    use AttemptEnd::{LockedOut, Passed, Refused, Succeeded, Wrong};
    assert_eq!(ends(gate).await, [Succeeded, Passed, Passed, Wrong, Wrong, LockedOut, Refused]);
    for one in told(gate).await {
        assert_eq!((one.account, one.from), (Some(alice.id), Some(HERE.into())), "{one:?}");
    }
}

#[tokio::test]
async fn who_hangs_up_has_failed_and_who_is_one_too_many_is_busy() {
    let house = house().await;
    let gate = &house.gate;
    house.account("alice").await;
    let (one, two) = (attempt(gate, "alice").await, attempt(gate, "alice").await);
    let busy = attempt(gate, "alice").await.expect_err("no slot is left");
    assert_eq!(busy, SignInError::Busy);
    drop((one, two));
    assert_eq!(ends(gate).await, [AttemptEnd::Busy, AttemptEnd::Wrong, AttemptEnd::Wrong]);
}

#[tokio::test]
async fn a_login_that_is_nobodys_is_remembered_the_same_way_and_never_in_clear() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("accounts.db");
    let directory = SqlDirectory::open(&file).await.expect("a directory");
    let gate = Portcullis::builder()
        .directory(directory)
        .build()
        .await
        .expect("a gate");
    for login in ["hunter2-typed-here", "Hunter2-Typed-Here", "another"] {
        attempt(&gate, login)
            .await
            .expect("a guess")
            .fail_with("sesame-open")
            .await
            .expect("counted");
    }
    let told = told(&gate).await;
    let [first, spelled, other] = &told[..] else { panic!("{told:?}") };
    assert_eq!((first.account, first.end), (None, AttemptEnd::Wrong));
    assert_eq!(first.login, spelled.login, "one login in two spellings");
    assert_ne!(first.login, other.login);
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        kept.extend(std::fs::read(entry.expect("a file").path()).expect("its bytes"));
    }
    let kept = String::from_utf8_lossy(&kept).to_lowercase();
    assert!(kept.contains("attempt_history"), "the files are read");
    assert!(!kept.contains("hunter2") && !kept.contains("sesame"));
}

#[tokio::test]
async fn the_same_wrong_password_has_the_same_mark() {
    let house = House::with(|builder| builder.lockout(LockoutPolicy::balanced())).await;
    house.account("alice").await;
    for password in ["one", "two", "one"] {
        let guess = attempt(&house.gate, "alice").await.expect("a guess");
        guess.fail_with(password).await.expect("counted");
    }
    let marks: Vec<_> = told(&house.gate).await.iter().map(|one| one.mark).collect();
    assert!(marks[0].is_some() && marks[0] == marks[2] && marks[0] != marks[1], "{marks:?}");
}

#[tokio::test]
async fn a_known_device_is_named_and_a_go_between_is_not_where_it_came_from() {
    let proxies = TrustedProxies::new(["192.0.2.1/32".parse().expect("a network")]);
    let house = House::with(|builder| builder.trusted_proxies(proxies)).await;
    let gate = &house.gate;
    let alice = house.account("alice").await;
    let first = gate
        .attempt("alice", browser_from("198.51.100.7", ""))
        .await
        .expect("a guess");
    let session = first.succeed(alice.id).await.expect("signed in");
    let on_device = browser_from("198.51.100.8", &device_cookie(&session));
    let _ = gate
        .attempt("alice", on_device)
        .await
        .expect("a guess")
        .fail()
        .await;
    let through = Visitor::from(HERE).through_a_go_between();
    let _ = gate
        .attempt("alice", through)
        .await
        .expect("a guess")
        .fail()
        .await;
    let proxy = Visitor::from("192.0.2.1".parse::<IpAddr>().expect("an address"));
    let _ = gate
        .attempt("alice", proxy)
        .await
        .expect("a guess")
        .fail()
        .await;
    let told = told(gate).await;
    let from: Vec<_> = told
        .iter()
        .map(|one| one.from.map(|from| from.to_string()))
        .collect();
    assert_eq!(
        from,
        [Some("198.51.100.7".to_owned()), Some("198.51.100.8".to_owned()), None, None]
    );
    let known: Vec<_> = told.iter().map(|one| one.device.is_some()).collect();
    assert_eq!(known, [false, true, false, false]);
}

#[tokio::test]
async fn what_a_store_did_not_take_is_written_once_it_answers() {
    let house = house().await;
    house.account("alice").await;
    house.directory.set_only("remember", Mood::Failing);
    let _ = attempt(&house.gate, "alice")
        .await
        .expect("a guess")
        .fail()
        .await;
    house
        .gate
        .write_attempts()
        .await
        .expect_err("the store fails");
    house.directory.set(Mood::Well);
    assert_eq!(ends(&house.gate).await, [AttemptEnd::Wrong]);
    assert_eq!(ends(&house.gate).await, [AttemptEnd::Wrong], "and once");
}

#[tokio::test]
async fn attempts_are_written_by_themselves() {
    let house = house().await;
    house.account("alice").await;
    let _ = attempt(&house.gate, "alice")
        .await
        .expect("a guess")
        .fail()
        .await;
    let query = HistoryQuery { limit: 9, ..HistoryQuery::default() };
    let written = async || {
        house
            .directory
            .history()
            .attempts(query)
            .await
            .expect("a store")
            .len()
    };
    for _ in 0..500 {
        if written().await == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not written within ten seconds");
}

#[tokio::test]
async fn a_gate_that_shall_remember_none_remembers_none() {
    for (keep, most) in [(Duration::ZERO, 9), (Duration::from_secs(9), 0)] {
        let house = House::with(|builder| builder.remember_attempts(keep, most)).await;
        house.account("alice").await;
        let _ = attempt(&house.gate, "alice")
            .await
            .expect("a guess")
            .fail()
            .await;
        assert_eq!(ends(&house.gate).await, []);
    }
}
