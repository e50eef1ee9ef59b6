//! Time as the brain sees it.
//!
//! **Invariant:** the brain's time never goes back, and an alarm rings at its time or later, never before.

use std::{future, time::Duration};

use assay_protocol::units::Timestamp;
use tokio::time::sleep;

use super::intake::now;

/// How long an alarm sleeps before it looks at the clock again, since somebody may have set it.
const NAP_MS_MAX: u64 = 30_000;

/// A clock that never goes back.
#[derive(Default)]
pub(crate) struct Clock {
    last: Timestamp,
}

impl Clock {
    /// The time; never less than the last time.
    pub(crate) fn now(&mut self) -> Timestamp {
        self.last = self.last.max(now());
        self.last
    }
}

/// The one time at which the brain wants to be woken.
#[derive(Default)]
pub(crate) struct Alarm {
    at: Option<Timestamp>,
}

impl Alarm {
    /// Sets the alarm, instead of what it was set to.
    pub(crate) fn set(&mut self, at: Timestamp) {
        self.at = Some(at);
    }

    /// It has rung.
    pub(crate) fn rest(&mut self) {
        self.at = None;
    }

    /// Returns at the time it is set to. May be dropped and called again.
    pub(crate) async fn rings(&self) {
        let Some(at) = self.at else { return future::pending().await };
        loop {
            let left = at.since(now()).0;
            if left == 0 {
                return;
            }
            sleep(Duration::from_millis(left.min(NAP_MS_MAX))).await;
        }
    }
}
