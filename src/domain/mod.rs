//! The rules, pure: no I/O, no `async`, no clock and no randomness of its own.
//!
//! Time and random bytes are arguments here, so every rule can be tested by
//! enumeration. The one exception is [`Clock`](time::Clock), which lives beside
//! [`Timestamp`](time::Timestamp) so that a single place reads the machine's
//! time; nothing else in this room uses it.

pub mod account;
pub mod application;
pub mod attempts;
pub mod client;
pub mod counting;
#[cfg(any(feature = "api", feature = "pages"))]
#[cfg_attr(
    not(feature = "gateway"),
    allow(dead_code, reason = "the command line reads more of a file than interfaces do")
)]
pub(crate) mod csv;
pub mod database;
pub mod deletion;
pub mod denial;
pub mod device;
pub mod event;
pub mod group;
pub mod history;
pub mod invitation;
pub mod length;
pub mod lock;
pub mod login;
pub mod operation;
pub mod outbound;
pub mod password;
pub mod permission;
pub mod policy;
pub mod profile;
pub mod scope;
pub mod secret;
pub mod session;
pub mod standing;
pub mod time;
pub mod transfer;
#[cfg(feature = "pages")]
#[cfg_attr(
    not(feature = "gateway"),
    allow(dead_code, reason = "the command line tells more of a trial than pages do")
)]
pub(crate) mod trial;
