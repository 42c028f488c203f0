//! The admin listener's service: what administrators and machines reach.
//!
//! Whatever is behind it is looked after here once: it answers to its own names
//! only, so that no page that somebody looks at in a browser on this network can
//! reach it under a name of its own (DNS rebinding), and takes changes only from
//! pages of its own origin.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http::uri::Authority;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use tower::ServiceExt;

use crate::domain::client::ClientAddr;
use crate::gateway::answer::Refusal;
use crate::gateway::body::Body;
use crate::gateway::listen::Answer;
use crate::gateway::screen::{Peer, Screen, is_https};
use crate::gateway::settings::Settings;
use crate::guard::ClientKind;
use crate::pages::origin;

/// What every connection of the admin listener shares. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Admin(Arc<Shared>);

struct Shared {
    screen: Screen,
    names: Names,
    router: Router,
}

impl Admin {
    /// Listens at `own`, and serves this.
    pub(crate) fn new(own: IpAddr, settings: &Settings, router: Router) -> Self {
        // The origin that people see is the public listener's.
        let tls = settings.admin_tls.clone();
        let settings = Settings { public_url: None, tls, ..settings.clone() };
        let screen = Screen::new(&settings);
        let names = Names { own, further: settings.admin_hosts };
        Self(Arc::new(Shared { screen, names, router }))
    }
}

impl Answer for Admin {
    async fn answer(&self, peer: &Peer, request: Request<Incoming>) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        let client = match self.0.admit(&mut head, !body.is_end_stream(), peer) {
            Ok(client) => client,
            Err(refusal) => return refusal.answer(ClientKind::of(&head)),
        };
        head.extensions.insert(client);
        let request = Request::from_parts(head, axum::body::Body::new(body));
        match self.0.router.clone().oneshot(request).await {
            Ok(answer) => answer.map(Body::page),
            Err(never) => match never {},
        }
    }
}

impl Shared {
    fn admit(&self, head: &mut Parts, has_body: bool, peer: &Peer) -> Result<ClientAddr, Refusal> {
        let client = self.screen.look(head, has_body, peer)?;
        let host = head.headers.get(HOST).map(HeaderValue::as_bytes);
        let host = host.and_then(|host| Authority::try_from(host).ok());
        if !host.is_some_and(|host| self.names.include(host.host())) {
            return Err(Refusal::ForeignHost);
        }
        if !head.method.is_safe() && !origin::is_own(head, is_https(head)) {
            return Err(Refusal::ForeignOrigin);
        }
        Ok(client)
    }
}

/// What the listener may be called.
#[derive(Debug)]
struct Names {
    own: IpAddr,
    further: Vec<String>,
}

impl Names {
    /// Whether a request for this host is meant for the listener. The port does
    /// not matter: whoever forwards one to here gives it another number.
    fn include(&self, host: &str) -> bool {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        if let Ok(ip) = bare.unwrap_or(host).parse::<IpAddr>() {
            // No name server can make a page's name look like a number.
            return self.own.is_unspecified() || ip.to_canonical() == self.own.to_canonical();
        }
        let further = self.further.iter().map(String::as_str);
        ["localhost"]
            .into_iter()
            .chain(further)
            .any(|name| name.eq_ignore_ascii_case(host))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("names", &self.0.names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn names(own: impl Into<IpAddr>) -> Names {
        Names { own: own.into(), further: vec!["admin.example".to_owned()] }
    }

    #[test]
    fn a_listener_has_its_address_and_its_names() {
        let names = names(Ipv4Addr::LOCALHOST);
        for host in ["127.0.0.1", "localhost", "LOCALHOST", "admin.example", "Admin.Example"] {
            assert!(names.include(host), "{host}");
        }
        for host in [
            "127.0.0.2",
            "10.0.0.1",
            "[::1]",
            "evil.example",
            "admin.example.evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "x.localhost",
            "2130706433",
            "",
        ] {
            assert!(!names.include(host), "{host}");
        }
    }

    #[test]
    fn one_that_listens_everywhere_has_every_number_and_no_more_names() {
        let everywhere = names(Ipv6Addr::UNSPECIFIED);
        assert!(everywhere.include("10.0.0.1") && everywhere.include("[fd00::1]"));
        assert!(!everywhere.include("evil.example"));
        let six = names(Ipv6Addr::LOCALHOST);
        assert!(six.include("[::1]") && !six.include("[::2]"));
    }
}
