//! What an attempt is counted by: the account, the address, both; and what is no
//! guess at all.

use std::net::IpAddr;

use portcullis::domain::client::TrustedProxies;
use portcullis::domain::counting::Counting;
use portcullis::domain::event::Action;
use portcullis::domain::policy::Enforcement;
use portcullis::store::AuditQuery;
use portcullis::{LockoutPolicy, OnStale, SignInError, Visitor};

use super::attempts::{LOCKED_FOR, PASSWORD, account, limit, with_password};
use super::devices::{browser_from, device_cookie};
use super::*;

const OFFICE: &str = "198.51.100.7";
const ELSEWHERE: &str = "203.0.113.9";

fn five() -> Counting {
    Counting::after(5).lasting(LOCKED_FOR)
}

/// Five guesses at an account, eight from an address.
fn both() -> LockoutPolicy {
    let policy = LockoutPolicy::after(5).lasting(LOCKED_FOR);
    let address = Counting::after(8).lasting(LOCKED_FOR);
    policy.by_address(address).build().expect("a policy")
}

async fn house(policy: LockoutPolicy) -> House {
    let patient = |builder: Builder| builder.max_stale(Duration::MAX, OnStale::Strict);
    House::with(|builder| patient(builder.lockout(policy))).await
}

fn from(address: &str) -> Visitor {
    let address: IpAddr = address.parse().expect("an address");
    Visitor::from(address)
}

async fn fail(gate: &Portcullis, login: &str, visitor: Visitor) -> Result<u32, SignInError> {
    Ok(gate
        .attempt(login, visitor)
        .await?
        .fail()
        .await?
        .remaining())
}

/// With this password.
async fn sign_in(
    gate: &Portcullis,
    login: &str,
    address: &str,
    password: &str,
) -> Result<SignedIn, SignInError> {
    let attempt = gate.attempt(login, from(address)).await?;
    attempt.check_password(password).await
}

fn is_locked_out<T>(answer: &Result<T, SignInError>) -> bool {
    matches!(answer, Err(SignInError::LockedOut { .. }))
}

#[tokio::test]
async fn an_address_is_counted_across_accounts() {
    let house = house(both()).await;
    let alice = with_password(&house, "alice").await;
    for n in 0..8 {
        fail(&house.gate, &format!("p{n}"), from(OFFICE))
            .await
            .expect("a guess");
    }
    let refused = sign_in(&house.gate, "alice", OFFICE, PASSWORD).await;
    assert!(is_locked_out(&refused), "{refused:?}");
    assert!(account(&house, &alice).await.locks.lockout.is_none(), "it is no account's lockout");
    sign_in(&house.gate, "alice", ELSEWHERE, PASSWORD)
        .await
        .expect("not refused elsewhere");
    house.clock.advance(LOCKED_FOR);
    sign_in(&house.gate, "alice", OFFICE, PASSWORD)
        .await
        .expect("it opens by itself");
}

/// Somebody with an account of their own can't make room for guesses at others'.
#[tokio::test]
async fn a_success_takes_nothing_from_an_address() {
    let house = house(both()).await;
    with_password(&house, "mallory").await;
    for n in 0..7 {
        fail(&house.gate, &format!("p{n}"), from(OFFICE))
            .await
            .expect("a guess");
        sign_in(&house.gate, "mallory", OFFICE, PASSWORD)
            .await
            .expect("her own");
    }
    assert_eq!(fail(&house.gate, "p7", from(OFFICE)).await, Ok(0));
    let refused = sign_in(&house.gate, "mallory", OFFICE, PASSWORD).await;
    assert!(is_locked_out(&refused), "{refused:?}");
}

#[tokio::test]
async fn what_the_account_refuses_costs_the_address_nothing() {
    let house = house(both()).await;
    for n in 0..20 {
        let answer = fail(&house.gate, "alice", from(OFFICE)).await;
        assert_eq!(is_locked_out(&answer), n >= 5, "{n}: {answer:?}");
    }
    for n in 0..3 {
        fail(&house.gate, &format!("p{n}"), from(OFFICE))
            .await
            .expect("three of eight are left");
    }
    assert!(is_locked_out(&fail(&house.gate, "p3", from(OFFICE)).await));
}

