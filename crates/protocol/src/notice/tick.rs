//! The tick: a notary's time and chance, and at the beginning of an epoch what all that follows is drawn from.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    codec::bounded,
    genesis::Timers,
    id::{Digest, PeerId},
    job::{Beacon, LiveTime},
    signed::statements,
    standing::{counts_still, day},
    units::Timestamp,
};

/// Peers that one checkpoint says were convicted: of more, the rest is said by the next.
pub const CONVICTED_MAX: usize = 32;

/// A peer that was convicted a short while ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convict {
    /// Who it is.
    pub peer: PeerId,
    /// On which day since 1970 it last was.
    pub on: u64,
}

/// The heartbeat of a notary: time and chance enter its books by this alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// True if a notary can say of these that they were convicted: few, each once and by name, on days that still count.
    #[must_use]
    pub fn names_convicts(&self) -> bool {
        let convicted = self.checkpoint.as_ref().map_or(&[][..], |checkpoint| &checkpoint.convicted);
        let counts = |convict: &Convict| convict.on <= day(self.time) && counts_still(convict.on, self.time);
        convicted.len() <= CONVICTED_MAX
            && convicted.is_sorted_by(|one, next| one.peer < next.peer)
            && convicted.iter().all(counts)
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The end of the hash chain that the ticks of the epoch are published from.
    pub anchor: Digest,
    /// The root over all rosters: who can check what.
    pub rosters: Digest,
    /// The journal before this tick.
    pub head: Head,
    /// Some of those that were convicted a short while ago, by name: who is news first, then the others in turn.
    #[serde(deserialize_with = "bounded::list::<CONVICTED_MAX, _, _>")]
    pub convicted: Vec<Convict>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    const DAY_MS: u64 = 86_400_000;

    fn convict(name: usize, on: u64) -> Convict {
        let [high, low] = (name as u16).to_be_bytes();
        Convict { peer: PeerId(core::array::from_fn(|at| if at == 0 { high } else { low })), on }
    }

    fn tick(at: u64, convicted: impl IntoIterator<Item = Convict>) -> Tick {
        let (time, digest) = (Timestamp(at * DAY_MS), Digest::default());
        let convicted = convicted.into_iter().collect();
        let checkpoint = Checkpoint { anchor: digest, rosters: digest, head: Head::default(), convicted };
        Tick { round: 0, time, live: time, beacon: digest, checkpoint: Some(checkpoint) }
    }

    #[test]
    fn a_checkpoint_names_few_convicts_of_the_last_days_each_once_and_by_name() {
        let names = |at: u64, convicted: &[(usize, u64)]| {
            tick(at, convicted.iter().map(|(name, on)| convict(*name, *on))).names_convicts()
        };
        assert!(names(130, &[]) && names(130, &[(1, 130), (2, 100)]));
        assert!(Tick { checkpoint: None, ..tick(130, []) }.names_convicts());
        let refused = [&[(1, 130), (1, 130)][..], &[(2, 130), (1, 130)], &[(1, 131)], &[(1, 99)], &[(1, 0)]];
        assert!(refused.iter().all(|convicted| !names(130, convicted)));
        assert!(!names(1, &[(1, 0)]), "day 0 is none");
        let of = |count: usize| tick(100, (0..count).map(|name| convict(name, 100))).names_convicts();
        assert!(of(CONVICTED_MAX) && !of(CONVICTED_MAX + 1));
    }

    #[test]
    fn of_each_convict_there_are_36_bytes_and_one_too_many_is_not_read() {
        let of = |count: usize| tick(20_833, (0..count).map(|name| convict(name, 20_833)));
        let bytes = |count: usize| codec::encode(&of(count));
        assert_eq!(bytes(CONVICTED_MAX).len() - bytes(0).len(), 36 * CONVICTED_MAX);
        let read = |count: usize| codec::decode::<Tick>(&bytes(count), 4_096).ok();
        assert_eq!(read(CONVICTED_MAX), Some(of(CONVICTED_MAX)));
        assert_eq!(read(CONVICTED_MAX + 1), None);
    }
}
