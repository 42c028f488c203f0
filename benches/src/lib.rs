//! The parts of the benchmark; `main.rs` says what it measures and how to read it.

pub mod clock;
pub mod drive;
pub mod measure;
mod ours;
mod peers;
pub mod report;
pub mod variant;
