//! Whom notaries convicted, by what their checkpoints tell everyone: whoever keeps a notary's word on itself out of its
//! offers, or shows one from before, is known by this.
//!
//! **Invariant:** folded from the checkpoints that a peer keeps; of each convict its last day counts, as long as it would
//! in a standing; of one notary never more than so many.

use alloc::collections::BTreeMap;

use assay_protocol::{id::PeerId, notice::Tick, standing::counts_still, units::Timestamp};

/// Convicts of one notary that are told and remembered: as many as its checkpoints can name within half a day.
pub(crate) const CONVICTS_MAX: usize = 2_304;

/// Who was convicted by which notary, and on which day.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Convicted(BTreeMap<PeerId, BTreeMap<PeerId, u64>>);

impl Convicted {
    /// Takes what a notary's checkpoint says. Of too many, one that was convicted longest ago is given up.
    pub(crate) fn note(&mut self, notary: PeerId, tick: &Tick) {
        let told = tick.checkpoint.as_ref().map_or(&[][..], |checkpoint| &checkpoint.convicted);
        if told.is_empty() && !self.0.contains_key(&notary) {
            return;
        }
        let known = self.0.entry(notary).or_default();
        for convict in told {
            let on = known.entry(convict.peer).or_default();
            *on = convict.on.max(*on);
        }
        known.retain(|_, on| counts_still(*on, tick.time));
        while known.len() > CONVICTS_MAX {
            let oldest = known.iter().min_by_key(|(_, on)| **on).map(|(peer, _)| *peer);
            oldest.and_then(|oldest| known.remove(&oldest));
        }
    }

    /// True if this notary convicted a peer a short while before this time.
    #[must_use]
    pub fn contains(&self, notary: PeerId, peer: PeerId, now: Timestamp) -> bool {
        let on = self.0.get(&notary).and_then(|known| known.get(&peer));
        on.is_some_and(|on| counts_still(*on, now))
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::{
        id::Digest,
        notice::{Checkpoint, Convict, Head},
    };

    use super::*;

    const DAY_MS: u64 = 86_400_000;

    fn peer(number: u16) -> PeerId {
        let [high, low] = number.to_be_bytes();
        PeerId(core::array::from_fn(|place| if place == 0 { high } else { low }))
    }

    fn tick(at: u64, convicted: &[(u16, u64)]) -> Tick {
        let (time, digest) = (Timestamp(at * DAY_MS), Digest::default());
        let convicted =
            convicted.iter().map(|(number, on)| Convict { peer: peer(*number), on: *on }).collect();
        let checkpoint = Checkpoint { anchor: digest, rosters: digest, head: Head::default(), convicted };
        Tick { round: at, time, live: time, beacon: digest, checkpoint: Some(checkpoint) }
    }

    #[test]
    fn a_conviction_that_a_checkpoint_tells_counts_for_its_notary_and_for_thirty_days_from_then() {
        let (mut convicted, [one, other]) = (Convicted::default(), [peer(1), peer(2)]);
        let at = |on: u64| Timestamp(on * DAY_MS);
        convicted.note(one, &tick(110, &[(7, 100)]));
        let days = [100, 130, 131].map(|on| convicted.contains(one, peer(7), at(on)));
        assert_eq!(days, [true, true, false], "however late it is heard");
        assert!(!convicted.contains(other, peer(7), at(100)) && !convicted.contains(one, peer(8), at(100)));
        convicted.note(one, &tick(120, &[(7, 120)]));
        convicted.note(one, &tick(119, &[(7, 100)]));
        assert!(convicted.contains(one, peer(7), at(150)), "of two days the later");
    }

    #[test]
    fn what_counts_no_longer_is_forgotten_and_of_too_many_what_is_oldest() {
        let (mut convicted, most) = (Convicted::default(), CONVICTS_MAX as u16);
        convicted.note(peer(2), &tick(100, &[(1, 100)]));
        let known = |convicted: &Convicted| convicted.0.values().map(BTreeMap::len).sum::<usize>();
        convicted.note(peer(1), &tick(100, &[(0, 99)]));
        (1..=most).for_each(|number| convicted.note(peer(1), &tick(100, &[(number, 100)])));
        assert_eq!(known(&convicted), 1 + CONVICTS_MAX, "one notary takes no room of another");
        let at = Timestamp(100 * DAY_MS);
        let known_are = [0, 1, most].map(|number| convicted.contains(peer(1), peer(number), at));
        assert_eq!(known_are, [false, true, true]);
        convicted.note(peer(1), &tick(131, &[]));
        assert_eq!(known(&convicted), 1);
    }
}
