use std::net::IpAddr;

use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::domain::login::TypedLogin;
use crate::domain::time::Clock;
use crate::store::keyring::Keyring;
use crate::store::memory::SingleProcessAttempts;
use crate::store::{AttemptStore, Counter};

fn policy(words: &str) -> LockoutPolicy {
    words
        .parse()
        .unwrap_or_else(|error| panic!("{words}: {error}"))
}

fn wrong(secs: i64, login: &str) -> Past {
    Past {
        at: Timestamp::from_secs(secs),
        who: who(login),
        address: Some(address(7)),
        success: false,
        device: None,
        mark: None,
    }
}

fn good(secs: i64, login: &str) -> Past {
    Past { success: true, ..wrong(secs, login) }
}

fn who(login: &str) -> Option<Who> {
    let number = login
        .bytes()
        .fold(0, |number, byte| number << 8 | u64::from(byte));
    Some(Who(number)).filter(|_| !login.is_empty())
}

fn address(last: u8) -> ClientAddr {
    IpAddr::from([192, 0, 2, last]).into()
}

/// Whether each would have been checked, and which lockouts each laid.
fn tried(words: &str, attempts: &[Past]) -> Vec<(bool, usize)> {
    let mut trial = Trial::of(&policy(words));
    let each = attempts.iter().map(|attempt| {
        let tried = trial.make(attempt);
        (tried.checked, tried.laid.len())
    });
    each.collect()
}

fn checked(words: &str, attempts: &[Past]) -> Vec<bool> {
    tried(words, attempts)
        .into_iter()
        .map(|(checked, _)| checked)
        .collect()
}

#[test]
fn the_fifth_wrong_guess_locks_and_the_lock_ends() {
    let mut log: Vec<_> = (0..6).map(|secs| wrong(secs, "anna")).collect();
    log.extend([good(10, "anna"), good(10, "bela"), good(304, "anna"), wrong(305, "anna")]);
    let expected = [
        (true, 0),
        (true, 0),
        (true, 0),
        (true, 0),
        (true, 1),
        (false, 0),
        (false, 0),
        (true, 0),
        (true, 0),
        (true, 0),
    ];
    assert_eq!(tried("balanced", &log), expected);
    assert_eq!(checked("off", &log), [true; 10]);
}

#[test]
fn a_success_clears_what_was_counted() {
    let log: Vec<_> = (0..20)
        .map(|secs| if secs % 5 == 4 { good(secs, "anna") } else { wrong(secs, "anna") })
        .collect();
    assert_eq!(checked("balanced", &log), [true; 20]);
}

#[test]
fn the_same_wrong_password_again_is_no_guess() {
    let with = |secs, mark: u64| Past { mark: Some(mark), ..wrong(secs, "anna") };
    let same: Vec<_> = (0..15).map(|secs| with(secs, 4711)).collect();
    assert_eq!(checked("balanced", &same), [true; 15]);
    let other: Vec<_> = (0..15)
        .map(|secs| with(secs, secs.unsigned_abs()))
        .collect();
    assert_eq!(checked("balanced", &other)[5..], [false; 10]);
    assert_eq!(checked("balanced remember_wrong=0", &same)[5..], [false; 10]);
}

#[test]
fn a_device_that_signed_in_is_spared_by_strangers() {
    let on = |attempt: Past, device: &str| {
        let device = device
            .bytes()
            .fold(1_u64, |number, byte| number << 8 | u64::from(byte));
        Past { device: Some(DeviceId::from_random(device.to_be_bytes())), ..attempt }
    };
    let mut log = vec![on(good(0, "anna"), "hers")];
    log.extend((1..7).map(|secs| wrong(secs, "anna")));
    log.extend([
        on(good(8, "anna"), "hers"),
        on(good(9, "anna"), "other"),
        on(good(9, "bela"), "hers"),
    ]);
    let told = checked("balanced address.count=off", &log);
    assert_eq!(told[5..], [true, false, true, false, true]);
    assert!(!checked("balanced known_devices=off", &log)[7], "everybody is a stranger");
}

