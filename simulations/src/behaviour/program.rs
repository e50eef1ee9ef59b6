//! A program that decides for peers: it is asked one line of JSON at a time and answers each with one.
//!
//! **Invariant:** what it answers is bounded in time and size, and stands in its digest; a program that ends, is late or says
//! what cannot be understood is asked nothing more, and the run that it is part of ends with that as its error.
//!
//! Beside the time that an answer may take nothing here looks at a clock, and that decides whether there is a result, never
//! which one.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    thread,
    time::Duration,
};

use assay_protocol::{codec, id::Digest};
use serde_json::{Value, json};

/// Bytes of the longest line that a program may answer.
const LINE_BYTES_MAX: u64 = 1 << 16;
/// Bytes of what a program said last beside its answers that are kept for its error.
const COMPLAINT_BYTES: usize = 400;
/// How long one that has ended may take to say why.
const COMPLAINT_WAIT: Duration = Duration::from_secs(5);
/// Whatever a program does with sets and dictionaries, it does each time.
const FIXED: (&str, &str) = ("PYTHONHASHSEED", "0");

/// Why a program decides nothing more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrategyFailure {
    /// There is no such program, or it may not be run.
    #[error("it does not start: {0}")]
    NotStarted(String),
    /// It ended.
    #[error("it ended when it was asked at `{at}`{said}")]
    Ended {
        /// The place that it was asked at.
        at: String,
        /// What it said last beside its answers, behind a colon.
        said: String,
    },
    /// It took too long.
    #[error("it did not answer at `{at}` within {} ms", .within.as_millis())]
    Late {
        /// The place that it was asked at.
        at: String,
        /// How long it may take.
        within: Duration,
    },
    /// It answered too much.
    #[error("its line at `{at}` is longer than {LINE_BYTES_MAX} bytes")]
    TooLong {
        /// The place that it was asked at.
        at: String,
    },
    /// It answered something else than it was asked.
    #[error("at `{at}` it answers {answer}, where it should {expected}")]
    Unreadable {
        /// The place that it was asked at.
        at: String,
        /// Its answer.
        answer: String,
        /// What would be right.
        expected: String,
    },
}

/// A program that runs.
#[derive(Debug)]
pub struct StrategyProgram {
    child: Child,
    asks: SyncSender<String>,
    answers: Receiver<Vec<u8>>,
    complaint: Receiver<String>,
    within: Duration,
    asked: u64,
    digest: Digest,
    failure: Option<StrategyFailure>,
}

