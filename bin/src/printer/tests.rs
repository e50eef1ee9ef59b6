//! The door to the terminal, tried with what strangers would put through it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use super::*;

/// What acts on a terminal, breaks or turns a line, or is not seen.
const HOSTILE: [&str; 40] = [
    "\x1b[2J",
    "\x1b[31m",
    "\x1b[1A\x1b[2K",
    "\x1b]0;title\x07",
    "\x1b]52;c;cm0=\x07",
    "\x1bP1$r\x1b\\",
    "\x1b[6n",
    "\x1bc",
    "\x1b(0",
    "\x1b[?1049h",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\x08\x08",
    "\x07",
    "\x0b",
    "\x0c",
    "\0",
    "\x7f",
    "\u{80}",
    "\u{84}",
    "\u{85}",
    "\u{90}x\u{9c}",
    "\u{9b}31m",
    "\u{9d}0;t\u{9c}",
    "\u{202a}",
    "\u{202e}",
    "\u{2066}",
    "\u{2069}",
    "\u{200e}",
    "\u{61c}",
    "\u{2028}",
    "\u{2029}",
    "\u{200b}",
    "\u{feff}",
    "\u{2060}",
    "\u{ad}",
    "\u{e0041}",
    "\u{3164}",
];
/// Characters of the longest that a stranger tries.
const LONG: usize = 100_000;

/// Each of them alone, in front, behind, within, and again and again.
fn hostile() -> impl Iterator<Item = String> {
    HOSTILE.into_iter().flat_map(|bad| {
        let often = bad.repeat(LONG / bad.chars().count());
        [bad.to_owned(), format!("{bad}error: x"), format!("paid{bad}"), format!("a{bad}network demo"), often]
    })
}

struct Kept {
    printer: Printer,
    out: Arc<Mutex<Vec<u8>>>,
    aside: Arc<Mutex<Vec<u8>>>,
}

impl Kept {
    fn new(is_json: bool, is_terminal: bool) -> Self {
        let (out, aside) = (Arc::default(), Arc::default());
        let streams = [&out, &aside].map(|kept| StandardStream::kept(kept, is_terminal));
        let [to_out, to_aside] = streams;
        let printer = Printer {
            is_json,
            out: to_out,
            aside: to_aside,
            is_lost: AtomicBool::new(false),
            is_unheard: AtomicBool::new(false),
            silence: Silence::begin(),
        };
        Self { printer, out, aside }
    }

    fn texts(&self) -> [String; 2] {
        [&self.out, &self.aside].map(|kept| String::from_utf8(kept.lock().unwrap().clone()).unwrap())
    }
}

/// Whether a letter does more than to be read.
fn acts(letter: char) -> bool {
    letter.is_control() || !letter.is_ascii() && HOSTILE.iter().any(|bad| bad.contains(letter))
}

/// Nothing but so many line feeds acts on a terminal, and no line is longer than a screen can bear.
fn assert_harmless(text: &str, line_feeds: usize) {
    let bad: Vec<char> = text.chars().filter(|letter| acts(*letter)).collect();
    assert_eq!(bad, vec!['\n'; line_feeds], "{text:?}");
    assert!(text.lines().all(|line| line.chars().count() <= 2 * LINE_CHARS_MAX + 20), "{} bytes", text.len());
}

#[test]
fn no_name_acts_on_a_terminal() {
    assert_eq!(hostile().count(), 200);
    for (text, is_terminal) in hostile().flat_map(|text| [(text.clone(), true), (text, false)]) {
        let kept = Kept::new(false, is_terminal);
        let printer = &kept.printer;
        printer.line(&text);
        printer.line(Paint::Red.on(&text).and(format!(": {text}")));
        printer.note(format!("note: {text}"));
        let failure = CommandError::new(Exit::Other, "OTHER", &text, &text);
        printer.failure(&failure);
        let [out, aside] = kept.texts();
        assert_harmless(&out, 2);
        assert_harmless(&aside, 3);
        assert!(called(&text).chars().count() <= 49);
    }
}

