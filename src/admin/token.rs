//! Makes, lists and revokes API tokens.

use crate::admin::lock::not_over;
use crate::admin::person::shown_name;
use crate::admin::rights::Receiver;
use crate::admin::{Actor, Admin, AdminError, Target};
use crate::domain::account::Account;
use crate::domain::event::Action;
use crate::domain::operation::Operation;
use crate::domain::scope::{EVERYTHING, is_scope};
use crate::domain::secret::TokenSecret;
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::store::{ApiToken, NewToken, TokenOwner};

/// The most scopes of a token or an application.
const MAX_SCOPES: usize = 100;

/// The longest name of a token, in characters.
const MAX_NAME_CHARS: usize = 100;

/// An API token that is asked for.
#[derive(Clone, Debug, Default)]
pub struct TokenRequest {
    /// What people call it; may be empty.
    pub name: String,
    /// What it may be used for; none for everything that its owner may do.
    pub scopes: Vec<String>,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

/// A token, with its secret for this once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CreatedToken {
    /// What the holder gets. It can't be shown again.
    pub secret: TokenSecret,
    /// What is stored.
    pub token: ApiToken,
}

impl Admin {
    /// Makes an API token that acts for its owner. People make their own, for no more
    /// than they may; whoever may manage tokens makes others'.
    ///
    /// The owner is looked at before the token is stored: one who is locked in
    /// between has a token that is refused while they are.
    ///
    /// # Errors
    ///
    /// If whoever asks may not make it, or may not do themselves what a scope is for; if
    /// the owner may not act, the end is past, or a scope has no such form.
    pub async fn create_token(
        &self,
        actor: &Actor,
        owner: &Target,
        request: TokenRequest,
    ) -> Result<CreatedToken, AdminError> {
        let owner = self.find(owner).await?;
        require_tokens_of(actor, &owner)?;
        may_own(&owner, self.now())?;
        let (secret, new) = self.new_token(owner.id.into(), request)?;
        let to = if actor.owns(owner.id) { Receiver::Oneself } else { Receiver::Another };
        if let Some(rights) = actor.rights() {
            rights.require_giving(&new.scopes, to)?;
        }
        self.store_token(actor, secret, new).await
    }

    /// Tokens that are not revoked, of one owner or of all, oldest first. People see
    /// their own; whoever may manage tokens sees all.
    ///
    /// # Errors
    ///
    /// If there is no such owner, or whoever asks may not see them.
    pub async fn tokens(
        &self,
        actor: &Actor,
        owner: Option<&Target>,
    ) -> Result<Vec<ApiToken>, AdminError> {
        let owner = match owner {
            Some(target) => Some(self.find(target).await?),
            None => None,
        };
        match (actor.rights(), &owner) {
            (Some(rights), Some(owner)) if actor.owns(owner.id) => {
                rights.require_own(Operation::ManageTokens)?;
            }
            _ => actor.require(Operation::ManageTokens)?,
        }
        Ok(self
            .directory
            .tokens(owner.map(|owner| owner.id.into()))
            .await?)
    }

    /// Revokes a token: it is refused from now on.
    ///
    /// # Errors
    ///
    /// If there is no such token, it was revoked before, or it is not theirs to revoke.
    pub async fn revoke_token(&self, actor: &Actor, id: SessionId) -> Result<ApiToken, AdminError> {
        let found = self.directory.token_named(id).await?;
        let token = found.ok_or(AdminError::NoSuchToken { id })?;
        match self.holder(token.owner.account()).await? {
            Some(owner) => require_tokens_of(actor, &owner)?,
            None => actor.require(Operation::ManageTokens)?,
        }
        let note = actor.note(Action::TokenRevoked, None);
        let revoked = self.directory.revoke_token(id, note).await?;
        self.tell_gate_of_end(id);
        let revoked = revoked.ok_or(AdminError::NoSuchToken { id })?;
        self.count(Action::TokenRevoked);
        Ok(revoked)
    }

    /// A token as it is asked for, with a fresh secret.
    pub(super) fn new_token(
        &self,
        owner: TokenOwner,
        request: TokenRequest,
    ) -> Result<(TokenSecret, NewToken), AdminError> {
        let secret = TokenSecret::from_random(random()?);
        let new = new_token(&secret, owner, request, self.now())?;
        Ok((secret, new))
    }

