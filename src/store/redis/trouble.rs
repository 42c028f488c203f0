//! What goes wrong between us and Redis.

use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::domain::length::spell_length;
use crate::store::StoreError;

/// Why Redis did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// There is no connection now.
    #[error("Redis is away")]
    Away,
    /// So many wait for it that one more would help nobody.
    #[error("too many wait for Redis")]
    Busy,
    /// It may have lost what was counted.
    #[error("Redis may have lost what was counted, so nobody gets a guess for {}", whole(*.0))]
    Closed(Duration),
    /// It said something else.
    #[error("Redis: {0}")]
    Failed(Arc<RedisError>),
    /// Its memory is full.
    #[error("the memory of Redis is full: raise its maxmemory")]
    Full,
    /// It is no server that attempts can be counted in.
    #[error("{0}")]
    Misfit(String),
    /// It did not answer in time.
    #[error("Redis did not answer within {}", spell_length(*.0))]
    Slow(Duration),
}

/// To the second above: nobody is told of microseconds.
fn whole(length: Duration) -> String {
    spell_length(Duration::from_secs(length.as_micros().div_ceil(1_000_000) as u64))
}

impl Trouble {
    /// Whether somebody else could count meanwhile.
    pub(super) const fn is_away(&self) -> bool {
        matches!(self, Self::Away | Self::Busy | Self::Slow(_))
    }

    /// Whether the connection is of no more use.
    pub(super) fn breaks(&self) -> bool {
        let Self::Failed(error) = self else { return false };
        match error.kind() {
            ErrorKind::Io
            | ErrorKind::AuthenticationFailed
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::Parse => true,
            ErrorKind::Server(kind) => matches!(
                kind,
                ServerErrorKind::BusyLoading
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::Moved
                    | ServerErrorKind::ReadOnly
            ),
            _ => error.code() == Some("NOAUTH"),
        }
    }

    /// The same, once it is known that it ended the connection.
    pub(super) fn or_away(self) -> Self {
        if self.breaks() { Self::Away } else { self }
    }
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        // A script's error has the code of the command that failed in its words.
        match error.code() {
            Some("OOM") => Self::Full,
            _ if error.to_string().contains("OOM command not allowed") => Self::Full,
            _ => Self::Failed(Arc::new(error)),
        }
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Full => Self::Crowded,
            other => Self::unavailable(other),
        }
    }
}
