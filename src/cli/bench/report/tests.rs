use super::*;
use crate::cli::bench::verdict::Verdict;

/// A run of ten seconds in which two locks bit.
pub(in crate::cli::bench) fn report() -> Report {
    let mut tally = Tally::new(10_000_000);
    for number in 0..1_000 {
        let latency = 500 + number;
        tally.count(Verdict::Passed { named: true }, number * 10_000, latency);
    }
    tally.count(Verdict::Refused, 5_000_000, 400);
    tally.count(Verdict::Wrong(Kind::Server), 6_000_000, 400);
    let bite = |at, after| Bite {
        at,
        after: Some(after),
        asked: 100,
        errors: 0,
        admitted_after_bite: 0,
        refused_without_lock: 0,
    };
    let bites = [bite(2_000_000, 18_000), bite(7_000_000, 0)];
    Report {
        run: "3f9a21c4".to_owned(),
        url: "http://127.0.0.1:8080/".to_owned(),
        began_at: "2026-11-21T18:12:00Z".to_owned(),
        accounts: 100,
        connections: 16,
        rate: None,
        seconds: 10.0,
        stopped_early: false,
        requests: 1_002,
        passed: tally.passed,
        refused: tally.refused,
        errors: 1,
        errors_by_kind: BTreeMap::from([(Kind::Server.as_str(), 1)]),
        unsent: 0,
        requests_per_second: 100.2,
        pages_with_name: tally.named,
        refused_without_lock: 0,
        latency: Spread::of(&tally.latency),
        latency_curve: curve(&tally.latency),
        course: course(&tally),
        locks: Locks::of(&bites, 2, 0),
        removed: 100,
    }
}

#[test]
fn percentiles_are_of_what_was_recorded() {
    let Spread { count, min_us, p50_us, p90_us, max_us, .. } = report().latency;
    assert_eq!((count, min_us, p50_us, p90_us, max_us), (1_000, 500, 999, 1_399, 1_499));
    let report = report();
    let curve: Vec<_> = report.latency_curve.iter().map(|at| at.us).collect();
    assert!(curve.is_sorted(), "{curve:?}");
    assert_eq!((curve[0], curve[curve.len() - 1]), (500, 1_499));
    assert_eq!(report.course.iter().map(|piece| piece.passed).sum::<u64>(), 1_000);
}

#[test]
fn a_lock_that_bit_before_it_returned_took_no_time() {
    let locks = report().locks;
    assert_eq!((locks.laid, locks.bit, locks.watched_with), (2, 2, 200));
    assert_eq!((locks.bite.min_us, locks.each[1].bite_us), (0, Some(0)));
    assert!((17_900..=18_100).contains(&locks.bite.max_us), "{locks:?}");
}

#[test]
fn a_broken_promise_is_a_failure() {
    assert!(report().verdict().is_ok());
    let broken = |change: fn(&mut Report)| {
        let mut report = report();
        change(&mut report);
        report
            .verdict()
            .expect_err("a broken promise")
            .message()
            .to_owned()
    };
    let words = broken(|report| report.locks.admitted_after_bite = 1);
    assert!(words.contains("1 request came in after their lock had bitten"), "{words}");
    assert!(broken(|report| report.locks.bit = 0).contains("2 of 2 locks did not bite"));
    assert!(broken(|report| report.refused_without_lock = 3).contains("3 requests were refused"));
    let words = broken(|report| {
        report.errors_by_kind.insert(Kind::Stranger.as_str(), 1);
    });
    assert!(words.contains("another account's page"), "{words}");
}

#[test]
fn a_run_that_was_stopped_before_its_locks_proves_nothing() {
    let mut report = report();
    report.stopped_early = true;
    assert!(report.verdict().is_ok(), "every lock was laid and bit");
    report.locks.planned = 3;
    let words = report.verdict().expect_err("a lock is missing");
    assert!(words.message().contains("2 of 3 locks were laid"), "{}", words.message());
}
