//! How fast the laboratory is, by a clock that the caller brings.

use super::{
    calendar::Calendar,
    distribution::exponential,
    experiment,
    gossip::{Gossip, GossipParameters},
    scenario::Scenario,
    shipped,
};
use crate::{kernel::Span, random::Stream};

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

/// Measures everything; `clock` gives seconds that have passed.
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
        timed("events of a market by the checker, all cores", None, &market),
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

fn market() -> u64 {
    let (name, text) = shipped::ALL[0];
    let Ok(scenario) = Scenario::read(name, text, &shipped::text) else { return 0 };
    let runs = experiment::run(&Scenario { seeds: 4, ..scenario }, 1, false);
    runs.map_or(0, |runs| runs.iter().map(|run| run.events).sum())
}
