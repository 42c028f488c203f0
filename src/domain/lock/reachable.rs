//! Every state that the locks of an account can get into, in small: nothing but its
//! own lift or its own end takes an admin lock away.

use std::collections::HashSet;

use super::*;

const LAST: i64 = 3;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn lockout(now: Timestamp, length: Option<u64>) -> Lockout {
    Lockout {
        id: LockoutId { generation: 0, n: 1 },
        laid_at: now,
        length: length.map(Duration::from_secs),
        failures: 5,
        live_sessions: LiveSessions::Refuse,
    }
}

fn admin_lock(now: Timestamp, end: End) -> AdminLock {
    AdminLock { laid_at: now, end, reason: None, author: "cli:root".to_owned() }
}

fn ends() -> impl Iterator<Item = End> {
    (1..=LAST).map(|end| End::At(at(end))).chain([End::Never])
}

/// Everything that may happen to an account's locks but the lift of the admin lock.
fn whatever_may_happen(locks: &Locks, now: Timestamp) -> Vec<Locks> {
    let device = DeviceId::from_random([1; 8]);
    let after = |change: &dyn Fn(&mut Locks)| {
        let mut locks = locks.clone();
        change(&mut locks);
        locks
    };
    let mut next =
        vec![after(&|locks| locks.lift_lockouts()), after(&|locks| locks.forget_device(device))];
    for length in [Some(2), None] {
        let lockout = lockout(now, length);
        next.push(after(&|locks| locks.lock_out(lockout.clone(), &[device])));
        next.push(after(&|locks| locks.lock_device_out(device, lockout.clone(), now)));
        next.push(after(&|locks| {
            locks.lock_out_at_address(&lockout, now);
        }));
    }
    for end in ends().filter(|end| !end.is_over(now)) {
        next.push(after(&|locks| {
            locks.lay_admin_lock(admin_lock(now, end));
        }));
    }
    next
}

#[test]
fn an_admin_lock_outlives_everything_but_its_lift_and_its_end() {
    let (mut known, mut waiting) = (HashSet::new(), vec![(0, Locks::default())]);
    while let Some((now, locks)) = waiting.pop() {
        if now > LAST || !known.insert((now, format!("{locks:?}"))) {
            continue;
        }
        let before = locks.admin_lock_at(at(now)).map(|lock| lock.end);
        for next in whatever_may_happen(&locks, at(now)) {
            let after = next.admin_lock_at(at(now)).map(|lock| lock.end);
            assert!(after >= before, "{before:?} became {after:?}");
            waiting.push((now, next));
        }
        let later = locks.admin_lock_at(at(now + 1)).map(|lock| lock.end);
        let is_over = before.is_some_and(|end| end.is_over(at(now + 1)));
        assert_eq!(later, before.filter(|_| !is_over), "time alone ends it");
        let mut lifted = locks.clone();
        lifted.admin_lock = None;
        assert_eq!(lifted.lockout_at(at(now)), locks.lockout_at(at(now)), "each on its own");
        waiting.push((now, lifted));
        waiting.push((now + 1, locks));
    }
    println!("{} states of locks", known.len());
}

#[test]
fn lockouts_at_addresses_are_known_until_the_last_ends_or_all_are_lifted() {
    let lockout = |laid_at, length| lockout(at(laid_at), length);
    let (mut locks, now) = (Locks::default(), at(100));
    assert!(locks.lock_out_at_address(&lockout(100, Some(60)), now));
    assert!(!locks.lock_out_at_address(&lockout(90, Some(60)), now), "it ends earlier");
    assert!(locks.any_lockout_at(at(159)));
    assert!(!locks.any_lockout_at(at(160)));
    assert_eq!(locks.lockout_at(now), None, "it is open from elsewhere");
    assert!(locks.lock_out_at_address(&lockout(100, None), now));
    assert!(locks.any_lockout_at(at(1_000_000)));
    locks.lift_lockouts();
    assert_eq!(locks, Locks::default());
}
