//! A seller whose model is on a graphics card, and verifiers whose processors give the same.
//!
//! Where there is no Vulkan device, not even one that a processor plays, a line says so.

use std::fs;

use crate::{foundings::friends, person::Person, ports::free_port};

/// The card that a processor plays.
const PLAYED: &str = "llvmpipe";

#[tokio::test]
async fn a_text_from_a_card_is_checked_by_processors() {
    let folder = tempfile::tempdir().unwrap();
    let (founder, friends) = (Person::new(folder.path(), "nora"), friends(folder.path()));
    let at = format!("127.0.0.1:{}", free_port());
    let network = folder.path().join("network.toml");
    let mut found = vec!["network", "new", "lab", "--at", &at, "--output", network.to_str().unwrap()];
    found.extend(friends.iter().flat_map(|(_, key)| ["--verifier", key.as_str()]));
    founder.asks(&found);
    assert_eq!(founder.asks(&["status"])["network_name"], "lab");
    friends.iter().for_each(|(friend, _)| friend.joins(&network));
    let (seller, key) = &friends[0];
    fs::write(seller.home.join("config.toml"), format!("[daemon]\ndevice = \"{PLAYED}\"\n")).unwrap();
    let provided = seller.types(&["provide", "sums", "--json"]);
    if provided.stderr.contains("none is found") {
        eprintln!("no Vulkan device is here: cards are not tried");
        return;
    }
    for (friend, key) in &friends {
        assert_eq!(friend.asks(&["status"])["peer"], key.as_str(), "it is there to check");
    }
    let bench = &provided.document()["benches"][0];
    assert!(bench["device"].as_str().unwrap().contains(PLAYED), "{bench}");
    let buyer = Person::join(folder.path(), "you", &network);
    assert_eq!(buyer.account()["free"]["amount"], "5.00");
    buyer.waits_for_offer("sums", key).await;
    let receipt = folder.path().join("receipt");
    let ran = buyer.asks(&["run", "sums", "27+58=", "--receipt", receipt.to_str().unwrap()]);
    let label = &ran["attempt"]["label"];
    assert_eq!((&ran["text"], label), (&"85".into(), &"checked".into()), "{ran}");
}

#[test]
fn a_card_that_is_wanted_and_not_there_is_missed_aloud() {
    let folder = tempfile::tempdir().unwrap();
    let (founder, friends) = (Person::new(folder.path(), "nora"), friends(folder.path()));
    let network = folder.path().join("network.toml");
    let mut found = vec!["network", "new", "lab", "--at", "127.0.0.1", "--output", network.to_str().unwrap()];
    found.extend(friends.iter().flat_map(|(_, key)| ["--verifier", key.as_str()]));
    founder.asks(&found);
    fs::write(founder.home.join("config.toml"), "[daemon]\ndevice = \"no such card\"\n").unwrap();
    let refused = founder.types(&["provide", "sums"]);
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("no graphics card is called"), "{refused:?}");
}
