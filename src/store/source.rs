//! Accounts that live elsewhere: an application's own table, or another system.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

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

    /// Tells of changes as they happen, for as long as it is polled. The gate polls it
    /// in a task of its own, and drops it when the gate is gone.
    ///
    /// Default: nothing is told, and every account in use is asked about again in time.
    fn follow(&self, news: NewsSender) -> impl Future<Output = ()> + Send {
        drop(news);
        std::future::ready(())
    }

    /// How the source does. Default: as one that nobody counts.
    fn health(&self) -> SourceHealth {
        SourceHealth::default()
    }
}

/// What a source tells of changes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SourceNews {
    /// This account's standing is this now.
    Changed(AccountKey, Box<Standing>),
    /// From now on every change is told, until [`SourceNews::Lost`]: nothing that is
    /// asked from here on grows old by itself.
    Following,
    /// Changes are not told any more: accounts are to be asked about in time.
    Lost,
    /// Changes may have been missed: every account is to be asked about again.
    Missed,
}

/// Where a source tells its news. Cheap to clone.
#[derive(Clone)]
pub struct NewsSender(mpsc::Sender<SourceNews>);

impl NewsSender {
    /// Room for so many news that the gate has not taken yet.
    const ROOM: usize = 1024;

    pub(crate) fn channel() -> (Self, mpsc::Receiver<SourceNews>) {
        let (sender, receiver) = mpsc::channel(Self::ROOM);
        (Self(sender), receiver)
    }

    /// Tells it, as soon as there is room. Says whether anybody still listens.
    pub async fn tell(&self, news: SourceNews) -> bool {
        self.0.send(news).await.is_ok()
    }

    /// Done once nobody listens any more.
    pub(crate) async fn deaf(&self) {
        self.0.closed().await;
    }
}

impl fmt::Debug for NewsSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewsSender(..)")
    }
}

/// How a source does, as it counts itself.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SourceHealth {
    /// How long it has been failing, if it fails now: nobody is asking it but to find out
    /// whether it is back.
    pub failing_for: Option<Duration>,
    /// Whether it is being tried whether it is back.
    pub trying: bool,
    /// How long ago it last answered; `None`: not yet.
    pub answered_ago: Option<Duration>,
    /// Questions that it answered with a standing.
    pub answered: u64,
    /// Questions that it answered with "as before".
    pub unchanged: u64,
    /// Questions that it answered with "no such account".
    pub no_such_account: u64,
    /// Questions that it gave no answer to that could be used.
    pub failed: u64,
    /// Questions that it was not asked, because it was failing or too many were asked.
    pub spared: u64,
}

/// A [`StatusSource`] behind a pointer.
pub(crate) trait ErasedSource: Send + Sync {
    fn standing<'a>(
        &'a self,
        account: &'a AccountKey,
    ) -> BoxFuture<'a, Result<Option<Standing>, StoreError>>;

    fn follow(&self, news: NewsSender) -> BoxFuture<'_, ()> {
        drop(news);
        Box::pin(std::future::ready(()))
    }

    fn health(&self) -> SourceHealth {
        SourceHealth::default()
    }
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

    fn follow(&self, news: NewsSender) -> BoxFuture<'_, ()> {
        Box::pin(StatusSource::follow(self, news))
    }

    fn health(&self) -> SourceHealth {
        StatusSource::health(self)
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
