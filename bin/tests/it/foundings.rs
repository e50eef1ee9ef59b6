//! Friends found a network with nothing but the program: one keeps the books and brings a model, one sells it, one asks it.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    time::Duration,
};

use assay_cli::Bundle;
use assay_protocol::id::Digest;
use serde_json::{Value, json};

use crate::{assay::assay, person::Person, ports::free_port, splitter::split};

/// The model that is brought: one that the program carries, which can add.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/sums/sums.gguf");

/// What is the key of nobody: no point of the curve.
const NOBODY: &str = "0200000000000000000000000000000000000000000000000000000000000000";

/// Four friends with a key each.
pub(crate) fn friends(folder: &Path) -> Vec<(Person, String)> {
    let names = ["ada", "ben", "cleo", "dan"];
    let key = |person: Person| {
        let made = person.types(&["key", "new"]);
        assert_eq!(made.status, Some(0), "{made:?}");
        let key = made.stdout.trim().to_owned();
        assert_eq!(person.types(&["key", "show"]).stdout.trim(), key);
        (person, key)
    };
    names.map(|name| key(Person::new(folder, name))).into()
}

/// The model with a template that writes the last message and nothing else, however much was said; where there are tools, how
/// many, and one more.
pub(crate) fn model(folder: &Path) -> PathBuf {
    let mut file = fs::read(MODEL).unwrap();
    let key = b"tokenizer.chat_template";
    let at = file.windows(key.len()).position(|bytes| bytes == key).unwrap() + key.len() + 4;
    let length = u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    let written =
        "{{ bos_token }}{% if tools %}{{ tools | length }}+1={% else %}{{ messages[-1].content }}{% endif %}";
    let (written, ends) = (format!("{written}{{# <tool_call>"), "#}");
    let filler = "-".repeat(length - written.len() - ends.len());
    file.splice(at + 8..at + 8 + length, format!("{written}{filler}{ends}").into_bytes());
    let model = folder.join("adder.gguf");
    fs::write(&model, file).unwrap();
    model
}

/// A model whose file was cut off on its way.
pub(crate) fn cut_model(folder: &Path) -> PathBuf {
    let cut = folder.join("cut.gguf");
    fs::write(&cut, &fs::read(MODEL).unwrap()[..100_000]).unwrap();
    cut
}

/// Talks with the model, and is answered each time as it is asked.
fn chats(buyer: &Person) {
    let long = "1".repeat(70_000);
    let said = format!("27+58=\n/cost\n\n/nonsense\n{long}\n389+456=\n/again\n/receipt\n/quit\n27+58=\n");
    let chat = buyer.told(&["chat", "adder", "--temperature", "0"], &said);
    assert_eq!((chat.status, chat.stdout.as_str()), (Some(0), "85\n845\n845\n"), "{chat:?}");
    for told in [
        "1 answer for",
        "there is no command /nonsense",
        "this line was not said: it has more than 65536 bytes",
        "`assay receipt show",
        "3 tokens, by",
    ] {
        assert!(chat.stderr.contains(told), "{told}: {chat:?}");
    }
    let document = buyer.told(&["chat", "adder", "--json", "--max-cost", "0.000001"], "27+58=\n");
    let turns = serde_json::from_str::<Value>(&document.stdout).unwrap()["turns"].clone();
    assert_eq!(
        (document.status, turns),
        (Some(7), json!([])),
        "an answer that does not come is no end, and is how it ends: {document:?}"
    );
    assert_eq!(document.stderr.matches("OVER_CEILING").count(), 1, "{document:?}");
}

/// One whose home may hold the models of the program and not one more is told what to do about it.
fn has_no_room(folder: &Path, network: &Path) {
    let tight = Person::join(folder, "tight", network);
    let bytes: usize = Bundle::all().iter().map(|bundle| bundle.runner.len() + bundle.model.len()).sum();
    fs::write(tight.home.join("config.toml"), format!("[daemon]\nblob_bytes_max = {bytes}\n")).unwrap();
    let refused = tight.types(&["provide", "adder"]);
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
    let is_beside = |line: &&str| line.starts_with("started") || line.starts_with("still, after ");
    let told: Vec<&str> = refused.stderr.lines().filter(|line| !is_beside(line)).collect();
    let [what, hint] = told[..] else { panic!("{refused:?}") };
    assert!(what.contains("adder cannot be offered: its model has"), "{what}");
    assert!(hint.contains("raise daemon.blob_bytes_max"), "{hint}");
    let rest = tight.types(&["provide"]);
    assert_eq!(rest.status, Some(0), "what fits is offered: {rest:?}");
    assert!(rest.stderr.contains("not offered: adder: adder cannot be offered: its model has"), "{rest:?}");
}

