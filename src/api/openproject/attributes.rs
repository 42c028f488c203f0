//! Attributes of a user, as clients write them.

use serde_json::{Map, Value};

use super::refusal::Violation;
use crate::domain::login::Login;

/// The part of a name that is made of an address is no longer than this.
const MAX_DERIVED_CHARS: usize = 30;

/// What a client sent.
pub(super) type Sent = Map<String, Value>;

/// A text; `null` is an empty one.
pub(super) fn text<'a>(sent: &'a Sent, name: &'static str) -> Result<Option<&'a str>, Violation> {
    match sent.get(name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some("")),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Violation::format(name, "a String")),
    }
}

/// A text that may be left out by `null`, too.
pub(super) fn text_if_any<'a>(
    sent: &'a Sent,
    name: &'static str,
) -> Result<Option<&'a str>, Violation> {
    match sent.get(name) {
        Some(Value::Null) => Ok(None),
        _ => text(sent, name),
    }
}

pub(super) fn flag(sent: &Sent, name: &'static str) -> Result<Option<bool>, Violation> {
    match sent.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(Violation::format(name, "a Boolean")),
    }
}

pub(super) fn blank(name: &'static str) -> Violation {
    Violation::new(name, format!("{name} can't be blank"))
}

/// Reads a login: one that could not be told from `me`, or that OpenProject does not
/// take, is refused.
pub(super) fn login(text: &str) -> Result<Login, Violation> {
    let plain = |c: char| c.is_alphanumeric() || "_-@.+ ".contains(c);
    if text.trim().is_empty() {
        return Err(blank("login"));
    }
    if !text.chars().all(plain) {
        let words = "login has only letters, digits, spaces and the signs _ - @ . +";
        return Err(Violation::new("login", words));
    }
    match Login::new(text) {
        Ok(login) if login.as_str() == "me" => Err(Violation::new("login", "login is reserved")),
        Ok(login) => Ok(login),
        Err(invalid) => Err(Violation::new("login", invalid)),
    }
}

/// What somebody is called who was invited by their address alone.
pub(super) fn derived(email: &str) -> Option<(String, String)> {
    let (local, domain) = email.trim().rsplit_once('@')?;
    Some((cut(local), cut(&format!("@{domain}"))))
}

fn cut(part: &str) -> String {
    if part.chars().count() <= MAX_DERIVED_CHARS {
        return part.to_owned();
    }
    let kept: String = part.chars().take(MAX_DERIVED_CHARS - 3).collect();
    format!("{kept}...")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_login_is_one_that_openproject_takes() {
        for good in ["alice", "Alice Ä.", "a_b-c@d.e+f", "42"] {
            assert!(login(good).is_ok(), "{good}");
        }
        for bad in ["", "  ", "me", "ME", "o'neil", "a/b", "a\u{200b}b", &"x".repeat(129)] {
            let refused = login(bad).expect_err(bad);
            assert_eq!(refused.attribute, "login", "{bad}");
        }
    }

    #[test]
    fn a_name_is_made_of_an_address() {
        let names = |email| derived(email).expect("an address");
        assert_eq!(names("foo@example.org"), ("foo".into(), "@example.org".into()));
        let long = format!("{}@{}.org", "a".repeat(31), "b".repeat(40));
        let (first, last) = names(&long);
        assert_eq!((first.len(), last.len()), (30, 30));
        assert!(first.ends_with("aaa...") && last.starts_with("@bbb"), "{first} {last}");
        assert_eq!(names(&format!("{}@x", "a".repeat(30))).0.len(), 30);
        assert_eq!(derived("foo"), None);
    }

    #[test]
    fn other_types_are_found_out() {
        let sent = json!({ "login": 1, "email": null, "admin": "yes", "language": null });
        let Value::Object(sent) = sent else { panic!("an object") };
        assert!(text(&sent, "login").is_err() && flag(&sent, "admin").is_err());
        assert_eq!(text(&sent, "email"), Ok(Some("")));
        assert_eq!(text_if_any(&sent, "language"), Ok(None));
        assert_eq!(flag(&sent, "absent"), Ok(None));
    }
}
