//! Changes of a resource, step by step, as `PATCH` sends them.
//!
//! Pure: a resource goes in, a resource comes out, or what is wrong with the first step
//! that can't be done; then nothing of it has happened.

mod apply;
mod read;

use std::collections::BTreeSet;

use serde_json::Value;

use super::value::Object;

pub(super) use self::apply::apply;
pub(super) use self::read::{read, takes_members};

/// What a step does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    Add,
    Remove,
    Replace,
}

/// One step, as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) verb: Verb,
    pub(super) path: Option<String>,
    pub(super) value: Value,
}

/// Attributes at the top, or at the top of an extension, that somebody named.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Touched(BTreeSet<(Option<&'static str>, &'static str)>);

impl Touched {
    pub(super) fn touch(&mut self, extension: Option<&'static str>, name: &'static str) {
        self.0.insert((extension, name));
    }

    pub(super) fn has(&self, extension: Option<&'static str>, name: &'static str) -> bool {
        self.0.contains(&(extension, name))
    }
}

/// A resource as it is after all steps, and what was named in them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Patched {
    pub(super) resource: Object,
    pub(super) touched: Touched,
}

#[cfg(test)]
mod tests;
