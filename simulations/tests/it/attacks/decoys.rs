//! Decoys: offers at less than half the price from those who will not do the work. A client goes on to others by itself.

use assay_protocol::units::Amount;
use assay_simulations::{
    behaviour::{Behaviour, Mute, Sleeper},
    kernel::Span,
    plan::{Plan, UNIT_PRICE},
    world::World,
};

use super::{deliveries::Deliveries, sell_at};
use crate::support::market;

/// What decoys ask for a unit.
const CHEAP: Amount = Amount(UNIT_PRICE.0 * 46 / 100);
/// How often a job is submitted, and how long its result is waited for.
const PACE: (Span, Span) = (Span::millis(400), Span::seconds(120));
/// Jobs of the client in each test.
const JOBS: u64 = 40;

/// Who offers what it does not keep.
#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    mute: usize,
    stalling: usize,
}

impl Crowd {
    fn present(&self) -> usize {
        self.mute + self.stalling
    }

    fn plan(&self) -> Plan {
        Plan { clients: 1 + self.present(), ..Plan::default() }
    }

    /// A market in which all of them offer.
    fn market(&self) -> World {
        let mut world = market(self.plan());
        let mut next = 1;
        let mut join = |world: &mut World, count: usize, behaviour: &dyn Fn(&mut World, usize)| {
            for number in next..next + count {
                let place = world.plan().client(number);
                sell_at(world, place, CHEAP);
                behaviour(world, number);
            }
            next += count;
        };
        join(&mut world, self.mute, &|world, number| behave(world, number, Mute));
        join(&mut world, self.stalling, &|world, number| behave(world, number, Sleeper));
        world.run_for(Span::seconds(1));
        world
    }

    /// Asserts that a client among them has all its results, and the one in the middle within so many milliseconds.
    fn check(&self, attack: &str, most: u64) {
        let mut world = self.market();
        let client = world.plan().client(0);
        Deliveries::of(&mut world, client, JOBS, PACE, |_| {}).assert_within(most, attack);
    }
}

fn behave(world: &mut World, number: usize, behaviour: impl Behaviour + 'static) {
    let place = world.plan().client(number);
    world.disown(place);
    world.behave(place, behaviour);
}

#[test]
fn mute_providers_keep_no_job_from_those_who_answer() {
    Crowd { mute: 40, ..Crowd::default() }.check("40 mute providers", 60_000);
}

#[test]
fn providers_that_accept_and_stall_keep_no_job_from_those_who_work() {
    Crowd { stalling: 12, ..Crowd::default() }.check("12 providers that accept and stall", 10_000);
}
