//! What a command shows: tables for a terminal, plain lines for a pipe, one document with `--json`.
//!
//! **Invariant:** results go to standard output and nothing else does; progress, notes and errors go to standard error.
//! With `--json`, standard output gets exactly one document.

mod table;
mod value;

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

pub(crate) use self::table::Table;
pub(crate) use self::value::{ago, full, moment, money, rate, short};
use crate::command_error::{CommandError, Exit};

/// Between two pictures of a spinner.
const SPINNER_STEP: Duration = Duration::from_millis(100);

/// How a piece of text stands out on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Important.
    Bold,
    /// Beside the point.
    Dim,
    /// Good.
    Green,
    /// Bad.
    Red,
    /// Surprising.
    Yellow,
}

/// Where a command writes.
#[derive(Debug)]
pub struct Printer {
    is_json: bool,
    is_terminal: bool,
    has_colour: bool,
    is_lost: AtomicBool,
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
        let is_terminal = io::stdout().is_terminal();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { is_json, is_terminal, has_colour: is_terminal && !refused, is_lost: AtomicBool::new(false) }
    }

    /// True if one document is wanted and nothing else.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// True if colours may be used.
    #[must_use]
    pub fn has_colour(&self) -> bool {
        self.has_colour
    }

    /// The one document of a command; without `--json`, nothing.
    pub fn document<T: Serialize>(&self, noun: &str, body: &T) {
        if !self.is_json {
            return;
        }
        let document = Document { schema: format!("assay.{noun}/1"), body };
        match serde_json::to_string_pretty(&document) {
            Ok(text) => self.write(text.as_bytes(), true),
            Err(error) => unreachable!("documents have text for keys: {error}"),
        }
    }

    /// A line of the result; with `--json`, nothing.
    pub fn line(&self, text: impl Display) {
        if !self.is_json {
            self.write(text.to_string().as_bytes(), true);
        }
    }

    /// The result as it is.
    pub fn bytes(&self, bytes: &[u8]) {
        if !self.is_json {
            self.write(bytes, false);
        }
    }

    /// A file on standard output: as it is, with `--json` as well.
    pub(crate) fn file(&self, bytes: &[u8]) {
        self.write(bytes, false);
    }

    /// Rows of a result; with `--json`, nothing.
    pub(crate) fn table(&self, table: &Table) {
        if self.is_json {
            return;
        }
        let text = if self.is_terminal {
            table.aligned(|head| self.paint(Paint::Bold, head))
        } else {
            table.plain()
        };
        self.write(text.as_bytes(), false);
    }

    /// Rows that line up even in a pipe, for a story; with `--json`, nothing.
    pub(crate) fn aligned(&self, table: &Table, indent: &str) {
        if self.is_json {
            return;
        }
        for line in table.aligned(|head| self.paint(Paint::Bold, head)).lines() {
            self.line(format!("{indent}{line}"));
        }
    }

    /// Something to know beside the result; with `--json`, nothing.
    pub fn note(&self, text: impl Display) {
        if !self.is_json {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Something that takes a while. Only a terminal shows it.
    #[must_use]
    pub fn spinner(&self, text: impl Display) -> ProgressBar {
        if self.is_json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(SPINNER_STEP);
        bar.set_message(text.to_string());
        bar
    }

    /// The text with colour, where there is any.
    #[must_use]
    pub fn paint(&self, paint: Paint, text: impl Display) -> String {
        let code = match paint {
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Green => 32,
            Paint::Red => 31,
            Paint::Yellow => 33,
        };
        if self.has_colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    /// Shows a failure.
    pub fn failure(&self, failure: &CommandError) {
        let text = if self.is_json { failure.to_json().to_string() } else { failure.to_string() };
        let _ = writeln!(io::stderr(), "{text}");
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

    fn write(&self, bytes: &[u8], is_line: bool) {
        let end: &[u8] = if is_line { b"\n" } else { b"" };
        let mut out = io::stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.write_all(end)).and_then(|()| out.flush());
        if written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
            self.is_lost.store(true, Ordering::Relaxed);
        }
    }
}
