//! Ids, with the prefixes that Clerk's clients know.

use sha2::{Digest, Sha256};

use crate::domain::account::AccountId;
use crate::domain::login::fold_email;
use crate::domain::session::SessionId;

const USER: &str = "user_";
const SESSION: &str = "sess_";
const CLIENT: &str = "client_";

/// An account is called the same for ever.
pub(super) fn of_user(id: AccountId) -> String {
    format!("{USER}{id}")
}

/// Reads what [`of_user`] wrote, and no other spelling of the number.
pub(super) fn user(text: &str) -> Option<AccountId> {
    let digits = text.strip_prefix(USER)?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    let number: i64 = digits.parse().ok().filter(|_| plain)?;
    number.try_into().ok()
}

pub(super) fn of_session(id: SessionId) -> String {
    format!("{SESSION}{id}")
}

pub(super) fn session(text: &str) -> Option<SessionId> {
    canonical(text.strip_prefix(SESSION)?)
}

/// Each session is a client of its own: we know no others.
pub(super) fn of_client(id: SessionId) -> String {
    format!("{CLIENT}{id}")
}

pub(super) fn client(text: &str) -> Option<SessionId> {
    canonical(text.strip_prefix(CLIENT)?)
}

fn canonical(hex: &str) -> Option<SessionId> {
    let small = !hex.bytes().any(|b| b.is_ascii_uppercase());
    hex.parse().ok().filter(|_| small)
}

/// An address of an account is called the same wherever it stands, in every spelling.
pub(super) fn of_email(account: AccountId, email: &str) -> String {
    let folded = fold_email(email).unwrap_or_else(|| email.to_lowercase());
    let digest = Sha256::digest(format!("{account} {folded}"));
    let half: String = digest[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("idn_{half}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: an id is read back as what it names, and nothing else is read as
        /// an id.
        #[test]
        fn ids_have_one_spelling(number in 1..i64::MAX, text in "(user_|USER_)?[+0-9 ]{0,20}") {
            let id = AccountId::try_from(number).expect("a number");
            prop_assert_eq!(user(&of_user(id)), Some(id));
            if let Some(read) = user(&text) {
                prop_assert_eq!(of_user(read), text);
            }
        }

        /// The same of sessions.
        #[test]
        fn ids_of_sessions_have_one_spelling(text in "(sess_|client_)?[0-9a-fA-F]{30,33}") {
            if let Some(read) = session(&text) {
                prop_assert_eq!(of_session(read), text.clone());
            }
            if let Some(read) = client(&text) {
                prop_assert_eq!(of_client(read), text);
            }
        }
    }

    #[test]
    fn an_address_keeps_its_id_in_every_spelling() {
        let (one, two) =
            (AccountId::try_from(1).expect("one"), AccountId::try_from(2).expect("two"));
        assert_eq!(of_email(one, "Ada@Example.org"), of_email(one, "ada@example.org"));
        assert_ne!(of_email(one, "ada@example.org"), of_email(two, "ada@example.org"));
    }
}
