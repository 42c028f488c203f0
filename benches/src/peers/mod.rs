//! What the guard is measured beside.

pub(crate) mod cached;
pub(crate) mod jwt;
pub(crate) mod login;
pub(crate) mod noop;
