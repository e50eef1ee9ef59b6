//! What a daemon says while it runs: a line for each thing that its owner may want to know.
//!
//! A line is made where something happens and written by a thread of its own; between them stands a queue with a bound.
//! What strangers can have said again and again is said once a minute for each of them, and counted. What libraries say
//! is counted alone, unless `ASSAY_LOG` asks for it.
//!
//! **Invariant:** nothing waits for the log and nothing ends by it: a disk that is full, a pipe that nobody reads or that
//! is closed costs lines, which are counted. In the home it never takes more than two files of [`LOG_BYTES_MAX`].

mod lines;
pub(crate) mod log_reader;
mod quota;
mod rotated;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use assay_peer::{clock, config::Home};
use assay_protocol::units::Timestamp;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{EnvFilter, Layer, layer::Context, layer::SubscriberExt, util::SubscriberInitExt};

use self::{
    lines::{Lines, LogSink},
    quota::{Admission, LogQuota},
    rotated::Rotated,
};
use crate::printer::{called, field, number_of, short};

/// What is logged where `ASSAY_LOG` says nothing.
const LOGGED: &str = "warn,assay_peer=info,assay_cli=info";
/// Where `ASSAY_LOG` is looked for.
const VARIABLE: &str = "ASSAY_LOG";
/// What the targets of our own crates begin with.
const OWN: &str = "assay";
/// Bytes of one log file in the home.
const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Characters of a line's words, and of the value of one field.
const WORDS_CHARS_MAX: usize = 300;
/// How long an ending daemon waits for its last lines: long where a machine is busy, which is when somebody wants to read them.
const END_WAIT: Duration = Duration::from_secs(3);

/// The log of a daemon; ended, it has written what it could.
pub(crate) struct Log(Lines);

impl Log {
    /// Begins to log: into the log of the home, if that is where standard error goes, else to standard error itself.
    pub(crate) fn begin(home: &Home) -> Self {
        let asked = EnvFilter::try_from_env(VARIABLE).ok();
        let quota = Arc::new(Mutex::new(LogQuota::new(asked.is_some(), Instant::now())));
        let sink = Rotated::here(&home.log(), LOG_BYTES_MAX).map_or(LogSink::Stderr, LogSink::File);
        let held = Arc::clone(&quota);
        let stamp = sink.stamp();
        let lines = Lines::start(sink, move || summary(&mut lock(&held).sweep(Instant::now()), stamp));
        let layer = LogLayer { quota, lines: lines.clone(), stamp };
        let filter = asked.unwrap_or_else(|| EnvFilter::new(LOGGED));
        // Another subscriber is there already only where this runs inside a test.
        let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
        Self(lines)
    }

    /// Waits a moment for what is still to be written.
    pub(crate) fn end(self) {
        self.0.flush(END_WAIT);
    }
}

/// How the time of a line is written.
type LineTime = fn(Timestamp) -> String;

struct LogLayer {
    quota: Arc<Mutex<LogQuota>>,
    lines: Lines,
    stamp: LineTime,
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        let mut words = Words::default();
        event.record(&mut words);
        let verdict = lock(&self.quota).admit(meta, is_own(meta), &words.message, &words.subject);
        if verdict == Admission::Say {
            self.lines.push(line(self.stamp, *meta.level(), &words.text()));
        }
    }
}

fn is_own(meta: &Metadata<'_>) -> bool {
    meta.target().starts_with(OWN)
}

fn lock(quota: &Mutex<LogQuota>) -> MutexGuard<'_, LogQuota> {
    quota.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was held back, as lines.
fn summary(held: &mut Vec<quota::HeldBack>, stamp: LineTime) -> Vec<String> {
    let lines = held.drain(..).map(|held| {
        let whose = if held.subject.is_empty() { String::new() } else { format!(" (of {})", held.subject) };
        let times = number_of(held.times, "time");
        line(stamp, held.level, &format!("{times} more: {}{whose}", held.message))
    });
    lines.collect()
}

/// A line of the log.
fn line(stamp: LineTime, level: Level, words: &str) -> String {
    let level = match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    };
    format!("{}  {level:5}  {words}\n", stamp(clock::wall()))
}

/// The words of an event, and who it is about.
#[derive(Default)]
struct Words {
    message: String,
    details: Vec<String>,
    subject: String,
    /// The job that it is about, if one.
    job: Option<String>,
}

impl Words {
    fn text(&self) -> String {
        let about = self.job.as_ref().map(|job| format!("job {job}: ")).unwrap_or_default();
        match self.details.as_slice() {
            [] => format!("{about}{}", self.message),
            details => format!("{about}{} ({})", self.message, details.join(", ")),
        }
    }

    fn note(&mut self, name: &str, value: &str) {
        match name {
            "message" => self.message = field(value, WORDS_CHARS_MAX),
            // As it is called where its events are told.
            "job" => self.job = Some(short(field(value, WORDS_CHARS_MAX))),
            // What the `log` crate's events say of where they come from.
            name if name.starts_with("log.") => {}
            name => {
                if matches!(name, "from" | "peer") {
                    self.subject = called(value);
                }
                self.details.push(format!("{} {}", name.replace('_', " "), field(value, WORDS_CHARS_MAX)));
            }
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.note(field.name(), &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::moment;

    #[test]
    fn a_line_reads_as_a_sentence_and_takes_nothing_of_strangers_for_its_own() {
        let mut words = Words::default();
        words.note("message", "a peer sent what is no message");
        words.note("from", "3fa2");
        words.note("error", "at \x1b[2J\n2026-01-01T00:00:00.000Z  info  all is well");
        let text = line(moment, Level::WARN, &words.text());
        assert!(text[..24].ends_with('Z'), "{text}");
        assert_eq!(
            &text[24..],
            "  warn   a peer sent what is no message (from 3fa2, error at \\u{1b}[2J\\n2026-01-01T00:00:00.000Z  \
             info  all is well)\n"
        );
        assert_eq!(words.subject, "3fa2");
    }

    #[test]
    fn a_job_stands_in_front_by_the_name_that_its_events_have() {
        let mut words = Words::default();
        words.note("message", "a run failed");
        words.note("job", &"3f".repeat(32));
        words.note("failure", "out of fuel");
        assert_eq!(words.text(), "job 3f3f3f3f3f3f: a run failed (failure out of fuel)");
    }
}
