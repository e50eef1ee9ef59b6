//! The course of a run, whatever it is run in: who stands where and behaves how, when orders come, who comes and goes.
//!
//! **Invariant:** what happens to a run from outside is drawn from streams of its own, so both kernels are given the same.

use assay_protocol::{
    codec,
    id::{Digest, NetworkId},
    units::{Amount, NANO_PER_CREDIT, Rate, Units},
};

use super::{ExperimentError, company::Company, surplus};
use crate::{
    behaviour::{Behaviour, Honest},
    kernel::{Instant, Span},
    lab::{
        calendar::Calendar,
        distribution::{Distribution, exponential},
        scenario::{BehaviourName, Population, PopulationRole, Scenario, WHOLE},
    },
    network::Conditions,
    plan::{self, Plan},
    random::Stream,
    world::{Place, Wish},
};

/// The longest that a run may take to come to rest after its last order.
const REST: Span = Span::seconds(48 * 3_600);
/// How long nobody looks whether there were too many events.
const GLANCE: u64 = 1_000_000_000;
/// The shape of how long peers stay, as it was measured.
const STAY_SHAPE: f64 = 0.608;

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
    /// Lets a machine stand still.
    fn halt(&mut self, place: Place, span: Span);
    /// What a peer owns.
    fn owned(&self, place: Place) -> Option<Amount>;
    /// Lets everything end within so long; what is still open if it does not.
    fn end(&mut self, limit: Span) -> Result<(), String>;
}

/// A peer of a scenario.
pub(super) type Cast<'a> = Vec<(Place, &'a Population)>;

/// What a run came to by the books.
pub(super) struct SeedCourse {
    /// How many orders came.
    pub(super) orders: u64,
    /// What one of each population gained, and what each coalition did, in credits.
    pub(super) gains: Vec<(String, Option<f64>)>,
    /// Stands for what programs answered, where they decided for anybody.
    answers: Option<Digest>,
}

