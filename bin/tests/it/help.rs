//! What `--help` says of every command.

use std::path::Path;

use crate::assay::assay;

const COMMANDS: [&str; 74] = [
    "",
    "demo",
    "init",
    "up",
    "down",
    "provide",
    "pause",
    "resume",
    "finish",
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
    "offers",
    "job",
    "job ls",
    "job show",
    "job result",
    "job watch",
    "job wait",
    "job explain",
    "job cancel",
    "job retry",
    "ps",
    "model",
    "model add",
    "model ls",
    "model show",
    "model pull",
    "model rm",
    "receipt",
    "receipt show",
    "receipt verify",
    "receipt export",
    "account show",
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
    "network",
    "network new",
    "notary",
    "notary audit",
    "notary recover",
    "sim",
    "sim list",
    "sim explain",
    "sim check",
    "sim resolve",
    "sim run",
    "sim validate",
    "sim bench",
];

/// Nouns, whose verbs have the examples.
const GROUPS: [&str; 10] =
    ["batch", "job", "model", "receipt", "config", "key", "network", "notary", "serve key", "sim"];

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
