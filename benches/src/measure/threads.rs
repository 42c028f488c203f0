//! How a variant takes a second thread.
//!
//! Two threads serve clones of one service. Where they share a cache line that both write, a request
//! costs more CPU than alone; the bare Router's own growth is the measure, as it shares one too.
//! The rate depends on what else runs on the machine; the CPU time much less.

use std::{io, sync::Barrier, thread};

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

use super::median;
use crate::{clock, drive::Subject, variant::Variant};

/// Two threads beside one.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Threads {
    /// CPU time per request on two threads, in terms of one thread's.
    pub cpu_growth: f64,
    /// Requests per second on two threads, in terms of one thread's.
    pub rate_scaling: f64,
}

const SLICE: usize = 20_000;

/// Measures the subjects side by side, in the same order.
pub fn measure(
    subjects: &mut [(Variant, Box<dyn Subject>)],
    rounds: usize,
) -> Result<Vec<Threads>> {
    let processors = two_processors()?;
    let twins = subjects
        .iter()
        .map(|(_, subject)| subject.twin())
        .collect::<Result<Vec<_>>>()?;
    let mut pairs: Vec<_> = subjects.iter_mut().map(|(_, one)| one).zip(twins).collect();
    let mut measured = vec![Vec::with_capacity(rounds); pairs.len()];
    for _ in 0..rounds {
        for (taken, (one, other)) in measured.iter_mut().zip(&mut pairs) {
            taken.push(compare(one.as_mut(), other.as_mut(), processors)?);
        }
    }
    Ok(measured.iter().map(|rounds| summary(rounds)).collect())
}

/// Two processors that this process may use.
///
/// Each thread is held on one of them: the kernel likes to wake a thread where the one runs that woke it,
/// and two that share a processor scale not at all.
fn two_processors() -> Result<[usize; 2]> {
    let allowed = sched_getaffinity(None).context("can't ask for the processors")?;
    let mut allowed = (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor));
    let (Some(first), Some(second)) = (allowed.next(), allowed.next()) else {
        bail!("two threads need two processors; leave `--measure threads` out");
    };
    Ok([first, second])
}

/// What one slice took on one thread.
#[derive(Clone, Copy)]
struct Slice {
    begin: u64,
    end: u64,
    cpu: u64,
}

fn compare(
    one: &mut dyn Subject,
    other: &mut dyn Subject,
    processors: [usize; 2],
) -> Result<Threads> {
    let [alone] = together([one], processors)?;
    let [first, second] = together([one, other], processors)?;
    let wall_alone = (alone.end - alone.begin) as f64;
    let wall_both = (first.end.max(second.end) - first.begin.min(second.begin)) as f64;
    Ok(Threads {
        cpu_growth: (first.cpu + second.cpu) as f64 / 2.0 / alone.cpu as f64,
        rate_scaling: 2.0 * wall_alone / wall_both,
    })
}

/// Serves a slice of each subject at the same time.
fn together<const N: usize>(
    subjects: [&mut dyn Subject; N],
    processors: [usize; 2],
) -> Result<[Slice; N]> {
    let barrier = Barrier::new(N);
    thread::scope(|scope| {
        let mut processors = processors.into_iter();
        let slices = subjects.map(|subject| {
            let (barrier, processor) = (&barrier, processors.next());
            scope.spawn(move || slice(subject, barrier, processor))
        });
        let slices = slices.map(|thread| thread.join().expect("a thread panicked that serves"));
        Ok(slices.into_iter().collect::<io::Result<Vec<_>>>()?)
    })
    .map(|slices| std::array::from_fn(|index| slices[index]))
}

fn slice(
    subject: &mut dyn Subject,
    barrier: &Barrier,
    processor: Option<usize>,
) -> io::Result<Slice> {
    let held = processor.map_or(Ok(()), hold);
    barrier.wait();
    held?;
    let (begin, cpu) = (clock::wall(), clock::thread_cpu());
    subject.serve(SLICE);
    let cpu = clock::thread_cpu() - cpu;
    Ok(Slice { begin, end: clock::wall(), cpu })
}

/// Keeps the calling thread on one processor.
fn hold(processor: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(processor);
    Ok(sched_setaffinity(None, &only)?)
}

fn summary(rounds: &[Threads]) -> Threads {
    Threads {
        cpu_growth: median(rounds.iter().map(|round| round.cpu_growth).collect()),
        rate_scaling: median(rounds.iter().map(|round| round.rate_scaling).collect()),
    }
}
