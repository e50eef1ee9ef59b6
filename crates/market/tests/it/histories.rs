//! Histories of many peers that act truthfully or falsely, with hostile facts between: the rules hold after every fact.

use std::{cell::RefCell, collections::BTreeSet};

use assay_market::{
    ledger::{Ledger, Rejection},
    witness::{Witness, state_of},
};
use assay_protocol::{
    account::{Grant, Register, Registration, Stake, Unstake},
    codec,
    genesis::{Founder, Genesis, Pair},
    id::Digest,
    journal::Fact,
    manifest::{Manifest, Policy},
    notice::Query,
    objection::{Cancel, Dispute},
    outcome::Outcome,
    receipt::{Happening, Story},
    units::{Amount, Duration, Rate},
};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    cheap::{Cheap, CheapScheme},
    office::{
        CLIENT, FIRST_VERIFIER, ISSUER, NEWCOMER, NOTARY, Office, Ordered, PROVIDER, STAKE, STRANGER, class,
        hasten, id,
    },
    play::{Client, Finds, Opens, Plan, Play, Provider},
};

/// Histories in one run, and acts in the longest of them.
const HISTORIES: u32 = 96;
const ACTS_MAX: usize = 60;
/// Jobs after which those who wait for trust have some.
const HONEST_JOBS: usize = 8;
/// Ticks that close every job, whatever stage it is in.
const TICKS_MAX: usize = 600;
/// Everything in the books is looked at after every fact.
const SWEEP_FACTS: u64 = 1;
/// More peers than the usual ones: a provider with little at stake, a client, two verifiers.
const SMALL: u64 = 7;
const SECOND: u64 = 8;
const MORE_VERIFIERS: [u64; 2] = [20, 21];
const CLIENTS: [u64; 4] = [CLIENT, SECOND, CLIENT, FIRST_VERIFIER + 1];
const PROVIDERS: [u64; 5] = [PROVIDER, PROVIDER, SMALL, NEWCOMER, FIRST_VERIFIER];
const OWNERS: [u64; 6] = [CLIENT, SECOND, PROVIDER, SMALL, NEWCOMER, FIRST_VERIFIER];

/// One thing that somebody does.
#[derive(Clone, Debug)]
enum Act {
    /// A client orders.
    Order { client: usize, provider: usize, terms: Terms, plan: Plan },
    /// So many rounds pass in which everybody does what is due.
    Rounds(u8),
    /// Somebody does what is due in one job.
    Move(usize),
    /// A tick after a pause.
    Pause(u64),
    /// An account's owner instructs the notary.
    Instruct(usize, Instruction),
    /// The issuer creates credits.
    Grant(usize, u64),
    /// Somebody without an account asks for one.
    Query(u64),
    /// Somebody does what cannot be done.
    Hostile(Hostile, usize),
}

#[derive(Clone, Copy, Debug)]
struct Terms {
    exact: bool,
    checks: u16,
    unchecked_ok: bool,
    millis_of_credit: u64,
    surplus: u64,
    cancel_fee: u64,
    /// Units beyond those that a claim bills.
    spare: u64,
}

#[derive(Clone, Copy, Debug)]
enum Instruction {
    Stake(u64, Option<u64>),
    Unstake(u64),
    Register(bool),
}

#[derive(Clone, Copy, Debug)]
enum Hostile {
    /// A fact of the past again.
    Repeats,
    /// A tick that was made up.
    Tick,
    /// A grant by somebody else.
    Grant,
    /// An objection to somebody else's job.
    Objection,
    /// A withdrawal of what stands for pay, or of more than there is.
    Unstake,
    /// The notary's own steps, as if somebody had said them.
    Notary,
}

