//! What others chose, as text that a terminal only shows: nothing in it moves the cursor, changes a colour, turns the
//! direction of writing, begins a line or hides.
//!
//! **Invariant:** what comes out of [`field`] is one line without any control or invisible character; what comes out of
//! [`prose`] has line feeds and tabs besides, and the joiners that some scripts are written with. Escaping twice changes
//! nothing.

use std::fmt::Write;

/// Characters of a name that are shown; names that people give are shorter.
const NAME_CHARS_MAX: usize = 48;
/// What stands where something was cut off.
pub(super) const CUT: char = '…';

/// One line of text, of so many characters at most.
pub(crate) fn field(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    let mut chars = 0;
    let mut letters = text.chars();
    for letter in letters.by_ref() {
        let before = shown.len();
        push(&mut shown, letter, |letter| letter == ' ' || !is_unseen(letter));
        chars += shown[before..].chars().count();
        if chars > chars_max {
            shown.truncate(before);
            shown.push(CUT);
            break;
        }
    }
    shown
}

/// A cell of a table: a field in which no run of spaces can look like the end of a column.
pub(crate) fn cell(text: &str, chars_max: usize) -> String {
    let shown = field(text, chars_max);
    let words = shown.trim_start_matches(' ');
    let indent = &shown[..shown.len() - words.len()];
    let words = words.split(' ').filter(|word| !word.is_empty());
    indent.to_owned() + &words.collect::<Vec<_>>().join(" ")
}

/// A name that others chose, short enough to stand in front of something.
pub(crate) fn called(text: &str) -> String {
    cell(text, NAME_CHARS_MAX)
}

/// A result of many lines.
pub(super) fn prose(text: &str) -> String {
    let mut shown = String::new();
    text.replace("\r\n", "\n").chars().for_each(|letter| push(&mut shown, letter, is_prose));
    shown
}

/// A result that is no text, as one line: what is none is shown by its numbers.
pub(super) fn bytes(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&field(chunk.valid(), usize::MAX));
        chunk.invalid().iter().for_each(|byte| write_to(&mut shown, format_args!("\\x{byte:02x}")));
    }
    shown
}

/// A JSON text in which every such character of its strings is escaped: the same document.
pub(super) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut units = [0; 2];
    for letter in text.chars() {
        // Between its strings a document has line feeds and spaces; those within are escaped already.
        if matches!(letter, '\n' | ' ') || !is_unseen(letter) {
            shown.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut units) {
            write_to(&mut shown, format_args!("\\u{unit:04x}"));
        }
    }
    shown
}

fn push(shown: &mut String, letter: char, stays: impl Fn(char) -> bool) {
    if stays(letter) {
        return shown.push(letter);
    }
    match letter {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        other => write_to(shown, format_args!("\\u{{{:x}}}", u32::from(other))),
    }
}

fn write_to(shown: &mut String, words: std::fmt::Arguments<'_>) {
    if shown.write_fmt(words).is_err() {
        unreachable!("a string takes everything")
    }
}

fn is_prose(letter: char) -> bool {
    matches!(letter, '\n' | '\t' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
        || letter.is_whitespace() && !letter.is_control() && !matches!(letter, '\u{2028}' | '\u{2029}')
        || !is_unseen(letter)
}

/// Controls, what turns or breaks lines, blanks of any kind, and what Unicode says may be left out of a picture of text.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || letter.is_whitespace()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_on_a_terminal_is_shown_instead() {
        let cases = [
            ("digits", "digits"),
            ("naïve 模型 🦀", "naïve 模型 🦀"),
            ("\x1b[2J\x1b]0;title\x07", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
            ("one\ntwo\r\tthree", "one\\ntwo\\r\\tthree"),
            ("\u{9b}31m \u{7f}", "\\u{9b}31m \\u{7f}"),
            ("\u{202e}lasrever\u{2066}", "\\u{202e}lasrever\\u{2066}"),
            ("a\u{2028}b\u{200b}c\u{feff}d\u{a0}e", "a\\u{2028}b\\u{200b}c\\u{feff}d\\u{a0}e"),
        ];
        for (text, shown) in cases {
            assert_eq!(field(text, 100), shown);
            assert_eq!(field(shown, 100), shown);
        }
    }

    #[test]
    fn a_field_is_cut_and_never_within_an_escape() {
        assert_eq!(field(&"x".repeat(100_000), 5), "xxxxx…");
        assert_eq!(field("ab\u{202e}cd", 5), "ab…");
        assert_eq!(field("abcde", 5), "abcde");
    }

    #[test]
    fn no_spaces_within_a_cell_look_like_a_column() {
        assert_eq!(cell("digits    0.01      5 ms", 100), "digits 0.01 5 ms");
        assert_eq!(cell("  base", 100), "  base");
    }

    #[test]
    fn a_result_keeps_its_lines_and_the_joiners_of_its_script() {
        let text = "one\r\n\ttwo\n\u{915}\u{94d}\u{200d}\u{937} \u{2764}\u{fe0f}\u{3000}";
        assert_eq!(prose(text), text.replace("\r\n", "\n"));
        assert_eq!(prose("\x1b[31m\u{9b}\r."), "\\u{1b}[31m\\u{9b}\\r.");
        assert_eq!(bytes(b"a\n\x1b[31m\xff\x9b\r."), "a\\n\\u{1b}[31m\\xff\\x9b\\r.");
        assert_eq!(prose("\u{202e}\u{2029}"), "\\u{202e}\\u{2029}");
    }

    #[test]
    fn a_document_stays_the_same_document() {
        let value =
            serde_json::json!({"a\u{7f}": "\x1b[0m\u{9b}\u{202e}\u{2028}\u{e0041}\u{a0} \n\t\u{feff}"});
        let text = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(text.chars().all(|letter| matches!(letter, '\n' | ' ') || !is_unseen(letter)), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
