//! Histories of whole networks, made from a seed: honest peers and cheats of every kind, a network and machines that fail,
//! truly signed falsehoods between. Every rule of the books is asked after every fact, as in every world; here it is
//! asked of everything that can happen, and in the end everything closes by time alone.

use std::collections::BTreeMap;

use assay_market::Command;
use assay_protocol::{
    genesis::{Genesis, Pair},
    id::Digest,
    outcome::Outcome,
    units::{Amount, Duration, Rate},
};
use assay_simulations::{
    behaviour::{
        Aborter, AbsentVerifier, Bait, Drifter, FalseOpener, Forger, Honest, Hunter, LazyVerifier, Leaks,
        Raver, SecretiveClient, SilentProvider, Sleeper, Streamer, TwoFaced, Withholder,
    },
    kernel::Span,
    network::Conditions,
    plan::{self, EXACT, LABEL, Plan, TENSOR, UNIT_PRICE},
    random::Stream,
    world::{Crash, Place, Tail, Wish, World},
};

use crate::{
    crook::{Crook, Tamperer},
    support::{paid_once, settle},
};

/// Histories in one run, in as many parts.
const HISTORIES: u64 = 160;
const PARTS: u64 = 2;
/// Acts in one history.
const ACTS: u64 = 160;
/// After so many acts the notary's books are compared with those that its journal gives.
const COMPARED: u64 = 40;
/// By then every job closes, whatever stage it is in and though nobody but the notary acts.
const CLOSING: Span = Span::seconds(900);
/// By then every submission ends, once the network is good again.
const LIMIT: Span = Span::seconds(3_600);

/// What a history is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Everybody may be anything.
    Any,
    /// One provider after another is a little off.
    Drifting,
    /// Everybody is honest until they are trusted; then some verifiers stay away, and some providers cheat.
    Tempted,
    /// Those who check lie.
    Lying,
}

