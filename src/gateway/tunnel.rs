//! WebSockets: two connections joined into one, until either side closes it or
//! whoever opened it is refused.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;

use crate::engine::figures::Level;
use crate::engine::{CurrentAccount, Portcullis};
use crate::gateway::under_way;
use crate::gateway::upstreams::Place as Busy;
use crate::guard::ClientKind;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// The client's side of a WebSocket handshake, if this is one. No other protocol
/// is switched to: an upgrade to HTTP/2, for one, would carry requests past the
/// guard.
pub(crate) fn handshake(head: &mut Parts, kind: ClientKind) -> Option<Handshake> {
    let upgrade = head.extensions.remove::<OnUpgrade>()?;
    let place = head.extensions.remove::<Place>();
    (kind == ClientKind::WebSocket).then_some(Handshake { upgrade, place })
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

/// Whoever has switched keeps its place among the connections.
pub(crate) type Place = Arc<OwnedSemaphorePermit>;

/// One side of a handshake: what it becomes, and its place.
pub(crate) struct Handshake {
    upgrade: OnUpgrade,
    place: Option<Place>,
}

/// Joins connections. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Tunnels {
    open: Level,
    closing: watch::Receiver<bool>,
    half_open: Duration,
}

impl Tunnels {
    /// None yet; `open` counts them. All are cut when `closing` says so. When one
    /// side has nothing more to say, the other may go on for `half_open`.
    pub(crate) const fn new(
        closing: watch::Receiver<bool>,
        half_open: Duration,
        open: Level,
    ) -> Self {
        Self { open, closing, half_open }
    }

    /// The same, for tunnels that may be half open for so long.
    pub(crate) fn lasting(&self, half_open: Duration) -> Self {
        Self { half_open, ..self.clone() }
    }

    /// Joins both sides, as soon as they have switched, in a task of its own.
    pub(crate) fn open(
        &self,
        client: Handshake,
        upstream: OnUpgrade,
        watched: Option<(Portcullis, CurrentAccount)>,
        busy: Option<Busy>,
    ) {
        let (half_open, mut closing) = (self.half_open, self.closing.clone());
        let open = self.open.raise();
        tokio::spawn(under_way::carried(async move {
            let Handshake { upgrade, place } = client;
            tokio::select! {
                () = join(upgrade, upstream, half_open) => {}
                () = refused(watched) => {}
                _ = closing.wait_for(|closing| *closing) => {}
            }
            drop((place, open, busy));
        }));
    }
}

async fn join(client: OnUpgrade, upstream: OnUpgrade, half_open: Duration) {
    let (Ok(client), Ok(upstream)) = tokio::join!(client, upstream) else { return };
    let (from_client, to_client) = split(TokioIo::new(client));
    let (from_upstream, to_upstream) = split(TokioIo::new(upstream));
    let mut up = pin!(pour(from_client, to_upstream));
    let mut down = pin!(pour(from_upstream, to_client));
    // However it ends, both sides are closed then. A side that broke will never
    // read what the other still has to say, so only an end in order is waited on.
    tokio::select! {
        ended = &mut up => if ended.is_ok() {
            let _ = timeout(half_open, down).await;
        },
        ended = &mut down => if ended.is_ok() {
            let _ = timeout(half_open, up).await;
        },
    }
}

/// Passes on what comes, and then that nothing more does.
async fn pour(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await?;
    to.shutdown().await
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
