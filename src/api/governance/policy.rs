//! The lockout policy as WSO2's properties.

use super::connector::{Pair, Property};
use crate::domain::counting::Growth;
use crate::domain::policy::LockoutPolicy;

const ENABLE: &str = "account.lock.handler.lock.on.max.failed.attempts.enable";
/// As it was called before.
const OLD_ENABLE: &str = "account.lock.handler.enable";
const ATTEMPTS: &str = "account.lock.handler.On.Failure.Max.Attempts";
const MINUTES: &str = "account.lock.handler.Time";
const RATIO: &str = "account.lock.handler.login.fail.timeout.ratio";

/// What counts when it is switched on and nobody said how.
const WHEN_ON: &str = "wso2";
const OFF: &str = "off";

pub(super) fn is_known(name: &str) -> bool {
    [ENABLE, OLD_ENABLE, ATTEMPTS, MINUTES, RATIO].contains(&name)
}

/// The properties of a policy.
pub(super) fn read(value: &str) -> Vec<Property> {
    let policy = value
        .parse::<LockoutPolicy>()
        .unwrap_or_else(|_| LockoutPolicy::off());
    let mut properties =
        vec![(ENABLE, (!policy.is_off()).to_string(), "Lock user accounts on failed sign-ins")];
    let Some(rules) = policy.by_account() else { return properties };
    let first = rules.length_after(0);
    // Whole minutes, rounded up: nobody is told too little.
    let minutes = first.map_or(0, |length| length.as_secs().div_ceil(60));
    let ratio = match rules.growth() {
        Some(Growth::Factor { factor, .. }) => *factor,
        _ => 1,
    };
    properties.extend([
        (ATTEMPTS, rules.limit().to_string(), "Number of consecutive failed sign-ins"),
        (MINUTES, minutes.to_string(), "Lock duration in minutes; 0: until unlocked"),
        (RATIO, ratio.to_string(), "By how much each further lock is longer"),
    ]);
    properties
}

/// The policy with these properties, or what is wrong with them.
pub(super) fn write(value: &str, pairs: &[Pair]) -> Result<String, String> {
    let said = |wanted: &str| {
        pairs
            .iter()
            .rfind(|(name, _)| name == wanted)
            .map(|(_, value)| value.trim())
    };
    let enable = said(ENABLE)
        .or_else(|| said(OLD_ENABLE))
        .map(flag)
        .transpose()?;
    if enable == Some(false) || (enable.is_none() && value == OFF) {
        return Ok(OFF.to_owned());
    }
    let mut policy = if value == OFF { WHEN_ON.to_owned() } else { value.to_owned() };
    if let Some(attempts) = said(ATTEMPTS) {
        policy = with(&policy, "max_attempts", &number(ATTEMPTS, attempts)?.to_string());
    }
    if let Some(minutes) = said(MINUTES) {
        let lock_for = match number(MINUTES, minutes)? {
            0 => "until-unlocked".to_owned(),
            minutes => format!("{minutes}m"),
        };
        policy = with(&policy, "lock_for", &lock_for);
    }
    if let Some(ratio) = said(RATIO) {
        // As WSO2 reads it: what is no factor makes nothing longer.
        let factor = ratio
            .parse::<u32>()
            .ok()
            .filter(|ratio| *ratio > 0)
            .unwrap_or(1);
        policy = with(&policy, "growth", &factor.to_string());
    }
    Ok(policy)
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.trim() {
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        other => Err(format!("{other:?} is neither true nor false")),
    }
}

fn number(name: &str, text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("{name} is a number, not {text:?}"))
}

/// The policy with this part said anew.
fn with(policy: &str, part: &str, value: &str) -> String {
    let prefix = format!("{part}=");
    let others = policy
        .split_whitespace()
        .filter(|word| !word.starts_with(&prefix));
    let mut words: Vec<&str> = others.collect();
    let own = format!("{prefix}{value}");
    words.push(&own);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str, pairs: &[(&str, &str)]) -> Result<String, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        write(value, &pairs.iter().map(own).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_written_is_read() {
        let all = [(ENABLE, "true"), (ATTEMPTS, "7"), (MINUTES, "10"), (RATIO, "3")];
        for before in ["off", "balanced", "wso2", "clerk"] {
            let policy = written(before, &all).expect("a policy");
            let read: Vec<_> = read(&policy)
                .into_iter()
                .map(|(name, value, _)| (name, value))
                .collect();
            let expected: Vec<_> = all
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect();
            assert_eq!(read, expected, "{before}: {policy}");
        }
        let forever = written("wso2", &[(MINUTES, "0")]).expect("a policy");
        assert_eq!(read(&forever)[2].1, "0", "{forever}");
        assert_eq!(written("wso2", &[(ENABLE, "false"), (ATTEMPTS, "7")]).as_deref(), Ok("off"));
        assert_eq!(written("off", &[(ATTEMPTS, "7")]).as_deref(), Ok("off"));
        let parts = read(&written("wso2", &[(RATIO, "abc")]).expect("a policy"));
        assert_eq!(parts[3].1, "1");
        assert!(written("wso2", &[(ATTEMPTS, "many")]).is_err());
        assert!(written("wso2", &[(ENABLE, "yes")]).is_err());
    }
}
