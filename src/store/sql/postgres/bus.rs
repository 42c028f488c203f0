//! `NOTIFY` and `LISTEN`: the gateways that share a directory wake each other.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::Executor;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::PostgresSettings;
use crate::store::{BoxFuture, Bus, LocalBus, Others};

const CHANNEL: &str = "portcullis_feed";

/// What a transaction says whose change others wait for: it is heard once it is committed.
pub(in crate::store::sql) const TELL: &str = "NOTIFY portcullis_feed";

/// How often a lost connection is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// After so long without a message the connection is asked whether it is there.
const QUIET: Duration = Duration::from_secs(15);

/// How long it may take to answer that.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// Wakes followers in this process at once, and those of others with the commit.
pub(in crate::store::sql) struct NotifyBus {
    heard: Arc<Heard>,
    listener: AbortHandle,
}

#[derive(Default)]
struct Heard {
    local: LocalBus,
    listens: AtomicBool,
}

impl NotifyBus {
    /// Listens until it is dropped.
    pub(in crate::store::sql) fn new(settings: &PostgresSettings) -> sqlx::Result<Self> {
        let url = settings.address.with_password(settings.password.as_ref());
        let options = PgConnectOptions::from_str(&url)?;
        let heard = Arc::new(Heard::default());
        let listener = listen(Arc::clone(&heard), options, settings.connect_timeout);
        let listener = tokio::spawn(listener).abort_handle();
        Ok(Self { heard, listener })
    }
}

impl Bus for NotifyBus {
    fn wake(&self) {
        self.heard.local.wake();
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        self.heard.local.woken()
    }

    fn wake_here(&self) {
        self.heard.local.wake_here();
    }

    fn reach(&self, others: Arc<dyn Others>) {
        self.heard.local.reach(others);
    }

    fn reaches_others(&self) -> bool {
        self.heard.listens.load(Ordering::Relaxed) || self.heard.local.reaches_others()
    }
}

impl Drop for NotifyBus {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl fmt::Debug for NotifyBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotifyBus").finish_non_exhaustive()
    }
}

async fn listen(heard: Arc<Heard>, options: PgConnectOptions, connect_timeout: Duration) {
    loop {
        let connected = timeout(connect_timeout, connect(options.clone(), connect_timeout));
        if let Ok(Ok(mut listener)) = connected.await {
            heard.listens.store(true, Ordering::Relaxed);
            // What was told before is not told again.
            heard.local.wake_here();
            hear_all(&mut listener, &heard.local).await;
            heard.listens.store(false, Ordering::Relaxed);
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn connect(options: PgConnectOptions, patience: Duration) -> sqlx::Result<PgListener> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(patience);
    let mut listener = PgListener::connect_with(&pool.connect_lazy_with(options)).await?;
    // Whoever listens asks for a connection that was lost itself.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Passes on what is heard, until the connection is lost.
async fn hear_all(listener: &mut PgListener, local: &LocalBus) {
    loop {
        match timeout(QUIET, listener.try_recv()).await {
            Ok(Ok(Some(_))) => local.wake_here(),
            Ok(_) => return,
            Err(_) => {
                let alive = timeout(SIGN_OF_LIFE, listener.execute("SELECT 1")).await;
                if !matches!(alive, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}
