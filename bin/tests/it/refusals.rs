//! Each command as it fails: what people read and what programs read say the same, and end alike.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::{
    assay::{Ran, assay},
    help::{COMMANDS, GROUPS},
    homes::private_folder,
};

/// What no command knows.
const UNKNOWN: &str = "--no-such";

/// Where nobody lives: a command, what is typed behind it, and its exit status. What is not here fails over a flag that it does
/// not know.
const NOWHERE: [(&str, &[&str], i32); 62] = [
    ("", &[], 2),
    ("demo", &["--model", "/nowhere.gguf"], 2),
    ("init", &["--yes"], 2),
    ("leave", &["--yes"], 3),
    ("up", &[], 3),
    ("provide", &["digits"], 3),
    ("pause", &[], 3),
    ("resume", &[], 3),
    ("finish", &[], 3),
    ("provider models", &[], 3),
    ("provider models add", &["sums"], 3),
    ("provider models rm", &["sums"], 3),
    ("provider price", &["0.02"], 3),
    ("provider limits", &["--slots", "2"], 3),
    ("provider rules", &["--idle", "soon"], 2),
    ("provider schedule", &["someday"], 2),
    ("provider bench", &[], 3),
    ("provider block", &[], 3),
    ("provider unblock", &["0123456789ab"], 3),
    ("provider allow", &[], 3),
    ("provider disallow", &["digits"], 3),
    ("earnings", &[], 3),
    ("why", &[], 3),
    ("run", &["digits", "-f", "/nowhere.png"], 2),
    ("batch run", &["/nowhere.jsonl", "-o", "FOLDER/out.jsonl"], 2),
    ("quote", &["digits"], 3),
    ("status", &[], 3),
    ("offers", &[], 3),
    ("job submit", &["digits", "-f", "/nowhere.png"], 2),
    ("job ls", &["--since", "soon"], 2),
    ("job show", &["00"], 3),
    ("job result", &["00"], 3),
    ("job watch", &["00"], 3),
    ("job wait", &["00"], 3),
    ("job explain", &["00"], 3),
    ("job cancel", &["00"], 3),
    ("job dispute", &["00"], 3),
    ("job retry", &["00"], 3),
    ("ps", &[], 3),
    ("receipt show", &["00"], 3),
    ("receipt verify", &["/nowhere.receipt"], 2),
    ("account show", &[], 3),
    ("account history", &[], 3),
    ("account grant", &["0123456789ab", "1"], 3),
    ("account stake", &["-5"], 2),
    ("account unstake", &["1"], 3),
    ("account register", &["digits"], 3),
    ("config get", &["client.cost_mx"], 2),
    ("config set", &["client.cost_max", "much"], 3),
    ("config unset", &["daemon"], 3),
    ("config edit", &[], 3),
    ("key restore", &["/nowhere"], 2),
    ("network new", &["lab", "--verifier", "ada"], 2),
    ("network show", &[], 3),
    ("notary audit", &[], 3),
    ("sim explain", &["nothing"], 3),
    ("sim run", &["churn", "--seeds", "-1"], 2),
    ("sim check", &["/nowhere.toml"], 3),
    ("man", &["--output", "FOLDER/file"], 2),
    ("completion", &["basic"], 2),
    ("help", &["nothing"], 3),
    ("logs", &["--lines", "many"], 2),
];

#[test]
fn every_command_fails_alike_in_words_and_as_a_document() {
    let folder = private_folder();
    let (home, file) = (folder.path().join("home"), folder.path().join("file"));
    fs::write(&file, "").unwrap();
    let commands: BTreeSet<&str> = COMMANDS.into_iter().filter(|command| !GROUPS.contains(command)).collect();
    assert!(NOWHERE.iter().all(|(command, ..)| commands.contains(command)), "what is no command");
    let fill = |word: &&str| word.replace("FOLDER", folder.path().to_str().unwrap());
    for command in commands {
        let known = NOWHERE.iter().find(|(known, ..)| *known == command);
        let (more, status) = known.map_or((&[UNKNOWN][..], 2), |(_, more, status)| (*more, *status));
        let typed: Vec<String> =
            command.split_whitespace().map(str::to_owned).chain(more.iter().map(fill)).collect();
        let typed: Vec<&str> = typed.iter().map(String::as_str).collect();
        let words = assay(&home, &typed);
        let document = assay(&home, &[&typed[..], &["--json"]].concat());
        assert_eq!((words.status, document.status), (Some(status), Some(status)), "{typed:?}: {words:?}");
        assert_eq!((&*words.stdout, &*document.stdout), ("", ""), "{typed:?}");
        assert_eq!(said(&words), told(&document), "{typed:?}");
    }
}

/// What people read: the line, and what helps.
fn said(ran: &Ran) -> [String; 2] {
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let [.., error, hint] = lines.as_slice() else { panic!("{ran:?}") };
    let error = error.strip_prefix("error: ").unwrap_or_else(|| panic!("{ran:?}"));
    [error, hint.strip_prefix("hint: ").unwrap_or_else(|| panic!("{ran:?}"))].map(str::to_owned)
}

/// What programs read: the same, in the last line.
fn told(ran: &Ran) -> [String; 2] {
    let last = ran.stderr.lines().last().unwrap_or_else(|| panic!("{ran:?}"));
    let document: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert!(document["error"]["code"].as_str().is_some_and(|code| !code.is_empty()), "{document}");
    ["message", "hint"].map(|key| document["error"][key].as_str().unwrap().to_owned())
}
