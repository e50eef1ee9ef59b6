//! The shape of the source: what a reader may rely on in every file.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines of the longest function.
const FUNCTION_LINES_MAX: usize = 70;
/// Where our source is.
const SOURCES: [&str; 4] = ["crates", "bin", "simulations", "runners"];
/// Crates that know nothing but core and alloc.
const PURE: [&str; 2] = ["crates/protocol", "crates/market"];
/// Pages whose links must lead somewhere.
const PAGES: [&str; 6] = ["README.md", "CHANGELOG.md", "docs", "models", "runners", "crates"];

#[test]
fn every_module_says_what_it_is() {
    each_source(|path, text| {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        (!first.starts_with("//! ")).then(|| format!("{} does not begin with `//! `", path.display()))
    });
}

#[test]
fn no_module_hides_in_a_mod_rs() {
    each_source(|path, _| {
        path.ends_with("mod.rs").then(|| format!("{} should be named after its module", path.display()))
    });
}

/// The transition table of a job: one match on stage, step and party, whatever its length.
const TABLE: &str = "crates/protocol/src/job/table.rs";

#[test]
fn no_function_is_longer_than_a_page() {
    each_source(|path, text| {
        let (start, length) = longest_function(text)?;
        (length > FUNCTION_LINES_MAX && !path.ends_with(TABLE))
            .then(|| format!("{}:{start}: a function of {length} lines", path.display()))
    });
}

#[test]
fn the_pure_crates_know_only_core_and_alloc() {
    for folder in PURE {
        let root = repository().join(folder).join("src");
        let library = fs::read_to_string(root.join("lib.rs")).unwrap();
        assert!(library.contains("#![no_std]"), "{folder} is not no_std");
        for path in files(&root, "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for word in ["extern crate std", "use std::", " std::"] {
                let tests = text.find("mod tests {").unwrap_or(text.len());
                assert!(!text[..tests].contains(word), "{} says `{word}`", path.display());
            }
        }
    }
}

#[test]
fn every_link_in_the_pages_leads_somewhere() {
    let mut seen = 0;
    for page in PAGES.iter().flat_map(|page| files(&repository().join(page), "md")) {
        let text = fs::read_to_string(&page).unwrap();
        for target in links(&text) {
            let folder = page.parent().unwrap();
            assert!(folder.join(target).exists(), "{} links to {target}, which is not there", page.display());
            seen += 1;
        }
    }
    assert!(seen > 5, "only {seen} links were found");
}

#[test]
fn every_path_on_the_map_exists() {
    let map = fs::read_to_string(repository().join("docs/ARCHITECTURE.md")).unwrap();
    let roots = ["crates/", "bin/", "simulations/", "runners/", "models/", "docs/", ".ci/"];
    let paths =
        map.split('`').skip(1).step_by(2).filter(|code| roots.iter().any(|root| code.starts_with(root)));
    let mut seen = 0;
    for path in paths {
        assert!(repository().join(path).exists(), "the map names {path}, which is not there");
        seen += 1;
    }
    assert!(seen > 20, "only {seen} paths were found");
}

/// What writes to a terminal, and where in the program it may stand: the printer, and the log, which escapes by it.
const DOORS: [&str; 4] = ["bin/src/printer", "bin/src/printer.rs", "bin/src/log", "bin/src/log.rs"];
const WRITES: [&str; 7] =
    ["stdout()", "stderr()", "print!(", "println!(", "eprintln!(", "indicatif", "\\x1b["];

#[test]
fn there_is_one_door_to_the_terminal() {
    let mut seen = 0;
    each_source(|path, text| {
        let path = path.strip_prefix(repository()).unwrap();
        let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
        let found: Vec<&str> = WRITES
            .into_iter()
            .filter(|word| path.starts_with("bin/src") && text[..tests].contains(word))
            .collect();
        if DOORS.iter().any(|door| path.starts_with(door)) {
            seen += found.len();
            return None;
        }
        // Whether somebody sits there may be asked; that writes nothing.
        let found: Vec<&str> = found.into_iter().filter(|word| !asks_alone(&text[..tests], word)).collect();
        (!found.is_empty()).then(|| format!("{} writes by itself: {}", path.display(), found.join(", ")))
    });
    assert!(seen >= 3, "the door writes nothing");
}

fn asks_alone(text: &str, word: &str) -> bool {
    text.matches(word).count() == text.matches(&format!("{word}.is_terminal()")).count()
}

/// Keys of documents whose values are places. `json!` panics at a path that is no text, so each is made one before.
const PLACES: [&str; 7] = ["aside", "file", "folder", "home", "network_file", "output_file", "path"];
/// What makes a text of them, and what is none.
const TEXTS: [&str; 3] = ["path_text(", "full(", "null"];

