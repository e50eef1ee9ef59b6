//! The network between simulated peers: what becomes of a message on its way.
//!
//! **Invariant:** the fate of a message depends on the stream of its sender alone; a message to oneself always arrives.

use assay_protocol::units::Rate;

use crate::{kernel::Span, links::Links, random::Stream, world::Place};

/// How good the network is.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// The shortest delay.
    pub delay_min: Span,
    /// The longest delay; messages overtake each other within the difference.
    pub delay_max: Span,
    /// How often a message is lost.
    pub loss: Rate,
    /// How often a message arrives twice.
    pub duplication: Rate,
    /// How often the sender learns that a message was lost.
    pub feedback: Rate,
}

impl Conditions {
    /// Every message arrives once, after 5 to 40 ms.
    pub const GOOD: Self = Self {
        delay_min: Span::millis(5),
        delay_max: Span::millis(40),
        loss: Rate::ZERO,
        duplication: Rate::ZERO,
        feedback: Rate::ONE,
    };

    /// One message in five is lost, one in five arrives twice, and half of the losses go unnoticed.
    #[must_use]
    pub fn bad() -> Self {
        Self {
            delay_max: Span::millis(200),
            loss: Rate::per_mille(200),
            duplication: Rate::per_mille(200),
            feedback: Rate::per_mille(500),
            ..Self::GOOD
        }
    }
}

/// What becomes of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives after each of these delays.
    Arrives(Vec<Span>),
    /// It is lost; the sender may learn of it after this delay.
    Lost(Option<Span>),
}

/// The network of one run.
#[derive(Clone, Debug)]
pub struct SimulatedNetwork {
    conditions: Conditions,
    luck: Vec<Stream>,
    links: Links,
}

impl SimulatedNetwork {
    /// A network that joins this many peers.
    #[must_use]
    pub fn new(seed: u64, peers: usize, conditions: Conditions) -> Self {
        let luck = (0..peers as u64).map(|peer| Stream::new(seed, "network", peer)).collect();
        Self { conditions, luck, links: Links::default() }
    }

    /// From now on the network is as good as this.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Cuts these peers off from the rest, who still reach each other as they do; nobody heals it.
    pub fn cut_off(&mut self, places: impl IntoIterator<Item = Place>) {
        self.links = Links::default();
        self.links.cut_off(places);
    }

    /// From now on this, and nothing else, is wrong with the links.
    pub fn relink(&mut self, links: Links) {
        self.links = links;
    }

    /// What becomes of a message.
    pub fn carry(&mut self, from: Place, to: Place) -> Fate {
        if from == to {
            return Fate::Arrives(vec![Span::ZERO]);
        }
        let apart = !self.links.pass(from, to);
        let Conditions { loss, duplication, .. } = self.conditions;
        let (lost, twice) = (self.luck(from).happens(loss), self.luck(from).happens(duplication));
        if apart || lost {
            return Fate::Lost(self.feedback(from));
        }
        let copies = if twice { 2 } else { 1 };
        let arrives = (0..copies).map(|_| {
            let delay = self.delay(from);
            self.links.stretched(from, to, delay)
        });
        Fate::Arrives(arrives.collect())
    }

    /// How long one message of this sender takes.
    pub fn delay(&mut self, from: Place) -> Span {
        let Conditions { delay_min, delay_max, .. } = self.conditions;
        Span(self.luck(from).between(delay_min.0, delay_max.0))
    }

    /// When the sender learns that a message was lost, if it does.
    pub fn feedback(&mut self, from: Place) -> Option<Span> {
        let noticed = self.conditions.feedback;
        let delay = self.delay(from).plus(self.delay(from));
        self.luck(from).happens(noticed).then_some(delay)
    }

    fn luck(&mut self, sender: Place) -> &mut Stream {
        &mut self.luck[sender.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_lost_and_doubled_as_often_as_the_conditions_say() {
        let mut network = SimulatedNetwork::new(1, 2, Conditions::bad());
        let fates: Vec<_> = (0..10_000).map(|_| network.carry(Place(0), Place(1))).collect();
        let lost = fates.iter().filter(|fate| matches!(fate, Fate::Lost(_))).count();
        let twice =
            fates.iter().filter(|fate| matches!(fate, Fate::Arrives(delays) if delays.len() == 2)).count();
        assert!((1_840..=2_160).contains(&lost), "{lost} of 10,000 lost at 20 %");
        assert!((1_453..=1_747).contains(&twice), "{twice} of 10,000 doubled at 20 % of what arrives");
    }

    #[test]
    fn nothing_crosses_a_cut_and_everything_crosses_when_it_heals() {
        let mut network = SimulatedNetwork::new(1, 3, Conditions::GOOD);
        network.cut_off([Place(0)]);
        assert!(matches!(network.carry(Place(0), Place(1)), Fate::Lost(Some(_))));
        assert!(matches!(network.carry(Place(2), Place(1)), Fate::Arrives(_)));
        assert!(matches!(network.carry(Place(0), Place(0)), Fate::Arrives(_)));
        network.cut_off([]);
        assert!(matches!(network.carry(Place(0), Place(1)), Fate::Arrives(_)));
    }
}
