//! Every model beside the figure that theory or others give for it.

mod carriers;
mod deterrence;
mod leaks;
mod loopback;

use std::{
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use assay_protocol::{genesis::Checks, rate, units::Rate};

use super::{
    distribution::Distribution,
    experiment,
    gossip::{Gossip, GossipParameters},
    queueing::{self, Queueing},
    replication,
    scenario::Scenario,
    sessions, shipped,
    statistics::Moments,
    voting,
};
use crate::random::Stream;

/// Independent runs of each queue.
const SEEDS: u64 = 20;
/// Trials of each closed form.
const TRIALS: u64 = 100_000;
/// How many standard errors a share or a mean of trials may be off.
const SIGMAS: f64 = 4.0;
/// By how much longer jobs stay with a few servers than with infinitely many, at most, as a multiple of one in their number;
/// 1.3 to 2.6 were measured with 100 and 300.
const FEW_SERVERS: f64 = 2.5;

/// A figure beside its target.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// What it is.
    pub name: String,
    /// What it should be.
    pub target: f64,
    /// What came out.
    pub found: f64,
    /// From where to where it would have been right.
    pub allowed: [f64; 2],
}

impl Validated {
    /// True if it is what it should be.
    #[must_use]
    pub fn holds(&self) -> bool {
        (self.allowed[0]..=self.allowed[1]).contains(&self.found)
    }

    fn within(name: impl Into<String>, target: f64, found: f64, by: f64) -> Self {
        Self { name: name.into(), target, found, allowed: [target - by, target + by] }
    }
}

/// A few figures, made together.
type FigureMaker = Box<dyn Fn() -> Vec<Validated> + Send + Sync>;

/// Figures that were made together.
#[derive(Debug)]
pub struct ValidatedPart {
    /// Its place among all.
    pub number: usize,
    /// They, or the panic that they ended with.
    pub figures: thread::Result<Vec<Validated>>,
}

/// All figures, on as many threads as there are cores; the quick ones take less than a minute.
#[must_use]
pub fn validate(quick: bool) -> Vec<Validated> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let (sender, done) = mpsc::channel();
    begin(quick, threads, move |part| sender.send(part).is_ok());
    let mut parts: Vec<ValidatedPart> = done.into_iter().collect();
    parts.sort_by_key(|part| part.number);
    let figures = parts.into_iter().map(|part| part.figures);
    figures.flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
}

/// Begins to make all figures on so many threads, and says of how many parts. Each thread tells what it did, goes on while `tell`
/// says so, and lets go of it at its end.
pub fn begin(
    quick: bool,
    threads: usize,
    tell: impl Fn(ValidatedPart) -> bool + Clone + Send + 'static,
) -> usize {
    let (parts, next) = (Arc::new(parts(quick)), Arc::new(AtomicUsize::new(0)));
    let count = parts.len();
    for _ in 0..threads {
        let (parts, next, tell) = (Arc::clone(&parts), Arc::clone(&next), tell.clone());
        thread::spawn(move || {
            // The last parts take longest: whoever began with them waits for none at the end.
            while let Some(number) = count.checked_sub(1 + next.fetch_add(1, Ordering::Relaxed)) {
                let figures = catch_unwind(AssertUnwindSafe(|| parts[number]()));
                if !tell(ValidatedPart { number, figures }) {
                    return;
                }
            }
        });
    }
    count
}

fn parts(quick: bool) -> Vec<FigureMaker> {
    let of_queue = |queue: KnownQueue| -> FigureMaker { Box::new(move || vec![queue.validated()]) };
    let mut parts: Vec<FigureMaker> = queues(quick).into_iter().map(of_queue).collect();
    let others: [FigureMaker; 9] = [
        Box::new(spot_checks),
        Box::new(deterrence::all),
        Box::new(leaks::all),
        Box::new(votes),
        Box::new(replicas),
        Box::new(churn),
        Box::new(gossip),
        Box::new(move || overhead(quick)),
        Box::new(move || carriers::all(quick)),
    ];
    parts.extend(others);
    if !quick {
        parts.push(Box::new(loopback::all));
    }
    parts
}

/// A queue of which it is known how long one waits in it, or stays.
struct KnownQueue {
    name: String,
    target: f64,
    /// By how much more it may be because there are few servers.
    few: f64,
    /// What is counted beside the wait.
    service: f64,
    queueing: Queueing,
}