/// Puts something at stake, and checks jobs of others from then on.
fn checks_too(buyer: &Person) {
    assert_eq!(buyer.fails(&["account", "stake", "1000"], 7), "NOT_DONE");
    let staked = buyer.asks(&["account", "stake", "1", "--target", "2"]);
    assert_eq!(
        (&staked["stake"]["amount"], &staked["instructed"]["moved"]["amount"]),
        (&"1.00".into(), &"1.00".into())
    );
    let deed = &staked["instructed"];
    assert_eq!(
        (&deed["act"], &deed["instruction"], &deed["free_from"]),
        (&"stake".into(), &1.into(), &Value::Null)
    );
    assert_eq!(buyer.account()["instructed"], Value::Null);
    let registered = buyer.types(&["account", "register", "adder"]);
    assert_eq!(registered.status, Some(0), "{registered:?}");
    assert!(registered.stderr.contains("adder: drawn"), "{registered:?}");
    assert_eq!(buyer.fails(&["account", "register", "nobody"], 3), "UNKNOWN_MODEL");
    assert_eq!(buyer.types(&["account", "register", "--none"]).status, Some(0));
    let withdrawn = buyer.types(&["account", "unstake", "0.25"]).stderr;
    let said = "instruction 4 is carried out: 0.25 credits are at stake no more from now on, and free from 2";
    assert!(withdrawn.contains(said), "{withdrawn}");
    let withdrawn = buyer.asks(&["account", "unstake", "0.25"]);
    assert_eq!(
        (&withdrawn["stake"]["amount"], &withdrawn["instructed"]["act"]),
        (&"0.50".into(), &"unstake".into())
    );
    assert!(withdrawn["instructed"]["free_from"].is_string(), "{withdrawn}");
}

#[tokio::test]
async fn friends_found_a_network_and_one_asks_the_model_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let (founder, friends) = (Person::new(folder.path(), "nora"), friends(folder.path()));
    let at = format!("127.0.0.1:{}", free_port());
    let (model, network) = (model(folder.path()), folder.path().join("network.toml"));
    let mut found = vec!["network", "new", "lab", "--at", &at, "--model", model.to_str().unwrap()];
    found.extend(["--output", network.to_str().unwrap()]);
    found.extend(friends.iter().flat_map(|(_, key)| ["--verifier", key.as_str()]));
    let founded = founder.asks(&found);
    assert_eq!(
        (&founded["manifests"][0]["model"], &founded["manifests"][1]["model"]),
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

    let status = seller.types(&["status"]).stdout;
    assert!(status.contains("models\tsums, adder\n"), "what is offered is here: {status}");
    has_no_room(folder.path(), &network);
    let buyer = Person::join(folder.path(), "you", &network);
    assert_eq!(buyer.account()["free"]["amount"], "5.00");
    let heard = buyer.asks(&["status"])["notaries_heard"][0].take();
    assert!(heard["notary"] == founded["notary"] && heard["heard_ago_ms"].is_u64(), "{heard}");
    buyer.waits_for_offer("adder", &friends[0].1).await;
    // Before there is a job: what comes after one that is open is not published yet.
    grants(&founder, &friends[2].0, &friends[2].1);
    let receipt = folder.path().join("receipt");
    let receipt = receipt.to_str().unwrap();
    let ran = buyer.types(&["run", "adder", "27+58=", "--receipt", receipt]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), "85\n"), "{ran:?}");
    let verified = assay(Path::new("/nowhere"), &["receipt", "verify", "--json", receipt]).document();
    assert_eq!(verified["label"], "checked");
    let cut = buyer.asks(&["run", "adder", "68+75 in words=", "--max-tokens", "2"]);
    chats(&buyer);
    checks_too(&buyer);
    let between = friends[1].0.asks(&["run", "adder", "389+456=", "--provider", &friends[0].1]);
    assert_eq!(between["text"], "845", "two of those who check, and two are left");
    assert_eq!((&cut["text"], &cut["attempt"]["cut_off"]), (&"one hundred".into(), &true.into()), "{cut}");
}

