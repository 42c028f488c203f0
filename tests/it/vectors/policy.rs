//! The policy of a vector, in the engine's words.

use std::time::Duration;

use portcullis::LockoutPolicy;
use portcullis::domain::counting::Counting;
use portcullis::domain::lock::LiveSessions;

use super::format::{self, Growth, Part, Policy, Window};

/// The engine refuses words that have nothing to say, as a growth of what never
/// ends; vectors may have them.
pub(super) fn lockout_policy(policy: &Policy) -> Result<LockoutPolicy, String> {
    let Some(limit) = policy.max_attempts else { return Ok(LockoutPolicy::off()) };
    let counting = counting(policy, limit);
    let mut builder = LockoutPolicy::builder()
        .known_devices(policy.known_devices)
        .remembering(policy.remember_wrong_passwords)
        .live_sessions(match policy.live_sessions {
            format::LiveSessions::Keep => LiveSessions::Keep,
            format::LiveSessions::Refuse => LiveSessions::Refuse,
        });
    for counter in &policy.counters {
        let mut parts = counter.clone();
        parts.sort();
        builder = match parts[..] {
            [Part::Account] => builder.by_account(counting.clone()),
            [Part::Address] => builder.by_address(counting.clone()),
            [Part::Account, Part::Address] => builder.by_account_at_address(counting.clone()),
            _ => return Err(format!("nothing counts by {parts:?}")),
        };
    }
    builder.build().map_err(|error| error.to_string())
}

fn counting(policy: &Policy, limit: u32) -> Counting {
    match policy.ceiling {
        // The ordinary lock never comes: so many failures in a row lock, however old.
        Some(ceiling) if ceiling <= limit => Counting::after(ceiling),
        ceiling => {
            let counting = lasting(policy, window(policy, Counting::after(limit)));
            ceiling.map_or(counting.clone(), |ceiling| counting.ceiling(ceiling))
        }
    }
}

fn window(policy: &Policy, counting: Counting) -> Counting {
    match policy.window {
        Window::None {} => counting,
        Window::SinceLast { seconds } => counting.failures_since_last(seconds.length()),
        Window::Sliding { seconds } => counting.failures_within(seconds.length()),
    }
}

fn lasting(policy: &Policy, counting: Counting) -> Counting {
    let permanent = match policy.permanent_after {
        Some(0) => return counting,
        permanent => permanent,
    };
    let timed = match (&policy.growth, policy.lock_for_s) {
        (Growth::Steps { steps_s }, _) => {
            let steps: Vec<Duration> = steps_s.iter().map(|step| step.length()).collect();
            counting.lasting_in_steps(steps)
        }
        (_, None) => return counting,
        (Growth::None {}, Some(lock_for)) => counting.lasting(lock_for.length()),
        (Growth::Factor { factor, cap_s }, Some(lock_for)) => {
            let cap = cap_s.map(format::Seconds::length);
            let first = cap.map_or(lock_for.length(), |cap| cap.min(lock_for.length()));
            let counting = counting.lasting(first);
            if *factor == 1 { counting } else { counting.growing(*factor, cap) }
        }
    };
    permanent.map_or(timed.clone(), |lockouts| timed.permanent_after(lockouts))
}
