//! Sessions: opened, found, ended.

use super::SqlDirectory;
use super::audit::Entry;
use super::db::Tx;
use super::devices;
use super::errors::Fallible;
use super::heads;
use super::rows::{self, account_columns, json, session_columns, stored};
use super::webhooks;
use crate::domain::account::{Account, AccountId, AccountKey};
use crate::domain::denial::DenialReason;
use crate::domain::device::DeviceId;
use crate::domain::event::Note;
use crate::domain::session::{Session, SessionId, SessionKey};
use crate::domain::time::Timestamp;
use crate::store::{NewSession, SessionNewsKind, SessionState};

/// So many sessions are noted as used before whoever waits to write has a turn.
const TOUCHED_AT_ONCE: usize = 128;

const BY_ID: &str = concat!("SELECT ", session_columns!(), " FROM sessions WHERE id = $1");

impl SqlDirectory {
    pub(super) async fn open_one(
        &self,
        new: NewSession,
    ) -> Fallible<Result<Session, DenialReason>> {
        let Some(id) = new.account.account_id() else { return Ok(Err(DenialReason::Deleted)) };
        let mut tx = self.db.write().await?;
        let now = self.clock.wall();
        let Some(account) = signed_in(&mut tx, id, now).await? else {
            return Ok(Err(DenialReason::Deleted));
        };
        let past_lockout = devices::is_past_lockout(&mut tx, &new, &account, now).await?;
        let refusal = account.standing().refusal_to_enter(past_lockout, now);
        if let Some(refusal) = refusal.or_else(|| new.refusal_in(account.generation)) {
            return Ok(Err(refusal));
        }
        let device = devices::signed_in(&mut tx, &new, &account, now).await?;
        let session = born(new, &account, device, now);
        insert(&mut tx, &session, id).await?;
        let (name, kind) = (session.key.id(), SessionNewsKind::Created);
        webhooks::note(&mut tx, name, id, kind, now).await?;
        self.commit_quietly(tx).await?;
        Ok(Ok(session))
    }

    pub(super) async fn find_session(&self, key: SessionKey) -> Fallible<Option<Session>> {
        let id = key.id().to_string();
        let row = sqlx::query(BY_ID)
            .bind(id)
            .fetch_optional(self.db.readers())
            .await?;
        let session = row.as_ref().map(rows::session).transpose()?;
        Ok(session.filter(|session| session.key == key))
    }

    pub(super) async fn find_session_named(&self, id: SessionId) -> Fallible<Option<Session>> {
        let row = sqlx::query(BY_ID)
            .bind(id.to_string())
            .fetch_optional(self.db.readers())
            .await?;
        row.as_ref().map(rows::session).transpose()
    }

    /// A person's own sign-out goes to the session feed alone, which says who did
    /// it: it takes no place in the audit chain, where it would queue behind every
    /// other change. What anybody else ends is a change like others.
    pub(super) async fn end_one(&self, id: SessionId, note: Note) -> Fallible<Option<Session>> {
        let mut tx = self.db.write().await?;
        let Some((session, account)) = read(&mut tx, id).await? else { return Ok(None) };
        let own = note.actor == format!("user:{account}");
        let head = if own { None } else { Some(heads::advance(&mut tx).await?) };
        let now = self.clock.wall();
        let state = SessionState::ended_by(&note.actor, &account.into());
        keep_ended(&mut tx, id, state, now).await?;
        if !delete(&mut tx, id).await? {
            return Ok(None);
        }
        let kind = match state {
            SessionState::Ended => SessionNewsKind::Ended,
            _ => SessionNewsKind::Revoked,
        };
        webhooks::note(&mut tx, id, account, kind, now).await?;
        heads::tell_end(&mut tx, id, account, &note.actor, now).await?;
        if let Some(head) = head {
            let before = Some(json(&Ended::from(&session))?);
            let entry = Entry { account: Some(account), note, before, after: None };
            self.record(&mut tx, head, now, entry).await?;
        }
        self.commit(tx).await?;
        Ok(Some(session))
    }

    pub(super) async fn touch(&self, seen: &[(SessionKey, Timestamp)]) -> Fallible<()> {
        // Two that note the same uses don't wait for each other in a circle.
        let mut seen = seen.to_vec();
        seen.sort_unstable_by_key(|(key, _)| *key.as_bytes());
        for seen in seen.chunks(TOUCHED_AT_ONCE) {
            let mut tx = self.db.write().await?;
            for (key, at) in seen {
                touch_one(&mut tx, key, *at).await?;
            }
            self.commit_quietly(tx).await?;
        }
        Ok(())
    }

