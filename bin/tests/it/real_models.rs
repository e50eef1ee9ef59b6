//! A real model of language, in the hands of people who do not know each other.

use std::{
    env, fs,
    io::Read,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use assay_peer::config::NetworkFile;
use assay_protocol::units::Amount;

use crate::{
    assay::{assay, command},
    libraries::{Neighbour, hurried, runs},
    person::Person,
    publications::pull,
    town::Town,
};

/// Names the model, a GGUF file.
const MODEL: &str = "ASSAY_MODEL";
/// What is asked, and how.
const QUESTION: &str = "Why is the sky blue?";
const ASKED: [&str; 10] =
    ["run", "smol", QUESTION, "--max-tokens", "48", "--temperature", "0", "--max-cost", "3", "--no-start"];
/// Pieces in which an answer comes, at least: fewer than it has words, since some come together.
const PIECES_MIN: usize = 4;

/// The same town with short epochs, whose verifiers have so much at stake that they check long runs.
fn staked(file: &str) -> String {
    let mut file = NetworkFile::parse(&hurried(file)).unwrap();
    file.genesis.verifiers.iter_mut().for_each(|founder| founder.stake = Amount::credits(1_000));
    file.to_toml()
}

/// The answer, and when each of its pieces came.
fn hears(buyer: &Person) -> (String, Vec<Duration>) {
    let mut run = command(&buyer.home, &ASKED, &[]);
    let began = Instant::now();
    let mut run = run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut said, mut came, mut piece) = (Vec::new(), Vec::new(), [0; 4096]);
    let mut out = run.stdout.take().unwrap();
    loop {
        match out.read(&mut piece).unwrap() {
            0 => break,
            bytes => said.extend_from_slice(&piece[..bytes]),
        }
        came.push(began.elapsed());
    }
    assert!(run.wait().unwrap().success());
    (String::from_utf8(said).unwrap(), came)
}

#[tokio::test]
#[ignore = "needs a model: ASSAY_MODEL names a GGUF file"]
async fn a_real_model_is_added_by_one_sold_by_another_and_asked_by_a_third() {
    let Ok(model) = env::var(MODEL) else {
        eprintln!("skipped: {MODEL} names no model");
        return;
    };
    let town = Town::begin(staked).await;
    let folder = tempfile::tempdir().unwrap();
    let [ada, ben, cleo, dan] = ["ada", "ben", "cleo", "dan"].map(|name| Neighbour::of(&town, name));
    let added = ada.asks(&["model", "add", &model, "--name", "smol", "--units", "320", "--max-tokens", "48"]);
    let told = pull(&ada.asks(&["model", "publish", "smol"]));
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    for other in [&ben, &cleo, &dan] {
        assert_eq!(other.asks(&told)["manifest"], added["manifest"]);
    }
    let began = Instant::now();
    for verifier in [&ada, &ben, &cleo] {
        verifier.does(&["account", "register", "smol", "sums"]);
    }
    dan.does(&["provide", "smol", "--price", "0.005"]);

    let buyer = Person::join(folder.path(), "buyer", &town.network.file());
    buyer.account();
    let seller = town.network.peer("dan").id.to_string();
    buyer.waits_for_offer("smol", &seller).await;
    let receipt = folder.path().join("smol.receipt");
    let receipt = receipt.to_str().unwrap();
    let ran = runs(&buyer, &[&ASKED[..], &["--receipt", receipt]].concat(), began).await;
    let verified = assay(Path::new("/nowhere"), &["receipt", "verify", "--json", receipt]).document();
    assert_eq!(
        (verified["label"].as_str(), verified["provider"].as_str()),
        (Some("checked"), Some(&*seller))
    );
    let bytes = fs::read(receipt).unwrap();
    for text in [QUESTION, ran.stdout.trim()] {
        let part = &text.as_bytes()[..text.len().min(16)];
        assert!(!bytes.windows(part.len()).any(|window| window == part), "its receipt holds {text}");
    }

    let (said, came) = hears(&buyer);
    assert_eq!(said, ran.stdout, "the same question has the same answer");
    println!(
        "{said}the first piece after {:?}, the last of {} after {:?}",
        came[0],
        came.len(),
        came[came.len() - 1]
    );
    assert!(came.len() >= PIECES_MIN, "it comes at once: {came:?}");
    town.check_books().await;
}
