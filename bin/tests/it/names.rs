//! One meaning a name: what a reader has learnt of a type in one place holds wherever the name stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::tidy::{files, repository};

/// Where types have names that others read. Tests may call their helpers what they like.
const SOURCES: [&str; 3] = ["crates", "bin", "simulations"];
/// Folders and files of tests and benchmarks.
const TESTS: [&str; 5] = ["tests", "tests.rs", "benches", "fixture.rs", "conformance.rs"];

/// What both shells have, the one of real peers and the one of simulated ones.
const BOTH_SHELLS: &str = "the same part of either shell";
/// What each system has, and only one of which is compiled.
const EACH_SYSTEM: &str = "the same part of any system";
/// Names that may be declared more than once, each with what makes it one meaning.
const SHARED: [(&str, &str); 14] = [
    (
        "Args",
        "what a verb of the command line is given; each stands in its verb's file and is named after it",
    ),
    ("Verb", "what can be done with a noun of the command line, or with none"),
    ("Expected", BOTH_SHELLS),
    ("Fetch", BOTH_SHELLS),
    ("FetchId", BOTH_SHELLS),
    ("Held", BOTH_SHELLS),
    ("Holders", BOTH_SHELLS),
    ("Waiter", BOTH_SHELLS),
    ("EngineLink", EACH_SYSTEM),
    ("Listener", EACH_SYSTEM),
    ("ReadPages", EACH_SYSTEM),
    ("Signals", EACH_SYSTEM),
    ("Stamp", EACH_SYSTEM),
    ("WrittenPages", EACH_SYSTEM),
];

/// Words that are no name of a type: those of other markets, those that fit anything, and pictures that say nothing of
/// what they stand for.
const BANNED: [&str; 22] = [
    "Bid", "Task", "Util", "Utils", "Helper", "Helpers", "Manager", "Misc", "Common", "Data", "Info",
    "Hands", "Errand", "Errands", "Street", "Desk", "Stall", "Till", "Shelf", "Town", "Shop", "Workshop",
];

#[test]
fn no_two_types_share_a_name() {
    let shared: BTreeSet<&str> = SHARED.iter().map(|(name, _)| *name).collect();
    let declared = declared();
    let twice = declared.iter().filter(|(name, places)| places.len() > 1 && !shared.contains(name.as_str()));
    let twice: Vec<String> = twice.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    assert!(twice.is_empty(), "a name with two meanings:\n{}", twice.join("\n"));
    for name in shared {
        let places = declared.get(name).map_or(0, Vec::len);
        assert!(places > 1, "{name} is declared {places} times: it need not be excused");
    }
}

#[test]
fn no_type_is_named_by_a_picture_or_by_nothing() {
    let banned = declared().into_iter().filter(|(name, _)| BANNED.contains(&name.as_str()));
    let banned: Vec<String> = banned.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    assert!(banned.is_empty(), "names that say nothing:\n{}", banned.join("\n"));
}

#[test]
fn declarations_are_found_where_they_stand_and_nowhere_else() {
    let text = "
        pub struct Open<T>(T);
        pub(crate) enum Closed { A }
        impl Trait for Open { type Output = u8; }
        /// struct Told
        trait Said: Sized {
            type Inner;
        }
        macro_rules! both { () => { pub enum Message { A } } }
        type Alias = u8;
        #[cfg(test)]
        mod tests {
            struct Hidden;
        }
    ";
    let text: String =
        text.lines().map(|line| format!("{}\n", line.strip_prefix("        ").unwrap_or(line))).collect();
    assert_eq!(names(&text).collect::<Vec<_>>(), ["Open", "Closed", "Said", "Message", "Alias"]);
}

/// Every type that is declared outside tests, with the files that declare it.
fn declared() -> BTreeMap<String, Vec<String>> {
    let mut declared: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let root = repository();
    for path in SOURCES.iter().flat_map(|folder| files(&root.join(folder), "rs")) {
        let path = path.strip_prefix(&root).unwrap();
        if !is_test(path) {
            let text = fs::read_to_string(root.join(path)).unwrap();
            for name in names(&text) {
                declared.entry(name.to_owned()).or_default().push(path.display().to_string());
            }
        }
    }
    assert!(declared.len() > 400, "only {} types were found", declared.len());
    declared
}

fn is_test(path: &Path) -> bool {
    path.iter().any(|part| TESTS.iter().any(|test| part == *test))
}

/// The types that a file declares in front of its tests. What an implementation or a trait names is no type of its own.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text[..tests].lines().filter(|line| !line.trim_start().starts_with("//")).filter_map(|line| {
        let is_inner = line.starts_with(' ');
        let words = line.split("=> {").last().unwrap_or(line);
        let mut words = words.split_whitespace().skip_while(|word| word.starts_with("pub") || *word == "in");
        let keyword = words.next()?;
        let is_type =
            matches!(keyword, "struct" | "enum" | "union" | "trait") || (keyword == "type" && !is_inner);
        let name = words.next().filter(|_| is_type)?;
        Some(name.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or(name))
            .filter(|name| !name.is_empty())
    })
}
