//! Sessions in the console: kept like any other, and apart from them.
//!
//! A text that opens one is stored under another key than a session of the service
//! would be, so that neither cookie is worth anything in the other's place.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use crate::domain::account::AccountId;
use crate::domain::denial::DenialReason;
use crate::domain::standing::Bearer;
use crate::domain::time::Timestamp;
use crate::engine::credential::{Credential, SessionCookie, session_cookie};
use crate::engine::sign_in::cookie_line;
use crate::engine::{Admission, CurrentAccount, Portcullis};

impl Portcullis {
    /// Decides about a request to the console by its own cookie, as [`Portcullis::admit`]
    /// does about others. A lockout refuses nobody there.
    pub(crate) fn admit_console(&self, headers: &HeaderMap, https: bool) -> Admission {
        let gate = &self.0;
        match session_cookie(headers, &SessionCookie::of_console(https)) {
            Credential::Session(token) => self.admit_token(token, Bearer::Console),
            Credential::None => Admission::Deny(gate.deny(DenialReason::NoSession)),
            _ => Admission::Deny(gate.ended(Bearer::Console, gate.clock.wall())),
        }
    }
}

impl CurrentAccount {
    /// Whether this is the account with this number.
    pub(crate) fn is_account(&self, id: AccountId) -> bool {
        self.id() == Some(id)
    }

    /// When the session was opened, where that is known.
    pub(crate) fn opened_at(&self) -> Option<Timestamp> {
        self.0.created_at()
    }
}

/// The `Set-Cookie` header that hands a session in the console to the browser. No page
/// elsewhere makes the browser send it.
pub(super) fn cookie(value: &str, lifetime: Duration, https: bool) -> HeaderValue {
    let name = SessionCookie::of_console(https).name();
    cookie_line(name, value, lifetime, "Strict", https)
}

/// The `Set-Cookie` header that takes a dead session in the console from the browser.
pub(crate) fn clearing_cookie(https: bool) -> HeaderValue {
    cookie("", Duration::ZERO, https)
}
