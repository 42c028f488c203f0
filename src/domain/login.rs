//! Logins: one form for every spelling of the same name.
//!
//! The form is NFKC(casefold(NFKC(trimmed))), repeated until nothing changes,
//! so `"ＡＬＩＣＥ "` and `"alice"` are one person and share one counter of
//! failed attempts. Folding follows Unicode's full default case folding; what
//! NFKC and folding do to each other's output is why it is repeated.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The longest login, in bytes of its folded form.
pub const MAX_LOGIN_BYTES: usize = 128;

/// Longer input is not folded at all: it can be nobody's login.
const MAX_TYPED_BYTES: usize = 4 * MAX_LOGIN_BYTES;

/// Fold and normalise settle within a few rounds; this bounds hostile input.
const MAX_ROUNDS: usize = 8;

/// A login as the directory keeps it: folded, visible, short; unique for ever.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Login(String);

impl Login {
    /// Reads a login for a new account.
    ///
    /// # Errors
    ///
    /// If nothing is left of it, it is too long, or it has characters that
    /// can't be seen or that turn the writing direction: two logins that look
    /// alike on a page must not be two people.
    pub fn new(typed: &str) -> Result<Self, InvalidLogin> {
        if let Some(found) = typed.trim().chars().find(|c| is_invisible(*c)) {
            return Err(InvalidLogin::Invisible { found });
        }
        let folded = fold(typed).ok_or(InvalidLogin::TooLong)?;
        if let Some(found) = folded.chars().find(|c| is_invisible(*c)) {
            Err(InvalidLogin::Invisible { found })
        } else if folded.is_empty() {
            Err(InvalidLogin::Empty)
        } else if folded.len() > MAX_LOGIN_BYTES {
            Err(InvalidLogin::TooLong)
        } else {
            Ok(Self(folded))
        }
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a deleted account is called once its login is given out again: nobody can
    /// type it, for what people type has no capital letters once it is folded.
    #[must_use]
    pub fn set_aside(&self, number: i64) -> Self {
        Self(format!("{}{ASIDE}{number}", self.original()))
    }

    /// The login that was set aside, or this.
    fn original(&self) -> &str {
        set_aside_from(&self.0).unwrap_or(&self.0)
    }
}

/// Between a login that was set aside and its account's number.
const ASIDE: &str = "#DELETED-";

fn set_aside_from(text: &str) -> Option<&str> {
    let (login, number) = text.rsplit_once(ASIDE)?;
    let counted = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    counted.then_some(login)
}

impl TryFrom<String> for Login {
    type Error = InvalidLogin;

    fn try_from(stored: String) -> Result<Self, InvalidLogin> {
        match set_aside_from(&stored) {
            Some(login) if Self::new(login).is_ok_and(|own| own.0 == login) => Ok(Self(stored)),
            _ => Self::new(&stored),
        }
    }
}

impl From<Login> for String {
    fn from(login: Login) -> Self {
        login.0
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What somebody typed into a login field, folded: perhaps nobody's login.
///
/// Never printed by `Debug`: people type passwords into the wrong field.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct TypedLogin(String);

impl TypedLogin {
    /// Folds whatever was typed. What is too long to be a login is cut, so that
    /// it is still a name that attempts can be counted under.
    pub fn new(typed: &str) -> Self {
        let cut = typed.trim();
        let cut = &cut[..cut.floor_char_boundary(MAX_TYPED_BYTES)];
        Self(fold(cut).unwrap_or_default())
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Login> for TypedLogin {
    fn from(login: &Login) -> Self {
        Self(login.0.clone())
    }
}

impl fmt::Debug for TypedLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedLogin(..)")
    }
}

/// Why a text can't be a [`Login`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLogin {
    /// Nothing was left after trimming.
    #[error("a login is not empty")]
    Empty,
    /// A control, direction or invisible character.
    #[error("a login has no control, direction or invisible characters, but this has U+{:04X}", u32::from(*found))]
    Invisible {
        /// The first of them.
        found: char,
    },
    /// Longer than [`MAX_LOGIN_BYTES`] once folded.
    #[error("a login has at most {MAX_LOGIN_BYTES} bytes")]
    TooLong,
}

/// The one form of an e-mail address that addresses are compared in.
///
/// The same folding as a login's; `None` if it can't be an address.
pub fn fold_email(address: &str) -> Option<String> {
    let folded = fold(address)?;
    let (local, host) = folded.rsplit_once('@')?;
    let plain = !local.is_empty()
        && !host.is_empty()
        && folded.len() <= 254
        && !folded.chars().any(|c| c.is_whitespace() || is_invisible(c));
    plain.then_some(folded)
}

/// The form that text is searched in: upper and lower case are one.
pub(crate) fn folded(text: &str) -> String {
    let normal: String = text.nfkc().collect();
    caseless::default_case_fold_str(&normal).nfkc().collect()
}

fn fold(typed: &str) -> Option<String> {
    let typed = typed.trim();
    if typed.len() > MAX_TYPED_BYTES {
        return None;
    }
    let mut form = typed.to_owned();
    for _ in 0..MAX_ROUNDS {
        let folded = folded(&form);
        let next = folded.trim();
        if next == form {
            break;
        }
        form = next.to_owned();
    }
    Some(form)
}

/// Characters without a mark of their own on a page, and those that reorder it.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F
            | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
            | 0xE0000..=0xE0FFF)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn login(typed: &str) -> Result<String, InvalidLogin> {
        Login::new(typed).map(String::from)
    }

