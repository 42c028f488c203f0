//! Policies that have names.

use std::time::Duration;

use super::words::{CounterParts, Parts};
use super::{Enforcement, InvalidPolicy, LockoutPolicy};
use crate::domain::counting::Window;
use crate::domain::lock::LiveSessions;

/// A policy that has a name.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Preset {
    /// Nobody is locked out, and nothing is counted.
    Off,
    /// 5 failures in 15 minutes lock for 5 minutes, doubling to at most 1 hour.
    #[default]
    Balanced,
    /// As [`Preset::Balanced`], and refuses nobody: it tells whom it would have
    /// locked.
    Monitor,
    /// NIST SP 800-63B-4, 3.2.2: at most 100 consecutive failures, then recovery.
    /// 10 failures lock for 30 seconds, doubling to at most 1 hour.
    Nist,
    /// PCI DSS 4.0.1, 8.3.4: at most 10 failures lock for at least 30 minutes.
    Pci,
    /// OWASP ASVS 4.0, 2.2.1: at most 100 failures an hour. 10 failures in an
    /// hour lock for 15 minutes, doubling to at most 1 hour.
    OwaspAsvs,
    /// As the CIS benchmarks for Windows: 5 failures in 15 minutes lock for 15.
    Cis,
    /// As OpenProject: 20 failures, none 30 minutes after the one before, lock for
    /// 30 minutes.
    OpenProject,
    /// As Clerk: 10 failures lock for 1 hour; failures don't age.
    Clerk,
    /// As WSO2 Identity Server: 5 failures lock for 5 minutes, doubling to at most
    /// 24 hours; failures don't age.
    Wso2,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Balanced,
        Self::Nist,
        Self::Pci,
        Self::OwaspAsvs,
        Self::Cis,
        Self::OpenProject,
        Self::Clerk,
        Self::Wso2,
        Self::Monitor,
        Self::Off,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Balanced => "balanced",
            Self::Monitor => "monitor",
            Self::Nist => "nist-800-63b-4",
            Self::Pci => "pci-8.3.4",
            Self::OwaspAsvs => "owasp-asvs",
            Self::Cis => "cis",
            Self::OpenProject => "openproject",
            Self::Clerk => "clerk",
            Self::Wso2 => "wso2",
        }
    }

    /// The preset of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The policy itself.
    pub fn policy(self) -> LockoutPolicy {
        let built = self.parts().map(Parts::build).transpose();
        // Every preset builds (a test holds it).
        built.ok().flatten().unwrap_or(LockoutPolicy::off())
    }

    /// The parts that make it up; none for [`Preset::Off`].
    pub(super) fn parts(self) -> Option<Parts> {
        let whole = |account| Parts::of_account(account);
        let by_rule = |account| Parts { remembered: 0, ..Parts::of_account(account) };
        Some(match self {
            Self::Off => return None,
            Self::Balanced => whole(sliding(5, 15, 5 * MINUTE).growing(2, 60)),
            Self::Monitor => Parts {
                enforcement: Enforcement::Monitor,
                ..whole(sliding(5, 15, 5 * MINUTE).growing(2, 60))
            },
            Self::Nist => by_rule(endless(10, 30).growing(2, 60).with_ceiling(100)),
            Self::Pci => Parts {
                known_devices: false,
                ..by_rule(sliding(10, 24 * 60, 30 * MINUTE).with_ceiling(100))
            },
            Self::OwaspAsvs => by_rule(
                sliding(10, 60, 15 * MINUTE)
                    .growing(2, 60)
                    .with_ceiling(100),
            ),
            Self::Cis => Parts { known_devices: false, ..by_rule(sliding(5, 15, 15 * MINUTE)) },
            Self::OpenProject => whole(CounterParts {
                window: Window::SinceLast(minutes(30)),
                ..endless(20, 30 * MINUTE)
            }),
            Self::Clerk => whole(endless(10, 60 * MINUTE)),
            Self::Wso2 => whole(endless(5, 5 * MINUTE).growing(2, 24 * 60)),
        })
    }

    /// Whether a policy still is what the preset stands for: where that is a rule
    /// of somebody else's, who relies on the name must get it.
    pub(super) fn stands_for(self, policy: &LockoutPolicy) -> Result<(), InvalidPolicy> {
        let against = |setting, asks| {
            Err(InvalidPolicy::AgainstPreset { preset: self.name(), setting, asks })
        };
        let rule = match self {
            Self::Nist | Self::Pci | Self::OwaspAsvs | Self::Cis => self,
            _ => return Ok(()),
        };
        let Some(account) = policy.by_account() else {
            return against("`count`", "failures to be counted by account");
        };
        if policy.enforcement() == Enforcement::Monitor {
            return against("`mode`", "lockouts that lock");
        }
        let shortest = account.length_after(0);
        let shorter_than = |floor| shortest.is_some_and(|length| length < minutes(floor));
        match rule {
            Self::Nist if account.ceiling().is_none_or(|most| most > 100) && shortest.is_some() => {
                against("`ceiling`", "at most 100 consecutive failures")
            }
            Self::Pci if account.limit() > 10 => against("`max_attempts`", "at most 10"),
            Self::Pci if shorter_than(30) => against("`lock_for`", "at least 30 minutes"),
            Self::Pci if policy.by_device().is_some() => {
                against("`known_devices`", "one count for each account")
            }
            Self::OwaspAsvs if policy.proof().account_in_an_hour() > 100 => {
                against("`max_attempts`", "at most 100 failures an hour")
            }
            Self::Cis if account.limit() > 5 => against("`max_attempts`", "at most 5"),
            Self::Cis if shorter_than(15) => against("`lock_for`", "at least 15 minutes"),
            Self::Cis
                if account
                    .window()
                    .length()
                    .is_some_and(|window| window < minutes(15)) =>
            {
                against("`window`", "at least 15 minutes")
            }
            _ => Ok(()),
        }
    }
}

