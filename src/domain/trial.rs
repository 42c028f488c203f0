//! One policy, tried on attempts that are over: the gate's own rules, on counters in
//! memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use ipnet::IpNet;
use smallvec::SmallVec;

use crate::domain::attempts::{self, AttemptRecord, Counted, Guess, Outcome, Reservation, Settled};
use crate::domain::client::ClientAddr;
use crate::domain::counting::CounterRules;
use crate::domain::device::{DeviceId, KNOWN_FOR, MAX_DEVICES};
use crate::domain::lock::Lockout;
use crate::domain::policy::{By, LockoutPolicy};
use crate::domain::time::Timestamp;

/// How many counters are held: as many as a gateway keeps in memory.
const MOST_COUNTERS: usize = 262_144;

/// How many people's devices are held.
const MOST_OWNERS: usize = 100_000;

/// Whose login it is, as whoever tries a policy tells people apart.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Who(pub(crate) u64);

/// An attempt, as far as a policy cares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    pub(crate) at: Timestamp,
    /// None where it is not told.
    pub(crate) who: Option<Who>,
    pub(crate) address: Option<ClientAddr>,
    /// What tells one device from another, whatever that is.
    pub(crate) device: Option<DeviceId>,
    /// Whether the password was right.
    pub(crate) success: bool,
    /// What tells one wrong password from another.
    pub(crate) mark: Option<u64>,
}

/// A policy that is being tried.
pub(crate) struct Trial {
    policy: LockoutPolicy,
    records: HashMap<Key, AttemptRecord>,
    devices: HashMap<Who, SmallVec<[(DeviceId, Timestamp); 1]>>,
    nonce: u64,
    state: RandomState,
    /// How many counters were let go that still counted something.
    pub(crate) forgotten: u64,
}

/// Whose a counter is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Key {
    Account(Who),
    Pair(Who, IpNet),
    Network(IpNet),
    Device(Who, DeviceId),
}

/// What came of an attempt.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    /// Whether its password would have been looked at.
    pub(crate) checked: bool,
    /// The lockouts that it laid.
    pub(crate) laid: SmallVec<[(By, Lockout); 1]>,
}

type Counters<'a> = SmallVec<[(By, Key, &'a CounterRules); 5]>;

impl Trial {
    pub(crate) fn of(policy: &LockoutPolicy) -> Self {
        Self {
            policy: policy.clone(),
            records: HashMap::new(),
            devices: HashMap::new(),
            nonce: 0,
            state: RandomState::new(),
            forgotten: 0,
        }
    }

    /// What the gate does with an attempt: a known device's own guesses first, then
    /// those of strangers.
    pub(crate) fn make(&mut self, attempt: &Past) -> Tried {
        let policy = self.policy.clone();
        let (who, device) = (attempt.who, attempt.device);
        let known = who
            .zip(device)
            .filter(|(who, device)| self.knows(*who, *device, attempt.at));
        let own = known.zip(policy.by_device());
        if let Some(((who, device), rules)) = own {
            let counters: Counters<'_> =
                std::iter::once((By::Device(device), Key::Device(who, device), &**rules)).collect();
            let tried = self.ask(&counters, attempt, Some(device));
            if tried.checked {
                self.learn(attempt, Some((who, device)));
                return tried;
            }
        }
        let counters = strangers(&policy, who, attempt.address);
        let tried = self.ask(&counters, attempt, None);
        if tried.checked {
            self.learn(attempt, who.zip(device));
        }
        tried
    }

