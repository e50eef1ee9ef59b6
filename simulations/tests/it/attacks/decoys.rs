//! Decoys: offers at less than half the price from those who will not, or cannot, do the work. Names and promises cost
//! nothing, so whatever of them there is, jobs go on to those who have something to lose.

use assay_protocol::{
    message::Message,
    offer::{Bench, Offer, Reachability, Service},
    signed::{Signed, Signer},
    units::{Amount, Duration},
};
use assay_simulations::{
    behaviour::{Aborter, Behaviour, Mute, Sleeper},
    crypto::SimulatedKey,
    kernel::Span,
    plan::{self, Plan, UNIT_PRICE},
    world::{Place, World},
};

use super::{Coalition, deliveries::Deliveries, sell_at};
use crate::support::market;

/// What decoys ask for a unit.
const CHEAP: Amount = Amount(UNIT_PRICE.0 * 46 / 100);
/// How often a job is submitted, and how long its result is waited for.
const PACE: (Span, Span) = (Span::millis(400), Span::seconds(120));
/// Jobs of the client in each test.
const JOBS: u64 = 40;
/// Keys without anybody behind them have numbers from here on.
const NOBODY: u64 = 1_000_000;

/// Who offers what it does not keep.
#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    made_up: u64,
    mute: usize,
    aborting: usize,
    stalling: usize,
}

impl Crowd {
    fn present(&self) -> usize {
        self.mute + self.aborting + self.stalling
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
        join(&mut world, self.aborting, &|world, number| behave(world, number, Aborter));
        join(&mut world, self.stalling, &|world, number| behave(world, number, Sleeper));
        self.make_up(&mut world);
        world.run_for(Span::seconds(1));
        world
    }

    /// Tells the client of offers by keys that nobody answers for.
    fn make_up(&self, world: &mut World) {
        let (client, from) = (world.plan().client(0), world.plan().notary());
        let services: Vec<Service> = world
            .genesis()
            .manifests
            .iter()
            .map(|manifest| Service {
                manifest: manifest.digest(),
                name: manifest.name.clone(),
                unit_price: CHEAP,
                run: Duration(1),
                warm: true,
            })
            .collect();
        for number in NOBODY..NOBODY + self.made_up {
            let offer = Offer {
                sequence: 1,
                valid_until: world.clock(client).after(Duration::seconds(900)),
                benches: vec![Bench {
                    class: plan::class(),
                    machine: String::new(),
                    device: String::new(),
                    memory_free: 1 << 30,
                    slots: 100,
                    services: services.clone(),
                }],
                notaries: world.genesis().notaries.clone(),
                addresses: vec![format!("/memory/{number}")],
                reachability: Reachability::Unknown,
                standing: None,
            };
            let key = SimulatedKey::new(world.plan().seed, number);
            assert!(world.place(key.id()).is_none());
            let offer = Signed::seal(offer, &key, world.genesis().id());
            world.post(from, client, Message::from(offer).encode());
        }
    }

    /// A market whose client heard of made-up offers before it heard of anybody who is there.
    fn late_market(&self) -> World {
        let mut world = World::new(self.plan());
        world.run_for(Span::seconds(1));
        self.make_up(&mut world);
        world.run_for(Span::seconds(1));
        world.open_market();
        world
    }

    /// Asserts that a client among them has its results as if they were not there.
    fn check(&self, attack: &str) {
        assert_undisturbed(self.market(), attack);
    }
}

/// Asserts that the client of this market has its results as in one without any of them.
fn assert_undisturbed(mut world: World, attack: &str) {
    let mut quiet = market(Crowd::default().plan());
    let client = quiet.plan().client(0);
    let peace = Deliveries::of(&mut quiet, client, JOBS, PACE, |_| {});
    let (client, clients) = (world.plan().client(0), world.plan().clients);
    let decoys: Vec<Place> = (1..clients).map(|number| world.plan().client(number)).collect();
    let coalition = Coalition::new(&world, decoys);
    Deliveries::of(&mut world, client, JOBS, PACE, |_| {}).assert_undisturbed(&peace, attack);
    coalition.tell_figures(&world, attack, &[client]);
    let gain = coalition.gain(&world, attack);
    assert!(gain <= 0, "{attack}: {gain}");
}

fn behave(world: &mut World, number: usize, behaviour: impl Behaviour + 'static) {
    let place = world.plan().client(number);
    world.disown(place);
    world.behave(place, behaviour);
}

#[test]
fn made_up_offers_keep_no_job_from_those_who_are_there() {
    Crowd { made_up: 400, ..Crowd::default() }.check("400 made-up offers");
}

/// More names than a client remembers under one model: while whoever was heard first stayed, they had all orders.
#[test]
fn names_that_were_heard_first_keep_no_provider_out() {
    let crowd = Crowd { made_up: 1_100, ..Crowd::default() };
    assert_undisturbed(crowd.late_market(), "1,100 made-up offers that were heard first");
}

#[test]
fn mute_providers_keep_no_job_from_those_who_answer() {
    Crowd { mute: 40, ..Crowd::default() }.check("40 mute providers");
}

#[test]
fn providers_that_abort_keep_no_job_from_those_who_work() {
    Crowd { aborting: 12, ..Crowd::default() }.check("12 providers that abort");
}

#[test]
fn providers_that_accept_and_stall_keep_no_job_from_those_who_work() {
    Crowd { stalling: 12, ..Crowd::default() }.check("12 providers that accept and stall");
}

#[test]
fn all_decoys_at_once_keep_no_job_from_those_who_work() {
    Crowd { made_up: 10_000, mute: 40, aborting: 12, stalling: 12 }.check("all decoys and 10,000 names");
}
