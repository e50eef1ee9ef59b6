//! The two clocks of a peer.
//!
//! **Invariant:** nothing waits by the wall clock: whatever is due is due on the steady one.

use assay_protocol::units::{Duration, Timestamp};

/// A time on a clock that never jumps, in milliseconds since some beginning: of the machine, or of a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Steady(pub u64);

/// When something happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// By which a peer waits.
    pub steady: Steady,
    /// By which it dates what it says; somebody may set it, either way.
    pub wall: Timestamp,
}

impl Steady {
    /// Later than anything.
    pub const NEVER: Self = Self(u64::MAX);

    /// So much later.
    #[must_use]
    pub fn after(self, length: Duration) -> Self {
        Self(self.0.saturating_add(length.0))
    }

    /// How long it is since `earlier`; nothing if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}
