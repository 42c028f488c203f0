//! Files that are read again when they have changed.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{TlsError, UnusableFile};

/// Files that are of use together, as they were when they were looked at.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    files: Vec<PathBuf>,
    /// As they were read last.
    read: Stamp,
    /// As they were looked at last.
    last: Stamp,
}

/// What changes about files when one is written; `None`: it is not there.
type Stamp = Vec<Option<(SystemTime, u64, u64)>>;

impl Followed {
    /// Before they are read: what is written meanwhile is read again.
    pub(super) fn new<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let files: Vec<_> = files.into_iter().cloned().collect();
        let now = stamp(&files);
        Self { files, read: now.clone(), last: now }
    }

    /// Whether they are to be read again: they have changed, and have rested since they
    /// were looked at last. Several are written one after the other, and what still
    /// changes is not read.
    pub(super) fn have_changed(&mut self) -> bool {
        let now = stamp(&self.files);
        let are_at_rest = now == self.last;
        self.last.clone_from(&now);
        let changed = are_at_rest && now != self.read;
        if changed {
            self.read = now;
        }
        changed
    }
}

fn stamp(files: &[PathBuf]) -> Stamp {
    let one = |file: &PathBuf| {
        let found = fs::metadata(file).ok()?;
        Some((found.modified().ok()?, found.len(), place(&found)))
    };
    files.iter().map(one).collect()
}

/// Where a file is on its disk: another one in its place may be as old and as long.
fn place(found: &Metadata) -> u64 {
    #[cfg(unix)]
    {
        std::os::unix::fs::MetadataExt::ino(found)
    }
    #[cfg(not(unix))]
    {
        let _ = found;
        0
    }
}

pub(super) fn contents(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| wrong(file, UnusableFile::Unreadable(error)))
}

pub(super) fn wrong(file: &Path, why: UnusableFile) -> TlsError {
    TlsError { file: file.to_owned(), why }
}
