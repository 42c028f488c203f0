//! CPU time per request, of the one thread that serves it.
//!
//! The variants take turns in short slices, so that whatever disturbs the machine disturbs all of
//! them; the table shows medians. Still, differences below some 250 ns are noise: use the instructions
//! there.

use serde::Serialize;

use super::median;
use crate::{clock, drive::Subject, variant::Variant};

/// Median CPU time of a variant's requests.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cpu {
    /// Nanoseconds per request.
    pub nanoseconds: f64,
    /// Median of the same round's difference to the floor.
    pub added: f64,
    /// Median of the same round's ratio to the floor.
    pub times_floor: f64,
}

/// Measures the subjects side by side; the first one is the floor.
pub fn measure(subjects: &mut [(Variant, Box<dyn Subject>)], rounds: usize) -> Vec<Cpu> {
    for (_, subject) in subjects.iter_mut() {
        subject.warm_up();
    }
    let rounds: Vec<Vec<f64>> = (0..rounds).map(|_| round(subjects)).collect();
    (0..subjects.len())
        .map(|index| summary(&rounds, index))
        .collect()
}

const SLICE: usize = 4_000;

fn round(subjects: &mut [(Variant, Box<dyn Subject>)]) -> Vec<f64> {
    subjects
        .iter_mut()
        .map(|(_, subject)| slice(subject.as_mut()))
        .collect()
}

fn slice(subject: &mut dyn Subject) -> f64 {
    let begin = clock::thread_cpu();
    subject.serve(SLICE);
    (clock::thread_cpu() - begin) as f64 / SLICE as f64
}

fn summary(rounds: &[Vec<f64>], index: usize) -> Cpu {
    let of = |read: fn(f64, f64) -> f64| {
        median(
            rounds
                .iter()
                .map(|round| read(round[index], round[0]))
                .collect(),
        )
    };
    Cpu {
        nanoseconds: of(|own, _| own),
        added: of(|own, floor| own - floor),
        times_floor: of(|own, floor| own / floor),
    }
}
