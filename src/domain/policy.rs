//! The lockout policy, as values that can't contradict themselves.

mod by;
mod keys;
mod meaning;
mod preset;
mod proof;
mod words;

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::client::ClientAddr;
use crate::domain::counting::{Contradiction, CounterRules, Counting, Extras};
use crate::domain::lock::LiveSessions;

pub(crate) use self::by::By;
pub use self::keys::{CounterKey, Differences, PolicyCounter, PolicyKey};
pub use self::meaning::{CounterMeaning, LockoutRow, Meaning};
pub use self::preset::Preset;
pub use self::proof::{Most, Proof, WorstCase};
pub use crate::domain::counting::MAX_LIMIT;

pub use self::words::{
    CounterWords, NEVER, NO_CEILING, NO_WINDOW, PolicyWords, UNTIL_UNLOCKED, UnknownWords,
    UnreadablePolicy, WindowKind, enforcement_name, enforcement_named, live_sessions_name,
    live_sessions_named,
};

/// The most wrong passwords that may be remembered of one source.
pub const MAX_REMEMBERED: u8 = 10;

/// The most networks that may be exempt.
pub const MAX_EXEMPT: usize = 1_000;

/// How failed sign-ins lock an account.
///
/// ```
/// use std::time::Duration;
/// use portcullis::LockoutPolicy;
///
/// # fn main() -> Result<(), portcullis::InvalidPolicy> {
/// let policy = LockoutPolicy::after(5)
///     .failures_within(Duration::from_secs(15 * 60))
///     .lasting(Duration::from_secs(3600))
///     .build()?;
/// assert_eq!(policy.limit(), Some(5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LockoutPolicy(Option<Arc<Counters>>);

/// Whether lockouts refuse anybody.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a lockout refuses or it does not")]
pub enum Enforcement {
    /// They do.
    #[default]
    Lock,
    /// Everything is counted, and nobody is refused: it is told whom the policy
    /// would have locked.
    Monitor,
}

/// Everything that a policy that counts says.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Counters {
    account: Option<Arc<CounterRules>>,
    account_at_address: Option<Arc<CounterRules>>,
    address: Option<AddressBudgets>,
    device: Option<Arc<CounterRules>>,
    exempt: Vec<IpNet>,
    known_devices: bool,
    extras: Extras,
    enforcement: Enforcement,
}

/// The rules of an address counter: for one source, and for the wider networks
/// that an IPv6 address is in.
#[derive(Clone, Debug, Eq, PartialEq)]
struct AddressBudgets([Arc<CounterRules>; 3]);

/// How many times as many guesses the wider networks have as one source: an IPv6
/// /64, /56 and /48. Who holds a /48 holds 65,536 of the narrow ones.
pub const WIDER: [u32; 3] = [1, 2, 4];

impl LockoutPolicy {
    /// Nobody is ever locked out, and nothing is counted.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Five failures in 15 minutes lock for 5 minutes; each further lockout
    /// lasts twice as long, at most an hour. 100 failures in 15 minutes refuse an
    /// address for as long. The default.
    pub fn balanced() -> Self {
        Preset::Balanced.policy()
    }

    /// Starts a policy that lets this many guesses of an account reach the
    /// password check, and counts by nothing else.
    ///
    /// Without further words the failures never age and the lock lasts until
    /// somebody unlocks.
    pub fn after(limit: u32) -> LockoutPolicyBuilder {
        Self::builder().by_account(Counting::after(limit))
    }

    /// Starts a policy that counts by nothing yet.
    pub const fn builder() -> LockoutPolicyBuilder {
        LockoutPolicyBuilder {
            account: None,
            account_at_address: None,
            address: None,
            exempt: Vec::new(),
            known_devices: true,
            remembered: 0,
            live_sessions: LiveSessions::Refuse,
            enforcement: Enforcement::Lock,
        }
    }

    /// How many guesses of one account reach the password check; none: all of them.
    pub fn limit(&self) -> Option<u32> {
        self.by_account().map(|rules| rules.limit())
    }

    /// Whether nothing is counted.
    pub const fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// How guesses of one account are counted, wherever they come from.
    pub fn by_account(&self) -> Option<&Arc<CounterRules>> {
        self.0.as_ref()?.account.as_ref()
    }

