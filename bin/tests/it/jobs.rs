//! What became of jobs, as whoever ordered them asks: results again, what happens, the end, another try.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use serde_json::Value;

use crate::{
    assay::{Ran, assay, command},
    schema_set,
    town::{CHECKERS, Town, by_lot},
};

/// Jobs of which two are not drawn: every second at the latest from the third on, if luck is as it should be.
const DISPUTED_MAX: usize = 24;

/// Whoever ordered jobs, at a keyboard.
struct Asker(PathBuf);

impl Asker {
    fn of(town: &Town) -> Self {
        Self(town.network.peer("you").home.root().to_owned())
    }

    fn types(&self, arguments: &[&str]) -> Ran {
        assay(&self.0, &[arguments, &["--no-start"]].concat())
    }

    fn asks(&self, arguments: &[&str]) -> Value {
        self.types(&[arguments, &["--json"]].concat()).document()
    }

    /// Types what must fail, and reads the failure.
    fn fails(&self, arguments: &[&str], status: i32) -> Value {
        let ran = self.types(&[arguments, &["--json"]].concat());
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(status), ""), "{arguments:?}: {ran:?}");
        let mut document: Value = serde_json::from_str(&ran.stderr).unwrap();
        document["error"].take()
    }

    /// Types it, and does not wait.
    fn begins(&self, arguments: &[&str]) -> Child {
        let mut command = command(&self.0, &[arguments, &["--no-start"]].concat(), &[]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_was_paid_for_is_printed_again_and_its_job_followed() {
    let mut town = Town::start().await;
    let asker = Asker::of(&town);
    // Nobody checks it before it is followed, so that it is open when the daemon goes.
    town.hold(&CHECKERS);
    let key = town.submit().await.to_string();
    let (mut wait, mut watch) =
        (asker.begins(&["job", "wait", &key]), asker.begins(&["job", "watch", &key, "--json"]));
    let mut told = BufReader::new(watch.stdout.take().unwrap());
    let (mut first, mut waits) = (String::new(), String::new());
    told.read_line(&mut first).unwrap();
    let mut aside = BufReader::new(wait.stderr.take().unwrap());
    aside.read_line(&mut waits).unwrap();
    assert!(waits.starts_with("still, after ") && waits.contains("waiting until they are over"), "{waits}");
    // Whoever waits goes on where the daemon comes back.
    town.network.kill("you");
    town.let_go(&CHECKERS);
    town.network.restart("you").await.unwrap();

    let ended = wait.wait_with_output().unwrap();
    aside.read_to_string(&mut waits).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}, and beside it {waits}");
    let line = String::from_utf8(ended.stdout).unwrap();
    assert!(line.starts_with(&format!("{}\tclosed: paid, ", &key[..12])), "{line}");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
    for verb in ["watch", "show"] {
        let late = asker.types(&["job", verb, &key]);
        assert!(
            late.stderr.contains("what happened to it before the daemon was started"),
            "{verb}: {late:?}"
        );
    }
    let told = [first].into_iter().chain(told.lines().map(Result::unwrap));
    let told: Vec<Value> = told.map(|line| serde_json::from_str(&line).unwrap()).collect();
    told.iter().for_each(|document| schema_set::judge(&document.to_string()));
    let (last, events) = told.split_last().unwrap();
    assert_eq!((&last["schema"], last["ended"].as_bool()), (&"assay.job/1".into(), Some(true)));
    assert!(
        events
            .iter()
            .all(|event| event["schema"] == "assay.job-event/1" && event["submission"] == key.as_str())
    );
    assert_eq!(events[0]["event"], "proposed", "{events:?}");

    for _ in 0..2 {
        let printed = asker.types(&["job", "result", &key[..8]]);
        assert_eq!((printed.status, printed.stdout.as_str()), (Some(0), "7\n"), "{printed:?}");
        assert!(printed.stderr.contains("receipt: `assay receipt show "), "{printed:?}");
    }
    let result = asker.asks(&["job", "result", &key]);
    assert_eq!((result["best"].as_str(), &result["schema"]), (Some("7"), &"assay.job-result/1".into()));
    let shown = asker.asks(&["job", "show", &key]);
    assert_eq!(result["attempt"], shown["attempts"][0]);
    assert_eq!(asker.fails(&["job", "retry", &key], 2)["code"], "PAID");

    let digest = result["output"].as_str().unwrap();
    let blobs = town.network.peer("you").home.blobs();
    assert!(removed(&blobs, digest), "{digest} lies in {}", blobs.display());
    assert_eq!(asker.fails(&["job", "result", &key], 3)["code"], "RESULT_GONE");
    lists(&asker, &key);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_while_the_daemon_ends_is_told_which_job_goes_on_and_to_order_no_other() {
    let mut town = Town::start().await;
    let asker = Asker::of(&town);
    // Nobody checks it, so that it is waited for when the daemon goes.
    town.hold(&CHECKERS);
    let seven = town.network.folder().join("seven-1.png");
    let mut run = asker.begins(&["run", "digits", seven.to_str().unwrap(), "--check", "always"]);
    let mut aside = BufReader::new(run.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("still, after ") {
        assert!(aside.read_line(&mut told).unwrap() > 0, "{told}");
    }
    town.network.kill("you");
    aside.read_to_string(&mut told).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(5), "{told}");
    town.let_go(&CHECKERS);
    town.network.restart("you").await.unwrap();
    let key = asker.types(&["job", "ls", "--quiet"]).stdout.trim().to_owned();
    let hint = format!("\nhint: the job {} is ordered, and goes on", &key[..12]);
    assert!(told.contains(&hint), "{told}");
    asker.asks(&["job", "wait", &key]);
}

/// Removes a blob behind the daemon's back.
fn removed(folder: &Path, digest: &str) -> bool {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().any(|path| match path.is_dir() {
        true => removed(&path, digest),
        false => path.to_string_lossy().contains(digest) && fs::remove_file(path).is_ok(),
    })
}

fn lists(asker: &Asker, key: &str) {
    let names = |arguments: &[&str]| asker.types(&[arguments, &["--quiet"]].concat()).stdout;
    let one = format!("{key}\n");
    assert_eq!((names(&["job", "ls"]), names(&["ps"])), (one.clone(), String::new()));
    assert_eq!(names(&["job", "ls", "--since", "1h"]), one);
    assert_eq!(names(&["job", "ls", "--since", "0s"]), "", "it was ordered before");
    assert_eq!(names(&["job", "ls", "--running"]), "");
    assert_eq!((names(&["job", "ls", "--all"]), names(&["job", "ls", "--limit", "1"])), (one.clone(), one));
    assert_eq!(names(&["job", "ls", "--before", &key[..12]]), "", "it is the first");
    assert_eq!(asker.asks(&["job", "ls", "--all"]), asker.asks(&["job", "ls"]), "written piece by piece");
    assert_eq!(asker.asks(&["ps"])["jobs"], Value::Array(Vec::new()));
    assert_eq!(asker.fails(&["job", "ls", "--before", "0123"], 3)["code"], "UNKNOWN_JOB");
    let few = asker.fails(&["job", "show", &key[..1]], 2);
    let said =
        format!("{} names no job: one begins so, and one is named by its first 4 digits or more", &key[..1]);
    assert_eq!((&few["code"], &few["message"]), (&"AMBIGUOUS".into(), &said.into()));
    assert_eq!(asker.fails(&["job", "ls", "--all", "--limit", "1"], 2)["code"], "USAGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_came_to_nothing_is_ordered_again_once_however_often_that_is_said() {
    let town = Town::start().await;
    let asker = Asker::of(&town);
    let ada = town.network.peer("ada").id.to_string();
    assert_eq!(asker.asks(&["quote", "digits", "--provider", &ada[..8]])["provider"], ada.as_str());
    town.sells_nothing().await;
    let nobody = "00".repeat(32);
    let seven = town.network.folder().join("seven-1.png");
    let order = ["run", "digits", seven.to_str().unwrap(), "--provider", &nobody, "--timeout", "100ms"];
    let key = asker.fails(&order, 10)["details"]["submission"].as_str().unwrap().to_owned();
    assert_eq!(asker.types(&["ps", "--quiet"]).stdout, format!("{key}\n"));
    assert_eq!(asker.fails(&["job", "retry", &key], 2)["code"], "NOT_OVER");
    assert_eq!(asker.fails(&["job", "result", &key], 10)["code"], "NO_RESULT_YET");
    assert_eq!(asker.fails(&["job", "wait", &key, "--timeout", "10ms"], 10)["code"], "TIMED_OUT");
    asker.asks(&["job", "cancel", &key]);
    assert_eq!(asker.fails(&["job", "result", &key], 8)["code"], "CANCELLED");
    assert_eq!(asker.fails(&["job", "wait", &key], 8)["code"], "CANCELLED");

    let again = asker.asks(&["job", "retry", &key[..12], "--max-cost", "0.5"]);
    assert_eq!(
        (again["retried"].as_str(), &again["order_cost_max"]["amount"]),
        (Some(&*key), &"0.50".into())
    );
    assert_eq!(asker.asks(&["job", "retry", &key])["submission"], again["submission"], "it is under way");
    assert_eq!(asker.asks(&["job", "ls"])["jobs"].as_array().unwrap().len(), 2);
    let again = again["submission"].as_str().unwrap();
    asker.asks(&["job", "cancel", again]);
    let both = asker.fails(&["job", "wait", again, &key], 8);
    assert_eq!(both["details"]["waited"][1]["ok"], false, "{both}");
    assert_ne!(asker.asks(&["job", "retry", &key])["submission"], again, "that came to nothing too");
    names_each_other(&asker, &key, again);
    let told = asker.types(&["job", "retry", &key, "--max-cost", "0.1"]).stderr;
    assert!(told.contains(" for 0.50 credits at most: "), "the limits are those of the last: {told}");
    assert!(told.contains("it was ordered again before, and may cost more than --max-cost"), "{told}");
    let told = asker.types(&["job", "retry", &key, "--max-cost", "0.9"]).stderr;
    assert!(told.contains("it was ordered again before, for less than --max-cost: "), "{told}");

    let order = ["run", "digits", seven.to_str().unwrap(), "--provider", "01234567"];
    assert_eq!(asker.fails(&order, 3)["code"], "UNKNOWN_PEER");
    assert_eq!(asker.fails(&["run", "digits", "-"], 2)["code"], "EMPTY_INPUT");
    assert_eq!(asker.fails(&["job", "result", "0123"], 3)["code"], "UNKNOWN_JOB");
}

/// Whoever looks at a job is told what was ordered instead of it, and whoever looks at that is told instead of what.
fn names_each_other(asker: &Asker, key: &str, again: &str) {
    let [of, next] = [key, again].map(|name| asker.asks(&["job", "show", name]));
    assert_eq!((&of["retry_of"], &of["retried_as"]), (&Value::Null, &Value::from(again)), "{of}");
    assert_eq!(next["retry_of"], key, "{next}");
    assert!(next["retried_as"].is_string(), "it was tried again as well: {next}");
    let told = asker.types(&["job", "show", again]).stdout;
    assert!(told.contains(&format!("a retry of\t{key}\n")), "{told}");
    let told = asker.types(&["job", "show", key]).stdout;
    assert!(told.contains(&format!("tried again as\t{again}\n")), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_for_its_input_is_not_ordered_again_but_by_force() {
    let town = Town::begin(by_lot).await;
    let asker = Asker::of(&town);
    let notes = town.network.folder().join("notes.txt");
    fs::write(&notes, "This is no picture.").unwrap();
    let refused = asker.fails(&["run", "digits", notes.to_str().unwrap()], 8);
    let refused = refused["details"]["submission"].as_str().unwrap();
    let in_vain = asker.fails(&["job", "retry", refused], 2);
    let hint = in_vain["hint"].as_str().unwrap();
    assert!(
        in_vain["code"] == "IN_VAIN" && hint.contains(&format!("retry {} --force", &refused[..12])),
        "{in_vain}"
    );
    assert_eq!(asker.asks(&["job", "retry", refused, "--force"])["retried"], refused);
    disputes(&asker, town.network.folder().join("seven-1.png").to_str().unwrap());
}

/// Has results checked that were not drawn, once told in words and once as a document. Who has passed checks is checked less and
/// less often, so that soon there are some.
fn disputes(asker: &Asker, picture: &str) {
    let forms: [&[&str]; 2] = [&[], &["--json"]];
    let mut left = forms.as_slice();
    for _ in 0..DISPUTED_MAX {
        let [form, rest @ ..] = left else { return };
        let ran = asker.asks(&["run", "digits", picture]);
        let key = ran["submission"].as_str().unwrap();
        let told = asker.types(&[&["job", "dispute", key][..], *form].concat());
        assert!([Some(0), Some(2)].contains(&told.status), "it was drawn, or is checked now: {told:?}");
        if told.status == Some(0) {
            assert!(told.stdout.contains(&key[..12]), "{told:?}");
            left = rest;
        }
        assert_eq!(asker.types(&["job", "wait", key]).status, Some(0), "an honest result stays right");
    }
    panic!("every result was drawn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_a_key_is_one_job_however_often_it_is_said() {
    let town = Town::start().await;
    let asker = Asker::of(&town);
    let order = ["sums", "27+58=", "--max-tokens", "8", "--temperature", "1", "--idempotency-key", "seven"];
    let submitted = asker.types(&[&["job", "submit"], &order[..]].concat());
    let key = submitted.stdout.trim().to_owned();
    assert_eq!((submitted.status, key.len()), (Some(0), 64), "{submitted:?}");
    let (first, second) =
        (asker.asks(&[&["run"], &order[..]].concat()), asker.asks(&[&["run"], &order[..]].concat()));
    assert_eq!(
        (&first["submission"], &second["submission"]),
        (&Value::from(key.clone()), &Value::from(key.clone()))
    );
    assert_eq!((&first["text"], &first["job"]), (&second["text"], &second["job"]));
    assert_eq!(asker.types(&["job", "ls", "--quiet"]).stdout, format!("{key}\n"));
    let other = ["run", "sums", "27+59=", "--idempotency-key", "seven"];
    assert_eq!(asker.fails(&other, 2)["code"], "KEY_IN_USE");
    assert_eq!(asker.types(&["job", "ls", "--quiet"]).stdout, format!("{key}\n"));
}