impl StrategyProgram {
    /// Starts a program: its file and what it is given.
    ///
    /// # Errors
    /// [`StrategyFailure::NotStarted`].
    pub fn start(words: &[String], within: Duration) -> Result<Self, StrategyFailure> {
        let not_started = |why: &str| StrategyFailure::NotStarted(why.to_owned());
        let Some((program, given)) = words.split_first() else { return Err(not_started("it has no name")) };
        let mut command = Command::new(program);
        command.args(given).env(FIXED.0, FIXED.1);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| not_started(&format!("{program}: {error}")))?;
        let (Some(into), Some(out), Some(beside)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(not_started("nobody can speak to it"));
        };
        let ((asks, asked), (say, answers)) = (sync_channel(1), sync_channel(1));
        let (complain, complaint) = sync_channel(1);
        thread::spawn(move || speak(into, &asked));
        thread::spawn(move || listen(out, &say));
        thread::spawn(move || overhear(beside, &complain));
        let digest = codec::digest("strategy", &words);
        Ok(Self { child, asks, answers, complaint, within, asked: 0, digest, failure: None })
    }

    /// Asks at a place, and returns the answer; nothing once the program has failed.
    pub fn ask(&mut self, at: &'static str, mut question: Value) -> Value {
        if self.failure.is_some() {
            return Value::Null;
        }
        self.asked += 1;
        question["at"] = json!(at);
        question["number"] = json!(self.asked);
        match self.exchange(at, &question) {
            Ok(answer) => answer,
            Err(failure) => {
                self.failure = Some(failure);
                Value::Null
            }
        }
    }

    /// An answer cannot be understood: nothing more is asked.
    pub fn refuse(&mut self, at: &str, answer: &Value, expected: &str) {
        let (at, answer, expected) = (at.to_owned(), shortened(&answer.to_string()), expected.to_owned());
        self.failure.get_or_insert(StrategyFailure::Unreadable { at, answer, expected });
    }

    /// Why nothing more is asked.
    #[must_use]
    pub fn failure(&self) -> Option<&StrategyFailure> {
        self.failure.as_ref()
    }

    /// Stands for everything that was asked and answered.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    fn exchange(&mut self, at: &str, question: &Value) -> Result<Value, StrategyFailure> {
        let line = format!("{question}\n");
        let late = || StrategyFailure::Late { at: at.to_owned(), within: self.within };
        match self.asks.try_send(line.clone()) {
            Ok(()) => {}
            // It answered what it has not read, and does not read on.
            Err(TrySendError::Full(_)) => return Err(late()),
            Err(TrySendError::Disconnected(_)) => return Err(self.ended(at)),
        }
        let answer = match self.answers.recv_timeout(self.within) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => return Err(late()),
            Err(RecvTimeoutError::Disconnected) => return Err(self.ended(at)),
        };
        if answer.len() as u64 > LINE_BYTES_MAX {
            return Err(StrategyFailure::TooLong { at: at.to_owned() });
        }
        self.digest = codec::digest("strategy", &(self.digest, &line, &answer));
        let unreadable = || StrategyFailure::Unreadable {
            at: at.to_owned(),
            answer: shortened(&String::from_utf8_lossy(&answer)),
            expected: format!("answer {{\"number\": {}, \"answer\": …}}", self.asked),
        };
        let mut read: Value = serde_json::from_slice(&answer).map_err(|_| unreadable())?;
        let numbered = read.get("number").and_then(Value::as_u64) == Some(self.asked);
        match read.get_mut("answer") {
            Some(answer) if numbered => Ok(answer.take()),
            Some(_) | None => Err(unreadable()),
        }
    }

    fn ended(&self, at: &str) -> StrategyFailure {
        let said = self.complaint.recv_timeout(COMPLAINT_WAIT).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let said = if last.is_empty() { String::new() } else { format!(": {}", shortened(last)) };
        StrategyFailure::Ended { at: at.to_owned(), said }
    }
}

impl Drop for StrategyProgram {
    /// A program that nobody asks any more is ended.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks line by line, until there is none or nobody hears it. A program that does not read holds up nobody but this.
fn speak(mut into: ChildStdin, asked: &Receiver<String>) {
    while let Ok(line) = asked.recv() {
        if into.write_all(line.as_bytes()).and_then(|()| into.flush()).is_err() {
            return;
        }
    }
}

/// Hands on line by line, until there is none or nobody wants it.
fn listen(out: ChildStdout, say: &SyncSender<Vec<u8>>) {
    let mut out = BufReader::new(out);
    loop {
        let mut line = Vec::new();
        let read = out.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line);
        if read.is_ok_and(|bytes| bytes > 0) && say.send(line).is_ok() {
            continue;
        }
        return;
    }
}

/// Keeps what a program says last beside its answers.
fn overhear(mut beside: ChildStderr, complain: &SyncSender<String>) {
    let (mut last, mut piece) = (VecDeque::<u8>::new(), [0; 512]);
    while let Ok(bytes @ 1..) = beside.read(&mut piece) {
        last.extend(piece.iter().take(bytes).copied());
        let over = last.len().saturating_sub(COMPLAINT_BYTES);
        last.drain(..over);
    }
    let last: Vec<u8> = last.into_iter().collect();
    let _ = complain.send(String::from_utf8_lossy(&last).into_owned());
}

