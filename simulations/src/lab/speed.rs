//! How fast the laboratory is, by a clock that the caller brings.

use super::{
    calendar::Calendar,
    distribution::exponential,
    experiment,
    gossip::{Gossip, GossipParameters},
    market::{Ground, Market},
    scenario::{KernelName, Scenario},
    shipped,
};
use crate::{
    kernel::Span,
    plan::Plan,
    random::Stream,
    world::{Place, Wish},
};

/// Events that are pending, of those that the calendar is measured with.
const PENDING: u32 = 10_000;
/// Events of that measure.
const EVENTS: u64 = 10_000_000;
/// Peers of the gossip that is measured.
const PEERS: usize = 10_000;
/// Lengths that are drawn before the clock starts.
const LENGTHS: usize = 1 << 16;

/// A speed.
#[derive(Clone, Debug, PartialEq)]
pub struct Speed {
    /// Of what.
    pub name: &'static str,
    /// How many a second, on one core unless its name says otherwise.
    pub per_second: f64,
    /// How many there should be; none where nothing is promised yet.
    pub target: Option<f64>,
}

/// What a market of some size costs.
#[derive(Clone, Debug, PartialEq)]
pub struct MarketCost {
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
}

/// Sizes of markets that are measured: founders, clients, peers that nothing happens to, and jobs.
const SIZES: [[usize; 4]; 3] = [[16, 100, 0, 5_000], [64, 936, 0, 5_000], [16, 100, 1_000_000, 2_000]];
/// How long one order is after the one before, in a market where a provider with no trust takes one at a time.
const APART: Span = Span::millis(100);
/// No market takes longer to come to rest.
const REST: Span = Span::seconds(48 * 3_600);

/// Measures markets; `clock` gives seconds that have passed, and `memory` the bytes that the process has.
#[must_use]
pub fn markets(clock: &dyn Fn() -> f64, memory: &dyn Fn() -> Option<u64>) -> Vec<MarketCost> {
    SIZES.into_iter().map(|size| cost(size, clock, memory)).collect()
}

fn cost(size: [usize; 4], clock: &dyn Fn() -> f64, memory: &dyn Fn() -> Option<u64>) -> MarketCost {
    let [founders, clients, idle, jobs] = size;
    let (begin, bytes) = (clock(), memory());
    let (welcomes_per_hour, clients_all) = (clients as u64, clients + idle);
    let plan = Plan { founders, clients: clients_all, welcomes_per_hour, slots: 4, ..Plan::default() };
    let ground = Ground::of(&plan);
    let mut market = Market::new(plan, ground, ());
    (0..founders).for_each(|number| market.provide(market.plan().founder(number)));
    let client = |number: u64| Place(1 + founders + number as usize);
    (0..clients as u64).for_each(|number| market.ask(client(number)));
    market.run_until(market.now().after(Span::seconds(2)));
    let (opened, inputs) = (clock(), market.inputs());
    let mut luck = Stream::new(1, "speed", 1);
    for number in 0..jobs as u64 {
        market.submit(client(luck.below(clients as u64)), Wish { number, ..Wish::default() });
        market.run_until(market.now().after(APART));
    }
    // What does not end is seen by what was not paid.
    let _ = market.settle(REST);
    let closed = market.node(market.plan().notary()).and_then(|node| node.ledger());
    MarketCost {
        peers: market.plan().peers() as u64,
        jobs: closed.map_or(0, |books| books.closed_count()),
        inputs: market.inputs() - inputs,
        opening: opened - begin,
        seconds: clock() - opened,
        bytes: memory().zip(bytes).map(|(after, before)| after.saturating_sub(before)),
    }
}

/// Measures everything else; `clock` gives seconds that have passed.
#[must_use]
pub fn measure(clock: &dyn Fn() -> f64) -> Vec<Speed> {
    let timed = |name, target, work: &dyn Fn() -> u64| {
        let begin = clock();
        let count = work();
        Speed { name, per_second: count as f64 / (clock() - begin).max(1e-9), target }
    };
    let mut luck = Stream::new(1, "speed", 0);
    let lengths: Vec<Span> = (0..LENGTHS).map(|_| Span((exponential(&mut luck) * 1e6) as u64)).collect();
    vec![
        timed("events of the kernel, 10,000 pending", Some(15e6), &|| hold(&lengths)),
        timed("events of gossip, 10,000 peers", Some(5e6), &|| {
            Gossip::new(1, PEERS, GossipParameters::PUBLISHED).run(20, 5).events
        }),
        timed("events of a market by the checker, all cores", None, &|| market(KernelName::Checker)),
        timed("events of a market by the laboratory, all cores", None, &|| market(KernelName::Laboratory)),
    ]
}

/// Each event that comes out lets another happen.
fn hold(lengths: &[Span]) -> u64 {
    let mut calendar = Calendar::default();
    (0..PENDING).for_each(|event| calendar.after(lengths[event as usize], event));
    for number in 0..EVENTS {
        if let Some(event) = calendar.pop() {
            calendar.after(lengths[number as usize % LENGTHS], event);
        }
    }
    EVENTS
}

fn market(kernel: KernelName) -> u64 {
    let (name, text) = shipped::ALL[0];
    let Ok(scenario) = Scenario::read(name, text, &shipped::text) else { return 0 };
    let runs = experiment::run(&Scenario { seeds: 4, kernel, ..scenario }, 1, false);
    runs.map_or(0, |runs| runs.iter().map(|run| run.events).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_of_a_measured_market_are_all_run() {
        let cost = cost([8, 10, 1_000, 20], &|| 0.0, &|| None);
        assert_eq!((cost.peers, cost.jobs, cost.bytes), (1_019, 20, None));
        assert!((20 * 20..20 * 60).contains(&cost.inputs), "{cost:?}");
    }
}