/// A network in which things happen.
struct History {
    world: World,
    luck: Stream,
    mood: Mood,
    crook: Option<Crook>,
    /// Whose submissions are counted: nobody else signs for them.
    clients: Vec<Place>,
    /// Those who may want to be a provider as well, and begin without a stake.
    newcomers: Vec<Place>,
    wishes: Vec<(Place, Digest)>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut luck = Stream::new(seed, "history", 0);
        let mood = [Mood::Any, Mood::Any, Mood::Drifting, Mood::Tempted, Mood::Lying][(seed % 5) as usize];
        let plan = plan(seed, &mut luck);
        let rules = rules(&plan, mood, &mut luck);
        let clients = vec![plan.client(0), plan.client(1), plan.client(2), plan.client(3)];
        let newcomers = vec![plan.client(2), plan.client(3)];
        let mut world = World::under(plan, rules);
        world.ask_takers();
        let wishes = Vec::new();
        let mut history = Self { world, luck, mood, crook: None, clients, newcomers, wishes };
        history.open();
        history
    }

    /// The market opens; newcomers come later, and one peer in some histories is a crook.
    fn open(&mut self) {
        for newcomer in self.newcomers.clone() {
            let late = Span::millis(self.luck.between(1_000, 30_000));
            self.world.crash(newcomer, Tail::Kept, late);
        }
        self.world.open_market();
        if self.mood != Mood::Tempted {
            (0..self.world.plan().peers()).skip(1).for_each(|number| self.turn(Place(number)));
        }
        if self.luck.below(2) == 0 {
            let plan = self.world.plan();
            let places = [plan.founder(plan.founders - 1), plan.client(plan.clients - 1)];
            places.iter().for_each(|place| self.world.disown(*place));
            self.world.overhear();
            let tamperer = Tamperer(Crook::new(&self.world, &places[..1]));
            self.world.behave(places[0], tamperer);
            self.crook = Some(Crook::new(&self.world, &places));
        }
    }

    /// From now on somebody behaves like somebody else.
    fn turn(&mut self, place: Place) {
        let (key, network) = (self.world.key(place), self.world.genesis().id());
        let id = self.world.id(place);
        let is_client = self.clients.contains(&place);
        let world = &mut self.world;
        match (self.mood, self.luck.below(16)) {
            (Mood::Drifting, 0..12) if !is_client => world.behave(place, Drifter),
            (Mood::Lying, 0..6) if !is_client => world.behave(place, Raver(id)),
            (Mood::Lying, 6..8) if !is_client => world.behave(place, LazyVerifier),
            (Mood::Lying, 8..11) if !is_client => world.behave(place, AbsentVerifier),
            (Mood::Any | Mood::Tempted, 3..6) if !is_client => {
                let clients = self.clients.iter().map(|client| world.key(*client)).collect();
                world.behave(place, Hunter::new(key, clients, network, Leaks::default(), Bait::False));
            }
            (_, 0) if is_client => world.behave(place, SecretiveClient),
            (_, 1) if is_client => world.behave(place, Withholder),
            (_, 6..) if is_client && !self.newcomers.contains(&place) => {
                world.behave(place, Honest);
            }
            (_, 6) => world.behave(place, Forger),
            (_, 7) => world.behave(place, SilentProvider),
            (_, 8) => world.behave(place, FalseOpener(key, network)),
            (_, 9) => world.behave(place, TwoFaced(key, network)),
            (_, 10 | 11) => world.behave(place, Streamer::new(key, network)),
            (_, 12) => world.behave(place, Aborter),
            (_, 13) => world.behave(place, Sleeper),
            (_, 14) => world.behave(place, AbsentVerifier),
            (_, 15) => world.behave(place, Drifter),
            (_, _) => world.behave(place, Honest),
        }
    }

    /// One thing happens.
    fn act(&mut self, number: u64) {
        let anybody = Place(pick(&mut self.luck, self.world.plan().peers()));
        match self.luck.below(32) {
            0..10 => self.submit(number),
            10..19 => self.pass(1_500),
            19 => self.pass(20_000),
            20 => self.cancel_or_dispute(true),
            21 => self.cancel_or_dispute(false),
            22 => {
                let command = self.instruction(anybody);
                self.world.command(anybody, command);
            }
            23 => {
                let newcomer = self.newcomers[pick(&mut self.luck, self.newcomers.len())];
                self.world.provide(newcomer);
            }
            24 => self.crash(anybody),
            25 => {
                let conditions = self.conditions();
                self.world.network().set_conditions(conditions);
            }
            26 => {
                let apart = (self.luck.below(3) == 0).then_some(anybody);
                self.world.network().cut_off(apart);
            }
            27 if self.mood != Mood::Tempted || number > ACTS / 2 => {
                if anybody != self.world.plan().notary() && !self.is_crook(anybody) {
                    self.turn(anybody);
                }
            }
            _ => self.lie(),
        }
    }

    fn is_crook(&self, place: Place) -> bool {
        let plan = self.world.plan();
        self.crook.is_some() && place == plan.founder(plan.founders - 1)
    }

    fn pass(&mut self, millis_max: u64) {
        let span = Span::millis(self.luck.between(1, millis_max));
        self.world.run_for(span);
    }

    fn submit(&mut self, number: u64) {
        let luck = &mut self.luck;
        let client = self.clients[pick(luck, self.clients.len())];
        let plan = self.world.plan();
        let favourite = if self.mood == Mood::Any { 3 } else { 2 };
        let provider = match luck.below(6) {
            0 => Some(self.newcomers[pick(luck, self.newcomers.len())]),
            1 => Some(plan.founder(pick(luck, plan.founders))),
            wanted if wanted >= favourite => Some(plan.founder(0)),
            _ => None,
        };
        let wish = Wish {
            manifest: [LABEL, LABEL, TENSOR, EXACT][pick(luck, 4)],
            number,
            provider: provider.filter(|provider| *provider != client),
            attempts_max: 1 + luck.below(4) as u16,
            checks: luck.below(6).saturating_sub(3) as u16,
            unchecked_ok: luck.below(4) == 0,
            cancel_fee: Amount(luck.below(UNIT_PRICE.0)),
            within: (luck.below(8) == 0).then(|| Duration(luck.between(500, 20_000))),
            ..Wish::default()
        };
        self.wishes.push((client, self.world.submit(client, wish)));
    }

    fn cancel_or_dispute(&mut self, cancels: bool) {
        let recent = self.wishes.len().min(6);
        let Some(back) = recent.checked_sub(1).map(|most| self.luck.below(most as u64 + 1) as usize) else {
            return;
        };
        let (client, key) = self.wishes[self.wishes.len() - 1 - back];
        let command = if cancels { Command::Cancel { key } } else { Command::Dispute { key } };
        self.world.command(client, command);
    }

    /// What an owner of an account wants of the notary; now and then of somebody else.
    fn instruction(&mut self, of: Place) -> Command {
        let luck = &mut self.luck;
        let notary = self.world.id(if luck.below(16) == 0 { of } else { self.world.plan().notary() });
        let accounts = self.world.books().map(|books| books.accounts).unwrap_or_default();
        let account = accounts.iter().find(|account| account.peer == self.world.id(of));
        let whole = account.map(|account| account.stake).filter(|_| luck.below(2) == 0);
        let amount = Amount(luck.below(3_000_000_000));
        match luck.below(4) {
            0 => Command::Stake { notary, amount, target: None },
            1 => Command::Stake { notary, amount, target: Some(Amount(luck.below(20_000_000_000))) },
            2 => Command::Unstake { notary, amount: whole.unwrap_or(amount) },
            _ => {
                let kinds = self.world.genesis().manifests.iter().filter(|_| luck.below(3) > 0);
                let kinds = kinds.map(|manifest| manifest.kind(plan::class())).collect();
                Command::Register { notary, kinds }
            }
        }
    }

    fn crash(&mut self, place: Place) {
        let tail = if self.luck.below(2) == 0 { Tail::Lost } else { Tail::Kept };
        let down = Span::millis(self.luck.between(50, 4_000));
        if self.luck.below(2) == 0 {
            self.world.crash(place, tail, down);
        } else {
            self.world.crash_at(place, Crash { before: self.luck.below(30), tail, down });
        }
    }

    fn conditions(&mut self) -> Conditions {
        let mut share = |most: u64| Rate::per_mille(self.luck.below(most));
        let (loss, duplication, feedback) = (share(400), share(300), share(1_000));
        let delay_max = Span::millis(self.luck.between(10, 500));
        Conditions { loss, duplication, feedback, delay_max, ..Conditions::GOOD }
    }

    /// A crook says a few things that are not so.
    fn lie(&mut self) {
        let Some(crook) = &mut self.crook else { return };
        crook.listen(&self.world);
        (0..8).for_each(|_| {
            crook.send(&mut self.world);
        });
    }

    /// I7, I12: what was refused, repeated or lost left nothing behind.
    fn compare(&self) {
        let Some(states) = self.world.states() else { return };
        assert!(states.iter().all(|state| *state == states[0]), "I7, I12: books that should be one differ");
    }

    /// I13, and I12 of the books and of what everybody remembers.
    fn end(mut self) -> BTreeMap<Outcome, u64> {
        self.world.call_crashes_off();
        self.world.network().set_conditions(Conditions::GOOD);
        let notary = self.world.plan().notary();
        self.world.network().cut_off([notary]);
        self.world.run_for(CLOSING);
        let books = self.world.books().expect("the notary is up");
        assert_eq!((books.open, books.held), (0, Amount::ZERO), "I13: not everything closes by time alone");
        self.compare();
        self.world.network().cut_off([]);
        settle(&mut self.world, LIMIT, "healed");
        paid_once(&self.world, &self.counted(), "in the end");
        let mut outcomes = BTreeMap::new();
        self.world.closed().values().for_each(|closed| *outcomes.entry(closed.outcome).or_default() += 1);
        outcomes
    }

    fn counted(&self) -> Vec<Place> {
        let crooks = if self.crook.is_some() { 1 } else { 0 };
        self.clients[..self.clients.len() - crooks].to_vec()
    }
}

