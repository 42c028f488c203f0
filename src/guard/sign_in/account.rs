//! Whose sign-in it was.

use std::error::Error;
use std::sync::Arc;

use http::response::Parts;

use crate::domain::account::AccountKey;
use crate::domain::standing::{Generation, Standing};
use crate::store::BoxFuture;

/// Put into a response's extensions by a handler: this account's sign-in succeeded.
///
/// With [`Sign::told`](super::Sign::told) it is the sign of success. With any other
/// sign it still says whose sign-in it was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignInSucceeded(AccountKey);

impl SignInSucceeded {
    /// This account's sign-in.
    pub fn of(account: impl Into<AccountKey>) -> Self {
        Self(account.into())
    }

    /// Whose sign-in it was.
    pub const fn account(&self) -> &AccountKey {
        &self.0
    }
}

/// Found in the extensions of the response to a sign-in that was let through: who
/// came in, and in which generation of the account.
///
/// A layer between the application's sessions and the [`SignInLayer`](super::SignInLayer)
/// keeps the generation in the session, for
/// [`SessionClaim::born_in`](crate::SessionClaim::born_in).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LetIn {
    account: AccountKey,
    generation: Generation,
}

impl LetIn {
    pub(super) const fn new(account: AccountKey, standing: &Standing) -> Self {
        Self { account, generation: standing.generation }
    }

    /// Who came in.
    pub const fn account(&self) -> &AccountKey {
        &self.account
    }

    /// The account's generation at the sign-in.
    pub const fn generation(&self) -> Generation {
        self.generation
    }
}

type Failed = Box<dyn Error + Send + Sync>;

/// Finds the account that a login names, in the application's own table.
pub(super) type FindAccount =
    Arc<dyn Fn(&str) -> BoxFuture<'static, Result<Option<AccountKey>, Failed>> + Send + Sync>;

/// Puts a closure behind a pointer.
pub(super) fn erase<F, Fut, E>(find: F) -> FindAccount
where
    F: Fn(&str) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<AccountKey>, E>> + Send + 'static,
    E: Error + Send + Sync + 'static,
{
    Arc::new(move |login| {
        let found = find(login);
        Box::pin(async move { found.await.map_err(Failed::from) })
    })
}

/// The account that a handler named itself.
pub(super) fn told(head: &Parts) -> Option<AccountKey> {
    let told = head.extensions.get::<SignInSucceeded>()?;
    Some(told.account().clone())
}
