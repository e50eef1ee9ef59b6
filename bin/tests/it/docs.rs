//! Every command that the pages for users show can be typed.

use assay_cli::Cli;
use clap::Parser;

const PAGES: [(&str, &str); 7] = [
    ("README.md", include_str!("../../../README.md")),
    ("docs/guide.md", include_str!("../../../docs/guide.md")),
    ("docs/gateway.md", include_str!("../../../docs/gateway.md")),
    ("CHANGELOG.md", include_str!("../../../CHANGELOG.md")),
    ("help trust", include_str!("../../src/commands/help/trust.txt")),
    ("help privacy", include_str!("../../src/commands/help/privacy.txt")),
    ("help money", include_str!("../../src/commands/help/money.txt")),
];

#[test]
fn every_command_in_the_pages_for_users_exists() {
    let mut seen = 0;
    for (page, text) in PAGES {
        for line in commands(text) {
            let words = words(line);
            if let Err(error) = Cli::try_parse_from(&words) {
                let is_help = error.exit_code() == 0;
                assert!(is_help, "{page} shows `{line}`, which cannot be typed: {error}");
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} commands were found");
}

/// Lines of code blocks, and code in the text, that begin with `assay`.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    // What `assay help` says has neither blocks nor quotes, and commands on lines of their own.
    let in_blocks = match text.contains("```") {
        true => text.split("```").skip(1).step_by(2).flat_map(str::lines).collect(),
        false => text.lines().filter(|line| line.starts_with("  ")).collect::<Vec<_>>(),
    };
    let in_blocks = in_blocks.into_iter().map(|line| line.trim_start().trim_start_matches("$ "));
    let in_text = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    in_blocks.chain(in_text).map(str::trim).filter(|line| line.starts_with("assay ") && !line.contains("…"))
}

/// The words of a command, without its comment and what the shell would take; `FILE` and the like are words as well.
fn words(line: &str) -> Vec<String> {
    let line = line.split(" #").next().unwrap_or_default();
    let line = line.split("   ").next().unwrap_or_default();
    let line = line.split(['<', '>', '|']).next().unwrap_or_default();
    let peer = "00".repeat(32);
    let quoted = line.split('"').enumerate();
    let words = quoted.flat_map(|(place, part)| match place % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.map(|word| if word == "PEER" { peer.clone() } else { word }).collect()
}
