//! Follows the chain, a step at a time.

use sqlx::any::AnyRow;

use super::anchor::{Noted, Place};
use super::ends::{Ends, link_at};
use crate::store::keyring::{AuditLink, AuditMark, Keyring};
use crate::store::sql::SqlDirectory;
use crate::store::sql::db::Tx;
use crate::store::sql::errors::Fallible;
use crate::store::sql::heads::ACCOUNTS;
use crate::store::sql::rows::{audit_columns, audit_record, stored};
use crate::store::{AUDIT_STEP, AuditWalk, Break, BrokenChain};

/// After so many steps it is noted how far the check came: one that is stopped can go
/// on from there.
const NOTE_EVERY: u64 = 40 * AUDIT_STEP as u64;

impl SqlDirectory {
    /// One step further.
    pub(super) async fn check_further(
        &self,
        walk: AuditWalk,
    ) -> Fallible<Result<AuditWalk, BrokenChain>> {
        // Before the transaction: what is noted later may be newer than what it sees.
        let mut noted = self.anchor.read(&self.keyring)?;
        let mut tx = self.db.read().await?;
        let ends = Ends::read(&mut tx).await?;
        let further = match begin(&self.keyring, &ends, &mut tx, walk).await? {
            Ok(walk) => self.step(&ends, &mut tx, walk, &noted).await?,
            Err(broken) => Err(broken),
        };
        if let Ok(walk) = &further
            && (walk.done || walk.checked.is_multiple_of(NOTE_EVERY))
        {
            let here = Place { position: walk.position, link: walk.link.clone() };
            if walk.done {
                noted.seen = Some(here.clone());
            }
            noted.checked = Some(here);
            self.anchor.write(&noted, &self.keyring);
        }
        Ok(further)
    }

    async fn step(
        &self,
        ends: &Ends,
        tx: &mut Tx,
        mut walk: AuditWalk,
        noted: &Noted,
    ) -> Fallible<Result<AuditWalk, BrokenChain>> {
        let rows = records_after(tx, walk.position).await?;
        for row in &rows {
            match fitting(&self.keyring, &walk, row) {
                Ok(link) => walk.step_to(walk.position + 1, link),
                Err(how) => return Ok(Err(how.at(walk.position + 1))),
            }
        }
        walk.end = ends.head;
        if rows.len() == AUDIT_STEP {
            return Ok(Ok(walk));
        }
        if let Err(broken) = fits_end(&self.keyring, ends, &walk) {
            return Ok(Err(broken));
        }
        let reached = ends.reach(tx, noted).await?;
        walk.done = true;
        Ok(reached.map(|()| walk))
    }

    /// Where the last check came to, unless that was pruned since.
    pub(super) fn last_check(&self) -> Fallible<Option<AuditWalk>> {
        let noted = self.anchor.read(&self.keyring)?;
        Ok(noted
            .checked
            .map(|Place { position, link }| AuditWalk::after(position, link)))
    }

    /// Notes how far the log reaches, if both of its ends fit.
    pub(super) async fn raise_anchor(&self) -> Fallible<Result<(), BrokenChain>> {
        let mut noted = self.anchor.read(&self.keyring)?;
        let mut tx = self.db.read().await?;
        let ends = Ends::read(&mut tx).await?;
        let sound = match sound(&self.keyring, &ends, &mut tx).await? {
            Ok(link) => ends.reach(&mut tx, &noted).await?.map(|()| link),
            Err(broken) => Err(broken),
        };
        Ok(sound.map(|link| {
            let here = Place { position: ends.head, link };
            if noted.seen.as_ref() != Some(&here) {
                noted.seen = Some(here);
                self.anchor.write(&noted, &self.keyring);
            }
        }))
    }

