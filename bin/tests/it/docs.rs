//! Every command that the pages for users show can be typed, and every command there is stands in one of them.

use assay_cli::Cli;
use clap::Parser;

use crate::{
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
