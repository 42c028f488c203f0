//! The gateway: a reverse proxy that stands before an application, with the
//! guard in it.

pub mod settings;

pub use self::settings::{Origin, Settings};
