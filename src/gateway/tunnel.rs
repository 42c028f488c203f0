//! WebSockets: two connections joined into one, until either side closes it or
//! whoever opened it is refused.

use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use http::request::Parts;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::sync::watch;

use crate::engine::figures::Level;
use crate::engine::{CurrentAccount, Portcullis};
use crate::guard::ClientKind;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// The client's side of a WebSocket handshake, if this is one. No other protocol
/// is switched to: an upgrade to HTTP/2, for one, would carry requests past the
/// guard.
pub(crate) fn handshake(head: &mut Parts, kind: ClientKind) -> Option<OnUpgrade> {
    let upgrade = head.extensions.remove::<OnUpgrade>();
    upgrade.filter(|_| kind == ClientKind::WebSocket)
}

/// Writes what asks for the upgrade, and what grants it.
pub(crate) fn ask_for_upgrade(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
}

/// Whether an answer switches to the one protocol that was asked for.
pub(crate) fn is_of_websocket(headers: &HeaderMap) -> bool {
    let protocol = headers.get(UPGRADE);
    protocol.is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(WEBSOCKET.as_bytes()))
}

/// The tunnels that are open. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Tunnels {
    open: Level,
    closing: watch::Receiver<bool>,
}

impl Tunnels {
    /// None yet; `open` counts them. All are cut when `closing` says so.
    pub(crate) const fn new(closing: watch::Receiver<bool>, open: Level) -> Self {
        Self { open, closing }
    }

    /// Joins both sides, as soon as they have switched, in a task of its own.
    pub(crate) fn open(
        &self,
        client: OnUpgrade,
        upstream: OnUpgrade,
        watched: Option<(Portcullis, CurrentAccount)>,
    ) {
        let (open, mut closing) = (self.open.raise(), self.closing.clone());
        tokio::spawn(async move {
            let _open = open;
            tokio::select! {
                () = join(client, upstream) => {}
                () = refused(watched) => {}
                _ = closing.wait_for(|closing| *closing) => {}
            }
        });
    }
}

async fn join(client: OnUpgrade, upstream: OnUpgrade) {
    let (Ok(client), Ok(upstream)) = tokio::join!(client, upstream) else { return };
    let (mut client, mut upstream) = (io(client), io(upstream));
    // However it ends, both sides are closed, and each was told by the other.
    let _ = copy_bidirectional(&mut client, &mut upstream).await;
}

fn io(upgraded: Upgraded) -> TokioIo<Upgraded> {
    TokioIo::new(upgraded)
}

async fn refused(watched: Option<(Portcullis, CurrentAccount)>) {
    let Some((gate, account)) = watched else { return std::future::pending().await };
    let denial = gate.ended(&account).await;
    tracing::info!(
        denial.reason = denial.reason().as_str(),
        account.id = denial.account().map(tracing::field::display),
        "tunnel cut"
    );
}
