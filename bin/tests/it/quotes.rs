//! What is said of a job before it is ordered, and of one that was, by the daemon of a real network.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use assay_protocol::manifest::tokens_read_least;
use serde_json::{Value, json};

use crate::{
    assay::{Ran, assay, assay_told},
    gateways::{Serving, sum},
    homes::private_folder,
    person::Person,
    town::Town,
};

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(50);

/// The client of a town, as its user types.
struct Client(PathBuf);

impl Client {
    fn of(town: &Town) -> Self {
        Self(town.network.peer("you").home.root().to_owned())
    }

    fn types(&self, arguments: &[&str]) -> Ran {
        assay(&self.0, &[arguments, &["--no-start"]].concat())
    }

    fn asks(&self, arguments: &[&str]) -> Value {
        self.types(&[arguments, &["--json"]].concat()).document()
    }

    /// What is printed for people where all is well.
    fn reads(&self, arguments: &[&str]) -> String {
        let ran = self.types(arguments);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}: {ran:?}");
        ran.stdout
    }

    /// Types what must fail, and reads the failure.
    fn fails(&self, arguments: &[&str], status: i32) -> Value {
        let ran = self.types(&[arguments, &["--json"]].concat());
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(status), ""), "{arguments:?}: {ran:?}");
        let mut document: Value = serde_json::from_str(&ran.stderr).unwrap();
        document["error"].take()
    }
}

#[tokio::test]
async fn a_job_costs_what_was_quoted_and_explains_itself() {
    let mut town = Town::start().await;
    let client = Client::of(&town);
    let ada = town.network.peer("ada").id.to_string();
    let quoted = client.asks(&["quote", "digits"]);
    assert_eq!((&quoted["schema"], quoted["provider"].as_str()), (&"assay.quote/1".into(), Some(&*ada)));
    quotes_a_stranger(&client, &quoted, &ada);
    says_why_nobody_matches(&client, &ada);
    assert_eq!(client.asks(&["job", "ls"])["jobs"], Value::Array(Vec::new()), "nothing was ordered");

    let key = town.submit().await;
    let job = town.end_of(key).await.attempts[0].job.to_string();
    let key = key.to_string();
    explains(&client, &key, &quoted);
    let again = client.asks(&["quote", "digits", "--provider", &ada]);
    assert_eq!((&again["basis"]["source"], again["basis"]["job"].as_str()), (&"ticket".into(), Some(&*job)));
    assert_eq!(again["explanation"]["newcomer"], Value::Null, "it has ten credits at stake");
    let text = client.reads(&["quote", "digits", "--explain"]);
    assert!(text.contains(&format!(" ago for job {}, in entry ", &job[..12])), "{text}");
    names_the_setting_that_refuses(&client, &town);
    quotes_what_a_run_holds(&client, &town);
    quotes_how_long_a_text_takes(&client);
    quotes_the_bytes_of_a_schema(&client);
    says_no_length_of_what_is_refused(&client);

    town.network.kill("you");
    town.network.restart("you").await.unwrap();
    let explained = client.asks(&["job", "explain", &key]);
    assert_eq!(
        (&explained["passed_over"], explained["explained"].as_array().unwrap().len()),
        (&Value::Null, 1)
    );
    assert!(explained["explained"][0]["grounds"]["explanation"]["rate"].is_object());
    let text = client.reads(&["job", "explain", &key]);
    assert!(text.contains("not known: it has not looked yet, or the daemon was restarted since"), "{text}");
}

