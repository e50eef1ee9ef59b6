//! Who was convicted, as checkpoints tell everyone: who is news first, then the others in turn, so that whoever was away
//! hears of each of them.
//!
//! **Invariant:** each peer once, with the day that counts; never more than so many; who is told is told by name.

use alloc::{collections::VecDeque, vec::Vec};

use assay_protocol::{
    id::PeerId,
    notice::{CONVICTED_MAX, Convict},
    standing::{counts_still, day},
    units::Timestamp,
};

use crate::matching::CONVICTS_MAX;

/// Who was convicted, those that are to be told next first.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Convicts(VecDeque<Convict>);

impl Convicts {
    /// Notes a conviction: it is told before all others. Of too many, one that was just told is given up.
    pub(super) fn note(&mut self, peer: PeerId, now: Timestamp) {
        self.0.retain(|convict| convict.peer != peer);
        self.0.push_front(Convict { peer, on: day(now) });
        self.0.truncate(CONVICTS_MAX);
    }

    /// Whom a checkpoint at this time names.
    pub(super) fn told(&self, at: Timestamp) -> Vec<Convict> {
        let counted = self.0.iter().filter(|convict| counts_still(convict.on, at));
        let mut told: Vec<Convict> = counted.take(CONVICTED_MAX).copied().collect();
        told.sort_unstable_by_key(|convict| convict.peer);
        told
    }

    /// Notes that they were told: the others come first from now on.
    pub(super) fn turn(&mut self, at: Timestamp) {
        self.0.retain(|convict| counts_still(convict.on, at));
        let told = self.0.len().min(CONVICTED_MAX);
        self.0.rotate_left(told);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const DAY_MS: u64 = 86_400_000;

    fn peer(number: u16) -> PeerId {
        let [high, low] = number.to_be_bytes();
        PeerId(core::array::from_fn(|place| if place == 0 { high } else { low }))
    }

    fn at(on: u64) -> Timestamp {
        Timestamp(on * DAY_MS)
    }

    /// The days of those that the next checkpoint names.
    fn next(convicts: &mut Convicts, on: u64) -> Vec<Convict> {
        let told = convicts.told(at(on));
        convicts.turn(at(on));
        told
    }

    #[test]
    fn who_is_news_is_told_first_and_then_everybody_in_turn() {
        let mut convicts = Convicts::default();
        (0..40).for_each(|number| convicts.note(peer(number), at(100)));
        let of = |numbers: Vec<u16>| -> Vec<Convict> {
            numbers.into_iter().map(|number| Convict { peer: peer(number), on: 100 }).collect()
        };
        assert_eq!(next(&mut convicts, 100), of((8..40).collect()), "the last of them");
        assert_eq!(next(&mut convicts, 100), of((0..8).chain(16..40).collect()), "the rest, and again");
        convicts.note(peer(50), at(100));
        let told = next(&mut convicts, 100);
        assert!(told.len() == CONVICTED_MAX && told.contains(&of(vec![50])[0]));
    }

    #[test]
    fn who_was_convicted_again_is_told_once_and_for_thirty_days_from_then() {
        let mut convicts = Convicts::default();
        convicts.note(peer(1), at(100));
        convicts.note(peer(2), at(101));
        convicts.note(peer(1), at(110));
        let days = |told: Vec<Convict>| -> Vec<u64> { told.into_iter().map(|convict| convict.on).collect() };
        assert_eq!(days(convicts.told(at(130))), [110, 101]);
        assert_eq!(days(next(&mut convicts, 131)), [110, 101]);
        assert_eq!(days(convicts.told(at(132))), [110]);
        assert_eq!(days(next(&mut convicts, 140)), [110]);
        assert!(next(&mut convicts, 141).is_empty());
        assert!(convicts.0.is_empty());
    }

    #[test]
    fn there_are_never_more_than_are_remembered() {
        let mut convicts = Convicts::default();
        (0..=CONVICTS_MAX).for_each(|number| convicts.note(peer(number as u16), at(100)));
        assert_eq!(convicts.0.len(), CONVICTS_MAX);
        assert!(!convicts.0.iter().any(|convict| convict.peer == peer(0)));
    }
}
