//! Allocations per request and heap per session, exactly as the allocator is asked.
//!
//! The counting allocator costs time, so it lives in a program of its own.

use std::{env, process::Command};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{answer, memory::Weight};
use crate::variant::Variant;

/// What one request asks of the allocator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Allocations {
    /// Calls that ask for memory, reallocations included.
    pub count: f64,
    /// What they ask for.
    pub bytes: f64,
}

/// A request as it comes from the connection, and one that an outer layer has extended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Steady {
    /// Without extensions.
    pub plain: Allocations,
    /// With an extension.
    pub extended: Allocations,
}

/// Counts what a request allocates.
pub fn steady(variant: Variant) -> Result<Steady> {
    answer(program()?.args(["steady", &variant.name()]))
}

/// Counts what is live on the heap for each session.
pub fn heap(variant: Variant, sessions: usize) -> Result<Weight> {
    answer(program()?.args(["heap", &variant.name(), &sessions.to_string()]))
}

fn program() -> Result<Command> {
    let itself = env::current_exe().context("the benchmark can't find itself")?;
    Ok(Command::new(itself.with_file_name("portcullis-benches-allocations")))
}
