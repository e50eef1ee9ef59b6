//! What a command shows: tables for a terminal, plain lines for a pipe, one document with `--json`.
//!
//! **Invariant:** results go to standard output and nothing else does; progress, notes and errors go to standard error.
//! With `--json`, standard output gets exactly one document, or of what goes on one a line. This is the one door to a terminal: whatever others chose
//! is escaped here, so that no name, result or error can do more than be read. Bytes as they came go only to a file or
//! a pipe.

mod escape;
mod list_document;
mod silence;
mod spinner;
mod stream;
mod styled;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod wrap;

use std::{
    io::{self, BufRead},
    sync::atomic::{AtomicBool, Ordering},
};

use serde::Serialize;
use serde_json::Value;

pub(crate) use self::{
    escape::{called, field},
    list_document::ListDocument,
    table::Table,
    value::{
        ago, csv_field, full, local, moment, money, number_of, path_text, rate, shell_path, short, verb,
    },
};
use self::{silence::Silence, stream::StandardStream};
pub use self::{
    spinner::Spinner,
    styled::{Paint, Styled},
};
use crate::command_error::{CommandError, Exit};

/// Characters of one piece of a line; ours are far shorter.
const LINE_CHARS_MAX: usize = 1_000;
/// Bytes of a result that is no text, of which a terminal is shown the beginning.
const EXCERPT_BYTES: usize = 1_024;

/// Where a command writes.
#[derive(Debug)]
pub struct Printer {
    is_json: bool,
    out: StandardStream,
    aside: StandardStream,
    is_lost: AtomicBool,
    is_unheard: AtomicBool,
    silence: Silence,
}

#[derive(Serialize)]
struct Document<'a, T> {
    schema: String,
    #[serde(flatten)]
    body: &'a T,
}

impl Printer {
    /// Looks at what standard output is and at `NO_COLOR`.
    #[must_use]
    pub fn new(is_json: bool) -> Self {
        Self {
            is_json,
            out: StandardStream::stdout(),
            aside: StandardStream::stderr(),
            is_lost: AtomicBool::new(false),
            is_unheard: AtomicBool::new(false),
            silence: Silence::begin(),
        }
    }

    /// True if one document is wanted and nothing else.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// True if colours may be used.
    #[must_use]
    pub fn has_colour(&self) -> bool {
        self.out.has_colour
    }

    /// The one document of a command; without `--json`, nothing.
    pub fn document<T: Serialize>(&self, noun: &str, body: &T) {
        if !self.is_json {
            return;
        }
        let document = Document { schema: format!("assay.{noun}/1"), body };
        match serde_json::to_string_pretty(&document) {
            Ok(text) => self.write(&(escape::json(&text) + "\n")),
            Err(error) => unreachable!("documents have text for keys: {error}"),
        }
    }

