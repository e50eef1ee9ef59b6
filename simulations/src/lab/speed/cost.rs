//! What markets of some sizes cost, and an epidemic among many peers: seconds, and bytes.

use super::Gauge;
use crate::{
    kernel::Span,
    lab::{
        gossip::{Gossip, GossipParameters},
        market::{Ground, Market, Observer},
    },
    plan::Plan,
    random::Stream,
    world::{Place, Wish},
};

/// No market takes longer to come to rest.
const REST: Span = Span::seconds(48 * 3_600);
/// A day of a million jobs: one after so much time.
const DAY_PART: Span = Span::micros(86_400);
const GIBIBYTE: u64 = 1 << 30;
/// Peers that each dials in an epidemic: half as many as usual, so that what a million peers know of their connections takes half as
/// much.
const DIALS: usize = 10;

/// How large a market is, and what it may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarketSize {
    /// Peers that provide and check.
    pub founders: usize,
    /// Peers that order.
    pub clients: usize,
    /// Peers that nothing happens to.
    pub idle: usize,
    /// How many jobs are run.
    pub jobs: usize,
    /// How long one order is after the one before.
    pub apart: Span,
    /// Seconds that it may take until all can trade; none where nothing is promised.
    pub opening_max: Option<f64>,
    /// Seconds that the jobs may take.
    pub seconds_max: Option<f64>,
    /// Bytes that the process may have at most.
    pub bytes_max: Option<u64>,
}

impl MarketSize {
    /// A provider with no trust takes one order at a time.
    pub(super) const PLAIN: Self = Self {
        founders: 16,
        clients: 100,
        idle: 0,
        jobs: 5_000,
        apart: Span::millis(100),
        opening_max: None,
        seconds_max: None,
        bytes_max: None,
    };

    /// Sizes that take a minute together.
    pub const QUICK: [Self; 3] = [
        Self::PLAIN,
        Self { founders: 64, clients: 935, ..Self::PLAIN },
        Self { idle: 1_000_000, jobs: 2_000, opening_max: Some(5.0), ..Self::PLAIN },
    ];

    /// Sizes that take as long as they may cost.
    pub const WHOLE: [Self; 4] = [
        Self {
            founders: 64,
            clients: 935,
            jobs: 1_000_000,
            apart: DAY_PART,
            seconds_max: Some(90.0),
            ..Self::PLAIN
        },
        Self {
            founders: 256,
            clients: 9_743,
            jobs: 1_000_000,
            apart: DAY_PART,
            seconds_max: Some(180.0),
            ..Self::PLAIN
        },
        Self {
            founders: 512,
            clients: 99_487,
            jobs: 100_000,
            seconds_max: Some(60.0),
            bytes_max: Some(GIBIBYTE),
            ..Self::PLAIN
        },
        Self {
            founders: 64,
            clients: 935,
            idle: 1_000_000,
            jobs: 20_000,
            opening_max: Some(5.0),
            seconds_max: Some(30.0),
            bytes_max: Some(1_500_000_000),
            ..Self::PLAIN
        },
    ];
}

impl MarketSize {
    /// What a market takes longer for, or more memory, than it should.
    pub const BOUNDED_BY: &str =
        "one core takes one input after another; memory is what peers keep to whom something happened";

    /// How many peers there are, with the notary and those that nothing happens to.
    #[must_use]
    pub fn peers(&self) -> usize {
        1 + self.founders + self.clients + self.idle
    }

    /// So many hundredths of its jobs, of its clients and of those that nothing happens to. Nothing is promised of another size.
    #[must_use]
    pub fn scaled(self, percent: usize) -> Self {
        if percent == 100 {
            return self;
        }
        let part = |count: usize| hundredths(count, percent);
        let (clients, idle, jobs) = (part(self.clients), part(self.idle), part(self.jobs));
        Self { clients, idle, jobs, opening_max: None, seconds_max: None, bytes_max: None, ..self }
    }
}

/// So many hundredths of what there is, and one at least where there is anything.
fn hundredths(count: usize, percent: usize) -> usize {
    count.saturating_mul(percent).div_ceil(100)
}

/// What a market of some size costs.
#[derive(Clone, Debug, PartialEq)]
pub struct MarketCost {
    /// What was measured.
    pub size: MarketSize,
    /// Peers, with those that nothing happens to.
    pub peers: u64,
    /// Jobs that were run and paid.
    pub jobs: u64,
    /// Inputs that brains took for them.
    pub inputs: u64,
    /// Seconds until there were as many peers and all of them could trade.
    pub opening: f64,
    /// Seconds of the jobs, on one core.
    pub seconds: f64,
    /// By how many bytes the process grew; none where the system does not say.
    pub bytes: Option<u64>,
    /// The most bytes that it ever had.
    pub bytes_most: Option<u64>,
}

/// Measures a market.
#[must_use]
pub fn market_cost(size: &MarketSize, gauge: &dyn Gauge) -> MarketCost {
    seen_cost(size, gauge, |_| ())
}

