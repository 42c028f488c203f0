//! Writes lines, in a thread of its own.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use super::line::Line;
use crate::gateway::settings::AccessFormat;

/// Whole lines that are written at once, at most about so many bytes.
const BLOCK: usize = 64 * 1024;

/// How long whoever ends waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(2);

/// A queue of lines, and the thread at the end of it. The thread ends with the queue.
pub(super) struct Sink(SyncSender<Said>);

enum Said {
    Line(Box<Line>),
    /// Whoever holds the other end waits for all that was said before.
    Flush(tokio::sync::oneshot::Sender<()>),
}

impl Sink {
    /// Writes to the end of this file, or to standard output.
    pub(super) fn open(
        format: AccessFormat,
        file: Option<&Path>,
        queue: usize,
    ) -> io::Result<Self> {
        let out: Box<dyn Write + Send> = match file {
            Some(file) => Box::new(open(file)?),
            None => Box::new(io::stdout()),
        };
        let (sender, lines) = sync_channel(queue);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(&lines, format, out))?;
        Ok(Self(sender))
    }

    /// Says whether there was room.
    pub(super) fn write(&self, line: Line) -> bool {
        self.0.try_send(Said::Line(Box::new(line))).is_ok()
    }

    /// Done when what was said before is written, or it takes too long.
    pub(super) async fn flush(&self) {
        let (tell, told) = tokio::sync::oneshot::channel();
        let mut said = Some(Said::Flush(tell));
        let asked = async {
            while let Some(flush) = said.take() {
                if let Err(std::sync::mpsc::TrySendError::Full(flush)) = self.0.try_send(flush) {
                    said = Some(flush);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            let _ = told.await;
        };
        let _ = tokio::time::timeout(LAST_LINES, asked).await;
    }
}

/// For its owner alone to read, if it is new: it says who was where.
fn open(file: &Path) -> io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    options.open(file)
}

/// Writes as long as anybody may say more: all that waits in one call, which keeps lines
/// whole where several processes write to one file.
fn write_all(lines: &Receiver<Said>, format: AccessFormat, mut out: Box<dyn Write + Send>) {
    let (mut block, mut fails) = (Vec::with_capacity(BLOCK), false);
    while let Ok(first) = lines.recv() {
        let mut waiting = Vec::new();
        let mut next = Some(first);
        while let Some(said) = next.take() {
            match said {
                Said::Line(line) => line.write(format, &mut block),
                Said::Flush(tell) => waiting.push(tell),
            }
            next = match lines.try_recv() {
                Ok(said) if block.len() < BLOCK => Some(said),
                Ok(said) => {
                    put(&mut out, &mut block, &mut fails);
                    Some(said)
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
            };
        }
        put(&mut out, &mut block, &mut fails);
        for tell in waiting {
            let _ = tell.send(());
        }
    }
}

/// Says once that it fails, and once that it does not any more.
fn put(out: &mut Box<dyn Write + Send>, block: &mut Vec<u8>, fails: &mut bool) {
    if block.is_empty() {
        return;
    }
    let written = out.write_all(block).and_then(|()| out.flush());
    block.clear();
    match &written {
        Ok(()) if *fails => tracing::info!("access log written again"),
        Err(error) if !*fails => tracing::warn!(%error, "access log not written"),
        _ => {}
    }
    *fails = written.is_err();
}
