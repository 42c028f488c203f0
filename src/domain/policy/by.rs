//! What an attempt is counted by.

use std::sync::Arc;

use ipnet::IpNet;

use super::LockoutPolicy;
use crate::domain::attempts::Scope;
use crate::domain::client::ClientAddr;
use crate::domain::counting::CounterRules;
use crate::domain::device::DeviceId;

/// What one counter counts by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum By {
    /// The account, or the login that nobody has: all strangers share it.
    Account,
    /// The account, from one network.
    AccountAtAddress,
    /// The network, whosever account it is.
    Address(IpNet),
    /// One known device of the account.
    Device(DeviceId),
}

impl By {
    /// What a success means to it.
    pub(crate) const fn scope(self) -> Scope {
        match self {
            Self::Address(_) => Scope::Shared,
            Self::Account | Self::AccountAtAddress | Self::Device(_) => Scope::Own,
        }
    }
}

impl LockoutPolicy {
    /// What a stranger's attempt is counted by, with the rules of each. The first of
    /// them remembers wrong passwords.
    ///
    /// A login of nothing is not `named`: it is nobody's. An address that many come
    /// from, as a trusted proxy's own, is none.
    pub(crate) fn stranger_counts_by(
        &self,
        named: bool,
        address: Option<ClientAddr>,
    ) -> impl Iterator<Item = (By, &Arc<CounterRules>)> {
        let account = self.by_account().filter(|_| named);
        let pair = self.by_account_at_address();
        let pair = pair.filter(|_| named && address.is_some());
        let networks = address.map(|address| self.networks_of(address));
        let networks = networks.into_iter().flatten();
        let own = account
            .map(|rules| (By::Account, rules))
            .into_iter()
            .chain(pair.map(|rules| (By::AccountAtAddress, rules)));
        own.chain(networks.map(|(network, rules)| (By::Address(network), rules)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::domain::counting::Counting;

    fn policy() -> LockoutPolicy {
        LockoutPolicy::after(5)
            .by_account_at_address(Counting::after(3))
            .by_address(Counting::after(9))
            .build()
            .expect("a policy")
    }

    fn counted(named: bool, address: Option<&str>) -> Vec<(String, u32)> {
        let address = address.map(|text| text.parse::<IpAddr>().expect("an address").into());
        let policy = policy();
        let by = policy.stranger_counts_by(named, address);
        by.map(|(by, rules)| (format!("{by:?}"), rules.limit()))
            .collect()
    }

    fn named(all: &[(&str, u32)]) -> Vec<(String, u32)> {
        all.iter()
            .map(|(by, limit)| ((*by).to_owned(), *limit))
            .collect()
    }

    #[test]
    fn a_stranger_counts_by_account_by_both_and_by_address() {
        let everything =
            named(&[("Account", 5), ("AccountAtAddress", 3), ("Address(192.0.2.7/32)", 9)]);
        assert_eq!(counted(true, Some("192.0.2.7")), everything);
        assert_eq!(counted(true, None), named(&[("Account", 5)]), "from a proxy of ours");
        assert_eq!(counted(false, Some("192.0.2.7")), everything[2..], "nobody's login");
        assert_eq!(counted(false, None), []);
        assert_eq!(counted(true, Some("2001:db8::1")).len(), 5, "three networks");
    }
}
