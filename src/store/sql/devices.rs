//! Known devices: seen at a sign-in, listed, forgotten.

use sqlx::{Any, Executor, Row};

use super::SqlDirectory;
use super::accounts;
use super::audit::Entry;
use super::db::Tx;
use super::errors::Fallible;
use super::heads;
use super::rows::{self, device_columns, json, stored};
use crate::domain::account::{Account, AccountId};
use crate::domain::device::{Device, DeviceId, MAX_DEVICES};
use crate::domain::event::Note;
use crate::domain::time::Timestamp;
use crate::store::NewSession;

/// A device that has gone with its account's generation is a stranger's.
const KNOWN: &str = concat!(
    "SELECT ",
    device_columns!(),
    " FROM devices JOIN accounts ON accounts.id = devices.account \
     AND accounts.generation = devices.generation \
     WHERE devices.account = $1 AND devices.id = $2 AND devices.expires_at > $3"
);

const ALL_KNOWN: &str = concat!(
    "SELECT ",
    device_columns!(),
    " FROM devices JOIN accounts ON accounts.id = devices.account \
     AND accounts.generation = devices.generation \
     WHERE devices.account = $1 AND devices.expires_at > $2 \
     ORDER BY devices.last_seen_at DESC, devices.first_seen_at DESC, devices.id DESC"
);

impl SqlDirectory {
    pub(super) async fn find_device(
        &self,
        account: AccountId,
        id: DeviceId,
    ) -> Fallible<Option<Device>> {
        known(self.db.readers(), account, id, self.clock.wall()).await
    }

    pub(super) async fn list_devices(&self, account: AccountId) -> Fallible<Vec<Device>> {
        all_known(self.db.readers(), account, self.clock.wall()).await
    }

    /// A change of the account, so that every gate hears of it.
    pub(super) async fn forget_one(
        &self,
        account: AccountId,
        id: DeviceId,
        note: Note,
    ) -> Fallible<Option<Account>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let now = self.clock.wall();
        let Some(before) = accounts::read(&mut tx, account).await? else { return Ok(None) };
        if known(&mut *tx, account, id, now).await?.is_none() {
            return Ok(None);
        }
        let mut edit = before.clone();
        edit.locks.forget_device(id);
        let after = accounts::edited(&before, edit, None, now);
        // Before its devices, as whoever signs in does it.
        accounts::update(&mut tx, &after, None).await?;
        delete(&mut tx, account, &id.to_string()).await?;
        heads::tell(&mut tx, &head, account, now).await?;
        let states = (Some(json(&before)?), Some(json(&after)?));
        let entry = Entry { account: Some(account), note, before: states.0, after: states.1 };
        self.record(&mut tx, head, now, entry).await?;
        self.commit(tx).await?;
        Ok(Some(after))
    }
}

/// Whether a sign-in is let in while strangers are locked out: its device's own
/// budget granted it, and the device was not forgotten meanwhile.
pub(super) async fn is_past_lockout(
    tx: &mut Tx,
    new: &NewSession,
    account: &Account,
    now: Timestamp,
) -> Fallible<bool> {
    let device = new.device.as_ref().filter(|device| device.past_lockout);
    let Some(id) = device.and_then(|device| device.known) else { return Ok(false) };
    Ok(known(&mut **tx, account.id, id, now).await?.is_some())
}

/// Notes a full sign-in on the device that it came from, if clients have any.
pub(super) async fn signed_in(
    tx: &mut Tx,
    new: &NewSession,
    account: &Account,
    now: Timestamp,
) -> Fallible<Option<DeviceId>> {
    let Some(device) = &new.device else { return Ok(None) };
    let seen = new.sighting(device.key, now);
    let before = match device.known {
        Some(id) => known(&mut **tx, account.id, id, now).await?,
        None => None,
    };
    let device = match before {
        Some(before) => before.seen_again(seen),
        None => Device::first_seen(device.fresh, account, seen),
    };
    make_room(tx, &device, now).await?;
    insert(tx, &device).await?;
    Ok(Some(device.id))
}

/// The devices that an account's owner is known by, last used first.
pub(super) async fn all_known<'e>(
    from: impl Executor<'e, Database = Any>,
    account: AccountId,
    now: Timestamp,
) -> Fallible<Vec<Device>> {
    let query = sqlx::query(ALL_KNOWN)
        .bind(account.get())
        .bind(now.as_micros());
    let rows = query.fetch_all(from).await?;
    rows.iter().map(rows::device).collect()
}

async fn known<'e>(
    from: impl Executor<'e, Database = Any>,
    account: AccountId,
    id: DeviceId,
    now: Timestamp,
) -> Fallible<Option<Device>> {
    let row = sqlx::query(KNOWN)
        .bind(account.get())
        .bind(id.to_string())
        .bind(now.as_micros())
        .fetch_optional(from)
        .await?;
    row.as_ref().map(rows::device).transpose()
}

/// Drops the device itself, to be written anew, those that are known no more, and
/// those that were used longest ago.
async fn make_room(tx: &mut Tx, device: &Device, now: Timestamp) -> Fallible<()> {
    delete(tx, device.account, &device.id.to_string()).await?;
    sqlx::query(
        "DELETE FROM devices WHERE account = $1 AND (generation <> $2 OR expires_at <= $3)",
    )
    .bind(device.account.get())
    .bind(stored(device.generation.get()))
    .bind(now.as_micros())
    .execute(&mut **tx)
    .await?;
    let others = sqlx::query(
        "SELECT id FROM devices WHERE account = $1 \
         ORDER BY last_seen_at DESC, first_seen_at DESC, id DESC",
    )
    .bind(device.account.get())
    .fetch_all(&mut **tx)
    .await?;
    for row in others.iter().skip(MAX_DEVICES - 1) {
        delete(tx, device.account, &row.try_get::<String, _>(0)?).await?;
    }
    Ok(())
}

async fn delete(tx: &mut Tx, account: AccountId, id: &str) -> Fallible<()> {
    sqlx::query("DELETE FROM devices WHERE account = $1 AND id = $2")
        .bind(account.get())
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn insert(tx: &mut Tx, device: &Device) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO devices (id, account, generation, key, previous_key, previous_until, \
         user_agent, first_seen_at, last_seen_at, last_seen_from, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(device.id.to_string())
    .bind(device.account.get())
    .bind(stored(device.generation.get()))
    .bind(device.key.to_hex())
    .bind(device.previous.map(|(key, _)| key.to_hex()))
    .bind(device.previous.map(|(_, until)| until.as_micros()))
    .bind(device.user_agent.as_deref())
    .bind(device.first_seen_at.as_micros())
    .bind(device.last_seen_at.as_micros())
    .bind(device.last_seen_from.as_deref())
    .bind(device.expires_at.as_micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
