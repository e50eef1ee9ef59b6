//! What `--help` says of every command.

use std::path::Path;

use crate::assay::assay;

pub(crate) const COMMANDS: [&str; 135] = [
    "",
    "demo",
    "init",
    "leave",
    "up",
    "down",
    "provide",
    "pause",
    "resume",
    "finish",
    "provider",
    "provider models",
    "provider models add",
    "provider models rm",
    "provider price",
    "provider limits",
    "provider rules",
    "provider schedule",
    "provider devices",
    "provider bench",
    "provider block",
    "provider unblock",
    "provider allow",
    "provider disallow",
    "earnings",
    "why",
    "run",
    "chat",
    "batch",
    "batch run",
    "batch resume",
    "batch ls",
    "batch status",
    "batch errors",
    "batch cancel",
    "batch rm",
    "serve",
    "serve key",
    "serve key new",
    "serve key ls",
    "serve key rm",
    "quote",
    "status",
    "doctor",
    "logs",
    "offers",
    "job",
    "job submit",
    "job ls",
    "job show",
    "job result",
    "job watch",
    "job wait",
    "job logs",
    "job explain",
    "job cancel",
    "job dispute",
    "job retry",
    "ps",
    "model",
    "model new",
    "model build",
    "model check",
    "model add",
    "model bench",
    "model ls",
    "model show",
    "model search",
    "model pull",
    "model publish",
    "model rm",
    "receipt",
    "receipt ls",
    "receipt show",
    "receipt verify",
    "receipt export",
    "account",
    "account show",
    "account history",
    "account grant",
    "account stake",
    "account unstake",
    "account register",
    "config",
    "config get",
    "config set",
    "config unset",
    "config ls",
    "config path",
    "config edit",
    "key",
    "key new",
    "key show",
    "key backup",
    "key restore",
    "network",
    "network new",
    "network show",
    "notary",
    "notary audit",
    "notary export",
    "notary recover",
    "devnet",
    "devnet up",
    "devnet down",
    "devnet ls",
    "devnet kill",
    "devnet partition",
    "devnet heal",
    "sim",
    "sim list",
    "sim new",
    "sim explain",
    "sim check",
    "sim resolve",
    "sim run",
    "sim sweep",
    "sim merge",
    "sim compare",
    "sim replay",
    "sim report",
    "sim attack",
    "sim judge",
    "sim seek",
    "sim shrink",
    "sim validate",
    "sim bench",
    "service",
    "service install",
    "service remove",
    "service status",
    "completion",
    "man",
    "version",
    "help",
];

/// Nouns, whose verbs have the examples.
pub(crate) const GROUPS: [&str; 14] = [
    "account",
    "provider",
    "batch",
    "job",
    "model",
    "receipt",
    "config",
    "key",
    "network",
    "notary",
    "serve key",
    "service",
    "devnet",
    "sim",
];

#[test]
fn every_command_explains_itself_with_examples() {
    for command in COMMANDS {
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = assay(Path::new("/nowhere"), &words);
        assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""), "{command}");
        if !GROUPS.contains(&command) {
            assert!(help.stdout.contains("  assay "), "{command} has no example");
        }
        let name = if command.is_empty() { "assay".to_owned() } else { command.replace(' ', "-") };
        insta::assert_snapshot!(name, help.stdout);
    }
}

#[test]
fn the_worker_and_conduct_are_nobodys_business() {
    for command in [vec!["--help"], vec!["up", "--help"]] {
        let help = assay(Path::new("/nowhere"), &command).stdout;
        assert!(!help.contains("worker") && !help.contains("conduct"), "{help}");
    }
}

#[test]
fn topics_and_commands_are_explained_and_nothing_else() {
    let help = |words: &[&str]| assay(Path::new("/nowhere"), &[&["help"], words].concat());
    for topic in ["trust", "privacy", "money", "output", "exit-codes"] {
        let text = help(&[topic]);
        assert_eq!((text.status, text.stderr.as_str()), (Some(0), ""), "{topic}");
        let longest = text.stdout.lines().map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| (60..=80).contains(&longest)), "{topic}: {longest:?}");
    }
    let whole = assay(Path::new("/nowhere"), &["--help"]).stdout;
    assert_eq!(help(&[]).stdout, whole);
    let result = assay(Path::new("/nowhere"), &["job", "result", "--help"]).stdout;
    assert_eq!(help(&["job", "result"]).stdout, result);
    for nothing in [vec!["worker"], vec!["job", "nothing"], vec!["trust", "me"]] {
        let failed = help(&nothing);
        assert_eq!((failed.status, failed.stdout.as_str()), (Some(3), ""), "{nothing:?}");
    }
}

#[test]
fn the_exit_codes_that_are_explained_are_those_that_there_are() {
    let text = assay(Path::new("/nowhere"), &["help", "exit-codes"]).stdout;
    let numbered = text.lines().filter_map(|line| line.trim_start().split_once("  "));
    let told: Vec<u8> = numbered.filter_map(|(number, _)| number.parse().ok()).collect();
    let there = include_str!("../../src/command_error.rs").lines();
    let there = there.filter_map(|line| line.trim_end_matches(',').split_once(" = "));
    let mut there: Vec<u8> = there.filter_map(|(_, number)| number.parse().ok()).collect();
    there.insert(0, 0);
    assert_eq!(told, there);
}

#[test]
fn every_command_has_a_page_and_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_str().unwrap();
    let written = assay(Path::new("/nowhere"), &["man", "--output", at]);
    assert_eq!(written.status, Some(0), "{written:?}");
    for command in COMMANDS.into_iter().filter(|command| *command != "help") {
        let name = format!("assay {command}").trim().replace(' ', "-");
        let page = std::fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
    }
    assert_eq!(
        assay(Path::new("/nowhere"), &["man"]).stdout,
        std::fs::read_to_string(folder.path().join("assay.1")).unwrap()
    );
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = assay(Path::new("/nowhere"), &["completion", shell]);
        assert_eq!(script.status, Some(0));
        assert!(script.stdout.contains("batch"), "{shell}");
        assert!(!script.stdout.contains("worker"), "{shell}");
    }
    let version = assay(Path::new("/nowhere"), &["version", "--json"]).document();
    assert_eq!(
        (version["version"].as_str(), version["wire"].as_u64()),
        (Some(env!("CARGO_PKG_VERSION")), Some(3))
    );
}
