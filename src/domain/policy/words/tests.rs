use proptest::prelude::*;

use super::*;

fn policy(text: &str) -> LockoutPolicy {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_preset_is_spelled_by_its_name() {
    assert_eq!(policy("balanced"), LockoutPolicy::balanced());
    assert_eq!(policy("off"), LockoutPolicy::off());
    for preset in Preset::ALL {
        assert_eq!(policy(preset.name()).to_string(), preset.name());
    }
}

#[test]
fn what_is_not_said_is_as_in_the_preset() {
    let address = "address.max_attempts=100 address.window=15m address.lock_for=15m \
                   address.growth=1 ";
    let spelled = |text: &str| policy(text).to_string();
    assert_eq!(
        spelled("max_attempts=10"),
        format!(
            "max_attempts=10 window=15m lock_for=5m growth=2 longest=1h {address}\
             remember_wrong=3 live_sessions=refuse"
        )
    );
    assert_eq!(
        spelled("balanced lock_for=until-unlocked"),
        format!(
            "max_attempts=5 window=15m lock_for=until-unlocked growth=1 {address}\
             remember_wrong=3 live_sessions=refuse"
        )
    );
    // A longer lock raises the cap that nobody spoke of.
    assert!(spelled("lock_for=2h").contains("longest=2h"));
    assert!(spelled("steps=1m,5m,1h").contains("window=15m steps=1m,5m,1h address."));
    assert!(spelled("address.count=off").contains("longest=1h address.count=off"));
    assert!(spelled("count=off").starts_with("count=off address.max_attempts=100"));
    let pair = spelled("account_at_address.max_attempts=3");
    assert!(pair.contains("account_at_address.max_attempts=3 account_at_address.window=15m"));
    assert!(spelled("openproject max_attempts=7").contains("window_kind=since-last"));
    assert!(spelled("exempt=10.0.0.0/8,fd00::/8").contains("exempt=10.0.0.0/8,fd00::/8"));
    assert!(spelled("max_attempts=9 mode=monitor").ends_with("mode=monitor"));
}

#[test]
fn what_is_wrong_is_said() {
    let refused = |text: &str| text.parse::<LockoutPolicy>().expect_err(text).to_string();
    for text in [
        "",
        "strict",
        "max_attempts",
        "window=soon",
        "attempts=5",
        "growth=-1",
        "address=5",
        "host.max_attempts=5",
        "address.exempt=x",
        "steps=",
        "exempt=10.0.0.300",
    ] {
        assert!(refused(text).contains("is no part of a policy"), "{text}");
    }
    assert!(refused("off max_attempts=5").contains("`off`"));
    assert!(refused("max_attempts=0").contains("nobody could sign in"));
    assert!(refused("lock_for=2h longest=1h").contains("raise the cap"));
    assert!(refused("address.max_attempts=0").starts_with("address: "));
    assert!(refused("count=off address.count=off").contains("count one"));
    assert!(refused("ceiling=5").contains("`ceiling` is 5, and `max_attempts` is 5"));
}

#[test]
fn a_preset_that_is_a_rule_can_be_made_stricter_only() {
    let refused = |text: &str| text.parse::<LockoutPolicy>().expect_err(text).to_string();
    for (text, words) in [
        ("pci-8.3.4 max_attempts=11", "`max_attempts` goes against the preset pci-8.3.4"),
        ("pci-8.3.4 lock_for=29m", "at least 30 minutes"),
        ("pci-8.3.4 known_devices=on", "one count for each account"),
        ("pci-8.3.4 mode=monitor", "`mode`"),
        ("nist-800-63b-4 ceiling=none", "100 consecutive"),
        ("nist-800-63b-4 ceiling=101", "100 consecutive"),
        ("cis max_attempts=6", "at most 5"),
        ("cis window=14m", "at least 15 minutes"),
        ("owasp-asvs max_attempts=99 window=1m lock_for=1m longest=1m ceiling=none", "an hour"),
        ("owasp-asvs count=off", "counted by account"),
    ] {
        assert!(refused(text).contains(words), "{text}: {}", refused(text));
    }
    for text in
        ["pci-8.3.4 max_attempts=6 lock_for=until-unlocked", "cis max_attempts=3 window=none"]
    {
        assert!(text.parse::<LockoutPolicy>().is_ok(), "{text}");
    }
}

fn counting() -> impl Strategy<Value = Counting> {
    let secs = Duration::from_secs;
    let window = prop_oneof![
        Just(Window::Endless),
        (1..1_000_000u64).prop_map(move |n| Window::Sliding(secs(n))),
        (1..1_000_000u64).prop_map(move |n| Window::SinceLast(secs(n))),
    ];
    let lasting = prop_oneof![
        Just(None),
        (1..1_000_000u64, 0..3u8, proptest::option::of(2..9u32)).prop_map(Some),
    ];
    let extra = proptest::option::of(1_001..5_000u32);
    (1..=1_000u32, window, lasting, 2..9u32, extra).prop_map(
        move |(limit, window, lasting, factor, ceiling)| {
            let mut counting = Counting::after(limit).window(window);
            if let Some((first, growth, permanent)) = lasting {
                counting = match growth {
                    0 => counting.lasting(secs(first)),
                    1 => counting
                        .lasting(secs(first))
                        .growing(factor, (factor % 2 == 0).then(|| secs(first * 3))),
                    _ => counting.lasting_in_steps([secs(first), secs(factor.into()), secs(7)]),
                };
                if let Some(permanent) = permanent {
                    counting = counting.permanent_after(permanent);
                }
            }
            match ceiling {
                Some(ceiling) => counting.ceiling(ceiling),
                None => counting,
            }
        },
    )
}

proptest! {
    /// Property: what is spelled is read as the same policy.
    #[test]
    fn a_spelled_policy_is_read_back(
        account in proptest::option::of(counting()),
        address in proptest::option::of(counting()),
        pair in proptest::option::of(counting()),
        exempt in proptest::collection::vec(any::<(u32, u8)>(), 0..3),
        remembered in 0..=10u8,
        switches in any::<[bool; 3]>(),
    ) {
        let network = |(bits, prefix): (u32, u8)| -> IpNet {
            ipnet::Ipv4Net::new(bits.into(), prefix % 33).expect("a network").into()
        };
        let mut builder = LockoutPolicy::builder()
            .exempt(exempt.into_iter().map(network))
            .remembering(remembered)
            .known_devices(switches[0])
            .live_sessions(if switches[1] { LiveSessions::Keep } else { LiveSessions::Refuse })
            .enforcement(if switches[2] { Enforcement::Monitor } else { Enforcement::Lock });
        prop_assume!(account.is_some() || address.is_some() || pair.is_some());
        if let Some(counting) = account { builder = builder.by_account(counting); }
        if let Some(counting) = address { builder = builder.by_address(counting); }
        if let Some(counting) = pair { builder = builder.by_account_at_address(counting); }
        let built = builder.build().expect("a policy");
        prop_assert_eq!(&policy(&built.to_string()), &built);
        // So is what is told as a preset and what differs.
        prop_assert_eq!(policy(&built.differences().to_string()), built);
    }

    /// Property: no text makes the reader panic, and what it reads it can spell.
    #[test]
    fn any_text_is_read_or_refused(
        text in "\\PC{0,60}|((account_at_|)(address\\.|)[a-z_]{0,12}=?[0-9a-z]{0,5} ?){0,5}",
    ) {
        if let Ok(policy) = text.parse::<LockoutPolicy>() {
            prop_assert_eq!(policy.to_string().parse(), Ok(policy));
        }
    }
}
