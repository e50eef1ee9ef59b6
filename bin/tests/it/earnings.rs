//! A provider at a keyboard: pauses, goes on, ends, and reads what came of it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use assay_market::event::Event;
use assay_protocol::units::Amount;
use serde_json::Value;

use crate::{
    assay::{Ran, assay},
    town::Town,
};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(50);

/// Whoever types at ada's machine, or at another one.
fn types(home: &Path, arguments: &[&str]) -> Ran {
    assay(home, &[arguments, &["--no-start"]].concat())
}

fn asks(home: &Path, arguments: &[&str]) -> Value {
    types(home, &[arguments, &["--json"]].concat()).document()
}

fn home(town: &Town, name: &str) -> PathBuf {
    town.network.peer(name).home.root().to_owned()
}

/// The processes of a daemon: those that run jobs, and those that hold models for them.
pub(crate) fn workers(daemon: u32) -> Vec<u32> {
    let family = |process: fs::DirEntry| {
        let stat = fs::read_to_string(process.path().join("stat")).ok()?;
        // Behind the name, which may hold anything, stand its state and its parent.
        let (_, behind) = stat.rsplit_once(')')?;
        let parent = behind.split_whitespace().nth(1)?.parse::<u32>().ok()?;
        Some((process.file_name().to_str()?.parse::<u32>().ok()?, parent))
    };
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let children = processes.filter_map(family).filter(|(_, parent)| *parent == daemon);
    children.map(|(process, _)| process).collect()
}

/// What was earned, once there is a receipt: it comes after the job's end.
async fn earned(home: &Path) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let earned = asks(home, &["earnings"]);
        if earned["all"]["jobs_closed"] == 1 {
            return earned;
        }
        assert!(Instant::now() < deadline, "no receipt comes: {earned}");
        tokio::time::sleep(LOOK_STEP).await;
    }
}

/// Both parties list the receipt of the one job, and what it did to their money.
fn are_proven(ada: &Path, you: &Path, earned: &Value) {
    let (sold, bought) = (asks(ada, &["receipt", "ls"]), asks(you, &["receipt", "ls", "--role", "client"]));
    let [sold, bought] = [&sold, &bought].map(|listed| listed["kept"][0].clone());
    assert_eq!((&sold["role"], &bought["role"]), (&"provider".into(), &"client".into()));
    assert_eq!((&sold["receipt"], &sold["paid"]), (&bought["receipt"], &earned["all"]["earned"]));
    assert_eq!(asks(ada, &["receipt", "ls", "--role", "client"])["kept"], Value::Array(Vec::new()));
    let name = types(ada, &["receipt", "ls", "--quiet"]).stdout;
    let shown = asks(ada, &["receipt", "show", &name[..12]]);
    assert_eq!((&shown["job"], name.trim()), (&sold["job"], sold["receipt"].as_str().unwrap()));
    let [got, gave] = [ada, you].map(|home| asks(home, &["account", "history"]));
    assert_eq!(got["sums"]["received"], earned["all"]["earned"]);
    let price: Amount = gave["sums"]["paid_out"]["amount"].as_str().unwrap().parse().unwrap();
    let pay: Amount = got["sums"]["received"]["amount"].as_str().unwrap().parse().unwrap();
    assert!(price > pay && gave["sums"]["paid_out"] == bought["paid_out"], "fees are between: {gave}");
    let csv = types(you, &["account", "history", "--csv"]).stdout;
    assert!(csv.lines().count() == 2 && csv.lines().nth(1).unwrap().contains(",client,"), "{csv}");
    let line = types(you, &["account", "history"]).stdout;
    assert!(line.contains(&format!("\t-{price}\t")), "{line}");
    let late = types(you, &["account", "history", "--since", "2999-01-01"]);
    assert!(late.status == Some(0) && late.stdout.is_empty(), "{late:?}");
}