/// What of a line stands in an error.
fn shortened(line: &str) -> String {
    let line = line.trim_end();
    let short: String =
        line.chars().take(120).map(|letter| if letter.is_control() { '?' } else { letter }).collect();
    if short.chars().count() < line.chars().count() { format!("{short}…") } else { short }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> StrategyProgram {
        let words = ["sh", "-c", script].map(str::to_owned);
        StrategyProgram::start(&words, Duration::from_secs(240)).unwrap()
    }

    fn failure(script: &str) -> String {
        let mut program = shell(script);
        let answer = program.ask("accept", json!({ "peer": 0 }));
        assert_eq!(answer, Value::Null);
        assert_eq!(program.ask("accept", json!({ "peer": 0 })), Value::Null, "nothing more is asked");
        program.failure().unwrap().to_string()
    }

    /// Says yes to everything.
    const YES: &str =
        r#"n=0; while read -r line; do n=$((n+1)); echo "{\"number\": $n, \"answer\": true}"; done"#;

    #[test]
    fn a_program_is_asked_line_by_line_and_its_answers_are_in_its_digest() {
        let digest = |questions: &[u64]| {
            let mut program = shell(YES);
            for peer in questions {
                assert_eq!(program.ask("accept", json!({ "peer": peer })), json!(true));
            }
            assert_eq!(program.failure(), None);
            program.digest()
        };
        assert_eq!(digest(&[1, 2]), digest(&[1, 2]));
        assert_ne!(digest(&[1, 2]), digest(&[2, 1]));
        assert_ne!(digest(&[1, 2]), digest(&[1]));
    }

    #[test]
    fn whatever_goes_wrong_with_a_program_is_told_once_and_nothing_more_is_asked() {
        assert_eq!(
            failure("read -r line; echo first >&2; echo 'no such file' >&2; exit 3"),
            "it ended when it was asked at `accept`: no such file"
        );
        assert_eq!(failure("exit 0"), "it ended when it was asked at `accept`");
        assert_eq!(
            failure("read -r line; echo hello; read -r line"),
            "at `accept` it answers hello, where it should answer {\"number\": 1, \"answer\": …}"
        );
        assert!(
            failure("read -r line; echo '{\"number\": 2, \"answer\": true}'; read -r line")
                .contains("answers")
        );
        assert_eq!(
            failure("read -r line; head -c 70000 /dev/zero | tr '\\0' x; echo; read -r line"),
            "its line at `accept` is longer than 65536 bytes"
        );
        let missing = StrategyProgram::start(&["/nowhere/to/be/found".to_owned()], Duration::from_secs(1));
        assert!(missing.unwrap_err().to_string().starts_with("it does not start: /nowhere/to/be/found: "));
    }

    #[test]
    fn a_program_that_does_not_answer_is_given_up() {
        let words = ["sh", "-c", "exec sleep 600"].map(str::to_owned);
        let mut program = StrategyProgram::start(&words, Duration::from_millis(10)).unwrap();
        assert_eq!(program.ask("run", json!({})), Value::Null);
        assert_eq!(program.failure().unwrap().to_string(), "it did not answer at `run` within 10 ms");
    }

    #[test]
    fn a_program_that_answers_without_reading_is_given_up() {
        let words =
            ["sh", "-c", r#"n=0; while :; do n=$((n+1)); echo "{\"number\": $n, \"answer\": 1}"; done"#];
        let mut program = StrategyProgram::start(&words.map(str::to_owned), Duration::from_secs(60)).unwrap();
        // More than anything between two programs holds.
        let question = json!({ "words": "x".repeat(1 << 20) });
        for _ in 0..3 {
            program.ask("run", question.clone());
        }
        let failure = program.failure().unwrap().to_string();
        assert_eq!(failure, "it did not answer at `run` within 60000 ms");
    }

    #[test]
    fn an_answer_that_is_none_is_refused_with_what_would_be_right() {
        let mut program = shell(YES);
        let answer = program.ask("run", json!({}));
        program.refuse("run", &answer, "be one of honest, noise");
        assert_eq!(
            program.failure().unwrap().to_string(),
            "at `run` it answers true, where it should be one of honest, noise"
        );
    }
}
