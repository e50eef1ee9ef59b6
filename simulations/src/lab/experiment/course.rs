//! The course of a run, whatever it is run in: who stands where and behaves how, when orders come, who comes and goes.
//!
//! **Invariant:** what happens to a run from outside is drawn from streams of its own, so both kernels are given the same.

use assay_market::Command;
use assay_protocol::{
    codec,
    genesis::Timers,
    id::{Digest, NetworkId},
    units::{Amount, NANO_PER_CREDIT, Rate},
};

use super::{
    ExperimentError, RunTime,
    company::Company,
    pool_range::PoolRange,
    trade::{TradingCourse, TradingTime},
};
use crate::{
    behaviour::Behaviour,
    kernel::{Instant, Span},
    lab::scenario::{BehaviourName, Population, PopulationRole, Scenario, WHOLE},
    links::Links,
    network::Conditions,
    plan::{self, Plan},
    world::{Place, Wish},
};

/// The longest that a run may take to come to rest after its last order.
const REST: Span = Span::seconds(48 * 3_600);
/// How long nobody looks whether there were too many events, at first.
const GLANCE: u64 = 1_000_000_000;

/// What a scenario is run in.
pub(super) trait EventKernel {
    /// Virtual time since the run began.
    fn now(&self) -> Instant;
    /// How many events there were.
    fn events(&self) -> u64;
    /// Lets time pass until then.
    fn pass(&mut self, until: Instant);
    /// Lets everybody have an account and every founder offer what there is.
    fn open(&mut self);
    /// Lets somebody else offer it.
    fn provide(&mut self, place: Place);
    /// What the run is made of.
    fn planned(&self) -> &Plan;
    /// The name of the network.
    fn network_id(&self) -> NetworkId;
    /// From now on a peer behaves like this.
    fn adopt(&mut self, place: Place, behaviour: Box<dyn Behaviour>);
    /// Lets a client want a job to be run.
    fn order(&mut self, client: Place, wish: Wish);
    /// Lets a user want something else of its peer.
    fn command(&mut self, place: Place, command: Command);
    /// What of its stake a peer could withdraw now.
    fn withdrawable(&self, place: Place) -> Option<Amount>;
    /// Lets a machine stand still.
    fn halt(&mut self, place: Place, span: Span);
    /// From now on this, and nothing else, is wrong with the links.
    fn relink(&mut self, links: Links);
    /// What a peer owns.
    fn owned(&self, place: Place) -> Option<Amount>;
    /// What pays for checks.
    fn pool(&self) -> Option<Amount>;
    /// What that owes to those whom it could not pay.
    fn owed(&self) -> Option<Amount>;
    /// What was seen so far counts no more.
    fn recount(&mut self);
    /// Lets everything end within so long; what is still open if it does not.
    fn end(&mut self, limit: Span) -> Result<(), String>;
}

/// A peer of a scenario.
pub(super) type Cast<'a> = Vec<(Place, &'a Population)>;

/// What a run came to by the books.
pub(super) struct SeedCourse {
    /// How many orders came.
    pub(super) orders: u64,
    /// What everybody gained.
    pub(super) gained: Owned,
    /// What the pool was meanwhile.
    pub(super) pool: PoolRange,
    /// Stands for what programs answered, where they decided for anybody.
    answers: Option<Digest>,
}

/// What is owned by the books, in credits.
pub(super) struct Owned {
    /// By each peer of the cast.
    pub(super) each: Vec<f64>,
    /// By the pool.
    pub(super) pool: f64,
}

impl Owned {
    /// What is owned now.
    pub(super) fn by_the_books(kernel: &impl EventKernel, cast: &Cast<'_>) -> Self {
        let each = cast.iter().map(|(place, _)| credits(kernel.owned(*place).unwrap_or(Amount::ZERO)));
        Self { each: each.collect(), pool: credits(kernel.pool().unwrap_or(Amount::ZERO)) }
    }

    /// By how much that is more than before.
    fn beyond(&self, before: &Self) -> Self {
        let each = self.each.iter().zip(&before.each).map(|(now, before)| now - before);
        Self { each: each.collect(), pool: self.pool - before.pool }
    }
}

pub(super) fn credits(amount: Amount) -> f64 {
    amount.0 as f64 / NANO_PER_CREDIT as f64
}

