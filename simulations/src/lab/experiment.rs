//! An experiment: a scenario, run once for each of its seeds, with the brain of real peers under the checker's rules.
//!
//! **Invariant:** one scenario and seed give one digest, on however many threads the seeds are run.

use std::{num::NonZero, thread};

use assay_protocol::{
    id::PeerId,
    outcome::Outcome,
    units::{Amount, NANO_PER_CREDIT, Rate},
};

use super::{
    calendar::Calendar,
    distribution::Distribution,
    scenario::{Conduct, Population, Scenario},
};
use crate::{
    behaviour::{AbsentVerifier, Forger, LazyVerifier, SecretiveClient, SilentProvider, Withholder},
    kernel::{Instant, Span},
    network::Conditions,
    plan::Plan,
    random::Stream,
    world::{Place, Wish, World},
};

/// The longest that a run may take to come to rest after its last order.
const REST: Span = Span::seconds(48 * 3_600);
/// How long nobody looks whether there were too many events.
const GLANCE: u64 = 1_000_000_000;
/// The shape of how long peers stay, as it was measured.
const STAY_SHAPE: f64 = 0.608;

/// Why an experiment gave no figures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExperimentError {
    /// It was too large for its scenario.
    #[error("seed {seed}: more than {events_max} events")]
    TooManyEvents {
        /// The run.
        seed: u64,
        /// The bound.
        events_max: u64,
    },
    /// Something never ended.
    #[error("seed {seed}: {what}")]
    Unsettled {
        /// The run.
        seed: u64,
        /// What.
        what: String,
    },
    /// The same run went differently the second time.
    #[error("seed {seed} gave {first} first and then {second}: something beside the seed decides")]
    Unlike {
        /// The run.
        seed: u64,
        /// What it gave first.
        first: String,
        /// What it gave then.
        second: String,
    },
}

/// What one run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFigures {
    /// Its seed.
    pub seed: u64,
    /// Stands for everything that happened.
    pub digest: String,
    /// How many events there were.
    pub events: u64,
    /// The figures by their names, the same for every seed.
    pub figures: Vec<(String, f64)>,
}

/// Runs a scenario for all its seeds, from `first` on.
///
/// # Errors
/// [`ExperimentError`], of the first seed that gave no figures.
pub fn run(scenario: &Scenario, first: u64, twice: bool) -> Result<Vec<RunFigures>, ExperimentError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let live = |seed| live(scenario, seed);
    let live = |seed| if twice { alike(seed, live) } else { live(seed) };
    let mut runs: Vec<_> = thread::scope(|scope| {
        let part = |thread| {
            move || (thread..scenario.seeds).step_by(threads as usize).map(move |seed| live(first + seed))
        };
        let workers: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || part(thread)().collect::<Vec<_>>())).collect();
        // A broken rule of the books stays what it is in a test: the end.
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    runs.sort_by_key(|run| match run {
        Ok(figures) => figures.seed,
        Err(
            ExperimentError::TooManyEvents { seed, .. }
            | ExperimentError::Unsettled { seed, .. }
            | ExperimentError::Unlike { seed, .. },
        ) => *seed,
    });
    runs.into_iter().collect()
}

/// Runs twice and compares.
fn alike(
    seed: u64,
    live: impl Fn(u64) -> Result<RunFigures, ExperimentError>,
) -> Result<RunFigures, ExperimentError> {
    let (first, second) = (live(seed)?, live(seed)?);
    if first == second {
        return Ok(first);
    }
    Err(ExperimentError::Unlike { seed, first: first.digest, second: second.digest })
}

/// What the world is to do next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Order,
    Leave(u32),
}

/// One run.
fn live(scenario: &Scenario, seed: u64) -> Result<RunFigures, ExperimentError> {
    let mut world = World::new(plan(scenario, seed));
    let peers = places(scenario, world.plan());
    peers.iter().for_each(|(place, population)| behave(&mut world, *place, population.conduct));
    world.open_market();
    let before: Vec<f64> = peers.iter().map(|(place, _)| wealth(&world, *place)).collect();
    let orders = trade(scenario, seed, &mut world, &peers)?;
    world.settle(REST).map_err(|unsettled| {
        let what = unsettled.to_string().chars().take(400).collect();
        ExperimentError::Unsettled { seed, what }
    })?;
    let figures = figures(scenario, &world, &peers, &before, orders);
    let digest = world.digest().0.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Ok(RunFigures { seed, digest, events: world.events(), figures })
}

