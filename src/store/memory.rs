//! Stores that live in one process and die with it: for tests, demos, and
//! services that run once and keep their people elsewhere.
//!
//! Two processes with one of these each do not know of each other: a lock laid
//! in one is not seen in the other, and each gives a guesser its own budget.

mod applications;
mod attempts;
mod audit;
mod deletions;
mod devices;
mod directory;
mod groups;
mod held;
mod history;
mod invitations;
mod runs;
mod sessions;
mod state;
mod webhooks;

use std::future::ready;

use crate::domain::device::DeviceId;
use crate::domain::session::Session;
use crate::domain::standing::Generation;
use crate::domain::time::Timestamp;
use crate::store::{BoxFuture, NewSession};

pub use self::attempts::SingleProcessAttempts;
pub use self::directory::SingleProcessDirectory;
pub(crate) use self::sessions::SingleProcessSessions;

/// Everything here is done when it is asked for: the futures are ready.
fn now<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(ready(value))
}

fn born(
    new: NewSession,
    generation: Generation,
    device: Option<DeviceId>,
    at: Timestamp,
) -> Session {
    Session {
        key: new.key,
        account: new.account,
        generation,
        created_at: at,
        expires_at: new.expires_at,
        last_seen_at: at,
        opened_from: new.opened_from,
        user_agent: new.user_agent,
        device,
        console: new.console,
    }
}
