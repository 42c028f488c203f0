//! What is agreed with whoever manages this service: sockets that it hands over, and what
//! it is told. Its protocol is systemd's, which others speak as well.

use std::io;

use listenfd::ListenFd;

use crate::gateway::Sockets;

/// The names of the sockets, in the order of a service's units.
const NAMES: &str = "LISTEN_FDNAMES";

/// The sockets that were handed over. Those with the names `public` and `admin` are what
/// they say; of others the first is for people, and the second for administrators.
pub(super) fn sockets() -> io::Result<Sockets> {
    let mut given = ListenFd::from_env();
    let names = std::env::var(NAMES).unwrap_or_default();
    let [public, admin] = places(given.len(), &names);
    let mut take = |place: Option<usize>| match place {
        Some(place) => given.take_tcp_listener(place),
        None => Ok(None),
    };
    Ok(Sockets { public: take(public)?, admin: take(admin)? })
}

/// Which of so many sockets is for people, and which for administrators.
fn places(given: usize, names: &str) -> [Option<usize>; 2] {
    let names: Vec<_> = names.split(':').take(given).collect();
    let named = ["public", "admin"].map(|name| names.iter().position(|other| *other == name));
    match named {
        [None, None] => [0, 1].map(|place| Some(place).filter(|&place| place < given)),
        named => named,
    }
}

/// What the manager is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// Connections are taken, by the configuration in force.
    Ready,
    /// The configuration is read again.
    Reloading,
    /// What is open may end.
    Stopping,
}

/// Tells the manager, if there is one that wants to know.
pub(super) fn tell(state: State) {
    #[cfg(unix)]
    if let Err(error) = told(state) {
        tracing::debug!(%error, "service manager not told");
    }
    #[cfg(not(unix))]
    let _ = state;
}

#[cfg(unix)]
fn told(state: State) -> io::Result<()> {
    use sd_notify::NotifyState;

    match state {
        State::Ready => sd_notify::notify(&[NotifyState::Ready]),
        State::Reloading => {
            sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])
        }
        State::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_told_by_their_names_or_their_order() {
        let both = [Some(0), Some(1)];
        assert_eq!(places(0, ""), [None, None]);
        assert_eq!(places(1, ""), [Some(0), None]);
        assert_eq!(places(2, "portcullis.socket:portcullis.socket"), both);
        assert_eq!(places(3, "unknown"), both);
        assert_eq!(places(2, "admin:public"), [Some(1), Some(0)]);
        assert_eq!(places(2, "other:admin"), [None, Some(1)]);
        // A name without a socket is nobody's.
        assert_eq!(places(1, "x:public"), [Some(0), None]);
    }
}