fn plan(scenario: &Scenario, seed: u64) -> Plan {
    let part = |parts| Rate::of(parts, 1_000_000);
    let credits = |thousandths: u64| Amount(thousandths * (NANO_PER_CREDIT / 1_000));
    let mut plan = Plan {
        seed,
        founders: scenario.count(true) as usize,
        clients: scenario.count(false) as usize,
        stake: credits(scenario.stake),
        price_step: credits(scenario.price_step),
        slots: u16::try_from(scenario.slots).unwrap_or(u16::MAX),
        conditions: Conditions {
            delay_min: Span(scenario.delays[0]),
            delay_max: Span(scenario.delays[1]),
            loss: part(scenario.loss),
            ..Conditions::GOOD
        },
        ..Plan::default()
    };
    (plan.checks.base, plan.checks.ramp) = (part(scenario.base), scenario.ramp);
    plan
}

/// Who stands where: the founders of all populations, then the clients.
fn places<'a>(scenario: &'a Scenario, plan: &Plan) -> Vec<(Place, &'a Population)> {
    let of = |provides| {
        let populations = scenario.populations.iter().filter(move |each| each.provides == provides);
        populations.flat_map(|each| (0..each.count).map(move |_| each)).enumerate()
    };
    let founders = of(true).map(|(number, each)| (plan.founder(number), each));
    founders.chain(of(false).map(|(number, each)| (plan.client(number), each))).collect()
}

fn behave(world: &mut World, place: Place, conduct: Conduct) {
    match conduct {
        Conduct::Honest => {}
        Conduct::Forger => world.behave(place, Forger),
        Conduct::LazyVerifier => world.behave(place, LazyVerifier),
        Conduct::AbsentVerifier => world.behave(place, AbsentVerifier),
        Conduct::SilentProvider => world.behave(place, SilentProvider),
        Conduct::SecretiveClient => world.behave(place, SecretiveClient),
        Conduct::Withholder => world.behave(place, Withholder),
    }
}

fn wealth(world: &World, place: Place) -> f64 {
    world.wealth(place).unwrap_or(Amount::ZERO).0 as f64 / NANO_PER_CREDIT as f64
}

/// Lets orders come, and peers come and go, until the horizon; how many orders came.
fn trade(
    scenario: &Scenario,
    seed: u64,
    world: &mut World,
    peers: &[(Place, &Population)],
) -> Result<u64, ExperimentError> {
    let begin = world.now();
    let between = Distribution::Exponential(scenario.between as f64 / 1e9);
    let (mut arrivals, mut chosen) = (Stream::new(seed, "orders", 0), Stream::new(seed, "customers", 0));
    let mut stays: Vec<Stream> =
        (0..peers.len() as u64).map(|peer| Stream::new(seed, "stays", peer)).collect();
    let mut acts = Calendar::default();
    acts.after(between.span(&mut arrivals), Act::Order);
    for (number, (_, population)) in peers.iter().enumerate().filter(|(_, (_, each))| each.online > 0) {
        acts.after(stay(population).span(&mut stays[number]), Act::Leave(number as u32));
    }
    let mut orders = 0;
    while let Some(act) = acts.pop() {
        if acts.now().0 > scenario.horizon {
            break;
        }
        wait(scenario, seed, world, begin.after(Span(acts.now().0)))?;
        match act {
            Act::Order => {
                let client = world.plan().client(chosen.below(scenario.count(false)) as usize);
                let attempts_max = u16::try_from(scenario.attempts).unwrap_or(u16::MAX);
                let wish = Wish { manifest: scenario.work, number: orders, attempts_max, ..Wish::default() };
                world.submit(client, wish);
                orders += 1;
                acts.after(between.span(&mut arrivals), Act::Order);
            }
            Act::Leave(number) => {
                let (place, population) = peers[number as usize];
                let luck = &mut stays[number as usize];
                let away = Distribution::Exponential(population.away as f64 / 1e9).span(luck);
                world.sleep(place, away);
                acts.after(away.plus(stay(population).span(luck)), Act::Leave(number));
            }
        }
    }
    Ok(orders)
}

/// How long a peer stays that comes and goes.
fn stay(population: &Population) -> Distribution {
    let scale = population.online as f64 / 1e9 / Distribution::Weibull(STAY_SHAPE, 1.0).mean();
    Distribution::Weibull(STAY_SHAPE, scale)
}

