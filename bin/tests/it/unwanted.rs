//! Providers that somebody does not want: at the command line, and at the door.

use std::time::{Duration, Instant};

use assay_cli::commands::demo::plan::PRICE;
use serde_json::{Value, json};

use crate::{
    assay::assay,
    gateways::{Serving, sum},
    town::Town,
};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_STEP: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn whom_somebody_ignores_is_not_ordered_from_by_whatever_door() {
    let town = Town::start().await;
    let home = town.network.peer("you").home.root();
    let [ada, ben] = ["ada", "ben"].map(|name| town.network.peer(name).id.to_string());
    town.network.peer("ben").provide(PRICE).await.unwrap();
    let gateway = Serving::start(home);
    let deadline = Instant::now() + PATIENCE;
    while gateway.get("/v1/models/sums").document()["assay"]["providers"] != 2 {
        assert!(Instant::now() < deadline, "the other offer is never heard of");
        tokio::time::sleep(LOOK_STEP).await;
    }
    let provider = |terms: Value| {
        let answer = gateway.post("/v1/chat/completions", &sum(json!({ "assay": terms }))).document();
        answer["assay"][0]["provider"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    assert_eq!(provider(json!({ "ignore": [ada] })), ben);
    assert_eq!(provider(json!({ "ignore": [ben] })), ada);
    assert_eq!(provider(json!({ "only": ben, "ignore": [ada] })), ben);

    let run = ["run", "sums", "27+58=", "--max-tokens", "8", "--no-start", "--json", "--ignore", &ada[..12]];
    assert_eq!(assay(home, &run).document()["provider"], ben);
    let quote = ["quote", "digits", "--no-start", "--json", "--explain", "--ignore", ben.as_str()];
    let quoted = assay(home, &quote).document();
    assert_eq!(quoted["provider"], ada, "{quoted}");
    let passed = quoted["passed_over"]["passed"].as_array().unwrap();
    let left_out = passed.iter().find(|passed| passed["provider"] == ben).unwrap();
    assert_eq!(
        (&left_out["reason"], &left_out["words"]),
        (&json!("ignored"), &json!("left out by --ignore"))
    );
    let nobody = assay(home, &[&quote[..], &["--ignore", ada.as_str()]].concat());
    assert_eq!(nobody.status, Some(6), "{nobody:?}");
    assert!(nobody.stderr.contains("2 left out by --ignore"), "{nobody:?}");
}
