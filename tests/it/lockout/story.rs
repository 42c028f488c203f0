//! Stories at random: a policy, and what people, guessers, clocks and administrators
//! do under it.

use std::fmt;
use std::time::Duration;

use portcullis::LockoutPolicy;
use portcullis::domain::counting::Counting;
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;

use super::oracle::{Growth, Rules, SECOND, Time, Window};

/// Which counters there are, and how each counts.
#[derive(Clone)]
pub(super) struct Policy {
    pub(super) account: Option<Rules>,
    pub(super) pair: Option<Rules>,
    pub(super) address: Option<Rules>,
    pub(super) known_devices: bool,
}

/// Where an attempt comes from: one of a few addresses, or a known device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) account: usize,
    pub(super) address: usize,
    pub(super) device: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Settling {
    Fail,
    FailWith(u64),
    Pass,
    Release,
    Succeed,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Begin(Place),
    /// Of the attempts under way, the one at this place of the list.
    Drop(usize),
    Guess(Place, Settling),
    Look(Place),
    Settle(usize, Settling),
    Unlock(usize),
    Wait(Wait),
}

/// How the clock moves, measured by what matters to the policy.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    Back(Time),
    Flight(Time),
    Forward(Time),
    Lock(Time),
    Window(Time),
}

#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) policy: Policy,
    pub(super) steps: Vec<Step>,
}

pub(super) fn story() -> impl Strategy<Value = Story> {
    (policy(), vec(step(), 1..40)).prop_map(|(policy, steps)| Story { policy, steps })
}

fn policy() -> impl Strategy<Value = Policy> {
    let some = (of(rules()), of(rules()), of(rules()), any::<bool>(), 0..4_usize);
    let one = some.prop_filter("something is counted", |(account, pair, address, ..)| {
        account.is_some() || pair.is_some() || address.is_some()
    });
    one.prop_map(|(account, pair, address, known_devices, remembered)| {
        let remembering = |rules: Option<Rules>| rules.map(|rules| Rules { remembered, ..rules });
        Policy {
            account: remembering(account),
            pair: remembering(pair),
            address: remembering(address),
            known_devices,
        }
    })
}

fn seconds(from: i64, to: i64) -> impl Strategy<Value = Time> {
    (from..to).prop_map(|seconds| seconds * SECOND)
}

fn rules() -> impl Strategy<Value = Rules> {
    let window = prop_oneof![
        Just(Window::Endless),
        seconds(1, 200).prop_map(Window::Sliding),
        seconds(1, 200).prop_map(Window::SinceLast),
    ];
    let growth = prop_oneof![
        Just(Growth::None),
        (2..4_u32, of(seconds(0, 500))).prop_map(|(factor, more)| Growth::Factor(factor, more)),
        vec(seconds(1, 300), 1..4).prop_map(Growth::Steps),
    ];
    let counted = (1..6_u32, window, weighted(0.8, seconds(1, 300)), growth);
    let limits = (weighted(0.3, 1..4_u32), weighted(0.3, 1..8_u32));
    (counted, limits).prop_map(|((limit, window, lock_for, growth), (permanent_after, above))| {
        let growth = match (growth, lock_for) {
            // The longest is no shorter than the first.
            (Growth::Factor(factor, more), Some(lock_for)) => {
                Growth::Factor(factor, more.map(|more| lock_for + more))
            }
            (Growth::Steps(steps), _) => Growth::Steps(steps),
            _ => Growth::None,
        };
        let is_timed = lock_for.is_some() || matches!(growth, Growth::Steps(_));
        Rules {
            limit,
            window,
            lock_for,
            growth,
            permanent_after: permanent_after.filter(|_| is_timed),
            ceiling: above.map(|above| limit + above),
            remembered: 0,
        }
    })
}

fn place() -> impl Strategy<Value = Place> {
    (0..2_usize, 0..4_usize, weighted(0.2, 0..2_u8)).prop_map(|(account, address, device)| Place {
        account,
        address,
        device,
    })
}

fn settling() -> impl Strategy<Value = Settling> {
    prop_oneof![
        4 => Just(Settling::Fail),
        4 => (0..5_u64).prop_map(Settling::FailWith),
        1 => Just(Settling::Pass),
        1 => Just(Settling::Release),
        1 => Just(Settling::Succeed),
    ]
}

