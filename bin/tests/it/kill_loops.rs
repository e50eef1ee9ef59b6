//! `kill -9`: at five moments of a job, for each role, and of whomever the lot names while the client orders all the time.
//! Takes minutes and more, so only `.ci/long` runs it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use assay_cli::commands::demo::network::DemoNetwork;

use crate::{
    assay::BINARY,
    brittle::Lot,
    load::{Load, SEED, honest, number},
    town::Town,
};

/// Moments after the job was submitted: from before anybody has answered to after the draw.
const MOMENTS: [Duration; 5] = [
    Duration::from_millis(5),
    Duration::from_millis(60),
    Duration::from_millis(250),
    Duration::from_millis(800),
    Duration::from_millis(1_600),
];

/// However a job ends, it ends, and the books are right.
async fn survives(victim: &str) {
    for moment in MOMENTS {
        let mut town = Town::start().await;
        let key = town.submit().await;
        // The moment itself is what is tried here; there is nothing to wait for.
        tokio::time::sleep(moment).await;
        town.network.kill(victim);
        town.network.restart(victim).await.unwrap();
        town.end_of(key).await;
        town.check_books().await;
    }
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_provider_can_be_killed_at_any_moment() {
    survives("ada").await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_client_can_be_killed_at_any_moment() {
    survives("you").await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_notary_can_be_killed_at_any_moment() {
    survives("nora").await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_verifier_can_be_killed_at_any_moment() {
    survives("ben").await;
}

/// Set to a number, this chooses how many kills there are.
const KILLS: &str = "ASSAY_KILLS";
/// Milliseconds from an order to a kill, at most.
const KILL_AFTER_MS: u64 = 300;

/// Kills so often whomever the lot names, now and then two at once.
async fn survives_all(kills: u64, seed: u64) {
    let (kills, seed) = (number(KILLS).unwrap_or(kills), number(SEED).unwrap_or(seed));
    eprintln!("{kills} kills, {SEED}={seed}");
    let network = DemoNetwork::found(Path::new(BINARY), &honest()).unwrap();
    let (mut load, mut lot) = (Load::new(network), Lot(seed));
    load.network.start().await.unwrap();
    load.open_market().await;
    let (names, begun) =
        (load.network.peers().iter().map(|peer| peer.name).collect::<Vec<_>>(), Instant::now());
    let mut killed = 0;
    while killed < kills {
        load.breathe().await;
        load.submit().await;
        // The moment itself is what is tried here; there is nothing to wait for.
        tokio::time::sleep(Duration::from_millis(lot.below(KILL_AFTER_MS))).await;
        let first = names[lot.below(names.len() as u64) as usize];
        let second = names.iter().filter(|name| **name != first && lot.below(12) == 0).take(1);
        let victims: Vec<&str> = [first].into_iter().chain(second.copied()).collect();
        victims.iter().for_each(|name| load.network.kill(name));
        for name in &victims {
            let restarted = load.network.restart(name).await;
            load.demand(restarted.is_ok(), || format!("{name}: {restarted:?}"));
        }
        killed += victims.len() as u64;
    }
    let (jobs, paid) = load.check().await;
    eprintln!("{killed} kills over {jobs} jobs of which {paid} were paid");
    eprintln!("that took {:.0} s", begun.elapsed().as_secs_f64());
}

#[tokio::test]
#[ignore = "takes a minute or two"]
async fn no_kill_loses_what_was_acknowledged() {
    survives_all(30, 1).await;
}

#[tokio::test]
#[ignore = "takes the better part of an hour"]
async fn a_thousand_kills_lose_nothing() {
    survives_all(1_000, 2).await;
}
