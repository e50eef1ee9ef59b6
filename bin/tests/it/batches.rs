//! Batches as whoever hands them in sees them: each line answered once and paid once, whoever dies meanwhile.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use assay_cli::commands::demo::plan::PRICE;
use assay_market::{event::Event, view::SubmissionView};
use assay_peer::handle::ListJobs;
use assay_protocol::units::{Amount, Timestamp};
use serde_json::{Value, json};

use crate::{
    assay::{Ran, assay, assay_told, command},
    town::{CHECKERS, Town, all_jobs},
};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(50);

/// Whoever hands in batches, and where the files are.
struct Asker {
    home: PathBuf,
    folder: tempfile::TempDir,
}

impl Asker {
    fn of(town: &Town) -> Self {
        let home = town.network.peer("you").home.root().to_owned();
        Self { home, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn writes(&self, name: &str, lines: &[Value]) -> String {
        let path = self.path(name);
        fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        path
    }

    fn types(&self, arguments: &[&str]) -> Ran {
        assay(&self.home, arguments)
    }

    fn asks(&self, arguments: &[&str]) -> Value {
        self.types(&[arguments, &["--json"]].concat()).document()
    }

    /// Types what does not end well, and reads the failure.
    fn fails(&self, arguments: &[&str], status: i32) -> Value {
        let ran = self.types(&[arguments, &["--json"]].concat());
        assert_eq!(ran.status, Some(status), "{arguments:?}: {ran:?}");
        let mut document: Value = serde_json::from_str(&ran.stderr).unwrap();
        document["error"].take()
    }

    fn begins(&self, arguments: &[&str]) -> Child {
        let mut command = command(&self.home, arguments, &[]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Waits until so many lines are recorded in the one batch of this home. No command would see that soon enough.
    fn waits_for(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let folders = fs::read_dir(self.home.join("batches")).into_iter().flatten();
            let mut logs = folders.map(|folder| folder.unwrap().path().join("results.jsonl"));
            let recorded = logs.find_map(|log| fs::read_to_string(log).ok()).unwrap_or_default();
            if recorded.lines().filter(|line| line.contains("\"over\"")).count() >= count {
                return;
            }
            assert!(Instant::now() < deadline, "{recorded}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn line(name: &str, more: Value) -> Value {
    let mut body = json!({ "model": "sums", "messages": [{ "role": "user", "content": "27+58=" }], "max_tokens": 8, "temperature": 0 });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body })
}

fn answers(path: &str) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn jobs(town: &Town) -> Vec<SubmissionView> {
    let daemon = town.network.peer("you").connect().await.unwrap();
    all_jobs(&daemon).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_is_answered_and_paid_once_though_its_client_and_its_daemon_are_killed() {
    let mut town = Town::start().await;
    carried_over_two_deaths(&mut town, 8, [1, 3]).await;
    town.check_books().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes of work: run by .ci/long, optimised"]
async fn two_thousand_lines_are_answered_and_paid_once_though_client_and_daemon_are_killed() {
    let mut town = Town::begin(|file| {
        let line = file.lines().find(|line| line.starts_with("welcome = ")).unwrap();
        file.replace(line, "welcome = \"500\"")
    })
    .await;
    let begun = Instant::now();
    carried_over_two_deaths(&mut town, 2_000, [300, 900]).await;
    println!("2000 lines took {:?}", begun.elapsed());
}

/// Has a batch carried out whose client is killed after so many answers, and whose daemon after so many.
async fn carried_over_two_deaths(town: &mut Town, count: usize, [client, daemon]: [usize; 2]) {
    let asker = Asker::of(town);
    // Ben alone may answer the last, and sells nothing yet: what is to be killed cannot be done before.
    let only = json!({ "assay": { "only": town.network.peer("ben").id.to_string() } });
    let more = |number: usize| if number + 1 < count { json!({}) } else { only.clone() };
    let lines: Vec<Value> = (0..count).map(|number| line(&format!("line {number}"), more(number))).collect();
    let (input, output) = (asker.writes("in.jsonl", &lines), asker.path("out.jsonl"));
    let run = ["batch", "run", &input, "-o", &output, "--concurrency", "2"];

    let mut first = asker.begins(&run);
    asker.waits_for(client);
    first.kill().unwrap();
    assert_eq!(first.wait().unwrap().code(), None, "it was under way");
    assert!(!Path::new(&output).exists(), "it is written once there is all of it");
    town.network.peer("ben").provide(PRICE).await.unwrap();
    let mut second = asker.begins(&run);
    asker.waits_for(daemon);
    town.network.kill("you");
    town.network.restart("you").await.unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(0), "it goes on where the daemon is back");

    let answers = answers(&output);
    let named: Vec<&str> = answers.iter().map(|answer| answer["custom_id"].as_str().unwrap()).collect();
    assert_eq!(named, lines.iter().map(|line| line["custom_id"].as_str().unwrap()).collect::<Vec<_>>());
    for answer in &answers {
        let response = &answer["response"];
        assert_eq!((&response["status_code"], &answer["error"]), (&json!(200), &Value::Null), "{answer}");
        assert_eq!(response["body"]["choices"][0]["message"]["content"], "85", "{answer}");
    }
    let jobs = jobs(town).await;
    let (paid, others): (Vec<&SubmissionView>, _) = jobs.iter().partition(|job| job.is_paid());
    assert_eq!(paid.len(), count);
    // Ada has two places, so some may have met a full house.
    assert!(others.iter().all(|job| job.ended && job.answer().is_none()), "{others:?}");
    let ordered = jobs.len();
    let cost = jobs.iter().map(SubmissionView::cost_max).try_fold(Amount::ZERO, Amount::plus).unwrap();
    let status = asker.asks(&["batch", "status", &batch(&asker)]);
    assert_eq!(status["spent"]["amount"], cost.to_string());
    assert_eq!((&status["state"], &status["left"]), (&json!("done"), &json!(0)));

    fs::remove_file(&output).unwrap();
    assert_eq!(asker.types(&run).status, Some(0), "the same again");
    assert_eq!(self::answers(&output), answers);
    assert_eq!(self::jobs(town).await.len(), ordered);
}

/// The one batch of a home.
fn batch(asker: &Asker) -> String {
    let names = asker.types(&["batch", "ls", "--quiet"]).stdout;
    names.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_costs_no_more_than_its_ceiling_and_goes_on_under_a_higher_one() {
    let town = Town::start().await;
    let asker = Asker::of(&town);
    // One may cost .3 and costs .038 in the end, so there is room for two and not for a third.
    let ceiling = Amount(365_000_000);
    let lines: Vec<Value> = (0..3).map(|number| line(&number.to_string(), json!({}))).collect();
    let (input, output) = (asker.writes("in.jsonl", &lines), asker.path("out.jsonl"));
    let most = ceiling.to_string();
    let failure = asker.fails(&["batch", "run", &input, "-o", &output, "--max-cost", &most], 11);
    assert_eq!(failure["code"], "CEILING", "{failure}");
    let status = asker.asks(&["batch", "status", &batch(&asker)]);
    let spent: Amount = status["spent"]["amount"].as_str().unwrap().parse().unwrap();
    assert!(spent <= ceiling && !spent.is_zero(), "{status}");
    let answered = status["answered"].as_u64().unwrap();
    assert_eq!(answered, 2, "{status}");
    assert_eq!((&status["state"], answers(&output).len() as u64), (&json!("stopped"), answered));
    assert_eq!(asker.fails(&["batch", "rm", &batch(&asker)], 2)["code"], "NOT_OVER");
    let (told, begun) = (asker.types(&["batch", "status", &batch(&asker)]).stdout, &status["begun"]);
    assert!(!told.contains(begun.as_str().unwrap()), "people are told the time of their place: {told}");
    says_why_it_stands(&asker, &status, spent);

    let none = asker.writes("other.jsonl", &lines[..1]);
    let too_low = ["batch", "run", &none, "-o", &output, "--max-cost", "0.000000001"];
    assert_eq!(asker.fails(&too_low, 7)["code"], "CEILING", "nothing was spent at all");
    assert_eq!(fs::read_to_string(&output).unwrap(), "");

    let name = asker.types(&["batch", "ls", "--quiet"]).stdout.lines().next().unwrap().to_owned();
    let done = asker.types(&["batch", "resume", &name[..12], "--max-cost", "5"]);
    assert_eq!((done.status, answers(&output).len()), (Some(0), 3), "{done:?}");
    assert_eq!(asker.asks(&["batch", "status", &name])["stop_code"], Value::Null);
    let paid = jobs(&town).await.iter().filter(|job| job.is_paid()).count();
    assert_eq!(paid, 3);
}

/// Whoever looks at a batch that its ceiling stopped is told that, what was spent, what the rest needs, and what goes on.
fn says_why_it_stands(asker: &Asker, status: &Value, spent: Amount) {
    let name = status["batch"].as_str().unwrap();
    assert_eq!(status["stop_code"], "CEILING", "{status}");
    let enough = status["enough_for_all"]["amount"].as_str().unwrap();
    assert!(enough.parse::<Amount>().unwrap() > spent, "{status}");
    let command =
        format!("; `assay batch resume {} --max-cost {enough}` is enough for one more", &name[..12]);
    for look in [&["batch", "status", name][..], &["batch", "ls"]] {
        let said = asker.types(look).stderr;
        let note = said.lines().find(|line| line.starts_with("batch ")).unwrap_or_default();
        assert!(
            note.contains(" stands: its ceiling of 0.365 credits leaves too little for another line"),
            "{said}"
        );
        assert!(note.contains(&format!(": {spent} credits are spent")) && note.contains(&command), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_go_side_by_side_under_a_ceiling_that_has_room_for_what_they_cost() {
    let town = Town::start().await;
    let asker = Asker::of(&town);
    // Each is allowed a credit and costs .3 at most: by what is allowed there would be one at a time.
    let lines: Vec<Value> = (0..3).map(|number| line(&number.to_string(), json!({}))).collect();
    let (input, output) = (asker.writes("in.jsonl", &lines), asker.path("out.jsonl"));
    // Nothing is checked before the second is asked, and so nothing closed.
    town.hold(&CHECKERS);
    let mut running = asker.begins(&["batch", "run", &input, "-o", &output, "--max-cost", "0.95"]);
    let deadline = Instant::now() + PATIENCE;
    while jobs(&town).await.iter().filter(|job| !job.attempts.is_empty()).count() < 2 {
        assert!(Instant::now() < deadline, "the second is never asked");
        tokio::time::sleep(LOOK_STEP).await;
    }
    town.let_go(&CHECKERS);
    assert_eq!((running.wait().unwrap().code(), answers(&output).len()), (Some(0), 3));
    let daemon = town.network.peer("you").connect().await.unwrap();
    let jobs = daemon.call(ListJobs::default()).await.unwrap();
    let told = |is: fn(&Event) -> bool| {
        let events = jobs.iter().flat_map(|job| &job.timeline).filter(|told| is(&told.event));
        let mut moments: Vec<Timestamp> = events.map(|told| told.at).collect();
        moments.sort_unstable();
        moments
    };
    let asked = told(|event| matches!(event, Event::Proposed { .. }));
    let closed = told(|event| matches!(event, Event::Closed { .. }));
    assert!(asked[1] < closed[0], "the second waited for the first: {asked:?}, {closed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_listed_and_ordered_again_only_when_that_is_said() {
    let town = Town::start().await;
    let asker = Asker::of(&town);
    // So much to read costs more than a job may.
    let bad = json!({ "messages": [{ "role": "user", "content": "1".repeat(40_000) }] });
    // Nobody says how long its answer may be, and the usual length costs more than a job may.
    let open = json!({ "custom_id": "good", "body": { "model": "sums", "messages": [{ "role": "user", "content": "27+58=" }] } });
    let lines = [open, line("bad", bad)];
    let (input, output) = (asker.writes("in.jsonl", &lines), asker.path("out.jsonl"));
    let run = ["batch", "run", &input, "-o", &output];
    let failure = asker.fails(&run, 11);
    assert_eq!((&failure["code"], &failure["details"]["failed"]), (&json!("LINES_FAILED"), &json!(1)));
    let answers = answers(&output);
    assert_eq!(answers[0]["response"]["status_code"], 200);
    assert_eq!(answers[1]["response"]["body"]["error"]["code"], "too_expensive", "{answers:?}");
    let errors = asker.asks(&["batch", "errors", &batch(&asker)]);
    assert_eq!(errors["errors"][0]["custom_id"], "bad", "{errors}");
    let first = jobs(&town).await.len();
    assert_eq!(asker.types(&run).status, Some(11));
    assert_eq!(jobs(&town).await.len(), first, "it is done");
    assert_eq!(asker.types(&["batch", "resume", &batch(&asker), "--failed"]).status, Some(11));
    let jobs = jobs(&town).await;
    assert_eq!((jobs.len(), jobs.iter().filter(|job| job.is_paid()).count()), (first + 1, 1));

    let name = batch(&asker);
    assert_eq!(asker.types(&["batch", "rm", &name]).status, Some(0));
    assert_eq!(asker.asks(&["batch", "ls"])["batches"], json!([]));
    assert_eq!(asker.types(&run).status, Some(11), "the same lines come to the same jobs");
    assert_eq!(self::jobs(&town).await.len(), first + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_cannot_be_carried_out_whole_is_refused_before_anything_is_spent() {
    let town = Town::start().await;
    let asker = Asker::of(&town);
    let output = asker.path("out.jsonl");
    let refused = |lines: &[Value], status: i32, code: &str| {
        let input = asker.writes("in.jsonl", lines);
        let failure = asker.fails(&["batch", "run", &input, "-o", &output], status);
        assert_eq!(failure["code"], code, "{failure}");
        failure["message"].as_str().unwrap().to_owned()
    };
    let twice = refused(&[line("a", json!({})), line("a", json!({}))], 2, "BAD_LINES");
    assert_eq!(twice, "nothing was ordered: line 2: line 1 has the same custom_id");
    let streamed = refused(&[line("a", json!({ "stream": true }))], 2, "BAD_LINES");
    assert!(streamed.contains("line 1: stream is not supported"), "{streamed}");
    refused(&[line("a", json!({ "model": "nobodys" }))], 3, "UNKNOWN_MODEL");
    let picture = refused(&[line("a", json!({ "model": "digits" }))], 2, "BAD_LINES");
    assert!(picture.contains("digits is no model of language"), "{picture}");
    refused(&[], 2, "EMPTY_BATCH");

    let input = asker.writes("in.jsonl", &[line("a", json!({}))]);
    let folder = asker.folder.path().to_str().unwrap();
    for place in [folder, "/dev/null", "/nowhere/out.jsonl"] {
        assert_eq!(asker.fails(&["batch", "run", &input, "-o", place], 2)["code"], "FILE", "{place}");
    }
    assert_eq!(asker.fails(&["batch", "run", "/nowhere", "-o", &output], 2)["code"], "FILE");
    for verb in ["status", "errors", "resume", "cancel", "rm"] {
        assert_eq!(asker.fails(&["batch", verb, "0123"], 3)["code"], "UNKNOWN_BATCH", "{verb}");
    }
    assert!(!Path::new(&output).exists());
    assert!(jobs(&town).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_carried_out_by_one_process_at_a_time() {
    let town = Town::start().await;
    let asker = Asker::of(&town);
    let nora = town.network.peer("nora").id.to_string();
    let input = asker.writes("in.jsonl", &[line("waits", json!({ "assay": { "only": nora } }))]);
    let output = asker.path("out.jsonl");
    let mut running = asker.begins(&["batch", "run", &input, "-o", &output]);
    let deadline = Instant::now() + PATIENCE;
    while batch(&asker).is_empty() {
        assert!(Instant::now() < deadline, "it is never begun");
        tokio::time::sleep(LOOK_STEP).await;
    }
    let name = batch(&asker);
    assert_eq!(asker.fails(&["batch", "resume", &name], 1)["code"], "BATCH_RUNNING");
    assert_eq!(asker.asks(&["batch", "status", &name])["state"], "running");
    running.kill().unwrap();
    running.wait().unwrap();
    let status = asker.asks(&["batch", "status", &name]);
    assert_eq!((&status["state"], &status["stop_code"]), (&json!("stopped"), &json!("LEFT")), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_waits_is_cancelled_and_goes_on_when_it_is_wanted_again() {
    let town = Town::start().await;
    let asker = Asker::of(&town);
    // Nobody sells anything, so this waits for an offer of hers.
    town.sells_nothing().await;
    let nora = town.network.peer("nora").id.to_string();
    let lines = [line("waits", json!({ "assay": { "only": nora } }))];
    let input = asker.writes("in.jsonl", &lines);
    let output = asker.path("out.jsonl");
    let mut running = asker.begins(&["batch", "run", &input, "-o", &output]);
    let deadline = Instant::now() + PATIENCE;
    while jobs(&town).await.is_empty() {
        assert!(Instant::now() < deadline, "nothing is ordered");
        tokio::time::sleep(LOOK_STEP).await;
    }
    let name = batch(&asker);
    let cancelled = asker.asks(&["batch", "cancel", &name]);
    assert_eq!((&cancelled["cancelled"], &cancelled["too_late"]), (&json!(1), &json!(0)));
    assert_eq!(running.wait().unwrap().code(), Some(8));
    assert_eq!(asker.asks(&["batch", "status", &name])["state"], "done");
    assert_eq!(asker.asks(&["batch", "errors", &name])["errors"][0]["error_code"], "cancelled");
    let lines = fs::read_to_string(&input).unwrap();
    let told = assay_told(&asker.home, &["batch", "run", "-", "-o", &output], &lines);
    assert_eq!(told.status, Some(8), "what was cancelled stays so: {told:?}");
    assert_eq!(jobs(&town).await.len(), 1);
}
