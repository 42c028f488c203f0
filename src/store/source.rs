//! Accounts that live elsewhere: an application's own table, or another system.

use std::sync::Arc;

use crate::domain::account::AccountKey;
use crate::domain::standing::Standing;
use crate::store::{BoxFuture, Directory, StoreError};

/// Anything that can say an account's standing: an application's own table, or
/// another system.
///
/// ```
/// use portcullis::{AccountKey, Standing, StatusSource};
///
/// struct Everybody;
///
/// impl StatusSource for Everybody {
///     type Error = std::convert::Infallible;
///
///     async fn standing(&self, _: &AccountKey) -> Result<Option<Standing>, Self::Error> {
///         Ok(Some(Standing::active()))
///     }
/// }
/// ```
pub trait StatusSource: Send + Sync + 'static {
    /// Why the source can't answer now.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The standing of an account; `None` if there is no such account.
    ///
    /// Dropped when it takes longer than the engine's time-out.
    fn standing(
        &self,
        account: &AccountKey,
    ) -> impl Future<Output = Result<Option<Standing>, Self::Error>> + Send;
}

/// A [`StatusSource`] behind a pointer.
pub(crate) trait ErasedSource: Send + Sync {
    fn standing<'a>(
        &'a self,
        account: &'a AccountKey,
    ) -> BoxFuture<'a, Result<Option<Standing>, StoreError>>;
}

impl<S: StatusSource> ErasedSource for S {
    fn standing<'a>(
        &'a self,
        account: &'a AccountKey,
    ) -> BoxFuture<'a, Result<Option<Standing>, StoreError>> {
        Box::pin(async move {
            StatusSource::standing(self, account)
                .await
                .map_err(StoreError::unavailable)
        })
    }
}

/// A directory says the standing of its own accounts.
#[derive(Debug)]
pub(crate) struct DirectorySource(pub(crate) Arc<dyn Directory>);

impl ErasedSource for DirectorySource {
    fn standing<'a>(
        &'a self,
        account: &'a AccountKey,
    ) -> BoxFuture<'a, Result<Option<Standing>, StoreError>> {
        Box::pin(async move {
            let Some(id) = account.account_id() else { return Ok(None) };
            Ok(self.0.account(id).await?.map(|account| account.standing()))
        })
    }
}
