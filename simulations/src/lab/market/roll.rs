//! Who has to be looked at, so that nobody looks at all peers for these few.
//!
//! **Invariant:** what anybody but a peer itself does takes no longer for peers that nothing happens to.

use std::collections::BTreeSet;

use crate::world::Place;

/// The peers that live, and of those the ones that something is said to.
#[derive(Debug, Default)]
pub(super) struct PeerRoll {
    living: BTreeSet<Place>,
    awaiting: BTreeSet<Place>,
    providing: BTreeSet<Place>,
}

/// What a peer wants to hear of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PeerStance {
    /// Whether it waits for an offer.
    pub(super) awaits: bool,
    /// Whether it provides.
    pub(super) provides: bool,
}

impl PeerRoll {
    /// Something happens to a peer for the first time.
    pub(super) fn enter(&mut self, place: Place) {
        self.living.insert(place);
    }

    /// A peer wants to hear something else than before.
    pub(super) fn note(&mut self, place: Place, stance: PeerStance) {
        for (peers, is_in) in [(&mut self.awaiting, stance.awaits), (&mut self.providing, stance.provides)] {
            match is_in {
                true => peers.insert(place),
                false => peers.remove(&place),
            };
        }
    }

    /// All that live, in the order of their places.
    pub(super) fn living(&self) -> impl Iterator<Item = Place> {
        self.living.iter().copied()
    }

    /// Who waits for an offer, likewise.
    pub(super) fn awaiting(&self) -> Vec<Place> {
        self.awaiting.iter().copied().collect()
    }

    /// Who provides, likewise.
    pub(super) fn providing(&self) -> Vec<Place> {
        self.providing.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_wants_to_hear_something_is_listed_for_that_alone_until_it_wants_it_no_more() {
        let mut roll = PeerRoll::default();
        [2, 1, 3].into_iter().for_each(|number| roll.enter(Place(number)));
        roll.note(Place(3), PeerStance { awaits: true, provides: true });
        roll.note(Place(1), PeerStance { awaits: false, provides: true });
        assert_eq!((roll.awaiting(), roll.providing()), (vec![Place(3)], vec![Place(1), Place(3)]));
        roll.note(Place(3), PeerStance::default());
        assert_eq!((roll.awaiting(), roll.providing()), (vec![], vec![Place(1)]));
        assert_eq!(roll.living().collect::<Vec<_>>(), [Place(1), Place(2), Place(3)]);
    }
}
