//! What tells the program to stop, and what does not.

use std::io::IsTerminal;

/// What the signal does that a process gets when its terminal is closed, and that service
/// managers send to have a configuration read again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::cli) enum Hangup {
    /// The configuration is read again, unless the terminal is closed.
    Reloads,
    /// It stops the program.
    Stops,
}

/// Whether somebody started it by hand, who may close the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal(bool);

impl Terminal {
    pub(super) fn now() -> Self {
        Self(std::io::stdin().is_terminal())
    }

    fn is_closed(self) -> bool {
        // The system says of a terminal that is closed that it is none.
        self.0 && !std::io::stdin().is_terminal()
    }

    /// Done at the first signal to stop.
    pub(super) async fn stopped(self, hangup: Hangup) {
        loop {
            match stop_signal().await {
                StopSignal::Hangup if hangup == Hangup::Reloads && !self.is_closed() => {}
                _ => return,
            }
        }
    }
}

/// Done at the first signal to stop.
pub(in crate::cli) async fn stopped() {
    stop_signal().await;
}

/// What a process is told to stop by.
enum StopSignal {
    Hangup,
    Other,
}

async fn stop_signal() -> StopSignal {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (term, hangup) = (signal(SignalKind::terminate()), signal(SignalKind::hangup()));
        if let (Ok(mut term), Ok(mut hangup)) = (term, hangup) {
            return tokio::select! {
                _ = term.recv() => StopSignal::Other,
                _ = hangup.recv() => StopSignal::Hangup,
                _ = tokio::signal::ctrl_c() => StopSignal::Other,
            };
        }
    }
    let _ = tokio::signal::ctrl_c().await;
    StopSignal::Other
}
