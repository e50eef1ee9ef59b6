//! The tick: a notary's time and chance, and at the beginning of an epoch what all that follows is drawn from.

use serde::{Deserialize, Serialize};

use crate::{
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
