//! What other systems ask of the directory: whether somebody may come in, and what of
//! that changed since.

#[cfg(feature = "api")]
use tokio::sync::watch;

use super::{Admin, AdminError};
use crate::domain::account::{Account, AccountId, AccountKey};
use crate::domain::login::TypedLogin;
use crate::domain::standing::Standing;
use crate::store::{AccountChange, FeedCursor};

/// Changes that are told of at once, at most.
const PAGE: usize = 200;

/// What changed after a position of the feed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FeedPart {
    /// Accounts that changed, with what they are now.
    pub accounts: Vec<AccountChange>,
    /// Whether something was forgotten between the position and this: everything has to
    /// be asked for again.
    pub pruned: bool,
    /// Whether there is more already.
    pub more: bool,
    /// Where the next part begins.
    pub place: FeedPlace,
}

/// A place in the feed.
#[derive(Clone, Debug)]
pub struct FeedPlace(FeedCursor);

impl FeedPlace {
    /// How many changes of the directory there were up to here.
    pub const fn position(&self) -> u64 {
        self.0.accounts
    }

    /// The same, but for the changes: after this many of them.
    #[must_use]
    pub fn at(mut self, position: u64) -> Self {
        self.0.accounts = position;
        self
    }
}

impl Admin {
    /// The standing of the account with this number, if there ever was one.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn standing_of(&self, id: AccountId) -> Result<Option<Standing>, AdminError> {
        let account = self.directory.account(id).await?;
        Ok(account.as_ref().map(Account::standing))
    }

    /// The account with exactly this login, in the directory's spelling, and its standing.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn standing_of_login(
        &self,
        login: &str,
    ) -> Result<Option<(AccountKey, Standing)>, AdminError> {
        let found = self.directory.resolve(TypedLogin::new(login)).await?;
        let meant = found.filter(|account| account.login.as_str() == login);
        Ok(meant.map(|account| (account.key(), account.standing())))
    }

    /// Where the feed ends now.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn feed_place(&self) -> Result<FeedPlace, AdminError> {
        Ok(FeedPlace(self.directory.feed_head().await?))
    }

    /// What changed after this place.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn feed_after(&self, place: &FeedPlace) -> Result<FeedPart, AdminError> {
        let page = self.directory.feed_after(place.0, PAGE).await?;
        let more = page.more && page.next.accounts != place.0.accounts;
        let place = FeedPlace(page.next);
        Ok(FeedPart { accounts: page.accounts, pruned: page.pruned, more, place })
    }

    /// Rises soon after the directory changed, where there is a gate that follows it.
    #[cfg(feature = "api")]
    pub(crate) fn feed_moved(&self) -> Option<watch::Receiver<u64>> {
        self.gate
            .as_ref()
            .map(crate::engine::Portcullis::feed_moved)
    }

    /// Whether the directory was heard of lately, as far as the gate knows.
    #[cfg(feature = "api")]
    pub(crate) fn hears_directory(&self) -> bool {
        let health = self.gate.as_ref().map(crate::engine::Portcullis::health);
        health.is_none_or(|health| health.directory_lost_for.is_none())
    }
}