const MINUTE: u64 = 60;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * MINUTE)
}

const fn endless(max_attempts: u32, lock_secs: u64) -> CounterParts {
    CounterParts {
        max_attempts,
        window: Window::Endless,
        lock_for: Some(Duration::from_secs(lock_secs)),
        growth: 1,
        longest: None,
        steps: None,
        permanent_after: None,
        ceiling: None,
    }
}

fn sliding(max_attempts: u32, window: u64, lock_secs: u64) -> CounterParts {
    CounterParts { window: Window::Sliding(minutes(window)), ..endless(max_attempts, lock_secs) }
}

impl CounterParts {
    fn growing(self, growth: u32, longest: u64) -> Self {
        Self { growth, longest: Some(minutes(longest)), ..self }
    }

    fn with_ceiling(self, ceiling: u32) -> Self {
        Self { ceiling: Some(ceiling), ..self }
    }
}

impl Parts {
    /// A preset's parts: this counter, and the address counter that all have.
    fn of_account(account: CounterParts) -> Self {
        Self {
            account: Some(account),
            account_at_address: None,
            address: Some(sliding(100, 15, 15 * MINUTE)),
            exempt: Vec::new(),
            known_devices: true,
            remembered: 3,
            live_sessions: LiveSessions::Refuse,
            enforcement: Enforcement::Lock,
        }
    }

    /// What an address counter begins with where the preset has none.
    pub(super) fn any_address() -> CounterParts {
        sliding(100, 15, 15 * MINUTE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_builds_and_stands_for_itself() {
        for preset in Preset::ALL {
            assert_eq!(Preset::named(preset.name()), Some(preset));
            let built = preset
                .parts()
                .map(Parts::build)
                .transpose()
                .unwrap_or_else(|error| panic!("{}: {error}", preset.name()));
            assert_eq!(built.is_none(), preset == Preset::Off);
            let policy = preset.policy();
            assert_eq!(preset.stands_for(&policy), Ok(()), "{}", preset.name());
        }
    }

    #[test]
    fn presets_are_what_they_are_named_after() {
        let secs = |preset: Preset, n| {
            let policy = preset.policy();
            let rules = policy.by_account().expect("it counts");
            (rules.limit(), rules.length_after(n).map(|length| length.as_secs()))
        };
        assert_eq!(secs(Preset::OpenProject, 3), (20, Some(1800)));
        assert_eq!([0, 1, 2].map(|n| secs(Preset::Wso2, n).1), [300, 600, 1200].map(Some));
        assert_eq!(secs(Preset::Clerk, 1), (10, Some(3600)));
        assert_eq!([0, 1, 9].map(|n| secs(Preset::Nist, n).1), [30, 60, 3600].map(Some));
        assert_eq!(secs(Preset::Pci, 5), (10, Some(1800)));
        assert_eq!(secs(Preset::Cis, 5), (5, Some(900)));
        assert!(Preset::Pci.policy().by_device().is_none());
        assert!(Preset::Balanced.policy().by_device().is_some());
    }
}
