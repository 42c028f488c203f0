//! API tokens of people: who has one, for what, a new one, and the end of one.

mod list;
mod make;
mod revoke;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::domain::account::{Account, AccountId};
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::pages::console::desk::Desk;
use crate::pages::console::secrets::Said;
use crate::pages::console::staff::Staff;
use crate::pages::when::Moment;
use crate::store::ApiToken;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/tokens", get(list::page))
        .route("/tokens/new", get(make::new).post(make::create))
        .route("/tokens/{id}/revoke", get(revoke::last_look).post(revoke::revoke))
}

/// A token in a list.
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) name: String,
    /// Whose it is: their number and login; none for an application's.
    pub(super) owner: Option<(AccountId, String)>,
    pub(super) scopes: Vec<Said>,
    pub(super) created: Moment,
    pub(super) last_used: Option<Moment>,
    pub(super) ends: Option<Moment>,
    pub(super) is_over: bool,
    /// Whether whoever looks may end it.
    pub(super) may_revoke: bool,
}

impl TokenRow {
    /// A token of an application, for whoever may manage tokens.
    pub(super) fn of(token: &ApiToken, now: Timestamp) -> Self {
        let is_over = token.expires_at.is_some_and(|end| end <= now);
        let ends = token.expires_at.and_then(|end| match is_over {
            true => Some(Moment::past(end, now)),
            false => Moment::to_come(end, now),
        });
        Self {
            id: token.key.id().to_string(),
            name: token.name.clone(),
            owner: None,
            scopes: Said::of(&token.scopes),
            created: Moment::past(token.created_at, now),
            last_used: token.last_used_at.map(|at| Moment::past(at, now)),
            ends,
            is_over,
            may_revoke: true,
        }
    }

    /// A token of somebody, whose record this is while there is one.
    fn owned(
        token: &ApiToken,
        id: AccountId,
        owner: Option<&Account>,
        staff: &Staff,
        now: Timestamp,
    ) -> Self {
        let login = owner.map_or_else(|| id.to_string(), |one| one.login.to_string());
        let manages = |owner| {
            let asked = staff
                .actor
                .require_managing_to(Operation::ManageTokens, owner);
            asked.is_ok() || owner.id == staff.account.id
        };
        Self {
            owner: Some((id, login)),
            may_revoke: owner.is_none_or(manages),
            ..Self::of(token, now)
        }
    }
}