    pub(super) async fn store_token(
        &self,
        actor: &Actor,
        secret: TokenSecret,
        new: NewToken,
    ) -> Result<CreatedToken, AdminError> {
        let note = actor.note(Action::TokenCreated, None);
        let token = self.directory.create_token(new, note).await?;
        self.count(Action::TokenCreated);
        Ok(CreatedToken { secret, token })
    }
}

/// Bytes of the operating system's.
pub(super) fn random<const N: usize>() -> Result<[u8; N], AdminError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| AdminError::Random)?;
    Ok(bytes)
}

/// Refuses who may not make and revoke this owner's tokens: administrators' are for
/// administrators alone.
fn require_tokens_of(actor: &Actor, owner: &Account) -> Result<(), AdminError> {
    match actor.rights() {
        Some(rights) if actor.owns(owner.id) => rights.require_own(Operation::ManageTokens),
        _ => actor.require_managing_to(Operation::ManageTokens, owner),
    }
}

/// A lockout is about guessed passwords: it does not keep its owner from having
/// a token, as it does not refuse one.
fn may_own(owner: &Account, now: Timestamp) -> Result<(), AdminError> {
    let standing = owner.standing();
    match standing.lasting_refusal(now) {
        None => Ok(()),
        Some(_) => Err(AdminError::OwnerNotActive {
            login: owner.login.to_string(),
            status: standing.status(now),
        }),
    }
}

fn new_token(
    secret: &TokenSecret,
    owner: TokenOwner,
    request: TokenRequest,
    now: Timestamp,
) -> Result<NewToken, AdminError> {
    let TokenRequest { name, mut scopes, expires_at } = request;
    not_over(expires_at, now)?;
    let name = shown_name(&name, MAX_NAME_CHARS)?;
    if scopes.is_empty() {
        scopes.push(EVERYTHING.to_owned());
    }
    Ok(NewToken { key: secret.key(), owner, name, scopes: worded(scopes)?, expires_at })
}

/// The scopes, each once and in order, if all have the form.
pub(super) fn worded(mut scopes: Vec<String>) -> Result<Vec<String>, AdminError> {
    if let Some(scope) = scopes.iter().find(|scope| !is_scope(scope)) {
        return Err(AdminError::InvalidScope { scope: scope.clone() });
    }
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.len() > MAX_SCOPES {
        return Err(AdminError::TooManyScopes { max: MAX_SCOPES });
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::{NOW, account, locked, locked_out};
    use crate::domain::lock::End;

    fn request(scopes: &[&str]) -> TokenRequest {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        TokenRequest { scopes, ..TokenRequest::default() }
    }

    fn made(request: TokenRequest) -> Result<NewToken, AdminError> {
        let owner = account(7).id.into();
        new_token(&TokenSecret::from_random([7; 32]), owner, request, NOW)
    }

    #[test]
    fn only_who_may_act_owns_a_token() {
        assert!(may_own(&account(7), NOW).is_ok());
        assert!(may_own(&locked_out(account(7)), NOW).is_ok(), "a lockout is about passwords");
        let refused = may_own(&locked(account(7), End::Never), NOW).expect_err("locked");
        assert!(refused.to_string().contains("user7 is locked"), "{refused}");
    }

    #[test]
    fn scopes_are_words_and_everything_is_the_default() {
        assert_eq!(made(request(&[])).expect("made").scopes, ["*"]);
        let scopes = made(request(&["users.unlock", "audit:read", "users.unlock"]));
        assert_eq!(scopes.expect("made").scopes, ["audit:read", "users.unlock"]);
        for bad in ["", "Users", "a b", "a,b", "**"] {
            assert!(made(request(&[bad])).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_token_has_a_future_and_a_name_that_can_be_shown() {
        let past = TokenRequest { expires_at: Some(NOW), ..TokenRequest::default() };
        assert!(matches!(made(past), Err(AdminError::EndIsPast { .. })));
        let forged = TokenRequest { name: "ci\u{1b}[2J".to_owned(), ..TokenRequest::default() };
        assert!(matches!(made(forged), Err(AdminError::InvalidName { .. })));
    }

    #[test]
    fn a_created_token_is_not_printed() {
        let secret = TokenSecret::from_random([7; 32]);
        let stored = made(request(&[])).expect("made");
        let printed = format!("{secret:?} {stored:?}");
        assert!(!printed.contains(&secret.expose()[4..]), "{printed}");
    }
}
