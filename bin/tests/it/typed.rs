//! What each command prints, at a terminal of usual width: in words, as a document, and where it fails. Somebody has looked at
//! each, in the pages that are typed here and in the guide.

use std::{collections::BTreeSet, fs};

use crate::{
    help::{COMMANDS, GROUPS},
    pages::Page,
    reader::are_read,
    tidy::{files, repository},
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
const COMPILES: &str = "Rust's own tools compile for it, which need not be where these pages are typed";
const NO_STRANGERS: &str = "nobody in these pages brings a runner of their own";

const GREETED: &str = "what_goes_on_begins_with_its_words_and_its_document";
const INSTALLED: &str = "a_service_is_installed_asked_about_and_taken_away";
const DISPUTED: &str = "what_was_refused_for_its_input_is_not_ordered_again_but_by_force";
const MEASURED: &str = "the_simulator_prints_its_figures_and_its_speeds_in_words_and_as_documents";
const ALLOWED: &str = "clients_are_blocked_models_measured_again_and_runners_of_strangers_allowed";
const BUILT: &str = "a_runner_is_built_by_the_tools_of_its_language_and_what_comes_of_it_is_looked_at";

/// What no page shows, why, and the test that sees it.
const UNSEEN: [(&str, ShownForm, &str, &str); 19] = [
    ("up", Words, FOREGROUND, GREETED),
    ("up", Document, FOREGROUND, GREETED),
    ("serve", Words, FOREGROUND, GREETED),
    ("serve", Document, FOREGROUND, GREETED),
    (
        "demo",
        Document,
        "its words stand in the README, and to see it twice takes as long again",
        "the_demonstration_is_one_document_with_a_cheat_caught_and_books_that_balance",
    ),
    ("service status", Words, MANAGER, INSTALLED),
    ("service status", Document, MANAGER, INSTALLED),
    ("service remove", Words, MANAGER, INSTALLED),
    ("service remove", Document, MANAGER, INSTALLED),
    ("job dispute", Words, DRAWN, DISPUTED),
    ("job dispute", Document, DRAWN, DISPUTED),
    ("sim validate", Words, LONG, MEASURED),
    ("sim validate", Document, LONG, MEASURED),
    ("sim bench", Words, LONG, MEASURED),
    ("sim bench", Document, LONG, MEASURED),
    ("model build", Words, COMPILES, BUILT),
    ("model build", Document, COMPILES, BUILT),
    ("provider disallow", Words, NO_STRANGERS, ALLOWED),
    ("provider disallow", Document, NO_STRANGERS, ALLOWED),
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
        UNSEEN.iter().map(|(command, form, ..)| (*command, *form)).collect();
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

#[test]
fn what_no_page_shows_is_seen_by_a_test() {
    let sources = files(&repository().join("bin/tests/it"), "rs");
    let text: String = sources.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for (command, form, _, test) in UNSEEN {
        assert!(text.contains(&format!("fn {test}(")), "no {test} sees {form:?} of `assay {command}`");
    }
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