    /// A session of an older generation was ended with all the others.
    pub(super) async fn live_sessions(&self, account: &AccountKey) -> Fallible<Vec<Session>> {
        let Some(id) = account.account_id() else { return Ok(Vec::new()) };
        let sql = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions \
             JOIN accounts ON accounts.id = sessions.account \
             AND accounts.generation = sessions.generation \
             WHERE sessions.account = $1 AND sessions.expires_at > $2 \
             ORDER BY sessions.created_at DESC, sessions.id"
        );
        let rows = sqlx::query(sql)
            .bind(id.get())
            .bind(self.clock.wall().as_micros())
            .fetch_all(self.db.readers())
            .await?;
        rows.iter().map(rows::session).collect()
    }
}

/// What the audit log keeps of a session that somebody ended.
#[derive(serde::Serialize)]
struct Ended<'a> {
    id: SessionId,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    opened_from: Option<&'a str>,
}

impl<'a> From<&'a Session> for Ended<'a> {
    fn from(session: &'a Session) -> Self {
        let Session { created_at, last_seen_at, .. } = *session;
        let opened_from = session.opened_from.as_deref();
        Self { id: session.key.id(), created_at, last_seen_at, opened_from }
    }
}

fn born(new: NewSession, account: &Account, device: Option<DeviceId>, now: Timestamp) -> Session {
    Session {
        key: new.key,
        account: new.account,
        generation: account.generation,
        created_at: now,
        expires_at: new.expires_at,
        last_seen_at: now,
        opened_from: new.opened_from,
        user_agent: new.user_agent,
        device,
        console: new.console,
    }
}

/// Writes before it reads: that holds the account as it is until the commit.
async fn signed_in(tx: &mut Tx, id: AccountId, now: Timestamp) -> Fallible<Option<Account>> {
    let sql = concat!(
        "UPDATE accounts SET last_sign_in_at = $2 WHERE id = $1 RETURNING ",
        account_columns!()
    );
    let query = sqlx::query(sql).bind(id.get()).bind(now.as_micros());
    let row = query.fetch_optional(&mut **tx).await?;
    row.as_ref().map(rows::account).transpose()
}

async fn insert(tx: &mut Tx, session: &Session, account: AccountId) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO sessions (id, key, account, generation, created_at, expires_at, \
         last_seen_at, opened_from, user_agent, device, console) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(session.key.id().to_string())
    .bind(session.key.to_hex())
    .bind(account.get())
    .bind(stored(session.generation.get()))
    .bind(session.created_at.as_micros())
    .bind(session.expires_at.as_micros())
    .bind(session.last_seen_at.as_micros())
    .bind(session.opened_from.as_deref())
    .bind(session.user_agent.as_deref())
    .bind(session.device.map(|device| device.to_string()))
    .bind(i32::from(session.console))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn read(tx: &mut Tx, id: SessionId) -> Fallible<Option<(Session, AccountId)>> {
    let row = sqlx::query(BY_ID)
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    let session = row.as_ref().map(rows::session).transpose()?;
    Ok(session.and_then(|session| session.account.account_id().map(|id| (session, id))))
}

/// To be listed until its time is over.
async fn keep_ended(
    tx: &mut Tx,
    id: SessionId,
    state: SessionState,
    now: Timestamp,
) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO ended_sessions (id, key, account, generation, created_at, expires_at, \
         last_seen_at, opened_from, user_agent, device, console, ended_at, state) \
         SELECT id, key, account, generation, created_at, expires_at, last_seen_at, \
         opened_from, user_agent, device, console, CAST($2 AS BIGINT), CAST($3 AS TEXT) \
         FROM sessions WHERE id = $1 ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(now.as_micros())
    .bind(state.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Of two that end one session, one does.
async fn delete(tx: &mut Tx, id: SessionId) -> Fallible<bool> {
    let deleted = sqlx::query("DELETE FROM sessions WHERE id = $1")
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(deleted.rows_affected() == 1)
}

/// A token's last use is noted the same way: both are known by the hash of a secret.
async fn touch_one(tx: &mut Tx, key: &SessionKey, at: Timestamp) -> Fallible<()> {
    for sql in [
        "UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND key = $3 AND last_seen_at < $2",
        "UPDATE api_tokens SET last_used_at = $2 WHERE id = $1 AND key = $3 \
         AND (last_used_at IS NULL OR last_used_at < $2)",
    ] {
        sqlx::query(sql)
            .bind(key.id().to_string())
            .bind(at.as_micros())
            .bind(key.to_hex())
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
