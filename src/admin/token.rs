//! Makes, lists and revokes API tokens.

use crate::admin::lock::not_over;
use crate::admin::rights::EVERYTHING;
use crate::admin::{Actor, Admin, AdminError, Target};
use crate::domain::account::Account;
use crate::domain::event::Action;
use crate::domain::secret::TokenSecret;
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::store::{ApiToken, NewToken};

/// The longest scope, in bytes.
const MAX_SCOPE_BYTES: usize = 64;

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
    /// Makes an API token that acts for its owner.
    ///
    /// The owner is looked at before the token is stored: one who is locked in
    /// between has a token that is refused while they are.
    ///
    /// # Errors
    ///
    /// If it is for another owner than whoever asks may change, the owner may not act, the end is past, or a scope has no such form.
    pub async fn create_token(
        &self,
        actor: &Actor,
        owner: &Target,
        request: TokenRequest,
    ) -> Result<CreatedToken, AdminError> {
        let owner = self.find(owner).await?;
        actor.require_changing(&owner)?;
        let now = self.now();
        may_own(&owner, now)?;
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| AdminError::Random)?;
        let secret = TokenSecret::from_random(bytes);
        let new = new_token(&secret, &owner, request, now)?;
        let note = actor.note(Action::TokenCreated, None);
        let token = self.directory.create_token(new, note).await?;
        self.count(Action::TokenCreated);
        Ok(CreatedToken { secret, token })
    }

    /// Tokens that are not revoked, of one owner or of all, oldest first.
    ///
    /// # Errors
    ///
    /// If there is no such owner.
    pub async fn tokens(&self, owner: Option<&Target>) -> Result<Vec<ApiToken>, AdminError> {
        let owner = match owner {
            Some(target) => Some(self.find(target).await?.id),
            None => None,
        };
        Ok(self.directory.tokens(owner).await?)
    }

    /// Revokes a token: it is refused from now on.
    ///
    /// # Errors
    ///
    /// If there is no such token, or it was revoked before.
    pub async fn revoke_token(&self, actor: &Actor, id: SessionId) -> Result<ApiToken, AdminError> {
        let note = actor.note(Action::TokenRevoked, None);
        let revoked = self.directory.revoke_token(id, note).await?;
        self.tell_gate_of_end(id);
        let revoked = revoked.ok_or(AdminError::NoSuchToken { id })?;
        self.count(Action::TokenRevoked);
        Ok(revoked)
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
    owner: &Account,
    request: TokenRequest,
    now: Timestamp,
) -> Result<NewToken, AdminError> {
    let TokenRequest { name, mut scopes, expires_at } = request;
    not_over(expires_at, now)?;
    let name = name.trim().to_owned();
    if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(AdminError::InvalidName { max: MAX_NAME_CHARS });
    }
    if let Some(scope) = scopes.iter().find(|scope| !is_scope(scope)) {
        return Err(AdminError::InvalidScope { scope: scope.clone() });
    }
    if scopes.is_empty() {
        scopes.push(EVERYTHING.to_owned());
    }
    scopes.sort_unstable();
    scopes.dedup();
    Ok(NewToken { key: secret.key(), owner: owner.id, name, scopes, expires_at })
}

fn is_scope(text: &str) -> bool {
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b':' | b'_' | b'-');
    let word = (1..=MAX_SCOPE_BYTES).contains(&text.len()) && text.bytes().all(plain);
    word || text == EVERYTHING
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
        new_token(&TokenSecret::from_random([7; 32]), &account(7), request, NOW)
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