/// Creates credits for a friend, once for each grant, and nobody but the founder can.
fn grants(founder: &Person, friend: &Person, friend_key: &str) {
    let granted = founder.types(&["account", "grant", friend_key, "50"]);
    assert_eq!(granted.status, Some(0), "{granted:?}");
    assert!(granted.stderr.contains("this is to be grant 1: said again with --serial 1"), "{granted:?}");
    let again = || founder.asks(&["account", "grant", &friend_key[..8], "50", "--serial", "1"]);
    let repeated = again();
    assert_eq!((&repeated["is_new"], &repeated["granted"]["amount"]), (&false.into(), &"50.00".into()));
    assert_eq!(again()["minted"], repeated["minted"], "created once");
    let free: f64 = friend.account()["free"]["amount"].as_str().unwrap().parse().unwrap();
    assert!(free > 50.0, "{free}");
    for (exit, code, typed) in [
        (2, "SERIAL", ["account", "grant", friend_key, "50"].as_slice()),
        (2, "GRANT_MADE", &["account", "grant", friend_key, "51", "--serial", "1"]),
        (2, "SERIAL", &["account", "grant", friend_key, "50", "--serial", "3"]),
        (2, "NOTHING", &["account", "grant", friend_key, "0", "--serial", "2"]),
        (2, "NOT_A_KEY", &["account", "grant", NOBODY, "1", "--serial", "2"]),
        (3, "UNKNOWN_PEER", &["account", "grant", "0123456789", "1", "--serial", "2"]),
        (2, "TOO_MUCH", &["account", "grant", friend_key, "18446744073", "--serial", "2"]),
    ] {
        assert_eq!(founder.fails(typed, exit), code, "{typed:?}");
    }
    let unknown = founder.types(&["account", "grant", "0123456789", "1"]).stderr;
    assert!(unknown.contains("each peer's own `assay key show` prints its name; a whole name"), "{unknown}");
    let nothing = founder.types(&["account", "grant", friend_key, "0"]).stderr;
    assert!(nothing.starts_with("error: nothing was created: "), "no number is told of no grant: {nothing}");
    let refused = founder.types(&["account", "grant", NOBODY, "1"]);
    let told = refused.stderr.find("grant 2: said again with --serial 2").zip(refused.stderr.find("error: "));
    assert!(
        told.is_some_and(|(number, answer)| number < answer),
        "it is told before it is asked: {refused:?}"
    );
    assert_eq!(friend.fails(&["account", "grant", friend_key, "50"], 4), "NOT_THE_ISSUER");
    let audited = founder.asks(&["notary", "audit"]);
    assert_eq!((&audited["clean"], &audited["grants_made"]), (&true.into(), &1.into()), "{audited}");
    let [gave, got] =
        [founder, friend].map(|peer| peer.asks(&["account", "history", "--grants"])["grants"].take());
    assert_eq!((&gave[0]["account"], &gave[0]["granted"]["amount"]), (&friend_key.into(), &"50.00".into()));
    assert!(gave[0]["serial"] == 1 && gave == got, "{gave} {got}");
    assert_eq!(audited["granted_in_all"]["amount"], "50.00", "what was refused created nothing: {audited}");
    let amount = |key: &str| audited[key]["amount"].as_str().unwrap().parse::<f64>().unwrap();
    let created: f64 = ["founded", "granted_in_all", "welcomed"].into_iter().map(amount).sum();
    assert!(amount("welcomed") >= 5.0, "the buyer was given that: {audited}");
    assert!((created - amount("burned") - amount("total")).abs() < 1e-4, "nothing is untold: {audited}");
}

/// Whether what is said to everybody in this machine's networks is heard on it, by an address that others could use.
fn is_in_a_room() -> bool {
    const EVERYBODY: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
    let hears = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.join_multicast_v4(&EVERYBODY, &Ipv4Addr::UNSPECIFIED)?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        socket.send_to(b"hello", (EVERYBODY, socket.local_addr()?.port()))?;
        socket.recv(&mut [0; 5])?;
        socket.connect((EVERYBODY, 5353))?;
        socket.local_addr()
    };
    hears().is_ok_and(|own| !own.ip().is_loopback() && !own.ip().is_unspecified())
}