#[test]
fn no_cell_forges_a_row_or_a_column() {
    for text in hostile() {
        let mut table = Table::new(["MODEL", "PRICE"]);
        table.row([text.clone(), "0.05".to_owned()]);
        let (terminal, pipe) = (Kept::new(false, true), Kept::new(false, false));
        terminal.printer.table(&table);
        terminal.printer.aligned(&table, "  ");
        pipe.printer.table(&table);
        assert_harmless(&terminal.texts()[0], 4);
        let rows = pipe.texts()[0].replacen('\t', " ", 1);
        assert_harmless(&rows, 1);
    }
}

#[test]
fn a_table_is_as_wide_as_the_terminal_and_whole_in_a_pipe() {
    let machine = "m".repeat(100);
    let mut table = Table::new(["MODEL", "MACHINE"]).shortens(&["MACHINE"]);
    table.row(["digits".to_owned(), machine.clone()]);
    for (is_terminal, indent, columns) in
        [(true, "  ", 80), (true, "", 80), (false, "  ", 110), (false, "", 108)]
    {
        let kept = Kept::new(false, is_terminal);
        kept.printer.aligned(&table, indent);
        let longest = kept.texts()[0].lines().map(|line| line.chars().count()).max();
        assert_eq!(longest, Some(columns), "{is_terminal} {indent:?}");
    }
    let pipe = Kept::new(false, false);
    pipe.printer.table(&table);
    assert_eq!(pipe.texts()[0], format!("digits\t{machine}\n"));
}

#[test]
fn a_result_is_raw_for_a_pipe_alone() {
    for text in hostile().filter(|text| text.len() < LONG / 2) {
        let result = format!("one\n{text}two\n");
        let pipe = Kept::new(false, false);
        pipe.printer.bytes(result.as_bytes());
        assert_eq!(pipe.texts()[0], result);
        let terminal = Kept::new(false, true);
        terminal.printer.bytes(result.as_bytes());
        let [shown, aside] = terminal.texts();
        let lines = if text.contains('\0') {
            1
        } else if text.contains('\n') {
            3
        } else {
            2
        };
        assert_harmless(&shown.replace('\t', " "), lines);
        assert_eq!(aside.is_empty(), !text.contains('\0'), "{text:?}: {aside}");
    }
}

#[test]
fn a_result_that_is_no_text_is_shown_by_its_numbers_and_in_part() {
    let terminal = Kept::new(false, true);
    terminal.printer.bytes(&[0x9b; 100_000]);
    let [shown, aside] = terminal.texts();
    assert_eq!(shown, "\\x9b".repeat(EXCERPT_BYTES) + "\n");
    assert!(aside.starts_with("these are 100000 bytes that are no text"), "{aside}");
}

#[test]
fn a_document_is_one_and_has_nothing_that_acts() {
    for text in hostile() {
        let kept = Kept::new(true, true);
        kept.printer.document("thing", &json!({ "name": text }));
        kept.printer.line(&text);
        kept.printer.bytes(text.as_bytes());
        kept.printer.note(&text);
        let said = CommandError::new(Exit::Other, "OTHER", "x", "y").with(json!({ "name": text }));
        kept.printer.failure(&said);
        let [out, aside] = kept.texts();
        let document: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&document["name"], &document["schema"]), (&json!(text), &json!("assay.thing/1")));
        let error: Value = serde_json::from_str(&aside).unwrap();
        assert_eq!(error["error"]["details"]["name"], json!(text));
        for text in [&out, &aside] {
            assert!(!text.contains(|letter| letter != '\n' && acts(letter)), "{text:?}");
        }
    }
}

#[test]
fn who_reads_a_pipe_is_told_what_is_waited_for_and_who_reads_a_document_is_not() {
    for (is_json, is_told) in [(false, true), (true, false)] {
        let kept = Kept::new(is_json, false);
        for wait in [kept.printer.spinner("running"), kept.printer.patience("running")] {
            wait.look(Duration::from_secs(3_600));
            wait.end();
        }
        let [out, aside] = kept.texts();
        assert_eq!((out.as_str(), aside.is_empty()), ("", !is_told), "{aside}");
        assert_eq!(aside.matches(": running\n").count(), usize::from(is_told), "once for both: {aside}");
    }
}