fn wait(scenario: &Scenario, seed: u64, world: &mut World, until: Instant) -> Result<(), ExperimentError> {
    while world.now() < until {
        world.run_for(Span((until.0 - world.now().0).min(GLANCE)));
        if world.events() > scenario.events_max {
            return Err(ExperimentError::TooManyEvents { seed, events_max: scenario.events_max });
        }
    }
    Ok(())
}

/// What is asked of every run.
fn figures(
    scenario: &Scenario,
    world: &World,
    peers: &[(Place, &Population)],
    before: &[f64],
    orders: u64,
) -> Vec<(String, f64)> {
    let conducts = |id: PeerId| {
        let found = peers.iter().find(|(place, _)| world.id(*place) == id);
        found.map(|(_, population)| population.conduct)
    };
    let closed: Vec<_> = world.closed().values().map(|job| (job, conducts(job.provider))).collect();
    let count = |wanted: &dyn Fn(&crate::world::Closed, bool) -> bool| {
        let found = closed.iter().filter(|(job, conduct)| wanted(job, conduct.is_some_and(Conduct::forges)));
        found.count() as f64
    };
    let paid = count(&|job, _| job.outcome.is_paid());
    let not_drawn = count(&|job, _| job.outcome == Outcome::NotDrawn);
    let mut figures = vec![
        ("orders".into(), orders as f64),
        ("orders paid, share".into(), paid / (orders as f64).max(1.0)),
        ("jobs closed".into(), closed.len() as f64),
        ("paid after a check, share".into(), (paid - not_drawn) / paid.max(1.0)),
        ("forged results paid".into(), count(&|job, forged| forged && job.outcome.is_paid())),
        ("forged results sold".into(), count(&|_, forged| forged)),
        ("forgers slashed".into(), count(&|job, forged| forged && !job.slashed.is_zero())),
        ("honest results slashed".into(), count(&|job, forged| !forged && !job.slashed.is_zero())),
        (
            "of those, claims that were not opened".into(),
            count(&|job, forged| !forged && job.outcome == Outcome::Silent),
        ),
    ];
    for population in &scenario.populations {
        let members = peers.iter().zip(before).filter(|((_, each), _)| core::ptr::eq(*each, population));
        let gains: f64 = members.map(|((place, _), before)| wealth(world, *place) - before).sum();
        figures
            .push((format!("gain of one of {}, credits", population.name), gains / population.count as f64));
    }
    figures
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::lab::shipped;

    fn scenario(name: &str) -> Scenario {
        let text = shipped::text(name).unwrap();
        let scenario = Scenario::read(name, &text, &shipped::text).unwrap();
        Scenario { seeds: 3, horizon: 20_000_000_000, ..scenario }
    }

    #[test]
    fn runs_are_the_same_twice_and_one_seed_is_not_the_next() {
        let runs = run(&scenario("fraud-vs-check-rate"), 1, true).unwrap();
        assert_eq!(runs.iter().map(|run| run.seed).collect::<Vec<_>>(), [1, 2, 3]);
        assert_ne!(runs[0].digest, runs[1].digest);
        assert_eq!(
            runs[1..2],
            run(&Scenario { seeds: 1, ..scenario("fraud-vs-check-rate") }, 2, false).unwrap()
        );
    }

    #[test]
    fn what_something_beside_the_seed_decides_is_found() {
        let times = Cell::new(0_u32);
        let live = |seed| {
            times.set(times.get() + 1);
            Ok(RunFigures { seed, digest: times.get().to_string(), events: 0, figures: Vec::new() })
        };
        let found = alike(7, live);
        assert_eq!(found, Err(ExperimentError::Unlike { seed: 7, first: "1".into(), second: "2".into() }));
    }

    #[test]
    fn a_run_with_too_many_events_is_given_up() {
        let scenario = Scenario { events_max: 10, ..scenario("churn") };
        assert!(matches!(run(&scenario, 1, false), Err(ExperimentError::TooManyEvents { seed: 1, .. })));
    }

    #[test]
    fn forgers_are_never_paid_before_anybody_trusts_them_and_nobody_honest_is_slashed() {
        for run in run(&scenario("fraud-vs-check-rate"), 1, false).unwrap() {
            let figure = |name: &str| run.figures.iter().find(|(known, _)| known == name).unwrap().1;
            assert!(figure("forged results sold") > 0.0 && figure("orders paid, share") > 0.5, "{run:?}");
            assert_eq!(
                (figure("forged results paid"), figure("honest results slashed")),
                (0.0, 0.0),
                "{run:?}"
            );
        }
    }
}
