//! How long a network waits for what.
//!
//! **Invariant:** time that a notary's outage takes is nobody's: a gap that is too long counts as one tick.

use serde::{Deserialize, Serialize};

use crate::units::Duration;

/// Lengths of time; deadlines fall at the first tick at or past them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timers {
    /// Between two ticks of a notary.
    pub tick: Duration,
    /// The longest pause between two ticks that counts as it is; a longer one counts as one tick.
    pub gap_max: Duration,
    /// Ticks from one checkpoint to the next.
    pub epoch_ticks: u64,
    /// The least time for a claim, beside three times the order's longest run.
    pub claim: Duration,
    /// For the client's secret after a claim.
    pub reveal: Duration,
    /// For the client to serve an input, before the provider must.
    pub input: Duration,
    /// For a verifier to say that it is there.
    pub underway: Duration,
    /// The least time for a verifier's seal, beside three times the estimate of the check.
    pub seal: Duration,
    /// For opening what was claimed or sealed.
    pub opening: Duration,
    /// For an accused provider to open its claim.
    pub silence: Duration,
    /// For a provider to claim what it has done, once its client cancelled.
    pub cancelling: Duration,
    /// From the withdrawal of a stake to its payment; what was claimed before is still answered for.
    pub unbonding: Duration,
    /// The least time from the draw to the payment of a job that was not drawn.
    pub window: Duration,
    /// The longest time from opening to settling that an order may ask for.
    pub settle_max: Duration,
    /// How long the market misses the weight of who was suspended, unless it comes back before.
    pub missed: Duration,
}

impl Default for Timers {
    /// The lengths of a network whose peers do not know each other.
    fn default() -> Self {
        Self {
            tick: Duration::seconds(10),
            gap_max: Duration::seconds(20),
            epoch_ticks: 60,
            claim: Duration::seconds(45),
            reveal: Duration::seconds(45),
            input: Duration::seconds(10),
            underway: Duration::seconds(45),
            seal: Duration::seconds(45),
            opening: Duration::seconds(45),
            silence: Duration::seconds(3_600),
            cancelling: Duration::seconds(45),
            unbonding: Duration::seconds(24 * 3_600),
            window: Duration::seconds(600),
            settle_max: Duration::seconds(12 * 3_600),
            missed: Duration::seconds(24 * 3_600),
        }
    }
}

impl Timers {
    /// How much live time passes between two ticks that are this far apart by the notary's clock. Whoever is cut off from
    /// the notary by its outage loses no more time to it than between two ticks, however long it lasts.
    #[must_use]
    pub fn live_between(&self, apart: Duration) -> Duration {
        if apart <= self.gap_max { apart } else { self.tick }
    }

    /// What each time that a statement is waited for exceeds: one gap, in which nobody may be heard, and two ticks.
    #[must_use]
    pub fn answer_min(&self) -> Duration {
        self.gap_max.plus(self.tick.times(2))
    }

    /// True if an outage of the notary costs nobody the time to say what is waited for.
    pub(super) fn outlast_outages(&self) -> bool {
        let waits = [
            self.claim,
            self.reveal,
            self.underway,
            self.seal,
            self.opening,
            self.cancelling,
            self.silence,
            self.window,
        ];
        waits.iter().all(|wait| *wait > self.answer_min())
    }

    /// The lengths of a network on one machine or in a simulation: seconds, where strangers take minutes.
    #[must_use]
    pub fn brisk() -> Self {
        Self {
            tick: Duration(500),
            gap_max: Duration::seconds(1),
            epoch_ticks: 20,
            claim: Duration::seconds(4),
            reveal: Duration::seconds(3),
            input: Duration::seconds(2),
            underway: Duration::seconds(3),
            seal: Duration::seconds(4),
            opening: Duration::seconds(3),
            silence: Duration::seconds(20),
            cancelling: Duration::seconds(3),
            unbonding: Duration::seconds(60),
            window: Duration::seconds(20),
            settle_max: Duration::seconds(600),
            missed: Duration::seconds(120),
        }
    }
}
