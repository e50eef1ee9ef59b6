//! A provider whose owner settled when the machine is wanted for something else.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use assay_cli::Bundle;
use assay_peer::{clock::wall, handle::ShowStatus};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    assay::{Ran, assay},
    earnings::workers,
    town::Town,
};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(50);
/// The same where a length is measured by them.
const SHORT_STEP: Duration = Duration::from_millis(2);
/// How long after a rule began to hold a model may take up memory.
const GIVEN_BACK_MS_MAX: u64 = 5_000;

/// A program that its owner plays with, until this is dropped.
struct Game {
    name: String,
    folder: TempDir,
    running: Option<Child>,
}

impl Game {
    fn new() -> Self {
        let (name, folder) = (format!("game-of-{}", std::process::id()), tempfile::tempdir().unwrap());
        fs::copy("/bin/sleep", folder.path().join(&name)).unwrap();
        Self { name, folder, running: None }
    }

    fn start(&mut self) {
        let program = self.folder.path().join(&self.name);
        self.running = Some(Command::new(program).arg("600").spawn().unwrap());
    }

    fn end(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().unwrap();
            running.wait().unwrap();
        }
    }
}

impl Drop for Game {
    fn drop(&mut self) {
        self.end();
    }
}

fn types(home: &Path, arguments: &[&str]) -> Ran {
    assay(home, &[arguments, &["--no-start"]].concat())
}

fn asks(home: &Path, arguments: &[&str]) -> Value {
    types(home, &[arguments, &["--json"]].concat()).document()
}

/// The rules that hold.
fn held(status: &Value) -> Vec<&str> {
    status["rules_held"].as_array().unwrap().iter().map(|held| held["rule"].as_str().unwrap()).collect()
}

/// Has ada write a text; the process that holds its model for the next one, and the bytes of memory that it has.
async fn model_process(town: &Town) -> (u32, u64) {
    let (ada, sums) = (town.network.peer("ada"), Bundle::all()[1]);
    let key = town.network.peer("you").submit(&sums.samples[0], Some(ada.id)).await.unwrap();
    town.end_of(key).await;
    // Its engine has a thread of that name, which no process has that runs a guest.
    let has_engine = |process: &u32| {
        let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
        let mut names =
            threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
        names.any(|name| name.trim() == "engine")
    };
    let process = workers(ada.process_id().unwrap()).into_iter().find(has_engine);
    let process = process.expect("a model stays in memory for the next text");
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let resident = resident.unwrap().parse::<u64>().unwrap() << 10;
    assert!(resident > sums.model.len() as u64, "{resident} bytes are fewer than its weights");
    (process, resident)
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(LOOK_STEP).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_program_of_its_owner_runs_a_provider_takes_nothing_on_and_gives_the_machine_back() {
    let mut game = Game::new();
    let town = Town::start().await;
    let root = |name: &str| town.network.peer(name).home.root().to_owned();
    let (ada, you, ada_id) = (root("ada"), root("you"), town.network.peer("ada").id.to_string());
    let none = types(&ada, &["provider", "rules"]);
    assert!(none.stderr.contains("there are no rules"), "{none:?}");
    let rules = asks(&ada, &["provider", "rules", "--program", &game.name, "--settle", "100ms"]);
    assert_eq!(
        (held(&rules), &rules["reading"]["programs_running"]),
        (vec![], &Value::Array(vec![])),
        "{rules}"
    );

    let key = town.submit().await;
    town.end_of(key).await;
    model_process(&town).await;
    let daemon = town.network.peer("ada").process_id().unwrap();
    assert!(workers(daemon).len() > 1, "one waits for the next job beside the model");
    game.start();
    until("the machine is given back", || workers(daemon).is_empty()).await;
    let status = asks(&ada, &["status"]);
    assert_eq!((held(&status), &status["paused"]), (vec!["program"], &Value::Null), "{status}");
    assert!(types(&ada, &["why"]).stdout.contains("a program runs that is named in the rules"));
    let resumed = types(&ada, &["resume"]);
    assert!(resumed.stdout.starts_with("The pause is over, but no jobs are taken on yet"), "{resumed:?}");
    assert!(resumed.stderr.contains("a program runs that is named in the rules"), "{resumed:?}");
    let seven = town.network.folder().join("seven-1.png");
    let order = ["run", "digits", seven.to_str().unwrap(), "--provider", &ada_id, "--timeout", "2s"];
    assert_ne!(
        types(&you, &order).status,
        Some(0),
        "whoever has another use for the machine takes nothing on"
    );
    game.end();
    until("it goes on", || held(&asks(&ada, &["status"])).is_empty()).await;
    let key = town.submit().await;
    let ended = town.end_of(key).await;
    assert!(ended.attempts.last().is_some_and(|attempt| attempt.provider == town.network.peer("ada").id));

    let devices = asks(&ada, &["provider", "devices"]);
    assert!(devices["processor"]["memory_used_bytes"].as_u64().is_some_and(|used| used > 0), "{devices}");
    let minute = rules["reading"]["week_minute"].as_u64().unwrap();
    let clock = |minute: u64| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
    let other_hours = format!("{}-{}", clock(minute + 600), clock(minute + 660));
    let schedule = asks(&ada, &["provider", "schedule", &other_hours]);
    assert_eq!(
        (held(&schedule), &schedule["rules"]["hours"]),
        (vec!["out_of_hours"], &Value::from(vec![other_hours]))
    );
    let always = asks(&ada, &["provider", "schedule", "--always"]);
    assert_eq!((held(&always), &always["rules"]["hours"]), (vec![], &Value::Array(vec![])), "{always}");
    let off = asks(&ada, &["provider", "rules", "--off", "program"]);
    assert_eq!(off["rules"]["programs"], Value::Array(vec![]));
    for wrong in [
        ["rules", "--temperature", "300"],
        ["rules", "--card-others", "2GB"],
        ["rules", "--program", "/usr/bin/blender"],
        ["schedule", "noon", "--no-start"],
    ] {
        let refused = assay(&ada, &[&["provider"], &wrong[..]].concat());
        assert_eq!(refused.status, Some(2), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures time: an optimised build on a machine that does nothing else"]
async fn a_loaded_model_is_out_of_memory_within_seconds_of_a_rule_that_holds() {
    let (mut game, town) = (Game::new(), Town::start().await);
    let peer = town.network.peer("ada");
    asks(peer.home.root(), &["provider", "rules", "--program", &game.name, "--settle", "100ms"]);
    let (process, bytes) = model_process(&town).await;
    game.start();
    let (folder, deadline) = (format!("/proc/{process}"), Instant::now() + PATIENCE);
    while Path::new(&folder).exists() {
        assert!(Instant::now() < deadline, "the model stays");
        tokio::time::sleep(SHORT_STEP).await;
    }
    let gone = wall();
    let status = peer.connect().await.unwrap().call(ShowStatus).await.unwrap();
    let took = gone.0.saturating_sub(status.held[0].since.0);
    eprintln!("{bytes} bytes of a model were given back {took} ms after the rule held");
    assert!(took <= GIVEN_BACK_MS_MAX);
}