/// Measures a market at which somebody looks.
pub(super) fn seen_cost<O: Observer>(
    size: &MarketSize,
    gauge: &dyn Gauge,
    looks_on: impl FnOnce(&Plan) -> O,
) -> MarketCost {
    let MarketSize { founders, clients, idle, jobs, apart, .. } = *size;
    let (begin, bytes) = (gauge.seconds(), gauge.bytes());
    let (welcomes_per_hour, clients_all) = (clients as u64, clients + idle);
    let plan = Plan { founders, clients: clients_all, welcomes_per_hour, slots: 4, ..Plan::default() };
    let (ground, observer) = (Ground::of(&plan), looks_on(&plan));
    let mut market = Market::new(plan, ground, observer);
    (0..founders).for_each(|number| market.provide(market.plan().founder(number)));
    let client = |number: u64| Place(1 + founders + number as usize);
    (0..clients as u64).for_each(|number| market.ask(client(number)));
    market.run_until(market.now().after(Span::seconds(2)));
    let (opened, inputs) = (gauge.seconds(), market.inputs());
    let mut luck = Stream::new(1, "speed", 1);
    for number in 0..jobs as u64 {
        market.submit(client(luck.below(clients as u64)), Wish { number, ..Wish::default() });
        market.run_until(market.now().after(apart));
    }
    // What does not end is seen by what was not paid.
    let _ = market.settle(REST);
    let closed = market.node(market.plan().notary()).and_then(|node| node.ledger());
    MarketCost {
        size: *size,
        peers: market.plan().peers() as u64,
        jobs: closed.map_or(0, |books| books.closed_count()),
        inputs: market.inputs() - inputs,
        opening: opened - begin,
        seconds: gauge.seconds() - opened,
        bytes: gauge.bytes().zip(bytes).map(|(after, before)| after.saturating_sub(before)),
        bytes_most: gauge.bytes_most(),
    }
}

/// What an epidemic costs: one message to so many peers, by the numbers of the libp2p crate.
#[derive(Clone, Debug, PartialEq)]
pub struct EpidemicCost {
    /// Peers.
    pub peers: u64,
    /// Peers that it reached.
    pub reached: u64,
    /// Hops and beats.
    pub events: u64,
    /// Seconds that it took, with those in which the mesh forms.
    pub seconds: f64,
    /// The most bytes that the process ever had; none where the system does not say.
    pub bytes_most: Option<u64>,
}

impl EpidemicCost {
    /// What it takes longer for, or more memory, than it should.
    pub const BOUNDED_BY: &str =
        "each hop asks what its peer has heard, somewhere else in memory; that is whom each peer knows";
    /// Peers of a quick one.
    pub const QUICK: usize = 100_000;
    /// Peers of a whole one.
    pub const WHOLE: usize = 1_000_000;
    /// Seconds that a whole one may take.
    pub const SECONDS_MAX: f64 = 60.0;
    /// Bytes that it may take.
    pub const BYTES_MAX: u64 = 2 * GIBIBYTE;

    /// Peers of so many hundredths of a quick one, or of a whole one.
    #[must_use]
    pub fn peers(quick: bool, percent: usize) -> usize {
        hundredths(if quick { Self::QUICK } else { Self::WHOLE }, percent)
    }
}

/// Measures an epidemic.
#[must_use]
pub fn epidemic(peers: usize, gauge: &dyn Gauge) -> EpidemicCost {
    let begin = gauge.seconds();
    let parameters = GossipParameters { dials: DIALS, ..GossipParameters::LIBP2P };
    let counts = Gossip::new(1, peers, parameters).run(1, 1);
    EpidemicCost {
        peers: peers as u64,
        reached: 1 + counts.deliveries,
        events: counts.events,
        seconds: gauge.seconds() - begin,
        bytes_most: gauge.bytes_most(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that says nothing of itself.
    struct Mute;

    impl Gauge for Mute {
        fn seconds(&self) -> f64 {
            0.0
        }

        fn bytes(&self) -> Option<u64> {
            None
        }

        fn bytes_most(&self) -> Option<u64> {
            None
        }
    }

    #[test]
    fn the_jobs_of_a_measured_market_are_all_run() {
        let size = MarketSize { founders: 8, clients: 10, idle: 1_000, jobs: 20, ..MarketSize::QUICK[0] };
        let cost = market_cost(&size, &Mute);
        assert_eq!((cost.peers, cost.jobs, cost.bytes), (1_019, 20, None));
        assert!((20 * 20..20 * 60).contains(&cost.inputs), "{cost:?}");
    }

    #[test]
    fn an_epidemic_reaches_everybody() {
        let cost = epidemic(2_000, &Mute);
        assert_eq!((cost.peers, cost.reached, cost.bytes_most), (2_000, 2_000, None));
        assert!(cost.events > 2_000 * 6, "{cost:?}");
    }

    #[test]
    fn a_size_is_scaled_in_all_but_its_founders_and_nothing_is_promised_of_it() {
        let whole = MarketSize::WHOLE[3];
        assert_eq!(whole.scaled(100), whole);
        let half = whole.scaled(50);
        assert_eq!((half.founders, half.clients, half.idle, half.jobs), (64, 468, 500_000, 10_000));
        assert_eq!((half.opening_max, half.seconds_max, half.bytes_max), (None, None, None));
        let least = MarketSize::QUICK[0].scaled(1);
        assert_eq!((least.clients, least.idle, least.jobs), (1, 0, 50));
        assert_eq!((EpidemicCost::peers(false, 10), EpidemicCost::peers(true, 100)), (100_000, 100_000));
    }

    #[test]
    fn each_size_has_as_many_peers_as_it_says() {
        let whole: Vec<usize> = MarketSize::WHOLE.iter().map(MarketSize::peers).collect();
        assert_eq!(whole, [1_000, 10_000, 100_000, 1_001_000]);
    }
}
