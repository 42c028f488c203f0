use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::lock::{Lockout, LockoutId};
use crate::domain::standing::Lifecycle;

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn later(secs: u64) -> Timestamp {
    NOW.after(Duration::from_secs(secs))
}

fn version(number: u64) -> Version {
    Version::new(number)
}

fn cell() -> Cell {
    Cell::new(AccountKey::integer(1))
}

fn read(cell: &Cell, standing: Option<Standing>) {
    let began = cell.begin_read();
    cell.finish_read(began, standing, NOW, Monotonic::NEVER);
}

fn verdict(cell: &Cell, generation: u64, now: Timestamp) -> Verdict {
    cell.word().verdict(Some(Generation::new(generation)), now)
}

fn refusal(cell: &Cell, generation: u64, now: Timestamp) -> Option<DenialReason> {
    let refusal = cell.refusal(Bearer::Session, None, Some(Generation::new(generation)), now);
    refusal.map(|(reason, _)| reason)
}

#[test]
fn nobody_passes_before_somebody_looked() {
    let cell = cell();
    assert!(!cell.is_known());
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Unknown);
    read(&cell, Some(Standing::active()));
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Pass);
}

#[test]
fn a_timed_lock_ends_at_the_second_after_its_end() {
    let cell = cell();
    let end = Timestamp::from_micros(later(60).as_micros() + 1);
    read(&cell, Some(Standing::locked_until(end)));
    assert_eq!(verdict(&cell, 0, end), Verdict::Refuse, "the details decide");
    assert_eq!(refusal(&cell, 0, end), None);
    assert_eq!(verdict(&cell, 0, later(61)), Verdict::Pass);
}

#[test]
fn a_clock_that_was_ahead_opens_nothing_for_good() {
    let cell = cell();
    let locked = Standing::locked_until(later(60));
    let began = cell.begin_read();
    cell.finish_read(began, Some(locked), later(7 * 24 * 3600), Monotonic::NEVER);
    assert_eq!(verdict(&cell, 0, later(7 * 24 * 3600)), Verdict::Pass);
    assert_eq!(verdict(&cell, 0, later(59)), Verdict::Refuse, "the clock is back");
    assert!(refusal(&cell, 0, later(59)).is_some());
    assert_eq!(verdict(&cell, 0, later(60)), Verdict::Pass);
}

#[test]
fn generations_are_compared_whole() {
    for generation in [1 << 26, (1 << 26) + 5, u64::MAX] {
        let cell = cell();
        let standing = Standing::active().in_generation(Generation::new(generation));
        read(&cell, Some(standing));
        assert_eq!(refusal(&cell, generation, NOW), None);
        for other in [0, 5, generation - (1 << 26), generation & GENERATION_MASK] {
            assert_eq!(verdict(&cell, other, NOW), Verdict::Refuse, "{other} of {generation}");
            assert_eq!(refusal(&cell, other, NOW), Some(DenialReason::SessionEnded));
        }
    }
    let cell = cell();
    read(&cell, Some(Standing::active().in_generation(Generation::new(5))));
    assert_eq!(verdict(&cell, (1 << 26) + 5, NOW), Verdict::Refuse);
    assert_eq!(verdict(&cell, 5, NOW), Verdict::Pass);
    assert_eq!(cell.word().verdict(None, NOW), Verdict::Pass, "what belongs to none");
}

#[test]
fn older_versions_change_nothing_and_equal_ones_take_the_place() {
    let cell = cell();
    read(&cell, Some(Standing::active().at_version(version(5))));
    assert!(!cell.push(Standing::locked().at_version(version(4)), NOW));
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Pass);
    assert!(cell.push(Standing::locked().at_version(version(5)), NOW));
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Refuse);
    read(&cell, Some(Standing::active().at_version(version(4))));
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Refuse, "the source lags behind");
    assert!(cell.push(Standing::active().at_version(version(6)), NOW));
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Pass);
}

#[test]
fn a_source_that_lags_behind_was_asked_all_the_same() {
    let cell = cell();
    cell.push(Standing::locked().at_version(version(7)), NOW);
    let began = cell.begin_read();
    let until = Monotonic::from_micros(30);
    cell.finish_read(began, Some(Standing::active().at_version(version(6))), NOW, until);
    assert_eq!(cell.known_until(), until, "or every request would ask it again");
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Refuse);
}

