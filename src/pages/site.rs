//! What all pages share, and what they ask of a request.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use http::request::Parts;

use crate::admin::{Actor, Admin, Rights};
use crate::domain::account::Account;
use crate::domain::client::ClientAddr;
use crate::domain::denial::Denial;
use crate::engine::{Admission, CurrentAccount, Portcullis};
use crate::guard::{ReturnOrigin, ReturnTo};
use crate::pages::assets::Names;
use crate::pages::brand::{Branding, SharedBranding};

/// What all pages share.
pub(super) struct Site {
    pub(super) gate: Portcullis,
    pub(super) admin: Admin,
    pub(super) brand: SharedBranding,
    /// The path that the pages are below.
    pub(super) at: String,
    pub(super) home: ReturnTo,
    /// Other hosts that people may return to.
    pub(super) return_origins: Vec<ReturnOrigin>,
    pub(super) client_address: fn(&Parts) -> Option<ClientAddr>,
}

/// What stands around every page.
pub(super) struct Frame {
    pub(super) at: String,
    pub(super) brand: Arc<Branding>,
    pub(super) names: Names,
    /// Where the name above the page leads.
    pub(super) home: String,
}

impl Frame {
    pub(super) fn new(at: &str, brand: &SharedBranding, home: String) -> Self {
        let brand = brand.get();
        let names = Names::of(&brand);
        Self { at: at.to_owned(), brand, names, home }
    }
}

/// The front page of the service.
pub(super) fn root() -> ReturnTo {
    match ReturnTo::parse("/") {
        Ok(root) => root,
        Err(_) => unreachable!("a slash is a path"),
    }
}

/// As the gateway, or else the server, says it.
pub(super) fn client_address(request: &Parts) -> Option<ClientAddr> {
    let found = request.extensions.get::<ClientAddr>().copied();
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
    found.or_else(|| peer.map(|peer| peer.0.into()))
}

impl Site {
    pub(super) fn frame(&self) -> Frame {
        Frame::new(&self.at, &self.brand, self.home.to_string())
    }

    /// The address of one of the pages.
    pub(super) fn path(&self, page: &str) -> String {
        format!("{}/{page}", self.at)
    }

    /// Where somebody is going, in a form that was checked: nowhere else than on
    /// our own origin and those that are listed, and not to the pages that one leaves by signing in.
    pub(super) fn return_to(&self, text: Option<&str>) -> Option<ReturnTo> {
        let address = ReturnTo::parse_within(text?, &self.return_origins).ok()?;
        let circular = ["invite", "sign-in", "sign-out"];
        let circular = circular
            .iter()
            .any(|page| address.leads_to(&self.path(page)));
        (!circular).then_some(address)
    }

    pub(super) fn client(&self, request: &Parts) -> Option<ClientAddr> {
        let client = (self.client_address)(request);
        if client.is_none() {
            tracing::error!("client address unknown");
        }
        client
    }

    /// Who sent a request, or why they may not pass.
    pub(super) async fn visitor(&self, request: &Parts) -> Result<CurrentAccount, Denial> {
        match self.gate.admit_head(request) {
            Admission::Pass(account) => Ok(account),
            Admission::Deny(denial) => Err(denial),
            Admission::Look(look) => look.await,
        }
    }

    /// Somebody who does something to their own account, as the audit log has it.
    pub(super) fn actor(&self, account: &Account, request: &Parts) -> Actor {
        let from = (self.client_address)(request).map(|client| client.to_string());
        let rights = Rights::of(account);
        Actor::Account { id: account.id, login: account.login.clone(), from, rights }
    }
}
