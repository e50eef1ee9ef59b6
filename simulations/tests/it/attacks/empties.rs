//! Empty hands: providers that take a job, read its input and say that it gives nothing, as any machine might have to. They ask
//! less than half of what others ask, and have the stake that is asked first.

use assay_protocol::{id::PeerId, outcome::Outcome, units::Amount};
use assay_simulations::{
    behaviour::{Aborter, Behaviour},
    kernel::Span,
    plan::{Plan, UNIT_PRICE},
    world::{Place, Wish, World},
};

use super::{Coalition, owned, refunded, restake, results, sell_at};
use crate::support::{LIMIT, Stuck, market, settle};

/// What they ask for a unit.
const CHEAP: Amount = Amount(UNIT_PRICE.0 * 46 / 100);
/// What each of them has at stake: more than the usual order wants.
const STAKE: Amount = Amount::credits(1);
/// Jobs of the client in each test, and the time between two.
const JOBS: u64 = 40;
const PAUSE: Span = Span::seconds(1);
/// What a provider may keep of a cancelled job, where a client agrees to that.
const FEE: Amount = Amount(CHEAP.0 / 4);
/// Jobs that may be lost to them: for as many a client pays less with them than with others, however often they fail.
const LOST_MAX: i128 = 6;

/// Somebody who orders, among providers of which so many behave like this.
struct Scene {
    world: World,
    client: Place,
    foes: Vec<Place>,
}

/// What came of the client's jobs.
struct Course {
    /// Those that brought a result.
    delivered: i128,
    /// How often one of the others was given the job and it came to nothing.
    wasted: i128,
    /// By how much those are richer.
    gain: i128,
}

impl Scene {
    fn new(foes: usize, behaviour: impl Behaviour + Copy + 'static) -> Self {
        let mut world = market(Plan { clients: 1 + foes, slots: 8, ..Plan::default() });
        let client = world.plan().client(0);
        let foes: Vec<Place> = (1..=foes).map(|number| world.plan().client(number)).collect();
        for foe in &foes {
            world.provide(*foe);
            restake(&mut world, *foe, STAKE);
            sell_at(&mut world, *foe, CHEAP);
            world.behave(*foe, behaviour);
            world.disown(*foe);
        }
        // Their notary's word on their stakes is in their offers after an epoch.
        let timers = world.plan().timers;
        world.run_for(timers.tick.times(2 * timers.epoch_ticks).into());
        Self { world, client, foes }
    }

    /// Orders all jobs, one after another.
    #[allow(clippy::print_stdout, reason = "a figure beside what is asserted of it")]
    fn order(&mut self, attack: &str, cancel_fee: Amount) -> Course {
        let (coalition, before) = (Coalition::new(&self.world, self.foes.clone()), self.wealth());
        for number in 0..JOBS {
            self.world.submit(self.client, Wish { number, cancel_fee, ..Wish::default() });
            self.world.run_for(PAUSE);
        }
        settle(&mut self.world, LIMIT, attack);
        let foes: Vec<PeerId> = self.foes.iter().map(|foe| self.world.id(*foe)).collect();
        let failed = |outcome: Outcome| matches!(outcome, Outcome::Aborted | Outcome::Cancelled);
        let closed = self.world.closed().values();
        let wasted =
            closed.filter(|closed| foes.contains(&closed.provider) && failed(closed.outcome)).count();
        let delivered = results(&self.world, self.client);
        coalition.tell_figures(&self.world, attack, &[self.client]);
        let gain = coalition.gain(&self.world, attack);
        let spent = (before - self.wealth()) as f64 / 1e9;
        println!(
            "figures: {attack}: {delivered} of {JOBS} delivered, {wasted} given up, {spent:.4} credits of the client"
        );
        Course { delivered, wasted: wasted as i128, gain }
    }

    fn wealth(&self) -> i128 {
        owned(&self.world, &[self.client])
    }
}

#[test]
fn whoever_says_that_an_input_gives_nothing_is_asked_a_few_times_and_no_more() {
    let mut scene = Scene::new(1, Aborter);
    let course = scene.order("one that gives nothing", Amount::ZERO);
    assert_eq!(course.delivered, i128::from(JOBS), "another provider has each of them");
    assert!((2..=LOST_MAX).contains(&course.wasted), "it was given {} jobs", course.wasted);
    assert!(course.gain <= 0, "{}", course.gain);
    assert!(
        refunded(&scene.world, scene.client, Outcome::Aborted),
        "a job that is given up costs its client nothing"
    );
}

/// What a second provider says as well ends a job, since any machine would say it: so two that have agreed on it end some.
#[test]
fn two_that_say_of_every_input_that_it_gives_nothing_end_a_few_jobs_and_no_more() {
    let mut scene = Scene::new(2, Aborter);
    let course = scene.order("two that give nothing", Amount::ZERO);
    let ended = i128::from(JOBS) - course.delivered;
    assert!((2..=LOST_MAX).contains(&ended), "they ended {ended} jobs");
    assert!(course.wasted <= 2 * LOST_MAX, "they were given {} jobs", course.wasted);
    assert!(course.gain <= 0, "{}", course.gain);
    assert!(
        refunded(&scene.world, scene.client, Outcome::Aborted),
        "a job that is given up costs its client nothing"
    );
}

/// A provider that does nothing until its client has had enough, and then asks for what was agreed to for that case: the
/// program agrees to nothing.
#[test]
fn whoever_stalls_for_the_fee_of_a_cancelled_job_has_it_a_few_times_and_no_more() {
    let mut scene = Scene::new(1, Stuck);
    let course = scene.order("one that stalls for the fee", FEE);
    assert_eq!(course.delivered, i128::from(JOBS), "another provider has each of them");
    // As many as it takes on before the first of them is given up.
    assert!((1..=2 * LOST_MAX).contains(&course.wasted), "it was given {} jobs", course.wasted);
    assert!(course.gain <= course.wasted * i128::from(FEE.0), "{}", course.gain);
    let mut scene = Scene::new(1, Stuck);
    let course = scene.order("one that stalls for nothing", Amount::ZERO);
    assert_eq!((course.delivered, course.gain), (i128::from(JOBS), 0));
    assert!(refunded(&scene.world, scene.client, Outcome::Cancelled));
}
