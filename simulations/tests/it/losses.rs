//! Many jobs on a bad network, with and without crashes.

use assay_protocol::id::Digest;
use assay_simulations::{
    kernel::Span,
    network::Conditions,
    plan::{EXACT, LABEL, Plan, TENSOR},
    random::Stream,
    world::{Place, Tail, Wish, World},
};

use crate::support::{judge, market, settle};

/// Jobs in one run.
const JOBS: u64 = 200;
/// Of so many receipts one is judged.
const JUDGED: usize = 40;
/// No run takes longer.
const LIMIT: Span = Span::seconds(1_800);

/// Twelve peers, of whom eight provide; one message in five is lost and one in five doubled.
fn lossy(seed: u64) -> World {
    let conditions = Conditions::bad();
    market(Plan { seed, founders: 8, clients: 3, conditions, slots: 4, ..Plan::default() })
}

/// Submits job by job, with something else happening in between, and asserts what must come of it.
fn run(world: &mut World, mut meanwhile: impl FnMut(&mut World)) {
    let context = format!("seed {}", world.plan().seed);
    let clients: Vec<Place> = (0..3).map(|number| world.plan().client(number)).collect();
    let mut wishes = Vec::new();
    for number in 0..JOBS {
        let client = clients[(number % 3) as usize];
        let manifest = [LABEL, TENSOR, EXACT][(number / 3 % 3) as usize];
        wishes.push((client, world.submit(client, Wish { manifest, number, ..Wish::default() })));
        world.run_for(Span::millis(300));
        meanwhile(world);
    }
    settle(world, LIMIT, &context);
    let ended =
        |(client, key): &&(Place, Digest)| world.submission(*client, *key).is_some_and(|known| known.ended);
    assert_eq!(wishes.iter().filter(ended).count() as u64, JOBS, "{context}");
    let paid = world.closed().values().filter(|closed| closed.outcome.is_paid()).count() as u64;
    assert!((JOBS * 9 / 10..=JOBS).contains(&paid), "{context}: {paid} of {JOBS} were paid");
    assert!(
        world.closed().values().all(|closed| closed.slashed.is_zero()),
        "{context}: an honest peer was slashed"
    );
    for client in clients {
        world.receipts(client).iter().step_by(JUDGED).for_each(|receipt| drop(judge(receipt)));
    }
}

/// Runs a share of the fifty seeds.
fn every_job_closes(seeds: impl IntoIterator<Item = u64>) {
    seeds.into_iter().for_each(|seed| run(&mut lossy(seed), |_| ()));
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
fn every_job_closes_though_everybody_crashes_now_and_then() {
    for seed in 100..108 {
        let mut luck = Stream::new(seed, "crashes", 0);
        run(&mut lossy(seed), |world| {
            if luck.below(4) == 0 {
                let place = Place(luck.below(world.plan().peers() as u64) as usize);
                let tail = if luck.below(2) == 0 { Tail::Lost } else { Tail::Kept };
                world.crash(place, tail, Span::millis(luck.between(50, 2_000)));
            }
        });
    }
}

#[test]
fn the_same_seed_gives_the_same_digest_and_another_seed_another() {
    let digest = |seed| -> (Digest, u64) {
        let mut world = lossy(seed);
        run(&mut world, |_| ());
        (world.digest(), world.events())
    };
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}
