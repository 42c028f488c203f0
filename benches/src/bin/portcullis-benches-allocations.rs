//! Counts allocations for the benchmark, which runs it; prints one JSON value.

use std::alloc::System;

use anyhow::Result;
use clap::{Parser, Subcommand};
use portcullis_benches::{
    drive::Subject,
    measure::{
        HOT_SESSIONS,
        allocations::{Allocations, Steady},
        memory::Weight,
    },
    variant::Variant,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Counts allocations for the benchmark.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    count: Count,
}

#[derive(Subcommand)]
enum Count {
    /// What one request allocates
    Steady { variant: Variant },
    /// What is live for each session
    Heap { variant: Variant, sessions: usize },
}

fn main() -> Result<()> {
    let counted = match Arguments::parse().count {
        Count::Steady { variant } => serde_json::to_string(&steady(variant)?)?,
        Count::Heap { variant, sessions } => serde_json::to_string(&heap(variant, sessions)?)?,
    };
    println!("{counted}");
    Ok(())
}

fn steady(variant: Variant) -> Result<Steady> {
    let mut subject = variant.build(HOT_SESSIONS)?;
    let plain = per_request(subject.as_mut());
    subject.extend();
    Ok(Steady { plain, extended: per_request(subject.as_mut()) })
}

/// The least of a few windows: another thread that allocates meanwhile can only add.
fn per_request(subject: &mut dyn Subject) -> Allocations {
    subject.warm_up();
    let windows = (0..WINDOWS).map(|_| window(subject));
    let none = Allocations { count: f64::INFINITY, bytes: f64::INFINITY };
    windows.fold(none, |least, window| Allocations {
        count: least.count.min(window.count),
        bytes: least.bytes.min(window.bytes),
    })
}

const WINDOWS: usize = 5;

fn window(subject: &mut dyn Subject) -> Allocations {
    let region = Region::new(ALLOCATOR);
    subject.serve(HOT_SESSIONS);
    let taken = region.change();
    let requests = HOT_SESSIONS as f64;
    Allocations {
        count: (taken.allocations + taken.reallocations) as f64 / requests,
        bytes: taken.bytes_allocated as f64 / requests,
    }
}

/// Bytes that are live, the clients' own credentials taken off.
fn heap(variant: Variant, sessions: usize) -> Result<Weight> {
    let region = Region::new(ALLOCATOR);
    let mut subject = variant.build(sessions)?;
    let stored = live(&region);
    subject.warm_up();
    let used = live(&region);
    let credentials: usize = subject.credentials().iter().map(|each| owned(each)).sum();
    let per_session = |bytes: f64| bytes / sessions as f64;
    Ok(Weight { whole: per_session(used - credentials as f64), by_use: per_session(used - stored) })
}

fn live(region: &Region<'_, System>) -> f64 {
    let taken = region.change();
    taken.bytes_allocated as f64 - taken.bytes_deallocated as f64
}

fn owned(credential: &str) -> usize {
    size_of::<String>() + credential.len()
}
