//! The audit log.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Done, Office};
use crate::api::own::view::AuditView;
use crate::cli::remote::{LONG, Query, precise};
use crate::domain::lock::Reason;
use crate::domain::time::Timestamp;
use crate::store::{AuditPruned, AuditSearch, AuditWalk, Break, BrokenChain};

/// How much of the log was checked.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Checked {
    pub(in crate::cli) records: u64,
    /// The last position that was found to fit.
    pub(in crate::cli) end: u64,
}

#[derive(Deserialize)]
struct Records {
    records: Vec<AuditView>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Verified {
    Whole { records: u64, end: u64 },
    Broken { broken_at: u64, how: Break },
}

#[derive(Deserialize)]
struct Pruned {
    pruned: Option<AuditPruned>,
}

impl Office {
    /// The records that a search takes.
    pub(in crate::cli) async fn audit(&self, search: AuditSearch) -> Done<Vec<AuditView>> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => {
                let entries = host.admin.audit_entries(&host.actor, search).await?;
                return Ok(entries.into_iter().map(AuditView::new).collect());
            }
        };
        let mut query = asked(&search);
        query.extend(
            search
                .oldest_first
                .then(|| ("oldest_first", "true".to_owned())),
        );
        let side = if search.oldest_first { "after" } else { "before" };
        let place = (side, |record: &AuditView| record.position.to_string());
        let items = |page: Records| page.records;
        client
            .pages("audit", &query, search.limit, place, items)
            .await
    }

    /// Checks that nobody altered the log. `told` hears how far it came, where it is
    /// done here.
    pub(in crate::cli) async fn check_audit(
        &self,
        since_last_check: bool,
        told: impl FnMut(&AuditWalk) + Send,
    ) -> Done<Result<Checked, BrokenChain>> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => {
                let checked = host.admin.check_audit(&host.actor, since_last_check, told);
                let checked = checked.await?;
                return Ok(
                    checked.map(|walk| Checked { records: walk.checked(), end: walk.position() })
                );
            }
        };
        let body = json!({ "since_last_check": since_last_check });
        let done = client.send_within(LONG, Method::POST, "audit/verify", &body);
        Ok(match done.await? {
            Verified::Whole { records, end } => Ok(Checked { records, end }),
            Verified::Broken { broken_at: position, how } => Err(BrokenChain { position, how }),
        })
    }

    pub(in crate::cli) async fn prune_audit(
        &self,
        before: Timestamp,
        reason: Option<&Reason>,
    ) -> Done<Option<AuditPruned>> {
        match self {
            Self::Here(host) => Ok(host.admin.prune_audit(&host.actor, before, reason).await?),
            Self::There(client) => {
                let body = json!({ "before": precise(before), "reason": reason });
                let done = client.send_within(LONG, Method::POST, "audit/prune", &body);
                let Pruned { pruned } = done.await?;
                Ok(pruned)
            }
        }
    }
}

/// A search as an address asks for it, without its order and length.
pub(in crate::cli) fn asked(search: &AuditSearch) -> Query<'static> {
    let actions: Vec<_> = search
        .actions
        .iter()
        .map(|action| action.as_str())
        .collect();
    let said = [
        ("account", search.account.map(|id| id.to_string())),
        ("actor", search.actor.clone()),
        ("action", (!actions.is_empty()).then(|| actions.join(","))),
        ("since", search.since.map(precise)),
        ("until", search.until.map(precise)),
        ("address", search.address.clone()),
        ("reason", search.reason.clone()),
        ("before", search.before.map(|position| position.to_string())),
        ("after", search.after.map(|position| position.to_string())),
    ];
    said.into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
