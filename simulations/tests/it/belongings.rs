//! Whose bytes are whose: what peers keep while jobs last, and that nothing is kept when they are over.

use assay_market::{Command, Event};
use assay_protocol::{id::Digest, order::Failure};
use assay_simulations::{
    kernel::Span,
    plan::Plan,
    world::{Place, Wish, World},
};

use crate::support::{LIMIT, market, paid_once, settle};

/// Room for the blobs of a few dozen jobs.
const ROOM: usize = 4_096;
/// How long a verifier may still be asked for what it found.
const OPENINGS: Span = Span::seconds(600);

/// Lets the first client submit so many jobs, a few at a time; returns their names.
fn run_jobs(world: &mut World, count: u64) -> Vec<Digest> {
    let client = world.plan().client(0);
    let mut keys = Vec::new();
    for number in 0..count {
        keys.push(world.submit(client, Wish { number, ..Wish::default() }));
        if number % 8 == 7 {
            settle(world, LIMIT, &format!("job {number}"));
            take(world, &keys[keys.len() - 8..]);
        }
    }
    keys
}

/// The user takes the results of these submissions.
fn take(world: &mut World, keys: &[Digest]) {
    let client = world.plan().client(0);
    keys.iter().for_each(|key| world.command(client, Command::Taken { key: *key }));
    world.run_for(Span::seconds(1));
}

fn kept(world: &World) -> Vec<usize> {
    (0..world.plan().peers()).map(|number| world.kept_bytes(Place(number))).collect()
}

#[test]
fn many_jobs_fit_into_little_room_and_nothing_is_kept_when_they_are_over() {
    let mut world = market(Plan::default());
    (0..world.plan().peers()).for_each(|number| world.limit(Place(number), ROOM));
    let (client, keys) = (world.plan().client(0), run_jobs(&mut world, 200));
    world.run_for(OPENINGS);
    assert_eq!(kept(&world), vec![0; world.plan().peers()]);
    let aborted = |event: &Event| matches!(event, Event::Aborted { reason, .. } if *reason != Failure::Busy);
    assert!(!world.told(client).iter().any(|(_, event)| aborted(event)), "a run failed for room");
    assert_eq!(paid_once(&world, &[client], "little room"), 200);
    // Not one receipt is lost, though blobs had to go all the time.
    assert!(keys.iter().all(|key| world.receipt(client, *key).is_some()));
}

#[test]
fn a_result_is_kept_until_its_user_has_it_through_restarts_too() {
    let mut world = market(Plan::default());
    let client = world.plan().client(0);
    let key = world.submit(client, Wish::default());
    settle(&mut world, LIMIT, "one job");
    let kept = world.kept_bytes(client);
    assert!(kept > 0, "the result is there for its user");
    world.crash(client, assay_simulations::world::Tail::Kept, Span::millis(200));
    world.run_for(Span::seconds(2));
    assert_eq!(world.kept_bytes(client), kept, "after a restart as before");
    take(&mut world, &[key]);
    assert_eq!(world.kept_bytes(client), 0);
}
