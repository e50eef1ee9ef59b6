//! Scenarios from strangers: whatever is taken reads back as itself, and whatever is refused is refused by a line of the file and
//! a key, with the nearest name where a key is not known.

use std::fmt::Write as _;

use assay_simulations::lab::{
    scenario::{Scenario, ScenarioError},
    shipped,
};

use super::dice::{self, Dice};

/// What is called by this name is the file of the stranger.
const FILE: &str = "stranger.toml";
/// The most bytes of one: a program refuses longer files.
const BYTES_MAX: usize = 1 << 16;
/// What may stand behind a key.
const VALUES: [&str; 24] = [
    "\"30 s\"",
    "\"-30 s\"",
    "\"30\"",
    "30",
    "\"1e400 s\"",
    "\"99999999999999999999 d\"",
    "\"0.000000001 ns\"",
    "\"50 %\"",
    "\"150 %\"",
    "\"-0 %\"",
    "1.5",
    "\"10 credits\"",
    "\"1_000 credits\"",
    "0",
    "-1",
    "1_000_000",
    "18446744073709551616",
    "0x10",
    "nan",
    "true",
    "[]",
    "{}",
    "[[\"a\"], {b = 1}]",
    "\"\"",
];
/// Lines that may be put in anywhere.
const LINES: [&str; 14] = [
    "[run]",
    "[network]",
    "[[population]]",
    "[[fault]]",
    "[population.behaviour]",
    "extends = \"churn\"",
    "extends = \"stranger\"",
    "behaviour = { command = [\"a\", \"b\"], within = \"1 s\" }",
    "fidelity = \"full\"",
    "count = 100000",
    "populations = [\"clients\", \"nobody\"]",
    "a.b.c.d.e = 1",
    "name = \"\"\"\nseveral\nlines\"\"\"",
    "# \u{1f980}",
];

/// Reads the bytes as they are, and a scenario that they change.
pub(crate) fn target(bytes: &[u8]) {
    read(&String::from_utf8_lossy(bytes));
    let mut dice = Dice::new(bytes);
    let text = sample(&mut dice);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=dice.below(4) {
        change(&mut lines, &mut dice);
    }
    let text = lines.join(if dice.happens(16) { "\r\n" } else { "\n" });
    if !dice.happens(64) {
        return read(&text);
    }
    let mut damaged = text.into_bytes();
    dice::damage(&mut damaged, &mut dice);
    read(&String::from_utf8_lossy(&damaged));
}

/// A scenario that comes with the program, as it is or with all that it leaves to defaults, or a new one.
fn sample(dice: &mut Dice<'_>) -> String {
    let (name, text) = shipped::ALL[dice.below(shipped::ALL.len())];
    match dice.below(3) {
        0 => text.to_owned(),
        1 => {
            Scenario::read(name, text, &shipped::text).map_or_else(|_| String::new(), |read| read.resolved())
        }
        _ => shipped::fresh("fresh"),
    }
}

/// Changes a line, takes one out, doubles one or puts one in.
fn change(lines: &mut Vec<String>, dice: &mut Dice<'_>) {
    let at = dice.below(lines.len().max(1));
    let Some(line) = lines.get(at).cloned() else { return lines.push(LINES[0].to_owned()) };
    let value = VALUES[dice.below(VALUES.len())];
    match (dice.below(6), line.split_once(" = ")) {
        (0, Some((key, _))) => lines[at] = format!("{key} = {value}"),
        (1, Some((key, rest))) => lines[at] = format!("{} = {rest}", misspelt(key, dice)),
        (2, _) => drop(lines.remove(at)),
        (3, _) => lines.insert(at, line.clone()),
        (4, _) => lines.insert(at, LINES[dice.below(LINES.len())].to_owned()),
        _ => lines[at] = misspelt(&line, dice),
    }
}

/// A word with a letter more, less or otherwise.
fn misspelt(word: &str, dice: &mut Dice<'_>) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = dice.below(letters.len().max(1));
    let letter = char::from(b'a' + dice.byte() % 26);
    match dice.below(3) {
        0 => letters.insert(at.min(letters.len()), letter),
        1 if at < letters.len() => drop(letters.remove(at)),
        _ => letters.iter_mut().skip(at).take(1).for_each(|place| *place = letter),
    }
    letters.into_iter().collect()
}

fn read(text: &str) {
    if text.len() > BYTES_MAX {
        return;
    }
    match Scenario::read(FILE, text, &shipped::text) {
        Ok(scenario) => taken(&scenario),
        Err(error) => refused(&error, text),
    }
}

/// What is taken can be asked everything, and is written so that it reads back as itself.
fn taken(scenario: &Scenario) {
    let resolved = scenario.resolved();
    let again = Scenario::read("resolved.toml", &resolved, &|_| None);
    assert_eq!(again.as_ref(), Ok(scenario), "{resolved}");
    assert!(scenario.peers() > 5 && scenario.worth().is_finite(), "{resolved}");
    let mut said = String::new();
    let _ = write!(said, "{} {} {:?}", scenario.orders(), scenario.hash(), scenario.programs());
    assert!(!said.is_empty());
}

/// What is refused is refused where it stands.
fn refused(error: &ScenarioError, text: &str) {
    let ScenarioError { file, line, key, problem } = error;
    let lines = 1 + text.matches('\n').count();
    assert!(!problem.is_empty() && *line > 0, "{error}");
    assert!(file != FILE || *line <= lines, "{error}: there are {lines} lines");
    assert!(file == FILE || shipped::text(file).is_some(), "{error}");
    if problem.starts_with("is not known here") {
        assert!(problem.split('`').nth(1).is_some_and(|nearest| !nearest.is_empty()), "{error}");
        let stands = text.lines().nth(line - 1).unwrap_or_default();
        let word = key.rsplit('.').next().unwrap_or_default();
        assert!(file != FILE || !is_plain(word) || stands.contains(word), "{error}: {stands}");
    }
}

/// True for a word that a file writes as it is.
fn is_plain(word: &str) -> bool {
    word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
}
