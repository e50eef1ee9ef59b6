//! How far a peer's clock is from others'.

use alloc::vec::Vec;

use assay_protocol::id::PeerId;
use serde::{Deserialize, Serialize};

/// How a peer's wall clock stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockView {
    /// By how many milliseconds it has jumped, while that is not followed; negative if back.
    pub jumped_ms: i64,
    /// How far it is from what each notary last said.
    pub skews: Vec<SkewView>,
}

/// How far a peer's time is from a notary's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkewView {
    /// The notary.
    pub notary: PeerId,
    /// How many milliseconds this peer is ahead of it; negative if behind.
    pub ahead_ms: i64,
}

/// From how far on a clock that is behind a notary's is told of: what a notary has said is past.
const BEHIND_MS: i64 = 5_000;
/// From how far on one that is ahead is: what a notary has said may have travelled for a while.
const AHEAD_MS: i64 = 120_000;

impl SkewView {
    /// Whether one of the two clocks must be wrong.
    #[must_use]
    pub fn is_far(&self) -> bool {
        !(-BEHIND_MS..=AHEAD_MS).contains(&self.ahead_ms)
    }
}
