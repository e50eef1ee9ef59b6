//! The demonstration, from end to end.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::{assay::BINARY, foundings::cut_model, schema_set};

#[test]
fn the_demonstration_is_one_document_with_a_cheat_caught_and_books_that_balance() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Command::new(BINARY)
        .args(["demo", "--json"])
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
    assert_eq!(String::from_utf8_lossy(&demo.stderr), "");
    let document: Value = serde_json::from_slice(&demo.stdout).unwrap();
    schema_set::judge(&document.to_string());
    assert_eq!(document["schema"], "assay.demo/1");
    let receipts = document["receipts"].as_array().unwrap();
    let labelled =
        |label: &str| receipts.iter().filter(|receipt| receipt["label"] == label).collect::<Vec<_>>();
    assert!(!labelled("checked").is_empty(), "{document:#}");
    let convicted = labelled("slashed");
    let names: BTreeSet<&str> =
        convicted.iter().filter_map(|receipt| receipt["provider_name"].as_str()).collect();
    assert_eq!((convicted.len(), names), (2, BTreeSet::from(["mallory", "trudy"])), "{document:#}");
    assert!(receipts.iter().all(|receipt| receipt["verified"] == true), "{document:#}");
    let rounded = convicted.iter().find(|receipt| receipt["provider_name"] == "trudy").unwrap();
    assert_eq!(rounded["answer"], "nine hundred and fifty-one", "{document:#}");
    let parting = &rounded["parting"];
    assert_eq!(parting["tokens_same"], 3, "{document:#}");
    let parted =
        serde_json::json!({ "token_place": 4, "claimed_text": "\" fifty\"", "found_text": "\" forty\"" });
    assert_eq!(parting["tokens_shown"][3], parted, "{document:#}");
    let honest = receipts.iter().filter(|receipt| receipt["label"] != "slashed");
    assert!(honest.clone().all(|receipt| receipt["answer"] == receipt["expected"]), "{document:#}");
    let texts = labelled("checked").into_iter().filter(|receipt| receipt["input"] == "27+58=");
    assert_eq!(texts.map(|receipt| &receipt["answer"]).collect::<Vec<_>>(), ["85"], "{document:#}");
    assert_eq!(document["books"]["balance"], true);
    assert_eq!(document["books"]["held"]["amount"], "0.00");
    assert_eq!(document["tampered"]["exit"], 9);
    assert_gone(&document["peers"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "files were left");
}

#[test]
fn a_model_whose_file_was_cut_off_is_refused_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let cut = cut_model(folder.path());
    let temporary = folder.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let refused = Command::new(BINARY)
        .args(["demo", "--model", cut.to_str().unwrap()])
        .env("TMPDIR", &temporary)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!((refused.status.code(), refused.stdout.as_slice()), (Some(2), &b""[..]));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("cut.gguf cannot be sold: tensor ") && said.lines().count() == 2, "{said}");
}

#[test]
fn ctrl_c_leaves_no_process_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = begun(folder.path(), Stdio::piped());
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let cast: Vec<u32> = lines
        .by_ref()
        .take_while(|line| !line.contains("Offers"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse().ok())
        .collect();
    assert_eq!(cast.len(), 8);
    kill_process(Pid::from_child(&demo), Signal::INT).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(130));
    cast.into_iter().for_each(assert_ended);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "files were left");
}

#[test]
fn who_leaves_while_the_network_is_founded_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = begun(folder.path(), Stdio::null());
    while fs::read_dir(folder.path()).unwrap().next().is_none() {
        assert_eq!(demo.try_wait().unwrap(), None, "it ended before it began");
        thread::sleep(Duration::from_millis(1));
    }
    kill_process(Pid::from_child(&demo), Signal::INT).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(130));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "files were left");
}

/// A demonstration whose files are here.
fn begun(folder: &Path, stdout: Stdio) -> Child {
    let mut demo = Command::new(BINARY);
    demo.arg("demo").env("TMPDIR", folder).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null());
    demo.spawn().unwrap()
}

fn assert_gone(peers: &Value) {
    let peers = peers.as_array().unwrap();
    assert_eq!(peers.len(), 8);
    peers.iter().for_each(|peer| assert_ended(peer["process"].as_u64().unwrap().try_into().unwrap()));
}

fn assert_ended(process: u32) {
    let process = Pid::from_raw(process.try_into().unwrap()).unwrap();
    assert!(test_kill_process(process).is_err(), "process {process:?} was left");
}