    /// How guesses of one account from one address are counted.
    pub fn by_account_at_address(&self) -> Option<&Arc<CounterRules>> {
        self.0.as_ref()?.account_at_address.as_ref()
    }

    /// How guesses from one address are counted, whosever they are.
    pub fn by_address(&self) -> Option<&Arc<CounterRules>> {
        self.0
            .as_ref()?
            .address
            .as_ref()
            .map(|budgets| &budgets.0[0])
    }

    /// How guesses from a known device of the account are counted; none where it
    /// is a stranger's like any other.
    pub fn by_device(&self) -> Option<&Arc<CounterRules>> {
        self.0.as_ref()?.device.as_ref()
    }

    /// Whether known devices are told from strangers. Where nothing is counted,
    /// they are: they are known when counting begins.
    pub fn knows_devices(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|counters| counters.known_devices)
    }

    /// The networks that this address counts under, with the rules of each, the
    /// narrowest first; none where addresses don't count or this one is exempt.
    pub fn networks_of(
        &self,
        address: ClientAddr,
    ) -> impl Iterator<Item = (IpNet, &Arc<CounterRules>)> {
        let counters = self
            .0
            .as_deref()
            .filter(|counters| !counters.exempts(address));
        let budgets = counters.and_then(|counters| counters.address.as_ref());
        let rules = budgets.into_iter().flat_map(|budgets| &budgets.0);
        address.networks().zip(rules)
    }

    /// The networks whose addresses don't count.
    pub fn exempt(&self) -> &[IpNet] {
        self.0.as_ref().map_or(&[], |counters| &counters.exempt)
    }

    /// What a lockout does to live sessions.
    pub fn live_sessions(&self) -> LiveSessions {
        let counters = self.0.as_ref();
        counters.map_or(LiveSessions::Refuse, |counters| counters.extras.live_sessions)
    }

    /// How many wrong passwords of one source are remembered: one of them again
    /// is not a new guess.
    pub fn remembered(&self) -> u8 {
        self.0
            .as_ref()
            .map_or(0, |counters| counters.extras.remembered)
    }

    /// Whether it refuses anybody.
    pub fn enforcement(&self) -> Enforcement {
        self.0
            .as_ref()
            .map_or(Enforcement::Lock, |counters| counters.enforcement)
    }
}

impl Counters {
    fn exempts(&self, address: ClientAddr) -> bool {
        self.exempt
            .iter()
            .any(|network| network.contains(&address.ip()))
    }
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self::balanced()
    }
}

/// Collects the words of a [`LockoutPolicy`].
#[derive(Clone, Debug)]
#[must_use = "a policy is made by build"]
pub struct LockoutPolicyBuilder {
    account: Option<Counting>,
    account_at_address: Option<Counting>,
    address: Option<Counting>,
    exempt: Vec<IpNet>,
    known_devices: bool,
    remembered: u8,
    live_sessions: LiveSessions,
    enforcement: Enforcement,
}

/// The words of [`Counting`], for the counter of the account.
impl LockoutPolicyBuilder {
    /// See [`Counting::failures_within`].
    pub fn failures_within(self, window: Duration) -> Self {
        self.account(|counting| counting.failures_within(window))
    }

    /// See [`Counting::failures_since_last`].
    pub fn failures_since_last(self, window: Duration) -> Self {
        self.account(|counting| counting.failures_since_last(window))
    }

    /// See [`Counting::lasting`].
    pub fn lasting(self, lock_for: Duration) -> Self {
        self.account(|counting| counting.lasting(lock_for))
    }

    /// See [`Counting::growing`].
    pub fn growing(self, factor: u32, cap: impl Into<Option<Duration>>) -> Self {
        self.account(|counting| counting.growing(factor, cap))
    }

    /// See [`Counting::lasting_in_steps`].
    pub fn lasting_in_steps(self, steps: impl Into<Vec<Duration>>) -> Self {
        self.account(|counting| counting.lasting_in_steps(steps))
    }

    /// See [`Counting::permanent_after`].
    pub fn permanent_after(self, lockouts: u32) -> Self {
        self.account(|counting| counting.permanent_after(lockouts))
    }

    /// See [`Counting::ceiling`].
    pub fn ceiling(self, failures: u32) -> Self {
        self.account(|counting| counting.ceiling(failures))
    }