#[tokio::test]
async fn a_provider_that_vanished_is_marked_where_it_is_listed_and_quoted() {
    let mut town = Town::start().await;
    let client = Client::of(&town);
    let key = town.submit().await;
    town.end_of(key).await;
    assert_eq!(client.asks(&["quote", "digits"])["lost_ms"], Value::Null);
    town.network.kill("ada");
    let deadline = Instant::now() + PATIENCE;
    while client.asks(&["offers"])["offers"][0]["lost_ms"].is_null() {
        assert!(Instant::now() < deadline, "nobody notices that it is gone");
        tokio::time::sleep(LOOK_STEP).await;
    }
    let listed = client.types(&["offers"]);
    assert!(listed.stdout.contains(" (lost)\t") && listed.stderr.contains("it may be gone"), "{listed:?}");
    let quoted = client.types(&["quote", "digits"]);
    assert!(quoted.status == Some(0) && quoted.stderr.contains("it may be gone"), "{quoted:?}");
    assert!(client.asks(&["quote", "digits"])["lost_ms"].is_u64());

    // Each asks it in vain until nobody could open its order any more; they do so side by side.
    let is_lost = "1 tried in vain; 1 of those that were asked is lost, and may be gone";
    let seven = town.network.folder().join("seven-1.png");
    let gateway = Serving::start(&client.0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let refused = client.fails(&["run", "digits", seven.to_str().unwrap()], 6);
            assert!(refused["message"].as_str().unwrap().contains(is_lost), "{refused}");
        });
        scope.spawn(|| {
            let refused = gateway.post("/v1/chat/completions", &sum(json!({})));
            refused.fails(503, "no_offer");
            let message = refused.document()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains(is_lost), "{message}");
        });
    });
}

#[tokio::test]
async fn a_text_that_cannot_be_written_in_the_time_of_a_run_is_told_of_before_it_is_ordered() {
    let town = Town::start().await;
    let client = Client::of(&town);
    assert_eq!(client.asks(&["quote", "digits"])["run_expected_ms"], Value::Null);
    let sum = ["quote", "sums", "27+58=", "--max-tokens", "8"];
    let quoted = client.asks(&sum);
    assert!(quoted["run_expected_ms"].is_u64() && quoted["run_max_ms"].is_u64(), "{quoted}");
    assert_eq!(assay(&client.0, &["config", "set", "client.run_max", "1ms"]).status, Some(0));
    let is_told = |ran: &Ran| ran.stderr.contains("`assay config set client.run_max 1m` lets it take longer");
    let deadline = Instant::now() + PATIENCE;
    while !is_told(&client.types(&sum)) {
        assert!(Instant::now() < deadline, "the settings are not read again");
        tokio::time::sleep(LOOK_STEP).await;
    }
    let submitted = client.types(&["job", "submit", "sums", "27+58=", "--max-tokens", "8"]);
    assert!(submitted.status == Some(0) && is_told(&submitted), "{submitted:?}");
}

/// Its notary tells nobody of a grant who does not ask.
#[tokio::test]
async fn what_was_granted_counts_from_the_next_quote_on() {
    let (town, folder) = (Town::start().await, private_folder());
    let ada = town.network.peer("ada").id.to_string();
    let poor = Person::join(folder.path(), "poor", &town.network.file());
    poor.waits_for_offer("digits", &ada).await;
    assert_eq!(poor.account()["free"]["amount"], "5.00");
    poor.asks(&["account", "stake", "5"]);
    let refused = poor.types(&["quote", "digits"]);
    let lacks = "note: your account holds only 0.00 ";
    assert!(refused.status == Some(0) && refused.stderr.contains(lacks), "{refused:?}");
    let name = poor.asks(&["key", "show"])["peer"].as_str().unwrap().to_owned();
    let nora = town.network.peer("nora").home.root();
    let granted = assay(nora, &["account", "grant", &name, "3"]);
    assert_eq!(granted.status, Some(0), "{granted:?}");
    let quoted = poor.types(&["quote", "digits"]);
    assert!(quoted.status == Some(0) && !quoted.stderr.contains("your account holds"), "{quoted:?}");
    assert_eq!(poor.asks(&["quote", "digits"])["free"]["amount"], "3.00");
}

