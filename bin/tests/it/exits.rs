//! Every exit code that `assay help exit-codes` promises, reached by typing something in a real network.

use std::{
    collections::BTreeMap,
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
fn promised() -> Vec<i32> {
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
    let told: Vec<String> = lines.collect();
    assert_eq!(told.len(), 2, "a line and a hint: {told:?}");
    waits.wait().unwrap().code()
}

#[tokio::test]
async fn every_exit_code_is_reached() {
    let (mut town, folder) = (Town::start().await, private_folder());
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [seven, receipt, text, output] = [
        town.network.folder().join("seven-1.png").to_str().unwrap().to_owned(),
        at("receipt"),
        at("text"),
        at("out"),
    ];
    fs::write(&text, "this is no picture").unwrap();
    let you = Person::join(folder.path(), "you", &town.network.file());
    let ada = town.network.peer("ada").id.to_string();
    you.waits_for_offer("digits", &ada).await;
    let ran = you.types(&["run", "digits", &seven, "--receipt", &receipt]);
    let lines = lines(folder.path()).to_str().unwrap().to_owned();
    let mut reached = BTreeMap::from([(ran.status, "run")]);
    let mut changed = fs::read(&receipt).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&receipt, changed).unwrap();
    for typed in [
        ["run", "digits"].as_slice(),
        &["job", "show", "zz"],
        &["run", "digits", &seven, "--max-price", "0.000001"],
        &["run", "digits", &seven, "--max-cost", "0.000001"],
        &["run", "digits", &text],
        &["receipt", "verify", &receipt],
        &["run", "digits", &seven, "--timeout", "0ms"],
        &["batch", "run", &lines, "-o", &output],
        &["why"],
        &["account", "grant", &ada, "1"],
    ] {
        reached.insert(you.types(typed).status, typed[0]);
    }
    let lost = Person::join(folder.path(), "lost", &unreachable(&town.network.file(), folder.path()));
    reached.insert(lost.types(&["status", "--no-start"]).status, "status without a daemon");
    let no_room = lost.types(&["config", "set", "daemon.free_bytes_min", "1000000000000000"]);
    assert_eq!(no_room.status, Some(0), "{no_room:?}");
    reached.insert(lost.types(&["provide", "digits"]).status, "provide without room on the disk");
    for (name, signal) in [("Ctrl-C", Signal::INT), ("an end by the system", Signal::TERM)] {
        reached.insert(signalled(&lost, signal), name);
    }
    town.network.kill("nora");
    assert_eq!(you.fails(&["run", "digits", &seven], 13), "NOTARY_SILENT");
    reached.insert(Some(13), "run without a notary");
    let missed: Vec<i32> = promised()
        .into_iter()
        .filter(|code| *code != UNLIKE && !reached.contains_key(&Some(*code)))
        .collect();
    assert!(missed.is_empty(), "not reached: {missed:?}; reached: {reached:?}");
    let unknown: Vec<_> = reached.keys().filter(|code| !promised().contains(&code.unwrap())).collect();
    assert!(unknown.is_empty(), "not on the page: {unknown:?}");
}
