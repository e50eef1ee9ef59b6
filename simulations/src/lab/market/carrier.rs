//! How what peers say to one another travels.
//!
//! **Invariant:** the fate of a message between two depends on the stream of its sender alone; what one says to oneself arrives at
//! once.

use std::sync::Arc;

use assay_protocol::units::Rate;

use super::relay::Relay;
use crate::{
    kernel::Span,
    lab::{distribution::Distribution, gossip::SpreadTable},
    network::Conditions,
    random::Stream,
    world::Place,
};

/// How messages travel.
pub trait Carrier: std::fmt::Debug {
    /// After which time a message arrives, if it does.
    fn carry(&mut self, from: Place, to: Place, luck: &mut Stream) -> Option<Span>;

    /// After which time its sender learns that a message did not arrive, if it ever does.
    fn report(&mut self, luck: &mut Stream) -> Option<Span>;

    /// After which time what is told to everybody has reached those who look for it; nothing where each hears of it when a hop
    /// brings it.
    fn spread(&mut self, luck: &mut Stream) -> Option<Span>;

    /// What is told to everybody, where each hop of it is carried.
    fn relay(&mut self) -> Option<&mut Relay> {
        None
    }

    /// How many hops there were.
    fn hops(&self) -> u64 {
        0
    }
}

/// A delay for each message, drawn from a distribution, and a chance to be lost.
#[derive(Clone, Debug)]
pub struct SampledCarrier {
    /// How long a message takes.
    pub delay: Distribution,
    /// How often one is lost.
    pub loss: Rate,
    /// How often its sender learns of that.
    pub feedback: Rate,
    /// How long what is told to everybody takes, as every hop of it would have given it.
    pub spread: Arc<SpreadTable>,
}

/// As the conditions of a checker's network.
fn delay(conditions: &Conditions) -> Distribution {
    let seconds = |span: Span| span.0 as f64 / 1e9;
    Distribution::Uniform(seconds(conditions.delay_min), seconds(conditions.delay_max))
}

/// The shortest and the longest way between two peers, so that with up to a tenth more each time a message takes as long as the
/// conditions say on average.
fn ways(conditions: &Conditions) -> [Span; 2] {
    [conditions.delay_min, conditions.delay_max].map(|span| Span(span.0 / 21 * 20))
}

impl SampledCarrier {
    /// As the conditions of a checker's network, among so many peers.
    #[must_use]
    pub fn of(conditions: &Conditions, peers: usize) -> Self {
        let Conditions { loss, feedback, .. } = *conditions;
        let spread = SpreadTable::of(peers, ways(conditions));
        Self { delay: delay(conditions), loss, feedback, spread }
    }
}

impl Carrier for SampledCarrier {
    fn carry(&mut self, from: Place, to: Place, luck: &mut Stream) -> Option<Span> {
        if from == to {
            return Some(Span::ZERO);
        }
        let lost = luck.happens(self.loss);
        let delay = self.delay.span(luck);
        (!lost).then_some(delay)
    }

    fn report(&mut self, luck: &mut Stream) -> Option<Span> {
        let told = luck.happens(self.feedback);
        let round = self.delay.span(luck).plus(self.delay.span(luck));
        told.then_some(round)
    }

    fn spread(&mut self, luck: &mut Stream) -> Option<Span> {
        Some(self.spread.draw(luck))
    }
}

/// Every hop of what is told to everybody; a way of its own between each two peers, and a chance to be lost.
#[derive(Debug)]
pub struct FullCarrier {
    seed: u64,
    ways: [Span; 2],
    delay: Distribution,
    loss: Rate,
    feedback: Rate,
    relay: Relay,
}

impl FullCarrier {
    /// As the conditions of a checker's network, among so many peers.
    #[must_use]
    pub fn new(seed: u64, peers: usize, conditions: &Conditions) -> Self {
        let (ways, Conditions { loss, feedback, .. }) = (ways(conditions), *conditions);
        let relay = Relay::new(seed, peers, ways, loss);
        Self { seed, ways, delay: delay(conditions), loss, feedback, relay }
    }

