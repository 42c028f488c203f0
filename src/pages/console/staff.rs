//! Who asks for a page of the console, and what a form of theirs says.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::Response;
use http::request::Parts;

use crate::admin::{Actor, Rights};
use crate::domain::account::Account;
use crate::domain::denial::Denial;
use crate::domain::operation::Operations;
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::engine::{Admission, CurrentAccount};
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, SURE_FOR, TIME_TO_DECIDE};
use crate::pages::console::drawer::Owner;
use crate::pages::form::{self, Fields};
use crate::pages::origin;

/// Whoever is signed in to the console, with what they may do right now.
pub(super) struct Staff {
    pub(super) account: Account,
    pub(super) rights: Rights,
    pub(super) actor: Actor,
    pub(super) me: CurrentAccount,
}

/// A form that a page of ours sent, by somebody who is signed in when it is here as a
/// whole.
pub(super) struct Sent {
    pub(super) staff: Staff,
    pub(super) fields: Fields,
    pub(super) head: Parts,
}

impl Staff {
    /// Whoever sent this request.
    pub(super) async fn find(desk: &Desk, request: &Parts) -> Result<Self, Trouble> {
        let me = admitted(desk, request).await.map_err(Trouble::Denied)?;
        let id = me.id().ok_or(Trouble::Unavailable)?;
        let account = desk.admin.record(id).await?.ok_or(Trouble::Unavailable)?;
        let rights = desk.admin.rights_of(&account).await?;
        let from = (desk.client_address)(request).map(|client| client.to_string());
        let (login, own) = (account.login.clone(), rights.clone());
        let actor = Actor::Account { id: account.id, login, from, rights: own };
        Ok(Self { account, rights, actor, me })
    }

    /// Refuses what they may not do.
    pub(super) fn require(&self, wanted: impl Into<Operations>) -> Result<(), Trouble> {
        Ok(self.rights.require(wanted)?)
    }

    pub(super) fn session(&self) -> Option<SessionId> {
        self.me.session_id()
    }

    /// Whose something is that only this session finds again.
    pub(super) fn owner(&self) -> Owner {
        (self.session(), self.account.id)
    }

    /// Whether they gave their password so recently that they may be shown what can't
    /// be taken back.
    pub(super) fn is_sure(&self, now: Timestamp) -> bool {
        self.gave_password_within(now, SURE_FOR)
    }

    /// The same of what they send from such a page.
    pub(super) fn was_sure(&self, now: Timestamp) -> bool {
        self.gave_password_within(now, SURE_FOR + TIME_TO_DECIDE)
    }

    fn gave_password_within(&self, now: Timestamp, length: std::time::Duration) -> bool {
        self.me.opened_at().is_some_and(|at| now < at.after(length))
    }
}

async fn admitted(desk: &Desk, request: &Parts) -> Result<CurrentAccount, Denial> {
    match desk
        .gate
        .admit_console(&request.headers, desk.is_https(request))
    {
        Admission::Pass(account) => Ok(account),
        Admission::Deny(denial) => Err(denial),
        Admission::Look(look) => look.await,
    }
}

impl FromRequestParts<Arc<Desk>> for Staff {
    type Rejection = Response;

    async fn from_request_parts(head: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Response> {
        let found = Self::find(desk, head).await;
        found.map_err(|trouble| trouble.answer(desk, None, head))
    }
}

impl FromRequest<Arc<Desk>> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, desk: &Arc<Desk>) -> Result<Self, Response> {
        let (head, body) = request.into_parts();
        let sent = async {
            if !origin::is_own(&head, desk.is_https(&head)) {
                return Err(Trouble::OtherOrigin);
            }
            // Nothing is read for whoever is not signed in.
            let before = Staff::find(desk, &head).await?;
            let fields = form::read_long(&head, body).await?;
            let staff = Staff::find(desk, &head).await?;
            if staff.session() != before.session() {
                return Err(Trouble::Unavailable);
            }
            Ok((staff, fields))
        };
        match sent.await {
            Ok((staff, fields)) => Ok(Self { staff, fields, head }),
            Err(trouble) => Err(trouble.answer(desk, None, &head)),
        }
    }
}
