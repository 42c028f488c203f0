//! Several gateways that work as one.

pub(crate) mod redis;
