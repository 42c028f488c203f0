//! Texts that people copy into a shell.

/// The text as one word of a POSIX shell.
pub(super) fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The text as the last argument of a command, also where it looks like an option.
pub(super) fn last(text: &str) -> String {
    let ends_options = if text.starts_with('-') { "-- " } else { "" };
    format!("{ends_options}{}", quote(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_stays_one_word() {
        assert_eq!(quote("alice@example.org"), "alice@example.org");
        assert_eq!(quote("o'neil; rm"), r"'o'\''neil; rm'");
        assert_eq!(quote(""), "''");
        assert_eq!((last("alice").as_str(), last("-x").as_str()), ("alice", "-- -x"));
    }
}