/// Of jobs one by one a part is told, and all of them are in the sums.
fn pages(ada: &Path, earned: &Value, job: &str) {
    assert_eq!(&asks(ada, &["earnings", "--limit", "1"]), earned);
    let before = asks(ada, &["earnings", "--before", &job[..12]]);
    assert_eq!((&before["closed"], &before["hidden"]), (&Value::Array(Vec::new()), &0.into()), "{before}");
    assert_eq!(before["all"], earned["all"]);
    let csv = types(ada, &["earnings", "--csv", "--before", job]).stdout;
    assert_eq!(csv.lines().count(), 1, "{csv}");
    assert_eq!(types(ada, &["earnings", "--before", "0123"]).status, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_pauses_goes_on_and_is_told_what_it_earned() {
    let mut town = Town::start().await;
    let (ada, you) = (home(&town, "ada"), home(&town, "you"));
    let nobody_offers = types(&you, &["pause"]);
    assert_eq!(nobody_offers.status, Some(2), "{nobody_offers:?}");
    let nothing = asks(&ada, &["earnings"]);
    assert_eq!((&nothing["closed"], &nothing["all"]["jobs_closed"]), (&Value::Array(Vec::new()), &0.into()));

    let key = town.submit().await;
    let ended = town.end_of(key).await;
    town.hear("ada", |event| matches!(event, Event::Served { .. })).await;
    let earned = earned(&ada).await;
    let attempt = ended.attempts.last().unwrap();
    let amount: Amount = earned["closed"][0]["earned"]["amount"].as_str().unwrap().parse().unwrap();
    assert!(amount > Amount::ZERO && amount < attempt.price, "the price less its fees: {earned}");
    assert_eq!(earned["closed"][0]["job"], attempt.job.to_string().as_str());
    assert_eq!(earned["groups"][0]["earned"], earned["all"]["earned"]);
    let by_model = types(&ada, &["earnings", "--by", "model"]);
    assert!(by_model.stderr.contains("a part of each pay goes into the stake: "), "{by_model:?}");
    assert!(by_model.stdout.lines().next().is_some_and(|line| line.starts_with("digits")), "{by_model:?}");
    let csv = types(&ada, &["earnings", "--csv"]).stdout;
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(csv.lines().nth(1).unwrap().starts_with(&format!("{},\"digits\",", attempt.job)), "{csv}");
    assert_eq!(asks(&you, &["earnings"])["all"]["jobs_closed"], 0, "a client has earned nothing");
    assert_eq!(types(&ada, &["earnings", "--since", "2999-01-01"]).stdout.lines().count(), 1);
    pages(&ada, &earned, &attempt.job.to_string());
    are_proven(&ada, &you, &earned);

    let why = asks(&ada, &["why"]);
    assert_eq!((&why["orders"]["began"], &why["problems"]), (&1.into(), &0.into()), "{why}");
    let knows = why["sightings"].as_array().unwrap().iter().filter(|peer| peer["sees_offer"] == true);
    assert!(knows.count() > 0, "{why}");
    let why_not = types(&you, &["why", "--json"]);
    assert_eq!(why_not.status, Some(12), "nothing is offered there: {why_not:?}");

    let daemon = town.network.peer("ada").process_id().unwrap();
    assert!(!workers(daemon).is_empty(), "one waits for the next job");
    let paused = asks(&ada, &["pause"]);
    assert!(workers(daemon).is_empty(), "the machine is given back before its owner hears of it");
    assert_eq!((&paused["running"], &paused["paused"]["until"]), (&0.into(), &Value::Null), "{paused}");
    assert!(types(&ada, &["status"]).stdout.contains("paused since "), "it is told");
    let offered = types(&ada, &["provider", "models"]);
    assert!(offered.stderr.contains("nothing new is taken on: paused since "), "{offered:?}");
    town.network.kill("ada");
    town.network.restart("ada").await.unwrap();
    assert_eq!(asks(&ada, &["status"])["paused"], paused["paused"], "a restart ends no pause");
    let ada_id = town.network.peer("ada").id.to_string();
    let seven = town.network.folder().join("seven-1.png");
    let order = ["run", "digits", seven.to_str().unwrap(), "--provider", &ada_id, "--timeout", "2s"];
    assert_ne!(types(&you, &order).status, Some(0), "whoever is paused takes nothing on");
    assert_eq!(asks(&ada, &["resume"])["paused"], Value::Null);
    assert_eq!(asks(&ada, &["status"])["paused"], Value::Null);

    assert_eq!(asks(&ada, &["finish"])["open"], Value::Array(Vec::new()));
    assert_eq!(asks(&ada, &["status"])["providing"], Value::Null);
    assert_eq!(types(&ada, &["resume"]).status, Some(2), "nothing is offered any more");
}
