//! A request under way at a server.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Shared;

/// Counts as a request under way until it is dropped: with the answer's last byte, or when
/// the WebSocket that it became is closed.
pub(crate) struct Place(Arc<Shared>, usize);

impl Place {
    pub(super) fn take(servers: &Arc<Shared>, at: usize) -> Self {
        servers.servers[at].busy.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(servers), at)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.servers[self.1].busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.1).finish()
    }
}
