//! How far a transfer is.
//!
//! **Invariant:** it counts what is here of the blob as the source that is asked now sends it: of one that goes on, what came
//! before as well.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How many bytes of a blob have arrived. Clones count the same.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    /// How many it has; nothing as long as that is not known.
    of: AtomicU64,
}

impl Progress {
    /// How many by now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// How many it has, once that is known.
    #[must_use]
    pub fn of(&self) -> Option<u64> {
        Some(self.0.of.load(Ordering::Relaxed)).filter(|of| *of > 0)
    }

    /// It is known how many it has.
    pub(crate) fn expect(&self, of: u64) {
        self.0.of.store(of, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Another peer is asked, and begins anew.
    pub(super) fn reset(&self) {
        self.0.bytes.store(0, Ordering::Relaxed);
    }
}
