//! Newcomers beside idle incumbents: whoever has no stake and no name gets a first job all the same.

use assay_protocol::outcome::Outcome;
use assay_simulations::{
    kernel::Span,
    plan::Plan,
    world::{Place, Wish, World},
};

use crate::support::{LIMIT, market, settle};

/// Providers that are known to nobody.
const NEWCOMERS: usize = 50;
/// Jobs that are ordered in an hour: two a second.
const JOBS: u64 = 7_200;
const PAUSE: Span = Span::millis(500);

/// How many of these ran a job that was paid.
fn paid(world: &World, newcomers: &[Place]) -> usize {
    let ran = |place: &&Place| {
        let peer = world.id(**place);
        world.closed().values().any(|closed| closed.provider == peer && closed.outcome == Outcome::Checked)
    };
    newcomers.iter().filter(ran).count()
}

#[test]
#[ignore = "an hour of 61 peers: over a minute"]
fn each_of_fifty_newcomers_has_its_first_paid_job_within_an_hour() {
    let plan = Plan { clients: 4 + NEWCOMERS, slots: 8, ..Plan::default() };
    let mut world = market(plan);
    let newcomers: Vec<Place> = (4..4 + NEWCOMERS).map(|number| world.plan().client(number)).collect();
    newcomers.iter().for_each(|place| world.provide(*place));
    world.run_for(Span::seconds(2));
    for number in 0..JOBS {
        let client = world.plan().client((number % 4) as usize);
        world.submit(client, Wish { number, ..Wish::default() });
        world.run_for(PAUSE);
        if number % 600 == 599 {
            println!(
                "after {} minutes {} of {NEWCOMERS} were paid",
                (number + 1) / 120,
                paid(&world, &newcomers)
            );
        }
    }
    assert_eq!(paid(&world, &newcomers), NEWCOMERS);
    settle(&mut world, LIMIT, "newcomers");
}
