//! What comes to a run from outside while it goes on: orders, peers that come and go, behaviours and faults that begin and end.
//!
//! **Invariant:** all of it is drawn from streams of its own, so both kernels are given the same at the same times.

use std::collections::BTreeSet;

use assay_market::Command;
use assay_protocol::{signed::Signer, units::Units};

use super::{
    ExperimentError, RunTime,
    company::Company,
    course::{Cast, EventKernel, Owned, rest, thousandths},
    pool_range::PoolRange,
};
use crate::{
    behaviour::Honest,
    kernel::{Instant, Span},
    lab::{
        calendar::Calendar,
        distribution::{Distribution, exponential},
        scenario::{LinkFaultKind, Population, PopulationRole, Scenario, WHOLE},
    },
    links::Links,
    plan,
    random::Stream,
    world::{Place, Wish},
};

/// The longest that a machine which stands still is waited for after the last order.
const AWAKE: Span = Span::seconds(48 * 3_600);
/// How long nobody looks whether there were too many events.
const GLANCE: u64 = 1_000_000_000;
/// How long whoever withdraws its stake waits for more of it to be free.
const WITHDRAWN_EVERY: Span = Span::seconds(5);
/// The shape of how long peers stay, as it was measured.
const STAY_SHAPE: f64 = 0.608;

/// What the world is to do next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Order,
    Leave(u32),
    /// A peer begins to behave as its population does.
    Turns(u32),
    /// It is honest again.
    Returns(u32),
    /// A newcomer puts something at stake, and says that it can check from then on.
    Stakes(u32),
    /// A peer withdraws of its stake what stands for nothing.
    Withdraws(u32),
    /// A fault begins.
    Fails(u32),
    /// It is over.
    Mends(u32),
    /// From now on figures count.
    Counts,
}

/// What came of it.
pub(super) struct TradingCourse {
    /// How many orders came that count.
    pub(super) orders: u64,
    /// What the pool was while they count.
    pub(super) pool: PoolRange,
}

/// The time between the first order and the horizon.
pub(super) struct TradingTime<'a> {
    scenario: &'a Scenario,
    seed: u64,
    cast: &'a Cast<'a>,
    company: &'a Company,
    /// When it began, by the clock of the kernel, less what it stood still.
    begin: Instant,
    acts: Calendar<Act>,
    arrivals: Stream,
    chosen: Stream,
    sizes: Stream,
    stays: Vec<Stream>,
    /// Every order has a number of its own.
    submitted: u64,
    orders: u64,
    leaves: u64,
    pool: PoolRange,
    /// The faults that have begun and are not over, each behind when it will be.
    failing: BTreeSet<(u64, u32)>,
    /// When the last machine goes on that stands still.
    awake: Instant,
}

