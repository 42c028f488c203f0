//! Sessions of an application's own, and how the gate asks for them.

use std::sync::Arc;

use http::request::Parts;

use crate::domain::account::AccountKey;
use crate::domain::standing::Generation;
use crate::domain::time::Timestamp;
use crate::store::{BoxFuture, StoreError};

/// What an application's session says about a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionClaim {
    pub(crate) account: AccountKey,
    pub(crate) generation: Option<Generation>,
    pub(crate) created_at: Option<Timestamp>,
}

impl SessionClaim {
    /// The request is this account's.
    pub fn of(account: impl Into<AccountKey>) -> Self {
        Self { account: account.into(), generation: None, created_at: None }
    }

    /// The session was signed in when the account was in this generation: in
    /// another it is dead. Keep
    /// [`SignedIn::generation`](crate::SignedIn::generation) in the session for this.
    ///
    /// Without it, a session lives on after a lock is lifted, unless the
    /// application ends it.
    #[must_use]
    pub fn born_in(self, generation: Generation) -> Self {
        Self { generation: Some(generation), ..self }
    }

    /// When the session was signed in.
    #[must_use]
    pub fn created_at(self, at: Timestamp) -> Self {
        Self { created_at: Some(at), ..self }
    }
}

/// Says whose session a request belongs to, where the application keeps its
/// sessions itself.
///
/// A closure will do. It looks at the request's head and returns a future that
/// borrows nothing:
///
/// ```
/// use portcullis::{AccountKey, Portcullis, SessionClaim};
///
/// let builder = Portcullis::builder().sessions_from(|head: &http::request::Parts| {
///     let user: Option<i64> = head.extensions.get().copied();
///     async move { Ok::<_, std::convert::Infallible>(user.map(SessionClaim::of)) }
/// });
/// ```
pub trait SessionSource: Send + Sync + 'static {
    /// Why the application's sessions can't be asked now.
    type Error: std::error::Error + Send + Sync + 'static;
    /// The answer to come.
    type Future: Future<Output = Result<Option<SessionClaim>, Self::Error>> + Send + 'static;

    /// Whose session the request belongs to; `None`: nobody's.
    fn claim(&self, head: &Parts) -> Self::Future;
}

impl<F, Fut, E> SessionSource for F
where
    F: Fn(&Parts) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<SessionClaim>, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    type Error = E;
    type Future = Fut;

    fn claim(&self, head: &Parts) -> Fut {
        self(head)
    }
}

type Claim = BoxFuture<'static, Result<Option<SessionClaim>, StoreError>>;

/// A [`SessionSource`] behind a pointer.
pub(crate) trait ErasedSessionSource: Send + Sync {
    fn claim(&self, head: &Parts) -> Claim;
}

impl<S: SessionSource> ErasedSessionSource for S {
    fn claim(&self, head: &Parts) -> Claim {
        let claim = SessionSource::claim(self, head);
        Box::pin(async move { claim.await.map_err(StoreError::unavailable) })
    }
}

pub(crate) fn erase(source: impl SessionSource) -> Arc<dyn ErasedSessionSource> {
    Arc::new(source)
}
