//! A result that does not hold: what whoever bought it is told, and how the right one comes.

use std::fs;

use assay_cli::Bundle;
use serde_json::Value;

use crate::{homes::private_folder, person::Person, town::Town};

#[tokio::test]
async fn who_buys_a_false_result_is_told_and_has_the_right_one_that_is_bought_instead() {
    let (town, folder) = (Town::with_cheat().await, private_folder());
    let you = Person { home: town.network.peer("you").home.root().to_owned() };
    let mallory = town.network.peer("mallory").id.to_string();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (picture, receipt) = (at("picture.png"), at("receipt"));
    // What it makes up may happen to be right.
    for sample in Bundle::all()[0].samples {
        fs::write(&picture, sample.bytes).unwrap();
        let ran = you.types(&["run", "digits", &picture, "--receipt", &receipt, "--json"]);
        if ran.status == Some(0) {
            continue;
        }
        assert_eq!(ran.status, Some(9), "{ran:?}");
        let failure = ran.stderr.lines().find(|line| line.starts_with('{')).unwrap();
        let failure: Value = serde_json::from_str(failure).unwrap();
        assert_eq!(failure["error"]["code"], "NOT_CONFIRMED");
        let submission = failure["error"]["details"]["submission"].as_str().unwrap();
        assert_eq!(you.types(&["job", "wait", submission]).status, Some(0), "another one is bought");
        let again = you.types(&["job", "result", submission]);
        assert_eq!((again.status, again.stdout.trim()), (Some(0), sample.answer), "{again:?}");
        let shown = you.asks(&["job", "show", submission]);
        let attempts = shown["attempts"].as_array().unwrap();
        assert_eq!(
            (&attempts[0]["provider"], attempts.len()),
            (&mallory.as_str().into(), 2),
            "the cheat was cheapest: {shown}"
        );
        assert_eq!(attempts[0]["money"], "returned", "{shown}");
        assert_eq!(you.asks(&["notary", "audit"])["clean"], true);
        return;
    }
    panic!("the cheat was right every time, or was never asked");
}