/// A small network, in which one in three has hardly anything at stake, or clocks that are far apart.
fn plan(seed: u64, luck: &mut Stream) -> Plan {
    Plan {
        seed,
        founders: 4 + pick(luck, 4),
        clients: 4,
        slots: 1 + luck.below(6) as u16,
        stake: [Amount::credits(10), Amount::credits(1), Amount(200_000_000)][pick(luck, 3)],
        skew_ms_max: [50, 50, 5_000][pick(luck, 3)],
        unbonding: Duration::seconds(luck.between(1, 30)),
        cancel_fee_min: Amount(luck.below(2) * UNIT_PRICE.0 / 8),
        ..Plan::default()
    }
}

/// Rules under which trust grows fast, juries are short in some networks, and money is.
fn rules(plan: &Plan, mood: Mood, luck: &mut Stream) -> Genesis {
    let mut genesis = plan.genesis();
    genesis.checks.ramp = 1;
    // Few draws, and margins that they seldom reach.
    genesis.checks.draws_max = if mood == Mood::Lying { luck.between(2, 6) } else { 40 };
    genesis.money.pool = [Amount::ZERO, Amount(20_000_000), Amount::credits(100)][pick(luck, 3)];
    genesis.money.welcome = [Amount::credits(100), Amount(300_000_000)][pick(luck, 2)];
    genesis.money.welcomes_per_hour = 2 + luck.below(3);
    if luck.below(2) == 0 {
        let pair = |model: &str| Pair { model: Digest::of(model.as_bytes()), class: plan::class() };
        genesis.endowed = vec![pair(LABEL), pair(EXACT)];
        genesis.money.endowment = Amount(luck.below(100_000_000));
        genesis.checks.endowed_checks = luck.below(20);
    }
    genesis
}

fn pick(luck: &mut Stream, count: usize) -> usize {
    luck.below(count as u64) as usize
}

fn live(seed: u64) -> BTreeMap<Outcome, u64> {
    let mut history = History::new(seed);
    for number in 0..ACTS {
        history.act(number);
        if number % COMPARED == 0 {
            history.compare();
        }
    }
    history.end()
}

/// Lives through one part of the histories; in each every end is reached.
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn check(part: u64) {
    let mut reached: BTreeMap<Outcome, u64> = BTreeMap::new();
    for seed in (0..HISTORIES).filter(|seed| seed % PARTS == part) {
        let lived = std::panic::catch_unwind(|| live(seed));
        let Ok(outcomes) = lived else { panic!("the history of seed {seed} fails") };
        outcomes.into_iter().for_each(|(outcome, count)| *reached.entry(outcome).or_default() += count);
    }
    println!("part {part}: {reached:?}");
    let missed: Vec<&Outcome> =
        Outcome::ALL.iter().filter(|outcome| !reached.contains_key(outcome)).collect();
    assert!(missed.is_empty(), "I16: no history ended a job as {missed:?}");
}

#[test]
fn the_invariants_hold_in_the_first_half_of_histories_and_every_end_is_reached() {
    check(0);
}

#[test]
fn the_invariants_hold_in_the_second_half_of_histories_and_every_end_is_reached() {
    check(1);
}
