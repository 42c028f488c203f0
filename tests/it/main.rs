//! Everything that is tested from outside, in one binary.

#![cfg(all(feature = "axum", feature = "passwords"))]

#[cfg(feature = "gateway")]
mod api;
#[cfg(feature = "gateway")]
mod bench;
#[cfg(feature = "gateway")]
mod cli;
#[cfg(feature = "gateway")]
mod cluster;
#[cfg(feature = "gateway")]
mod config;
#[cfg(feature = "pages")]
mod console;
#[cfg(feature = "gateway")]
mod dashboards;
#[cfg(feature = "gateway")]
mod deletions;
#[cfg(feature = "gateway")]
mod deploy;
mod engine;
#[cfg(feature = "gateway")]
mod examples;
#[cfg(feature = "gateway")]
mod gateway;
mod guard;
#[cfg(feature = "jwt")]
mod jwt;
mod layering;
mod live;
#[cfg(feature = "sqlite")]
mod lockout;
#[cfg(feature = "gateway")]
mod manual;
#[cfg(feature = "pages")]
mod pages;
#[cfg(feature = "gateway")]
mod policy;
#[cfg(feature = "gateway")]
mod readme;
mod refusals;
#[cfg(feature = "gateway")]
mod replay;
mod rounds;
#[cfg(feature = "gateway")]
mod servers;
mod sign_in_layer;
mod source_text;
#[cfg(feature = "gateway")]
mod sources;
#[cfg(feature = "sqlite")]
mod stores;
#[cfg(feature = "gateway")]
mod story;
#[cfg(feature = "gateway")]
mod support;
#[cfg(feature = "sqlite")]
mod vectors;
