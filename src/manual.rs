//! The manual: what the words mean, what is promised, and what that rests on.
//!
//! - [`concepts`]: accounts, locks, sessions, attempts, and the promises.
//! - [`command_line`]: the program, for whoever administers people.
//! - [`gateway`]: what the gateway passes on, takes off, puts on and refuses.
//! - [`logging`]: the lines and fields that are logged.

#[doc = include_str!("manual/command_line.md")]
pub mod command_line {}

#[doc = include_str!("manual/concepts.md")]
pub mod concepts {}

#[doc = include_str!("manual/gateway.md")]
pub mod gateway {}

#[doc = include_str!("manual/logging.md")]
pub mod logging {}
