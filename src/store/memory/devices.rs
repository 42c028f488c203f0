//! Known devices held in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::domain::account::{Account, AccountId};
use crate::domain::device::{Device, DeviceId, MAX_DEVICES, Sighting};
use crate::domain::time::Timestamp;
use crate::store::NewDevice;

#[derive(Debug, Default)]
pub(super) struct Devices(BTreeMap<(AccountId, DeviceId), Device>);

impl Devices {
    /// The device, if it is known to this account.
    pub(super) fn known(&self, account: &Account, id: DeviceId, at: Timestamp) -> Option<&Device> {
        let device = self.0.get(&(account.id, id))?;
        Some(device).filter(|device| device.is_known_to(account, at))
    }

    /// Those that are known to this account, last used first.
    pub(super) fn of(&self, account: &Account, at: Timestamp) -> Vec<Device> {
        let known = |device: &&Device| device.is_known_to(account, at);
        let mut devices: Vec<Device> = self.0.values().filter(known).cloned().collect();
        devices
            .sort_by_key(|device| Reverse((device.last_seen_at, device.first_seen_at, device.id)));
        devices
    }

    /// Notes a full sign-in. The device that was used longest ago makes room.
    pub(super) fn signed_in(
        &mut self,
        account: &Account,
        new: &NewDevice,
        seen: Sighting,
    ) -> DeviceId {
        let at = seen.at;
        let known = new
            .known
            .and_then(|id| self.known(account, id, at))
            .cloned();
        let device = match known {
            Some(device) => device.seen_again(seen),
            None => Device::first_seen(new.fresh, account, seen),
        };
        let others = self
            .of(account, at)
            .into_iter()
            .filter(|one| one.id != device.id);
        let stay: Vec<DeviceId> = others.take(MAX_DEVICES - 1).map(|one| one.id).collect();
        self.0
            .retain(|(owner, id), _| *owner != account.id || stay.contains(id));
        let id = device.id;
        self.0.insert((account.id, id), device);
        id
    }

    /// Says whether it was there.
    pub(super) fn forget(&mut self, account: &Account, id: DeviceId, at: Timestamp) -> bool {
        let known = self.known(account, id, at).is_some();
        known && self.0.remove(&(account.id, id)).is_some()
    }

    /// Forgets those that are known no more since before this, and says how many.
    pub(super) fn prune(&mut self, before: Timestamp) -> u64 {
        let held = self.0.len();
        self.0.retain(|_, device| device.expires_at >= before);
        (held - self.0.len()) as u64
    }
}
