//! What a server says, in the words and with the exit codes of this program.

use serde::Deserialize;

use crate::api::own::TYPE_PREFIX;
use crate::cli::exit::{Exit, Failure};

/// A problem document.
#[derive(Deserialize)]
struct Problem {
    r#type: String,
    detail: String,
}

/// Why a Portcullis did not do what it was asked; `None` if it is none of its answers.
pub(super) fn problem(body: &[u8]) -> Option<Failure> {
    let problem: Problem = serde_json::from_slice(body).ok()?;
    let word = problem.r#type.strip_prefix(TYPE_PREFIX)?;
    let detail = problem.detail.strip_suffix('.').unwrap_or(&problem.detail);
    let failure = match word {
        "no-token" | "invalid-token" => {
            let words = "the server does not know this token: give one that works, which whoever \
                         administers it makes with `portcullis token create`";
            Failure::new(Exit::Refused, words)
        }
        "no-such-address" | "no-such-method" => {
            let words = "the server does not know how to do this: it is of another version";
            Failure::unexpected(words)
        }
        _ => Failure::new(exit_of(word), detail),
    };
    Some(match next_after(word) {
        Some(command) => failure.try_next(command),
        None => failure,
    })
}

/// As the same error ends the program where the directory is its own.
fn exit_of(word: &str) -> Exit {
    match word {
        "no-such-account"
        | "no-such-application"
        | "no-such-deletion"
        | "no-such-device"
        | "no-such-group"
        | "no-such-run"
        | "no-such-session"
        | "no-such-setting"
        | "no-such-token"
        | "no-member"
        | "no-receiver" => Exit::NotFound,
        "invalid" | "malformed" | "content-type" | "too-large" | "no-such-field"
        | "no-such-module" => Exit::Usage,
        "audit-altered" | "module-failed" => Exit::Failed,
        "unavailable" | "too-slow" => Exit::Store,
        _ => Exit::Refused,
    }
}

fn next_after(word: &str) -> Option<&'static str> {
    Some(match word {
        "no-such-account" | "no-member" => "user list",
        "no-such-group" => "group list",
        "no-such-run" => "run list",
        "no-such-application" => "application list",
        "no-such-session" => "user show LOGIN",
        "no-such-setting" => "settings list",
        "no-such-token" => "token list",
        "no-such-deletion" | "deletion-ended" | "deletion-open" | "deletion-lost" => {
            "deletion list"
        }
        "no-licence" => "licence",
        "disabling-is-off" => "settings account-disabling on",
        "invalid-transition" => "user passwd LOGIN",
        "taken" => "user show LOGIN",
        "audit-altered" => "audit verify",
        _ => return None,
    })
}

/// What is at the bottom of an error: the rest repeats the address.
pub(super) fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    short(&cause.to_string())
}

/// No more than a line of it.
pub(super) fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: whatever a server answers is told in one line or is none of ours,
        /// and its own words are kept.
        #[test]
        fn any_answer_is_told_or_none_of_ours(
            word in "[a-z-]{1,20}",
            detail in "[ -~]{0,60}",
            ours: bool,
        ) {
            let prefix = if ours { TYPE_PREFIX } else { "about:" };
            let body = serde_json::json!({ "type": format!("{prefix}{word}"), "detail": detail });
            let told = problem(body.to_string().as_bytes());
            prop_assert_eq!(told.is_some(), ours);
            let known = ["no-token", "invalid-token", "no-such-address", "no-such-method"];
            if let Some(told) = told.filter(|_| !known.contains(&word.as_str())) {
                prop_assert_eq!(told.message(), detail.strip_suffix('.').unwrap_or(&detail));
            }
        }

        /// Property: what is no problem document is none of ours, whatever it is.
        #[test]
        fn what_is_no_document_is_none_of_ours(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(problem(&body).is_none());
        }
    }
}
