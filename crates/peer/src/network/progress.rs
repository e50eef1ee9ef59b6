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
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// How many by now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Another peer is asked, and begins anew.
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
