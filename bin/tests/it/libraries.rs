//! Models that no network pins: added by one home from a hub, offered, pulled and checked by others, ordered by one that never had it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};

use crate::{
    assay::{Ran, assay, assay_among},
    fake_hub::{FakeHub, NamedFile},
    foundings::{friends, model},
    onnx,
    person::Person,
    splitter::split,
    tool_calls,
    town::{Town, drawn},
};

/// The longest that a test waits until verifiers count.
const PATIENCE: Duration = Duration::from_secs(600);
/// Ticks of an epoch, which are half a second each: a registration counts from the checkpoint two epochs later.
const EPOCH_TICKS: u64 = 4;

/// A peer of the town, as somebody at its keyboard.
pub(crate) struct Neighbour(PathBuf);

impl Neighbour {
    pub(crate) fn of(town: &Town, name: &str) -> Self {
        Self(town.network.peer(name).home.root().to_owned())
    }

    fn types(&self, arguments: &[&str]) -> Ran {
        assay(&self.0, arguments)
    }

    pub(crate) fn asks(&self, arguments: &[&str]) -> Value {
        self.types(&[arguments, &["--json"]].concat()).document()
    }

    pub(crate) fn does(&self, arguments: &[&str]) -> Ran {
        let ran = self.types(arguments);
        assert_eq!(ran.status, Some(0), "{arguments:?}: {ran:?}");
        ran
    }
}

/// The usual town with short epochs.
pub(crate) fn hurried(file: &str) -> String {
    let file = drawn(file);
    let line = file.lines().find(|line| line.starts_with("epoch_ticks")).unwrap();
    file.replace(line, &format!("epoch_ticks = {EPOCH_TICKS}"))
}

/// A folder with a network that embeds texts, as others lay it out.
fn embedder(folder: &Path) -> PathBuf {
    let tokens: Map<String, Value> = ["[UNK]", "[CLS]", "[SEP]", "a", "cat", "sat", "##s", "."]
        .into_iter()
        .zip(0..)
        .map(|(text, token): (_, u32)| (text.to_owned(), token.into()))
        .collect();
    let tokenizer = json!({
        "normalizer": { "type": "BertNormalizer", "lowercase": true },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1] },
        "model": { "type": "WordPiece", "unk_token": "[UNK]", "vocab": tokens },
    });
    let folder = folder.join("Tiny Embedder");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("model.onnx"), onnx::embedder()).unwrap();
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    fs::write(folder.join("sentence_bert_config.json"), r#"{"max_seq_length":16}"#).unwrap();
    folder
}

