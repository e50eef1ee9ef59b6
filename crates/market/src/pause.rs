//! A pause: for a while a provider takes nothing new on.
//!
//! **Invariant:** it is its owner's wish; it ends by itself where that says when.

use assay_protocol::units::Timestamp;

/// Since when, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pause {
    /// When it began.
    pub since: Timestamp,
    /// When it ends by itself; never if that is nothing.
    pub until: Option<Timestamp>,
}

impl Pause {
    /// True until it is over.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