#[tokio::test]
async fn where_the_only_provider_pauses_it_is_said_that_one_is_there() {
    let town = Town::start().await;
    let client = Client::of(&town);
    let ada = town.network.peer("ada").home.root().to_owned();
    assert_eq!(assay(&ada, &["pause"]).status, Some(0));
    let deadline = Instant::now() + PATIENCE;
    while client.asks(&["offers"])["offers"] != json!([]) {
        assert!(Instant::now() < deadline, "what is offered no more is known for ever");
        tokio::time::sleep(LOOK_STEP).await;
    }
    // Offers of other models may be seen meanwhile.
    let said = "; 1 provider of it is there and takes nothing new since ";
    let seven = town.network.folder().join("seven-1.png");
    let lines = town.network.folder().join("lines.jsonl");
    fs::write(&lines, format!("{}\n", json!({ "custom_id": "one", "body": sum(json!({})) }))).unwrap();
    let gateway = Serving::start(&client.0);
    // Each waits for somebody; they do so side by side.
    thread::scope(|scope| {
        scope.spawn(|| {
            for asked in [&["quote", "digits"][..], &["run", "digits", seven.to_str().unwrap()]] {
                let refused = client.fails(asked, 6);
                assert_eq!(
                    (&refused["code"], &refused["retryable"]),
                    (&json!("NO_MATCH"), &json!(true)),
                    "{refused}"
                );
                assert!(refused["message"].as_str().unwrap().contains(said), "{refused}");
                assert!(refused["hint"].as_str().unwrap().contains("`assay offers --history`"), "{refused}");
            }
        });
        scope.spawn(|| {
            let refused = gateway.post("/v1/chat/completions", &sum(json!({})));
            refused.fails(503, "no_offer");
            let message = refused.document()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains(said), "{message}");
        });
        scope.spawn(|| {
            let output = lines.with_file_name("out.jsonl");
            let [lines, output] = [&lines, &output].map(|path| path.to_str().unwrap());
            let stands = assay(&client.0, &["batch", "run", lines, "-o", output]);
            assert_eq!(stands.status, Some(6), "{stands:?}");
            assert!(stands.stderr.contains(said), "{stands:?}");
        });
    });
}

