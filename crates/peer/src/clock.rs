//! The two clocks of this machine: a steady one that a peer waits by, and the wall clock that it dates by.
//!
//! **Invariant:** the steady clock never goes back nor stands still, whatever somebody sets the machine's clock to and
//! however long it sleeps. No other file reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use assay_market::{Moment, Steady};
use assay_protocol::units::Timestamp;

/// What both clocks show now.
#[must_use]
pub fn moment() -> Moment {
    Moment { steady: steady(), wall: wall() }
}

/// The time since the machine was started, its sleep included.
#[must_use]
pub fn steady() -> Steady {
    #[cfg(target_os = "linux")]
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanos) = (since.tv_sec.unsigned_abs(), since.tv_nsec.unsigned_abs());
    Steady(seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000))
}

/// What the machine's clock shows, which anybody may set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
