//! Links that let somebody choose a password, once.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::account::{Account, AccountId};
use crate::domain::session::{SessionKey, SessionToken};
use crate::domain::standing::{Generation, Lifecycle};
use crate::domain::time::Timestamp;

/// What every secret of an invitation begins with, so that people and scanners know one.
pub const INVITATION_PREFIX: &str = "pci_";

/// What a link is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// Somebody who has not come yet chooses a password, and is active then.
    Invitation,
    /// Somebody who forgot their password chooses a new one.
    Reset,
}

impl Purpose {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reset => "reset",
        }
    }

    /// Reads the stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Invitation, Self::Reset]
            .into_iter()
            .find(|purpose| purpose.as_str() == word)
    }

    /// What a link for this account is for now; `None` if it can have none.
    pub fn of(account: &Account, now: Timestamp) -> Option<Self> {
        let standing = account.standing();
        match account.lifecycle {
            Lifecycle::Deleted => None,
            _ if account.locks.disablement.is_some() => None,
            Lifecycle::Invited | Lifecycle::Registered => Some(Self::Invitation),
            _ => standing
                .lasting_refusal(now)
                .is_none()
                .then_some(Self::Reset),
        }
    }
}

/// A link that was made, without its secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invitation {
    /// The hash of the secret.
    pub key: SessionKey,
    /// Whose password it sets.
    pub account: AccountId,
    /// What it is for.
    pub purpose: Purpose,
    /// The account's generation when it was made: in another one it opens nothing.
    pub generation: Generation,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// Whether it opens this account now. A new password, a lock and whatever else ends
    /// sessions ends it, too.
    pub fn opens(&self, account: &Account, now: Timestamp) -> bool {
        self.account == account.id
            && now < self.expires_at
            && self.generation == account.generation
            && Purpose::of(account, now) == Some(self.purpose)
    }
}

/// The secret of an invitation: `pci_` and 43 characters of base64url.
///
/// Never printed by `Debug`. Only its [`SessionKey`] is stored.
#[derive(Clone)]
pub struct InvitationSecret(SessionToken);

impl InvitationSecret {
    /// The secret of these random bytes. They must come from the operating system:
    /// whoever can guess them sets the person's password.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(SessionToken::from_random(bytes))
    }

    /// Reads what somebody sent, if it has a secret's form: the secret, or the whole
    /// link that ends in it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let secret = text.rsplit_once('#').map_or(text, |(_, secret)| secret);
        let token = secret.strip_prefix(INVITATION_PREFIX)?;
        SessionToken::parse(token.as_bytes()).map(Self)
    }

    /// The text that the person gets, once. A secret.
    pub fn expose(&self) -> String {
        format!("{INVITATION_PREFIX}{}", self.0.expose())
    }

    /// What is stored instead: the hash of the 43 characters.
    pub fn key(&self) -> SessionKey {
        self.0.key()
    }
}

impl fmt::Debug for InvitationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret = InvitationSecret::from_random([7; 32]);
        assert_eq!(format!("{secret:?}"), "InvitationSecret(..)");
        for purpose in [Purpose::Invitation, Purpose::Reset] {
            assert_eq!(Purpose::from_word(purpose.as_str()), Some(purpose));
        }
    }

    proptest! {
        /// Property: a secret is read exactly when it has the prefix and a session
        /// token's form, alone or as the end of a link, and reads back as it was sent.
        #[test]
        fn only_the_form_is_read(
            before in "(https://[a-z./]{1,20}#)?|[ -~]{0,20}",
            text in "(pci_|PCI_|pci|)[A-Za-z0-9_-]{42,44}|[ -\"$-~]{0,60}",
        ) {
            let sent = format!("{before}{text}");
            let last = sent.trim().rsplit('#').next().unwrap_or_default();
            let token = last.strip_prefix(INVITATION_PREFIX);
            let form = token.and_then(|token| SessionToken::parse(token.as_bytes()));
            let read = InvitationSecret::parse(&sent);
            prop_assert_eq!(read.is_some(), form.is_some());
            if let Some(read) = read {
                prop_assert_eq!(read.expose(), last);
            }
        }
    }
}
