//! The login and the password in a request's body, where it has one meaning only.
//!
//! The handler behind reads the same bytes for itself. Whatever could be read in
//! another way than here is refused: a guess at one person must not be counted as a
//! guess at another.

mod form;
mod json;

use super::refusal::{BadSignIn, SignInField};

/// What somebody typed. Holds a password, so it is never printed.
pub(super) struct Typed {
    pub(super) login: Option<String>,
    pub(super) password: Option<String>,
}

/// The names of the fields that are looked at; others are none of our business.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldNames {
    pub(super) login: Option<String>,
    pub(super) password: Option<String>,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Written {
    Form,
    Json,
}

impl FieldNames {
    /// Whether a body has to be looked at.
    pub(super) const fn any(&self) -> bool {
        self.login.is_some() || self.password.is_some()
    }

    pub(super) fn read(&self, written: Written, body: &[u8]) -> Result<Typed, BadSignIn> {
        let mut found = Found { names: self, login: None, password: None };
        match written {
            Written::Form => form::read(body, &mut found)?,
            Written::Json => json::read(body, &mut found)?,
        }
        found.into_typed()
    }

    /// Which of the two a field is. One that only some readers would take for it
    /// has no meaning at all.
    fn which(&self, name: &str) -> Result<Option<SignInField>, BadSignIn> {
        let fields = [
            (self.login.as_deref(), SignInField::Login),
            (self.password.as_deref(), SignInField::Password),
        ];
        let mut exact = fields.iter().filter(|(own, _)| *own == Some(name));
        if let Some((_, field)) = exact.next() {
            return Ok(Some(*field));
        }
        let alike = |own: &&str| is_alike(name, own);
        match fields
            .iter()
            .find(|(own, _)| own.as_ref().is_some_and(alike))
        {
            Some((_, field)) => Err(BadSignIn::TwoMeanings(*field)),
            None => Ok(None),
        }
    }
}

/// Whether some reader takes the one name for the other: case, blanks, and what
/// languages write for lists and for characters that their names can't have.
fn is_alike(name: &str, own: &str) -> bool {
    let (name, own) = (name.trim(), own.trim());
    let listed = name
        .get(own.len()..)
        .is_some_and(|rest| rest.starts_with(['[', '\0']))
        && name
            .get(..own.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(own));
    listed || plain_letters(name).eq(plain_letters(own))
}

fn plain_letters(name: &str) -> impl Iterator<Item = char> {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '_' };
    name.chars().map(plain).flat_map(char::to_lowercase)
}

/// What was found so far.
struct Found<'a> {
    names: &'a FieldNames,
    login: Option<String>,
    password: Option<String>,
}

impl Found<'_> {
    /// Where the value of this field belongs, if it is one of the two.
    fn slot(&mut self, name: &str) -> Result<Option<&mut Option<String>>, BadSignIn> {
        let Some(field) = self.names.which(name)? else { return Ok(None) };
        let slot = match field {
            SignInField::Login => &mut self.login,
            SignInField::Password => &mut self.password,
        };
        if slot.is_some() { Err(BadSignIn::Repeated(field)) } else { Ok(Some(slot)) }
    }

    fn into_typed(self) -> Result<Typed, BadSignIn> {
        let Self { names, login, password } = self;
        if names.login.is_some() && login.is_none() {
            return Err(BadSignIn::Missing(SignInField::Login));
        }
        if names.password.is_some() && password.is_none() {
            return Err(BadSignIn::Missing(SignInField::Password));
        }
        Ok(Typed { login, password })
    }
}

#[cfg(test)]
mod tests;
