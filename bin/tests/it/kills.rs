//! `kill -9` in the middle of a job, one point for each role: after the restart the job closes, nothing is paid twice and
//! the journal of the notary replays to its books.

use assay_market::{event::Event, view::AttemptState};
use assay_protocol::outcome::Outcome;

use crate::town::Town;

/// Submits a job, kills a peer once something has happened somewhere, starts it again and looks at what came of the job.
async fn check(victim: &str, where_heard: &str, is_it: impl Fn(&Event) -> bool) -> Outcome {
    let mut town = Town::start().await;
    let key = town.submit().await;
    town.hear(where_heard, is_it).await;
    town.network.kill(victim);
    town.network.restart(victim).await.unwrap();
    let submission = town.end_of(key).await;
    town.check_books().await;
    let last = submission.attempts.last().unwrap();
    let AttemptState::Closed(outcome) = last.state else { panic!("{submission:?}") };
    outcome
}

#[tokio::test]
async fn a_provider_that_is_killed_while_it_runs_a_job_leaves_it_closed() {
    let outcome = check("ada", "ada", |event| matches!(event, Event::Serving { .. })).await;
    // Where a machine is so slow that what it begins anew takes too long, it says that it gives up.
    let ends = [Outcome::Checked, Outcome::NoClaim, Outcome::Cancelled, Outcome::Aborted];
    assert!(ends.contains(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn a_client_that_is_killed_after_it_paid_has_its_result() {
    let outcome = check("you", "you", |event| matches!(event, Event::Opened { .. })).await;
    assert_eq!(outcome, Outcome::Checked);
}

#[tokio::test]
async fn a_notary_that_is_killed_with_a_job_open_closes_it() {
    let outcome = check("nora", "nora", |event| matches!(event, Event::Drawn { .. })).await;
    assert_eq!(outcome, Outcome::Checked);
}

#[tokio::test]
async fn a_verifier_that_is_killed_when_it_is_drawn_holds_nobody_up() {
    let mut town = Town::start().await;
    let key = town.submit().await;
    let drawn = town.hear("nora", |event| matches!(event, Event::Drawn { verifier: Some(_), .. })).await;
    let Event::Drawn { verifier: Some(verifier), .. } = drawn else { unreachable!() };
    let verifier = town.network.name_of(verifier);
    town.network.kill(&verifier);
    town.network.restart(&verifier).await.unwrap();
    let submission = town.end_of(key).await;
    town.check_books().await;
    let last = submission.attempts.last().unwrap();
    assert_eq!(last.state, AttemptState::Closed(Outcome::Checked));
}
