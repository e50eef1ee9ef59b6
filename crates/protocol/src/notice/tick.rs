//! The tick: a notary's time and chance, and at the beginning of an epoch what all that follows is drawn from.

use serde::{Deserialize, Serialize};

use crate::{
    genesis::Timers,
    id::Digest,
    job::{Beacon, LiveTime},
    signed::statements,
    units::Timestamp,
};

/// The heartbeat of a notary: time and chance enter its books by this alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tick {
    /// One more than the tick before.
    pub round: u64,
    /// The notary's clock, never less than at the tick before.
    pub time: Timestamp,
    /// The notary's time without its pauses: what deadlines count by.
    pub live: Timestamp,
    /// The next value of the hash chain.
    pub beacon: Digest,
    /// Where an epoch ends and the next one begins.
    pub checkpoint: Option<Checkpoint>,
}

impl Tick {
    /// What jobs read of it.
    #[must_use]
    pub fn live_time(&self) -> LiveTime {
        LiveTime { live: self.live, beacon: Beacon { round: self.round, value: self.beacon } }
    }

    /// True if a notary can have come to its live time after this earlier tick, whatever ticks lie between; the first of
    /// all begins at its own time.
    #[must_use]
    pub fn counts_from(&self, earlier: Option<&Self>, timers: &Timers) -> bool {
        let Some(earlier) = earlier else {
            return if self.round == 0 { self.live == self.time } else { self.live <= self.time };
        };
        let (apart, passed) = (self.time.since(earlier.time), self.live.since(earlier.live));
        let ticks = self.round.saturating_sub(earlier.round);
        // The least, if all of it was one gap; the most, if as many as can be were just short enough.
        let least = timers.live_between(apart);
        let short = timers.gap_max.times(ticks.saturating_sub(1));
        let most = match ticks {
            0 | 1 => least,
            _ if apart <= short.plus(timers.gap_max) => apart,
            _ => short.plus(timers.tick),
        };
        self.live >= earlier.live && (least..=most).contains(&passed)
    }
}

/// What a notary fixes at the beginning of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The end of the hash chain that the ticks of the epoch are published from.
    pub anchor: Digest,
    /// The root over all rosters: who can check what.
    pub rosters: Digest,
    /// The journal before this tick.
    pub head: Head,
}

/// The place in a notary's journal that an answer rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// How many records there are.
    pub sequence: u64,
    /// The digest of the last.
    pub digest: Digest,
}

statements!(Tick);
