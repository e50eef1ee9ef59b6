//! A provider at a keyboard who changes one thing at a time, while others look on and order.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use assay_cli::Bundle;
use assay_market::event::Event;
use assay_peer::handle::{AddModel, Attachment, Handle};
use assay_protocol::manifest::Manifest;
use serde_json::{Value, json};

use crate::{
    assay::{Ran, assay},
    gateways::Serving,
    town::Town,
};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(50);

/// What is typed, how it ends, and the code of the failure.
type Refusal = (&'static [&'static str], i32, &'static str);

/// What changes nothing of what ada offers, and why.
const REFUSED: &[Refusal] = &[
    (&["provider", "price", "0"], 2, "NO_PRICE"),
    (&["provider", "price", "digits", "0"], 2, "NO_PRICE"),
    (&["provider", "price", "cats", "0.01"], 3, "NOT_OFFERED"),
    (&["provider", "price", "cats"], 3, "UNKNOWN_MODEL"),
    (&["provide", "digits", "--price", "0"], 2, "NO_PRICE"),
    (&["provide", "digits", "--slots", "1025"], 2, "TOO_MANY_SLOTS"),
    (&["provider", "limits", "--slots", "1025"], 2, "TOO_MANY_SLOTS"),
    (&["provider", "models", "add", "cats"], 3, "UNKNOWN_MODEL"),
    (&["provider", "models", "add", "sums", "--price", "0"], 2, "NO_PRICE"),
    (&["provider", "models", "rm", "cats"], 3, "NOT_OFFERED"),
];

/// What is done with a model whose runner is a stranger's.
const NOT_ALLOWED: &[Refusal] = &[
    (&["provide", "poet"], 4, "RUNNER_NOT_ALLOWED"),
    (&["provider", "models", "add", "poet"], 4, "RUNNER_NOT_ALLOWED"),
    (&["account", "register", "poet"], 4, "RUNNER_NOT_ALLOWED"),
];

/// What needs an offer, where there is none.
const IDLE: &[&[&str]] = &[
    &["provider", "models"],
    &["provider", "models", "add", "sums"],
    &["provider", "models", "rm", "sums"],
    &["provider", "price"],
    &["provider", "price", "0.01"],
    &["provider", "limits"],
    &["provider", "limits", "--slots", "2"],
    &["provider", "bench"],
];

/// Somebody at the keyboard of one of the town's peers.
struct Neighbour(PathBuf);

impl Neighbour {
    fn of(town: &Town, name: &str) -> Self {
        Self(town.network.peer(name).home.root().to_owned())
    }

    fn types(&self, arguments: &[&str]) -> Ran {
        assay(&self.0, &[arguments, &["--no-start"]].concat())
    }

    fn asks(&self, arguments: &[&str]) -> Value {
        self.types(&[arguments, &["--json"]].concat()).document()
    }

    /// Types what must be refused with this code.
    fn is_refused(&self, (arguments, status, code): &Refusal) {
        let ran = self.types(&[*arguments, &["--json"]].concat());
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(*status), ""), "{arguments:?}: {ran:?}");
        let document: Value = serde_json::from_str(&ran.stderr).unwrap();
        assert_eq!(document["error"]["code"], *code, "{arguments:?}: {document}");
    }

    fn offers(&self) -> Value {
        self.asks(&["status"])["providing"].clone()
    }

    /// What a provider asks for a unit, as this peer heard it.
    fn heard(&self, provider: &str, model: &str) -> Option<String> {
        // A model that nobody knows yet is refused by name.
        let offers = self.asks(&["offers"]);
        let mut offers = offers["offers"].as_array().unwrap().iter();
        let offer = offers.find(|offer| offer["provider"] == provider && offer["model"] == model)?;
        Some(offer["unit_price"]["amount"].as_str().unwrap().to_owned())
    }

    /// Waits until it has heard that a provider asks so much for a unit, or does not offer the model.
    async fn hears(&self, provider: &str, model: &str, price: Option<&str>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let heard = self.heard(provider, model);
            if heard.as_deref() == price {
                return;
            }
            assert!(Instant::now() < deadline, "{model} is heard of at {heard:?}, never at {price:?}");
            tokio::time::sleep(LOOK_STEP).await;
        }
    }
}