    fn ask(&mut self, counters: &Counters<'_>, attempt: &Past, device: Option<DeviceId>) -> Tried {
        if counters.is_empty() {
            return Tried { checked: true, ..Tried::default() };
        }
        self.make_room(attempt.at);
        self.nonce += 1;
        let mut records: SmallVec<[AttemptRecord; 5]> = counters
            .iter()
            .map(|(_, key, _)| self.records.remove(key).unwrap_or_default())
            .collect();
        let counted: SmallVec<[Counted<'_>; 5]> = counters
            .iter()
            .map(|(by, _, rules)| Counted { rules, generation: 0, scope: by.scope() })
            .collect();
        let mut tried = Tried::default();
        if let Reservation::Granted(tickets) =
            attempts::reserve(&mut records, &counted, self.nonce, attempt.at)
        {
            let outcome = self.outcome(attempt, device);
            let settled = attempts::settle(&mut records, &counted, &tickets, outcome, attempt.at);
            tried = Tried { checked: true, laid: laid(counters, settled) };
        }
        for ((_, key, _), record) in counters.iter().zip(records) {
            if !record.is_blank() {
                self.records.insert(*key, record);
            }
        }
        tried
    }

    fn outcome(&self, attempt: &Past, device: Option<DeviceId>) -> Outcome {
        if attempt.success {
            return Outcome::Succeeded;
        }
        // A wrong password again, from another network or device, is another guess.
        let source = match device {
            Some(device) => self.state.hash_one(("from", device)),
            None => self.state.hash_one(attempt.address.map(ClientAddr::prefix)),
        };
        let source = (source >> 32) as u32;
        Outcome::Failed(attempt.mark.map(|print| Guess { source, print }))
    }

    fn knows(&self, who: Who, device: DeviceId, now: Timestamp) -> bool {
        let devices = self.devices.get(&who);
        devices.is_some_and(|devices| {
            devices
                .iter()
                .any(|(known, at)| *known == device && now.since(*at) < KNOWN_FOR)
        })
    }

    /// A full sign-in makes its device known.
    fn learn(&mut self, attempt: &Past, device: Option<(Who, DeviceId)>) {
        let Some((who, device)) = device.filter(|_| attempt.success) else {
            return;
        };
        if !self.devices.contains_key(&who) && self.devices.len() >= MOST_OWNERS {
            self.forget_owners();
        }
        let devices = self.devices.entry(who).or_default();
        devices.retain(|(known, _)| *known != device);
        if devices.len() >= MAX_DEVICES {
            devices.remove(0);
        }
        devices.push((device, attempt.at));
    }

    /// Forgets the half whose devices were used longest ago.
    fn forget_owners(&mut self) {
        let last = |devices: &[(DeviceId, Timestamp)]| devices.last().map(|(_, at)| *at);
        let mut times: Vec<_> = self.devices.values().map(|devices| last(devices)).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        self.devices.retain(|_, devices| last(devices) > median);
    }

    /// Lets go of counters that say nothing any more; where these are too few, of
    /// those that say least, and never of a lockout.
    fn make_room(&mut self, now: Timestamp) {
        if self.records.len() < MOST_COUNTERS {
            return;
        }
        let policy = &self.policy;
        self.records.retain(|key, record| {
            let forgettable = key
                .rules(policy)
                .and_then(|rules| record.forgettable_at(rules));
            forgettable.is_none_or(|at| at > now)
        });
        let before = self.records.len();
        let mut least = 1;
        while self.records.len() > MOST_COUNTERS / 8 * 7 && least < 1 << 20 {
            self.records.retain(|_, record| {
                record.weight() > least
                    || record.lockout().is_some_and(|lockout| lockout.is_on(now))
            });
            least *= 2;
        }
        self.forgotten += (before - self.records.len()) as u64;
    }
}

impl Key {
    fn rules(self, policy: &LockoutPolicy) -> Option<&CounterRules> {
        match self {
            Self::Account(_) => policy.by_account(),
            Self::Pair(..) => policy.by_account_at_address(),
            Self::Device(..) => policy.by_device(),
            Self::Network(network) => policy
                .networks_of(network.addr().into())
                .find(|(counted, _)| *counted == network)
                .map(|(_, rules)| rules),
        }
        .map(AsRef::as_ref)
    }
}

fn strangers(
    policy: &LockoutPolicy,
    who: Option<Who>,
    address: Option<ClientAddr>,
) -> Counters<'_> {
    let counts_by = policy.stranger_counts_by(who.is_some(), address);
    let keyed = counts_by.filter_map(|(by, rules)| {
        let key = match by {
            By::Account => Key::Account(who?),
            By::AccountAtAddress => Key::Pair(who?, address?.prefix()),
            By::Address(network) => Key::Network(network),
            By::Device(device) => Key::Device(who?, device),
        };
        Some((by, key, &**rules))
    });
    keyed.collect()
}

fn laid(counters: &Counters<'_>, settled: Vec<Settled>) -> SmallVec<[(By, Lockout); 1]> {
    let each = counters.iter().zip(settled);
    each.filter_map(|((by, ..), settled)| match settled {
        Settled::LockedOut(lockout) => Some((*by, lockout)),
        Settled::Recorded { .. } | Settled::Stale => None,
    })
    .collect()
}

#[cfg(test)]
mod tests;
