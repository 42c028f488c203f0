//! What applications ask for themselves: access tokens, their end, and what one is worth.
//!
//! Nobody counts wrong secrets. A secret is 256 random bits that we made: at a million
//! tries a second, finding one takes longer than the universe has existed, so a count
//! would only let strangers who know an id, which is public, shut the application out.

use std::time::Duration;

use crate::admin::application::within;
use crate::admin::authenticate::{NOTED_EVERY, refusal_of};
use crate::admin::settings::TOKEN_LIFETIME;
use crate::admin::{Actor, Admin, AdminError, CreatedToken, Identity, Rights, TokenRequest};
use crate::domain::application::{Application, ApplicationId, ApplicationSecret};
use crate::domain::event::Action;
use crate::domain::length::read_length;
use crate::domain::operation::Operation;
use crate::domain::scope::Scopes;
use crate::domain::secret::TokenSecret;
use crate::domain::time::Timestamp;
use crate::store::{ApiToken, TokenOwner};

/// How long an access token lives where nobody says.
const USUAL_LIFETIME: Duration = Duration::from_secs(3600);

/// An application that proved to be itself.
#[derive(Clone, Debug)]
pub struct Client {
    application: Application,
    from: Option<String>,
}

/// Why an application is not let in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientRefusal {
    /// There is none, or the secret is another.
    #[error("there is no such application, or its secret is another")]
    Unknown,
    /// It is disabled, and did prove to be itself.
    #[error("the application is disabled")]
    Disabled,
}

/// A token that is worth something, as it is seen by whoever may look at it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LiveToken {
    /// The token.
    pub token: ApiToken,
    /// Whose it is, as they are now.
    pub owner: Identity,
    /// What it is for now: an application may do less by then than when it was made.
    pub scopes: Vec<String>,
}

/// What became of a token that its application wants revoked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Revoked {
    /// It opens nothing, as from now on or as before.
    Done,
    /// It is somebody else's.
    NotYours,
}

impl Client {
    /// The application, as it was when it came.
    pub const fn application(&self) -> &Application {
        &self.application
    }

    fn actor(&self) -> Actor {
        Actor::Application {
            id: self.application.id,
            name: self.application.name.clone(),
            from: self.from.clone(),
            rights: Rights::of_application(&self.application),
        }
    }

    fn may_see(&self, token: &ApiToken) -> bool {
        let own = token.owner == TokenOwner::Application(self.application.id);
        own || Rights::of_application(&self.application).allow(Operation::ManageTokens)
    }
}

impl Admin {
    /// The application with this id and secret. Nobody counts wrong secrets: 256 random
    /// bits are beyond guessing, and a count would let strangers shut an application out.
    ///
    /// The inner error is why it is not let in.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn authenticate_client(
        &self,
        id: ApplicationId,
        secret: &ApplicationSecret,
        from: Option<String>,
    ) -> Result<Result<Client, ClientRefusal>, AdminError> {
        let found = self.directory.applications().application(id).await?;
        let Some(application) = found.filter(|found| found.secret.is(&secret.key())) else {
            return Ok(Err(ClientRefusal::Unknown));
        };
        if !application.enabled {
            return Ok(Err(ClientRefusal::Disabled));
        }
        self.note_application(&application, self.now()).await;
        Ok(Ok(Client { application, from }))
    }

    /// Gives an application an access token for these scopes, and says how long it lives;
    /// where none are named, it is for all that the application may. It ends by itself, as
    /// the setting `tokens.lifetime` says.
    ///
    /// # Errors
    ///
    /// If a scope has no such form or is for more than the application, or the
    /// application was removed meanwhile.
    pub async fn issue_token(
        &self,
        client: &Client,
        scopes: Vec<String>,
    ) -> Result<(CreatedToken, Duration), AdminError> {
        let lifetime = self.token_lifetime().await?;
        let scopes = if scopes.is_empty() { client.application.scopes.clone() } else { scopes };
        let expires_at = Some(self.now().after(lifetime));
        let request = TokenRequest { name: String::new(), scopes, expires_at };
        let (secret, new) = self.new_token(client.application.id.into(), request)?;
        within(&client.application, &new.scopes)?;
        let created = self.store_token(&client.actor(), secret, new).await?;
        Ok((created, lifetime))
    }

    /// Revokes a token of the application that asks.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn revoke_own_token(
        &self,
        client: &Client,
        secret: &TokenSecret,
    ) -> Result<Revoked, AdminError> {
        let Some(token) = self.directory.token(secret.key()).await? else {
            return Ok(Revoked::Done);
        };
        if token.owner != TokenOwner::Application(client.application.id) {
            return Ok(Revoked::NotYours);
        }
        let note = client.actor().note(Action::TokenRevoked, None);
        if self
            .directory
            .revoke_token(token.key.id(), note)
            .await?
            .is_some()
        {
            self.count(Action::TokenRevoked);
        }
        Ok(Revoked::Done)
    }

    /// What a token is worth now, to an application that may know: its own tokens, and
    /// any where it may manage tokens. `None` if it opens nothing or is not to be seen.
    /// That somebody looked is no use of the token.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn look_at_token(
        &self,
        client: &Client,
        secret: &TokenSecret,
    ) -> Result<Option<LiveToken>, AdminError> {
        let Some(token) = self.directory.token(secret.key()).await? else { return Ok(None) };
        if !client.may_see(&token) {
            return Ok(None);
        }
        let Some(owner) = self.owner_of(&token).await? else { return Ok(None) };
        if refusal_of(&token, &owner, self.now()).is_some() {
            return Ok(None);
        }
        let scopes = scopes_now(&token, &owner);
        Ok(Some(LiveToken { token, owner, scopes }))
    }

    async fn token_lifetime(&self) -> Result<Duration, AdminError> {
        let value = self.value_of(&TOKEN_LIFETIME).await?.value;
        Ok(read_length(&value).unwrap_or(USUAL_LIFETIME))
    }

    pub(super) async fn note_application(&self, application: &Application, now: Timestamp) {
        let noted = application
            .last_used_at
            .is_some_and(|at| now < at.after(NOTED_EVERY));
        if noted {
            return;
        }
        let store = self.directory.applications();
        // That it can't be written is no reason to let nobody administer.
        if let Err(error) = store.touch_application(application.id, now).await {
            tracing::warn!(%error, application.id = %application.id, "application use not noted");
        }
    }
}

/// The words of the token that its application is for, and those of the application that
/// the token is for.
fn scopes_now(token: &ApiToken, owner: &Identity) -> Vec<String> {
    let Identity::Application(application) = owner else { return token.scopes.clone() };
    let within = |words: &[String], whole: &[String]| {
        let whole = Scopes::of(whole);
        let kept = words
            .iter()
            .filter(|word| whole.include(&Scopes::of([*word])));
        kept.cloned().collect::<Vec<_>>()
    };
    let mut scopes = within(&token.scopes, &application.scopes);
    scopes.extend(within(&application.scopes, &token.scopes));
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}