#[test]
fn without_logins_addresses_count() {
    let nobody = |secs, last| Past { who: None, address: Some(address(last)), ..wrong(secs, "") };
    let mut log: Vec<_> = (0..9).map(|secs| nobody(secs, 1)).collect();
    log.push(nobody(9, 2));
    let told = checked("balanced address.max_attempts=8", &log);
    assert_eq!(told[7..], [true, false, true]);
    assert_eq!(checked("balanced address.max_attempts=8 exempt=192.0.2.0/24", &log), [true; 10]);
}

/// Guesses twice a minute for a day, as often as they are taken.
#[test]
fn a_day_of_guessing_keeps_the_proof() {
    for words in ["balanced", "openproject", "wso2", "clerk", "owasp-asvs"] {
        let mut log: Vec<_> = (0..2_880).map(|n| wrong(n * 30, "anna")).collect();
        for attempt in &mut log {
            attempt.address = None;
        }
        let guesses = checked(words, &log)
            .into_iter()
            .filter(|checked| *checked)
            .count();
        let most = policy(words).proof().account.expect("it counts").day;
        assert!(guesses > 0 && guesses as u64 <= most.guesses, "{words}: {guesses} of {most}");
    }
}

/// The gate's store in memory, asked as the gate asks it.
struct Gate {
    policy: LockoutPolicy,
    clock: Clock,
    attempts: SingleProcessAttempts,
    keyring: Keyring,
}

impl Gate {
    fn counters(&self, attempt: &Past) -> Vec<Counter> {
        let name = TypedLogin::new(&attempt.who.map(|who| who.0.to_string()).unwrap_or_default());
        let named = !name.as_str().is_empty();
        let by = self.policy.stranger_counts_by(named, attempt.address);
        by.map(|(by, rules)| {
            let key = match by {
                By::Address(network) => self.keyring.address_attempt_key(network),
                By::AccountAtAddress => {
                    let prefix = attempt.address.expect("an address").prefix();
                    self.keyring.pair_attempt_key(&name, prefix)
                }
                By::Account | By::Device(_) => self.keyring.attempt_key(&name),
            };
            Counter { key, rules: rules.clone(), generation: 0, scope: by.scope() }
        })
        .collect()
    }

    fn make(&self, attempt: &Past) -> (bool, usize) {
        let now = self.clock.wall();
        self.clock.advance(attempt.at.since(now));
        let counters = self.counters(attempt);
        let granted = self.attempts.reserve(&counters).now_or_never();
        let Some(Ok(Reservation::Granted(tickets))) = granted else { return (false, 0) };
        let outcome = if attempt.success { Outcome::Succeeded } else { Outcome::Failed(None) };
        let settled = self
            .attempts
            .settle(&counters, &tickets, outcome)
            .now_or_never();
        let settled = settled.expect("at once").expect("settled");
        let laid = settled
            .iter()
            .filter(|settled| matches!(settled, Settled::LockedOut(_)));
        (true, laid.count())
    }
}

fn any_log() -> impl Strategy<Value = Vec<Past>> {
    let step = (0_i64..200, 0_usize..3, 1_u8..4, 0_u8..8);
    proptest::collection::vec(step, 1..120).prop_map(|steps| {
        let mut at = 0;
        let make = |(wait, login, from, luck): (i64, usize, u8, u8)| {
            at += wait;
            let attempt = wrong(at, ["anna", "bela", ""][login]);
            Past { address: Some(address(from)), success: luck == 0, ..attempt }
        };
        steps.into_iter().map(make).collect()
    })
}

proptest! {
    /// Property: a replay and the gate's own store agree on every attempt of any log.
    #[test]
    fn a_replay_is_what_the_gate_would_have_done(log in any_log(), which in 0_usize..4) {
        let words = [
            "balanced",
            "max_attempts=3 window=5m lock_for=1m growth=3 longest=20m ceiling=9",
            "openproject max_attempts=4 account_at_address.max_attempts=2 address.max_attempts=6",
            "count=off address.max_attempts=5 address.lock_for=2m",
        ][which];
        let clock = Clock::manual(Timestamp::EPOCH);
        let gate = Gate {
            policy: policy(words),
            attempts: SingleProcessAttempts::new(clock.clone()),
            clock,
            keyring: Keyring::new(&[7; 32]),
        };
        let expected: Vec<_> = log.iter().map(|attempt| gate.make(attempt)).collect();
        prop_assert_eq!(tried(words, &log), expected);
    }
}
