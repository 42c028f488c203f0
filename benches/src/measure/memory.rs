//! Resident memory of each session with its account, in a fresh process.

use std::{env, fs, hint::black_box, process::Command};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::answer;
use crate::variant::Variant;

/// Bytes per session with its account.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Weight {
    /// Everything: the store that the sessions and accounts are written in, and what reads it.
    pub whole: f64,
    /// What the first request of each session adds to the store. It is all that there would be if the
    /// store were in another process; nothing where the requests read the store itself.
    pub by_use: f64,
}

/// Asks a fresh process.
pub fn measure(variant: Variant, sessions: usize) -> Result<Weight> {
    let itself = env::current_exe().context("the benchmark can't find itself")?;
    answer(Command::new(itself).args(["resident", &variant.name(), &sessions.to_string()]))
}

/// What the fresh process does; the clients' own credentials are taken off.
///
/// The credentials are weighed by copying them. The second copy counts, as the first one fills
/// whatever holes the filling left in the heap.
pub fn resident_per_session(variant: Variant, sessions: usize) -> Result<Weight> {
    let before = resident()?;
    let mut subject = variant.build(sessions)?;
    let stored = resident()?;
    subject.warm_up();
    let used = resident()?;
    let first = black_box(subject.credentials());
    let between = resident()?;
    let second = black_box(subject.credentials());
    let credentials = resident()? - between;
    drop((first, second));
    let per_session = |bytes: f64| bytes / sessions as f64;
    Ok(Weight {
        whole: per_session(used - before - credentials),
        by_use: per_session(used - stored),
    })
}

fn resident() -> Result<f64> {
    let statm = fs::read_to_string("/proc/self/statm").context("can't read /proc/self/statm")?;
    let pages = statm
        .split_whitespace()
        .nth(1)
        .context("odd /proc/self/statm")?;
    let pages: f64 = pages.parse().context("odd /proc/self/statm")?;
    Ok(pages * rustix::param::page_size() as f64)
}
