//! Links that are worse than others for a while: some peers are cut off from the rest, or all that goes to them and comes
//! from them is slow.
//!
//! **Invariant:** what a peer says to itself is neither cut off nor slow.

use std::collections::BTreeSet;

use crate::{kernel::Span, world::Place};

/// What is wrong with the links between peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    cuts: Vec<BTreeSet<Place>>,
    /// Peers, and how many times as long as usual it takes to reach them.
    slow: Vec<(BTreeSet<Place>, u64)>,
}

impl Links {
    /// Cuts these peers off from the rest. They still reach each other as they do.
    pub fn cut_off(&mut self, places: impl IntoIterator<Item = Place>) {
        self.cuts.push(places.into_iter().collect());
    }

    /// What goes to these peers or comes from them takes so many times as long.
    pub fn slow_down(&mut self, places: impl IntoIterator<Item = Place>, factor: u64) {
        self.slow.push((places.into_iter().collect(), factor));
    }

    /// True if nothing is wrong with any.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        self.cuts.is_empty() && self.slow.is_empty()
    }

    /// Whether a message gets through.
    #[must_use]
    pub fn pass(&self, from: Place, to: Place) -> bool {
        self.cuts.iter().all(|cut| cut.contains(&from) == cut.contains(&to))
    }

    /// How long a message takes that would usually take so long: by the slower of its ends.
    #[must_use]
    pub fn stretched(&self, from: Place, to: Place, span: Span) -> Span {
        let touches =
            |places: &BTreeSet<Place>| from != to && (places.contains(&from) || places.contains(&to));
        let factors = self.slow.iter().filter(|(places, _)| touches(places)).map(|(_, factor)| *factor);
        Span(span.0.saturating_mul(factors.max().unwrap_or(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_parts_its_peers_from_the_rest_and_from_nobody_else() {
        let mut links = Links::default();
        assert!(links.are_whole() && links.pass(Place(0), Place(1)));
        links.cut_off([Place(0), Place(1)]);
        links.cut_off([Place(1), Place(2)]);
        assert!(!links.are_whole());
        for (from, to, expected) in [(0, 0, true), (0, 1, false), (0, 2, false), (1, 2, false), (3, 4, true)]
        {
            assert_eq!(links.pass(Place(from), Place(to)), expected, "{from} to {to}");
            assert_eq!(links.pass(Place(to), Place(from)), expected, "{to} to {from}");
        }
    }

    #[test]
    fn a_message_is_as_slow_as_the_slower_of_its_ends() {
        let mut links = Links::default();
        links.slow_down([Place(0), Place(1)], 5);
        links.slow_down([Place(1)], 20);
        for (from, to, expected) in [(2, 3, 7), (0, 2, 35), (2, 0, 35), (0, 1, 140), (1, 1, 7)] {
            assert_eq!(links.stretched(Place(from), Place(to), Span(7)), Span(expected), "{from} to {to}");
        }
    }
}
