//! The table, and what is printed of it.

use std::collections::HashSet;

use super::*;
use crate::testing::TestGate;

#[test]
fn names_are_unique_and_have_the_form_of_the_format() {
    let mut names = HashSet::new();
    for metric in Metric::ALL {
        let name = metric.name();
        assert!(names.insert(name), "{name} is there twice");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert!(name.starts_with("portcullis_") || name.starts_with("process_"), "{name}");
        assert!(!name.ends_with("_total"), "{name}: counters get it when they are printed");
        assert!(metric.help().ends_with('.'), "{name}: its help is a sentence");
    }
}

#[tokio::test]
async fn a_gate_prints_its_own_figures_and_only_those() {
    let test = TestGate::new().await;
    let text = test.gate().metrics();
    let typed = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let printed: Vec<_> = typed.map(str::to_owned).collect();
    let of_gate = Metric::ALL
        .iter()
        .skip_while(|metric| **metric != Metric::Denials)
        .take_while(|metric| **metric != Metric::ProcessStart);
    let expected: Vec<_> = of_gate
        .filter(|metric| cfg!(feature = "passwords") || !metric.name().contains("password"))
        .filter(|metric| cfg!(feature = "jwt") || !metric.name().contains("jwt"))
        .map(|metric| format!("{} {}", metric.name(), metric.kind().as_str()))
        .collect();
    assert_eq!(printed, expected);
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn a_spread_is_printed_with_sums_of_its_buckets() {
    let mut page = Page::default();
    let figures = crate::engine::figures::Figures::default();
    for millis in [1, 1, 40, 60_000] {
        figures
            .revocations
            .observe(std::time::Duration::from_millis(millis));
    }
    page.histogram(Metric::Revocation, &figures.revocations.spread());
    let text = page.text();
    for line in [
        "portcullis_revocation_seconds_bucket{le=\"0.001\"} 2",
        "portcullis_revocation_seconds_bucket{le=\"0.05\"} 3",
        "portcullis_revocation_seconds_bucket{le=\"30.0\"} 3",
        "portcullis_revocation_seconds_bucket{le=\"+Inf\"} 4",
        "portcullis_revocation_seconds_count 4",
        "portcullis_revocation_seconds_sum 60.042",
    ] {
        assert!(text.lines().any(|printed| printed == line), "{line} is not in\n{text}");
    }
}

/// The value of a sample in a gate's text.
#[cfg(feature = "passwords")]
fn sample(test: &TestGate, series: &str) -> u64 {
    let text = test.gate().metrics();
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let value: f64 = line.expect("a sample").trim().parse().expect("a number");
    value as u64
}

#[cfg(feature = "passwords")]
#[tokio::test]
async fn passwords_run_and_wait_and_are_put_off() {
    use futures_util::FutureExt as _;

    const RUNNING: &str = "portcullis_password_hashes{state=\"running\"}";
    const WAITING: &str = "portcullis_password_hashes{state=\"waiting\"}";
    const PUT_OFF: &str = "portcullis_passwords_put_off_total";

    let test = TestGate::new().await;
    let passwords = test.gate().passwords();
    let typed = crate::domain::password::Password::typed("correct horse");
    let hands = crate::engine::passwords::hands();
    let mut checks: Vec<_> = (0..hands + 3)
        .map(|_| Box::pin(passwords.verify(&typed, None)))
        .collect();
    for check in &mut checks {
        assert!(check.now_or_never().is_none());
    }
    let (running, waiting) = (sample(&test, RUNNING), sample(&test, WAITING));
    assert!(running > 0 && waiting >= 3, "{running} run, {waiting} wait");
    let put_off = passwords.verify_within(std::time::Duration::ZERO, &typed, None);
    assert!(put_off.await.is_err());
    assert_eq!(sample(&test, PUT_OFF), 1);
    drop(checks);
    assert_eq!(sample(&test, WAITING), 0);
    assert_eq!(sample(&test, PUT_OFF), 1, "who goes away is not put off");
}
