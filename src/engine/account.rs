//! What handlers see of whoever sent the request.

use std::fmt;
use std::sync::Arc;

use crate::domain::account::{AccountId, AccountKey};
use crate::domain::device::DeviceId;
use crate::domain::permission::Permission;
use crate::domain::profile::Profile;
use crate::domain::scope::Scopes;
use crate::domain::session::SessionId;
use crate::domain::standing::{Bearer, Generation};
use crate::domain::time::Timestamp;
use crate::engine::session::Live;

/// The account whose request this is, put into the request's extensions by the
/// guard. It is there only if the account may pass.
///
/// Cheap to clone. What it says of the session is of the instant the request
/// was admitted.
#[derive(Clone)]
pub struct CurrentAccount(pub(crate) Arc<Live>);

impl CurrentAccount {
    /// What the gate knows the account by.
    pub fn key(&self) -> &AccountKey {
        self.0.cell.key()
    }

    /// The account's number, if it is one of our directory's.
    pub fn id(&self) -> Option<AccountId> {
        self.key().account_id()
    }

    /// What the person types to sign in, where the source says so; otherwise
    /// the account's key.
    pub fn login(&self) -> Arc<str> {
        self.profile()
            .map_or_else(|| self.key().to_string().into(), |profile| profile.shared_login())
    }

    /// What the account is called, where the source says so.
    pub fn profile(&self) -> Option<Profile> {
        self.0.cell.profile()
    }

    /// The public name of the session or token, to end it by or to find it in
    /// logs. `None` if the application keeps its sessions itself.
    pub fn session_id(&self) -> Option<SessionId> {
        Some(self.0.id()).filter(|id| id.get() != 0)
    }

    /// The known device that the session was signed in on, if it was one.
    pub fn device(&self) -> Option<DeviceId> {
        self.0.device
    }

    /// When the session was signed in, or the token made or issued. `None` if the
    /// application keeps its sessions itself and did not say.
    pub fn signed_in_at(&self) -> Option<Timestamp> {
        self.0.created_at()
    }

    /// Whether the request may be used for this: a person's session for
    /// everything, an API token for what it was made for, a token that somebody
    /// else signed for its `scope`, where it has one.
    ///
    /// The guard does not know what a path is for. A service that takes tokens
    /// asks this in its handlers.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.0.has_scope(scope)
    }

    /// Whether the request may be used for what this permission allows, where the
    /// account has it: a token may be made for less.
    #[cfg_attr(not(feature = "gateway"), allow(dead_code, reason = "the gateway asks for it"))]
    pub(crate) fn is_for(&self, permission: Permission) -> bool {
        self.0
            .scopes()
            .is_none_or(|words| Scopes::of(words).allow(permission.operations()))
    }

    /// When the session ends at the latest.
    pub fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }

    /// The account's generation that the session was born in; of a token, which
    /// belongs to none, the account's generation now.
    pub fn generation(&self) -> Generation {
        self.0.born().unwrap_or_else(|| self.0.cell.generation())
    }

    /// Whether the request came with an API token instead of a session.
    pub fn is_by_token(&self) -> bool {
        self.0.bearer == Bearer::Token
    }
}

impl fmt::Debug for CurrentAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentAccount")
            .field("key", self.key())
            .field("session_id", &self.session_id())
            .finish_non_exhaustive()
    }
}
