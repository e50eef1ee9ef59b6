//! Time as the brain sees it.
//!
//! **Invariant:** the brain's time never goes back nor stands still, whatever somebody sets the machine's clock to, and an
//! alarm rings at its time or later, never before.

use std::{
    future,
    time::{Duration, Instant},
};

use assay_protocol::units::{self, Timestamp};
use tokio::time::sleep;

use super::intake::now;

/// How long an alarm sleeps before it looks at the clock again, since somebody may have set it.
const NAP_MS_MAX: u64 = 30_000;

/// A clock that never goes back: where the machine's is set back, it goes on from where it was.
pub(crate) struct Clock {
    last: Timestamp,
    read: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self { last: now(), read: Instant::now() }
    }
}

impl Clock {
    /// The time; never less than the last time.
    pub(crate) fn now(&mut self) -> Timestamp {
        (self.last, self.read) = (self.time(), Instant::now());
        self.last
    }

    fn time(&self) -> Timestamp {
        self.time_by(now())
    }

    /// The time, where the machine's clock shows `wall`. It may be ahead: after a sleep it alone knows how long that was.
    fn time_by(&self, wall: Timestamp) -> Timestamp {
        let passed = u64::try_from(self.read.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.after(units::Duration(passed)).max(wall)
    }
}

/// The one time at which the brain wants to be woken.
#[derive(Default)]
pub(crate) struct WakeTime {
    at: Option<Timestamp>,
}

impl WakeTime {
    /// Sets the alarm, instead of what it was set to.
    pub(crate) fn set(&mut self, at: Timestamp) {
        self.at = Some(at);
    }

    /// It has rung.
    pub(crate) fn rest(&mut self) {
        self.at = None;
    }

    /// Returns at the time it is set to. May be dropped and called again.
    pub(crate) async fn rings(&self, clock: &Clock) {
        let Some(at) = self.at else { return future::pending().await };
        loop {
            let left = at.since(clock.time()).0;
            if left == 0 {
                return;
            }
            sleep(Duration::from_millis(left.min(NAP_MS_MAX))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_where_the_machines_clock_is_set_back_and_follows_it_ahead() {
        let (last, ago) = (Timestamp(1_000_000), Duration::from_secs(5));
        let read = Instant::now().checked_sub(ago).expect("the machine is up for longer");
        let clock = Clock { last, read };
        let time = clock.time_by(Timestamp(0));
        assert!((1_005_000..1_010_000).contains(&time.0), "{time:?}");
        assert_eq!(clock.time_by(Timestamp(9_000_000)), Timestamp(9_000_000));
    }
}
