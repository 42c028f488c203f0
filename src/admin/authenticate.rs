//! Finds out whose API token somebody brought.

use std::time::Duration;

use crate::admin::{Actor, Admin, AdminError, Rights};
use crate::domain::account::Account;
use crate::domain::denial::DenialReason;
use crate::domain::secret::TokenSecret;
use crate::domain::time::Timestamp;
use crate::store::ApiToken;

/// When a token was used is written no more often than this.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Somebody who came with an API token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Caller {
    /// Whose token it is, as they are now.
    pub account: Account,
    /// What they may do with it.
    pub rights: Rights,
    /// The address that they came from.
    pub from: Option<String>,
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRefusal {
    /// It ended by itself.
    #[error("the token has ended")]
    Ended,
    /// Its owner may not act.
    #[error("the token's owner may not act: {0}")]
    Owner(DenialReason),
    /// It never was one, or was revoked.
    #[error("there is no such token")]
    Unknown,
}

impl Caller {
    /// The caller, as whoever asks for a change.
    pub fn actor(&self) -> Actor {
        Actor::Account {
            id: self.account.id,
            login: self.account.login.clone(),
            from: self.from.clone(),
            rights: self.rights.clone(),
        }
    }
}

impl Admin {
    /// Who comes with this token. The directory itself is asked, so a token is
    /// refused from the moment on when its owner is locked, disabled or deleted. A
    /// lockout does not refuse one: whoever guesses passwords has no token.
    ///
    /// The inner error is why the token opens nothing.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn authenticate(
        &self,
        secret: &TokenSecret,
        from: Option<String>,
    ) -> Result<Result<Caller, TokenRefusal>, AdminError> {
        let Some(token) = self.directory.token(secret.key()).await? else {
            return Ok(Err(TokenRefusal::Unknown));
        };
        let owner = self.directory.account(token.owner).await?;
        let Some(account) = owner else { return Ok(Err(TokenRefusal::Unknown)) };
        let now = self.now();
        if let Some(refusal) = refusal(&token, &account, now) {
            return Ok(Err(refusal));
        }
        self.note_use(&token, now).await;
        let by_groups = self.permissions_by_groups(account.id).await?;
        let rights = Rights::of(&account).with(&by_groups).within(&token.scopes);
        Ok(Ok(Caller { account, rights, from }))
    }

    async fn note_use(&self, token: &ApiToken, now: Timestamp) {
        let noted = token
            .last_used_at
            .is_some_and(|at| now < at.after(NOTED_EVERY));
        if noted {
            return;
        }
        // That it can't be written is no reason to let nobody administer.
        if let Err(error) = self.directory.touch_sessions(vec![(token.key, now)]).await {
            tracing::warn!(%error, token.id = %token.key.id(), "token use not noted");
        }
    }
}

fn refusal(token: &ApiToken, owner: &Account, now: Timestamp) -> Option<TokenRefusal> {
    let ended = token.expires_at.is_some_and(|end| now >= end);
    let owners = owner.standing().lasting_refusal(now);
    if ended { Some(TokenRefusal::Ended) } else { owners.map(TokenRefusal::Owner) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::{NOW, account, locked, locked_out};
    use crate::domain::lock::{Disablement, End};
    use crate::domain::standing::Lifecycle;

    fn token(expires_at: Option<Timestamp>) -> ApiToken {
        ApiToken {
            key: TokenSecret::from_random([7; 32]).key(),
            owner: account(7).id,
            name: String::new(),
            scopes: vec!["*".to_owned()],
            created_at: Timestamp::EPOCH,
            expires_at,
            last_used_at: None,
        }
    }

    #[test]
    fn a_token_is_worth_what_its_owner_is() {
        let of = |owner: &Account| refusal(&token(None), owner, NOW);
        assert_eq!(of(&account(7)), None);
        assert_eq!(of(&locked_out(account(7))), None, "a lockout is about passwords");
        assert_eq!(of(&locked(account(7), End::At(NOW))), None, "its lock is over");
        let mut disabled = account(7);
        let reason = "left".try_into().expect("a reason");
        disabled.locks.disablement =
            Some(Disablement { at: NOW, reason, author: "cli:root".to_owned() });
        let mut others = vec![locked(account(7), End::Never), disabled];
        for lifecycle in [Lifecycle::Deleted, Lifecycle::Invited, Lifecycle::Registered] {
            others.push(Account { lifecycle, ..account(7) });
        }
        for owner in others {
            assert!(matches!(of(&owner), Some(TokenRefusal::Owner(_))), "{owner:?}");
        }
    }

    #[test]
    fn a_token_ends_at_its_end() {
        let at = |end| refusal(&token(Some(end)), &account(7), NOW);
        assert_eq!(at(NOW), Some(TokenRefusal::Ended));
        assert_eq!(at(NOW.after(Duration::from_micros(1))), None);
    }
}
