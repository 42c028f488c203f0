//! What an account is called: enough to greet its owner.

use std::fmt;
use std::sync::Arc;

/// Between the parts; nobody's name has it.
const SEPARATOR: char = '\u{1f}';

/// What an account is called: its login, and its name and e-mail address where
/// they are known.
///
/// One allocation, shared by its clones: a gate holds one for each account in
/// use.
#[derive(Clone, Eq, PartialEq)]
pub struct Profile(Arc<str>);

impl Profile {
    /// Nothing but a login.
    pub fn new(login: impl Into<Arc<str>>) -> Self {
        let login = login.into();
        if login.contains(SEPARATOR) { Self(plain(&login).into()) } else { Self(login) }
    }

    /// The same, with the name as people write it and the primary e-mail address.
    #[must_use]
    pub fn with_details(self, name: &str, email: Option<&str>) -> Self {
        if name.is_empty() && email.is_none() {
            return self;
        }
        let (login, email) = (self.login(), plain(email.unwrap_or_default()));
        Self(format!("{login}{SEPARATOR}{email}{SEPARATOR}{}", plain(name)).into())
    }

    /// What the person types to sign in.
    pub fn login(&self) -> &str {
        self.part(0)
    }

    /// The same, to keep.
    pub fn shared_login(&self) -> Arc<str> {
        let login = self.login();
        if login.len() == self.0.len() { Arc::clone(&self.0) } else { login.into() }
    }

    /// The primary e-mail address.
    pub fn email(&self) -> Option<&str> {
        Some(self.part(1)).filter(|email| !email.is_empty())
    }

    /// The name as people write it; may be empty.
    pub fn name(&self) -> &str {
        self.part(2)
    }

    fn part(&self, n: usize) -> &str {
        self.0.split(SEPARATOR).nth(n).unwrap_or_default()
    }
}

fn plain(text: &str) -> String {
    text.replace(SEPARATOR, " ")
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: no part ever shows up in another.
        #[test]
        fn parts_stay_apart(login in ".{0,8}", name in ".{0,8}", email in ".{0,8}") {
            let profile = Profile::new(login.as_str()).with_details(&name, Some(&email));
            prop_assert_eq!(profile.login(), plain(&login));
            prop_assert_eq!(profile.name(), plain(&name));
            prop_assert_eq!(profile.email().unwrap_or_default(), plain(&email));
            prop_assert_eq!(&*profile.shared_login(), plain(&login));
        }
    }

    #[test]
    fn a_login_alone_is_kept_as_it_came() {
        let login: Arc<str> = "alice".into();
        assert!(Arc::ptr_eq(&Profile::new(Arc::clone(&login)).shared_login(), &login));
    }
}
