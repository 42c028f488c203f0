//! Shows accounts.

use crate::admin::{Admin, AdminError, Target};
use crate::domain::account::{Account, AccountId};
use crate::domain::session::Session;
use crate::domain::standing::Status;
use crate::domain::time::Timestamp;
use crate::store::AccountQuery;

/// An account with what goes on in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Detail {
    /// The account.
    pub account: Account,
    /// Its live sessions, newest first.
    pub sessions: Vec<Session>,
    /// When this was so.
    pub now: Timestamp,
}

impl Admin {
    /// An account and its live sessions. A deleted one is found by its number.
    ///
    /// # Errors
    ///
    /// If there is no such account.
    pub async fn show(&self, target: &Target) -> Result<Detail, AdminError> {
        let account = match target {
            Target::Id(id) => self.record(*id).await?,
            Target::Login(_) => Some(self.find(target).await?),
        };
        let account = account.ok_or_else(|| AdminError::unknown(target))?;
        let mut sessions = self.directory.sessions_of(account.key()).await?;
        let now = self.now();
        sessions.retain(|s| s.generation == account.generation && s.expires_at > now);
        Ok(Detail { account, sessions, now })
    }

    /// The record with this number, also of a deleted account.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn record(&self, id: AccountId) -> Result<Option<Account>, AdminError> {
        Ok(self.directory.account(id).await?)
    }

    /// Accounts by number, lowest first.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn list(&self, query: AccountQuery) -> Result<Vec<Account>, AdminError> {
        Ok(self.directory.accounts(query).await?)
    }

    /// Whether the directory never had an account, deleted ones included.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn is_empty(&self) -> Result<bool, AdminError> {
        let of = |status| AccountQuery { status, search: None, after: None, limit: 1 };
        for status in [None, Some(Status::Deleted)] {
            if !self.directory.accounts(of(status)).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
