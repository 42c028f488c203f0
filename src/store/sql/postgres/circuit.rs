//! Whether the server answers: while it does not, nobody waits for it.
//!
//! A call that is lost, or that takes long, is a reason to ask the server, over a
//! connection of its own. Only where it does not answer that, either, every call fails at
//! once, those that wait with them; and it is asked again and again until it does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, Connection, Executor};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::store::StoreError;
use crate::store::sql::errors::{Fallible, Fault};

/// How long a call may take before the server is asked whether it answers.
const LONG: Duration = Duration::from_secs(1);

/// How often a server that does not answer is asked again.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// The state of one server, for all who call it.
pub(super) struct Circuit(Arc<Shared>);

struct Shared {
    name: String,
    options: AnyConnectOptions,
    connect_timeout: Duration,
    /// Whether the server does not answer.
    broken: watch::Sender<bool>,
    asking: AtomicBool,
}

impl Circuit {
    pub(super) fn new(name: String, options: AnyConnectOptions, connect_timeout: Duration) -> Self {
        let broken = watch::Sender::new(false);
        let asking = AtomicBool::new(false);
        Self(Arc::new(Shared { name, options, connect_timeout, broken, asking }))
    }

    /// The work, for as long as the server answers.
    pub(super) async fn guard<T>(
        &self,
        work: impl Future<Output = Fallible<T>> + Send,
    ) -> Fallible<T> {
        let mut broken = self.0.broken.subscribe();
        if *broken.borrow_and_update() {
            return Err(self.away());
        }
        let mut work = std::pin::pin!(work);
        let done = match timeout(LONG, &mut work).await {
            Ok(done) => done,
            Err(_) => {
                self.ask();
                tokio::select! {
                    done = work => done,
                    _ = broken.wait_for(|broken| *broken) => return Err(self.away()),
                }
            }
        };
        if done.as_ref().is_err_and(is_lost) {
            self.ask();
        }
        done
    }

    /// Asks the server whether it answers, unless somebody does.
    fn ask(&self) {
        if self.0.asking.swap(true, Ordering::AcqRel) {
            return;
        }
        tokio::spawn(ask_until_answered(Arc::downgrade(&self.0)));
    }

    fn away(&self) -> Fault {
        StoreError::unavailable(format!("{} does not answer", self.0.name)).into()
    }
}

impl Shared {
    /// A server that refuses us answers: why it does is for the call to say.
    async fn answers(&self) -> bool {
        let question = async {
            let mut conn = AnyConnection::connect_with(&self.options).await?;
            conn.execute("SELECT 1").await?;
            conn.close().await
        };
        match timeout(self.connect_timeout, question).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => !is_away(&error),
            Err(_) => false,
        }
    }
}

/// Ends also when nobody has the directory any more who would want to know.
async fn ask_until_answered(shared: Weak<Shared>) {
    while let Some(shared) = shared.upgrade() {
        if shared.answers().await {
            if shared.broken.send_replace(false) {
                tracing::info!(store.file = shared.name, "directory server answers again");
            }
            return shared.asking.store(false, Ordering::Release);
        }
        if !shared.broken.send_replace(true) {
            tracing::error!(store.file = shared.name, "directory server does not answer");
        }
        drop(shared);
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn is_lost(fault: &Fault) -> bool {
    matches!(fault, Fault::Sql(error) if is_away(error))
}

/// Whether it may be that nobody answers.
fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut => true,
        // It is shutting down, starting, or breaks connections off.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("57P") || code.starts_with("08")),
        _ => false,
    }
}
