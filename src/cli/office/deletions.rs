//! Deletions.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::{Done, Office};
use crate::admin::deletion::TransferPreview;
use crate::admin::{DeletionRequest, DeletionRun, Target, Warning};
use crate::api::own::deletions::{BegunView, DeletionsView};
use crate::cli::remote::Client;
use crate::domain::deletion::{Deletion, DeletionId, DeletionState};
use crate::domain::transfer::Transfer;
use crate::store::DeletionQuery;

/// How often a server is asked how far a deletion is.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// A deletion under way.
pub(in crate::cli) enum Run {
    /// This process does it.
    Here(DeletionRun),
    /// A server does it, whether somebody looks on or not.
    There(Client, BegunView),
}

impl Office {
    pub(in crate::cli) async fn deletion(&self, id: DeletionId) -> Done<Deletion> {
        match self {
            Self::Here(host) => Ok(host.admin.deletion(&host.actor, id).await?),
            Self::There(client) => client.get(&format!("deletions/{id}"), Vec::new()).await,
        }
    }

    /// Newest first.
    pub(in crate::cli) async fn deletions(&self, query: DeletionQuery) -> Done<Vec<Deletion>> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => return Ok(host.admin.deletions(&host.actor, query).await?),
        };
        let DeletionQuery { account, open, before, limit } = query;
        let mut asked = vec![("open", open.to_string())];
        asked.extend(account.map(|id| ("account", id.to_string())));
        asked.extend(before.map(|id| ("before", id.to_string())));
        let place = ("before", |deletion: &Deletion| deletion.id.to_string());
        let items = |page: DeletionsView| page.deletions;
        client.pages("deletions", &asked, limit, place, items).await
    }

    pub(in crate::cli) async fn cancel_deletion(&self, id: DeletionId) -> Done<Deletion> {
        match self {
            Self::Here(host) => Ok(host.admin.cancel_deletion(&host.actor, id).await?),
            Self::There(client) => {
                let path = format!("deletions/{id}/cancel");
                client.send(Method::POST, &path, &json!({})).await
            }
        }
    }

    pub(in crate::cli) async fn resume_deletion(&self, id: DeletionId) -> Done<Run> {
        match self {
            Self::Here(host) => Ok(Run::Here(host.admin.resume_deletion(&host.actor, id).await?)),
            Self::There(client) => {
                let path = format!("deletions/{id}/resume");
                let begun = client.send(Method::POST, &path, &json!({})).await?;
                Ok(Run::There(client.clone(), begun))
            }
        }
    }

    pub(in crate::cli) async fn transfer_preview(
        &self,
        target: &Target,
        transfer: &Transfer,
    ) -> Done<TransferPreview> {
        match self {
            Self::Here(host) => {
                let preview = host.admin.transfer_preview(&host.actor, target, transfer);
                Ok(preview.await?)
            }
            Self::There(client) => {
                let body = json!({ "transfer": transfer });
                client.of_account(target, "deletion/preview", &body).await
            }
        }
    }

    pub(in crate::cli) async fn begin_deletion(
        &self,
        target: &Target,
        request: DeletionRequest,
    ) -> Done<Run> {
        match self {
            Self::Here(host) => {
                let begun = host.admin.begin_deletion(&host.actor, target, request);
                Ok(Run::Here(begun.await?))
            }
            Self::There(client) => {
                let body = json!(request);
                let begun = client.of_account(target, "deletion", &body).await?;
                Ok(Run::There(client.clone(), begun))
            }
        }
    }
}

impl Run {
    /// What whoever asked should know.
    pub(in crate::cli) fn warning(&self) -> Option<Warning> {
        match self {
            Self::Here(run) => run.warning(),
            Self::There(_, begun) => begun.warning,
        }
    }

    pub(in crate::cli) fn id(&self) -> DeletionId {
        match self {
            Self::Here(run) => run.deletion().id,
            Self::There(_, begun) => begun.deletion.id,
        }
    }

    /// Sees it to its end, and tells `told` how far it is.
    pub(in crate::cli) async fn follow(
        self,
        mut told: impl FnMut(&Deletion) + Send,
    ) -> Done<Deletion> {
        let (client, mut deletion) = match self {
            Self::Here(run) => return Ok(run.run(told).await?),
            Self::There(client, begun) => (client, begun.deletion),
        };
        let path = format!("deletions/{}", deletion.id);
        loop {
            told(&deletion);
            if deletion.state != DeletionState::Working {
                return Ok(deletion);
            }
            tokio::time::sleep(ASK_EVERY).await;
            deletion = client.get(&path, Vec::new()).await?;
        }
    }
}
