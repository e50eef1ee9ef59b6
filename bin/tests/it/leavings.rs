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
    let (jobs, held) = (buyer.asks(&["job", "ls"]), buyer.asks(&["account", "show"]));
    assert_eq!(buyer.fails(&["leave", "--yes"], 5), "DAEMON_RUNS");
    assert_eq!(buyer.fails(&["leave"], 2), "NOT_CONFIRMED", "nobody sits there");
    buyer.types(&["down"]);

    let left = buyer.types(&["leave", "--yes", "--json"]).document();
    assert_eq!((&left["peer"], &left["free"]), (&peer, &held["free"]));
    assert!(aside(&left).join("journal").exists() && !buyer.home.join("journal").exists());
    assert_eq!(buyer.fails(&["status"], 3), "NO_HOME");
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
    assert_eq!(buyer.fails(&["leave", "--yes"], 7), "AT_STAKE");
    let again = buyer.types(&run[..3]);
    assert_eq!((again.status, again.stdout.as_str()), (Some(0), "7\n"), "{again:?}");
    let shown = buyer.types(&["account", "show"]);
    let is_held = !shown.stdout.contains("held for open jobs\t0.00 credits\n");
    assert_eq!(shown.stderr.contains("what is held comes back"), is_held, "{shown:?}");
    for (name, code) in [("nora", "KEEPS_BOOKS"), ("ada", "OFFERS")] {
        let person = Person { home: town.network.peer(name).home.root().to_owned() };
        assert_eq!(person.fails(&["leave", "--yes"], 2), code);
        let said = person.types(&["leave", "--yes"]).stderr;
        let is_told =
            said.contains("still offers models to others") && said.contains("hint: `assay finish` first");
        assert_eq!(is_told, code == "OFFERS", "{said}");
        assert_eq!(person.types(&["status", "--no-start"]).status, Some(0), "{name} goes on");
        // Its daemon ends with the town.
        std::mem::forget(person);
    }
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
    let refused = peer.types(&["leave", "--yes"]);
    assert!(
        refused.status == Some(2) && refused.stderr.contains("one job is under way that this home ordered"),
        "{refused:?}"
    );
    let left = peer.types(&["leave", "--yes", "--abandon", "--with-key", "--json"]).document();
    let kept = fs::read(aside(&left).join("identity.key")).unwrap();
    assert!(kept == key && !home.join("identity.key").exists());
    assert_eq!(peer.types(&["status"]).status, Some(3));
    let back = peer.types(&["init", "--yes", "--json", "--network", network.to_str().unwrap()]).document();
    assert_eq!((&back["is_back"], &back["peer"]), (&true.into(), &left["peer"]));
    let jobs = peer.types(&["job", "ls", "--json"]).document();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1);
}
