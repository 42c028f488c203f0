//! Figures that rise and fall with what there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many there are now of something. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Level(Arc<AtomicU64>);

impl Level {
    /// One more, for as long as what this gives lives.
    #[must_use = "it is one less again when this is dropped"]
    pub(crate) fn raise(&self) -> Raised {
        self.0.fetch_add(1, Ordering::Relaxed);
        Raised(Arc::clone(&self.0))
    }
}

/// One of those that a [`Level`] counts.
#[derive(Debug)]
pub(crate) struct Raised(Arc<AtomicU64>);

impl Drop for Raised {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(feature = "metrics")]
impl Level {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use super::*;

    #[test]
    fn a_level_falls_when_what_raised_it_is_gone() {
        let level = Level::default();
        let shared = level.clone();
        let (one, two) = (level.raise(), shared.raise());
        assert_eq!(level.now(), 2);
        drop((one, two));
        assert_eq!(level.now(), 0);
    }
}