/// The models that a document is about.
fn list(document: &Value) -> &Vec<Value> {
    let lists = ["offered", "asked", "benched"].map(|key| document[key].as_array());
    lists.into_iter().flatten().next().unwrap_or_else(|| panic!("no models: {document}"))
}

/// The model of this name in a document.
fn listed(document: &Value, name: &str) -> Value {
    let models = list(document);
    models.iter().find(|model| model["model"] == name).cloned().unwrap_or_default()
}

/// The same without what is loaded, which a restart empties.
fn cold(mut document: Value) -> Value {
    let models = document["offered"].as_array_mut().unwrap();
    models.iter_mut().for_each(|model| model["warm"] = Value::Null);
    document
}

fn names(document: &Value) -> Vec<&str> {
    let models = list(document).iter();
    models.map(|model| model["model"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_models_and_slots_change_one_at_a_time_and_outlast_a_restart() {
    let mut town = Town::start().await;
    let (ada, you) = (Neighbour::of(&town, "ada"), Neighbour::of(&town, "you"));
    let ada_id = town.network.peer("ada").id.to_string();
    IDLE.iter().for_each(|arguments| you.is_refused(&(arguments, 2, "NOT_OFFERING")));
    let before = ada.offers();
    REFUSED.iter().for_each(|refusal| ada.is_refused(refusal));
    assert_eq!(ada.offers(), before, "whatever was refused changed nothing");

    prices_change(&ada, &you, &ada_id).await;
    models_come_and_go(&mut town, &ada, &you).await;

    let slots = ada.asks(&["provider", "limits", "--slots", "3"]);
    assert_eq!((&slots["slots"], &slots["running"]), (&3.into(), &0.into()), "{slots}");
    let many = ada.types(&["provider", "limits", "--slots", "1024"]).stderr;
    assert!(many.contains("of 1024 can run at a time here (daemon.workers)"), "{many}");
    ada.asks(&["provider", "limits", "--slots", "3"]);
    let offered = cold(ada.asks(&["provider", "models"]));
    town.network.kill("ada");
    town.network.restart("ada").await.unwrap();
    assert_eq!(cold(ada.asks(&["provider", "models"])), offered, "a restart changes nothing");

    let again = ada.types(&["provide", "digits"]);
    assert_eq!(again.status, Some(0), "{again:?}");
    assert!(again.stderr.contains("as before: the price of digits; --price"), "{again:?}");
    assert!(again.stderr.contains("as before: 3 jobs at a time; --slots"), "{again:?}");
    let kept = ada.asks(&["provider", "models"]);
    assert_eq!(listed(&kept, "digits")["unit_price"]["amount"], "0.02", "{kept}");
    assert_eq!((names(&kept), &listed(&kept, "digits")["slots"]), (vec!["digits"], &3.into()));
    ada.is_refused(&(&["provider", "models", "rm", "digits"], 2, "LAST_MODEL"));
    a_machine_that_is_another_by_now_is_told(&mut town, &ada).await;
}

/// What is offered stands over a restart, though the card that it is to be on is gone: each order comes to nothing.
async fn a_machine_that_is_another_by_now_is_told(town: &mut Town, ada: &Neighbour) {
    let unfit = |why: &Value| -> Vec<String> {
        let findings = why["findings"].as_array().unwrap().iter();
        let findings = findings.filter(|finding| finding["about"] == "machine");
        findings.map(|finding| finding["found"].as_str().unwrap().to_owned()).collect()
    };
    let asked = || -> Value {
        // Whether others have heard of the offer by now makes no difference.
        serde_json::from_str(&ada.types(&["why", "--json"]).stdout).unwrap()
    };
    ada.asks(&["provider", "models", "add", "sums"]);
    assert!(unfit(&asked()).is_empty());
    assert_eq!(assay(&ada.0, &["config", "set", "daemon.device", "no such card"]).status, Some(0));
    town.network.kill("ada");
    town.network.restart("ada").await.unwrap();
    let found = unfit(&asked());
    let missed = "nothing comes of orders of sums: no graphics card is called";
    assert!(matches!(&found[..], [one] if one.starts_with(missed)), "{found:?}");
}

/// Of one model or of all, at once, with nothing tested anew; what is odd about a price is told and holds all the same.
async fn prices_change(ada: &Neighbour, you: &Neighbour, ada_id: &str) {
    let shown = ada.asks(&["provider", "price"]);
    let digits = listed(&shown, "digits");
    assert_eq!((&digits["unit_price"]["amount"], &digits["others"]), (&"0.05".into(), &0.into()));
    assert_eq!((&digits["suggested_for"], &digits["doubt"]), (&"alone".into(), &Value::Null), "{digits}");
    let runs = |document: &Value| -> Vec<Value> {
        let models = list(document).iter();
        models.map(|model| json!([model["model"], model["run_ms"]])).collect()
    };
    let tested = runs(&ada.asks(&["provider", "models"]));
    let changed = ada.asks(&["provider", "price", "digits", "0.02"]);
    assert_eq!(changed["asked"].as_array().unwrap().len(), 1, "{changed}");
    assert_eq!(listed(&changed, "digits")["unit_price_before"]["amount"], "0.05");
    you.hears(ada_id, "digits", Some("0.02")).await;
    you.hears(ada_id, "sums", Some("0.002")).await;
    for (price, odd) in [
        ("1000000", "note: digits: a unit costs more than all "),
        ("2", "note: digits: a usual job, of 1 unit, comes to 2.00 credits, and clients pay 1.00"),
        ("0.000000001", "note: digits: the network's fees take more than a usual job is paid; from "),
        ("0.01", ""),
    ] {
        let ran = ada.types(&["provider", "price", "digits", price]);
        assert!(ran.status == Some(0) && ran.stderr.starts_with(odd), "{price}: {ran:?}");
        assert_eq!(ran.stderr.is_empty(), odd.is_empty(), "{price}: {ran:?}");
    }
    ada.is_refused(&(&["provider", "price", "0.02"], 2, "PRICES_DIFFER"));
    let all = ada.asks(&["provider", "price", "--all", "0.02"]);
    assert_eq!(names(&all), ["digits", "sums"]);
    you.hears(ada_id, "sums", Some("0.02")).await;
    assert_eq!(runs(&ada.asks(&["provider", "models"])), tested, "nothing was tested anew");
}

/// One goes and comes back, and what is left alone is offered all the while.
async fn models_come_and_go(town: &mut Town, ada: &Neighbour, you: &Neighbour) {
    let ada_id = town.network.peer("ada").id.to_string();
    let removed = ada.asks(&["provider", "models", "rm", "sums"]);
    assert_eq!(names(&removed), ["digits"]);
    you.hears(&ada_id, "sums", None).await;
    assert_eq!(you.heard(&ada_id, "digits").as_deref(), Some("0.02"));
    let key = town.submit().await;
    assert!(town.end_of(key).await.is_paid(), "what is left is still sold");
    town.hear("ada", |event| matches!(event, Event::Served { .. })).await;
    let digits = listed(&ada.asks(&["provider", "models"]), "digits");
    let added = ada.asks(&["provider", "models", "add", "sums", "--price", "0.003"]);
    assert_eq!(
        (names(&added), &listed(&added, "sums")["unit_price"]["amount"]),
        (vec!["digits", "sums"], &"0.003".into())
    );
    assert_eq!(listed(&added, "digits")["run_ms"], digits["run_ms"], "the other is not tested again");
    assert_eq!(digits["jobs_paid"], 1, "{digits}");
    you.hears(&ada_id, "sums", Some("0.003")).await;
    let again = ada.asks(&["provider", "models", "add", "sums"]);
    assert_eq!(
        listed(&again, "sums")["unit_price"]["amount"],
        "0.003",
        "one that is offered keeps its price"
    );
}

/// A job of yours that ada alone may run.
fn orders(you: &Neighbour, ada_id: &str, picture: &str) -> Ran {
    you.types(&["run", "digits", "-f", picture, "--provider", ada_id, "--timeout", "5s"])
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_blocked_models_measured_again_and_runners_of_strangers_allowed() {
    let mut town = Town::start().await;
    let ada = Neighbour::of(&town, "ada");
    blocks_and_unblocks(&mut town, &ada).await;

    let before = ada.asks(&["provider", "models"]);
    let measured = ada.asks(&["provider", "bench", "sums"]);
    assert_eq!(names(&measured), ["sums"]);
    let sums = listed(&measured, "sums");
    assert!(sums["tokens_a_second"].as_f64().is_some_and(|speed| speed > 0.0), "{measured}");
    assert_eq!(sums["run_ms_before"], listed(&before, "sums")["run_ms"], "{measured}");
    let after = ada.asks(&["provider", "models"]);
    assert_eq!(listed(&after, "sums")["run_ms"], sums["run_ms"], "the offer says what was measured");
    assert_eq!(listed(&after, "digits")["run_ms"], listed(&before, "digits")["run_ms"]);
    ada.is_refused(&(&["provider", "bench", "cats"], 3, "NOT_OFFERED"));

    allows_a_runner(&town, &ada).await;
    is_told_what_the_notary_allows(&Neighbour::of(&town, "you"));
}

/// Whoever has nothing at stake and offers four places is told that the notary fills one of them, and what raises that; with
/// so much at stake it fills all four.
fn is_told_what_the_notary_allows(newcomer: &Neighbour) {
    let offered = newcomer.asks(&["provide", "digits", "--slots", "4", "--price", "0.03"]);
    let allowed = offered["allowances"][0].clone();
    assert_eq!(offered["benches"][0]["slots"], 4, "{offered}");
    assert_eq!((&allowed["jobs_at_a_time"], &allowed["limited_by"]), (&1.into(), &"newcomer".into()));
    for typed in [&["status"][..], &["why"], &["provider", "limits"]] {
        let said = newcomer.types(&[typed, &["--json"]].concat()).stdout;
        let document: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(document["allowances"][0], allowed, "{typed:?}");
        let ran = newcomer.types(typed);
        let words = format!("{} {}", ran.stdout, ran.stderr);
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("digits: the notary allows one job at a time"), "{typed:?}: {words}");
    }
    let raises = allowed["raises"].as_array().unwrap();
    let all = raises.last().unwrap();
    assert_eq!(all["jobs_at_a_time"], 4, "{allowed}");
    assert!(all["jobs_paid_needed"].as_u64().is_some_and(|jobs| jobs > 1), "{allowed}");
    let lacking = all["stake_lacking"]["amount"].as_str().unwrap();
    let told = newcomer.types(&["provide", "digits"]).stderr;
    assert!(told.contains(&format!("4 jobs at a time take {lacking} credits at stake")), "{told}");
    newcomer.asks(&["account", "stake", lacking]);
    let limits = newcomer.asks(&["provider", "limits"]);
    let raised = &limits["allowances"][0];
    assert_eq!((&raised["limited_by"], &raised["raises"]), (&"slots".into(), &json!([])), "{limits}");
}

/// What became of those who asked, once one of them was blocked: the order goes on after its command.
async fn hears_of_one_who_is_blocked(provider: &Neighbour) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let why: Value = serde_json::from_str(&provider.types(&["why", "--json"]).stdout).unwrap();
        if why["orders"]["blocked"].as_u64().is_some_and(|blocked| blocked > 0) {
            return why["orders"].clone();
        }
        assert!(Instant::now() < deadline, "{why}");
        tokio::time::sleep(LOOK_STEP).await;
    }
}

/// Who is blocked hears that there is no room, over a restart and until it is unblocked.
async fn blocks_and_unblocks(town: &mut Town, ada: &Neighbour) {
    let (you, ids) =
        (Neighbour::of(town, "you"), ["ada", "you"].map(|name| town.network.peer(name).id.to_string()));
    let [ada_id, your_id] = ids;
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("seven.png");
    std::fs::write(&picture, Bundle::all()[0].samples[0].bytes).unwrap();
    let picture = picture.to_str().unwrap();
    assert_eq!(ada.asks(&["provider", "block"])["clients_blocked"], json!([]));
    ada.is_refused(&(&["provider", "unblock", "ffffffff"], 3, "UNKNOWN_PEER"));
    let blocked = json!([your_id]);
    assert_eq!(ada.asks(&["provider", "block", &your_id])["clients_blocked"], blocked);
    town.network.kill("ada");
    town.network.restart("ada").await.unwrap();
    assert_eq!(ada.asks(&["provider", "block"])["clients_blocked"], blocked, "a restart changes nothing");
    you.hears(&ada_id, "digits", Some("0.05")).await;
    let refused = orders(&you, &ada_id, picture);
    assert_ne!(refused.status, Some(0), "{refused:?}");
    assert!(!refused.stderr.contains("block"), "no client is told of a list: {refused:?}");
    let why = hears_of_one_who_is_blocked(ada).await;
    assert_eq!((&why["agreed"], &why["reasons"]), (&0.into(), &json!([])), "{why}");
    assert_eq!(ada.asks(&["provider", "unblock", &your_id[..8]])["clients_blocked"], json!([]));
    let again = ada.types(&["provider", "unblock", &your_id[..8]]);
    assert_eq!((again.status, again.stdout), (Some(0), format!("{} was not blocked\n", &your_id[..12])));
    let ran = you.types(&["run", "digits", "-f", picture, "--provider", &ada_id]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), "7\n"), "{ran:?}");
}

