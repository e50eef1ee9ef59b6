//! How often each key may propose: what a provider looks at costs it a signature, and keys cost nothing.
//!
//! **Invariant:** never more than [`KEYS_MAX`] keys are remembered; who is forgotten begins anew.

use alloc::collections::{BTreeMap, BTreeSet};

use assay_protocol::{id::PeerId, units::Duration};

use crate::{ledger::LANES_MAX, moment::Steady};

/// Proposals that a key may make at once: as many as it can have open at a notary.
const BURST: u64 = LANES_MAX as u64;
/// How long it takes until it may make another one.
const PAUSE: Duration = Duration(50);
/// Keys that are remembered.
const KEYS_MAX: usize = 4_096;

/// When each key will have made up for what it proposed.
#[derive(Clone, Debug, Default)]
pub(super) struct ProposalRates {
    paid_by: BTreeMap<PeerId, Steady>,
    /// The same by time, so that who has made up for most is forgotten first.
    by_time: BTreeSet<(Steady, PeerId)>,
}

impl ProposalRates {
    /// True if this key may propose now; that is counted then.
    pub(super) fn take(&mut self, key: PeerId, now: Steady) -> bool {
        let before = self.paid_by.get(&key).copied();
        let after = before.unwrap_or(now).max(now).after(PAUSE);
        if after.since(now) > PAUSE.times(BURST) {
            return false;
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, key));
        } else if self.paid_by.len() >= KEYS_MAX
            && let Some((_, oldest)) = self.by_time.pop_first()
        {
            self.paid_by.remove(&oldest);
        }
        self.paid_by.insert(key, after);
        self.by_time.insert((after, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::peer;

    #[test]
    fn a_key_proposes_so_many_at_once_and_then_one_each_pause() {
        let mut rates = ProposalRates::default();
        let (key, now) = (peer(1), Steady(1_000));
        let at_once = (0..2 * BURST).filter(|_| rates.take(key, now)).count() as u64;
        assert_eq!(at_once, BURST);
        assert!(rates.take(peer(2), now), "another key has proposed nothing");
        let later = |pauses: u64| now.after(PAUSE.times(pauses));
        assert!(rates.take(key, later(1)) && !rates.take(key, later(1)));
        assert_eq!((0..2 * BURST).filter(|_| rates.take(key, later(500))).count() as u64, BURST);
    }

    #[test]
    fn no_more_keys_are_remembered_than_there_is_room_for() {
        let mut rates = ProposalRates::default();
        for number in 0..2 * KEYS_MAX as u64 {
            assert!(rates.take(peer(number), Steady(number)));
        }
        assert_eq!((rates.paid_by.len(), rates.by_time.len()), (KEYS_MAX, KEYS_MAX));
    }
}
