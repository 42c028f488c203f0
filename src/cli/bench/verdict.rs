//! What an answer says of the guard.

use crate::cli::bench::client::{Answer, Silence};
use crate::guard::PROBLEM_TYPE_PREFIX;

/// What came of one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// The application answered; perhaps it named the account.
    Passed { named: bool },
    /// The guard refused, or cut off the answer to somebody who was locked meanwhile.
    Refused,
    /// Neither.
    Wrong(Kind),
}

/// What can go wrong with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The connection was not made, or broke.
    Connection,
    /// No answer in ten seconds.
    Timeout,
    /// A status of 500 or more.
    Server,
    /// The application did not like the request: a status of 400 or more.
    Client,
    /// The guard could not say who may pass.
    Unknown,
    /// The answer names another scratch account than the one that asked.
    Stranger,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Connection,
        Self::Timeout,
        Self::Server,
        Self::Client,
        Self::Unknown,
        Self::Stranger,
    ];

    /// The name in JSON.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Server => "server",
            Self::Client => "client",
            Self::Unknown => "status_unknown",
            Self::Stranger => "strangers_page",
        }
    }

    /// What it is, for people.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Connection => "connection not made, or broken",
            Self::Timeout => "no answer in 10 seconds",
            Self::Server => "answered 500 or more",
            Self::Client => "answered 400 to 499 by the application",
            Self::Unknown => "the directory could not say",
            Self::Stranger => "another account's page",
        }
    }
}

/// Judges an answer to the account with this login. `prefix` is what the logins of
/// all scratch accounts of the run begin with.
pub(super) fn judge(answer: Result<Answer<'_>, Silence>, prefix: &str, login: &str) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(Silence::Broken | Silence::Cut) => return Verdict::Wrong(Kind::Connection),
        Err(Silence::TooLong) => return Verdict::Wrong(Kind::Timeout),
    };
    if answer.problem
        && let Some(at) = memchr::memmem::find(answer.body, PROBLEM_TYPE_PREFIX.as_bytes())
    {
        let reason = &answer.body[at + PROBLEM_TYPE_PREFIX.len()..];
        let unknown = reason.starts_with(b"status-unknown");
        return if unknown { Verdict::Wrong(Kind::Unknown) } else { Verdict::Refused };
    }
    match answer.status.as_u16() {
        500.. => Verdict::Wrong(Kind::Server),
        400.. => Verdict::Wrong(Kind::Client),
        _ => whose(answer.body, prefix, login),
    }
}

/// Every login of the run that a page names has to be the one that asked.
fn whose(body: &[u8], prefix: &str, login: &str) -> Verdict {
    let mut named = false;
    for at in memchr::memmem::find_iter(body, prefix.as_bytes()) {
        let digits = body[at + prefix.len()..]
            .iter()
            .take_while(|c| c.is_ascii_digit())
            .count();
        if &body[at..at + prefix.len() + digits] != login.as_bytes() {
            return Verdict::Wrong(Kind::Stranger);
        }
        named = true;
    }
    Verdict::Passed { named }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    const PREFIX: &str = "bench-3f9a21c4-";
    const LOGIN: &str = "bench-3f9a21c4-0007";

    fn judged(status: u16, problem: bool, body: &str) -> Verdict {
        let status = StatusCode::from_u16(status).expect("a status");
        judge(Ok(Answer { status, problem, body: body.as_bytes() }), PREFIX, LOGIN)
    }

    #[test]
    fn a_page_is_its_own_persons() {
        assert_eq!(judged(200, false, "hello"), Verdict::Passed { named: false });
        let own = "Hello bench-3f9a21c4-0007, bench-3f9a21c4-0007!";
        assert_eq!(judged(200, false, own), Verdict::Passed { named: true });
        assert_eq!(judged(302, false, ""), Verdict::Passed { named: false });
        for strange in [
            "Hello bench-3f9a21c4-0008",
            "Hello bench-3f9a21c4-0007 and bench-3f9a21c4-0008",
            "Hello bench-3f9a21c4-00071",
            "Hello bench-3f9a21c4-",
        ] {
            assert_eq!(judged(200, false, strange), Verdict::Wrong(Kind::Stranger), "{strange}");
        }
        assert_eq!(judged(200, false, "bench-00000000-1"), Verdict::Passed { named: false });
    }

    #[test]
    fn only_the_guard_refuses() {
        let denial = |reason: &str| format!("{{\"type\":\"urn:portcullis:denial:{reason}\"}}");
        assert_eq!(judged(403, true, &denial("account-locked")), Verdict::Refused);
        assert_eq!(judged(401, true, &denial("session-ended")), Verdict::Refused);
        assert_eq!(judged(503, true, &denial("status-unknown")), Verdict::Wrong(Kind::Unknown));
        assert_eq!(judged(403, false, &denial("account-locked")), Verdict::Wrong(Kind::Client));
        assert_eq!(judged(403, true, "{}"), Verdict::Wrong(Kind::Client));
        let gateway = "{\"type\":\"urn:portcullis:gateway:upstream\"}";
        assert_eq!(judged(502, true, gateway), Verdict::Wrong(Kind::Server));
        let silent = judge(Err(Silence::TooLong), PREFIX, LOGIN);
        assert_eq!(silent, Verdict::Wrong(Kind::Timeout));
    }
}