impl SeedCourse {
    /// The digest of a run in which this happened, beside what its kernel saw.
    pub(super) fn digest(&self, seen: String) -> String {
        let Some(answers) = self.answers else { return seen };
        let digest = codec::digest("run with programs", &(&seen, answers));
        digest.0.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

pub(super) fn plan(scenario: &Scenario, seed: u64) -> Plan {
    let part = |parts| Rate::of(parts, WHOLE);
    let mut plan = Plan {
        seed,
        founders: scenario.count(PopulationRole::Founder) as usize,
        clients: (scenario.count(PopulationRole::Client) + scenario.count(PopulationRole::Newcomer)) as usize,
        stake: thousandths(scenario.stake),
        price_step: thousandths(scenario.price_step),
        slots: u16::try_from(scenario.slots).unwrap_or(u16::MAX),
        runs: scenario.machine.runs.map(Span),
        sync_min: Span(scenario.machine.syncs[0]),
        sync_max: Span(scenario.machine.syncs[1]),
        texts: scenario.work == plan::TEXT,
        conditions: Conditions {
            delay_min: Span(scenario.delays[0]),
            delay_max: Span(scenario.delays[1]),
            loss: part(scenario.loss),
            ..Conditions::GOOD
        },
        ..Plan::default()
    };
    plan.timers = Timers { settle_max: plan.timers.settle_max, ..scenario.timers.timers() };
    plan.unbonding = plan.timers.unbonding;
    plan.welcomes_per_hour = plan.welcomes_per_hour.max(plan.clients as u64);
    (plan.checks.base, plan.checks.ramp) = (part(scenario.base), scenario.ramp);
    let cast = cast(scenario, &plan);
    let asks =
        cast.iter().filter(|(_, each)| each.ask != WHOLE).map(|(place, each)| (place.0, part(each.ask)));
    let asks = asks.collect();
    let founders = cast.iter().filter(|(_, each)| each.role == PopulationRole::Founder && each.stake > 0);
    let stakes = founders.map(|(place, each)| (place.0, thousandths(each.stake))).collect();
    Plan { asks, stakes, ..plan }
}

/// Thousandths of a credit.
pub(super) fn thousandths(count: u64) -> Amount {
    Amount(count.saturating_mul(NANO_PER_CREDIT / 1_000))
}

/// Who stands where: the founders of all populations, then the clients, then the newcomers.
pub(super) fn cast<'a>(scenario: &'a Scenario, plan: &Plan) -> Cast<'a> {
    let roles = [PopulationRole::Founder, PopulationRole::Client, PopulationRole::Newcomer];
    let populations = roles.into_iter().flat_map(|role| {
        let populations = scenario.populations.iter().filter(move |each| each.role == role);
        populations.flat_map(|each| (0..each.count).map(move |_| each))
    });
    populations.enumerate().map(|(number, each)| (plan.founder(number), each)).collect()
}

/// Lets a scenario take its course from its first day to its last.
pub(super) fn play(
    scenario: &Scenario,
    seed: u64,
    kernel: &mut impl EventKernel,
    cast: &Cast<'_>,
    time: &RunTime<'_>,
) -> Result<SeedCourse, ExperimentError> {
    let company = Company::gather(scenario, seed, kernel.planned(), kernel.network_id(), cast)?;
    for (number, (place, population)) in cast.iter().enumerate() {
        if population.conduct != BehaviourName::Honest && population.begins == 0 {
            kernel.adopt(*place, company.behaviour(cast, number));
        }
    }
    kernel.open();
    let newcomers = cast.iter().filter(|(_, population)| population.role == PopulationRole::Newcomer);
    newcomers.for_each(|(place, _)| kernel.provide(*place));
    kernel.recount();
    let mut before = Owned::by_the_books(kernel, cast);
    let trading = TradingTime::new(scenario, seed, kernel.now(), cast, &company);
    let TradingCourse { orders, mut pool } = trading.pass(kernel, &mut before, time)?;
    rest(scenario, seed, kernel, &company)?;
    pool.look(kernel);
    let gained = Owned::by_the_books(kernel, cast).beyond(&before);
    Ok(SeedCourse { orders, gained, pool, answers: company.end()? })
}

/// Lets everything end, and looks now and then whether there were too many events.
pub(super) fn rest(
    scenario: &Scenario,
    seed: u64,
    kernel: &mut impl EventKernel,
    company: &Company,
) -> Result<(), ExperimentError> {
    let begin = kernel.now().0;
    loop {
        let passed = kernel.now().0 - begin;
        // Each look comes after twice the time of the one before: looking has a price as well.
        let ended = kernel.end(Span(passed.clamp(GLANCE, REST.0)));
        company.examine()?;
        if kernel.events() > scenario.events_max {
            return Err(ExperimentError::TooManyEvents { seed, events_max: scenario.events_max });
        }
        match ended {
            Ok(()) => return Ok(()),
            Err(what) if passed >= REST.0 => {
                return Err(ExperimentError::Unsettled { seed, what: what.chars().take(400).collect() });
            }
            Err(_) => {}
        }
    }
}
