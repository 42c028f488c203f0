//! Tests of the whole, on real files and with the real program.

#![expect(unreachable_pub, reason = "a test program has no public face")]

#[cfg(feature = "gateway")]
mod cli;
