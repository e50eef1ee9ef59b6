//! Many jobs on a bad network.

use assay_protocol::id::Digest;
use assay_simulations::{
    kernel::Span,
    network::Conditions,
    plan::{EXACT, LABEL, Plan, TENSOR},
    world::{Wish, World},
};

use crate::support::market;

/// Jobs in one run.
const JOBS: u64 = 200;

/// Twelve peers, of whom eight provide, two hundred jobs, one message in five lost and one in five doubled.
fn run(seed: u64) -> World {
    let mut world = market(Plan {
        seed,
        founders: 8,
        clients: 3,
        conditions: Conditions::bad(),
        slots: 4,
        ..Plan::default()
    });
    for number in 0..JOBS {
        let client = world.plan().client((number % 3) as usize);
        let manifest = [LABEL, TENSOR, EXACT][(number / 3 % 3) as usize];
        world.submit(client, Wish { manifest, number, ..Wish::default() });
        world.run_for(Span::millis(300));
    }
    world.settle(Span::seconds(1_800)).unwrap_or_else(|unsettled| panic!("seed {seed}: {unsettled}"));
    let books = world.books().expect("the notary keeps books");
    assert_eq!((books.open, books.held.0), (0, 0), "seed {seed}");
    assert!(books.closed >= JOBS / 2, "seed {seed}: only {} jobs were opened", books.closed);
    assert!(
        world.closed().values().all(|closed| closed.slashed.is_zero()),
        "seed {seed}: an honest peer was slashed"
    );
    world
}

/// Runs a share of the fifty seeds.
fn every_job_closes(seeds: impl IntoIterator<Item = u64>) {
    seeds.into_iter().for_each(|seed| drop(run(seed)));
}

#[test]
fn every_job_closes_and_every_coin_is_somewhere_in_the_first_quarter_of_fifty_seeds() {
    every_job_closes(0..13);
}

#[test]
fn every_job_closes_and_every_coin_is_somewhere_in_the_second_quarter_of_fifty_seeds() {
    every_job_closes(13..26);
}

#[test]
fn every_job_closes_and_every_coin_is_somewhere_in_the_third_quarter_of_fifty_seeds() {
    every_job_closes(26..38);
}

#[test]
fn every_job_closes_and_every_coin_is_somewhere_in_the_last_quarter_of_fifty_seeds() {
    every_job_closes(38..50);
}

#[test]
fn the_same_seed_gives_the_same_digest_and_another_seed_another() {
    let digest = |seed| -> (Digest, u64) {
        let world = run(seed);
        (world.digest(), world.events())
    };
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}
