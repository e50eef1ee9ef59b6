//! `kill -9` at five moments of a job, for each role. Takes minutes, so only `.ci/long` runs it.

use std::time::Duration;

use crate::town::Town;

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