/// No model reads a schema, and its bytes are held all the same.
fn quotes_the_bytes_of_a_schema(client: &Client) {
    let words: Vec<String> = (0..200).map(|number| format!("word {number}")).collect();
    let schema = json!({ "enum": words }).to_string();
    let asked = ["quote", "sums", "27+58=", "--max-tokens", "8", "--json-schema", &schema];
    let sent =
        format!(r#"{{"max_tokens":8,"seed":4294967295,"text":"27+58=","json_schema":{schema}}}"#).len();
    let least = tokens_read_least(sent as u64);
    assert_eq!(client.asks(&asked)["units_max"], least + 4 * 8);
    let text = client.reads(&asked);
    assert!(text.contains(&format!("{sent} bytes, which count as {least} tokens at least")), "{text}");
}

/// An answer that costs too much however short it is ends nowhere.
fn says_no_length_of_what_is_refused(client: &Client) {
    let refused = client.types(&["quote", "sums", "27+58=", "--max-cost", "0.000001"]);
    assert_eq!(refused.status, Some(7), "{refused:?}");
    assert!(!refused.stderr.contains("this one ends after"), "{refused:?}");
}

/// A provider that this client never asked may be a newcomer: what is quoted is the worst.
fn quotes_a_stranger(client: &Client, quoted: &Value, ada: &str) {
    assert_eq!(quoted["basis"]["source"], "newcomer");
    assert_eq!(quoted["explanation"]["costs"]["total"], quoted["total_max"]);
    assert_eq!(
        (&quoted["unit_price"]["amount"], &quoted["free"]["amount"]),
        (&"0.05".into(), &"5.00".into())
    );
    assert_eq!(quoted["passed_over"]["counts"]["offers_known"], 1);
    let text = client.reads(&["quote", "digits", "--units", "2"]);
    for line in [format!("provider\t{ada}"), "price\t0.10 credits".to_owned(), "offers\t1 seen".to_owned()] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(text.contains("standing\ta newcomer's, the worst case: "), "{text}");
    assert!(!text.contains("deterrence"), "{text}");
    let text = client.reads(&["quote", "digits", "--explain"]);
    assert!(text.contains("check\ta chance of 100.00 %: every job of a newcomer is checked"), "{text}");
}

fn says_why_nobody_matches(client: &Client, ada: &str) {
    let unknown = client.fails(&["offers", "--model", "nope"], 3);
    assert_eq!(unknown["code"], "UNKNOWN_MODEL");
    let dear = client.asks(&["offers", "--model", "digits", "--max-price", "0.001"]);
    assert_eq!(dear["offers"], Value::Array(Vec::new()), "it is known, and nobody offers it so cheaply");
    let dear = client.fails(&["quote", "digits", "--max-price", "0.01"], 6);
    assert_eq!(dear["code"], "NO_MATCH");
    let message = "no offer matches: 1 seen, 1 above --max-price; the least asks 0.05 credits a unit";
    assert_eq!(dear["message"], message);
    assert_eq!(dear["hint"], "raise --max-price to 0.05; `assay offers` shows the prices");
    let counts = &dear["details"]["passed_over"]["counts"];
    assert_eq!(
        (&counts["unit_price_least"]["amount"], &counts["total_least"]),
        (&"0.05".into(), &Value::Null)
    );
    let passed = &dear["details"]["passed_over"]["passed"][0];
    assert_eq!((passed["provider"].as_str(), &passed["reason"]), (Some(ada), &"price".into()));
    assert_eq!(passed["words"], "asks 0.05 credits a unit, above --max-price");
    let text = client.types(&["quote", "digits", "--max-price", "0.01", "--explain"]);
    assert_eq!(text.stdout, format!("{}\tasks 0.05 credits a unit, above --max-price\n", &ada[..12]));
    let nobody = "00".repeat(32);
    assert_eq!(client.fails(&["quote", "digits", "--provider", &nobody], 6)["code"], "NO_MATCH");
    let dear = client.fails(&["quote", "digits", "--max-cost", "0.01"], 7);
    assert_eq!(dear["code"], "OVER_CEILING");
    let least = dear["details"]["passed_over"]["counts"]["total_least"]["amount"].as_str().unwrap();
    assert_eq!(dear["hint"], format!("raise --max-cost to {least}; nothing was spent"));
    client.asks(&["quote", "digits", "--max-cost", least]);
    assert_eq!(client.fails(&["quote", "cats"], 3)["code"], "UNKNOWN_MODEL");
    assert_eq!(client.fails(&["job", "explain", "zz"], 3)["code"], "UNKNOWN_JOB");
}

/// What is read is paid for, so that a quote of an input is what a run of it holds.
fn quotes_what_a_run_holds(client: &Client, town: &Town) {
    let length = ["--max-tokens", "8", "--seed", "7"];
    let quotes = |input: &[&str]| client.asks(&[&["quote", "sums"], input, &length[..]].concat());
    let quoted = quotes(&["27+58="]);
    let ran = client.asks(&[&["run", "sums", "27+58="], &length[..]].concat());
    let attempt = &ran["attempt"];
    assert_eq!(attempt["total_max"], quoted["total_max"]);
    let is_open = attempt["state"] == "delivered";
    for key in ["held_now", "held_until", "coming_back"] {
        assert_eq!(!attempt[key].is_null(), is_open, "{key}: {attempt}");
    }
    let holds = client.asks(&["account", "show"])["held_for"].as_array().unwrap().len();
    assert!(holds <= 2, "one job is under way here, and perhaps the one before it");
    let longer = town.network.folder().join("longer.txt");
    fs::write(&longer, format!("{}27+58=", " ".repeat(100))).unwrap();
    let dear = quotes(&["-f", longer.to_str().unwrap(), "--max-cost", "1000"]);
    let units = |quoted: &Value| quoted["units_max"].as_u64().unwrap();
    assert_eq!(units(&dear), units(&quoted) + 100, "a byte is a token at most");
    let told = assay_told(&client.0, &[&["quote", "sums", "-", "--json"], &length[..]].concat(), "27+58=");
    assert_eq!(told.document()["units_max"], quoted["units_max"]);
    assert!(units(&client.asks(&[&["quote", "sums"], &length[..]].concat())) < units(&quoted));
    assert_eq!(client.fails(&["quote", "digits", "7.png"], 2)["code"], "FILE");
}

/// What an offer says of a text, and nothing of what is none or of an input that nobody named.
fn quotes_how_long_a_text_takes(client: &Client) {
    assert_eq!(client.asks(&["quote", "digits"])["text_time"], Value::Null);
    let unsaid = client.asks(&["quote", "sums", "--max-tokens", "8"]);
    assert_eq!(unsaid["text_time"]["first_token_ms"], Value::Null, "{unsaid}");
    let quoted = client.asks(&["quote", "sums", "27+58=", "--max-tokens", "8"]);
    let time = |key: &str| quoted["text_time"][key].as_u64().unwrap_or_else(|| panic!("no {key}: {quoted}"));
    assert!(time("first_token_ms") <= time("longest_text_ms"), "{quoted}");
    assert_eq!(time("answer_tokens_max"), 8, "{quoted}");
    assert!(time("tokens_per_ten_seconds") > 0 && quoted["text_time"]["is_loaded"].is_boolean(), "{quoted}");
    let read = client.reads(&["quote", "sums", "27+58=", "--max-tokens", "8"]);
    for row in ["\nspeed\t", "\nfirst token\t", "\nlongest text\t"] {
        assert!(read.contains(row), "{read}");
    }
}

/// Where no flag said anything, what refuses an order is a setting, whoever settled it, and it goes by its name.
fn names_the_setting_that_refuses(client: &Client, town: &Town) {
    let settles = |arguments: &[&str]| {
        let ran = assay(&client.0, &[&["config"], arguments].concat());
        assert_eq!(ran.status, Some(0), "{ran:?}");
    };
    settles(&["set", "client.cost_max", "0.01"]);
    let seven = town.network.folder().join("seven-1.png");
    let seven = seven.to_str().unwrap();
    for ordered in [&["quote", "digits"][..], &["run", "digits", seven]] {
        let dear = client.fails(ordered, 7);
        let message = dear["message"].as_str().unwrap();
        let begin = "the one offer that fits costs more than client.cost_max (0.01 credits), the least ";
        let least = message.strip_prefix(begin).unwrap_or_else(|| panic!("{dear}"));
        let least = least.strip_suffix(" credits").unwrap();
        let ways = format!(
            "`assay config set client.cost_max {least}` raises it for good, --max-cost {least} for one order; nothing was spent"
        );
        assert_eq!(dear["hint"], ways);
        let Some(key) = dear["details"]["submission"].as_str() else { continue };
        for verb in ["wait", "result"] {
            let again = client.fails(&["job", verb, key], 7);
            assert_eq!((&again["message"], &again["hint"]), (&dear["message"], &dear["hint"]), "{verb}");
        }
    }
    let dear = client.fails(&["quote", "digits", "--max-cost", "0.02"], 7);
    assert!(dear["hint"].as_str().unwrap().starts_with("raise --max-cost to "), "{dear}");
    settles(&["unset", "client.cost_max"]);
    settles(&["set", "client.unit_price_max", "0.01"]);
    let dear = client.fails(&["quote", "digits"], 6);
    let message = "no offer matches: 1 seen, 1 above client.unit_price_max (0.01 credits); the least asks 0.05 credits a unit";
    assert_eq!(dear["message"], message);
    let ways = "`assay config set client.unit_price_max 0.05` raises it for good, --max-price 0.05 for one order; `assay offers` shows the prices";
    assert_eq!(dear["hint"], ways);
    settles(&["unset", "client.unit_price_max"]);
}

/// What is told of a job that is over is what was quoted before, and what `job show` tells.
fn explains(client: &Client, key: &str, quoted: &Value) {
    let explained = client.asks(&["job", "explain", &key[..12]]);
    let shown = client.asks(&["job", "show", key]);
    assert_eq!(
        (&explained["schema"], &explained["submission"]),
        (&"assay.job-explanation/1".into(), &shown["submission"])
    );
    assert_eq!(explained["passed_over"]["counts"]["offers_known"], 1);
    let [attempt] = &explained["explained"].as_array().unwrap()[..] else { panic!("{explained}") };
    assert_eq!(attempt["attempt"], shown["attempts"][0]);
    assert_eq!(attempt["attempt"]["total_max"], quoted["total_max"]);
    let grounds = &attempt["grounds"];
    assert_eq!((&grounds["unit_price"], &grounds["notary"]), (&quoted["unit_price"], &quoted["notary"]));
    assert_eq!(grounds["explanation"]["rate"], attempt["attempt"]["check_rate"]);
    let (told, timeline) = (explained["told"].as_array().unwrap(), shown["timeline"].as_array().unwrap());
    let tellers: Vec<&str> = told.iter().map(|moment| moment["teller"]["role"].as_str().unwrap()).collect();
    assert_eq!(tellers, ["self", "notary", "self", "notary"], "{explained}");
    assert!(told.iter().zip(timeline).all(|(told, shown)| told["event"] == shown["event"]));
    let text = client.reads(&["job", "explain", key]);
    let parts = ["Offers that were passed over", "Attempt 1", "What happened since the daemon started"];
    assert!(parts.iter().all(|part| text.contains(&format!("\n{part}\n"))), "{text}");
    let notary = quoted["notary"].as_str().unwrap();
    assert!(text.contains(&format!("  notary {}  the notary holds the money", &notary[..12])), "{text}");
}
