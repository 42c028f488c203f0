//! What is logged, and how: always to standard error.

use std::io::Write;

use tracing_subscriber::EnvFilter;

use crate::cli::output;
use crate::config::{LogFormat, names_levels};

/// The variable that goes before whatever else says what is logged.
const LOG_VARIABLE: &str = "PORTCULLIS_LOG";

/// Logs lines of these levels from now on; `PORTCULLIS_LOG` goes before them.
pub(super) fn start(level: &str, format: LogFormat) {
    let said = std::env::var(LOG_VARIABLE).ok();
    if said.as_deref().is_some_and(|said| !names_levels(said)) {
        // It would be taken for a module's name, and nothing else would be logged.
        let _ = writeln!(
            std::io::stderr(),
            "warning: {LOG_VARIABLE} names no level: write error, warn, info, debug or trace, or \
             such words by module, as in info,portcullis::engine=debug"
        );
    }
    let wanted = said.unwrap_or_else(|| level.to_owned());
    // What a store fails at is told once, by the command. Who wants to see every
    // statement names sqlx.
    let filter = EnvFilter::builder().parse_lossy(format!("sqlx=off,sqlx_core=off,{wanted}"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A program that embeds this one may log already.
    let _ = match format {
        LogFormat::Json => lines.json().try_init(),
        LogFormat::Text => lines
            .with_ansi(output::wants_colour(&std::io::stderr()))
            .try_init(),
    };
}
