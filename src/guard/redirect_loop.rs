//! Ends the circle of a refused person and an identity provider.
//!
//! Somebody who is locked here may well be signed in at the identity provider.
//! Sent to sign in, they come straight back with a session that is seconds old,
//! are refused, and sent again. Neither side sees a circle; the browser gives up
//! after twenty rounds with an error that helps nobody.
//!
//! So refusals of *young* sessions are counted, for one return address at a
//! time, while sign-in is elsewhere:
//!
//! ```text
//!   session older than 10 s, none, or sign-in is ours ──▶ 303, nothing counted
//!   young, first and second refusal for one address   ──▶ 303, counted
//!   young, third refusal for it                       ──▶ final page, count cleared
//! ```
//!
//! A person's own click always gets the 303: their session is old by then, or
//! the final page has cleared the count.
//!
//! The count lives in a cookie that is not signed. Whoever forges it, a
//! neighbouring host included, chooses between a redirect to the sign-in page
//! and a page with a link to it, in that one browser, for a person who is
//! refused either way. It carries no secret: a few bytes of the address's hash.

use std::time::Duration;

use http::HeaderMap;
use http::header::{self, HeaderValue};
use sha2::{Digest, Sha256};

use super::return_to::ReturnTo;
use crate::domain::time::Timestamp;

/// The name of the counting cookie.
pub const LOOP_COOKIE: &str = "portcullis-loop";

/// Counts refusals of young sessions.
///
/// See the [module docs](self) for the rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoopGuard {
    young: Duration,
    last: u8,
    secure: bool,
}

/// What a refused navigation gets.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Turn {
    /// The 303 to sign-in.
    SignIn,
    /// The 303 to sign-in, counted by this cookie.
    Counted(HeaderValue),
    /// A page that ends the circle; this cookie clears the count.
    Final(HeaderValue),
}

impl LoopGuard {
    /// Ten seconds, and the third refusal.
    pub const fn new() -> Self {
        Self { young: Duration::from_secs(10), last: 3, secure: false }
    }

    /// Says whether the cookie is for `https` alone.
    #[must_use]
    pub const fn secure(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// What a refused navigation gets, sign-in being elsewhere.
    ///
    /// `headers` are the request's, `born` is when its session was opened.
    pub fn turn(
        &self,
        headers: &HeaderMap,
        return_to: Option<&ReturnTo>,
        born: Option<Timestamp>,
        now: Timestamp,
    ) -> Turn {
        // A session from the future is one of a provider whose clock is ahead.
        if born.is_none_or(|born| now.since(born) >= self.young) {
            return Turn::SignIn;
        }
        let address = fingerprint(return_to);
        let count = counted(headers, &address).saturating_add(1);
        if count >= self.last {
            Turn::Final(self.cookie("", 0))
        } else {
            Turn::Counted(self.cookie(&format!("{count}-{address}"), self.young.as_secs() * 3))
        }
    }

    fn cookie(&self, value: &str, max_age: u64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!(
            "{LOOP_COOKIE}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}"
        );
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

impl Default for LoopGuard {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells one return address from another; sixteen hexadecimal digits.
fn fingerprint(return_to: Option<&ReturnTo>) -> String {
    let hash = Sha256::digest(return_to.map_or("", ReturnTo::as_str));
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// How often a young session was refused for this address before.
fn counted(headers: &HeaderMap, address: &str) -> u8 {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let counts = pairs.filter_map(|pair| {
        let value = pair.trim().strip_prefix(LOOP_COOKIE)?.strip_prefix('=')?;
        let (count, of) = value.split_once('-')?;
        if of == address { count.parse().ok() } else { None }
    });
    counts.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_284_720);

    fn born(secs_ago: u64) -> Option<Timestamp> {
        Some(NOW.before(Duration::from_secs(secs_ago)))
    }

    fn page(text: &str) -> ReturnTo {
        text.parse().expect("a return address")
    }

    /// The cookies that a browser sends which was given this one.
    fn keep(cookie: &HeaderValue) -> HeaderMap {
        let text = cookie.to_str().expect("ASCII");
        let pair = text.split(';').next().expect("a pair");
        HeaderMap::from_iter([(header::COOKIE, format!("a=b; {pair}").parse().expect("one"))])
    }

    #[test]
    fn the_third_refusal_of_a_young_session_is_final() {
        let guard = LoopGuard::new();
        let reports = page("/reports");
        let turn = |headers: &HeaderMap| guard.turn(headers, Some(&reports), born(2), NOW);
        let Turn::Counted(first) = turn(&HeaderMap::new()) else { panic!("counted") };
        let Turn::Counted(second) = turn(&keep(&first)) else { panic!("counted") };
        let Turn::Final(cleared) = turn(&keep(&second)) else { panic!("final") };
        assert!(
            cleared
                .to_str()
                .expect("ASCII")
                .contains("=; Path=/; Max-Age=0;")
        );
        // A click after the final page is sent to sign in again.
        assert!(matches!(turn(&keep(&cleared)), Turn::Counted(_)));
    }

    #[test]
    fn another_address_is_counted_anew() {
        let guard = LoopGuard::new();
        let headers = |count: u8, text| {
            let address = fingerprint(Some(&page(text)));
            keep(&guard.cookie(&format!("{count}-{address}"), 30))
        };
        let turn = |headers: &HeaderMap| guard.turn(headers, Some(&page("/b")), born(0), NOW);
        assert!(matches!(turn(&headers(2, "/a")), Turn::Counted(_)));
        assert!(matches!(turn(&headers(2, "/b")), Turn::Final(_)));
    }

    #[test]
    fn a_click_always_gets_the_redirect() {
        let guard = LoopGuard::new();
        let reports = page("/reports");
        let headers = keep(&guard.cookie(&format!("9-{}", fingerprint(Some(&reports))), 30));
        for born in [None, born(10), born(3_600)] {
            assert_eq!(guard.turn(&headers, Some(&reports), born, NOW), Turn::SignIn);
        }
        let ahead = Some(NOW.after(Duration::from_secs(5)));
        assert!(matches!(guard.turn(&headers, Some(&reports), ahead, NOW), Turn::Final(_)));
    }

    #[test]
    fn the_cookie_keeps_to_itself() {
        let cookie = LoopGuard::new().secure(true).cookie("1-a", 30);
        let text = "portcullis-loop=1-a; Path=/; Max-Age=30; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(cookie, text);
    }

    proptest! {
        /// Property: whatever cookies come, a circle ends by the third round, and
        /// only a young session ever sees the final page.
        #[test]
        fn every_circle_ends(
            cookies in proptest::collection::vec("[ -~]{0,60}|portcullis-loop=[0-9]{0,4}-?[0-9a-f]{0,17}", 0..3),
            secs_ago in 0..20u64,
        ) {
            let guard = LoopGuard::new();
            let mut headers: HeaderMap = cookies
                .iter()
                .map(|line| (header::COOKIE, line.parse().expect("visible ASCII")))
                .collect();
            for round in 1..=3 {
                match guard.turn(&headers, None, born(secs_ago), NOW) {
                    Turn::SignIn => prop_assert!(secs_ago >= 10),
                    Turn::Counted(cookie) => {
                        prop_assert!(secs_ago < 10 && round < 3);
                        headers.append(header::COOKIE, keep(&cookie)[header::COOKIE].clone());
                    }
                    Turn::Final(_) => {
                        prop_assert!(secs_ago < 10);
                        break;
                    }
                }
            }
        }
    }
}
