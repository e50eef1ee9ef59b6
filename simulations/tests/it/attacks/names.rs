//! Names: they cost nothing, so a machine that offers under many has no more by it than falls on those who have nothing to lose.

use std::collections::BTreeSet;

use assay_protocol::id::PeerId;
use assay_simulations::{
    kernel::Span,
    plan::Plan,
    world::{Place, Wish},
};

use super::{Coalition, results};
use crate::support::{LIMIT, market, settle};

/// Names of one machine, none of which has anything at stake.
const NAMES: usize = 90;
/// Jobs of a client, and the time between two.
const JOBS: u64 = 400;
const PAUSE: Span = Span::millis(400);
/// The most of them in a hundred: one job in sixteen falls on the lot, and one in four among those that passed a check as well.
const PART_MAX: usize = 40;

#[test]
#[allow(clippy::print_stdout, reason = "a figure beside what is asserted of it")]
fn a_machine_with_ninety_names_has_no_more_jobs_than_fall_on_those_without_a_stake() {
    let mut world = market(Plan { clients: 1 + NAMES, slots: 8, ..Plan::default() });
    let client = world.plan().client(0);
    let names: Vec<Place> = (1..=NAMES).map(|number| world.plan().client(number)).collect();
    names.iter().for_each(|name| world.provide(*name));
    world.run_for(Span::seconds(3));
    let coalition = Coalition::new(&world, names.clone());
    for number in 0..JOBS {
        world.submit(client, Wish { number, ..Wish::default() });
        world.run_for(PAUSE);
    }
    settle(&mut world, LIMIT, "many names");
    let named: BTreeSet<PeerId> = names.iter().map(|name| world.id(*name)).collect();
    let ran = world.closed().values().filter(|closed| named.contains(&closed.provider)).count();
    let earned: u64 = world
        .closed()
        .values()
        .filter(|closed| named.contains(&closed.provider))
        .map(|closed| closed.paid.0)
        .sum();
    println!("figures: one machine with {NAMES} names: {ran} of {JOBS} jobs");
    assert_eq!(results(&world, client), i128::from(JOBS), "each job is done by somebody");
    assert!(ran * 100 <= PART_MAX * JOBS as usize, "{ran} of {JOBS}");
    coalition.tell_figures(&world, "one machine with many names", &[client]);
    let gain = coalition.gain(&world, "one machine with many names");
    assert!(gain <= i128::from(earned), "it earned what it worked for: {gain} of {earned}");
}