    #[test]
    fn a_login_that_was_set_aside_is_nobody_elses() {
        let bob = Login::new("bob").expect("a login");
        let aside = bob.set_aside(7);
        assert_eq!(aside.as_str(), "bob#DELETED-7");
        assert_eq!(
            Login::try_from(aside.as_str().to_owned()),
            Ok(aside.clone()),
            "it is read back"
        );
        assert_ne!(Login::new(aside.as_str()), Ok(aside.clone()));
        assert_ne!(TypedLogin::new(aside.as_str()).as_str(), aside.as_str());
        assert_eq!(aside.set_aside(7), aside);
        let capital = Login::try_from("BOB#DELETED-7".to_owned()).map(String::from);
        assert_eq!(capital, Ok("bob#deleted-7".to_owned()));
    }

    #[test]
    fn spellings_of_one_name_are_one_login() {
        for spelling in ["alice", "ALICE", " Alice\t", "\u{ff21}\u{ff2c}\u{ff29}\u{ff23}\u{ff25}"] {
            assert_eq!(login(spelling).as_deref(), Ok("alice"), "{spelling:?}");
        }
        assert_eq!(login("STRASSE"), login("straße"));
        assert_eq!(login("\u{212b}ngström"), login("ångström"));
        assert_eq!(login("\u{3a3}\u{3c2}"), login("\u{3c3}\u{3c3}"));
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        for hidden in [
            "ali\0ce",
            "ali\u{200b}ce",
            "\u{202e}ecila",
            "ali\u{ad}ce",
            "\u{feff}alice",
            "ali\u{2066}ce",
            "al\u{fe0f}ice",
            "alice\u{e0041}",
            "ali\nce",
            "\u{3164}",
        ] {
            let refused = matches!(Login::new(hidden), Err(InvalidLogin::Invisible { .. }));
            assert!(refused, "{hidden:?} was taken");
        }
        assert_eq!(login("  "), Err(InvalidLogin::Empty));
        assert_eq!(login(&"x".repeat(129)), Err(InvalidLogin::TooLong));
        assert_eq!(login(&"x".repeat(5000)), Err(InvalidLogin::TooLong));
        // One ligature folds to many letters: the folded form is what is measured.
        assert_eq!(login(&"\u{fdfa}".repeat(10)), Err(InvalidLogin::TooLong));
    }

    #[test]
    fn typed_passwords_are_not_printed() {
        assert_eq!(format!("{:?}", TypedLogin::new("hunter2")), "TypedLogin(..)");
    }

    #[test]
    fn addresses_are_compared_ignoring_case() {
        assert_eq!(fold_email(" Bob@Example.ORG "), Some("bob@example.org".to_owned()));
        for bad in ["bob", "@x", "bob@", "b ob@x", "bob@x\u{200b}"] {
            assert_eq!(fold_email(bad), None, "{bad:?}");
        }
    }

    proptest! {
        /// Property: the form is a fixed point, so folding twice is folding once.
        #[test]
        fn folding_is_idempotent(typed in "\\PC{0,40}") {
            if let Ok(login) = Login::new(&typed) {
                prop_assert_eq!(Login::new(login.as_str()), Ok(login.clone()));
                let typed = TypedLogin::new(&typed);
                prop_assert_eq!(typed.as_str(), login.as_str());
            }
        }

        /// Property: upper case, lower case and outer space never make another person.
        #[test]
        fn case_and_space_do_not_matter(typed in "[a-zA-ZäöüßÄÖÜéÉñÑ0-9._@-]{1,30}") {
            let plain = Login::new(&typed);
            prop_assert_eq!(&Login::new(&typed.to_uppercase()), &plain);
            prop_assert_eq!(&Login::new(&format!("\u{a0} {typed}\u{3000}")), &plain);
        }

        /// Property: any bytes can be typed, and the result stays bounded.
        #[test]
        fn anything_can_be_typed(typed in any::<String>()) {
            // NFKC makes at most 18 characters of one, folding 3 of one.
            prop_assert!(TypedLogin::new(&typed).as_str().len() <= MAX_TYPED_BYTES * 54);
        }

        /// Property: an address has one form, with a name, a host and nothing
        /// that can't be seen; case and outer space never make another one.
        #[test]
        fn an_address_has_one_form(typed in "\\PC{0,20}@\\PC{0,20}|.{0,30}") {
            let Some(folded) = fold_email(&typed) else { return Ok(()) };
            prop_assert_eq!(fold_email(&folded), Some(folded.clone()));
            prop_assert_eq!(fold_email(&format!("\u{a0}{typed} ")), Some(folded.clone()));
            let (name, host) = folded.rsplit_once('@').expect("an at sign");
            prop_assert!(!name.is_empty() && !host.is_empty() && folded.len() <= 254);
            prop_assert!(!folded.chars().any(|c| c.is_whitespace() || is_invisible(c)));
        }
    }
}
