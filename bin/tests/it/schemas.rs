//! What `--json` promises: each document has a schema and each schema a document, and a key means one thing in all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use assay_protocol::{message::Message, outcome::Outcome, receipt::Stop};
use serde_json::{Value, json};

use crate::{
    assay::{assay, assay_among},
    schema_set::{COMMON, ERROR, admit, advice, names, read},
    tidy::{files, repository},
};

/// What names a document in the source: the first argument of each.
const CALLS: [&str; 4] = [".document(", ".long_document(", ".record(", "finding::tell("];

#[test]
fn every_document_has_a_schema_and_every_schema_a_document() {
    let mut printed = BTreeMap::new();
    for path in files(&repository().join("bin/src"), "rs") {
        let text = fs::read_to_string(&path).unwrap();
        let tests = text.find("#[cfg(test)]").unwrap_or(text.len());
        let is_test = path.ends_with("tests.rs");
        let text = if is_test { "" } else { &text[..tests] };
        let path = path.strip_prefix(repository()).unwrap().to_path_buf();
        printed.extend(documents(text).map(|name| (name.to_owned(), path.clone())));
    }
    assert!(printed.len() > 50, "only {} documents were found", printed.len());
    let described = names();
    let mut wrong = Vec::new();
    for (name, path) in printed.iter().filter(|(name, _)| !described.contains(*name)) {
        wrong.push(format!("{} prints assay.{name}/1: {}", path.display(), advice(name)));
    }
    let apart = [COMMON, ERROR];
    for name in described.iter().filter(|name| !printed.contains_key(*name) && !apart.contains(&&***name)) {
        wrong.push(format!("nothing in bin/src prints assay.{name}/1: remove docs/schemas/{name}.json"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The names of documents that stand in a source file.
fn documents(text: &str) -> impl Iterator<Item = &str> {
    let behind = CALLS.into_iter().flat_map(|call| text.split(call).skip(1));
    behind.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
}

#[test]
fn every_schema_is_closed_and_says_what_each_key_is() {
    let mut wrong = Vec::new();
    for name in names() {
        let schema = read(&name);
        if ![COMMON, ERROR].contains(&&*name) {
            let said = (&schema["title"], &schema["properties"]["schema"]["const"]);
            let right = json!(format!("assay.{name}/1"));
            if said != (&right, &right) {
                wrong.push(format!("{name}.json is titled {} and says {}, not {right}", said.0, said.1));
            }
        }
        // Whether it is a schema at all is asked by whoever holds a document to it: here one that fits none.
        let refused = admit(&json!({ "schema": format!("assay.{name}/1"), "no such key": 0 }));
        if refused.as_ref().is_err_and(|why| !why.contains("no such key")) && name != COMMON {
            wrong.push(format!("{name}.json is no schema: {}", refused.unwrap_err()));
        }
        each_object(&schema, &mut |object, properties| {
            let keys: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
            let required = object["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            // What is known of a failure depends on the failure: nothing of it is always there.
            let is_complete = required.collect::<BTreeSet<_>>() == keys
                || (name == ERROR && object.get("required").is_none());
            if object["additionalProperties"] != false || !is_complete {
                wrong.push(format!("{name}.json: {keys:?} is not closed, or not all of it is required"));
            }
            for (key, value) in properties {
                let text = value["description"].as_str().unwrap_or_default();
                if !text.ends_with('.') {
                    wrong.push(format!("{name}.json: {key} is not described in a sentence"));
                }
                let is_number = value["type"] == "integer" || value["type"] == json!(["integer", "null"]);
                if key.ends_with("_ms") && !is_number {
                    wrong.push(format!("{name}.json: {key} is no whole number of milliseconds"));
                }
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_key_means_one_thing_in_all_documents() {
    // What a key means, and where it was seen to mean that.
    let mut meanings: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let common = read(COMMON);
    for name in names() {
        let schema = read(&name);
        each_object(&schema, &mut |_, properties| {
            for (key, value) in properties {
                let said = value["description"].as_str().unwrap_or_default();
                let meaning = format!("{said}: {}", shape(value, &common));
                meanings.entry(key.clone()).or_default().entry(meaning).or_insert(name.clone());
            }
        });
    }
    let mut wrong = Vec::new();
    for (key, meanings) in meanings.iter().filter(|(_, meanings)| meanings.len() > 1) {
        let told = meanings.iter().map(|(meaning, name)| format!("  {name}.json: {meaning}"));
        let told = told.collect::<Vec<_>>().join("\n");
        wrong.push(format!("{key} means several things; call one of them otherwise:\n{told}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a value looks like: what is the same for a program that reads it, whatever it is called and whether it may be absent.
/// Words are words, whichever set they are of: that depends on the thing that they are said of.
fn shape(schema: &Value, common: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("common.json#/$defs/").or(name.strip_prefix("#/$defs/"));
        let name = name.unwrap_or_else(|| panic!("a part of another schema than common.json: {schema}"));
        return shape(&common["$defs"][name], common);
    }
    if let Some(some) = schema["anyOf"].as_array() {
        let some = some.iter().filter(|one| one["type"] != "null");
        return some.map(|one| shape(one, common)).collect::<Vec<_>>().join(" or ");
    }
    if schema.get("enum").or(schema.get("const")).is_some() {
        return "a word".to_owned();
    }
    let kinds = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    let kind = kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("anything");
    match kind {
        "array" => format!("a list of {}", shape(&schema["items"], common)),
        "object" => match schema["properties"].as_object() {
            Some(keys) => format!("{:?}", keys.keys().collect::<BTreeSet<_>>()),
            None => format!("a map to {}", shape(&schema["additionalProperties"], common)),
        },
        "string" => format!("a text {}", schema["pattern"].as_str().unwrap_or_default()),
        other => other.to_owned(),
    }
}

/// Every object that a schema describes, wherever in it, with its keys.
fn each_object(schema: &Value, rule: &mut impl FnMut(&Value, &serde_json::Map<String, Value>)) {
    if let Some(properties) = schema["properties"].as_object() {
        rule(schema, properties);
    }
    let inner: Vec<&Value> = match schema {
        Value::Object(all) => all.values().collect(),
        Value::Array(all) => all.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    inner.into_iter().for_each(|inner| each_object(inner, rule));
}

#[test]
fn the_words_of_the_protocol_are_those_of_the_schemas() {
    let common = read(COMMON);
    let listed = |name: &str| {
        let listed = common["$defs"][name]["enum"].as_array().unwrap().iter();
        listed.map(|word| word.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let word = |value: Value| value.as_str().unwrap().to_owned();
    assert_eq!(listed("outcome"), BTreeSet::from(Outcome::ALL.map(|outcome| word(json!(outcome)))));
    assert_eq!(listed("label"), BTreeSet::from(Outcome::ALL.map(|outcome| outcome.label().to_owned())));
    assert_eq!(listed("step"), BTreeSet::from(Stop::ALL.map(|step| word(json!(step)))));
    assert_eq!(listed("message_kind"), Message::KINDS.iter().map(|&kind| kind.to_owned()).collect());
}

#[test]
fn a_document_with_another_key_or_word_or_a_shortened_name_is_refused() {
    let peer = "0a".repeat(32);
    let key = json!({ "schema": "assay.key/1", "peer": peer, "home": "/home" });
    assert_eq!(admit(&key), Ok(()));
    let with = |name: &str, value: Value| {
        let mut other = key.clone();
        other[name] = value;
        admit(&other)
    };
    for (name, value) in [("peer", json!(&peer[..12])), ("home", json!(null)), ("network", json!(peer))] {
        let why = with(name, value).unwrap_err();
        assert!(why.contains("docs/schemas/key.json") && why.contains(name), "{why}");
    }
    let unknown = with("schema", json!("assay.lock/1")).unwrap_err();
    assert!(unknown.contains("docs/schemas/lock.json is not there: describe"), "{unknown}");
    assert!(
        unknown.contains("The peer, by the name that its key gives it."),
        "what others have is drafted: {unknown}"
    );
    assert!(admit(&json!({ "peer": peer })).is_err(), "it does not say which it is");
    let state = json!({ "schema": "assay.service-status/1", "service": "s", "file": "f", "state": "well" });
    assert!(admit(&state).is_err(), "no such word");
}

/// What needs neither a network nor a daemon is printed here, so that its schemas are tried: each run is held to them.
#[test]
fn what_a_home_alone_prints_is_what_the_schemas_say() {
    let folder = tempfile::tempdir().unwrap();
    let (home, pages) = (folder.path().join("home"), folder.path().join("pages"));
    let all: [&[&str]; 23] = [
        &["version"],
        &["help", "trust"],
        &["man"],
        &["man", "-o", pages.to_str().unwrap()],
        &["completion", "bash"],
        &["key", "new"],
        &["key", "show"],
        &["config", "path"],
        &["config", "set", "client.cost_max", "2"],
        &["config", "get", "client.cost_max"],
        &["config", "ls"],
        &["config", "edit"],
        &["config", "unset", "client.cost_max"],
        &["model", "ls"],
        &["serve", "key", "new", "phone", "--daily-max", "5"],
        &["serve", "key", "ls"],
        &["serve", "key", "rm", "phone"],
        &["sim", "list"],
        &["sim", "explain", "fraud-vs-check-rate"],
        &["sim", "check", "fraud-vs-check-rate"],
        &["sim", "resolve", "fraud-vs-check-rate"],
        &["sim", "run", "fraud-vs-check-rate", "--seeds", "1"],
        &["down"],
    ];
    for arguments in all {
        let ran = assay_among(&home, &[("EDITOR", "/bin/true")], &[arguments, &["--json"]].concat());
        assert!(ran.document()["schema"].is_string(), "{arguments:?}: {ran:?}");
    }
    fs::write(home.join("config.toml"), "[client]\ncolour = 1\n").unwrap();
    let gone = assay(&home, &["config", "unset", "client.colour", "--json"]).document();
    assert_eq!(gone["schema"], "assay.setting-gone/1");
}

#[test]
fn a_receipt_of_every_outcome_is_shown_as_the_schemas_say() {
    let mut outcomes = BTreeSet::new();
    for receipt in files(&repository().join("crates/protocol/tests/golden/receipts"), "receipt") {
        let receipt = receipt.to_str().unwrap();
        let asks = |verb| assay(Path::new("/nowhere"), &["receipt", verb, receipt, "--json"]).document();
        let (shown, judged) = (asks("show"), asks("verify"));
        assert_eq!(shown["outcome"], judged["outcome"], "{receipt}");
        outcomes.insert(shown["outcome"].to_string());
    }
    assert_eq!(outcomes.len(), Outcome::ALL.len(), "{outcomes:?}");
}
