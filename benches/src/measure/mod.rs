//! The measures: each says in its own file what it counts and how far it can be trusted.

pub mod allocations;
pub mod cpu;
pub mod instructions;
pub mod memory;
pub mod threads;

use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;

/// Sessions of the measures in which everything is in the processor's caches.
pub const HOT_SESSIONS: usize = 1_000;

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Runs a command to its end; one that fails is an error with what it said.
fn output(command: &mut Command) -> Result<Output> {
    let output = command
        .output()
        .with_context(|| format!("can't run {command:?}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} ended with {}:\n{said}", output.status);
    }
    Ok(output)
}

/// Runs a command that prints one JSON value.
fn answer<T: DeserializeOwned>(command: &mut Command) -> Result<T> {
    let output = output(command)?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("odd output of {command:?}"))
}
