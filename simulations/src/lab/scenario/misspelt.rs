//! Each key of each scenario that comes with the program, misspelt: it is told by its line, its table and the name that was meant.

use super::Scenario;
use crate::lab::shipped;

fn read(text: &str) -> Result<Scenario, String> {
    Scenario::read("a.toml", text, &|_| None).map_err(|error| error.to_string())
}

/// A table or a key that a line of a resolved scenario says, and the table that the key stands in.
fn said<'a>(line: &'a str, table: &mut &'a str) -> Option<&'a str> {
    if line.starts_with('[') {
        *table = line.trim_matches(['[', ']']);
        return Some(*table);
    }
    line.split_once(" = ").map(|(key, _)| key)
}

/// The text with every header of this table misspelt, or one line.
fn misspelt(text: &str, number: usize, word: &str) -> String {
    let changed = |(place, line): (usize, &str)| {
        let is_header = line.starts_with('[') && line.trim_matches(['[', ']']) == word;
        let is_meant = place == number || (is_header && text.lines().nth(number) == Some(line));
        format!("{}\n", if is_meant { line.replacen(word, &format!("{word}x"), 1) } else { line.to_owned() })
    };
    text.lines().enumerate().map(changed).collect()
}

#[test]
fn each_misspelt_key_is_told_by_line_table_and_nearest_name() {
    let mut seen = 0;
    for (name, text) in shipped::ALL {
        let text = Scenario::read(name, text, &shipped::text).unwrap().resolved();
        let (mut table, mut told) = ("", Vec::new());
        for (number, line) in text.lines().enumerate() {
            let Some(word) = said(line, &mut table) else { continue };
            let is_header = line.starts_with('[');
            // Of tables that are written several times the first header is told.
            if is_header && told.contains(&word) {
                continue;
            }
            told.extend(is_header.then_some(word));
            let path = if is_header || table.is_empty() { String::new() } else { format!("{table}.") };
            let expected =
                format!("a.toml:{}: `{path}{word}x`: is not known here; the nearest is `{word}`", number + 1);
            assert_eq!(read(&misspelt(&text, number, word)).map(drop), Err(expected), "{name}");
            seen += 1;
        }
        assert!(read(&text).is_ok(), "{name}");
    }
    assert!(seen > 400, "{seen} keys");
}

#[test]
fn tables_that_stand_too_deep_in_each_other_are_refused_and_not_followed() {
    let deep = |levels: usize| format!("name = \"deep\"\n{}x = 1\n", "x.".repeat(levels));
    assert!(read(&deep(1)).unwrap_err().starts_with("a.toml:2: `x`: is not known here"));
    assert!(read(&deep(100)).unwrap_err().starts_with("a.toml:"));
    let within = |levels: usize| format!("x = {}1{}\n", "{ x = ".repeat(levels), " }".repeat(levels));
    assert!(read(&within(50)).unwrap_err().starts_with("a.toml:1: `x`: is not known here"));
    assert!(read(&within(10_000)).unwrap_err().starts_with("a.toml:1: "));
    let lists = |levels: usize| format!("x = {}{}\n", "[".repeat(levels), "]".repeat(levels));
    assert!(read(&lists(50)).unwrap_err().starts_with("a.toml:1: `x`: is not known here"));
    assert!(read(&lists(10_000)).unwrap_err().starts_with("a.toml:1: "));
    // Each key is short enough, and all together would be a stack of many thousand tables.
    let both = format!("{}1{}\n", format!("{}x = {{ ", "x.".repeat(70)).repeat(79), " }".repeat(79));
    let refused = read(&both).unwrap_err();
    assert!(refused.ends_with("is beyond what a scenario says: it has more than 1000 dots"), "{refused}");
}
