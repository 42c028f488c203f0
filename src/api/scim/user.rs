//! People as resources: what the directory keeps of an account, and a document beside
//! it with what was sent, as it was sent.
//!
//! The directory is right where the two differ: whoever is renamed, locked or disabled
//! elsewhere is so here.

mod show;
mod write;

pub(super) use self::show::{for_filters, shown, stamp};
pub(super) use self::write::Writer;

/// Under which name the document is kept.
pub(super) const INTERFACE: &str = "scim";
