//! A result that does not hold: what whoever bought it is told, and how the right one comes.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use assay_cli::Bundle;
use serde_json::Value;

use crate::{assay::Ran, homes::private_folder, person::Person, town::Town};

/// The longest that a test waits for a notary's word, and the time between two looks.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_STEP: Duration = Duration::from_millis(250);

/// How a job ends of which no result came in time.
const LATE: [&str; 3] = ["no_claim", "aborted", "cancelled"];

/// Whoever orders pictures read where mallory is cheapest.
struct Victim {
    town: Town,
    you: Person,
    folder: tempfile::TempDir,
}

impl Victim {
    async fn meets_a_cheat() -> Self {
        let (town, folder) = (Town::with_cheat().await, private_folder());
        let you = Person { home: town.network.peer("you").home.root().to_owned() };
        Self { town, you, folder }
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Has one picture after another read until mallory is caught; what it makes up may happen to be right.
    fn is_cheated(&self, flags: &[&str]) -> (Ran, &'static str, Value) {
        let (mallory, picture) = (self.town.network.peer("mallory").id.to_string(), self.at("picture.png"));
        for sample in Bundle::all()[0].samples {
            fs::write(&picture, sample.bytes).unwrap();
            let ran = self.you.types(&[&["run", "digits", &picture], flags].concat());
            let name = self.you.types(&["job", "ls", "--quiet"]).stdout.lines().last().unwrap().to_owned();
            let job = self.you.asks(&["job", "show", &name]);
            // Where a machine is slow its money may come back for that.
            let is_refuted = |attempt: &Value| {
                let is_late = LATE.iter().any(|outcome| attempt["outcome"] == *outcome);
                attempt["provider"] == mallory.as_str() && attempt["money"] == "returned" && !is_late
            };
            if job["attempts"].as_array().unwrap().iter().any(is_refuted) {
                return (ran, sample.answer, job);
            }
            // There a check may come to nothing, too, and what no check confirms is not shown.
            let is_open = ran.status == Some(9) && ran.stderr.contains("neither agrees nor disagrees");
            assert!(is_open || ran.stdout.trim() == sample.answer, "{ran:?}");
        }
        panic!("the cheat was right every time, or was never asked");
    }
}

#[tokio::test]
async fn who_buys_a_false_result_is_told_and_has_the_right_one_that_is_bought_instead() {
    let victim = Victim::meets_a_cheat().await;
    let (ran, answer, job) = victim.is_cheated(&["--receipt", &victim.at("receipt")]);
    assert_eq!(ran.status, Some(9), "{ran:?}");
    assert_ne!(ran.stdout.trim(), answer, "it was shown before it was checked");
    assert!(ran.stderr.contains("is not confirmed"), "{ran:?}");
    let submission = job["submission"].as_str().unwrap();
    assert_eq!(victim.you.types(&["job", "wait", submission]).status, Some(0), "another one is bought");
    let again = victim.you.types(&["job", "result", submission]);
    assert_eq!((again.status, again.stdout.trim()), (Some(0), answer), "{again:?}");
    assert_eq!(victim.you.asks(&["notary", "audit"])["clean"], true);
    is_sold_nothing_more_by_the_convict(&victim);
}

/// Whoever was convicted goes by that in the list of offers, and gets no order however little it asks.
fn is_sold_nothing_more_by_the_convict(victim: &Victim) {
    let mallory = victim.town.network.peer("mallory").id.to_string();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let offers = victim.you.asks(&["offers", "--model", "digits"])["offers"].clone();
        let of_mallory = |offer: &&Value| offer["provider"] == mallory.as_str();
        let offer = offers.as_array().unwrap().iter().find(of_mallory);
        if offer.is_none_or(|offer| offer["convicted"] == true) {
            break;
        }
        assert!(Instant::now() < deadline, "nobody says that it was convicted: {offers}");
        thread::sleep(LOOK_STEP);
    }
    let quoted = victim.you.asks(&["quote", "digits"]);
    assert_ne!(quoted["provider"], mallory.as_str(), "it is the cheapest, and was convicted: {quoted}");
}

#[tokio::test]
async fn a_result_whose_check_is_paid_for_is_not_shown_before_one_agrees() {
    let victim = Victim::meets_a_cheat().await;
    let output = victim.at("output");
    let (ran, answer, job) = victim.is_cheated(&["--check", "always", "-o", &output]);
    assert_eq!((ran.status, ran.stdout.trim()), (Some(0), answer), "{ran:?}");
    // Whoever was asked beside one of them, because that was slow to answer, has no outcome.
    let outcomes = job["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["outcome"]);
    let outcomes: Vec<&Value> = outcomes.filter(|outcome| !outcome.is_null()).collect();
    assert_eq!((outcomes.len(), outcomes[1]), (2, &"checked".into()), "{job}");
    assert!(Path::new(&output).exists(), "what was confirmed is kept");
}
