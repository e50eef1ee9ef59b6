//! What each command prints, at a terminal of usual width: in words, as a document, and where it fails. Somebody has looked at
//! each, in the pages that are typed here and in the guide.

use std::collections::BTreeSet;

use crate::{
    help::{COMMANDS, GROUPS},
    pages::Page,
    reader::are_read,
    transcripts::{GUIDE, GUIDE_FOLDER, market},
};

/// The pages, in the order in which the network meets their readers: who sells there comes last, so that nobody orders of one
/// who is gone.
const PAGES: [&str; 15] = [
    "about",
    "home",
    "settings",
    "keys",
    "client",
    "jobs",
    "receipts",
    "batches",
    "models",
    "money",
    "founding",
    "services",
    "simulations",
    "devnets",
    "providers",
];
/// Where they lie.
const FOLDER: &str = "bin/tests/it/typed";

/// How a command can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ShownForm {
    Words,
    Document,
    Failure,
}
use ShownForm::{Document, Failure, Words};

const FOREGROUND: &str =
    "it goes on until somebody ends it; what it says is heard where it is started in tests";
const MANAGER: &str = "it needs a service manager of this user, which is played where services are tried";
const DRAWN: &str = "every job of these pages is drawn, so that no page depends on a lot";
const LONG: &str = "an unoptimised build takes minutes for it";
const NO_STRANGERS: &str = "nobody in these pages brings a runner of their own";

/// What no page shows, and why.
const UNSEEN: [(&str, ShownForm, &str); 17] = [
    ("up", Words, FOREGROUND),
    ("up", Document, FOREGROUND),
    ("serve", Words, FOREGROUND),
    ("serve", Document, FOREGROUND),
    ("demo", Document, "its words stand in the README, and to see it twice takes as long again"),
    ("service status", Words, MANAGER),
    ("service status", Document, MANAGER),
    ("service remove", Words, MANAGER),
    ("service remove", Document, MANAGER),
    ("job dispute", Words, DRAWN),
    ("job dispute", Document, DRAWN),
    ("sim validate", Words, LONG),
    ("sim validate", Document, LONG),
    ("sim bench", Words, LONG),
    ("sim bench", Document, LONG),
    ("provider disallow", Words, NO_STRANGERS),
    ("provider disallow", Document, NO_STRANGERS),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_command_prints_what_was_looked_at() {
    let town = market().await;
    let wrong = are_read(&town, PAGES.map(|page| format!("{FOLDER}/{page}.md")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_command_is_seen_in_words_as_a_document_and_as_it_fails() {
    let guide = GUIDE.iter().map(|page| format!("{GUIDE_FOLDER}/{page}.md"));
    let pages = PAGES.iter().map(|page| format!("{FOLDER}/{page}.md"));
    let all = guide.chain(pages).chain(["README.md".to_owned()]);
    let seen: BTreeSet<(&str, ShownForm)> = all.flat_map(|page| seen_in(&Page::read(&page))).collect();
    let unseen: BTreeSet<(&str, ShownForm)> =
        UNSEEN.iter().map(|(command, form, _)| (*command, *form)).collect();
    let mut wrong = Vec::new();
    for command in COMMANDS.into_iter().filter(|command| !command.is_empty() && !GROUPS.contains(command)) {
        for form in [Words, Document, Failure] {
            match (seen.contains(&(command, form)), unseen.contains(&(command, form))) {
                (false, false) => wrong.push(format!("no page shows {form:?} of `assay {command}`")),
                (true, true) => wrong.push(format!("a page shows {form:?} of `assay {command}`, after all")),
                (true, false) | (false, true) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Which commands a page shows, and how.
fn seen_in(page: &Page) -> Vec<(&'static str, ShownForm)> {
    let steps = page.steps();
    let nexts = steps.iter().skip(1).map(Some).chain([None]);
    let seen = steps.iter().zip(nexts).filter_map(|(step, next)| {
        let verbs = step.verbs();
        let fails = next.is_some_and(|next| next.asks_status() && page.lines(&next.shown) != ["0"]);
        let form = match (fails, verbs.iter().any(|word| word == "--json")) {
            (true, _) => Failure,
            (false, true) => Document,
            (false, false) => Words,
        };
        Some((command_of(&verbs)?, form))
    });
    seen.collect()
}

/// The command that these words begin with, as far as it goes.
fn command_of(verbs: &[String]) -> Option<&'static str> {
    let begins = |command: &&str| {
        let words: Vec<&str> = command.split_whitespace().collect();
        verbs.iter().take(words.len()).eq(words.iter())
    };
    COMMANDS.into_iter().filter(begins).max_by_key(|command| command.len())
}
