//! Stopping early: the first signal ends the load, a second one the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::exit::Exit;
use crate::cli::serve::stopped;

/// Whether whoever started the test has had enough. Clones know the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Watches for signals from now on. `mend` is the command that does what a
    /// second signal leaves undone.
    ///
    /// Must be called on a tokio runtime.
    pub(super) fn on_signals(mend: String) -> Self {
        let stop = Self::default();
        let asked = stop.clone();
        tokio::spawn(async move {
            stopped().await;
            asked.0.store(true, Ordering::Relaxed);
            eprintln!("stopping: the scratch accounts are removed now");
            stopped().await;
            eprintln!("stopped: some scratch accounts may be left\n  try: {mend}");
            std::process::exit(Exit::Failed as i32);
        });
        stop
    }

    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
