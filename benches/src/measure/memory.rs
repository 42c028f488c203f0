//! Resident memory of each session with its account, in a fresh process.

use std::{env, fs, hint::black_box, process::Command};

use anyhow::{Context, Result};

use super::answer;
use crate::variant::Variant;

/// Asks a fresh process.
pub fn measure(variant: Variant, sessions: usize) -> Result<f64> {
    let itself = env::current_exe().context("the benchmark can't find itself")?;
    answer(Command::new(itself).args(["resident", &variant.name(), &sessions.to_string()]))
}

/// What the fresh process does: bytes per session, the clients' own credentials taken off.
///
/// The credentials are weighed by copying them. The second copy counts, as the first one fills
/// whatever holes the filling left in the heap.
pub fn resident_per_session(variant: Variant, sessions: usize) -> Result<f64> {
    let before = resident()?;
    let mut subject = variant.build(sessions)?;
    subject.warm_up();
    let filled = resident()?;
    let first = black_box(subject.credentials());
    let between = resident()?;
    let second = black_box(subject.credentials());
    let credentials = resident()? - between;
    drop((first, second));
    Ok((filled - before - credentials) / sessions as f64)
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
