//! Homes that leave their network, join another and come back; and those that may not.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::{
    homes::{Homestead, private_folder},
    person::Person,
    statuses::Hermit,
    town::Town,
};

fn aside(left: &Value) -> PathBuf {
    left["aside"].as_str().unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_leaves_joins_another_and_finds_everything_when_it_comes_back() {
    let town = Town::start().await;
    let folder = private_folder();
    let (file, elsewhere) = (town.network.file(), Hermit::found());
    let elsewhere = elsewhere.home().join("joined.toml");
    let buyer = Person::join(folder.path(), "buyer", &file);
    let peer = buyer.asks(&["key", "show"])["peer"].clone();
    let ada = town.network.peer("ada").id.to_string();
    buyer.waits_for_offer("digits", &ada).await;
    let seven = town.network.folder().join("seven-1.png");
    let receipt = folder.path().join("receipt");
    let run = ["run", "digits", seven.to_str().unwrap(), "--receipt", receipt.to_str().unwrap()];
    let ran = buyer.types(&run);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let (jobs, held) = (buyer.asks(&["job", "ls"]), buyer.account());
    assert_eq!(buyer.fails(&["leave"], 2), "NOT_CONFIRMED", "nobody sits there");

    let left = buyer.types(&["leave", "--yes", "--json"]).document();
    assert_eq!((&left["peer"], &left["free"]), (&peer, &held["free"]));
    assert!(aside(&left).join("journal").exists() && !buyer.home.join("journal").exists());
    assert_eq!(buyer.fails(&["status"], 3), "NO_HOME");
    let told = buyer.types(&["status"]).stderr;
    assert!(told.contains(" is in no network\n"), "its key is here: {told}");
    assert_eq!(buyer.fails(&["leave", "--yes"], 3), "NO_NETWORK");
    let joined = buyer.asks(&["init", "--yes", "--network", elsewhere.to_str().unwrap()]);
    assert_eq!((&joined["peer"], &joined["is_back"]), (&peer, &false.into()));
    assert_eq!(buyer.asks(&["job", "ls"])["jobs"], Value::Array(Vec::new()), "another network, other jobs");
    let abandoned = buyer.types(&["leave", "--yes", "--abandon"]);
    assert_eq!(abandoned.status, Some(0), "the daemon is ended: {abandoned:?}");

    let back = buyer.types(&["init", "--yes", "--network", file.to_str().unwrap()]);
    assert!(back.status == Some(0) && back.stderr.contains("are back"), "{back:?}");
    assert!(!aside(&left).exists());
    let again = buyer.asks(&["job", "ls"]);
    assert_eq!(again["jobs"][0]["attempts"], jobs["jobs"][0]["attempts"]);
    let job = jobs["jobs"][0]["attempts"][0]["job"].as_str().unwrap();
    assert_eq!(buyer.asks(&["receipt", "show", job])["label"], "checked");
    buyer.types(&["account", "stake", "1"]);
    for _ in 0..2 {
        let waits = buyer.types(&["leave", "--yes", "--wait", "0s"]);
        assert_eq!(waits.status, Some(10), "{waits:?}");
        assert!(waits.stderr.contains("not left yet: 1.00 credits are being withdrawn"), "{waits:?}");
        assert!(waits.stderr.contains("`assay leave` again goes on from here then"), "{waits:?}");
    }
    let again = buyer.types(&run[..3]);
    assert_eq!((again.status, again.stdout.as_str()), (Some(0), "7\n"), "{again:?}");
    let shown = buyer.types(&["account", "show"]);
    let is_held = !shown.stdout.contains("held for open jobs\t0.00 credits\n");
    assert_eq!(shown.stderr.contains("what is held comes back"), is_held, "{shown:?}");
    let nora = Person { home: town.network.peer("nora").home.root().to_owned() };
    assert_eq!(nora.fails(&["leave", "--yes"], 2), "KEEPS_BOOKS");
    assert_eq!(nora.types(&["status", "--no-start"]).status, Some(0), "it goes on");
    // Its daemon ends with the town.
    std::mem::forget(nora);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_leaves_in_one_step_with_all_that_was_at_stake() {
    let brief = |file: &str| {
        let line = file.lines().find(|line| line.starts_with("unbonding = ")).unwrap();
        file.replace(line, "unbonding = \"1s\"")
    };
    let town = Town::begin(brief).await;
    let ada = Person { home: town.network.peer("ada").home.root().to_owned() };
    let credits = |amount: &Value| amount["amount"].as_str().unwrap().parse::<f64>().unwrap();
    let held = ada.account();
    assert!(credits(&held["stake"]) > 0.0, "{held}");
    let left = ada.types(&["leave", "--yes"]);
    assert_eq!(left.status, Some(0), "{left:?}");
    for said in ["nothing is offered any more", "credits of the stake are withdrawn", "the daemon has ended"]
    {
        assert!(left.stderr.contains(said), "{said}: {left:?}");
    }
    let file = town.network.file();
    let back = ada.types(&["init", "--yes", "--network", file.to_str().unwrap()]);
    assert_eq!(back.status, Some(0), "{back:?}");
    let free = ada.account();
    assert_eq!(credits(&free["free"]), credits(&held["free"]) + credits(&held["stake"]), "{held}, {free}");
    assert_eq!(ada.asks(&["status"])["providing"], Value::Null);
}

#[test]
fn what_is_under_way_is_left_only_where_that_is_said() {
    // Its notary is somebody who is away.
    let homestead = Homestead::new(false);
    let home = homestead.home.root().to_owned();
    let network = home.with_file_name("network.toml");
    let peer = Person { home: home.clone() };
    let key = fs::read(home.join("identity.key")).unwrap();
    let input = home.join("input");
    fs::write(&input, "an input").unwrap();
    // Nobody is there, so that it is looked for somebody for a while.
    let submitted = peer.types(&["job", "submit", "digits", input.to_str().unwrap()]);
    assert_eq!(submitted.status, Some(0), "{submitted:?}");
    let waits = peer.types(&["leave", "--yes", "--wait", "0s"]);
    let said = "not left yet: one job is under way that this home ordered";
    assert!(waits.status == Some(10) && waits.stderr.contains(said), "{waits:?}");
    let left = peer.types(&["leave", "--yes", "--abandon", "--with-key", "--json"]).document();
    let kept = fs::read(aside(&left).join("identity.key")).unwrap();
    assert!(kept == key && !home.join("identity.key").exists());
    assert_eq!(peer.types(&["status"]).status, Some(3));
    let back = peer.types(&["init", "--yes", "--json", "--network", network.to_str().unwrap()]).document();
    assert_eq!((&back["is_back"], &back["peer"]), (&true.into(), &left["peer"]));
    let jobs = peer.types(&["job", "ls", "--json"]).document();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1);
}
