//! The gateway over real sockets, before a real upstream.

mod access_log;
mod advisories;
mod assertion;
mod clients;
mod demo;
mod drain;
mod ended;
mod ext_authz;
pub(crate) mod figures;
mod floods;
mod forward_auth;
mod grpc;
mod health;
mod hostile;
mod http2;
mod many_sockets;
mod metrics;
mod passing;
mod proxies;
mod proxy_protocol;
mod reload;
#[cfg(unix)]
mod restart;
mod routes;
mod shedding;
mod sign_in_url;
mod sockets;
mod tls;
mod tracing;
mod tunnels;
mod upstream_pools;
mod upstreams;

use std::net::SocketAddr;

use axum::Router;
use portcullis::gateway::{Gateway, Origin, RESERVED, Settings};
use portcullis::guard::ReturnOrigin;
use portcullis::pages::Pages;
use portcullis::testing::TestGate;
use tokio::net::TcpListener;

use crate::support::Browser;

/// A gateway before an application, both in this process. It ends with the test.
pub(crate) struct Stand {
    pub(crate) test: TestGate,
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
}

impl Stand {
    pub(crate) async fn before(application: Router) -> Self {
        Self::with(application, |_| {}).await
    }

    /// The same, with other settings than the defaults.
    pub(crate) async fn with(application: Router, change: impl FnOnce(&mut Settings)) -> Self {
        let upstream = serve(application).await;
        Self::over(upstream, change).await
    }

    /// A gateway before whatever listens there.
    pub(crate) async fn over(upstream: SocketAddr, change: impl FnOnce(&mut Settings)) -> Self {
        Self::of(TestGate::new().await, upstream, Vec::new(), change).await
    }

    /// The same, for these people.
    pub(crate) async fn of(
        test: TestGate,
        upstream: SocketAddr,
        return_origins: Vec<ReturnOrigin>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let origin = Origin::parse(&format!("http://{upstream}")).expect("an origin");
        let mut settings = Settings::for_upstream(origin);
        settings.public = ([127, 0, 0, 1], 0).into();
        settings.admin = None;
        change(&mut settings);
        let pages = Pages::new(test.gate())
            .at(RESERVED)
            .return_origins(return_origins);
        let pages = pages.into_router();
        let pages = Router::new().nest(RESERVED, pages);
        let gateway = Gateway::bind(test.gate(), settings, pages).await;
        let gateway = gateway.expect("a free port");
        let address = gateway.public_address().expect("an address");
        let admin = gateway.admin_address().expect("an address");
        tokio::spawn(gateway.run(std::future::pending()));
        Self { test, address, admin }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::at(self.address)
    }

    /// Somebody who is signed in, and their cookie.
    pub(crate) async fn signed_in(&self, login: &str) -> (portcullis::Account, String) {
        let account = self.test.account(login).await;
        let cookie = self.test.sign_in(&account).await;
        (account, cookie)
    }
}

/// Serves an application on a free port, until the test ends.
pub(crate) async fn serve(application: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, application).await });
    address
}