/// A model that brings a program of whoever wrote it runs at another peer only once its owner has said so.
async fn allows_a_runner(town: &Town, ada: &Neighbour) {
    let ben = Neighbour::of(town, "ben");
    add_with_own_runner(town, "ben", "poet").await;
    let provided = ben.types(&["provide", "poet", "--price", "0.001"]);
    assert_eq!(provided.status, Some(0), "whoever wrote it runs it: {provided:?}");
    ada.hears(&town.network.peer("ben").id.to_string(), "poet", Some("0.001")).await;
    let pulled = ada.types(&["model", "pull", "poet"]);
    assert!(pulled.stderr.contains("`assay provider allow poet@"), "{pulled:?}");
    NOT_ALLOWED.iter().for_each(|refusal| ada.is_refused(refusal));
    let runners = ada.asks(&["provider", "allow"]);
    let of_poet = |runners: &Value| {
        let mut runners = runners["runners"].as_array().unwrap().iter();
        runners.find(|runner| runner["used_by"] == json!(["poet"])).cloned().unwrap()
    };
    assert_eq!(of_poet(&runners)["allowed_by"], Value::Null, "{runners}");
    ada.is_refused(&(&["provider", "allow", "cats"], 3, "UNKNOWN_MODEL"));
    assert_eq!(of_poet(&ada.asks(&["provider", "allow", "poet"]))["allowed_by"], "owner");
    let added = ada.asks(&["provider", "models", "add", "poet"]);
    let poet = listed(&added, "poet");
    assert_eq!(poet["unit_price"]["amount"], "0.001", "the price of the only other one: {added}");
    ada.is_refused(&(&["provider", "disallow", "poet"], 2, "RUNNER_IN_USE"));
    ada.is_refused(&(&["provider", "disallow", "digits"], 2, "RUNNER_NOT_YOURS"));
    ada.asks(&["provider", "models", "rm", "poet"]);
    assert_eq!(of_poet(&ada.asks(&["provider", "disallow", "poet"]))["allowed_by"], Value::Null);
    ada.asks(&["provider", "allow", "poet"]);
    let disallowed = ada.types(&["provider", "disallow", "poet"]);
    let is_of_nobody = |line: &str| line.ends_with("\tnobody\tpoet");
    assert!(disallowed.stdout.lines().any(is_of_nobody), "{disallowed:?}");
    assert!(disallowed.stderr.contains("`assay provider allow MODEL`"), "{disallowed:?}");
    NOT_ALLOWED.iter().for_each(|refusal| ada.is_refused(refusal));
    tells_no_chances_by_it(town);
}

/// How likely tokens were is refused before anything is ordered where the runner that would write them again does not run.
fn tells_no_chances_by_it(town: &Town) {
    let gateway = Serving::start(town.network.peer("ada").home.root());
    let messages = json!([{ "role": "user", "content": "27+58=" }]);
    let asked = json!({ "model": "poet", "messages": messages, "logprobs": true, "max_tokens": 8 });
    let refused = gateway.post("/v1/chat/completions", &asked);
    refused.fails(400, "unsupported_parameter");
    assert!(refused.body.contains("`assay provider allow poet`"), "{refused:?}");
}

/// Has a peer take in a model whose runner is one of its owner's: that of sums, with a note behind it.
async fn add_with_own_runner(town: &Town, peer: &str, name: &str) {
    let sums = Bundle::all()[1];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.gguf");
    std::fs::write(&file, sums.model).unwrap();
    let note = [0, 5, 4, b'n', b'o', b't', b'e'];
    let runner = Attachment([sums.runner, &note].concat());
    let manifest = Manifest { name: name.to_owned(), ..sums.manifest() };
    let handle = Handle::connect(&town.network.peer(peer).home).await.unwrap();
    handle.call(AddModel { file, runner, manifest, origin: None, is_copied: true }).await.unwrap();
}