    /// How long the way is between two peers, whichever of them goes it.
    fn way(&self, from: Place, to: Place) -> Span {
        self.relay.way(from, to).unwrap_or_else(|| {
            // Those that are not connected have a way as well.
            let (low, high) = (from.0.min(to.0) as u64, from.0.max(to.0) as u64);
            let mut luck = Stream::new(self.seed, "way", low << 32 | high);
            Span(luck.between(self.ways[0].0, self.ways[1].0))
        })
    }
}

impl Carrier for FullCarrier {
    fn carry(&mut self, from: Place, to: Place, luck: &mut Stream) -> Option<Span> {
        if from == to {
            return Some(Span::ZERO);
        }
        let lost = luck.happens(self.loss);
        let way = self.way(from, to);
        let more = Span(luck.below(way.0 / 10));
        (!lost).then_some(way.plus(more))
    }

    fn report(&mut self, luck: &mut Stream) -> Option<Span> {
        let told = luck.happens(self.feedback);
        let round = self.delay.span(luck).plus(self.delay.span(luck));
        told.then_some(round)
    }

    fn spread(&mut self, _: &mut Stream) -> Option<Span> {
        None
    }

    fn relay(&mut self) -> Option<&mut Relay> {
        Some(&mut self.relay)
    }

    fn hops(&self) -> u64 {
        self.relay.events()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_lost_and_reported_as_often_as_they_should_be() {
        let conditions = Conditions::bad();
        let carriers: [Box<dyn Carrier>; 2] =
            [Box::new(SampledCarrier::of(&conditions, 20)), Box::new(FullCarrier::new(1, 20, &conditions))];
        for mut carrier in carriers {
            let mut luck = Stream::new(1, "carrier", 0);
            let fates: Vec<_> = (0..10_000).map(|_| carrier.carry(Place(0), Place(1), &mut luck)).collect();
            let arrived: Vec<Span> = fates.into_iter().flatten().collect();
            assert!((7_840..=8_160).contains(&arrived.len()), "{} of 10,000 arrived at 80 %", arrived.len());
            let allowed = Span(conditions.delay_min.0 / 10 * 9)..=Span(conditions.delay_max.0 / 20 * 21);
            assert!(arrived.iter().all(|span| allowed.contains(span)));
            let told = (0..10_000).filter(|_| carrier.report(&mut luck).is_some()).count();
            assert!((4_800..=5_200).contains(&told), "{told} of 10,000 reported at 50 %");
            assert_eq!(carrier.carry(Place(1), Place(1), &mut luck), Some(Span::ZERO));
            let spread = carrier.spread(&mut luck);
            assert_eq!(spread.is_some(), carrier.relay().is_none());
            assert!(spread.is_none_or(|span| span <= Span::seconds(2)), "{spread:?}");
        }
    }

    #[test]
    fn two_peers_are_as_far_apart_one_way_as_the_other_and_as_far_as_the_conditions_say_on_average() {
        let mut carrier = FullCarrier::new(1, 300, &Conditions::GOOD);
        let mut luck = Stream::new(1, "carrier", 0);
        let mut sum = 0.0;
        for to in 1..300 {
            let [there, back] = [(0, to), (to, 0)].map(|(from, to)| carrier.way(Place(from), Place(to)));
            assert_eq!(there, back);
            let took = carrier.carry(Place(0), Place(to), &mut luck).unwrap();
            assert!(took >= there && took.0 <= there.0 / 10 * 11, "{took:?} over {there:?}");
            sum += took.0 as f64 / 1e6;
        }
        // 22.5 ms, and 10.1 ms of deviation.
        assert!((sum / 299.0 - 22.5).abs() < 4.0 * 10.1 / 17.3, "{}", sum / 299.0);
    }
}