#[tokio::test]
async fn a_known_device_is_not_counted_by_its_address() {
    let house = house(both()).await;
    let alice = with_password(&house, "alice").await;
    let first = house
        .gate
        .attempt("alice", browser_from(OFFICE, "a=b"))
        .await
        .expect("a guess");
    let device = device_cookie(&first.succeed(alice.id).await.expect("in"));
    for n in 0..8 {
        fail(&house.gate, &format!("p{n}"), from(OFFICE))
            .await
            .expect("a guess");
    }
    assert!(is_locked_out(&sign_in(&house.gate, "alice", OFFICE, PASSWORD).await));
    let known = house
        .gate
        .attempt("alice", browser_from(OFFICE, &device))
        .await;
    known
        .expect("her own guesses")
        .check_password(PASSWORD)
        .await
        .expect("in");
}

#[tokio::test]
async fn a_trusted_proxy_and_exempt_networks_are_never_counted() {
    let network = |text: &str| text.parse().expect("a network");
    let policy = LockoutPolicy::builder()
        .by_address(five())
        .exempt([network("10.0.0.0/8")])
        .build()
        .expect("a policy");
    let house = House::with(|builder| {
        builder
            .lockout(policy)
            .trusted_proxies(TrustedProxies::new([network("192.0.2.80/32")]))
    })
    .await;
    for address in ["192.0.2.80", "10.1.2.3"] {
        for n in 0..20 {
            fail(&house.gate, &format!("p{n}"), from(address))
                .await
                .expect("not counted");
        }
    }
    for n in 0..5 {
        fail(&house.gate, &format!("p{n}"), from(OFFICE))
            .await
            .expect("a guess");
    }
    assert!(is_locked_out(&fail(&house.gate, "p5", from(OFFICE)).await));
}

#[tokio::test]
async fn a_wider_network_has_more_guesses_than_a_narrow_one() {
    let policy = LockoutPolicy::builder()
        .by_address(five())
        .build()
        .expect("a policy");
    let house = house(policy).await;
    let mut made = 0;
    // Each guess from a network of its own: 65,536 of them are in a /48.
    for n in 0..100 {
        let address = format!("2001:db8:7:{:x}::1", n * 256);
        made += usize::from(
            fail(&house.gate, &format!("p{n}"), from(&address))
                .await
                .is_ok(),
        );
    }
    assert_eq!(made, 20, "four times five for a /48");
    let mut made = 0;
    for n in 0..100 {
        let address = format!("2001:db8:8:{n:x}::1");
        made += usize::from(
            fail(&house.gate, &format!("q{n}"), from(&address))
                .await
                .is_ok(),
        );
    }
    assert_eq!(made, 10, "twice five for a /56");
}

#[tokio::test]
async fn an_account_at_one_address_is_refused_there_alone() {
    let policy = LockoutPolicy::builder()
        .by_account_at_address(five())
        .build()
        .expect("a policy");
    let house = house(policy).await;
    let alice = with_password(&house, "alice").await;
    let session = sign_in(&house.gate, "alice", ELSEWHERE, PASSWORD)
        .await
        .expect("in");
    for _ in 0..5 {
        fail(&house.gate, "alice", from(OFFICE))
            .await
            .expect("a guess");
    }
    assert!(is_locked_out(&sign_in(&house.gate, "alice", OFFICE, PASSWORD).await));
    sign_in(&house.gate, "alice", ELSEWHERE, PASSWORD)
        .await
        .expect("not there");
    fail(&house.gate, "bob", from(OFFICE))
        .await
        .expect("another account");
    assert!(account(&house, &alice).await.locks.lockout.is_none());
    assert!(visit(&house.gate, &session).await.is_ok(), "no session waits for it");
}

/// A program with an old password, and a person who makes the same mistake again.
#[tokio::test]
async fn the_same_wrong_password_again_is_no_new_guess() {
    let policy = LockoutPolicy::after(5)
        .lasting(LOCKED_FOR)
        .remembering(3)
        .build();
    let house = house(policy.expect("a policy")).await;
    let alice = with_password(&house, "alice").await;
    for _ in 0..30 {
        let wrong = sign_in(&house.gate, "alice", OFFICE, "the old one").await;
        assert!(matches!(wrong, Err(SignInError::Wrong)), "{wrong:?}");
    }
    for n in 0..3 {
        sign_in(&house.gate, "alice", OFFICE, &format!("guess {n}"))
            .await
            .expect_err("wrong");
    }
    // Four are used. From elsewhere it is a guess like any other.
    sign_in(&house.gate, "alice", ELSEWHERE, "the old one")
        .await
        .expect_err("wrong");
    assert!(is_locked_out(&sign_in(&house.gate, "alice", ELSEWHERE, PASSWORD).await));
    assert!(account(&house, &alice).await.locks.lockout.is_some());
}

