//! What is logged, and how: always to standard error.

use std::fmt;
use std::io::Write;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, reload};

use crate::cli::output;
use crate::config::{LogFormat, names_levels};
use crate::gateway::under_way::current_id;

/// The variable that goes before whatever else says what is logged.
const LOG_VARIABLE: &str = "PORTCULLIS_LOG";

/// Says other levels while lines are logged.
pub(super) struct Levels(Box<dyn Fn(EnvFilter) + Send + Sync>);

impl Levels {
    /// Logs lines of these levels from now on.
    pub(super) fn set(&self, level: &str) {
        (self.0)(filter(level));
    }
}

/// Logs lines of these levels from now on; `PORTCULLIS_LOG` goes before them, and then
/// they are not changed any more.
pub(super) fn start(level: &str, format: LogFormat) -> Option<Levels> {
    let said = std::env::var(LOG_VARIABLE).ok();
    if said.as_deref().is_some_and(|said| !names_levels(said)) {
        // It would be taken for a module's name, and nothing else would be logged.
        let _ = writeln!(
            std::io::stderr(),
            "warning: {LOG_VARIABLE} names no level: write error, warn, info, debug or trace, or \
             such words by module, as in info,portcullis::engine=debug"
        );
    }
    let wanted = said.as_deref().unwrap_or(level);
    let (filter, stderr) = (filter(wanted), std::io::stderr as fn() -> _);
    let lines = tracing_subscriber::fmt();
    // A program that embeds this one may log already.
    let (levels, started) = match format {
        LogFormat::Json => {
            let lines = lines
                .json()
                .map_event_format(|lines| OfRequests { lines, form: format });
            let lines = lines.with_env_filter(filter).with_writer(stderr);
            let lines = lines.with_filter_reloading();
            (levels(lines.reload_handle()), lines.try_init())
        }
        LogFormat::Text => {
            let colour = output::wants_colour(&std::io::stderr());
            let lines = lines
                .with_ansi(colour)
                .map_event_format(|lines| OfRequests {
                    lines: lines.with_ansi(colour),
                    form: format,
                });
            let lines = lines.with_env_filter(filter).with_writer(stderr);
            let lines = lines.with_filter_reloading();
            (levels(lines.reload_handle()), lines.try_init())
        }
    };
    (said.is_none() && started.is_ok()).then_some(levels)
}

/// Puts the id of the request into each line that something says while it works on one.
struct OfRequests<F> {
    lines: F,
    form: LogFormat,
}

impl<S, N, F> FormatEvent<S, N> for OfRequests<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let id = current_id();
        let Some(id) = id.as_ref().and_then(|id| id.to_str().ok()) else {
            return self.lines.format_event(context, out, event);
        };
        let mut line = String::new();
        self.lines
            .format_event(context, Writer::new(&mut line), event)?;
        out.write_str(&with_id(self.form, &line, id))
    }
}

/// An id has no letter that means anything in either form.
fn with_id(form: LogFormat, line: &str, id: &str) -> String {
    match (form, line.strip_prefix('{')) {
        (LogFormat::Json, Some(fields)) => format!("{{\"request.id\":\"{id}\",{fields}"),
        _ => format!("{} request.id={id}\n", line.trim_end_matches('\n')),
    }
}

fn levels<S: 'static>(handle: reload::Handle<EnvFilter, S>) -> Levels {
    // It fails where nobody logs any more.
    Levels(Box::new(move |filter| drop(handle.reload(filter))))
}

/// What a store fails at is told once, by the command. Who wants to see every statement
/// names sqlx.
fn filter(level: &str) -> EnvFilter {
    EnvFilter::builder().parse_lossy(format!("sqlx=off,sqlx_core=off,{level}"))
}