    /// The one document of a command whose list under this key, empty in its body, is written item by item.
    pub(crate) fn long_document(
        &self,
        noun: &'static str,
        body: &Value,
        key: &'static str,
    ) -> ListDocument<'_> {
        ListDocument::begin(self, noun, body, key)
    }

    /// One document of those that come as things go on, on a line of its own; without `--json`, nothing.
    pub(crate) fn record<T: Serialize>(&self, noun: &str, body: &T) {
        if !self.is_json {
            return;
        }
        match serde_json::to_string(&Document { schema: format!("assay.{noun}/1"), body }) {
            Ok(text) => self.write(&(escape::json(&text) + "\n")),
            Err(error) => unreachable!("documents have text for keys: {error}"),
        }
    }

    /// A line of the result; with `--json`, nothing.
    pub fn line(&self, text: impl Into<Styled>) {
        if !self.is_json {
            self.write(&(text.into().shown(self.has_colour(), LINE_CHARS_MAX) + "\n"));
        }
    }

    /// A line of the result that goes on below its text where a terminal is narrow; what it begins with is so wide.
    pub(crate) fn hanging(&self, begin: impl Into<Styled>, width: usize, text: &str) {
        let left = self.out.columns.map(|columns| columns.saturating_sub(width));
        let Some(left) = left.filter(|left| *left >= wrap::LINE_CHARS_MIN) else {
            return self.line(begin.into().and(text));
        };
        let mut begin: Styled = begin.into();
        for part in wrap::lines(&escape::field(text, LINE_CHARS_MAX), left) {
            self.line(begin.and(part));
            begin = " ".repeat(width).into();
        }
    }

    /// The result: as it came for a file or a pipe, escaped for a terminal; with `--json`, nothing.
    pub fn bytes(&self, bytes: &[u8]) {
        if !self.is_json {
            self.file(bytes);
        }
    }

    /// A piece of a result that is a text, as it is written: escaped for a terminal; with `--json`, nothing.
    pub(crate) fn piece(&self, text: &str) {
        match self.out.is_terminal {
            _ if self.is_json => {}
            true => self.write(&escape::prose(text)),
            false => self.write(text),
        }
    }

    /// A file on standard output, with `--json` as well: as it is for a file or a pipe, escaped for a terminal.
    pub(crate) fn file(&self, bytes: &[u8]) {
        if !self.out.is_terminal {
            return self.write_bytes(bytes);
        }
        let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        let excerpt = bytes.get(..EXCERPT_BYTES).unwrap_or(bytes);
        let shown = text.map_or_else(|| escape::bytes(excerpt), escape::prose);
        let end = if shown.ends_with('\n') || shown.is_empty() { "" } else { "\n" };
        self.write(&(shown + end));
        if text.is_none() {
            let bytes = bytes.len();
            self.note(format!(
                "these are {bytes} bytes that are no text, of which the first {EXCERPT_BYTES} are shown at most; \
                 a pipe or -o FILE gets all of them as they are"
            ));
        }
    }

    /// A file of JSON on standard output, likewise: what a terminal shows is the same document.
    pub(crate) fn json_file(&self, text: &str) {
        if self.out.is_terminal { self.write(&escape::json(text)) } else { self.write(text) }
    }

    /// Rows of a result; with `--json`, nothing.
    pub(crate) fn table(&self, table: &Table) {
        match self.out.is_terminal {
            true => self.aligned(table, ""),
            false if self.is_json => {}
            false => self.write(&table.plain()),
        }
    }

    /// Rows that line up even in a pipe, for a story; with `--json`, nothing.
    pub(crate) fn aligned(&self, table: &Table, indent: &str) {
        let columns = self.out.columns.map(|columns| columns.saturating_sub(indent.chars().count()));
        table.aligned(columns).for_each(|line| self.line(Styled::from(indent).and(line)));
    }

    /// Something to know beside the result; with `--json`, nothing.
    pub fn note(&self, text: impl Into<Styled>) {
        if !self.is_json {
            self.say(&(text.into().shown(false, LINE_CHARS_MAX) + "\n"));
        }
    }

    /// What stands before a line that is typed.
    pub(crate) fn prompt(&self, text: &str) {
        if !self.is_json {
            self.say(text);
        }
    }

    /// Asks whoever sits at the terminal, and gives back a line.
    pub(crate) fn ask(&self, question: &str) -> String {
        self.say(&(escape::field(question, LINE_CHARS_MAX)));
        let mut answer = String::new();
        let _ = io::stdin().lock().read_line(&mut answer);
        answer.trim().to_owned()
    }

    /// Something that takes a while: it moves on a terminal, and elsewhere a line says now and then what is waited for; with
    /// `--json`, nothing.
    #[must_use]
    pub fn spinner(&self, text: &str) -> Spinner {
        if !self.aside.is_terminal {
            return self.patience(text);
        }
        let spinner = if self.is_json { Spinner::hidden() } else { Spinner::shown() };
        spinner.say(text);
        spinner
    }

    /// The same beside lines that come as things go on, between which nothing moves on a terminal.
    #[must_use]
    pub(crate) fn patience(&self, text: &str) -> Spinner {
        let spinner = match self.is_json || self.aside.is_terminal {
            true => Spinner::hidden(),
            false => Spinner::plain(self.aside.clone(), self.silence.clone()),
        };
        spinner.say(text);
        spinner
    }

    /// Shows a failure.
    pub fn failure(&self, failure: &CommandError) {
        let text = if self.is_json {
            escape::json(&failure.to_json().to_string())
        } else {
            let [message, hint] = failure.lines().map(|line| escape::field(line, LINE_CHARS_MAX));
            format!("error: {message}\nhint: {hint}")
        };
        self.say(&(text + "\n"));
    }

    /// A document on a line of its own beside the result, for a program that reads a log.
    pub(crate) fn mark(&self, mark: &str, document: &Value) {
        self.say(&format!("{mark}{}\n", escape::json(&document.to_string())));
    }

    /// False once whoever read standard output has seen enough.
    pub(crate) fn is_heard(&self) -> bool {
        !self.is_unheard.load(Ordering::Relaxed)
    }

    /// Ends the output.
    ///
    /// # Errors
    /// [`CommandError`], if something could not be written. A reader that has seen enough is no failure.
    pub fn finish(&self) -> Result<(), CommandError> {
        if self.is_lost.load(Ordering::Relaxed) {
            let hint = "free some space where the output goes and try again";
            return Err(CommandError::new(
                Exit::Other,
                "OUTPUT_LOST",
                "standard output could not be written",
                hint,
            ));
        }
        Ok(())
    }

    fn write(&self, text: &str) {
        self.write_bytes(text.as_bytes());
    }

    fn write_bytes(&self, bytes: &[u8]) {
        self.silence.breaks();
        match self.out.write(bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_unheard.store(true, Ordering::Relaxed);
            }
            Err(_) => self.is_lost.store(true, Ordering::Relaxed),
        }
    }

    /// Whoever does not listen misses what is said aside.
    fn say(&self, text: &str) {
        self.silence.breaks();
        let _ = self.aside.write(text.as_bytes());
    }
}
