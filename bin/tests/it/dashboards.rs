//! What the dashboard of a real gateway is told of real peers: the documents of `--json`, and what happens as it happens.

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{assay::assay, gateways::Serving, homes::Homestead, schema_set, tidy::repository, town::Town};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_STEP: Duration = Duration::from_millis(50);

/// What pages ask that is not about one job, and the document that they are told.
const QUESTIONS: [(&str, &str); 11] = [
    ("status", "status"),
    ("jobs", "jobs"),
    ("offers", "offers"),
    ("account", "account"),
    ("earnings", "earnings"),
    ("receipts", "receipts"),
    ("devices", "devices"),
    ("rules", "provider-rules"),
    ("prices", "prices"),
    ("price-history", "price-history"),
    ("why", "why"),
];

/// What a page is told, if it is what its schema says.
fn told(gateway: &Serving, path: &str, name: &str) -> Value {
    let answered = gateway.get(&format!("/assay/v1/{path}"));
    assert_eq!(answered.status, 200, "{path}: {answered:?}");
    let document = answered.document();
    assert_eq!(document["schema"], format!("assay.{name}/1"), "{path}");
    schema_set::judge(&answered.body);
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_told_what_programs_are_and_hear_of_jobs_as_they_move() {
    let town = Town::start().await;
    let you = town.network.peer("you").home.root();
    let gateway = Serving::start(you);
    let mut updates =
        BufReader::new(gateway.send("GET /assay/v1/updates", &[], "")).lines().map(Result::unwrap);
    assert!(updates.any(|line| line == "event: ready"));
    let key = town.submit().await.to_string();
    let ended = updates
        .filter_map(|line| Some(line.strip_prefix("data: ")?.to_owned()))
        .map(|data| serde_json::from_str::<Value>(&data).unwrap())
        .find(|document| document["submission"] == key.as_str() && document["ended"] == true)
        .unwrap();
    schema_set::judge(&ended.to_string());
    let deadline = Instant::now() + PATIENCE;
    while gateway.get(&format!("/v1/receipts/{key}")).status != 200 {
        assert!(Instant::now() < deadline, "there is never a receipt");
        tokio::time::sleep(LOOK_STEP).await;
    }

    for (path, name) in QUESTIONS {
        if path != "prices" {
            told(&gateway, path, name);
        }
    }
    let same = |path: &str, name: &str, arguments: &[&str]| {
        let printed = assay(you, &[arguments, &["--json"]].concat()).document();
        assert_eq!(told(&gateway, path, name), printed, "{path}");
        printed
    };
    let job = same(&format!("jobs/{key}"), "job", &["job", "show", &key]);
    assert_eq!((&job["state"], &ended["state"]), (&json!("closed"), &json!("closed")));
    same(&format!("jobs/{key}/explanation"), "job-explanation", &["job", "explain", &key]);
    assert_eq!(same("jobs", "jobs", &["job", "ls"])["jobs"][0]["submission"], key.as_str());
    same("receipts", "receipts", &["receipt", "ls"]);
    let before = told(&gateway, &format!("jobs?behind={key}"), "jobs");
    assert_eq!((&before["jobs"], &before["hidden"]), (&json!([]), &json!(0)), "nothing was ordered before");
    let all = told(&gateway, &format!("receipts?behind={}-{key}", u64::MAX), "receipts");
    assert_eq!(all["kept"].as_array().map(Vec::len), Some(1), "{all}");
    for wrong in ["jobs?behind=last", "receipts?behind=last"] {
        let refused = gateway.get(&format!("/assay/v1/{wrong}"));
        refused.fails(400, "BAD_PLACE");
        schema_set::judge(&refused.body);
    }

    let attempts = job["attempts"].as_array().unwrap();
    let output = attempts.iter().find_map(|attempt| attempt["output"].as_str()).unwrap();
    let held = gateway.get(&format!("/assay/v1/blobs/{output}"));
    assert_eq!((held.status, held.headers["content-type"].as_str()), (200, "application/octet-stream"));
    assert_ne!(held.headers["content-length"], "0");
    gateway.get(&format!("/assay/v1/blobs/{}", "0".repeat(64))).fails(404, "not_found");

    let seller = Serving::start(town.network.peer("ada").home.root());
    for (path, name) in QUESTIONS {
        told(&seller, path, name);
    }
    assert_eq!(told(&seller, "earnings", "earnings")["by"], "day");

    let unknown = gateway.get("/assay/v1/jobs/0123");
    unknown.fails(404, "UNKNOWN_JOB");
    schema_set::judge(&unknown.body);
    let undecided = gateway.get("/assay/v1/nothing");
    undecided.fails(404, "unknown_url");
    assert_eq!(assay(you, &["serve", "key", "new", "phone", "--json"]).status, Some(0));
    gateway.get("/assay/v1/status").fails(401, "invalid_api_key");
    let page = gateway.ask("GET /", &[("accept", "text/html")], "");
    assert!(page.status == 200 && page.body.contains("<!doctype html>"), "{page:?}");
}

#[test]
fn what_models_were_offered_for_is_told_to_people_and_to_programs() {
    let homestead = Homestead::new(false);
    let now = jiff::Timestamp::now();
    let hour = u64::try_from(now.as_second()).unwrap() / 3_600;
    let line = |model: &str, name: &str, lowest: u64| {
        let line = json!({
            "model": model.repeat(32), "name": name, "pinned": name == "sums", "since": hour - 1, "until": hour,
            "lowest": lowest, "middle": 2 * lowest,
        });
        format!("{line}\n")
    };
    let file = homestead.home.prices();
    fs::write(&file, line("0a", "sums", 2_500_000) + &line("0b", "poet", 30_000_000)).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let shown = homestead.types(&["offers", "--history"]);
    let day = jiff::Timestamp::from_second(i64::try_from((hour - 1) * 3_600).unwrap()).unwrap().to_string();
    let rows = format!("sums\t{0}\t0.0025\t0.005\npoet@0b0b0b0b0b0b\t{0}\t0.03\t0.06\n", &day[..10]);
    assert_eq!((shown.status, shown.stdout.as_str()), (Some(0), rows.as_str()), "{shown:?}");
    let told = homestead.types(&["offers", "--history", "--model", "poet", "--json"]).document();
    let [poet] = &told["priced"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!((&poet["pinned"], &poet["spans"][0]["middle"]["amount"]), (&json!(false), &json!("0.06")));
    assert_eq!(homestead.types(&["offers", "--history", "--quiet"]).status, Some(2), "they have no names");
    assert_eq!(homestead.types(&["down"]).status, Some(0));
}

#[test]
fn the_modules_that_pages_load_are_those_that_the_lock_names() {
    let lock = std::fs::read_to_string(repository().join("runners/runners.lock")).unwrap();
    for name in ["judge", "recompute"] {
        let module = std::fs::read(repository().join(format!("crates/{name}/{name}.wasm"))).unwrap();
        let digest = assay_protocol::id::Digest::of(&module);
        assert!(lock.contains(&format!("{name} = \"{digest}\"\n")), "runners/build makes {name} again");
    }
}