#[test]
fn no_document_fails_over_a_place_whose_name_is_no_text() {
    let mut seen = 0;
    each_source(|path, text| {
        let path = path.strip_prefix(repository()).unwrap();
        let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
        let mut raw = Vec::new();
        for key in PLACES.into_iter().filter(|_| path.starts_with("bin/src")) {
            for value in values(&text[..tests], &format!("\"{key}\": ")) {
                seen += 1;
                if !TEXTS.iter().any(|made| value.contains(made)) {
                    raw.push(format!("{key}: {value}"));
                }
            }
        }
        (!raw.is_empty()).then(|| format!("{} puts a path as it is: {}", path.display(), raw.join("; ")))
    });
    assert!(seen > 10, "only {seen} places were found");
}

/// What stands behind a key in the documents of a source, up to the next key or the end of the line.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let rests = text.split(key).skip(1).map(|rest| rest.lines().next().unwrap_or_default());
    rests.map(|line| line.split(", \"").next().unwrap_or_default()).collect()
}

#[test]
fn every_mutant_can_be_made_and_has_a_test_to_kill_it() {
    let list = fs::read_to_string(repository().join(".ci/mutants.txt")).unwrap();
    let mut lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut wrong = Vec::new();
    while let Some(file) = lines.next() {
        let mut next = || lines.next().unwrap_or_else(|| panic!("the mutant of {file} ends early"));
        let (from, into, (package, test)) = (next(), next(), next().split_once(' ').unwrap());
        let text = fs::read_to_string(repository().join(file)).unwrap_or_default();
        let folder = package.strip_prefix("assay-").map(|name| match name {
            "simulations" => name.to_owned(),
            _ => format!("crates/{name}"),
        });
        let named = format!("fn {test}(");
        let tests = folder.map(|folder| files(&repository().join(folder), "rs")).unwrap_or_default();
        let is_there = tests.iter().any(|path| fs::read_to_string(path).unwrap().contains(&named));
        if text.matches(from).count() != 1 || from == into || !is_there {
            wrong.push(format!("{file}: {from} → {into} ({package} {test})"));
        }
    }
    assert!(wrong.is_empty(), "not once in their file, or without a test:\n{}", wrong.join("\n"));
}

#[test]
fn every_weakness_can_be_planted_and_has_a_search_that_looks_for_it() {
    let list = fs::read_to_string(repository().join(".ci/weaknesses.txt")).unwrap();
    let searches = fs::read_to_string(repository().join("simulations/tests/it/weaknesses.rs")).unwrap();
    let lines: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for weakness in lines.split(|line| line.is_empty()).filter(|weakness| !weakness.is_empty()) {
        let (named, changes) = weakness.split_first().unwrap();
        let (_, test) = named.split_once(' ').unwrap_or_default();
        seen += 1;
        if !searches.contains(&format!("fn {test}()"))
            || changes.is_empty()
            || !changes.len().is_multiple_of(3)
        {
            wrong.push(format!("{test}: no such search, or nothing that is changed"));
        }
        for change in changes.chunks_exact(3) {
            let text = fs::read_to_string(repository().join(change[0])).unwrap_or_default();
            if text.matches(change[1]).count() != 1 || change[1] == change[2] {
                wrong.push(format!("{test}: {} does not stand once in {}", change[1], change[0]));
            }
        }
    }
    assert!(wrong.is_empty() && seen >= 7, "{seen} weaknesses:\n{}", wrong.join("\n"));
}

/// Gathers what a rule says against each file, so that one run shows all.
fn each_source(mut rule: impl FnMut(&Path, &str) -> Option<String>) {
    let sources: Vec<PathBuf> =
        SOURCES.iter().flat_map(|folder| files(&repository().join(folder), "rs")).collect();
    assert!(sources.len() > 50, "only {} files were found", sources.len());
    let broken: Vec<String> =
        sources.iter().filter_map(|path| rule(path, &fs::read_to_string(path).unwrap())).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The line and length of the longest function, as rustfmt lays them out: from its `fn` to the brace below it.
fn longest_function(text: &str) -> Option<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| is_function(line));
    let lengths = starts.filter_map(|(start, line)| {
        let indent = line.len() - line.trim_start().len();
        let close = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|line| *line == close)?;
        Some((start + 1, length + 1))
    });
    lengths.max_by_key(|(_, length)| *length)
}

fn is_function(line: &str) -> bool {
    let words = line.trim_start();
    ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "async fn ", "pub async fn ", "const fn "]
        .iter()
        .any(|start| words.starts_with(start))
        && !words.ends_with('}')
        && !words.ends_with(';')
}

/// Links of a page that lead to files.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(' '))
}

/// Files below a path, or the file itself, with this ending; what builds leave behind is passed over.
pub(crate) fn files(path: &Path, ending: &str) -> Vec<PathBuf> {
    if path.is_file() {
        return if path.extension().is_some_and(|found| found == ending) {
            vec![path.into()]
        } else {
            vec![]
        };
    }
    let Ok(entries) = fs::read_dir(path) else { return vec![] };
    let entries = entries.map(|entry| entry.unwrap().path());
    let entries = entries.filter(|path| path.file_name().is_none_or(|name| name != "target"));
    let mut found: Vec<PathBuf> = entries.flat_map(|path| files(&path, ending)).collect();
    found.sort();
    found
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}
