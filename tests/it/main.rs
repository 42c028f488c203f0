//! Everything that is tested from outside, in one binary.

#![cfg(all(feature = "axum", feature = "passwords"))]

#[cfg(feature = "gateway")]
mod cli;
mod refusals;
#[cfg(feature = "sqlite")]
mod stores;
