//! How fast the laboratory is, by a clock that the caller brings.

mod cost;
mod flood;
mod growth;
mod watching;

pub use self::{
    cost::{EpidemicCost, MarketCost, MarketSize, epidemic, market_cost},
    growth::{Growth, linearithmic_slope, seconds_of, slope},
    watching::{WatchCost, WatchSize, watch_cost},
};
use super::{
    calendar::Calendar,
    distribution::{Distribution, exponential},
    experiment,
    gossip::{Gossip, GossipParameters},
    queueing::{self, Queueing},
    scenario::{KernelName, Scenario},
    shipped,
};
use crate::{kernel::Span, random::Stream};

/// Events that are pending, of those that the calendar is measured with.
const PENDING: u32 = 10_000;
/// Events of that measure.
const EVENTS: u64 = 10_000_000;
/// Peers of the gossip that is measured.
const PEERS: usize = 10_000;
/// Jobs of the queue that is measured.
const QUEUED: u64 = 2_000_000;
/// Lengths that are drawn before the clock starts.
const LENGTHS: usize = 1 << 16;
/// Jobs of the market whose inputs are measured.
const JOBS: usize = 2_000;
/// How long orders come in the runs that are made on one core and on two.
const HORIZON: u64 = 60_000_000_000;
/// Two seeds on two cores are done this much sooner than one after the other, at least.
pub const TWO_CORES_MIN: f64 = 1.8;
/// What that rests on.
pub const TWO_CORES_BOUNDED_BY: &str =
    "seeds share nothing but memory and the caches before it, and whatever else the machine does meanwhile";
/// What stands in the way of more events, hops and inputs.
const EVENTS_BOUNDED_BY: &str =
    "each event is written into its day and sorted there when that comes: memory that is read in no order";
const HOPS_BOUNDED_BY: &str =
    "each hop asks what its peer has heard, and peers lie in memory in another order than hops go";
const INPUTS_BOUNDED_BY: &str =
    "whatever is named or signed is encoded and hashed first, as `cargo bench -p assay-market` shows";

/// What SimPy is asked for beside it: a program in Python that prints a line of JSON for each speed, by the same names.
pub const SIMPY: &str = include_str!("../../compare/models.py");

/// What the machine says of itself.
pub trait Gauge {
    /// Seconds that have passed.
    fn seconds(&self) -> f64;
    /// The bytes that this process has; nothing where the system does not say.
    fn bytes(&self) -> Option<u64>;
    /// The most bytes that it ever had.
    fn bytes_most(&self) -> Option<u64>;
}

/// A speed.
#[derive(Clone, Debug, PartialEq)]
pub struct Speed {
    /// Of what.
    pub name: &'static str,
    /// How many a second, on one core unless its name says otherwise.
    pub per_second: f64,
    /// How many there should be; none where nothing is promised yet.
    pub target: Option<f64>,
    /// What stands in the way of more, where some are promised.
    pub bounded_by: Option<&'static str>,
}

/// Measures speeds.
#[must_use]
pub fn measure(gauge: &dyn Gauge) -> Vec<Speed> {
    let timed = |name, promised: Option<(f64, &'static str)>, work: &dyn Fn() -> u64| {
        let begin = gauge.seconds();
        let count = work();
        let per_second = count as f64 / (gauge.seconds() - begin).max(1e-9);
        let (target, bounded_by) = promised.unzip();
        Speed { name, per_second, target, bounded_by }
    };
    let mut luck = Stream::new(1, "speed", 0);
    let lengths: Vec<Span> = (0..LENGTHS).map(|_| Span((exponential(&mut luck) * 1e6) as u64)).collect();
    vec![
        timed("events of the kernel, 10,000 pending", Some((15e6, EVENTS_BOUNDED_BY)), &|| hold(&lengths)),
        timed("jobs of a queue before one server", None, &queue),
        timed("hops of a flood, 1,000 peers", None, &flood::hops),
        timed("events of gossip, 10,000 peers", Some((5e6, HOPS_BOUNDED_BY)), &|| {
            Gossip::new(1, PEERS, GossipParameters::PUBLISHED).run(20, 5).events
        }),
        inputs(gauge),
        timed("events of a market by the checker, all cores", None, &|| market(KernelName::Checker)),
        timed("events of a market by the laboratory, all cores", None, &|| market(KernelName::Laboratory)),
    ]
}

/// How many times as soon two seeds are done on two cores as one after the other; nothing if they cannot be run.
#[must_use]
pub fn two_cores(gauge: &dyn Gauge) -> Option<f64> {
    let text = shipped::text("market")?;
    let scenario = Scenario::read("market", &text, &shipped::text).ok()?;
    let scenario = Scenario { seeds: 2, horizon: HORIZON, ..scenario };
    let seconds = |threads| {
        let begin = gauge.seconds();
        let runs = experiment::run_on(threads, &scenario, 1, false);
        runs.ok().map(|_| (gauge.seconds() - begin).max(1e-9))
    };
    Some(seconds(1)? / seconds(2)?)
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

fn queue() -> u64 {
    let service = Distribution::Exponential(1.0);
    let queueing = Queueing { servers: 1, load: 0.9, service, choices: None, jobs: QUEUED };
    // What is counted begins when the queue is no longer empty.
    if queueing::waits(1, &queueing).count() > 0 { QUEUED } else { 0 }
}

/// Inputs of brains, with all that surrounds them in a market at which nobody looks.
fn inputs(gauge: &dyn Gauge) -> Speed {
    let cost = market_cost(&MarketSize { jobs: JOBS, ..MarketSize::QUICK[0] }, gauge);
    let per_second = cost.inputs as f64 / cost.seconds.max(1e-9);
    let (name, bounded_by) = ("inputs of brains, 117 peers", Some(INPUTS_BOUNDED_BY));
    Speed { name, per_second, target: Some(1e6), bounded_by }
}

fn market(kernel: KernelName) -> u64 {
    let (name, text) = shipped::ALL[0];
    let Ok(scenario) = Scenario::read(name, text, &shipped::text) else { return 0 };
    let runs = experiment::run(&Scenario { seeds: 4, kernel, ..scenario }, 1, false);
    runs.map_or(0, |runs| runs.iter().map(|run| run.events).sum())
}