impl<'a> TradingTime<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        seed: u64,
        begin: Instant,
        cast: &'a Cast<'a>,
        company: &'a Company,
    ) -> Self {
        let stays = (0..cast.len() as u64).map(|peer| Stream::new(seed, "stays", peer)).collect();
        let mut time = Self {
            scenario,
            seed,
            cast,
            company,
            begin,
            acts: Calendar::default(),
            arrivals: Stream::new(seed, "orders", 0),
            chosen: Stream::new(seed, "customers", 0),
            sizes: Stream::new(seed, "sizes", 0),
            stays,
            submitted: 0,
            orders: 0,
            leaves: 0,
            pool: PoolRange::default(),
            failing: BTreeSet::new(),
            awake: begin,
        };
        time.foresee();
        time
    }

    /// Puts into the calendar what is known before it begins.
    fn foresee(&mut self) {
        if self.scenario.warm_up > 0 {
            self.acts.at(Instant(self.scenario.warm_up), Act::Counts);
        }
        self.acts.at(next_order(self.scenario, Instant::default(), &mut self.arrivals), Act::Order);
        for (number, (_, population)) in self.cast.iter().enumerate() {
            if population.online > 0 {
                let span = stay(population).span(&mut self.stays[number]);
                self.acts.after(span, Act::Leave(number as u32));
            }
        }
        for (number, (_, population)) in self.cast.iter().enumerate() {
            let (begins, ends) = (Act::Turns(number as u32), Act::Returns(number as u32));
            for (at, act) in [(population.begins, begins), (population.ends, ends)] {
                if at > 0 {
                    self.acts.at(Instant(at), act);
                }
            }
            if population.role == PopulationRole::Newcomer && population.stake > 0 {
                self.acts.at(Instant(population.staked), Act::Stakes(number as u32));
            }
            if population.unstaked > 0 {
                self.acts.at(Instant(population.unstaked), Act::Withdraws(number as u32));
            }
        }
        for (number, fault) in (0..).zip(&self.scenario.faults) {
            self.acts.at(Instant(fault.at), Act::Fails(number));
            self.acts.at(Instant(fault.ends()), Act::Mends(number));
        }
    }

    /// Lets it pass, and notes how much of it has. What everybody owned when it began to count stands in `owned`.
    pub(super) fn pass(
        mut self,
        kernel: &mut impl EventKernel,
        owned: &mut Owned,
        time: &RunTime<'_>,
    ) -> Result<TradingCourse, ExperimentError> {
        while let Some(act) = self.acts.pop() {
            if self.acts.now().0 > self.scenario.horizon {
                break;
            }
            let until = self.begin.after(Span(self.acts.now().0));
            self.wait(kernel, until)?;
            time.note(self.acts.now().0);
            match act {
                Act::Order => self.order(kernel),
                Act::Leave(number) => self.leave(kernel, number as usize),
                Act::Turns(number) => {
                    let number = number as usize;
                    kernel.adopt(self.cast[number].0, self.company.behaviour(self.cast, number));
                }
                Act::Returns(number) => kernel.adopt(self.cast[number as usize].0, Box::new(Honest)),
                Act::Stakes(number) => stake(kernel, self.cast[number as usize]),
                Act::Withdraws(number) => {
                    withdraw(kernel, self.cast[number as usize].0);
                    self.acts.after(WITHDRAWN_EVERY, act);
                }
                Act::Fails(number) => self.fail(kernel, number),
                Act::Mends(number) => self.mend(kernel, number),
                Act::Counts => self.count(kernel, owned)?,
            }
        }
        // Nothing comes to rest while it cannot.
        while let Some((ends, number)) = self.failing.first().copied() {
            self.wait(kernel, self.begin.after(Span(ends)))?;
            self.mend(kernel, number);
        }
        // What was wanted of a machine that stands still is wanted once it goes on.
        let until = self.awake.min(kernel.now().after(AWAKE));
        self.wait(kernel, until)?;
        Ok(TradingCourse { orders: self.orders, pool: self.pool })
    }

    fn order(&mut self, kernel: &mut impl EventKernel) {
        let scenario = self.scenario;
        let first_client = 1 + scenario.count(PopulationRole::Founder);
        let client = first_client + self.chosen.below(scenario.count(PopulationRole::Client));
        let wish = Wish {
            manifest: scenario.work,
            number: self.submitted,
            units_max: units(scenario, &mut self.sizes),
            attempts_max: u16::try_from(scenario.attempts).unwrap_or(u16::MAX),
            ..Wish::default()
        };
        kernel.order(Place(client as usize), wish);
        self.submitted += 1;
        self.orders += 1;
        self.acts.at(next_order(scenario, self.acts.now(), &mut self.arrivals), Act::Order);
    }

    fn leave(&mut self, kernel: &mut impl EventKernel, number: usize) {
        let (place, population) = self.cast[number];
        let luck = &mut self.stays[number];
        let away = Distribution::Exponential(population.away as f64 / 1e9).span(luck);
        kernel.halt(place, away);
        self.leaves += 1;
        self.awake = self.awake.max(kernel.now().after(away));
        self.acts.after(away.plus(stay(population).span(luck)), Act::Leave(number as u32));
    }

    fn fail(&mut self, kernel: &mut impl EventKernel, number: u32) {
        self.failing.insert((self.scenario.faults[number as usize].ends(), number));
        self.relink(kernel);
    }

    fn mend(&mut self, kernel: &mut impl EventKernel, number: u32) {
        self.failing.remove(&(self.scenario.faults[number as usize].ends(), number));
        self.relink(kernel);
    }

    /// Lets links be as bad as all faults together make them.
    fn relink(&self, kernel: &mut impl EventKernel) {
        let mut links = Links::default();
        for (_, number) in &self.failing {
            let fault = &self.scenario.faults[*number as usize];
            let hit = self.cast.iter().filter(|(_, each)| fault.populations.contains(&each.name));
            let places = hit.map(|(place, _)| *place);
            match fault.what {
                LinkFaultKind::Partition => links.cut_off(places),
                LinkFaultKind::SlowLinks => links.slow_down(places, fault.factor),
            }
        }
        kernel.relink(links);
    }

    /// Lets the market come to rest, so that what counts from now on is what is ordered from now on.
    fn count(&mut self, kernel: &mut impl EventKernel, owned: &mut Owned) -> Result<(), ExperimentError> {
        // Faults stand still with all that is to come, and who is cut off would wait for ever.
        if !self.failing.is_empty() {
            kernel.relink(Links::default());
        }
        let until = self.awake.min(kernel.now().after(AWAKE));
        self.wait(kernel, until)?;
        rest(self.scenario, self.seed, kernel, self.company)?;
        if !self.failing.is_empty() {
            self.relink(kernel);
        }
        kernel.recount();
        *owned = Owned::by_the_books(kernel, self.cast);
        (self.orders, self.pool) = (0, PoolRange::default());
        self.begin = Instant(kernel.now().0.saturating_sub(self.acts.now().0));
        Ok(())
    }

    /// Lets time pass until then; every leave of a peer counts as an event.
    fn wait(&mut self, kernel: &mut impl EventKernel, until: Instant) -> Result<(), ExperimentError> {
        let events_max = self.scenario.events_max;
        self.pool.look(kernel);
        while kernel.now() < until {
            let glance = Span((until.0 - kernel.now().0).min(GLANCE));
            kernel.pass(kernel.now().after(glance));
            self.pool.look(kernel);
            self.company.examine()?;
            if kernel.events() + self.leaves > events_max {
                return Err(ExperimentError::TooManyEvents { seed: self.seed, events_max });
            }
        }
        Ok(())
    }
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