/// The model of this name in a list.
fn listed(list: &Value, name: &str) -> Value {
    let models = list["models"].as_array().unwrap();
    models.iter().find(|model| model["name"] == name).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_model_that_no_network_pins_is_added_pulled_checked_and_ordered() {
    let town = Town::begin(hurried).await;
    let folder = tempfile::tempdir().unwrap();
    let [ada, ben, cleo, dan] = ["ada", "ben", "cleo", "dan"].map(|name| Neighbour::of(&town, name));
    let hub = FakeHub::with(vec![NamedFile::of("adder.gguf", fs::read(model(folder.path())).unwrap())]);
    // Runs as short as those of the network's own model: who can check that one has enough at stake for this one.
    let short = ["hf:o/r", "--units", "512", "--max-tokens", "64", "--licence", "MIT", "--json"];
    let endpoint = [("HF_ENDPOINT", &*hub.hub.address())];
    let added = assay_among(&ada.0, &endpoint, &[&["model", "add"][..], &short].concat()).document();
    assert_eq!((&added["name"], &added["is_here"]), (&"adder".into(), &true.into()), "{added}");
    let embedder = embedder(folder.path());
    let embedding =
        ada.asks(&["model", "add", embedder.to_str().unwrap(), "--units", "4", "--licence", "MIT"]);
    assert_eq!(embedding["name"], "tiny-embedder", "{embedding}");
    ada.does(&["provide", "adder", "tiny-embedder", "--price", "0.001"]);

    let buyer = Person::join(folder.path(), "buyer", &town.network.file());
    assert_eq!(buyer.account()["free"]["amount"], "5.00");
    let ada_id = town.network.peer("ada").id.to_string();
    buyer.waits_for_offer("adder", &ada_id).await;
    let shown = buyer.asks(&["model", "show", "adder"]);
    assert_eq!((&shown["manifest"], &shown["source"]), (&added["manifest"], &"offered".into()));
    assert_eq!(listed(&buyer.asks(&["model", "ls"]), "adder"), Value::Null, "who only looks keeps nothing");

    assert_eq!(
        ben.types(&["account", "register", "adder"]).status,
        Some(3),
        "who has it not cannot check it"
    );
    let began = Instant::now();
    for verifier in [&ben, &cleo, &dan] {
        let pulled = verifier.asks(&["model", "pull", "adder"]);
        assert_eq!((&pulled["manifest"], &pulled["is_here"]), (&added["manifest"], &true.into()));
        verifier.does(&["model", "pull", "tiny-embedder"]);
        verifier.does(&["account", "register", "adder", "tiny-embedder", "sums"]);
    }
    let receipt = folder.path().join("adder.receipt");
    let receipt = receipt.to_str().unwrap();
    let ran = runs(&buyer, &["run", "adder", "27+58=", "--receipt", receipt], began).await;
    eprintln!("verifiers that pulled the model counted after {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(ran.stdout, "85\n", "{ran:?}");
    let verified = assay(Path::new("/nowhere"), &["receipt", "verify", "--json", receipt]).document();
    assert_eq!((&verified["label"], verified["provider"].as_str()), (&"checked".into(), Some(&*ada_id)));
    let kept = listed(&buyer.asks(&["model", "ls"]), "adder");
    assert_eq!(
        (&kept["manifest"], &kept["is_here"]),
        (&added["manifest"], &false.into()),
        "its name is kept"
    );
    tool_calls::are_told_to_a_model_that_is_elsewhere(&buyer);

    // A text is one unit, which has to cover what the provider owes for it.
    let alone = ada.does(&["provide", "tiny-embedder", "--price", "0.03"]);
    assert!(alone.stderr.contains("offered no more: adder; `assay provider models add"), "{alone:?}");
    embeds(&buyer, &embedding, began).await;
    ada.does(&["provide", "adder", "--price", "0.001"]);
    calls_another_model_the_same(&town, &folder.path().join("other"), &buyer, &added).await;
    town.check_books().await;
}

/// A text becomes a vector, the same alone and in a list, and what is typed is no name of a file.
async fn embeds(buyer: &Person, embedding: &Value, began: Instant) {
    let alone = runs(buyer, &["run", "tiny-embedder", "A cat sats."], began).await;
    let vector: Vec<f64> = serde_json::from_str(&alone.stdout).unwrap();
    assert_eq!(vector.len(), 4, "{alone:?}");
    assert!((vector.iter().map(|number| number * number).sum::<f64>() - 1.0).abs() < 1e-5, "{alone:?}");
    let list = buyer.asks(&["run", "tiny-embedder", r#"["a", "A cat sats."]"#]);
    assert_eq!(list["vectors"][1], json!(vector), "{list}");
    assert_eq!(list["attempt"]["price"]["amount"], "0.06", "a text is a unit: {list}");
    assert_eq!(buyer.asks(&["model", "show", "tiny-embedder"])["manifest"], embedding["manifest"]);
}

/// Orders again and again until enough verifiers count.
pub(crate) async fn runs(buyer: &Person, typed: &[&str], began: Instant) -> Ran {
    loop {
        let ran = buyer.types(typed);
        if ran.status == Some(0) {
            return ran;
        }
        assert_eq!(ran.status, Some(6), "{ran:?}");
        assert!(began.elapsed() < PATIENCE, "nobody ever counts as its verifier: {ran:?}");
    }
}

/// Of two models of one name the one that was ordered before is meant; whoever ordered neither is told of both.
async fn calls_another_model_the_same(town: &Town, folder: &Path, buyer: &Person, added: &Value) {
    let cleo = Neighbour::of(town, "cleo");
    fs::create_dir_all(folder).unwrap();
    let file = model(folder);
    let other = cleo.asks(&["model", "add", file.to_str().unwrap(), "--units", "4096"]);
    let [first, second] = [&added["manifest"], &other["manifest"]].map(|digest| digest.as_str().unwrap());
    assert_ne!(first, second);
    let twice = cleo.types(&["provide", "adder"]);
    assert_eq!(twice.status, Some(2), "cleo has both: {twice:?}");
    cleo.does(&["provide", &format!("adder@{}", &second[..12])]);
    let stranger = Person::join(folder, "stranger", &town.network.file());
    stranger.account();
    for peer in ["ada", "cleo"] {
        stranger.waits_for_offer("adder", &town.network.peer(peer).id.to_string()).await;
        buyer.waits_for_offer("adder", &town.network.peer(peer).id.to_string()).await;
    }
    let refused = stranger.types(&["quote", "adder"]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    for digest in [first, second] {
        assert!(refused.stderr.contains(&format!("adder@{}", &digest[..12])), "{refused:?}");
        let named = format!("adder@{}", &digest[..12]);
        assert_eq!(stranger.asks(&["model", "show", &named])["manifest"], *digest);
    }
    assert_eq!(buyer.asks(&["model", "show", "adder"])["manifest"], *first);
    let offered = cleo.types(&["model", "rm", &format!("adder@{}", &second[..12]), "--json"]);
    assert!(offered.stderr.contains("MODEL_OFFERED"), "{offered:?}");
    cleo.does(&["model", "rm", &format!("adder@{}", &first[..12])]);
    assert_eq!(listed(&cleo.asks(&["model", "ls"]), "adder")["manifest"], *second);
}

#[test]
fn a_home_without_a_daemon_or_a_network_takes_models_in_and_lets_them_go() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let types = |arguments: &[&str]| assay(&home, arguments);
    let file = model(folder.path());
    let path = file.to_str().unwrap();
    let added =
        types(&["model", "add", path, "--name", "tally", "--max-tokens", "9", "--units", "77", "--json"]);
    let added = added.document();
    assert_eq!(
        (&added["params"], &added["work_most"]),
        (&r#"{"max_tokens":9}"#.into(), &77.into()),
        "{added}"
    );
    assert_eq!(added["licence"], "as its file says");
    let again =
        types(&["model", "add", path, "--name", "tally", "--max-tokens", "9", "--units", "77", "--json"]);
    assert_eq!(again.document()["manifest"], added["manifest"], "the same file is the same model");
    let digest = added["manifest"].as_str().unwrap();
    assert_eq!(listed(&types(&["model", "ls", "--json"]).document(), "tally")["is_here"], true);
    assert_eq!(types(&["model", "show", &digest[..6], "--json"]).document()["name"], "tally");

    let onnx = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/digits/digits.onnx");
    let refused = types(&["model", "add", onnx]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("it is an ONNX file"), "{refused:?}");
    let embedder = embedder(folder.path());
    let added = types(&["model", "add", embedder.to_str().unwrap(), "--json"]).document();
    let params: Value = serde_json::from_str(added["params"].as_str().unwrap()).unwrap();
    let stated = json!({
        "tokens": "input_ids", "output": "last_hidden_state", "width": 4, "max_length": 16, "pooling": "mean", "normalise": true,
    });
    assert_eq!((&added["name"], &params), (&"tiny-embedder".into(), &stated));
    fs::write(embedder.join("tokenizer.json"), r#"{"model":{"type":"BPE"}}"#).unwrap();
    let refused = types(&["model", "add", embedder.to_str().unwrap()]);
    assert!(refused.stderr.contains("its vocabulary is BPE"), "{refused:?}");
    let cut = folder.path().join("cut.gguf");
    fs::write(&cut, &fs::read(&file).unwrap()[..100_000]).unwrap();
    let failed = types(&["model", "add", cut.to_str().unwrap()]);
    assert_eq!(failed.status, Some(2), "{failed:?}");
    assert!(failed.stderr.contains("cut cannot be added: tensor "), "{failed:?}");
    assert!(failed.stderr.contains("it may have been cut off on its way"), "{failed:?}");

    let place = home.join("models").join(&digest[..2]).join(&digest[2..4]).join(digest);
    fs::write(&place, "something else").unwrap();
    let list = types(&["model", "ls"]);
    assert!(list.stderr.contains(&format!("the file of the model {} is damaged", &digest[..12])), "{list:?}");
    assert_eq!(types(&["model", "rm", &digest[..12]]).status, Some(0));
    assert_eq!(types(&["model", "ls", "--json"]).document()["damaged"], Value::Array(Vec::new()));
    assert_eq!(types(&["model", "rm", "tally"]).status, Some(3));
}

/// The model in parts, in a folder of their own.
fn cut(folder: &Path) -> [PathBuf; 3] {
    let parts = split(&fs::read(model(folder)).unwrap(), &[12, 13, 13]);
    let place = folder.join("parts");
    fs::create_dir_all(&place).unwrap();
    [0, 1, 2].map(|number| {
        let path = place.join(format!("adder-{:05}-of-00003.gguf", number + 1));
        fs::write(&path, &parts[number]).unwrap();
        path
    })
}

#[test]
fn a_model_in_parts_is_the_model_that_was_cut_by_whichever_of_them_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let parts = cut(folder.path());
    let types = |arguments: &[&str]| assay(&folder.path().join("home"), arguments);
    let whole = folder.path().join("adder.gguf");
    let whole = types(&["model", "add", whole.to_str().unwrap(), "--json"]).document();
    for named in [parts[0].as_path(), &parts[2], parts[1].parent().unwrap()] {
        let named = named.to_str().unwrap();
        assert_eq!(types(&["model", "check", named]).status, Some(0), "{named}");
        let added = types(&["model", "add", named, "--copy", "--json"]).document();
        assert_eq!((&added["name"], &added["manifest"]), (&"adder".into(), &whole["manifest"]), "{named}");
        assert_eq!(added["weights"], whole["weights"], "{named}");
    }
    let told = types(&["model", "add", parts[1].to_str().unwrap(), "--name", "tally"]);
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(told.stderr.contains("joined 3 parts into one file of 2 MiB"), "{told:?}");
    let joins = fs::read_dir(folder.path().join("home/hub/joined")).unwrap();
    let joins: Vec<_> = joins.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(joins, ["adder.lock"], "what was joined lies among the blobs alone");
    fs::remove_file(&parts[1]).unwrap();
    let missing = types(&["model", "add", parts[0].to_str().unwrap()]);
    assert_eq!(missing.status, Some(2), "{missing:?}");
    let said = "adder-00002-of-00003.gguf is missing, which is part 2 of 3";
    assert!(missing.stderr.contains(said), "{missing:?}");
    fs::copy(&parts[0], &parts[1]).unwrap();
    let twice = types(&["model", "add", parts[0].to_str().unwrap()]);
    assert!(twice.status == Some(2) && twice.stderr.contains("are both part 1"), "{twice:?}");
}

#[cfg(unix)]
#[test]
fn a_model_may_have_more_parts_than_a_process_has_files_open_at_first() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("parts");
    fs::create_dir(&place).unwrap();
    for (number, part) in (1..).zip(split(&fs::read(model(folder.path())).unwrap(), &[1; 38])) {
        fs::write(place.join(format!("adder-{number:05}-of-00038.gguf")), part).unwrap();
    }
    let typed = ["model", "check", place.to_str().unwrap()];
    let check = crate::assay::command(&folder.path().join("home"), &typed, &[]);
    let mut few = std::process::Command::new("/bin/sh");
    few.args(["-c", r#"ulimit -Sn 32 && exec "$@""#, "sh"]).arg(check.get_program()).args(check.get_args());
    few.env_clear().envs(check.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = few.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn a_network_is_founded_with_a_model_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let parts = cut(folder.path());
    let (founder, friends) = (Person::new(folder.path(), "nora"), friends(folder.path()));
    let network = folder.path().join("network.toml");
    let mut found = vec!["network", "new", "lab", "--model", parts[0].to_str().unwrap()];
    found.extend(["--output", network.to_str().unwrap()]);
    found.extend(friends.iter().flat_map(|(_, key)| ["--verifier", key.as_str()]));
    assert_eq!(founder.asks(&found)["manifests"][1]["model"], "adder");
}

#[test]
fn a_runner_of_ones_own_is_taken_in_with_a_model_or_without() {
    let folder = tempfile::tempdir().unwrap();
    let types = |arguments: &[&str]| assay(&folder.path().join("home"), arguments);
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let place = |name: &str| format!("{sources}/{name}");
    let (pure, tensors) = (place("runners/pure/pure.wasm"), place("runners/tensors/tensors.wasm"));
    let labels = r#"{"labels":["0","1","2","3","4","5","6","7","8","9"]}"#;
    let alone = types(&["model", "add", "--runner", &pure, "--params", labels, "--units", "900", "--json"]);
    let alone = alone.document();
    assert_eq!((&alone["name"], &alone["params"]), (&"pure".into(), &labels.into()));
    assert_eq!(
        (&alone["policy"], &alone["meter"], &alone["work_most"]),
        (&"exact".into(), &"mega_fuel".into(), &900.into())
    );
    let onnx = place("models/digits/digits.onnx");
    let calls = types(&["model", "add", &onnx, "--runner", &tensors, "--name", "raw", "--json"]).document();
    assert_eq!(
        (&calls["name"], &calls["policy"], &calls["meter"]),
        (&"raw".into(), &"tensor_f32".into(), &"calls".into())
    );
    let list = types(&["model", "ls", "--json"]).document();
    assert!(listed(&list, "pure")["is_here"] == true && listed(&list, "raw")["is_here"] == true, "{list}");
    let refused = types(&["model", "add", "--runner", &onnx]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("is no component of WebAssembly"), "{refused:?}");
    let failed = types(&["model", "add", "--runner", &pure, "--params", "{}"]);
    assert_eq!(failed.status, Some(2), "its labels are missing: {failed:?}");
}
