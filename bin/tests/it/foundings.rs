//! Friends found a network with nothing but the program: one keeps the books and brings a model, one sells it, one asks it.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
};

use crate::{assay::assay, person::Person};

/// The model that is brought: the one that the program carries, under a name of its founder's.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/sums/sums.gguf");

/// Three friends with a key each.
fn friends(folder: &Path) -> Vec<(Person, String)> {
    let names = ["ada", "ben", "cleo"];
    let key = |person: Person| {
        let made = person.types(&["key", "new"]);
        assert_eq!(made.status, Some(0), "{made:?}");
        let key = made.stdout.trim().to_owned();
        assert_eq!(person.types(&["key", "show"]).stdout.trim(), key);
        (person, key)
    };
    names.map(|name| key(Person::new(folder, name))).into()
}

fn model(folder: &Path) -> PathBuf {
    let model = folder.join("adder.gguf");
    fs::copy(MODEL, &model).unwrap();
    model
}

#[tokio::test]
async fn friends_found_a_network_and_one_asks_the_model_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let (founder, friends) = (Person::new(folder.path(), "nora"), friends(folder.path()));
    let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (model, network) = (model(folder.path()), folder.path().join("network.toml"));
    let mut found = vec!["network", "new", "lab", "--at", &at, "--model", model.to_str().unwrap()];
    found.extend(["--output", network.to_str().unwrap()]);
    found.extend(friends.iter().flat_map(|(_, key)| ["--verifier", key.as_str()]));
    let founded = founder.asks(&found);
    assert_eq!(
        (&founded["models"][0]["name"], &founded["models"][1]["name"]),
        (&"sums".into(), &"adder".into())
    );
    assert_eq!(founder.asks(&["status"])["network_name"], "lab");

    friends.iter().for_each(|(friend, _)| friend.joins(&network));
    let seller = &friends[0].0;
    for (friend, key) in &friends {
        assert_eq!(friend.asks(&["status"])["peer"], key.as_str());
    }
    let provided = seller.types(&["provide", "adder"]);
    assert_eq!(provided.status, Some(0), "{provided:?}");

    let buyer = Person::join(folder.path(), "you", &network);
    assert_eq!(buyer.asks(&["account", "show"])["free"]["amount"], "5.00");
    buyer.waits_for_offer("adder", &friends[0].1).await;
    let receipt = folder.path().join("receipt");
    let receipt = receipt.to_str().unwrap();
    let ran = buyer.types(&["run", "adder", "27+58=", "--receipt", receipt]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), "85\n"), "{ran:?}");
    let verified = assay(Path::new("/nowhere"), &["receipt", "verify", "--json", receipt]).document();
    assert_eq!(verified["label"], "checked");
    let cut = buyer.asks(&["run", "adder", "68+75 in words=", "--max-tokens", "2"]);
    assert_eq!((&cut["text"], &cut["attempt"]["cut_off"]), (&"one hundred".into(), &true.into()), "{cut}");
}

/// What is typed to found a network.
fn founding<'a>(network: &'a Path, more: &[&[&'a str]]) -> Vec<&'a str> {
    let typed = ["network", "new", "lab", "--at", "127.0.0.1", "--output", network.to_str().unwrap()];
    [&typed, &*more.concat()].concat()
}

#[test]
fn a_network_that_cannot_be_run_is_not_founded() {
    let folder = tempfile::tempdir().unwrap();
    let (founder, friends) = (Person::new(folder.path(), "nora"), friends(folder.path()));
    let network = folder.path().join("network.toml");
    let (model, noise) = (model(folder.path()), folder.path().join("noise.gguf"));
    fs::write(&noise, "no model").unwrap();
    let [model, noise] = [&model, &noise].map(|path| path.to_str().unwrap());
    let keys: Vec<&str> = friends.iter().flat_map(|(_, key)| ["--verifier", key.as_str()]).collect();
    for (code, typed) in [
        ("VERIFIERS", founding(&network, &[&keys[..4]])),
        ("VERIFIERS", founding(&network, &[&keys[..4], &keys[..2]])),
        ("NO_ADDRESS", founding(&network, &[&keys, &["--at", "no such host"]])),
        ("NO_MODEL", founding(&network, &[&keys, &["--model", noise]])),
        ("NAMES", founding(&network, &[&keys, &["--model", model, "--model", model]])),
    ] {
        assert_eq!(founder.fails(&typed, 2), code, "{typed:?}");
        assert!(!network.exists() && !founder.home.join("network.toml").exists());
    }
    let founds = founding(&network, &[&keys]);
    assert_eq!(founder.types(&founds).status, Some(0));
    assert_eq!(founder.fails(&founds, 2), "HOME_TAKEN");
    let other = Person::new(folder.path(), "other");
    assert_eq!(other.fails(&founds, 2), "FILE", "a file is never written over");
    assert_eq!(other.fails(&["key", "show"], 3), "NO_KEY");
    assert_eq!(friends[0].0.fails(&["key", "new"], 2), "KEY_PRESENT");
}
