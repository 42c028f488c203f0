//! Finds out whose API token somebody brought.

use std::time::Duration;

use crate::admin::{Actor, Admin, AdminError, Rights, Target};
use crate::domain::account::{Account, AccountId};
use crate::domain::application::Application;
use crate::domain::denial::DenialReason;
use crate::domain::secret::TokenSecret;
use crate::domain::time::Timestamp;
use crate::store::{ApiToken, TokenOwner};

/// When a token was used is written no more often than this.
pub(super) const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Somebody who came with an API token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Caller {
    /// Whose token it is, as they are now.
    pub identity: Identity,
    /// What they may do with it.
    pub rights: Rights,
    /// The address that they came from.
    pub from: Option<String>,
}

/// Whose a token is.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is nobody else")]
pub enum Identity {
    /// A person.
    Account(Box<Account>),
    /// A program that is nobody's.
    Application(Application),
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRefusal {
    /// Its application is shut out.
    #[error("the token's application is disabled")]
    ApplicationDisabled,
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
        let (from, rights) = (self.from.clone(), self.rights.clone());
        match &self.identity {
            Identity::Account(account) => {
                Actor::Account { id: account.id, login: account.login.clone(), from, rights }
            }
            Identity::Application(application) => {
                let (id, name) = (application.id, application.name.clone());
                Actor::Application { id, name, from, rights }
            }
        }
    }

    /// The caller inside a request that asks for many things at once, where each is
    /// allowed by what is for bulks.
    #[must_use]
    pub fn in_bulk(self) -> Self {
        Self { rights: self.rights.in_bulk(), ..self }
    }

    /// The caller's own account, if the token is a person's.
    pub fn account(&self) -> Option<&Account> {
        self.identity.account()
    }

    /// Whether this is the caller's own account.
    pub fn is(&self, account: AccountId) -> bool {
        self.account().is_some_and(|own| own.id == account)
    }
}

impl Identity {
    /// The account, if it is a person's.
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Account(account) => Some(account),
            Self::Application(_) => None,
        }
    }

    fn rights(&self) -> Rights {
        match self {
            Self::Account(account) => Rights::of(account),
            Self::Application(application) => Rights::of_application(application),
        }
    }
}

impl Admin {
    /// Who comes with this token. The directory itself is asked, so a token is
    /// refused from the moment on when its owner is locked, disabled or deleted, or its
    /// application disabled or removed. A lockout does not refuse one: whoever guesses
    /// passwords has no token.
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
        let Some(identity) = self.owner_of(&token).await? else {
            return Ok(Err(TokenRefusal::Unknown));
        };
        let now = self.now();
        if let Some(refusal) = refusal_of(&token, &identity, now) {
            return Ok(Err(refusal));
        }
        self.note_use(&token, now).await;
        if let Identity::Application(application) = &identity {
            self.note_application(application, now).await;
        }
        let mut rights = identity.rights();
        if let Some(account) = identity.account() {
            rights = rights.with(&self.permissions_by_groups(account.id).await?);
        }
        let rights = rights.within(&token.scopes);
        Ok(Ok(Caller { identity, rights, from }))
    }

    /// What somebody may do who is signed in: by themselves, and by their groups.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn rights_of(&self, account: &Account) -> Result<Rights, AdminError> {
        Ok(Rights::of(account).with(&self.permissions_by_groups(account.id).await?))
    }

    /// Refuses to make a way in for somebody who may do more than whoever asks, by
    /// themselves or by their groups.
    pub(super) async fn require_reaching(
        &self,
        actor: &Actor,
        target: &Target,
    ) -> Result<(), AdminError> {
        if actor.rights().is_none_or(Rights::administer) {
            return Ok(());
        }
        let id = self.number_of(target).await?;
        // Somebody who is not there is refused by what is asked for.
        let Some(account) = self.directory.account(id).await? else { return Ok(()) };
        actor.require_reaching(&self.rights_of(&account).await?)
    }

    /// Whose a token is, if they are still there.
    pub(super) async fn owner_of(&self, token: &ApiToken) -> Result<Option<Identity>, AdminError> {
        Ok(match token.owner {
            TokenOwner::Account(id) => {
                let account = self.directory.account(id).await?;
                account.map(|account| Identity::Account(Box::new(account)))
            }
            TokenOwner::Application(id) => {
                let application = self.directory.applications().application(id).await?;
                application.map(Identity::Application)
            }
        })
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

/// Why a token of this owner opens nothing now, if so.
pub(super) fn refusal_of(
    token: &ApiToken,
    owner: &Identity,
    now: Timestamp,
) -> Option<TokenRefusal> {
    if token.expires_at.is_some_and(|end| now >= end) {
        return Some(TokenRefusal::Ended);
    }
    match owner {
        Identity::Account(account) => {
            let refusal = account.standing().lasting_refusal(now);
            refusal.map(TokenRefusal::Owner)
        }
        Identity::Application(application) => {
            (!application.enabled).then_some(TokenRefusal::ApplicationDisabled)
        }
    }
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
            owner: account(7).id.into(),
            name: String::new(),
            scopes: vec!["*".to_owned()],
            created_at: Timestamp::EPOCH,
            expires_at,
            last_used_at: None,
        }
    }

    fn refusal(token: &ApiToken, owner: &Account, now: Timestamp) -> Option<TokenRefusal> {
        refusal_of(token, &Identity::Account(Box::new(owner.clone())), now)
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
