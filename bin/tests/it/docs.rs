//! Every command that the pages for users show can be typed, and every command there is stands in one of them.

use std::{fs, path::Path};

use assay_cli::Cli;
use clap::Parser;

use crate::{
    assay::assay,
    help::{COMMANDS, GROUPS},
    pages::{Page, words},
    tidy::{files, repository},
};

/// What `assay help` says, which has neither blocks nor quotes, and commands on lines of their own.
const TOPICS: [(&str, &str); 3] = [
    ("help trust", include_str!("../../src/commands/help/trust.txt")),
    ("help privacy", include_str!("../../src/commands/help/privacy.txt")),
    ("help money", include_str!("../../src/commands/help/money.txt")),
];

#[test]
fn every_command_in_the_pages_for_users_exists() {
    let mut shown =
        in_pages(&["README.md", "CHANGELOG.md", "docs/guide", "docs/gateway.md", "docs/simulations.md"]);
    for (topic, text) in TOPICS {
        let typed = text.lines().filter_map(|line| line.strip_prefix("  ")?.trim_start().split("   ").next());
        let typed = typed.filter(|line| line.starts_with("assay "));
        shown.extend(typed.map(|line| (topic.to_owned(), line.to_owned())));
    }
    for (page, line) in &shown {
        if let Err(error) = Cli::try_parse_from(typed(line)) {
            let is_help = error.exit_code() == 0;
            assert!(is_help, "{page} shows `{line}`, which cannot be typed: {error}");
        }
    }
    assert!(shown.len() > 100, "only {} commands were found", shown.len());
}

#[test]
fn every_command_stands_in_a_page_for_users() {
    let shown = in_pages(&["docs/guide", "docs/gateway.md", "docs/simulations.md"]);
    let shown: Vec<Vec<String>> = shown.iter().map(|(_, line)| verbs(line)).collect();
    let is_shown = |command: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        shown.iter().any(|line| line.iter().take(words.len()).eq(words.iter()))
    };
    let missing: Vec<&str> = COMMANDS
        .into_iter()
        .filter(|command| !command.is_empty() && !GROUPS.contains(command) && !is_shown(command))
        .collect();
    assert!(missing.is_empty(), "no page shows {missing:?}");
}

/// What a peer is called where room is short, and commands that take one.
const SHORT: &str = "0123456789ab";
const OF_PEERS: [&str; 11] = [
    "run digits seven.png --provider",
    "quote digits --provider",
    "job submit digits seven.png --provider",
    "provider block",
    "provider unblock",
    "account show --notary",
    "account stake 1 --notary",
    "account unstake 1 --notary",
    "account register digits --notary",
    "notary audit --notary",
    "notary export -o books.journal --notary",
];

#[test]
fn what_is_shown_in_short_is_understood_in_short() {
    for command in OF_PEERS {
        let words = ["assay"].into_iter().chain(command.split(' ')).chain([SHORT]);
        assert!(Cli::try_parse_from(words).is_ok(), "`assay {command}` takes no first digits");
    }
    assert!(Cli::try_parse_from(["assay", "account", "grant", SHORT, "1"]).is_ok());
}

/// How many lines the README has at most.
const README_LINES_MAX: usize = 90;
/// What it is, before how it is done.
const WHAT: &str = "Rent out your machine for AI jobs, or run ";

#[test]
fn the_readme_begins_with_what_it_is_and_the_two_commands_that_show_it() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    assert!(readme.lines().count() <= README_LINES_MAX, "whoever is new reads no more");
    let (preface, rest) = readme.split_once("\n## ").unwrap();
    let preface: Vec<&str> = preface.lines().filter(|line| !line.is_empty()).collect();
    assert!(preface.len() <= 6 && preface[1].starts_with(WHAT), "five lines say what it is: {preface:?}");
    let help = assay(Path::new("/nowhere"), &["--help"]).stdout;
    assert!(help.starts_with(WHAT), "{help}");
    let block = rest.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0;
    assert_eq!(block, "cargo run --release -- demo\ncargo install --locked --path bin\n");
    assert!(rest.contains("\n## What is real today, and what is not\n"), "it promises what there is");
}

/// Where the page about tests says what newcomers stumbled over.
const STUMBLES: &str = "\n## What newcomers stumbled over\n";

#[test]
fn everything_that_newcomers_stumbled_over_has_tests() {
    let page = fs::read_to_string(repository().join("docs/testing.md")).unwrap();
    let section = page.split_once(STUMBLES).unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert_eq!(rows.len(), 16, "each row of what was found has one here");
    let folders = ["bin", "crates", "simulations"].map(|folder| repository().join(folder));
    let sources = folders.iter().flat_map(|folder| files(folder, "rs"));
    let text: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    for row in rows {
        let tests = row.rsplit(" | ").next().unwrap();
        let mut named = tests.split('`').skip(1).step_by(2).peekable();
        assert!(named.peek().is_some(), "no test is named: {row}");
        for test in named {
            assert!(text.contains(&format!("fn {test}(")), "there is no test {test}: {row}");
        }
    }
}

/// Each command of these pages, with the page that shows it.
fn in_pages(pages: &[&str]) -> Vec<(String, String)> {
    let paths = pages.iter().flat_map(|page| files(&repository().join(page), "md"));
    let names = paths.map(|path| path.strip_prefix(repository()).unwrap().to_str().unwrap().to_owned());
    let commands = |name: String| {
        let shown = Page::read(&name).commands();
        shown.into_iter().map(move |command| (name.clone(), command))
    };
    names.flat_map(commands).collect()
}

/// The words of a command; `FILE` and the like are words as well.
fn typed(line: &str) -> Vec<String> {
    let peer = "00".repeat(32);
    words(line).into_iter().map(|word| if word == "PEER" { peer.clone() } else { word }).collect()
}

/// What is behind the program's name, without the home that it is for.
fn verbs(line: &str) -> Vec<String> {
    let mut words = words(line);
    words.remove(0);
    if words.first().is_some_and(|word| word == "--home") {
        words.drain(..2);
    }
    words
}
