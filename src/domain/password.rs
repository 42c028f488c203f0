//! Passwords as people choose them: their one form, and what is asked of them.
//!
//! The form is that of RFC 8265 ("OpaqueString"): spaces of other alphabets
//! become the plain one, then NFC. So a password typed on another keyboard is
//! the same password, while no two that look different are made one, as NFKC
//! would. Nothing is asked of a password but its length: rules about digits and
//! signs make people choose worse ones.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// The fewest characters of a password that is set.
pub const MIN_PASSWORD_CHARS: usize = 8;

/// The longest password, in bytes: longer ones would be work for an attacker
/// to give.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// A password in its one form. A secret: never printed by `Debug`.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Reads a password that somebody chooses.
    ///
    /// # Errors
    ///
    /// If it is too short, too long, or has characters that can't be typed again.
    pub fn new(chosen: &str) -> Result<Self, InvalidPassword> {
        let form = form(chosen).ok_or(InvalidPassword::TooLong)?;
        let chars = form.chars().count();
        if chars < MIN_PASSWORD_CHARS {
            Err(InvalidPassword::TooShort { chars })
        } else if form.chars().any(char::is_control) {
            Err(InvalidPassword::Control)
        } else {
            Ok(Self(form))
        }
    }

    /// Takes whatever was typed to sign in. What is too long to be anybody's
    /// password becomes the empty one, which never is right.
    pub fn typed(typed: &str) -> Self {
        Self(form(typed).unwrap_or_default())
    }

    /// The text. A secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

fn form(text: &str) -> Option<String> {
    // Before the work of normalising; NFC of a text this long may be shorter.
    if text.len() > 2 * MAX_PASSWORD_BYTES {
        return None;
    }
    let plain = text.chars().map(|c| if is_space(c) { ' ' } else { c });
    let form: String = plain.nfc().collect();
    (form.len() <= MAX_PASSWORD_BYTES).then_some(form)
}

/// Unicode's space separators (category Zs).
fn is_space(c: char) -> bool {
    matches!(u32::from(c), 0x20 | 0xA0 | 0x1680 | 0x2000..=0x200A | 0x202F | 0x205F | 0x3000)
}

/// Why a text can't be chosen as a password. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPassword {
    /// A tab, a line break or the like: forms and prompts lose them.
    #[error("a password has no control characters: leave out tabs and line breaks")]
    Control,
    /// Longer than [`MAX_PASSWORD_BYTES`].
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes: choose a shorter one")]
    TooLong,
    /// Shorter than [`MIN_PASSWORD_CHARS`].
    #[error(
        "a password has at least {MIN_PASSWORD_CHARS} characters, not {chars}: \
         choose a longer one, four words for instance"
    )]
    TooShort {
        /// How many characters it had.
        chars: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_length_and_typability_are_asked() {
        assert!(Password::new("pass word").is_ok());
        assert_eq!(Password::new("1234567").err(), Some(InvalidPassword::TooShort { chars: 7 }));
        assert_eq!(Password::new("12345678\t").err(), Some(InvalidPassword::Control));
        assert!(Password::new(&"x".repeat(1024)).is_ok());
        assert_eq!(Password::new(&"x".repeat(1025)).err(), Some(InvalidPassword::TooLong));
        // Characters are counted, not bytes.
        assert!(Password::new("пароль").is_err());
        assert!(Password::new("пароль12").is_ok());
    }

    #[test]
    fn another_keyboard_types_the_same_password() {
        let composed = Password::new("caf\u{e9} au lait").expect("long enough");
        let decomposed = Password::typed("cafe\u{301}\u{a0}au\u{3000}lait");
        assert_eq!(composed.expose(), decomposed.expose());
        // NFKC would make these one.
        assert_ne!(Password::typed("\u{fb01}").expose(), "fi");
    }

    #[test]
    fn what_is_too_long_is_nobodys() {
        assert_eq!(Password::typed(&"x".repeat(1025)).expose(), "");
        assert_eq!(Password::typed(&"x".repeat(1 << 20)).expose(), "");
    }

    #[test]
    fn passwords_are_not_printed() {
        let password = Password::new("correct horse").expect("long enough");
        assert_eq!(format!("{password:?}"), "Password(..)");
        let refused = Password::new("hunter2").expect_err("too short");
        assert!(!format!("{refused} {refused:?}").contains("hunter"));
    }

    proptest! {
        /// Property: the form is a fixed point, and what was set can be typed.
        #[test]
        fn what_was_set_can_be_typed(chosen in "\\PC{0,40}") {
            if let Ok(password) = Password::new(&chosen) {
                let typed = Password::typed(&chosen);
                prop_assert_eq!(typed.expose(), password.expose());
                let again = Password::new(password.expose()).expect("its own form");
                prop_assert_eq!(again.expose(), password.expose());
            }
        }
    }
}
