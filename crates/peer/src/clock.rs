//! The two clocks of this machine: a steady one that a peer waits by, and the wall clock that it dates by.
//!
//! **Invariant:** the steady clock never goes back nor stands still, whatever somebody sets the machine's clock to and
//! however long it sleeps. No other file reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use assay_market::{Moment, Steady};
use assay_protocol::units::Timestamp;

use crate::system::since_start;

/// What both clocks show now.
#[must_use]
pub fn moment() -> Moment {
    Moment { steady: steady(), wall: wall() }
}

/// The time since a moment that stays the same while this process runs, the sleep of the machine included.
#[must_use]
pub fn steady() -> Steady {
    Steady(u64::try_from(since_start().as_millis()).unwrap_or(u64::MAX))
}

/// What the machine's clock shows, which anybody may set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
