//! The devices that somebody is known by, on the page of their account.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;

use crate::admin::AdminError;
use crate::domain::account::Account;
use crate::domain::device::{Device, DeviceId};
use crate::domain::time::Timestamp;
use crate::engine::CurrentAccount;
use crate::pages::account::{detail, done, posted};
use crate::pages::answer::Problem;
use crate::pages::program;
use crate::pages::site::Site;
use crate::pages::when::Moment;
use crate::pages::words::Deed;

/// A device, as the pages show it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) program: String,
    pub(super) from: String,
    pub(super) first: Moment,
    pub(super) last: Moment,
    pub(super) is_this: bool,
}

impl Row {
    fn of(device: &Device, me: &CurrentAccount, now: Timestamp) -> Self {
        Self {
            id: device.id.to_string(),
            program: program::in_words(device.user_agent.as_deref()),
            from: device
                .last_seen_from
                .clone()
                .unwrap_or_else(|| "unknown".to_owned()),
            first: Moment::past(device.first_seen_at, now),
            last: Moment::past(device.last_seen_at, now),
            is_this: me.device() == Some(device.id),
        }
    }
}

/// The devices that an account's owner is known by now, this one first.
pub(super) async fn known(
    site: &Site,
    me: &CurrentAccount,
    account: &Account,
    now: Timestamp,
) -> Result<Vec<Row>, Problem> {
    let devices = site.gate.devices(&account.id).await;
    let devices = devices.map_err(|_| Problem::unavailable())?;
    let known = devices
        .iter()
        .filter(|device| device.is_known_to(account, now));
    let mut rows: Vec<_> = known.map(|device| Row::of(device, me, now)).collect();
    rows.sort_by_key(|row| !row.is_this);
    Ok(rows)
}

/// Forgets one device of whoever asks.
pub(super) async fn forget(
    State(site): State<Arc<Site>>,
    me: CurrentAccount,
    request: Request,
) -> Response {
    let (request, body) = request.into_parts();
    let forgotten = async {
        let mut fields = posted(&site, &me, &request, body).await?;
        let named = fields.once("device")?;
        forget_named(&site, &me, &request, &named).await
    };
    answered(&site, &request, forgotten.await)
}

async fn forget_named(
    site: &Site,
    me: &CurrentAccount,
    request: &Parts,
    named: &str,
) -> Result<Deed, Problem> {
    let account = detail(site, me).await?.account;
    let Ok(device) = named.parse::<DeviceId>() else { return Ok(Deed::DeviceGone) };
    let actor = site.actor(&account, request);
    // Only among the account's own: a name of somebody else's names none.
    match site
        .admin
        .forget_device(&actor, &account.id.into(), device)
        .await
    {
        Ok(_) => Ok(Deed::DeviceForgotten),
        Err(AdminError::NoSuchDevice { .. }) => Ok(Deed::DeviceGone),
        Err(_) => Err(Problem::unavailable()),
    }
}

fn answered(site: &Site, request: &Parts, did: Result<Deed, Problem>) -> Response {
    match did {
        Ok(deed) => done(site, deed),
        Err(problem) => problem.answer(site, request),
    }
}
