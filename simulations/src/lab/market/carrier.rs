//! How what peers say to one another travels.
//!
//! **Invariant:** the fate of a message depends on the stream of its sender alone; what one says to oneself arrives at
//! once.

use assay_protocol::units::Rate;

use crate::{
    kernel::Span, lab::distribution::Distribution, network::Conditions, random::Stream, world::Place,
};

/// How messages travel.
pub trait Carrier: std::fmt::Debug {
    /// After which time a message arrives, if it does.
    fn carry(&mut self, from: Place, to: Place, luck: &mut Stream) -> Option<Span>;

    /// After which time its sender learns that a message did not arrive, if it ever does.
    fn report(&mut self, luck: &mut Stream) -> Option<Span>;

    /// After which time what is told to everybody has reached those who look for it.
    fn spread(&mut self, luck: &mut Stream) -> Span;
}

/// A delay for each message, drawn from a distribution, and a chance to be lost.
#[derive(Clone, Copy, Debug)]
pub struct SampledCarrier {
    /// How long a message takes.
    pub delay: Distribution,
    /// How often one is lost.
    pub loss: Rate,
    /// How often its sender learns of that.
    pub feedback: Rate,
    /// How many messages after one another bring an offer to everybody.
    pub hops: u32,
}

impl SampledCarrier {
    /// As the conditions of a checker's network, and with as many hops as a few hundred peers are apart.
    #[must_use]
    pub fn of(conditions: &Conditions) -> Self {
        let seconds = |span: Span| span.0 as f64 / 1e9;
        let (least, most) = (seconds(conditions.delay_min), seconds(conditions.delay_max));
        let Conditions { loss, feedback, .. } = *conditions;
        Self { delay: Distribution::Uniform(least, most), loss, feedback, hops: 3 }
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

    fn spread(&mut self, luck: &mut Stream) -> Span {
        (0..self.hops).fold(Span::ZERO, |way, _| way.plus(self.delay.span(luck)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_lost_and_reported_as_often_as_they_should_be() {
        let conditions = Conditions::bad();
        let (mut carrier, mut luck) = (SampledCarrier::of(&conditions), Stream::new(1, "carrier", 0));
        let fates: Vec<_> = (0..10_000).map(|_| carrier.carry(Place(0), Place(1), &mut luck)).collect();
        let arrived: Vec<Span> = fates.into_iter().flatten().collect();
        assert!((7_840..=8_160).contains(&arrived.len()), "{} of 10,000 arrived at 80 %", arrived.len());
        assert!(arrived.iter().all(|span| (conditions.delay_min..=conditions.delay_max).contains(span)));
        let told = (0..10_000).filter(|_| carrier.report(&mut luck).is_some()).count();
        assert!((4_800..=5_200).contains(&told), "{told} of 10,000 reported at 50 %");
        assert_eq!(carrier.carry(Place(1), Place(1), &mut luck), Some(Span::ZERO));
        let ways = (0..100).map(|_| carrier.spread(&mut luck));
        assert!(ways.into_iter().all(|way| way.0 >= 3 * conditions.delay_min.0));
    }
}
