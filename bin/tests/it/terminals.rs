//! What a terminal gets from a network whose founder chose names that act on terminals.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    assay::{BINARY, ZONE, assay},
    schema_set, screen,
    town::{Town, drawn},
};

/// What the founder calls the network and its credits, as TOML and JSON write it.
const NAME: &str = r"demo\u001b[2J\nnetwork ok\u202e\u009b31m\t\u2028";
const UNIT: &str = r"cr\u001b[31m\rok\u0007";
/// What the model calls a seven, as JSON writes it.
const LABEL: &str = r"7\u001b]0;owned\u0007\nerror: none";

/// Runs `assay` on a terminal of its own and gives back what that got. Colours are ours, and off.
pub(crate) fn on_terminal(home: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().env("ASSAY_HOME", home).env("NO_COLOR", "1").env("TZ", ZONE);
    // What a spinner draws is ours; all else that is said aside is looked at in the other tests.
    let (_, text) = screen::on_terminal(command, Stdio::null(), !SPINNING.contains(&arguments[0]));
    // The terminal itself puts a return before each line feed.
    text.replace("\r\n", "\n")
}

/// Commands that draw while they wait.
const SPINNING: [&str; 2] = ["run", "notary"];

fn assert_harmless(arguments: &[&str], shown: &str) {
    let acts =
        |letter: &char| (letter.is_control() && *letter != '\n') || ['\u{202e}', '\u{2028}'].contains(letter);
    let found: Vec<char> = shown.chars().filter(acts).collect();
    assert!(found.is_empty(), "{arguments:?}: {found:?} in {shown:?}");
    let forged = |line: &str| line.starts_with("network ok") || line.starts_with("error: none");
    assert!(!shown.lines().any(forged), "{arguments:?}: {shown}");
}

#[tokio::test]
async fn no_name_of_a_stranger_acts_on_a_terminal() {
    let town = Town::begin(|file| {
        let named = drawn(file).replacen("name = \"demo\"", &format!("name = \"{NAME}\""), 1);
        let named = named.replacen("unit = \"credit\"", &format!("unit = \"{UNIT}\""), 1);
        let named = named.replacen("\"7\"", &format!("\"{LABEL}\""), 1);
        assert_eq!([NAME, UNIT, LABEL].map(|text| named.matches(text).count()), [1; 3], "{file}");
        named
    });
    let town = town.await;
    let folder = tempfile::tempdir().unwrap();
    let [fresh, receipt] = ["fresh", "receipt"].map(|name| folder.path().join(name));
    let (home, receipt) = (town.network.peer("you").home.root(), receipt.to_str().unwrap());
    let (file, seven) = (town.network.file(), town.network.folder().join("seven-1.png"));
    let (file, seven) = (file.to_str().unwrap(), seven.to_str().unwrap());

    let run = ["run", "digits", seven, "--receipt", receipt];
    let shown = on_terminal(home, &run);
    assert_harmless(&run, &shown);
    assert_eq!(shown, "7\\u{1b}]0;owned\\u{7}\\nerror: none\n");
    let jobs = assay(home, &["job", "ls", "--json"]).document();
    let job = jobs["jobs"][0]["submission"].as_str().unwrap();
    let bad = format!("{seven}\x1b[2J\nnetwork ok");
    let joins = ["init", "--yes", "--network", file];
    assert_harmless(&joins, &on_terminal(&fresh, &joins));
    let all: [&[&str]; 16] = [
        &["status"],
        &["offers"],
        &["quote", "digits"],
        &["quote", "digits", "--explain"],
        &["quote", "digits", "--max-cost", "0.000001"],
        &["quote", "\x1b[2Jdigits"],
        &["job", "ls"],
        &["job", "show", job],
        &["job", "explain", job],
        &["job", "show", "\x1b]0;x\x07"],
        &["receipt", "show", receipt],
        &["receipt", "verify", receipt],
        &["receipt", "export", receipt, "--readable"],
        &["receipt", "verify", &bad],
        &["account", "show"],
        &["notary", "audit"],
    ];
    for arguments in all {
        let shown = on_terminal(home, arguments);
        assert!(!shown.is_empty(), "{arguments:?}");
        assert_harmless(arguments, &shown);
        let json = on_terminal(home, &[arguments, &["--json"]].concat());
        assert_harmless(arguments, &json);
        schema_set::judge(&json);
    }
    // A receipt as it is, on a terminal: bytes, shown by their numbers.
    assert_harmless(&["export"], &on_terminal(home, &["receipt", "export", receipt]));
}