fn wait() -> impl Strategy<Value = Wait> {
    let beside = prop_oneof![Just(-1), Just(0), Just(1), Just(-SECOND), Just(SECOND)];
    let length = prop_oneof![0..3 * SECOND, seconds(0, 100), seconds(0, 2_000)];
    let back = prop_oneof![0..3 * SECOND, seconds(0, 59), seconds(59, 62), seconds(0, 2_000)];
    prop_oneof![
        4 => length.prop_map(Wait::Forward),
        2 => back.prop_map(Wait::Back),
        1 => beside.clone().prop_map(Wait::Flight),
        2 => beside.clone().prop_map(Wait::Lock),
        2 => beside.prop_map(Wait::Window),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => place().prop_map(Step::Begin),
        1 => (0..8_usize).prop_map(Step::Drop),
        8 => (place(), settling()).prop_map(|(place, how)| Step::Guess(place, how)),
        2 => place().prop_map(Step::Look),
        4 => (0..8_usize, settling()).prop_map(|(at, how)| Step::Settle(at, how)),
        1 => (0..2_usize).prop_map(Step::Unlock),
        5 => wait().prop_map(Step::Wait),
    ]
}

impl Wait {
    pub(super) fn by(self, policy: &Policy) -> Time {
        let all = [&policy.account, &policy.pair, &policy.address];
        let rules = all.into_iter().flatten().next().expect("one of them");
        match self {
            Self::Back(by) => -by,
            Self::Flight(by) => 60 * SECOND + by,
            Self::Forward(by) => by,
            Self::Lock(by) => rules.lock_for.unwrap_or(SECOND) + by,
            Self::Window(by) => match rules.window {
                Window::Endless => 100 * SECOND + by,
                Window::SinceLast(window) | Window::Sliding(window) => window + by,
            },
        }
    }
}

impl Policy {
    /// The same in the engine's words.
    pub(super) fn built(&self) -> LockoutPolicy {
        let counters = [&self.account, &self.pair, &self.address];
        let [account, pair, address] = counters.map(|rules| rules.as_ref().map(counting));
        let of_any = counters.into_iter().flatten().next();
        let remembered = of_any.map_or(0, |rules| rules.remembered);
        let mut builder = LockoutPolicy::builder()
            .known_devices(self.known_devices)
            .remembering(u8::try_from(remembered).expect("few"));
        if let Some(counting) = account {
            builder = builder.by_account(counting);
        }
        if let Some(counting) = pair {
            builder = builder.by_account_at_address(counting);
        }
        if let Some(counting) = address {
            builder = builder.by_address(counting);
        }
        builder
            .build()
            .expect("a policy that does not contradict itself")
    }
}

fn length(time: Time) -> Duration {
    Duration::from_micros(u64::try_from(time).expect("a length"))
}

fn counting(rules: &Rules) -> Counting {
    let mut counting = Counting::after(rules.limit);
    counting = match rules.window {
        Window::Endless => counting,
        Window::Sliding(window) => counting.failures_within(length(window)),
        Window::SinceLast(window) => counting.failures_since_last(length(window)),
    };
    counting = match (&rules.growth, rules.lock_for) {
        (Growth::Steps(steps), _) => {
            let steps: Vec<Duration> = steps.iter().copied().map(length).collect();
            counting.lasting_in_steps(steps)
        }
        (_, None) => counting,
        (Growth::Factor(factor, cap), Some(lock_for)) => counting
            .lasting(length(lock_for))
            .growing(*factor, cap.map(length)),
        (Growth::None, Some(lock_for)) => counting.lasting(length(lock_for)),
    };
    if let Some(lockouts) = rules.permanent_after {
        counting = counting.permanent_after(lockouts);
    }
    match rules.ceiling {
        Some(ceiling) => counting.ceiling(ceiling),
        None => counting,
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters =
            [("account", &self.account), ("pair", &self.pair), ("address", &self.address)];
        for (name, rules) in counters {
            if let Some(rules) = rules {
                write!(f, "{name}: {rules:?}; ")?;
            }
        }
        write!(f, "known devices: {}", self.known_devices)
    }
}
