//! Everything that is tested from outside, in one binary.

#![cfg(all(feature = "axum", feature = "passwords"))]

#[cfg(feature = "gateway")]
mod cli;
#[cfg(feature = "gateway")]
mod examples;
mod guard;
mod layering;
#[cfg(feature = "gateway")]
mod manual;
#[cfg(feature = "gateway")]
mod readme;
mod refusals;
mod rounds;
mod source_text;
#[cfg(feature = "sqlite")]
mod stores;
#[cfg(feature = "gateway")]
mod story;
#[cfg(feature = "gateway")]
mod support;
