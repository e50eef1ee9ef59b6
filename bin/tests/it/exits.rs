//! Every exit code that `assay help exit-codes` promises, reached by typing something in a real network.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    assay::{assay, command},
    homes::private_folder,
    person::Person,
    town::Town,
};

/// What no command of a program without a fault is told: that the same seed gave two results. `sim` has a test of its own.
const UNLIKE: i32 = 15;

/// The codes of the page that explains them.
fn promised() -> BTreeSet<i32> {
    let page = assay(Path::new("/nowhere"), &["help", "exit-codes"]).stdout;
    let number = |line: &str| line.split_whitespace().next()?.parse().ok();
    page.lines().filter(|line| line.starts_with(' ')).filter_map(number).collect()
}

/// Lines of which one is answered, and one costs more than a job may.
fn lines(folder: &Path) -> PathBuf {
    let line = |name: &str, content: &str| {
        let messages = json!([{ "role": "user", "content": content }]);
        let body = json!({ "model": "sums", "messages": messages, "max_tokens": 8 });
        json!({ "custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body })
    };
    let path = folder.join("lines.jsonl");
    fs::write(&path, format!("{}\n{}\n", line("good", "27+58="), line("bad", &"1".repeat(40_000)))).unwrap();
    path
}

/// The folders of two experiments that nobody takes for the same.
fn unlike_experiments(person: &Person, folder: &Path) -> [String; 2] {
    [("few", "400 ms"), ("many", "40 ms")].map(|(name, between)| {
        let (file, runs) = (folder.join(format!("{name}.toml")), folder.join(name));
        let scenario = "extends = \"fraud-vs-check-rate\"\n[run]\nhorizon = \"2 s\"\n[workload]\n";
        fs::write(&file, format!("{scenario}between = \"{between}\"\n")).unwrap();
        let [file, runs] = [file, runs].map(|path| path.to_str().unwrap().to_owned());
        let ran = person.types(&["sim", "run", &file, "--seeds", "6", "--out", &runs]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        runs
    })
}

/// The network's file as it is where nobody of it can be found: its notary is said to live where nobody listens.
fn unreachable(network: &Path, folder: &Path) -> PathBuf {
    let text = fs::read_to_string(network).unwrap().replacen("name = \"demo\"", "name = \"gone\"", 1);
    let mut parts = text.split("/tcp/");
    let first = parts.next().unwrap().to_owned();
    let elsewhere = parts.fold(first, |text, part| {
        format!("{text}/tcp/9{}", part.trim_start_matches(|digit: char| digit.is_ascii_digit()))
    });
    let path = folder.join("gone.toml");
    fs::write(&path, elsewhere).unwrap();
    path
}

/// How a command ends that waits for a notary, and is sent a signal.
fn signalled(person: &Person, signal: Signal) -> Option<i32> {
    person.types(&["down"]);
    let mut waits = command(&person.home, &["account", "show"], &[]);
    let mut waits = waits.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(waits.stderr.take().unwrap()).lines().map(Result::unwrap);
    let started = lines.next().unwrap();
    assert!(started.starts_with("started a daemon"), "{started}");
    kill_process(Pid::from_child(&waits), signal).unwrap();
    let told: Vec<String> = lines.filter(|line| !line.starts_with("still, after ")).collect();
    assert_eq!(told.len(), 2, "a line and a hint: {told:?}");
    waits.wait().unwrap().code()
}

#[tokio::test]
async fn every_exit_code_is_reached() {
    let (mut town, folder) = (Town::start().await, private_folder());
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let seven = town.network.folder().join("seven-1.png").to_str().unwrap().to_owned();
    let [receipt, text, output] = ["receipt", "text", "out"].map(at);
    fs::write(&text, "this is no picture").unwrap();
    let you = Person::join(folder.path(), "you", &town.network.file());
    let lost = Person::join(folder.path(), "lost", &unreachable(&town.network.file(), folder.path()));
    let ada = town.network.peer("ada").id.to_string();
    you.waits_for_offer("digits", &ada).await;
    let lines = lines(folder.path()).to_str().unwrap().to_owned();
    let mut reached = BTreeSet::from([UNLIKE]);
    let mut types = |person: &Person, code: i32, typed: &[&str]| {
        let ran = person.types(typed);
        assert_eq!(ran.status, Some(code), "{typed:?}: {ran:?}");
        reached.insert(code);
    };
    types(&you, 0, &["run", "digits", &seven, "--receipt", &receipt]);
    let mut changed = fs::read(&receipt).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&receipt, changed).unwrap();
    types(&you, 2, &["run", "digits"]);
    types(&you, 3, &["job", "show", "zz"]);
    types(&you, 4, &["account", "grant", &ada, "1"]);
    types(&you, 6, &["run", "digits", &seven, "--max-price", "0.000001"]);
    types(&you, 7, &["run", "digits", &seven, "--max-cost", "0.000001"]);
    types(&you, 8, &["run", "digits", &text]);
    types(&you, 9, &["receipt", "verify", &receipt]);
    types(&you, 10, &["run", "digits", &seven, "--timeout", "0ms"]);
    types(&you, 11, &["batch", "run", &lines, "-o", &output]);
    types(&you, 12, &["why"]);
    let [few, many] = unlike_experiments(&you, folder.path());
    types(&you, 14, &["sim", "compare", &few, &many]);
    types(&lost, 5, &["status", "--no-start"]);
    types(&lost, 0, &["config", "set", "daemon.free_bytes_min", "1000000000000000"]);
    types(&lost, 1, &["provide", "digits"]);
    town.network.kill("nora");
    types(&you, 13, &["run", "digits", &seven]);
    let findings = you.asks(&["doctor"])["findings"].clone();
    let of_notary = |finding: &&serde_json::Value| finding["about"] == "notary";
    let found = findings.as_array().unwrap().iter().find(of_notary).unwrap();
    assert_eq!(found["severity"], "warning", "a notary that is silent is named: {findings}");
    for (code, signal) in [(130, Signal::INT), (143, Signal::TERM)] {
        assert_eq!(signalled(&lost, signal), Some(code));
        reached.insert(code);
    }
    assert_eq!(reached, promised(), "what is reached, and what the page explains");
}
