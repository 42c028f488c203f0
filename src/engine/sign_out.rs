//! Ending the session that a request brought.

use http::HeaderMap;

use crate::domain::event::{Action, Note};
use crate::domain::session::SessionToken;
use crate::engine::credential::{self, Credential};
use crate::engine::{Portcullis, SignInError};

impl Portcullis {
    /// Ends the session whose cookie a request brought, everywhere: also one that
    /// may not pass now, because its account is locked out.
    ///
    /// Says whether there was such a session.
    ///
    /// # Errors
    ///
    /// If the store does not answer: then the session goes on.
    pub async fn sign_out_by_cookie(&self, headers: &HeaderMap) -> Result<bool, SignInError> {
        let gate = &self.0;
        let cookie = gate.settings().cookie.clone();
        let Credential::Session(token) = credential::of(headers, &cookie, false) else {
            return Ok(false);
        };
        let Some(key) = SessionToken::parse(token).map(|token| token.key()) else {
            return Ok(false);
        };
        let Some(session) = gate.ask(gate.session_store.session(key)).await? else {
            return Ok(false);
        };
        let note = Note {
            actor: format!("user:{}", session.account),
            action: Action::SessionEnded,
            reason: None,
            from: None,
        };
        let ended = gate
            .ask(gate.session_store.end_session(key.id(), note))
            .await?;
        gate.end_session(key.id());
        Ok(ended.is_some())
    }
}