/// Puts at stake what a newcomer has for that, and registers it for every kind of jobs.
fn stake(kernel: &mut impl EventKernel, (place, population): (Place, &Population)) {
    let plan = kernel.planned();
    let (notary, amount) = (plan.key(plan.notary()).id(), thousandths(population.stake));
    let kinds = plan.genesis().manifests.iter().map(|manifest| manifest.kind(plan::class())).collect();
    kernel.command(place, Command::Stake { notary, amount, target: Some(amount) });
    kernel.command(place, Command::Register { notary, kinds });
}

/// Withdraws what does not stand for open jobs.
fn withdraw(kernel: &mut impl EventKernel, place: Place) {
    let plan = kernel.planned();
    let notary = plan.key(plan.notary()).id();
    if let Some(amount) = kernel.withdrawable(place).filter(|amount| !amount.is_zero()) {
        kernel.command(place, Command::Unstake { notary, amount });
    }
}

/// How long a peer stays that comes and goes.
fn stay(population: &Population) -> Distribution {
    let scale = population.online as f64 / 1e9 / Distribution::Weibull(STAY_SHAPE, 1.0).mean();
    Distribution::Weibull(STAY_SHAPE, scale)
}

#[cfg(test)]
mod tests {
    use assay_protocol::units::Amount;

    use super::*;
    use crate::{
        lab::{
            experiment::{SimulatedTime, course},
            market::{Ground, Market},
            scenario::Crowd,
            shipped,
        },
        world::World,
    };

    /// What is at stake once all is over, where it can all be withdrawn: at least, and less than this, in thousandths.
    fn check_stakes(scenario: &Scenario, kernel: &mut impl EventKernel) {
        let plan = kernel.planned().clone();
        let cast = course::cast(scenario, &plan);
        let passed = SimulatedTime::default();
        let time = RunTime::begin(&passed, scenario.horizon);
        assert!(course::play(scenario, 1, kernel, &cast, &time).is_ok());
        assert!((20_000..=40_000).contains(&passed.millis()), "{passed:?} of 40 s");
        for (place, population) in &cast {
            let (least, most) = match population.name.as_str() {
                "founders" => (10_000, 20_000),
                "small" => (65, 1_000),
                "comers" => (5_000, 6_000),
                "leavers" | "strangers" => (0, 1_000),
                _ => continue,
            };
            let stake = kernel.withdrawable(*place).unwrap_or(Amount::ZERO);
            let is_so = stake >= thousandths(least) && stake < thousandths(most);
            assert!(is_so, "{} have {stake} at stake", population.name);
        }
    }

    #[test]
    fn stakes_are_as_large_and_move_when_a_scenario_says_so() {
        let text = "\
[run]
horizon = \"40 s\"
[workload]
between = \"500 ms\"
[[population]]
name = \"founders\"
count = 6
[[population]]
name = \"small\"
count = 2
stake = \"0.065 credits\"
[[population]]
name = \"leavers\"
count = 2
unstaked = \"5 s\"
[[population]]
name = \"comers\"
role = \"newcomer\"
count = 2
stake = \"5 credits\"
staked = \"1 s\"
[[population]]
name = \"strangers\"
role = \"newcomer\"
[[population]]
role = \"client\"
count = 4
";
        let scenario = Scenario::read("a.toml", text, &shipped::text).unwrap();
        let plan = course::plan(&scenario, 1);
        check_stakes(&scenario, &mut World::new(plan.clone()));
        let ground = Ground::of(&plan);
        check_stakes(&scenario, &mut Market::new(plan, ground, ()));
    }

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