    /// Seals the end of a log that nobody has sealed, in a directory that is new or was
    /// made before there were seals. Once it is noted outside how far the log reaches,
    /// that is never done again: whoever took the seal away would get a new one.
    pub(in crate::store::sql) async fn seal_if_never_sealed(&self) -> Fallible<()> {
        if self.anchor.is_there() {
            return Ok(());
        }
        let mut tx = self.db.write().await?;
        let ends = Ends::read(&mut tx).await?;
        if ends.was_never_sealed()
            && let Some(link) = &ends.head_link
        {
            let seal = self.keyring.audit_mark(AuditMark::Head, ends.head, link);
            sqlx::query("UPDATE heads SET seal = $1 WHERE stream = $2")
                .bind(seal.to_hex())
                .bind(ACCOUNTS)
                .execute(&mut *tx)
                .await?;
        }
        self.commit_quietly(tx).await?;
        self.raise_anchor().await?.ok();
        Ok(())
    }
}

/// Where a step begins: what was pruned since the last one is not there to be checked.
async fn begin(
    keyring: &Keyring,
    ends: &Ends,
    tx: &mut Tx,
    walk: AuditWalk,
) -> Fallible<Result<AuditWalk, BrokenChain>> {
    let beginning = match ends.beginning(keyring) {
        Ok(link) => link,
        Err(broken) => return Ok(Err(broken)),
    };
    if walk.position <= ends.pruned {
        let same = walk.position < ends.pruned || walk.link == beginning;
        let on = AuditWalk { position: ends.pruned, link: beginning, ..walk };
        return Ok(if same { Ok(on) } else { Err(Break::Replaced.at(ends.pruned)) });
    }
    if walk.position > ends.head {
        return Ok(Err(Break::CutOff.at(ends.head + 1)));
    }
    Ok(match link_at(tx, walk.position).await? {
        Some(link) if link == walk.link => Ok(walk),
        Some(_) => Err(Break::Replaced.at(walk.position)),
        None => Err(Break::Missing.at(walk.position)),
    })
}

/// The link of the next record, if it is that, unaltered.
fn fitting(keyring: &Keyring, walk: &AuditWalk, row: &AnyRow) -> Result<AuditLink, Break> {
    let Ok((record, link)) = audit_record(row) else { return Err(Break::Altered) };
    if record.position != walk.position + 1 {
        return Err(Break::Missing);
    }
    let fits = keyring.audit_link(&walk.link, &record) == link;
    if fits { Ok(link) } else { Err(Break::Altered) }
}

fn fits_end(keyring: &Keyring, ends: &Ends, walk: &AuditWalk) -> Result<(), BrokenChain> {
    if walk.position < ends.head {
        return Err(Break::CutOff.at(walk.position + 1));
    }
    if walk.position > ends.head {
        return Err(Break::Extra.at(ends.head + 1));
    }
    let fits = ends.head_link.as_ref() == Some(&walk.link) && ends.is_sealed(keyring);
    if fits { Ok(()) } else { Err(Break::Head.at(ends.head)) }
}

/// The last link, if both ends were written with the key and the last record is there.
async fn sound(
    keyring: &Keyring,
    ends: &Ends,
    tx: &mut Tx,
) -> Fallible<Result<AuditLink, BrokenChain>> {
    let beginning = match ends.beginning(keyring) {
        Ok(link) => link,
        Err(broken) => return Ok(Err(broken)),
    };
    let last = match ends.head {
        head if head == ends.pruned => Some(beginning),
        head => link_at(tx, head).await?,
    };
    let Some(last) = last else { return Ok(Err(Break::CutOff.at(ends.head))) };
    let fits = ends.head_link.as_ref() == Some(&last) && ends.is_sealed(keyring);
    Ok(if fits { Ok(last) } else { Err(Break::Head.at(ends.head)) })
}

async fn records_after(tx: &mut Tx, position: u64) -> Fallible<Vec<AnyRow>> {
    let sql = concat!(
        "SELECT ",
        audit_columns!(),
        " FROM audit WHERE position > $1 ORDER BY position LIMIT $2"
    );
    Ok(sqlx::query(sql)
        .bind(stored(position))
        .bind(AUDIT_STEP as i64)
        .fetch_all(&mut **tx)
        .await?)
}
