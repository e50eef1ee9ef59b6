//! What attacks have in common: the markets that they begin in, and what a gamble should bring.

use assay_market::{Command, effect::Run, view::AttemptState};
use assay_protocol::{
    genesis::Checks,
    id::Digest,
    outcome::Outcome,
    receipt::{Happening, Receipt},
    units::Amount,
};
use assay_simulations::{
    behaviour::Behaviour,
    kernel::Span,
    machine,
    plan::{LABEL, Plan, UNIT_PRICE},
    world::{Place, Wish, World},
};

use super::Gamble;
use crate::support::{LIMIT, market, settle};

/// More events than there are in any job.
const STEPS_MAX: u32 = 1_000_000;

/// What a unit costs, as a signed number.
pub(super) const PRICE: i128 = UNIT_PRICE.0 as i128;

/// Seals noise that agrees with nobody's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Junk(pub(super) usize);

impl Behaviour for Junk {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        if run.id.check { machine::forgery(run, &format!("junk {}", self.0)) } else { output }
    }
}

/// Rules by which trust plays no part: from the first job on the rate is the one that deters.
pub(super) fn deterring() -> Checks {
    Checks { ramp: 0, ..Checks::default() }
}

/// A market whose first founder has passed so many jobs that most of its results are not drawn.
pub(super) fn trusting(plan: Plan, jobs: u64) -> World {
    let mut world = market(plan);
    for number in 0..jobs {
        let provider = world.plan().founder(0);
        order(&mut world, provider, 1_000_000 + number, LABEL);
        world.run_for(Span::millis(800));
    }
    settle(&mut world, LIMIT, "trusting");
    world
}

/// Lets the first client order a job of one provider.
pub(super) fn order(world: &mut World, provider: Place, number: u64, manifest: &'static str) -> Digest {
    let wish = Wish { manifest, number, provider: Some(provider), attempts_max: 1, ..Wish::default() };
    world.submit(world.plan().client(0), wish)
}

/// Runs on until everything has settled. What is asserted of every world at rest takes its whole journal: once is enough.
pub(super) fn run_out(world: &mut World) {
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
}

/// Lets things happen until this is so.
pub(super) fn until(world: &mut World, what: impl Fn(&World) -> bool) {
    for _ in 0..STEPS_MAX {
        if what(world) {
            return;
        }
        world.step();
    }
    panic!("it never came to that");
}

/// How a job of the first client ended.
pub(super) fn outcome(world: &World, key: Digest) -> Outcome {
    match world.state(world.plan().client(0), key) {
        Some(AttemptState::Closed(outcome)) => outcome,
        state => panic!("the job was not closed: {state:?}"),
    }
}

/// The receipt of a job of the first client.
pub(super) fn receipt(world: &World, key: Digest) -> Receipt {
    world.receipt(world.plan().client(0), key).expect("the client holds a receipt")
}

/// What an honest provider is owed for a job: the price less its dues.
pub(super) fn owed(receipt: &Receipt) -> i128 {
    PRICE - i128::from(receipt.story.ticket.dues.0)
}

/// What a peer was to pay from its stake at a close, unless that was a conviction.
pub(super) fn fined(world: &World, receipt: &Receipt, peer: Place) -> i128 {
    let fines = receipt.story.settlement.fines.iter().filter(|fine| world.place(fine.peer) == Some(peer));
    fines.map(|fine| i128::from(fine.amount.0)).sum()
}

/// What a client owes for a job that is paid: the price and its premium.
pub(super) fn price(receipt: &Receipt) -> i128 {
    PRICE + i128::from(receipt.story.ticket.premium.0)
}

/// Who was drawn to check a job, in order, each once.
pub(super) fn drawn(world: &World, receipt: &Receipt) -> Vec<Place> {
    let seats = receipt.story.events.iter().filter_map(|event| {
        let Happening::Seat { tries, .. } = &event.what else { return None };
        world.place(tries.last()?.leaf.peer)
    });
    let mut drawn: Vec<Place> = Vec::new();
    for seat in seats {
        if !drawn.contains(&seat) {
            drawn.push(seat);
        }
    }
    drawn
}

/// What one check earns.
pub(super) fn check_cost(world: &World) -> i128 {
    super::check_cost(world.genesis(), world.genesis().manifests[0].work.call)
}

/// What peers own, in nano-credits.
pub(super) fn wealth(world: &World, place: Place) -> i128 {
    super::owned(world, &[place])
}

/// A market in which the rate is the one that deters, and all clients but the first provide too, each with this stake.
pub(super) fn staked(plan: Plan, stake: Amount, behaviour: impl Behaviour + Copy + 'static) -> World {
    let mut world = market(Plan { checks: deterring(), ..plan });
    let notary = world.id(world.plan().notary());
    for number in 1..world.plan().clients {
        let place = world.plan().client(number);
        world.command(place, Command::Stake { notary, amount: stake, target: Some(stake) });
        world.provide(place);
        world.behave(place, behaviour);
    }
    settle(&mut world, LIMIT, "staked");
    world.run_for(Span::seconds(3));
    world
}

/// Many gambles, each with two ends, and what they should have brought together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gambles {
    count: f64,
    found: f64,
    gamble: Gamble,
}

impl Gambles {
    /// Notes a gamble that brought `found`, where it brings `hit` with this chance and `miss` otherwise.
    pub(super) fn note(&mut self, found: f64, chance: f64, hit: f64, miss: f64) {
        self.count += 1.0;
        self.found += found;
        self.gamble.add(&[(chance, hit), (1.0 - chance, miss)]);
    }

    /// How many there were.
    pub(super) fn count(&self) -> f64 {
        self.count
    }

    /// What one of them brought on average.
    pub(super) fn mean(&self) -> f64 {
        self.found / self.count
    }

    /// Says what they brought together and asserts that this is what they should.
    pub(super) fn assert_as_expected(&self, what: &str) {
        self.gamble.assert_near(&format!("{what}, in {}", self.count), self.found);
    }
}

/// Nano-credits in credits.
pub(super) fn credits(amount: i128) -> f64 {
    amount as f64 / 1e9
}
