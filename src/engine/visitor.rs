//! Where a sign-in comes from: an address, and what the client brought along.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{COOKIE, USER_AGENT};

use crate::domain::client::ClientAddr;
use crate::domain::device::DeviceCookie;

/// The name of a known device's cookie where users reach the service over https.
const SECURE_NAME: &str = "__Host-portcullis-device";

/// The same over http. Never are both taken.
const PLAIN_NAME: &str = "portcullis-device";

/// Longer names of programs are cut.
const MAX_USER_AGENT_CHARS: usize = 200;

/// Where a sign-in comes from.
///
/// An address is one, and then the sign-in is a stranger's:
///
/// ```
/// # use std::net::SocketAddr;
/// # use http::HeaderMap;
/// # use portcullis::{Attempt, Portcullis, SignInError, Visitor};
/// # async fn sign_in(gate: Portcullis, peer: SocketAddr, headers: HeaderMap) -> Result<Attempt, SignInError> {
/// // The device's cookie and the program's name are read from the headers.
/// let visitor = Visitor::from(peer).with_headers(&headers);
/// gate.attempt("alice", visitor).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Visitor {
    address: ClientAddr,
    user_agent: Option<String>,
    /// None where nobody looked: then it is not known whether the client would
    /// keep a cookie, and it is given none.
    cookies: Option<DeviceCookies>,
    /// Whether the address is that of a program which asks for somebody else.
    go_between: bool,
    /// Where a sign-in that succeeds leads to.
    door: Door,
}

/// What somebody who signs in gets a session of.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Door {
    /// The service.
    #[default]
    Service,
    /// The console, reached over https or not.
    #[cfg_attr(not(feature = "pages"), allow(dead_code, reason = "pages ask for it"))]
    Console { https: bool },
}

/// What came under either name; which of them counts is the gate's to say.
#[derive(Clone, Debug)]
struct DeviceCookies {
    secure: Option<DeviceCookie>,
    plain: Option<DeviceCookie>,
}

impl Visitor {
    /// The same, with what its request's headers say: the cookie of a known
    /// device, and the program in `User-Agent`.
    ///
    /// A sign-in that succeeds makes the client's device known from then on, so
    /// send all of [`SignedIn::set_cookies`](crate::SignedIn::set_cookies) back.
    #[must_use]
    pub fn with_headers(self, headers: &HeaderMap) -> Self {
        let device = |name| the_only(headers, name).and_then(DeviceCookie::parse);
        let cookies = DeviceCookies { secure: device(SECURE_NAME), plain: device(PLAIN_NAME) };
        let program = headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok());
        let mut visitor = Self { cookies: Some(cookies), ..self };
        if let Some(program) = program {
            visitor.name_program(program);
        }
        visitor
    }

    /// The same, where the address is that of a program which asks for people who are
    /// elsewhere: their failures are not counted by it, which would shut out them all.
    #[must_use]
    pub const fn through_a_go_between(mut self) -> Self {
        self.go_between = true;
        self
    }

    /// The same at the door of the console: the session that comes of it is worth
    /// nothing elsewhere, and its cookie is the console's.
    #[cfg(feature = "pages")]
    #[must_use]
    pub(crate) const fn at_the_console(mut self, https: bool) -> Self {
        self.door = Door::Console { https };
        self
    }

    pub(super) const fn door(&self) -> Door {
        self.door
    }

    pub(super) const fn is_go_between(&self) -> bool {
        self.go_between
    }

    /// Where it comes from.
    pub const fn address(&self) -> ClientAddr {
        self.address
    }

    pub(super) fn name_program(&mut self, user_agent: &str) {
        let visible = user_agent.chars().filter(|c| !c.is_control());
        self.user_agent = Some(visible.take(MAX_USER_AGENT_CHARS).collect());
    }

    pub(super) fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// Whether its cookies are read, and so may be set.
    pub(super) const fn has_cookies(&self) -> bool {
        self.cookies.is_some()
    }

    pub(super) fn device_cookie(&self, https: bool) -> Option<&DeviceCookie> {
        let cookies = self.cookies.as_ref()?;
        if https { cookies.secure.as_ref() } else { cookies.plain.as_ref() }
    }
}

impl From<ClientAddr> for Visitor {
    fn from(address: ClientAddr) -> Self {
        Self { address, user_agent: None, cookies: None, go_between: false, door: Door::Service }
    }
}

impl From<IpAddr> for Visitor {
    fn from(address: IpAddr) -> Self {
        ClientAddr::from(address).into()
    }
}