impl SeedCourse {
    /// The digest of a run in which this happened, beside what its kernel saw.
    pub(super) fn digest(&self, seen: String) -> String {
        let Some(answers) = self.answers else { return seen };
        let digest = codec::digest("run with programs", &(&seen, answers));
        digest.0.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What the world is to do next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Order,
    Leave(u32),
    /// A peer begins to behave as its population does.
    Turns(u32),
    /// It is honest again.
    Returns(u32),
}

pub(super) fn plan(scenario: &Scenario, seed: u64) -> Plan {
    let part = |parts| Rate::of(parts, WHOLE);
    let credits = |thousandths: u64| Amount(thousandths * (NANO_PER_CREDIT / 1_000));
    let mut plan = Plan {
        seed,
        founders: scenario.count(PopulationRole::Founder) as usize,
        clients: (scenario.count(PopulationRole::Client) + scenario.count(PopulationRole::Newcomer)) as usize,
        stake: credits(scenario.stake),
        price_step: credits(scenario.price_step),
        slots: u16::try_from(scenario.slots).unwrap_or(u16::MAX),
        texts: scenario.work == plan::TEXT,
        conditions: Conditions {
            delay_min: Span(scenario.delays[0]),
            delay_max: Span(scenario.delays[1]),
            loss: part(scenario.loss),
            ..Conditions::GOOD
        },
        ..Plan::default()
    };
    plan.welcomes_per_hour = plan.welcomes_per_hour.max(plan.clients as u64);
    (plan.checks.base, plan.checks.ramp) = (part(scenario.base), scenario.ramp);
    plan
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
    let before: Vec<f64> = cast.iter().map(|(place, _)| wealth(kernel, *place)).collect();
    let orders = trade(scenario, seed, kernel, cast, &company)?;
    rest(scenario, seed, kernel, &company)?;
    let each: Vec<f64> =
        cast.iter().zip(&before).map(|((place, _), before)| wealth(kernel, *place) - before).collect();
    let gains = scenario.populations.iter().map(|population| {
        let members = cast.iter().zip(&each).filter(|((_, each), _)| core::ptr::eq(*each, population));
        let gains: f64 = members.map(|(_, gain)| gain).sum();
        (format!("gain of one of {}, credits", population.name), Some(gains / population.count as f64))
    });
    let gains = gains.chain(surplus::figures(scenario, cast, &each)).collect();
    Ok(SeedCourse { orders, gains, answers: company.end()? })
}

/// Lets everything end, and looks now and then whether there were too many events.
fn rest(
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

fn wealth(kernel: &impl EventKernel, place: Place) -> f64 {
    kernel.owned(place).unwrap_or(Amount::ZERO).0 as f64 / NANO_PER_CREDIT as f64
}

/// Lets orders come, and peers come and go, until the horizon; how many orders came.
fn trade(
    scenario: &Scenario,
    seed: u64,
    kernel: &mut impl EventKernel,
    cast: &Cast<'_>,
    company: &Company,
) -> Result<u64, ExperimentError> {
    let begin = kernel.now();
    let mut sizes = Stream::new(seed, "sizes", 0);
    let (mut arrivals, mut chosen) = (Stream::new(seed, "orders", 0), Stream::new(seed, "customers", 0));
    let mut stays: Vec<Stream> =
        (0..cast.len() as u64).map(|peer| Stream::new(seed, "stays", peer)).collect();
    let first_client = 1 + scenario.count(PopulationRole::Founder);
    let mut acts = Calendar::default();
    acts.at(next_order(scenario, Instant::default(), &mut arrivals), Act::Order);
    for (number, (_, population)) in cast.iter().enumerate().filter(|(_, (_, each))| each.online > 0) {
        acts.after(stay(population).span(&mut stays[number]), Act::Leave(number as u32));
    }
    for (number, (_, population)) in cast.iter().enumerate() {
        let turns =
            [(population.begins, Act::Turns(number as u32)), (population.ends, Act::Returns(number as u32))];
        turns.into_iter().filter(|(at, _)| *at > 0).for_each(|(at, act)| acts.at(Instant(at), act));
    }
    let (mut orders, mut leaves, mut awake) = (0, 0, begin);
    while let Some(act) = acts.pop() {
        if acts.now().0 > scenario.horizon {
            break;
        }
        wait(scenario, seed, kernel, company, begin.after(Span(acts.now().0)), leaves)?;
        match act {
            Act::Order => {
                let client = first_client + chosen.below(scenario.count(PopulationRole::Client));
                let attempts_max = u16::try_from(scenario.attempts).unwrap_or(u16::MAX);
                let units_max = units(scenario, &mut sizes);
                let wish = Wish {
                    manifest: scenario.work,
                    number: orders,
                    units_max,
                    attempts_max,
                    ..Wish::default()
                };
                kernel.order(Place(client as usize), wish);
                orders += 1;
                acts.at(next_order(scenario, acts.now(), &mut arrivals), Act::Order);
            }
            Act::Leave(number) => {
                let (place, population) = cast[number as usize];
                let luck = &mut stays[number as usize];
                let away = Distribution::Exponential(population.away as f64 / 1e9).span(luck);
                kernel.halt(place, away);
                leaves += 1;
                awake = awake.max(kernel.now().after(away));
                acts.after(away.plus(stay(population).span(luck)), Act::Leave(number));
            }
            Act::Turns(number) => {
                kernel.adopt(cast[number as usize].0, company.behaviour(cast, number as usize));
            }
            Act::Returns(number) => kernel.adopt(cast[number as usize].0, Box::new(Honest)),
        }
    }
    // What was wanted of a machine that stands still is wanted once it goes on.
    wait(scenario, seed, kernel, company, awake.min(kernel.now().after(REST)), leaves)?;
    Ok(orders)
}

/// The most units of the next order: one, but of texts as many as it may be long.
fn units(scenario: &Scenario, luck: &mut Stream) -> Units {
    if scenario.work != plan::TEXT {
        return 1;
    }
    if luck.below(WHOLE) < scenario.long { plan::TEXT_UNITS } else { plan::TEXT_UNITS_SHORT }
}

/// When the next order comes after this one: without memory, and so many times as often while a crowd is there.
fn next_order(scenario: &Scenario, now: Instant, luck: &mut Stream) -> Instant {
    let Scenario { between, crowd, .. } = scenario;
    let (comes, goes) = (crowd.at, crowd.at.saturating_add(crowd.lasts));
    // What is left of the time that it would take at the usual rate.
    let mut left = exponential(luck) * *between as f64;
    let mut at = now.0 as f64;
    for (until, factor) in [(comes, 1), (goes, crowd.factor), (u64::MAX, 1)] {
        let room = (until as f64 - at).max(0.0) * factor as f64;
        if left <= room {
            return Instant((at + left / factor as f64) as u64);
        }
        (left, at) = (left - room, at.max(until as f64));
    }
    Instant(u64::MAX)
}

/// How long a peer stays that comes and goes.
fn stay(population: &Population) -> Distribution {
    let scale = population.online as f64 / 1e9 / Distribution::Weibull(STAY_SHAPE, 1.0).mean();
    Distribution::Weibull(STAY_SHAPE, scale)
}

/// Lets time pass until then; every leave of a peer counts as an event.
fn wait(
    scenario: &Scenario,
    seed: u64,
    kernel: &mut impl EventKernel,
    company: &Company,
    until: Instant,
    leaves: u64,
) -> Result<(), ExperimentError> {
    while kernel.now() < until {
        let glance = Span((until.0 - kernel.now().0).min(GLANCE));
        kernel.pass(kernel.now().after(glance));
        company.examine()?;
        if kernel.events() + leaves > scenario.events_max {
            return Err(ExperimentError::TooManyEvents { seed, events_max: scenario.events_max });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{scenario::Crowd, shipped};

    #[test]
    fn a_crowd_orders_so_many_times_as_often_for_so_long() {
        let text = shipped::text("churn").unwrap();
        let scenario = Scenario::read("churn", &text, &shipped::text).unwrap();
        let crowd = Crowd { at: 1_000_000_000_000, lasts: 1_000_000_000_000, factor: 5 };
        let scenario = Scenario { between: 1_000_000_000, crowd, ..scenario };
        let mut luck = Stream::new(1, "crowd", 0);
        let (mut now, mut counts) = (Instant::default(), [0_u32; 3]);
        loop {
            now = next_order(&scenario, now, &mut luck);
            let third = (now.0 / 1_000_000_000_000) as usize;
            let Some(count) = counts.get_mut(third) else { break };
            *count += 1;
        }
        for (count, mean) in counts.into_iter().zip([1_000.0_f64, 5_000.0, 1_000.0]) {
            assert!((f64::from(count) - mean).abs() < 4.0 * mean.sqrt(), "{counts:?}");
        }
    }
}
