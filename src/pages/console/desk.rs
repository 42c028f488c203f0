//! What all pages of the console share.

use std::time::Duration;

use http::request::Parts;

use crate::admin::Admin;
use crate::domain::client::ClientAddr;
use crate::domain::time::{Monotonic, Timestamp};
use crate::engine::Portcullis;
use crate::guard::ReturnTo;
use crate::pages::brand::SharedBranding;
use crate::pages::console::audit::Checks;
use crate::pages::console::drawer::{Drawer, Drawers};
use crate::pages::console::nav::{Nav, Section};
use crate::pages::console::notice::Notice;
use crate::pages::console::once::Forms;
use crate::pages::console::staff::Staff;
use crate::pages::site::Frame;

/// What is asked for again before something that can't be taken back, unless it was
/// given so recently.
pub(super) const SURE_FOR: Duration = Duration::from_secs(15 * 60);

/// How long a page that asks for the last yes may be looked at before it is sent.
pub(super) const TIME_TO_DECIDE: Duration = Duration::from_secs(15 * 60);

pub(super) struct Desk {
    pub(super) gate: Portcullis,
    pub(super) admin: Admin,
    pub(super) brand: SharedBranding,
    /// The path that the console is below.
    pub(super) at: String,
    /// How the program is called on the host.
    pub(super) program: String,
    /// Where people reach the service, for links that are sent to them.
    pub(super) public_url: Option<String>,
    /// The path that the pages are below there.
    pub(super) pages_at: String,
    pub(super) https: fn(&Parts) -> bool,
    pub(super) client_address: fn(&Parts) -> Option<ClientAddr>,
    /// The forms that are sent once.
    pub(super) forms: Forms,
    /// The checks of the audit log that are under way.
    pub(super) checks: Checks,
    /// What is too long for addresses.
    pub(super) drawers: Drawers,
}

/// What stands around a page of the console.
pub(super) struct Shell {
    pub(super) frame: Frame,
    pub(super) nav: Nav,
    /// The login of whoever looks.
    pub(super) who: String,
    /// What was done just now.
    pub(super) notice: Option<Notice>,
    pub(super) htmx: &'static str,
    pub(super) stylesheet: &'static str,
}

impl Desk {
    /// What stands around a page that is nobody's yet.
    pub(super) fn frame(&self) -> Frame {
        Frame::new(&self.at, &self.brand, self.path(""))
    }

    /// What stands around a page of this section.
    pub(super) fn shell(&self, staff: &Staff, section: Section) -> Shell {
        Shell {
            frame: self.frame(),
            nav: Nav::of(&staff.rights, section),
            who: staff.account.login.to_string(),
            notice: None,
            htmx: crate::pages::assets::of_htmx(),
            stylesheet: crate::pages::assets::of_console(),
        }
    }

    /// The address of a page; of the first one where there is no name.
    pub(super) fn path(&self, page: &str) -> String {
        match page {
            "" if self.at.is_empty() => "/".to_owned(),
            page => format!("{}/{page}", self.at),
        }
    }

    /// Where somebody is going: nowhere else than into the console.
    pub(super) fn return_to(&self, text: Option<&str>) -> Option<ReturnTo> {
        let address = ReturnTo::parse(text?).ok()?;
        let inside = address.leads_to(&self.path("")) || address.path().starts_with(&self.path(""));
        let circular = ["sign-in", "sign-out", "confirm", "assets"];
        let circular = circular
            .iter()
            .any(|page| address.leads_to(&self.path(page)));
        (inside && !circular).then_some(address)
    }

    pub(super) fn is_https(&self, request: &Parts) -> bool {
        (self.https)(request)
    }

    /// What the session of whoever asks keeps.
    pub(super) fn drawer(&self, staff: &Staff) -> Drawer<'_> {
        Drawer { all: &self.drawers, owner: staff.owner(), now: self.now() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.admin.now()
    }

    /// When something begins whose length is told.
    pub(super) fn begin(&self) -> Monotonic {
        self.admin.instant()
    }

    /// How long it is since then.
    pub(super) fn since(&self, began: Monotonic) -> Duration {
        self.admin.instant().since(began)
    }
}

impl Shell {
    /// The same, and what was done just now.
    pub(super) fn with(self, notice: Option<Notice>) -> Self {
        Self { notice, ..self }
    }
}