#[tokio::test]
async fn the_same_wrong_password_many_times_at_once_is_as_many_guesses() {
    let policy = LockoutPolicy::after(5)
        .lasting(LOCKED_FOR)
        .remembering(3)
        .build();
    let house = House::with(|builder| {
        builder
            .lockout(policy.expect("a policy"))
            .clock(portcullis::Clock::system())
    })
    .await;
    with_password(&house, "alice").await;
    let before = house.gate.passwords_checked();
    let guesses = (0..50).map(|_| sign_in(&house.gate, "alice", OFFICE, "the same"));
    let answers = futures_util::future::join_all(guesses).await;
    let checked = answers
        .iter()
        .filter(|answer| matches!(answer, Err(SignInError::Wrong)))
        .count();
    assert!(checked <= 5, "{answers:?}");
    assert!(house.gate.passwords_checked() - before <= 5);
}

#[tokio::test]
async fn nothing_is_no_guess() {
    let house = house(limit(2)).await;
    with_password(&house, "alice").await;
    let before = house.gate.passwords_checked();
    for login in ["alice", "nobody"] {
        for _ in 0..10 {
            let empty = sign_in(&house.gate, login, OFFICE, "").await;
            assert!(matches!(empty, Err(SignInError::Wrong)), "{empty:?}");
        }
    }
    assert_eq!(house.gate.passwords_checked(), before);
    // No account has this login: there is nobody to lock out.
    for blank in ["", "  ", "\u{3000}"] {
        for _ in 0..10 {
            fail(&house.gate, blank, from(OFFICE))
                .await
                .expect("not counted by account");
        }
    }
    sign_in(&house.gate, "alice", OFFICE, PASSWORD)
        .await
        .expect("in");
}

/// Whoever has the password can't try codes without end.
#[tokio::test]
async fn one_factor_of_several_clears_nothing() {
    let house = house(limit(3)).await;
    let alice = with_password(&house, "alice").await;
    let factor = async || house.gate.attempt("alice", from(OFFICE)).await;
    for left in [2, 1, 0] {
        factor()
            .await
            .expect("a guess")
            .pass_factor()
            .await
            .expect("the password");
        let code = factor()
            .await
            .expect("a guess")
            .fail()
            .await
            .expect("counted");
        assert_eq!(code.remaining(), left);
    }
    assert!(is_locked_out(&factor().await), "three codes, however often the password was right");
    house.clock.advance(LOCKED_FOR);
    factor()
        .await
        .expect("a guess")
        .pass_factor()
        .await
        .expect("the password");
    factor()
        .await
        .expect("a guess")
        .succeed(alice.id)
        .await
        .expect("both");
    assert_eq!(fail(&house.gate, "alice", from(OFFICE)).await, Ok(2), "now all is cleared");
}

#[tokio::test]
async fn a_policy_that_monitors_refuses_nobody_and_tells_whom() {
    let policy = LockoutPolicy::after(3)
        .lasting(LOCKED_FOR)
        .enforcement(Enforcement::Monitor)
        .build()
        .expect("a policy");
    let house = house(policy).await;
    let alice = with_password(&house, "alice").await;
    for _ in 0..10 {
        fail(&house.gate, "alice", from(OFFICE))
            .await
            .expect("not refused");
    }
    sign_in(&house.gate, "alice", OFFICE, PASSWORD)
        .await
        .expect("in");
    assert!(account(&house, &alice).await.locks.lockout.is_none());
    let query = AuditQuery { account: Some(alice.id), before: None, limit: 10 };
    let log = house.directory.audit(query).await.expect("it answers");
    let told = log
        .iter()
        .filter(|record| record.action == Action::AccountWouldBeLockedOut);
    assert_eq!(told.count(), 1, "{log:?}");
}
