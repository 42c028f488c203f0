//! Where the log begins and ends, and whether both were written with the key.

use sqlx::Row;

use super::anchor::Noted;
use crate::store::keyring::{AuditLink, AuditMark, Keyring};
use crate::store::sql::db::Tx;
use crate::store::sql::errors::Fallible;
use crate::store::sql::heads::ACCOUNTS;
use crate::store::sql::rows::{Columns, stored};
use crate::store::{Break, BrokenChain};

/// Both ends of the log, as they stand in the database. What can't be read as a link
/// was not written by us.
pub(super) struct Ends {
    /// The last record that was pruned; 0 if none was.
    pub(super) pruned: u64,
    pub(super) pruned_link: Option<AuditLink>,
    pruned_tag: Option<AuditLink>,
    /// The last record.
    pub(super) head: u64,
    pub(super) head_link: Option<AuditLink>,
    seal: Option<AuditLink>,
}

impl Ends {
    pub(super) async fn read(tx: &mut Tx) -> Fallible<Self> {
        let head = sqlx::query("SELECT position, link, seal FROM heads WHERE stream = $1")
            .bind(ACCOUNTS)
            .fetch_one(&mut **tx)
            .await?;
        let mut head = Columns::of(&head);
        let pruned = sqlx::query("SELECT position, link, tag FROM audit_pruned WHERE id = 1")
            .fetch_optional(&mut **tx)
            .await?;
        let mut ends = Self {
            pruned: 0,
            pruned_link: Some(AuditLink::FIRST),
            pruned_tag: None,
            head: head.get::<i64>()?.unsigned_abs(),
            head_link: AuditLink::from_hex(&head.text()?),
            seal: AuditLink::from_hex(&head.text()?),
        };
        if let Some(row) = pruned {
            let mut row = Columns::of(&row);
            ends.pruned = row.get::<i64>()?.unsigned_abs();
            ends.pruned_link = AuditLink::from_hex(&row.text()?);
            ends.pruned_tag = AuditLink::from_hex(&row.text()?);
        }
        Ok(ends)
    }

    /// The link that the first record which is kept is tied to.
    pub(super) fn beginning(&self, keyring: &Keyring) -> Result<AuditLink, BrokenChain> {
        let broken = Break::Pruned.at(self.pruned);
        let link = self.pruned_link.clone().ok_or(broken)?;
        let ours = keyring.audit_mark(AuditMark::Pruned, self.pruned, &link);
        let fits = self.pruned == 0 && link == AuditLink::FIRST;
        if fits || self.pruned_tag == Some(ours) { Ok(link) } else { Err(broken) }
    }

    /// Whether what says where the log ends was written with the key.
    pub(super) fn is_sealed(&self, keyring: &Keyring) -> bool {
        let ours = self.head_link.as_ref();
        let ours = ours.map(|link| keyring.audit_mark(AuditMark::Head, self.head, link));
        ours.is_some() && ours == self.seal
    }

    /// Whether nobody ever sealed it, as in a directory that was made before.
    pub(super) fn was_never_sealed(&self) -> bool {
        self.seal.is_none()
    }

    /// Whether the log reaches as far as was noted outside, and is the same there.
    pub(super) async fn reach(
        &self,
        tx: &mut Tx,
        noted: &Noted,
    ) -> Fallible<Result<(), BrokenChain>> {
        let Some(seen) = &noted.seen else { return Ok(Ok(())) };
        if seen.position > self.head {
            return Ok(Err(Break::CutOff.at(self.head + 1)));
        }
        let link = match seen.position {
            0 => Some(AuditLink::FIRST),
            position if position < self.pruned => return Ok(Ok(())),
            position if position == self.pruned => self.pruned_link.clone(),
            position => link_at(tx, position).await?,
        };
        let same = link.as_ref() == Some(&seen.link);
        Ok(if same { Ok(()) } else { Err(Break::Replaced.at(seen.position)) })
    }
}

/// The link of a record, if it is there.
pub(super) async fn link_at(tx: &mut Tx, position: u64) -> Fallible<Option<AuditLink>> {
    let row = sqlx::query("SELECT link FROM audit WHERE position = $1")
        .bind(stored(position))
        .fetch_optional(&mut **tx)
        .await?;
    let link = row.map(|row| row.try_get::<String, _>(0)).transpose()?;
    Ok(link.as_deref().and_then(AuditLink::from_hex))
}