impl KnownQueue {
    fn validated(&self) -> Validated {
        let Self { name, target, few, service, queueing } = self;
        let mut found = queue(name.clone(), target - service, *few, queueing);
        (found.target, found.found) = (found.target + service, found.found + service);
        found.allowed = found.allowed.map(|end| end + service);
        found
    }
}

fn queues(quick: bool) -> Vec<KnownQueue> {
    let jobs = if quick { 60_000 } else { 600_000 };
    let without_memory = Distribution::Exponential(1.0);
    let plain = |servers, load, service| Queueing { servers, load, service, choices: None, jobs };
    let waits =
        |name: String, target: f64, queueing| KnownQueue { name, target, few: 0.0, service: 0.0, queueing };
    let mut found = Vec::new();
    for (servers, load, target) in
        [(1, 0.9, 9.0), (4, 0.8, 0.745_541), (10, 0.95, 1.651_171), (50, 0.9, 0.072_773)]
    {
        let name = format!("M/M/{servers} at {load}: wait");
        found.push(waits(name, target, plain(servers, load, without_memory)));
    }
    let spread = Distribution::Hyperexponential(1.0, 4.0);
    found.push(waits("M/G/1 at 0.8, cv² 4: wait".into(), 10.0, plain(1, 0.8, spread)));
    for (choices, servers, target) in [(1, 20, 10.0), (2, 300, 2.6141), (3, 300, 2.0279)] {
        let few = if choices == 1 { 0.0 } else { target * FEW_SERVERS / servers as f64 };
        let jobs = jobs.max(100_000);
        let queueing = Queueing { choices: Some(choices), jobs, ..plain(servers, 0.9, without_memory) };
        // The wait, and a service of one second.
        found.push(KnownQueue {
            few,
            service: 1.0,
            ..waits(format!("{choices} choices at 0.9: stay"), target, queueing)
        });
    }
    found
}

/// Right if the target lies in the interval of the seeds, or by no more beside it than few servers explain.
fn queue(name: String, target: f64, few: f64, queueing: &Queueing) -> Validated {
    // Each queue has seeds of its own: the luck of one says nothing of another.
    let mut seeds = Stream::new(1, &name, 0);
    let means: Moments = (0..SEEDS).map(|_| queueing::waits(seeds.number(), queueing).mean()).collect();
    let half = means.interval(0.99).map_or(0.0, |interval| interval.high - means.mean());
    Validated { name, target, found: means.mean(), allowed: [target - half, target + half + few] }
}

/// A share of trials beside its chance.
fn share(name: impl Into<String>, chance: f64, trial: impl Fn(&mut Stream) -> bool) -> Validated {
    let name = name.into();
    let mut luck = Stream::new(1, &name, 0);
    let hits = (0..TRIALS).filter(|_| trial(&mut luck)).count();
    let error = libm::sqrt(chance * (1.0 - chance) / TRIALS as f64);
    Validated::within(name, chance, hits as f64 / TRIALS as f64, SIGMAS * error)
}

/// A mean of trials beside what is expected.
fn mean(name: impl Into<String>, target: f64, trials: u64, trial: impl Fn(&mut Stream) -> f64) -> Validated {
    let name = name.into();
    let mut luck = Stream::new(1, &name, 0);
    let moments: Moments = (0..trials).map(|_| trial(&mut luck)).collect();
    let error = moments.deviation() / libm::sqrt(trials as f64);
    Validated::within(name, target, moments.mean(), SIGMAS * error)
}

fn spot_checks() -> Vec<Validated> {
    let caught = 0.0227;
    let undetected = |cheats: i32| libm::pow(1.0 - caught, f64::from(cheats));
    let mut found: Vec<Validated> = [1, 10, 100]
        .map(|cheats| {
            let name = format!("{cheats} cheats undetected at p·d = {caught}");
            share(name, undetected(cheats), |luck| {
                voting::accepted_before_caught(caught, luck) >= u64::from(cheats.unsigned_abs())
            })
        })
        .into();
    let before = (1.0 - caught) / caught;
    found.push(mean("cheats accepted before the first is caught", before, TRIALS, |luck| {
        voting::accepted_before_caught(caught, luck) as f64
    }));
    for drawn in 1..=3 {
        let name = format!("all {drawn} verifiers collude, 20 of 100 do");
        let trial = |luck: &mut Stream| voting::draws_colluders(drawn, 20, 100, luck);
        found.push(share(name, voting::all_collude(drawn, 20, 100), trial));
    }
    let checks = Checks::default();
    for against in [200, 500, 800] {
        let (name, against) = (format!("a jury convicts, {against} ‰ against"), Rate::per_mille(against));
        let chance = rate::jury_convicts(&checks, against).0 as f64 / Rate::ONE.0 as f64;
        found.push(share(name, chance, |luck| voting::jury(&checks, against, luck)));
    }
    found
}

