//! How often each key may propose: what a provider looks at costs it a signature, and keys cost nothing.
//!
//! **Invariant:** keys without a standing share one rate, however many they are; never more than [`KEYS_MAX`] keys are
//! remembered, and who is forgotten begins anew.

use alloc::collections::{BTreeMap, BTreeSet};

use assay_protocol::{id::PeerId, units::Duration};

use crate::moment::Steady;

/// Proposals that a key may make at once: as many jobs as a provider runs at a time where it has many slots.
const BURST: u64 = 256;
/// How long it takes until it may make another one.
const PAUSE: Duration = Duration(50);
/// A key whose means are this many steps more may make as many again.
const MEANS_STEPS: u64 = 4;
/// How many times what one of them may all keys without means make together.
const STRANGERS: u64 = 10;
/// Keys that are remembered.
const KEYS_MAX: usize = 4_096;

/// When each key will have made up for what it proposed.
#[derive(Clone, Debug, Default)]
pub(super) struct ProposalRates {
    paid_by: BTreeMap<PeerId, Steady>,
    /// The same by time, so that who has made up for most is forgotten first.
    by_time: BTreeSet<(Steady, PeerId)>,
    /// The same of all keys without means, in parts of [`STRANGERS`] of a millisecond.
    strangers_paid_by: u64,
}

impl ProposalRates {
    /// True if this key may propose now; that is counted then. `means` is what its notary says that it can spend, in steps.
    pub(super) fn take(&mut self, key: PeerId, means: u8, now: Steady) -> bool {
        let parts = now.0.saturating_mul(STRANGERS);
        let strangers = self.strangers_paid_by.max(parts).saturating_add(PAUSE.0);
        if means == 0 && strangers - parts > PAUSE.0 * BURST * STRANGERS {
            return false;
        }
        let pause = Duration((PAUSE.0 / (1 + u64::from(means) / MEANS_STEPS)).max(1));
        let before = self.paid_by.get(&key).copied();
        let after = before.unwrap_or(now).max(now).after(pause);
        if after.since(now) > pause.times(BURST) {
            return false;
        }
        if means == 0 {
            self.strangers_paid_by = strangers;
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

    /// What a client with a credit has, in steps.
    const CREDIT: u8 = 15;

    #[test]
    fn a_key_proposes_so_many_at_once_and_then_one_each_pause() {
        let mut rates = ProposalRates::default();
        let (key, now) = (peer(1), Steady(1_000));
        let at_once = (0..2 * BURST).filter(|_| rates.take(key, 0, now)).count() as u64;
        assert_eq!(at_once, BURST);
        assert!(rates.take(peer(2), 0, now), "another key has proposed nothing");
        let later = |pauses: u64| now.after(PAUSE.times(pauses));
        assert!(rates.take(key, 0, later(1)) && !rates.take(key, 0, later(1)));
        assert_eq!((0..2 * BURST).filter(|_| rates.take(key, 0, later(500))).count() as u64, BURST);
    }

    #[test]
    fn keys_without_means_share_a_rate_and_who_can_pay_is_heard_beside_them() {
        let mut rates = ProposalRates::default();
        let now = Steady(1_000);
        let heard = (0..10_000).filter(|number| rates.take(peer(*number), 0, now)).count() as u64;
        assert_eq!(heard, BURST * STRANGERS);
        assert!(rates.take(peer(20_000), CREDIT, now) && !rates.take(peer(20_001), 0, now));
        let second = now.after(Duration::seconds(1));
        let heard = (0..10_000).filter(|number| rates.take(peer(*number + 30_000), 0, second)).count() as u64;
        assert_eq!(heard, 1_000 / PAUSE.0 * STRANGERS);
        let mut paying = |after: u64| rates.take(peer(20_000), CREDIT, second.after(Duration(after)));
        (0..BURST).for_each(|_| assert!(paying(0)));
        assert!(!paying(0) && !paying(11) && paying(12), "by its means it is heard more often");
    }

    #[test]
    fn no_more_keys_are_remembered_than_there_is_room_for() {
        let mut rates = ProposalRates::default();
        for number in 0..2 * KEYS_MAX as u64 {
            assert!(rates.take(peer(number), CREDIT, Steady(number)));
        }
        assert_eq!((rates.paid_by.len(), rates.by_time.len()), (KEYS_MAX, KEYS_MAX));
    }
}
