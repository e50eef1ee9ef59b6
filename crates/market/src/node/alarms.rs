//! The deadlines of a peer: what to look at again, and when, by the steady clock.
//!
//! **Invariant:** each thing has at most one alarm; setting it again replaces it.

use alloc::collections::{BTreeMap, BTreeSet};

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    units::Duration,
};

use crate::moment::Steady;

/// The first wait before something is said again.
pub(super) const RESEND_FIRST: Duration = Duration(400);
/// The longest wait before something is said again.
pub(super) const RESEND_MAX: Duration = Duration(8_000);
/// How often something is asked for in quick succession: for about a minute.
const TRIES_EAGER: u32 = 10;
/// The wait from then on.
const LULL: Duration = Duration::seconds(64);

/// What to look at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// A notary's next tick.
    Tick,
    /// The next time the offer is told.
    Offer,
    /// The next time a notary is asked for what it says of this peer.
    Standing,
    /// A submission that waits for a match.
    Submission(Digest),
    /// A client's attempt.
    Attempt(JobId),
    /// A provider's job.
    Serving(JobId),
    /// A verifier's check.
    Checking(JobId),
    /// The end of a submission's time.
    Deadline(Digest),
    /// An account's oldest instruction.
    Instruction(PeerId),
    /// A question to a notary: how this peer's account stands.
    Question(PeerId),
    /// A job in a notary's books that waits for somebody.
    Notice(JobId),
}

/// The alarms of a peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Alarms {
    by_time: BTreeSet<(Steady, Alarm)>,
    times: BTreeMap<Alarm, Steady>,
}

impl Alarms {
    /// Sets an alarm, instead of the one that was set for the same thing.
    pub(super) fn set(&mut self, alarm: Alarm, at: Steady) {
        match self.times.insert(alarm, at) {
            Some(before) if before == at => return,
            Some(before) => {
                self.by_time.remove(&(before, alarm));
            }
            None => {}
        }
        self.by_time.insert((at, alarm));
    }

    /// Ends an alarm.
    pub(super) fn clear(&mut self, alarm: Alarm) {
        if let Some(at) = self.times.remove(&alarm) {
            self.by_time.remove(&(at, alarm));
        }
    }

    /// True if an alarm is set for this.
    pub(super) fn is_set(&self, alarm: Alarm) -> bool {
        self.times.contains_key(&alarm)
    }

    /// Takes the earliest alarm that is due.
    pub(super) fn pop(&mut self, now: Steady) -> Option<Alarm> {
        let (_, alarm) = *self.by_time.first().filter(|(at, _)| *at <= now)?;
        self.clear(alarm);
        Some(alarm)
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Steady> {
        self.by_time.first().map(|(at, _)| *at)
    }
}

/// From a claim to the close of a job that is not drawn: it is revealed at once, drawn within two ticks, and then its window
/// passes.
pub(super) fn until_close(tick: Duration, window: Duration) -> Duration {
    Duration(tick.0 + tick.0 / 2).plus(window)
}

/// How long to wait before asking again for what nobody owes an answer to yet, or what was asked for often.
pub(super) fn lull(tries: u32) -> Duration {
    if tries > TRIES_EAGER { LULL } else { backoff(tries) }
}

/// How long to wait before saying something for the time after `tries`, where an answer is due.
pub(super) fn backoff(tries: u32) -> Duration {
    Duration(RESEND_FIRST.0.saturating_mul(1 << tries.min(16)).min(RESEND_MAX.0))
}

/// The same for what was first said so long ago, where nobody counts.
pub(super) fn backoff_after(passed: Duration) -> Duration {
    RESEND_FIRST.plus(passed).min(RESEND_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_has_one_alarm_and_the_last_that_was_set_rings() {
        let (mut alarms, one, other) = (Alarms::default(), Alarm::Tick, Alarm::Offer);
        for at in [30, 10, 10, 20] {
            alarms.set(one, Steady(at));
        }
        alarms.set(other, Steady(15));
        assert_eq!((alarms.next(), alarms.pop(Steady(14))), (Some(Steady(15)), None));
        assert_eq!([100; 3].map(|now| alarms.pop(Steady(now))), [Some(other), Some(one), None]);
        alarms.set(one, Steady(5));
        alarms.clear(one);
        assert_eq!((alarms.next(), alarms.is_set(one)), (None, false));
    }
}
