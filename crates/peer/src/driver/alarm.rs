//! The alarm that wakes the brain.
//!
//! **Invariant:** it rings at its time or later by the steady clock, never before.

use std::{future, time::Duration};

use assay_market::Steady;
use tokio::time::sleep;

use crate::clock::steady;

/// How long an alarm sleeps before it looks at the clock again: timers do not count what a machine sleeps.
const NAP_MS_MAX: u64 = 30_000;

/// The one time at which the brain wants to be woken.
#[derive(Default)]
pub(crate) struct WakeTime {
    at: Option<Steady>,
}

impl WakeTime {
    /// Sets the alarm, instead of what it was set to.
    pub(crate) fn set(&mut self, at: Steady) {
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
            let left = at.since(steady()).0;
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

    #[tokio::test]
    async fn an_alarm_rings_at_its_time_and_not_before() {
        let mut alarm = WakeTime::default();
        let at = steady().after(assay_protocol::units::Duration(30));
        alarm.set(at);
        alarm.rings().await;
        assert!(steady() >= at);
        alarm.rest();
        assert!(tokio::time::timeout(Duration::from_millis(5), alarm.rings()).await.is_err());
    }
}
