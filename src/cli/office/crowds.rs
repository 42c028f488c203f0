//! Changes of many people, and the rule about those who stay away.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{Done, Office};
use crate::admin::{
    BulkItem, BulkPreview, BulkRequest, BulkRun, InactivityPreview, InactivityRule,
};
use crate::cli::exit::Failure;
use crate::cli::remote::Client;
use crate::store::{ItemOutcome, RunId, RunState};

/// How often a server is asked how far a run is.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// What is listed of the items of a run.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Items {
    pub(in crate::cli) run: RunId,
    pub(in crate::cli) outcome: Option<ItemOutcome>,
    pub(in crate::cli) after: i64,
    pub(in crate::cli) limit: u32,
}

#[derive(Deserialize)]
struct RunsView {
    runs: Vec<BulkRun>,
}

#[derive(Deserialize)]
struct ItemsView {
    items: Vec<BulkItem>,
}

#[derive(Deserialize)]
struct InactivityView {
    inactivity: Option<InactivityPreview>,
}

#[derive(Deserialize)]
struct RuleView {
    rule: Option<InactivityRule>,
}

impl Office {
    pub(in crate::cli) async fn preview_bulk(&self, request: &BulkRequest) -> Done<BulkPreview> {
        match self {
            Self::Here(host) => Ok(host.admin.preview_bulk(&host.actor, request).await?),
            Self::There(client) => {
                client
                    .send(Method::POST, "runs/preview", &json!(request))
                    .await
            }
        }
    }

    /// Begins a run. Here it waits for whoever follows it; a server works on it at once.
    pub(in crate::cli) async fn begin_bulk(&self, request: BulkRequest) -> Done<BulkRun> {
        match self {
            Self::Here(host) => Ok(host.admin.begin_bulk(&host.actor, request).await?),
            Self::There(client) => client.send(Method::POST, "runs", &json!(request)).await,
        }
    }

    pub(in crate::cli) async fn run(&self, id: RunId) -> Done<BulkRun> {
        match self {
            Self::Here(host) => Ok(host.admin.run(&host.actor, id).await?),
            Self::There(client) => client.get(&format!("runs/{id}"), Vec::new()).await,
        }
    }

    /// Newest first.
    pub(in crate::cli) async fn runs(
        &self,
        before: Option<RunId>,
        limit: u32,
    ) -> Done<Vec<BulkRun>> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => return Ok(host.admin.runs(&host.actor, before, limit).await?),
        };
        let asked = before
            .map(|id| ("before", id.to_string()))
            .into_iter()
            .collect();
        let place = ("before", |run: &BulkRun| run.id.to_string());
        client
            .pages("runs", &asked, limit, place, |page: RunsView| page.runs)
            .await
    }

    pub(in crate::cli) async fn run_items(&self, asked: Items) -> Done<Vec<BulkItem>> {
        let Items { run, outcome, after, limit } = asked;
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => {
                let items = host
                    .admin
                    .run_items(&host.actor, run, after, outcome, limit);
                return Ok(items.await?);
            }
        };
        let mut query = vec![("after", after.to_string())];
        query.extend(outcome.map(|outcome| ("outcome", outcome.to_string())));
        let place = ("after", |item: &BulkItem| item.position.to_string());
        let items = |page: ItemsView| page.items;
        client
            .pages(&format!("runs/{run}/items"), &query, limit, place, items)
            .await
    }

    pub(in crate::cli) async fn cancel_run(&self, id: RunId) -> Done<BulkRun> {
        match self {
            Self::Here(host) => Ok(host.admin.cancel_run(&host.actor, id).await?),
            Self::There(client) => turned(client, id, "cancel").await,
        }
    }

    pub(in crate::cli) async fn resume_run(&self, id: RunId) -> Done<BulkRun> {
        match self {
            Self::Here(host) => Ok(host.admin.resume_run(&host.actor, id).await?),
            Self::There(client) => turned(client, id, "resume").await,
        }
    }

    pub(in crate::cli) async fn undo_run(&self, id: RunId) -> Done<BulkRun> {
        match self {
            Self::Here(host) => Ok(host.admin.undo_run(&host.actor, id).await?),
            Self::There(client) => turned(client, id, "undo").await,
        }
    }

    /// Sees a run to its end, and tells `told` how far it is.
    pub(in crate::cli) async fn follow_run(
        &self,
        id: RunId,
        mut told: impl FnMut(&BulkRun) + Send,
    ) -> Done<BulkRun> {
        if let Self::Here(host) = self {
            return Ok(host.admin.finish_run(id, told).await?);
        }
        loop {
            let run = self.run(id).await?;
            told(&run);
            if matches!(run.state, RunState::Cancelled | RunState::Finished) {
                return Ok(run);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Whether a run goes on when whoever follows it has gone.
    pub(in crate::cli) const fn works_on_runs(&self) -> bool {
        matches!(self, Self::There(_))
    }

    pub(in crate::cli) async fn preview_inactivity(&self) -> Done<Option<InactivityPreview>> {
        match self {
            Self::Here(host) => Ok(host.admin.preview_inactivity(&host.actor).await?),
            Self::There(client) => {
                let path = "inactivity/preview";
                let seen: InactivityView = client.send(Method::POST, path, &json!({})).await?;
                Ok(seen.inactivity)
            }
        }
    }

    /// The rule that is confirmed now; none while it is off.
    pub(in crate::cli) async fn confirm_inactivity(&self) -> Done<Option<InactivityRule>> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => {
                let rule = host.admin.inactivity_rule().await?;
                if rule.is_some() {
                    host.admin.confirm_inactivity(&host.actor).await?;
                }
                return Ok(rule);
            }
        };
        let found: RuleView = client.get("inactivity", Vec::new()).await?;
        if found.rule.is_none() {
            return Ok(None);
        }
        let confirmed: RuleView = client
            .send(Method::POST, "inactivity/confirm", &json!({}))
            .await?;
        Ok(confirmed.rule)
    }
}

async fn turned<T: DeserializeOwned>(client: &Client, id: RunId, how: &str) -> Result<T, Failure> {
    client
        .send(Method::POST, &format!("runs/{id}/{how}"), &json!({}))
        .await
}