#[tokio::test]
async fn friends_in_one_room_find_the_notary_though_nobody_typed_an_address() {
    if !is_in_a_room() {
        eprintln!("this machine hears nothing that is said to everybody: rooms are not tried");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (founder, friends) = (Person::new(folder.path(), "nora"), friends(folder.path()));
    let network = folder.path().join("network.toml");
    let keys = friends.iter().flat_map(|(_, key)| ["--verifier", key.as_str()]);
    let found: Vec<&str> =
        ["network", "new", "lab", "--output", network.to_str().unwrap()].into_iter().chain(keys).collect();
    let founded = founder.types(&found);
    assert!(founded.stdout.contains("Others find it on the local network"), "{founded:?}");
    assert!(!fs::read_to_string(&network).unwrap().contains("/ip4/"));
    let friend = &friends[0].0;
    friend.joins(&network);
    for _ in 0..2 {
        assert_eq!(founder.asks(&["status"])["network_name"], "lab");
        // One that starts again says nothing before it has heard what it said last, and a command waits for ten seconds.
        let shows = || friend.types(&["account", "show"]).status == Some(0);
        assert!((0..12).any(|_| shows()), "it is found");
        assert_eq!(founder.types(&["down"]).status, Some(0), "it is found again, wherever it is then");
    }
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
    let cut = cut_model(folder.path());
    let astray = folder.path().join("missing/network.toml");
    let holder = TcpListener::bind("0.0.0.0:0").unwrap();
    let taken = format!("127.0.0.1:{}", holder.local_addr().unwrap().port());
    let [model, noise, cut] = [&model, &noise, &cut].map(|path| path.to_str().unwrap());
    let keys: Vec<&str> = friends.iter().flat_map(|(_, key)| ["--verifier", key.as_str()]).collect();
    for (code, typed) in [
        ("VERIFIERS", founding(&network, &[&keys[..6]])),
        ("VERIFIERS", founding(&network, &[&keys[..6], &keys[..2]])),
        ("VERIFIERS", founding(&network, &[&keys, &["--verifier", NOBODY]])),
        ("UNSOUND", [&["network", "new", ""], &founding(&network, &[&keys])[3..]].concat()),
        ("FILE", founding(&astray, &[&keys])),
        ("NO_MODEL", founding(&network, &[&keys, &["--model", cut]])),
        ("NO_ADDRESS", founding(&network, &[&keys, &["--at", "no such host"]])),
        ("NOT_LISTENING", founding(&network, &[&keys, &["--at", &taken]])),
        ("NO_MODEL", founding(&network, &[&keys, &["--model", noise]])),
        ("NAMES", founding(&network, &[&keys, &["--model", model, "--model", model]])),
    ] {
        assert_eq!(founder.fails(&typed, 2), code, "{typed:?}");
        assert!(!network.exists() && !founder.home.join("network.toml").exists());
    }
    let refused = founder.types(&founding(&network, &[&keys, &["--model", cut]]));
    assert!(refused.stderr.contains("cut.gguf cannot be sold: tensor "), "{refused:?}");
    let founds = founding(&network, &[&keys]);
    assert_eq!(founder.types(&founds).status, Some(0));
    assert_eq!(founder.fails(&founds, 2), "HOME_TAKEN");
    let other = Person::new(folder.path(), "other");
    assert_eq!(other.fails(&founds, 2), "FILE", "a file is never written over");
    assert_eq!(other.fails(&["key", "show"], 3), "NO_KEY");
    assert_eq!(friends[0].0.fails(&["key", "new"], 2), "KEY_PRESENT");
}

#[test]
fn a_model_in_parts_is_joined_for_a_network_and_nothing_of_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (founder, friends) = (Person::new(folder.path(), "nora"), friends(folder.path()));
    let (network, bytes) = (folder.path().join("network.toml"), fs::read(MODEL).unwrap());
    let named = |part: usize| folder.path().join(format!("adder-0000{part}-of-00003.gguf"));
    for (part, written) in (1..).zip(split(&bytes, &[0, 20, 18])) {
        fs::write(named(part), written).unwrap();
    }
    let keys: Vec<&str> = friends.iter().flat_map(|(_, key)| ["--verifier", key.as_str()]).collect();
    let founded = founder.types(&founding(&network, &[&keys, &["--model", named(2).to_str().unwrap()]]));
    assert_eq!(founded.status, Some(0), "{founded:?}");
    assert!(founded.stderr.contains("joined 3 parts into one file of 2 MiB"), "{founded:?}");
    let rules = fs::read_to_string(&network).unwrap();
    assert!(rules.contains(&Digest::of(&bytes).to_string()), "it is the model that was cut: {rules}");
    let left = fs::read_dir(founder.home.join("hub/joined")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["adder.lock"]);
}
