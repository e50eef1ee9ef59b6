//! Wall clocks that somebody sets wrong for a while: nobody is harmed, and whoever's it is hears of it.

use assay_market::Event;
use assay_simulations::{
    kernel::Span,
    plan::Plan,
    world::{Place, Wish, World},
};

use crate::support::{LIMIT, market, paid_once, settle};

const HOUR_MS: i64 = 3_600_000;
/// Jobs before, during and after.
const JOBS: u64 = 12;

/// Lets both clients order jobs over half a minute.
fn order(world: &mut World, numbers: core::ops::Range<u64>) {
    for number in numbers {
        let client = world.plan().client((number % 2) as usize);
        world.submit(client, Wish { number, checks: u16::from(number % 3 == 0), ..Wish::default() });
        world.run_for(Span::millis(2_500));
    }
}

/// The clock of one peer is wrong for a minute while jobs are ordered, and jobs close meanwhile.
fn live(place: impl Fn(&Plan) -> Place, by_ms: i64) {
    let mut world = market(Plan { clients: 2, ..Plan::default() });
    let place = place(world.plan());
    let context = format!("{place:?} is {by_ms} ms off");
    order(&mut world, 0..JOBS);
    let closed = world.closed().len();
    world.set_clock(place, by_ms);
    order(&mut world, JOBS..2 * JOBS);
    world.run_for(Span::seconds(30));
    assert!(world.closed().len() > closed + 4, "{context}: nothing closes meanwhile");
    world.set_clock(place, -by_ms);
    order(&mut world, 2 * JOBS..3 * JOBS);
    settle(&mut world, LIMIT, &context);
    let clients = [world.plan().client(0), world.plan().client(1)];
    assert_eq!(paid_once(&world, &clients, &context), 3 * JOBS, "{context}");
    assert_eq!(world.closed().len() as u64, 3 * JOBS, "{context}: a job failed and was tried again");
    let jumps = world
        .told(place)
        .iter()
        .filter_map(|(_, event)| if let Event::ClockJumped { by_ms } = event { Some(*by_ms) } else { None });
    assert_eq!(jumps.collect::<Vec<_>>(), [by_ms], "{context}");
}

#[test]
fn a_wall_clock_an_hour_off_for_a_minute_harms_nobody_at_a_client() {
    [HOUR_MS, -HOUR_MS].into_iter().for_each(|by_ms| live(|plan| plan.client(0), by_ms));
}

#[test]
fn a_wall_clock_an_hour_off_for_a_minute_harms_nobody_at_a_provider_and_verifier() {
    [HOUR_MS, -HOUR_MS].into_iter().for_each(|by_ms| live(|plan| plan.founder(0), by_ms));
}

#[test]
fn a_wall_clock_an_hour_off_for_a_minute_harms_nobody_at_the_notary() {
    [HOUR_MS, -HOUR_MS].into_iter().for_each(|by_ms| live(Plan::notary, by_ms));
}

#[test]
fn a_notary_whose_clock_stays_wrong_goes_on() {
    for by_ms in [HOUR_MS, -HOUR_MS] {
        let mut world = market(Plan { clients: 2, ..Plan::default() });
        let (notary, client) = (world.plan().notary(), world.plan().client(0));
        world.set_clock(notary, by_ms);
        world.run_for(Span::seconds(400));
        order(&mut world, 0..JOBS);
        settle(&mut world, LIMIT, "a notary that is far off");
        let clients = [client, world.plan().client(1)];
        assert_eq!(paid_once(&world, &clients, "far off"), JOBS, "{by_ms}");
    }
}
