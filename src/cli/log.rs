//! What is logged, and how: always to standard error.

use tracing_subscriber::EnvFilter;

use crate::cli::output;
use crate::config::LogFormat;

/// The variable that goes before whatever else says what is logged.
const LOG_VARIABLE: &str = "PORTCULLIS_LOG";

/// Logs lines of these levels from now on; `PORTCULLIS_LOG` goes before them.
pub(super) fn start(level: &str, format: LogFormat) {
    let wanted = std::env::var(LOG_VARIABLE).unwrap_or_else(|_| level.to_owned());
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