impl From<SocketAddr> for Visitor {
    fn from(address: SocketAddr) -> Self {
        ClientAddr::from(address).into()
    }
}

pub(super) const fn device_cookie_name(https: bool) -> &'static str {
    if https { SECURE_NAME } else { PLAIN_NAME }
}

/// The value of the one cookie of this name. Two are none: one of them is
/// somebody else's, and nobody can say which.
fn the_only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let lines = headers.get_all(COOKIE).into_iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
        value.strip_prefix(b"=").map(<[u8]>::trim_ascii)
    });
    let only = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let inner = only
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""));
    Some(inner.unwrap_or(only))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::device::DeviceId;
    use crate::domain::session::SessionToken;
    use crate::engine::credential::{self, Credential, SessionCookie};

    fn cookies(lines: &[&[u8]]) -> HeaderMap {
        let values = lines
            .iter()
            .filter_map(|line| HeaderValue::from_bytes(line).ok());
        values.map(|value| (COOKIE, value)).collect()
    }

    fn visitor(headers: &HeaderMap) -> Visitor {
        Visitor::from(IpAddr::from([192, 0, 2, 1])).with_headers(headers)
    }

    fn text() -> String {
        let secret = SessionToken::from_random([2; 32]);
        DeviceCookie::signed(DeviceId::from_random([1; 8]), secret, [3; 32]).expose()
    }

    #[test]
    fn each_name_is_for_its_own_kind_of_service() {
        let plain = visitor(&cookies(&[format!("portcullis-device={}", text()).as_bytes()]));
        assert!(plain.device_cookie(false).is_some() && plain.device_cookie(true).is_none());
        let line = format!("a=1; __Host-portcullis-device=\"{}\"", text());
        let secure = visitor(&cookies(&[line.as_bytes()]));
        assert!(secure.device_cookie(true).is_some() && secure.device_cookie(false).is_none());
    }

    #[test]
    fn a_program_is_named_as_far_as_it_can_be_shown() {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, "x".repeat(500).parse().expect("a header"));
        assert_eq!(visitor(&headers).user_agent(), Some("x".repeat(200).as_str()));
        assert_eq!(visitor(&HeaderMap::new()).user_agent(), None);
    }

    proptest! {
        /// Property: however cookies are spread over lines and whatever stands
        /// between them, a device is recognized exactly when its name is there
        /// once, with a value of ours.
        #[test]
        fn a_device_is_known_by_the_only_cookie_of_its_name(
            others in proptest::collection::vec("[ a-zA-Z_-]{0,20}=[!-:<-~]{0,20}", 0..6),
            ours in 0..3_usize,
            broken in 0..2_usize,
            split in any::<bool>(),
        ) {
            let foreign = |pair: &String| !pair.trim().starts_with("portcullis-device=");
            prop_assume!(others.iter().all(foreign));
            let mut pairs = others;
            for at in 0..ours {
                pairs.insert(pairs.len() / (at + 1), format!("portcullis-device={}", text()));
            }
            for _ in 0..broken {
                pairs.push("portcullis-device=x".to_owned());
            }
            let joined = [pairs.join("; ")];
            let lines: Vec<&[u8]> = if split { &pairs[..] } else { &joined[..] }
                .iter().map(String::as_bytes).collect();
            let found = visitor(&cookies(&lines));
            let found = found.device_cookie(false).map(DeviceCookie::expose);
            prop_assert_eq!(found, (ours == 1 && broken == 0).then(text));
        }

        /// Property: this reads cookies as the session's are read, whatever the
        /// bytes: the two never disagree on what a request brought.
        #[test]
        fn it_reads_as_sessions_are_read(
            pairs in proptest::collection::vec(
                "(portcullis=|portcullis|;|=|; | |\"|x){0,4}[A-Z]{0,2}(A{41,43})?", 0..8,
            ),
            split in any::<bool>(),
        ) {
            let joined = [pairs.join(";")];
            let lines: Vec<&[u8]> = if split { &pairs[..] } else { &joined[..] }
                .iter().map(String::as_bytes).collect();
            let headers = cookies(&lines);
            let found = the_only(&headers, "portcullis");
            match credential::of(&headers, &SessionCookie::new(false), false) {
                Credential::Session(token) => prop_assert_eq!(found, Some(token)),
                Credential::None => prop_assert_eq!(found, None),
                _ => prop_assert!(found.is_some_and(|value| value.len() != SessionToken::LEN)),
            }
        }
    }
}