    fn account(mut self, change: impl FnOnce(Counting) -> Counting) -> Self {
        self.account = self.account.map(change);
        self
    }
}

impl LockoutPolicyBuilder {
    /// Counts guesses by account, wherever they come from.
    pub fn by_account(mut self, counting: Counting) -> Self {
        self.account = Some(counting);
        self
    }

    /// Counts guesses of one account from one address, too. A lockout of this
    /// counter refuses that account from that address alone.
    pub fn by_account_at_address(mut self, counting: Counting) -> Self {
        self.account_at_address = Some(counting);
        self
    }

    /// Counts guesses by the address that they come from, too, whosever account
    /// they are at: an IPv4 address, or an IPv6 /64 with rising budgets for the
    /// /56 and /48 that it is in. A lockout of this counter refuses sign-ins from
    /// there, but on known devices.
    pub fn by_address(mut self, counting: Counting) -> Self {
        self.address = Some(counting);
        self
    }

    /// Never counts addresses in these networks. Those of trusted proxies never
    /// count anyway.
    pub fn exempt(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.exempt = networks.into_iter().collect();
        self
    }

    /// Whether known devices have guesses of their own. They do if nothing is said.
    pub const fn known_devices(mut self, on: bool) -> Self {
        self.known_devices = on;
        self
    }

    /// Remembers so many wrong passwords of each source, keyed and truncated: one
    /// of them again is not a new guess. None if nothing is said.
    pub const fn remembering(mut self, wrong_passwords: u8) -> Self {
        self.remembered = wrong_passwords;
        self
    }

    /// What a lockout does to sessions that were signed in before it.
    pub const fn live_sessions(mut self, live_sessions: LiveSessions) -> Self {
        self.live_sessions = live_sessions;
        self
    }

    /// Whether lockouts refuse anybody.
    pub const fn enforcement(mut self, enforcement: Enforcement) -> Self {
        self.enforcement = enforcement;
        self
    }

    /// The policy.
    ///
    /// # Errors
    ///
    /// If its words contradict each other, or one of them is zero.
    pub fn build(self) -> Result<LockoutPolicy, InvalidPolicy> {
        if self.remembered > MAX_REMEMBERED {
            return Err(InvalidPolicy::TooManyRemembered { asked: self.remembered });
        }
        if self.exempt.len() > MAX_EXEMPT {
            return Err(InvalidPolicy::TooManyExempt { networks: self.exempt.len() });
        }
        let extras = Extras { live_sessions: self.live_sessions, remembered: self.remembered };
        let rules = |counting: Option<Counting>| counting.map(|c| c.build(extras)).transpose();
        let account = rules(self.account).map_err(InvalidPolicy::Account)?;
        let at_address = rules(self.account_at_address).map_err(InvalidPolicy::AccountAtAddress)?;
        let address = rules(self.address).map_err(InvalidPolicy::Address)?;
        let own = account.as_ref().or(at_address.as_ref());
        if own.is_none() && address.is_none() {
            return Err(InvalidPolicy::NothingCounted);
        }
        let device = own
            .filter(|_| self.known_devices)
            .map(CounterRules::of_known_device);
        Ok(LockoutPolicy(Some(Arc::new(Counters {
            device: device.map(Arc::new),
            account: account.map(Arc::new),
            account_at_address: at_address.map(Arc::new),
            address: address.map(|rules| AddressBudgets::of(&rules)),
            exempt: self.exempt,
            known_devices: self.known_devices,
            extras,
            enforcement: self.enforcement,
        }))))
    }
}

impl AddressBudgets {
    fn of(rules: &CounterRules) -> Self {
        Self(WIDER.map(|times| Arc::new(rules.widened(times))))
    }
}

