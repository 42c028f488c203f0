//! Everything that is tested from outside, in one binary.

#![cfg(all(feature = "axum", feature = "passwords"))]

#[cfg(feature = "gateway")]
mod cli;
#[cfg(feature = "gateway")]
mod examples;
mod refusals;
#[cfg(feature = "gateway")]
mod support;
