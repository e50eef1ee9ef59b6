//! What a job costs its peers that is paid without a check once its window is over: how many inputs, and how much time of
//! their processors. By the timers of a network of strangers, where a window is ten minutes.
//!
//! Jobs are lived through once; what each brain heard is then given to it again, and only that is timed. What the peers
//! hear while nobody orders anything is no job's and is taken off.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use assay_market::{Book, Command, Config, Effect, Effects, Event, Input, Moment, Node, Steady};
use assay_protocol::{
    codec,
    genesis::{Checks, Timers},
    message::{Message, Opened},
    outcome::Outcome,
    units::{Rate, Timestamp},
};
use assay_simulations::{
    behaviour::Behaviour,
    crypto::{Simulated, SimulatedKey},
    kernel::Span,
    plan::{LABEL, Plan},
    world::{Place, Wish, World},
};

/// Jobs of which the mean is taken.
const JOBS: u64 = 20;
/// The time from one order to the next.
const ORDER_PAUSE: u64 = 1_700;
/// By then all of them are paid.
const LIFE_MILLIS: u64 = 900_000;
/// When the first is ordered: everybody has an account, and has heard of the offers.
const OPENING_MILLIS: u64 = 6_000;
/// The wall clock when a world begins.
const EPOCH_MILLIS: u64 = 1_800_000_000_000;
/// How often the same is heard again; the shortest time counts.
const REPETITIONS: usize = 7;
/// Inputs of all peers together that a job may cost.
const INPUTS_MAX: u64 = 60;

/// Six founders, of whom the first provides; nobody's clock is off. One job in four thousand million is drawn.
fn plan() -> Plan {
    let checks = Checks { base: Rate(1), ramp: 0, theta: Rate::ZERO, ..Checks::default() };
    Plan { timers: Timers::default(), checks, slots: 64, skew_ms_max: 0, ..Plan::default() }
}

/// One input, whose it was and when.
#[derive(Clone, Debug)]
struct Heard {
    place: Place,
    at: Timestamp,
    input: Input,
}

/// What the brains of a world heard and did so far.
#[derive(Debug, Default)]
struct Notes {
    heard: Vec<(Place, Input)>,
    effects: u64,
}

/// Writes down what passes.
#[derive(Debug)]
struct Scribe {
    place: Place,
    notes: Rc<RefCell<Notes>>,
}

impl Behaviour for Scribe {
    fn hear(&mut self, input: Input) -> Option<Input> {
        self.notes.borrow_mut().heard.push((self.place, input.clone()));
        Some(input)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        // What the book does is no brain's doing.
        let of_book = matches!(effect, Effect::Tell(Event::OfferSeen { .. }));
        self.notes.borrow_mut().effects += u64::from(!of_book);
        Some(effect)
    }
}

/// All that was heard in a world, and the offers that were known in the end.
struct Chronicle {
    heard: Vec<Heard>,
    effects: u64,
    book: Book,
}

impl Chronicle {
    /// Lives through so many jobs.
    fn of(jobs: u64) -> Self {
        let (mut world, notes) = (World::new(plan()), Rc::new(RefCell::new(Notes::default())));
        for number in 0..world.plan().peers() {
            let place = Place(number);
            world.behave(place, Scribe { place, notes: notes.clone() });
        }
        world.overhear();
        let mut chronicle = Self { heard: Vec::new(), effects: 0, book: Book::default() };
        let (mut ordered, mut overheard) = (0, 0);
        // Each look is at the end of a millisecond: what came before it was heard within that.
        world.run_for(Span(999_999));
        for millis in 0..LIFE_MILLIS {
            open(&mut world, millis);
            if ordered < jobs && millis == OPENING_MILLIS + ordered * ORDER_PAUSE {
                order(&mut world, ordered);
                ordered += 1;
            }
            world.run_for(Span::ZERO);
            let at = Timestamp(EPOCH_MILLIS + millis);
            let heard = core::mem::take(&mut notes.borrow_mut().heard);
            chronicle.effects = notes.borrow().effects;
            chronicle.heard.extend(heard.into_iter().map(|(place, input)| Heard { place, at, input }));
            for bytes in &world.overheard()[overheard..] {
                chronicle.note_offer(&world, bytes, at);
            }
            overheard = world.overheard().len();
            world.run_for(Span::millis(1));
        }
        let outcomes: Vec<Outcome> = world.closed().values().map(|closed| closed.outcome).collect();
        assert_eq!(outcomes, vec![Outcome::NotDrawn; usize::try_from(jobs).unwrap_or_default()]);
        chronicle
    }

    fn note_offer(&mut self, world: &World, bytes: &[u8], at: Timestamp) {
        let opened = Message::decode(bytes).map(|message| message.open::<Simulated>(world.genesis().id()));
        if let Ok(Ok(Opened::Offer(offer))) = opened {
            self.book.take(offer, at, |_| 0);
        }
    }