/// Why the words of a policy don't make one; each names the settings and the mend.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// Of the counter of the account.
    #[error(transparent)]
    Account(Contradiction),
    /// Of the counter of the account at one address.
    #[error("account_at_address: {0}")]
    AccountAtAddress(#[source] Contradiction),
    /// Of the counter of the address.
    #[error("address: {0}")]
    Address(#[source] Contradiction),
    /// A preset that stands for a rule of somebody else's, changed against it.
    #[error(
        "{setting} goes against the preset {preset}, which asks for {asks}: change it back, or take another preset"
    )]
    AgainstPreset {
        /// The preset's name.
        preset: &'static str,
        /// The part that goes against it.
        setting: &'static str,
        /// What the rule asks for.
        asks: &'static str,
    },
    /// Every counter is off.
    #[error(
        "neither `account` nor `address` nor both are counted: count one, or switch lockouts `off`"
    )]
    NothingCounted,
    /// What is off has no parts.
    #[error("`off` counts nothing, so it has no parts: leave them out, or begin with a preset")]
    PartsOfOff,
    /// More networks than a list should have.
    #[error("{networks} networks are `exempt`, and at most {MAX_EXEMPT}: join them to wider ones")]
    TooManyExempt {
        /// How many.
        networks: usize,
    },
    /// More wrong passwords than a person mistypes.
    #[error("`remember_wrong` is {asked}, and at most {MAX_REMEMBERED}: lower it")]
    TooManyRemembered {
        /// How many.
        asked: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn contradictions_name_their_counter() {
        let of = |builder: LockoutPolicyBuilder| builder.build().expect_err("contradicts itself");
        assert_eq!(of(LockoutPolicy::after(0)), InvalidPolicy::Account(Contradiction::NoLimit));
        let address = LockoutPolicy::after(5).by_address(Counting::after(0));
        let message = of(address).to_string();
        assert!(message.starts_with("address: `max_attempts` is 0"), "{message}");
        assert_eq!(of(LockoutPolicy::builder()), InvalidPolicy::NothingCounted);
        let eleven = of(LockoutPolicy::after(5).remembering(11));
        assert_eq!(eleven, InvalidPolicy::TooManyRemembered { asked: 11 });
    }

    #[test]
    fn lockouts_double_up_to_the_cap_and_never_overflow() {
        let policy = LockoutPolicy::balanced();
        let rules = policy.by_account().expect("it counts");
        let minutes = |n| rules.length_after(n).map(|length| length.as_secs() / 60);
        let row: Vec<_> = (0..6).map(minutes).collect();
        assert_eq!(row, [5, 10, 20, 40, 60, 60].map(Some));
        assert_eq!(minutes(u32::MAX), Some(60));
    }

    #[test]
    fn the_default_is_a_policy_that_builds() {
        let built = LockoutPolicy::after(5)
            .failures_within(secs(900))
            .lasting(secs(300))
            .growing(2, secs(3600))
            .by_address(
                Counting::after(100)
                    .failures_within(secs(900))
                    .lasting(secs(900)),
            )
            .remembering(3)
            .build();
        assert_eq!(built, Ok(LockoutPolicy::default()));
    }

    #[test]
    fn an_ipv6_address_counts_under_rising_budgets() {
        let policy = LockoutPolicy::balanced();
        let networks = |text: &str| -> Vec<(String, u32)> {
            let address = ClientAddr::from(text.parse::<std::net::IpAddr>().expect("an address"));
            let networks = policy.networks_of(address);
            networks
                .map(|(net, rules)| (net.to_string(), rules.limit()))
                .collect()
        };
        let expected = [
            ("2001:db8:1:12ff::/64", 100),
            ("2001:db8:1:1200::/56", 200),
            ("2001:db8:1::/48", 400),
        ];
        assert_eq!(networks("2001:db8:1:12ff::7"), expected.map(|(n, l)| (n.to_owned(), l)));
        assert_eq!(networks("192.0.2.7"), [("192.0.2.7/32".to_owned(), 100)]);
        assert_eq!(networks("::ffff:192.0.2.7"), [("192.0.2.7/32".to_owned(), 100)]);
    }

    #[test]
    fn exempt_networks_do_not_count() {
        let policy = LockoutPolicy::after(5)
            .by_address(Counting::after(9))
            .exempt(["10.0.0.0/8".parse().expect("a network")])
            .build()
            .expect("a policy");
        let counted = |text: &str| {
            let address = ClientAddr::from(text.parse::<std::net::IpAddr>().expect("an address"));
            policy.networks_of(address).count()
        };
        assert_eq!(
            (counted("10.1.2.3"), counted("::ffff:10.1.2.3"), counted("11.0.0.1")),
            (0, 0, 1)
        );
    }
}
