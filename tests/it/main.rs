//! Everything that is tested from outside, in one binary.

#![cfg(all(feature = "axum", feature = "passwords"))]

mod engine;
mod refusals;
