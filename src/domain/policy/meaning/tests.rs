use proptest::prelude::*;

use super::*;
use crate::domain::policy::Preset;

fn policy(words: &str) -> LockoutPolicy {
    words
        .parse()
        .unwrap_or_else(|error| panic!("{words}: {error}"))
}

fn sentences(words: &str, name: &str) -> String {
    let meaning = policy(words).meaning();
    let counter = meaning.counters.iter().find(|counter| counter.name == name);
    counter
        .map(|counter| counter.sentences.join(" "))
        .unwrap_or_default()
}

fn note(words: &str, about: &str) -> String {
    let notes = policy(words).meaning().notes;
    let note = notes.into_iter().find(|(name, _)| *name == about);
    note.expect("a note").1
}

#[test]
fn the_default_is_told_in_plain_words() {
    assert_eq!(
        sentences("balanced", "account"),
        "5 wrong guesses within 15 minutes at one account, wherever they come from, lock it for 5 \
         minutes. Each guess is forgotten 15 minutes after it was made. Each further lockout lasts \
         2 times as long, up to 1 hour. The row begins anew after a sign-in or an unlock, or 1 hour \
         after the last lockout, when no guess counts any more."
    );
    let address = sentences("balanced", "address");
    assert!(
        address.contains("its /64 (100 guesses), its /56 (200) and its /48 (400)"),
        "{address}"
    );
    let rows: Vec<_> = policy("balanced").meaning().counters[0]
        .lockouts
        .iter()
        .map(|row| (row.n, row.lasts.map(|lasts| lasts.as_secs() / 60), row.guesses, row.repeats))
        .collect();
    let expected = [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60)];
    let expected = expected.map(|(n, minutes)| (n, Some(minutes), u64::from(n) * 5, n == 5));
    assert_eq!(rows, expected);
}

#[test]
fn every_word_of_a_policy_is_in_its_meaning() {
    for (words, name, told) in [
        ("max_attempts=1", "account", "1 wrong guess within 15 minutes at one account"),
        ("max_attempts=1", "account", "come from, locks it for"),
        ("max_attempts=1", "device", "locks the account on that device"),
        ("address.max_attempts=1", "address", "refuses sign-ins from there"),
        ("window=none", "account", "Time forgets no guess."),
        ("openproject", "account", "less than 30 minutes from each to the next"),
        ("openproject", "account", "All are forgotten together, 30 minutes after the last"),
        ("lock_for=until-unlocked", "account", "lock it until somebody unlocks."),
        ("growth=1", "account", "Every lockout lasts as long."),
        ("longest=none", "account", "2 times as long, without an end."),
        ("steps=1m,1h", "account", "as the table says, and the last length repeats."),
        (
            "permanent_after=3",
            "account",
            "After so many lockouts in a row (3) the next lasts until",
        ),
        (
            "permanent_after=1",
            "account",
            "After one lockout the next lasts until somebody unlocks.",
        ),
        ("ceiling=100", "account", "100 wrong guesses without a sign-in in between"),
        ("account_at_address.max_attempts=3", "account_at_address", "lock that account for that"),
        ("count=off", "address", "Accounts are not counted."),
    ] {
        let said = sentences(words, name);
        assert!(said.contains(told), "{words}: {told:?} is not in {said:?}");
    }
    for (words, about, told) in [
        ("balanced", "known devices", "has 5 guesses of its own"),
        ("known_devices=off", "known devices", "off: everybody is a stranger"),
        ("count=off", "known devices", "nothing to spare them from"),
        ("balanced", "the same again", "the last 3 wrong passwords of each"),
        ("balanced", "the same again", "20 times in 15 minutes at most"),
        ("window=none", "the same again", "is not a new guess."),
        ("remember_wrong=1", "the same again", "the last wrong password of each"),
        ("remember_wrong=0", "the same again", "every wrong password counts"),
        ("live_sessions=keep", "live sessions", "go on"),
        ("balanced", "live sessions", "refused while"),
        ("exempt=10.0.0.0/8,fd00::/8", "exempt", "10.0.0.0/8, fd00::/8; the address"),
        ("balanced", "exempt", "no network; the address"),
        ("mode=monitor", "mode", "nobody is refused"),
        ("balanced", "mode", "lockouts refuse."),
    ] {
        let said = note(words, about);
        assert!(said.contains(told), "{words}: {told:?} is not in {said:?}");
    }
    let off = policy("off").meaning();
    assert!(off.counters.is_empty() && off.summary.starts_with("Nobody is ever locked out"));
    assert!(
        policy("monitor")
            .meaning()
            .summary
            .ends_with("It only monitors: nobody is refused.")
    );
}

#[test]
fn a_row_is_told_up_to_where_it_repeats() {
    let rows = |words: &str| policy(words).meaning().counters[0].lockouts.clone();
    let lasts = |words: &str| -> Vec<Option<u64>> {
        let rows = rows(words);
        rows.iter()
            .map(|row| row.lasts.map(|lasts| lasts.as_secs()))
            .collect()
    };
    assert_eq!(lasts("steps=1m,1h,5m"), [60, 3600, 300].map(Some));
    assert_eq!(lasts("growth=1 permanent_after=2"), [Some(300), Some(300), None]);
    assert_eq!(lasts("lock_for=until-unlocked"), [None]);
    assert_eq!(lasts("openproject"), [Some(1800)]);
    assert!(rows("openproject")[0].repeats);
    let endless = rows("longest=none");
    assert!(endless.len() == 8 && !endless[7].repeats, "{endless:?}");
}

#[test]
fn every_preset_is_told_in_whole_sentences() {
    for preset in Preset::ALL {
        let meaning = preset.policy().meaning();
        let sentences = meaning
            .counters
            .iter()
            .flat_map(|counter| &counter.sentences);
        for sentence in sentences.chain([&meaning.summary]) {
            let whole = sentence.ends_with('.') && !sentence.contains("  ");
            assert!(whole, "{}: {sentence:?}", preset.name());
        }
    }
}

proptest! {
    /// Property: whatever counts is told, and nothing else.
    #[test]
    fn what_counts_is_told(account: bool, pair: bool, address: bool, devices: bool) {
        let switch = |on| if on { "on" } else { "off" };
        let words = format!(
            "balanced count={} account_at_address.count={} address.count={} known_devices={}",
            switch(account), switch(pair), switch(address), switch(devices)
        );
        let Ok(policy) = words.parse::<LockoutPolicy>() else {
            prop_assert!(!account && !pair && !address);
            return Ok(());
        };
        let meaning = policy.meaning();
        let told: Vec<_> = meaning.counters.iter().map(|counter| counter.name).collect();
        let expected = [
            (account, "account"),
            (pair, "account_at_address"),
            (address, "address"),
            (devices && (account || pair), "device"),
        ];
        let expected: Vec<_> = expected.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        prop_assert_eq!(told, expected);
    }

    /// Property: no length is told without its unit, and every second is told.
    #[test]
    fn lengths_in_words_add_up(secs in 0_u64..10_000_000) {
        let words = length_in_words(Duration::from_secs(secs));
        let mut parts = words.split(' ');
        let mut sum = 0;
        while let (Some(count), Some(unit)) = (parts.next(), parts.next()) {
            let size = match unit.trim_end_matches('s') {
                "day" => 86_400,
                "hour" => 3600,
                "minute" => 60,
                "second" => 1,
                other => panic!("{other}"),
            };
            sum += count.parse::<u64>().expect("a number") * size;
        }
        prop_assert_eq!(sum, secs);
    }
}
