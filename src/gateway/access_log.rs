//! A line for each request that people send, for programs that count and search.
//!
//! Written by a thread of its own, which nobody waits for: what finds the queue full is
//! left out and counted. A line is written when its answer has been sent, or was given
//! up. It never has a query, a login, a cookie or a header of the client's but the
//! request id that a trusted proxy gave.

mod line;
mod sink;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body::Frame;
use jiff::Timestamp;
use tokio::time::Instant;

use self::line::Line;
use self::sink::Sink;
use crate::domain::client::ClientAddr;
use crate::domain::denial::Denial;
use crate::gateway::body::{Body, BodyError};
use crate::gateway::figures::{Figures, Outcome};
use crate::gateway::request_id::Ticket;
use crate::gateway::screen::Peer;
use crate::gateway::settings::AccessLog as Settings;
use crate::gateway::under_way::Notes;

/// Why there is no access log.
#[derive(Debug, thiserror::Error)]
#[error("the access log {} can't be written: {error}", file.display())]
pub struct AccessLogError {
    /// The file.
    pub file: PathBuf,
    /// Why not.
    #[source]
    pub error: io::Error,
}

/// Where lines go. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct AccessLog(Option<Arc<Sink>>);

impl AccessLog {
    /// Opens the file, if there is to be one; nothing is written where it is off.
    pub(crate) fn open(settings: &Settings) -> Result<Self, AccessLogError> {
        let Some(format) = settings.format else { return Ok(Self(None)) };
        let sink = Sink::open(format, settings.file.as_deref(), settings.queue);
        let sink = sink.map_err(|error| AccessLogError {
            file: settings.file.clone().unwrap_or_default(),
            error,
        })?;
        Ok(Self(Some(Arc::new(sink))))
    }

    /// A request begins.
    pub(crate) fn entry(
        &self,
        head: &Parts,
        peer: &Peer,
        ticket: &Ticket,
        figures: &Figures,
    ) -> Option<Entry> {
        let sink = Arc::clone(self.0.as_ref()?);
        let line = Line {
            at: Timestamp::now(),
            client: peer.address(),
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            id: ticket.id().clone(),
            trace: ticket
                .trace()
                .map(|trace| (trace.trace(), trace.span(), ticket.parent())),
            ..Line::default()
        };
        let notes = Arc::default();
        Some(Entry(Box::new(Open {
            sink,
            figures: figures.clone(),
            began: Instant::now(),
            notes,
            line,
        })))
    }

    /// Writes what has been said so far, within a while.
    pub(crate) async fn flush(self) {
        if let Some(sink) = self.0 {
            sink.flush().await;
        }
    }
}

/// A line that is not written yet: it is when this is dropped, however that comes.
#[derive(Debug)]
pub(crate) struct Entry(Box<Open>);

#[derive(Debug)]
struct Open {
    sink: Arc<Sink>,
    figures: Figures,
    began: Instant,
    notes: Arc<Notes>,
    line: Line,
}

impl Entry {
    /// Where to note what is found out meanwhile.
    pub(crate) fn notes(&self) -> Arc<Notes> {
        Arc::clone(&self.0.notes)
    }

    /// This came of it; the rest is the body's.
    pub(crate) fn answered(&mut self, outcome: Outcome, response: &Response<Body>) {
        let line = &mut self.0.line;
        line.outcome = outcome;
        line.status = Some(response.status());
        if let Some(denial) = response.extensions().get::<Denial>() {
            line.denial = Some(denial.reason().as_str());
            line.account = denial.account().cloned();
        }
    }

    /// Counts what goes out.
    pub(crate) fn sent(&mut self, polled: Option<&Result<Frame<Bytes>, BodyError>>) {
        let line = &mut self.0.line;
        match polled {
            Some(Ok(frame)) => line.bytes += frame.data_ref().map_or(0, Bytes::len) as u64,
            Some(Err(_)) => line.is_whole = false,
            None => line.is_whole = true,
        }
    }

    /// There is nothing more to send.
    pub(crate) fn is_whole(&mut self) {
        self.0.line.is_whole = true;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        let noted = self.notes.so_far();
        line.took = self.began.elapsed();
        line.upstream = noted.upstream;
        line.account = noted.account.or(line.account);
        line.session = noted.session;
        line.client = noted.client.map_or(line.client, ClientAddr::ip);
        if !self.sink.write(line) {
            self.figures.access_log_dropped();
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink(..)")
    }
}