#[test]
fn a_push_of_the_same_version_beats_a_read_that_began_before() {
    for gone in [false, true] {
        let cell = cell();
        let began = cell.begin_read();
        cell.push(Standing::locked(), NOW);
        let read = (!gone).then(Standing::active);
        cell.finish_read(began, read, NOW, Monotonic::NEVER);
        assert_eq!(verdict(&cell, 0, NOW), Verdict::Refuse);
        assert!(matches!(refusal(&cell, 0, NOW), Some(DenialReason::Locked { .. })));
    }
}

#[test]
fn doubt_is_lifted_by_a_read_that_began_after_it_and_by_nothing_else() {
    let cell = cell();
    read(&cell, Some(Standing::active().at_version(version(5))));
    let before = cell.begin_read();
    cell.suspect();
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Unknown);
    let standing = || Some(Standing::active().at_version(version(6)));
    cell.finish_read(before, standing(), NOW, Monotonic::NEVER);
    assert!(!cell.is_known(), "it began before");
    cell.push(Standing::active().at_version(version(7)), NOW);
    assert!(!cell.is_known(), "something newer may still have been missed");
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Unknown);

    let after = cell.begin_read();
    cell.push(Standing::locked().at_version(version(9)), NOW);
    cell.finish_read(after, standing(), NOW, Monotonic::NEVER);
    assert!(cell.is_known());
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Refuse, "the push was newer");
}

#[test]
fn after_doubt_a_source_that_was_set_back_is_believed() {
    let cell = cell();
    read(&cell, Some(Standing::active().at_version(version(50))));
    cell.suspect();
    // The directory was restored from a backup.
    read(&cell, Some(Standing::locked().at_version(version(20))));
    assert!(cell.is_known());
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Refuse);
    assert!(cell.push(Standing::active().at_version(version(21)), NOW));
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Pass);
}

#[test]
fn who_was_gone_may_come_back_with_versions_from_one() {
    let cell = cell();
    read(&cell, Some(Standing::active().at_version(version(9))));
    read(&cell, None);
    assert_eq!(refusal(&cell, 0, NOW), Some(DenialReason::Deleted));
    read(&cell, Some(Standing::active().at_version(version(1))));
    assert_eq!(verdict(&cell, 0, NOW), Verdict::Pass);
}

fn standing() -> impl Strategy<Value = Standing> {
    let end = || {
        prop_oneof![
            1 => Just(End::Never),
            4 => (-3_000_000..3_000_000_i64)
                .prop_map(|micros| End::At(Timestamp::from_micros(NOW.as_micros() + micros))),
        ]
    };
    let lock = proptest::option::of(end());
    let lockout = proptest::option::of((
        -3_000_000..3_000_000_i64,
        proptest::option::of(1..5_u64),
        any::<bool>(),
    ));
    let lifecycle = prop_oneof![
        8 => Just(Lifecycle::Active),
        1 => Just(Lifecycle::Invited),
        1 => Just(Lifecycle::Deleted),
    ];
    (lock, lockout, lifecycle, 0..3_u64).prop_map(|(lock, lockout, lifecycle, generation)| {
        let mut standing = Standing::active().in_generation(Generation::new(generation));
        standing.lifecycle = lifecycle;
        standing.locks.admin_lock = lock.map(|end| crate::domain::lock::AdminLock {
            laid_at: Timestamp::EPOCH,
            end,
            reason: None,
            author: "test".to_owned(),
        });
        standing.locks.lockout = lockout.map(|(laid, length, refuse)| Lockout {
            id: LockoutId { generation: 0, n: 1 },
            laid_at: Timestamp::from_micros(NOW.as_micros() + laid),
            length: length.map(Duration::from_secs),
            failures: 5,
            live_sessions: if refuse { LiveSessions::Refuse } else { LiveSessions::Keep },
        });
        standing
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Property: at any instant, whichever way the clock went since it was
    /// written, the word passes nobody whom the standing refuses; and whom the
    /// word refuses, the details judge as the standing does.
    #[test]
    fn the_word_never_says_more_than_the_standing(
        standing in standing(),
        written in -3_000_000..3_000_000_i64,
        asked in -3_000_000..9_000_000_i64,
        born in 0..3_u64,
    ) {
        let at = |micros| Timestamp::from_micros(NOW.as_micros() + micros);
        let cell = cell();
        let began = cell.begin_read();
        cell.finish_read(began, Some(standing.clone()), at(written), Monotonic::NEVER);
        let refused = standing.refusal_of(Bearer::Session, at(asked)).or_else(|| {
            (born != standing.generation.get()).then_some(DenialReason::SessionEnded)
        });
        let passes = verdict(&cell, born, at(asked)) == Verdict::Pass;
        prop_assert!(!(passes && refused.is_some()), "{refused:?}");
        prop_assert_eq!(refusal(&cell, born, at(asked)), refused);
    }
}