fn votes() -> Vec<Validated> {
    let needed = [(0.05, 15.0), (0.01, 29.0), (0.001, 51.0)].map(|(error, target)| {
        let found = f64::from(voting::copies_needed(0.35, error));
        Validated::within(format!("equal copies for an error of {error}, 0.35 collude"), target, found, 0.0)
    });
    let wrong = share("29 copies are wrong, 0.35 collude", voting::wrong_majority(29, 0.35), |luck| {
        voting::vote(29, 0.35, luck)
    });
    needed.into_iter().chain([wrong]).collect()
}

fn replicas() -> Vec<Validated> {
    let published = [(20, 10.96, 20_000), (100, 16.81, 10_000), (1_000, 45.84, 2_000), (10_000, 142.0, 200)];
    let both = published.map(|(jobs, target, trials)| {
        let exact = replication::replicated_mean(jobs);
        let drawn = mean(format!("{jobs} jobs replicated adaptively, drawn"), exact, trials, |luck| {
            replication::replicated(jobs, luck) as f64
        });
        [Validated::within(format!("{jobs} jobs replicated adaptively"), target, exact, 0.005), drawn]
    });
    both.into_iter().flatten().collect()
}

fn churn() -> Vec<Validated> {
    let mut found: Vec<Validated> = [(2.0, 0.5), (8.0, 0.8)]
        .map(|(hours, target)| {
            let over = sessions::share_over(hours, TRIALS, &mut Stream::new(1, "sessions", 0));
            Validated::within(format!("sessions over after {hours} h"), target, over, 0.02)
        })
        .into();
    for failures in [0.5, 1.0, 2.0] {
        let name = format!("time of a job that begins anew, μT = {failures}");
        let trial = |luck: &mut Stream| sessions::with_restarts(1.0, failures, luck);
        found.push(mean(name, sessions::with_restarts_mean(1.0, failures), TRIALS, trial));
    }
    found
}

fn gossip() -> Vec<Validated> {
    let rows = [(100, 10, 6_280.0, 7_212.0), (1_000, 60, 377_370.0, 372_006.0)];
    let found = rows.map(|(peers, messages, whole, haves)| {
        let counts = Gossip::new(1, peers, GossipParameters::PUBLISHED).run(messages, 5);
        let all = f64::from(messages) * (peers as f64 - 1.0);
        let name = |what: &str| format!("gossip of {peers}: {what}");
        // Each tells six others of each message in three beats, a message a beat.
        let told = peers as f64 * 6.0 * (f64::from(messages) + 2.0);
        [
            Validated::within(name("deliveries"), all, counts.deliveries as f64, 0.0),
            Validated::within(name("messages"), whole, counts.messages as f64, 0.03 * whole),
            Validated::within(name("IHAVE"), haves, counts.haves as f64, 0.03 * haves),
            Validated::within(name("IHAVE by their form"), told, counts.haves as f64, 0.03 * told),
        ]
    });
    found.into_iter().flatten().collect()
}

/// How often results are checked in a young market, over what the closed form says.
fn overhead(quick: bool) -> Vec<Validated> {
    let name = "cold-start";
    let seeds = if quick { 2 } else { 10 };
    let text = shipped::text(name).unwrap_or_default();
    let scenario = Scenario::read(name, &text, &shipped::text).map(|scenario| Scenario { seeds, ..scenario });
    let runs = scenario.ok().and_then(|scenario| experiment::run_on(1, &scenario, 1, false).ok());
    let over = |run: &experiment::RunFigures| {
        run.figures.iter().find(|(known, _)| known == experiment::OVER_THEORY).and_then(|(_, value)| *value)
    };
    let found: Moments = runs.iter().flatten().filter_map(over).collect();
    vec![Validated::within("checks of a young market, over the closed form", 1.0, found.mean(), 0.1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quick_figure_is_what_theory_or_others_say() {
        let wrong: Vec<Validated> = validate(true).into_iter().filter(|figure| !figure.holds()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