fn plan() -> impl Strategy<Value = Plan> {
    use Provider::{Aborts, Absent, False, Streams, Traps, True, Twice};
    let provider = select(vec![
        True, True, True, True, True, True, False, False, Twice, Streams, Traps, Traps, Aborts, Absent,
    ]);
    let opens =
        select(vec![Opens::Truly, Opens::Truly, Opens::Truly, Opens::Falsely, Opens::Late, Opens::Never]);
    let client =
        select(vec![Client::Reveals, Client::Reveals, Client::Hides, Client::Disputes, Client::Cancels]);
    let finds = select(vec![
        Finds::Truth,
        Finds::Truth,
        Finds::Truth,
        Finds::Grey,
        Finds::OneLie,
        Finds::ManyLies,
        Finds::FirstLies,
        Finds::EveryOtherLies,
        Finds::Unserved,
        Finds::Absent,
        Finds::Slow,
    ]);
    (provider, opens, client, finds, select(vec![200, 1_200])).prop_map(
        |(provider, opens, client, finds, numbers)| Plan { provider, opens, client, finds, numbers },
    )
}

fn terms() -> impl Strategy<Value = Terms> {
    (any::<bool>(), 0..4_u16, any::<bool>(), 50..4_000_u64, 0..500_u64, 0..50_u64, 0..20_u64).prop_map(
        |(exact, checks, unchecked_ok, millis_of_credit, surplus, cancel_fee, spare)| Terms {
            exact,
            checks: checks.saturating_sub(1),
            unchecked_ok,
            millis_of_credit,
            surplus,
            cancel_fee,
            spare,
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    let instruction = prop_oneof![
        (0..40_u64, prop::option::of(0..100_u64))
            .prop_map(|(amount, target)| Instruction::Stake(amount, target)),
        (0..900_u64).prop_map(Instruction::Unstake),
        any::<bool>().prop_map(Instruction::Register),
    ];
    let hostile = select(vec![
        Hostile::Repeats,
        Hostile::Repeats,
        Hostile::Tick,
        Hostile::Grant,
        Hostile::Objection,
        Hostile::Unstake,
        Hostile::Notary,
    ]);
    prop_oneof![
        10 => (0..CLIENTS.len(), 0..PROVIDERS.len(), terms(), plan())
            .prop_map(|(client, provider, terms, plan)| Act::Order { client, provider, terms, plan }),
        5 => (1..24_u8).prop_map(Act::Rounds),
        5 => any::<usize>().prop_map(Act::Move),
        1 => (1..30_000_u64).prop_map(Act::Pause),
        2 => (0..OWNERS.len(), instruction).prop_map(|(who, what)| Act::Instruct(who, what)),
        1 => (0..OWNERS.len(), 0..20_u64).prop_map(|(who, amount)| Act::Grant(who, amount)),
        1 => (0..4_u64).prop_map(Act::Query),
        4 => (hostile, any::<usize>()).prop_map(|(what, which)| Act::Hostile(what, which)),
    ]
}

/// A network whose jobs are over in a few ticks, and where money is short in one way or another.
fn network(genesis: &mut Genesis, kind: u8) {
    hasten(genesis);
    genesis.money.pool = Amount([0, 30_000_000, 100_000_000_000][usize::from(kind % 3)]);
    let numbers = genesis.manifests[0].clone();
    let (name, policy, work_most) = ("exact".to_owned(), Policy::Exact, 40);
    genesis.manifests.push(Manifest { name, policy, work_most, ..numbers.clone() });
    if kind >= 3 {
        genesis.money.endowment = Amount(500_000_000);
        genesis.endowed = vec![Pair { model: numbers.model, class: class() }];
        genesis.checks.endowed_checks = 3;
    }
    let founder = |number: u64, stake: Amount, free: u64, classes: Vec<Digest>| {
        let (peer, free) = (id::<Cheap>(number), Amount::credits(free));
        Founder { peer, stake, free, classes }
    };
    genesis.verifiers.push(founder(SMALL, Amount::credits(9), 5, Vec::new()));
    genesis.verifiers.push(founder(SECOND, Amount::ZERO, 30, Vec::new()));
    genesis.verifiers.extend(MORE_VERIFIERS.map(|number| founder(number, STAKE, 1, vec![class()])));
}

/// What a history is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Everybody follows the plan of each job.
    Any,
    /// Providers are honest, and verifiers find nearly the same.
    Grey,
    /// Providers and verifiers are honest.
    Honest,
    /// They are until they are trusted.
    Tempted,
}

struct World {
    office: Office<Cheap>,
    plays: Vec<Play>,
    witness: Witness,
    nonces: u64,
    mood: Mood,
    /// The books at some moment of the past, and how many facts they had.
    earlier: Ledger,
}

impl World {
    fn new(kind: u8, mood: Mood) -> Self {
        let mut office = Office::new(|genesis| network(genesis, kind));
        (1_000..1_004).chain([SMALL, SECOND]).chain(MORE_VERIFIERS).for_each(|number| office.knows(number));
        let witness = Witness::new(office.genesis.clone(), &office.ledger, SWEEP_FACTS);
        let earlier = office.ledger.clone();
        Self { office, plays: Vec::new(), witness, nonces: 0, mood, earlier }
    }

    fn perform(&mut self, act: &Act) {
        match act {
            Act::Order { client, provider, terms, plan } => self.order(*client, *provider, terms, *plan),
            Act::Rounds(count) => (0..*count).for_each(|_| self.round()),
            Act::Move(which) => {
                let plays = self.open_plays();
                if let Some(play) = plays.get(which % plays.len().max(1)) {
                    self.advance(play);
                }
            }
            Act::Pause(millis) => self.tick(Duration(*millis)),
            Act::Instruct(who, what) => {
                let fact = self.instruct(OWNERS[*who], *what);
                self.enter(fact).ok();
            }
            Act::Grant(who, credits) => {
                let fact = self.grant(ISSUER, OWNERS[*who], Amount::credits(*credits));
                self.enter(fact).unwrap_or_else(|rejection| panic!("a grant was refused: {rejection}"));
            }
            Act::Query(number) => {
                let by = if *number == 0 { STRANGER } else { 1_000 + number };
                let query =
                    self.office.say(id::<Cheap>(by), Query { sequence: 1, job: None, standing: false });
                self.enter(Fact::Query(query)).ok();
            }
            Act::Hostile(what, which) => self.attack(*what, *which),
        }
    }

    /// Enters a fact and asks every rule. A refused one must have changed nothing; so must every fourth repeated one.
    fn enter(&mut self, fact: Fact) -> Result<(), Rejection> {
        let earlier = self.office.ledger.clone();
        let touched = match self.office.enter(fact.clone()) {
            Ok(touched) => touched,
            Err(rejection) => {
                let (now, was) = (state_of(&self.office.ledger), state_of(&earlier));
                assert_eq!(now, was, "I7: a refused fact changed the books");
                return Err(rejection);
            }
        };
        let office = &self.office;
        let receipt = |story: &Story| Some(office.receipt(story.ticket.job));
        self.witness.hear::<CheapScheme>(&office.ledger, &fact, &touched, receipt);
        if self.office.facts.len().is_multiple_of(4) {
            self.refused(&fact, "I7: a repeated fact was taken");
        }
        Ok(())
    }

    /// Enters a fact that must not be taken.
    fn refused(&mut self, fact: &Fact, rule: &str) {
        let state = state_of(&self.office.ledger);
        assert!(self.office.enter(fact.clone()).is_err(), "{rule}: {fact:?}");
        assert_eq!(state_of(&self.office.ledger), state, "I7: a refused fact changed the books");
    }

    fn tick(&mut self, length: Duration) {
        let tick = Fact::Tick(self.office.next_tick(length));
        self.office.passes(length);
        self.enter(tick).unwrap_or_else(|rejection| panic!("a tick was refused: {rejection}"));
    }

    fn open_plays(&self) -> Vec<Play> {
        self.plays.iter().filter(|play| self.office.job(play.job.id).is_some()).cloned().collect()
    }

    /// Somebody does what is due in this job; whether it is taken is for the books to say.
    fn advance(&mut self, play: &Play) -> bool {
        let Some(fact) = play.next(&self.office) else { return false };
        self.enter(fact).is_ok()
    }

    fn round(&mut self) {
        for play in self.open_plays() {
            while self.advance(&play) {}
        }
        self.tick(self.office.genesis.timers.tick);
    }

    fn is_honest(&self) -> bool {
        match self.mood {
            Mood::Any => false,
            Mood::Grey | Mood::Honest => true,
            Mood::Tempted => self.plays.len() < HONEST_JOBS,
        }
    }

    fn order(&mut self, client: usize, provider: usize, terms: &Terms, plan: Plan) {
        let (client, provider) = (CLIENTS[client], PROVIDERS[provider]);
        let (honest, exact) = (self.is_honest(), terms.exact && self.mood != Mood::Grey);
        let finds = if self.mood == Mood::Grey { Finds::Grey } else { Finds::Truth };
        let plan =
            if honest { Plan { provider: Provider::True, opens: Opens::Truly, finds, ..plan } } else { plan };
        let lane = u16::try_from(self.nonces).unwrap_or(u16::MAX);
        let (mut order, secret) = self.office.order(client, provider, lane, 0);
        order.manifest = self.office.genesis.manifests[usize::from(exact)].clone();
        order.units_max += terms.spare;
        order.unit_price = Amount(terms.millis_of_credit * 1_000_000 / order.units_max);
        (order.checks, order.unchecked_ok) = (if honest { 0 } else { terms.checks }, terms.unchecked_ok);
        order.cancel_fee = Amount(terms.cancel_fee * 1_000_000);
        // Price, premium and as many checks as may have to be paid in advance.
        let needed = terms.millis_of_credit + 2 + 40 * u64::from(terms.checks.max(1));
        order.total_max = Amount((needed + terms.surplus) * 1_000_000);
        order.run_max = Duration(300);
        let agreed = self.office.agreed(&order, Rate::ONE);
        if self.enter(Fact::Open(agreed)).is_err() {
            return;
        }
        self.nonces += 1;
        let Some(open) = self.office.job(order.id()) else { panic!("a job that was opened is open") };
        let job = Ordered { id: order.id(), ticket: *open.ticket(), order, secret };
        self.plays.push(Play { job, plan });
    }

    fn instruct(&self, by: u64, what: Instruction) -> Fact {
        let (notary, sequence, peer) = (id::<Cheap>(NOTARY), self.office.instruction(by), id::<Cheap>(by));
        match what {
            Instruction::Stake(credits, target) => {
                let (amount, target) = (Amount::credits(credits), target.map(Amount::credits));
                Fact::Stake(self.office.say(peer, Stake { notary, sequence, amount, target }))
            }
            Instruction::Unstake(credits) => {
                let amount = Amount::credits(credits);
                Fact::Unstake(self.office.say(peer, Unstake { notary, sequence, amount }))
            }
            Instruction::Register(more) => {
                let manifests = &self.office.genesis.manifests[..1 + usize::from(more)];
                let kind = |manifest: &Manifest| manifest.kind(class());
                let mut kinds: Vec<Registration> = manifests.iter().map(kind).collect();
                kinds.sort_unstable();
                Fact::Register(self.office.say(peer, Register { notary, sequence, kinds }))
            }
        }
    }

    fn grant(&self, by: u64, to: u64, amount: Amount) -> Fact {
        let grants = self.office.facts.iter().filter(|fact| matches!(fact, Fact::Grant(_))).count() as u64;
        let grant =
            Grant { notary: id::<Cheap>(NOTARY), account: id::<Cheap>(to), amount, serial: grants + 1 };
        Fact::Grant(self.office.say(id::<Cheap>(by), grant))
    }

    fn attack(&mut self, what: Hostile, which: usize) {
        let office = &self.office;
        let fact = match what {
            Hostile::Repeats => office.facts[which % office.facts.len()].clone(),
            Hostile::Tick => {
                let mut tick = office.next_tick(office.genesis.timers.tick).said().clone();
                tick.beacon = codec::digest("hostile", &(which as u64));
                Fact::Tick(office.say(id::<Cheap>(NOTARY), tick))
            }
            Hostile::Grant => self.grant(NOTARY, PROVIDER, Amount::credits(1_000)),
            Hostile::Objection => {
                let Some(play) = self.plays.get(which % self.plays.len().max(1)) else { return };
                let (job, ticket) = (play.job.id, play.job.ticket.digest());
                if which.is_multiple_of(2) {
                    Fact::Job(Happening::Dispute(office.say(play.job.order.provider, Dispute { job })))
                } else {
                    Fact::Job(Happening::Cancel(office.say(play.job.order.provider, Cancel { job, ticket })))
                }
            }
            Hostile::Unstake => {
                let account = office.account(PROVIDER);
                let (notary, sequence) = (id::<Cheap>(NOTARY), account.instruction + 1);
                let amount = Amount(account.stake.minus_up_to(account.engaged()).0 + 1);
                let unstake = Unstake { notary, sequence, amount };
                Fact::Unstake(office.say(id::<Cheap>(PROVIDER), unstake))
            }
            Hostile::Notary => {
                let all = [Happening::Tick, Happening::Convicted, Happening::Draw { check: false }];
                Fact::Job(all[which % all.len()].clone())
            }
        };
        self.refused(&fact, "I7, I8: a hostile fact was taken");
    }

    /// I13, and I12 from the beginning and from the middle.
    fn end(&mut self) {
        for _ in 0..TICKS_MAX {
            if self.office.ledger.open_jobs().next().is_none() {
                break;
            }
            self.tick(self.office.genesis.timers.tick);
        }
        let held = self.office.ledger.held();
        assert!(held.is_zero(), "I13: {held} is held although nobody acts any more");
        let state = state_of(&self.office.ledger);
        let first = Ledger::new(self.office.genesis.clone(), id::<Cheap>(NOTARY));
        for start in [first, self.earlier.clone()] {
            let taken = usize::try_from(start.sequence()).unwrap_or(usize::MAX);
            assert_eq!(replayed(start, &self.office.facts[taken..]), state, "I12: from fact {taken} on");
        }
    }
}

fn replayed(mut ledger: Ledger, facts: &[Fact]) -> Digest {
    for fact in facts {
        ledger
            .apply(fact)
            .unwrap_or_else(|rejection| panic!("I12: a fact was refused in replay: {rejection}"));
    }
    state_of(&ledger)
}

fn live(kind: u8, mood: Mood, acts: &[Act], middle: usize) -> BTreeSet<Outcome> {
    let mut world = World::new(kind, mood);
    for (place, act) in acts.iter().enumerate() {
        world.perform(act);
        if place == middle {
            world.earlier = world.office.ledger.clone();
        }
    }
    world.end();
    world.witness.outcomes
}

#[test]
fn the_invariants_hold_after_every_fact_of_any_history_and_every_end_is_reached() {
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config { cases: HISTORIES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, seed);
    let reached: RefCell<BTreeSet<Outcome>> = RefCell::default();
    let mood = select(vec![Mood::Any, Mood::Any, Mood::Grey, Mood::Honest, Mood::Tempted]);
    let history = (0..6_u8, mood, prop::collection::vec(act(), ACTS_MAX / 2..ACTS_MAX), 0..ACTS_MAX);
    let run = runner.run(&history, |(kind, mood, acts, middle)| {
        reached.borrow_mut().extend(live(kind, mood, &acts, middle));
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
    let reached = reached.into_inner();
    let missed: Vec<Outcome> =
        Outcome::ALL.into_iter().filter(|outcome| !reached.contains(outcome)).collect();
    assert!(missed.is_empty(), "I16: no history ended a job as {missed:?}");
}