    /// Gives every brain what it heard, again; says how much time each took.
    fn relive(&self) -> BTreeMap<Place, Duration> {
        let (plan, mut times) = (plan(), BTreeMap::new());
        let config = Config::new(plan.genesis());
        let new = |number: usize| {
            let entropy = codec::digest("simulated entropy", &(plan.seed, number as u64, 0_u64));
            Node::new(plan.key(Place(number)), config.clone(), entropy.0)
        };
        let mut nodes: Vec<Node<SimulatedKey>> = (0..plan.peers()).map(new).collect();
        let (mut effects, mut count) = (Effects::new(), 0);
        for Heard { place, at, input } in self.heard.clone() {
            let began = Instant::now();
            let moment = Moment { steady: Steady(at.0 - EPOCH_MILLIS), wall: at };
            nodes[place.0].handle(input, moment, &self.book, &mut effects);
            *times.entry(place).or_default() += began.elapsed();
            count += effects.len() as u64;
            effects.clear();
        }
        assert_eq!(count, self.effects, "what is heard again has other effects");
        times
    }

    /// The least that each took in some tries.
    fn time(&self) -> BTreeMap<Place, Duration> {
        let mut least = self.relive();
        for _ in 1..REPETITIONS {
            for (place, time) in self.relive() {
                least.entry(place).and_modify(|least| *least = time.min(*least));
            }
        }
        least
    }

    /// How many inputs of each kind the peers in each role heard.
    fn count(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        let mut counts = BTreeMap::new();
        for Heard { place, input, .. } in &self.heard {
            *counts.entry((role(*place), kind(input))).or_default() += 1;
        }
        counts
    }
}

/// Founders offer, and the client asks for its account, as [`World::open_market`] has it.
fn open(world: &mut World, millis: u64) {
    let (notary, client) = (world.id(world.plan().notary()), world.plan().client(0));
    if millis == 0 {
        (0..world.plan().founders).for_each(|number| world.provide(world.plan().founder(number)));
    }
    if millis < OPENING_MILLIS && millis.is_multiple_of(1_000) {
        world.command(client, Command::Ask { notary });
    }
}

fn order(world: &mut World, number: u64) {
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let wish = Wish { manifest: LABEL, number, provider: Some(provider), attempts_max: 1, ..Wish::default() };
    world.submit(client, wish);
}

fn role(place: Place) -> &'static str {
    let plan = plan();
    if place == plan.notary() {
        "notary"
    } else if place == plan.client(0) {
        "client"
    } else if place == plan.founder(0) {
        "provider"
    } else {
        "others"
    }
}

fn kind(input: &Input) -> &'static str {
    match input {
        Input::Message(message) => message.kind(),
        Input::Command(_) => "a command",
        Input::Offered { .. } => "an offer",
        Input::Undelivered { .. } => "not delivered",
        Input::Connection { .. } => "a connection",
        Input::Fetched { .. } => "a blob",
        Input::Collected { .. } => "a receipt",
        Input::Ran { .. } => "a run's end",
        Input::Streamed { .. } => "what was streamed",
        Input::Shown { .. } => "records",
        Input::Recalled { .. } => "what was long closed",
        Input::Sensed(_) => "a look at the machine",
        Input::Wake => "an alarm",
    }
}

/// How many inputs of each kind a job costs each role, in hundredths.
fn inputs_of_a_job(idle: &Chronicle, busy: &Chronicle) -> BTreeMap<(&'static str, &'static str), u64> {
    let idle = idle.count();
    let beyond = |(name, count): (_, u64)| {
        (name, 100 * count.saturating_sub(idle.get(&name).copied().unwrap_or_default()) / JOBS)
    };
    busy.count().into_iter().map(beyond).collect()
}

#[test]
#[ignore = "measures: a few seconds, on a quiet machine"]
#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
fn what_a_job_costs_that_is_not_drawn() {
    let (idle, busy) = (Chronicle::of(0), Chronicle::of(JOBS));
    let inputs = inputs_of_a_job(&idle, &busy);
    for ((role, kind), count) in inputs.iter().filter(|(_, count)| **count >= 10) {
        println!("{role:10} {kind:12} {:8.2} inputs", *count as f64 / 100.0);
    }
    let (before, after) = (idle.time(), busy.time());
    let mut times: BTreeMap<&str, f64> = BTreeMap::new();
    for (place, time) in after {
        let beyond = time.saturating_sub(before.get(&place).copied().unwrap_or_default());
        *times.entry(role(place)).or_default() += beyond.as_secs_f64() * 1e6 / JOBS as f64;
    }
    for (role, time) in &times {
        let count: u64 = inputs.iter().filter(|((of, _), _)| of == role).map(|(_, count)| count).sum();
        println!("{role:10} {:8.2} inputs a job, {time:8.1} µs", count as f64 / 100.0);
    }
    let (count, time) = (inputs.values().sum::<u64>(), times.values().sum::<f64>());
    println!("together   {:8.2} inputs a job, {time:8.1} µs", count as f64 / 100.0);
    assert!(count > 0 && time > 0.0);
}

#[test]
fn a_job_that_is_not_drawn_takes_few_inputs_however_long_its_window_is() {
    let inputs = inputs_of_a_job(&Chronicle::of(0), &Chronicle::of(JOBS));
    let count = inputs.values().sum::<u64>();
    assert!(count <= 100 * INPUTS_MAX, "{count} hundredths: {inputs:#?}");
}
