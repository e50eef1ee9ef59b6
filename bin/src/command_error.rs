//! How a command fails: one line that names the thing, a second that says what to do, an exit code for scripts.
//!
//! **Invariant:** every failure that a person can see is made here or in the tables below this file; none is without a
//! hint.

mod daemon;
mod gateway;
pub(crate) mod habits;
mod hub;
mod peer;

pub(crate) use self::peer::{lost, over_day};

use std::{fmt, process::ExitCode};

use serde_json::{Value, json};

use crate::printer::short;

/// What stands in a hint for the name of a job, until that is known.
const JOB: &str = "JOB";

/// What the process says with its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Anything that has no number of its own.
    Other = 1,
    /// Bad arguments or a bad file.
    Usage = 2,
    /// The named thing does not exist.
    NotFound = 3,
    /// No key, or no permission.
    Forbidden = 4,
    /// The daemon does not run, speaks another version or runs already, as a gateway may.
    Daemon = 5,
    /// No offer matches.
    NoMatch = 6,
    /// Over the ceiling or not enough money; nothing was spent.
    Money = 7,
    /// The job failed on the provider.
    JobFailed = 8,
    /// The result is not verified.
    NotVerified = 9,
    /// Waited long enough; the job may still run.
    TimedOut = 10,
    /// Some of what was asked was done, and some was not.
    Partly = 11,
    /// Something must be mended before this peer works.
    Problem = 12,
    /// Nobody else is there.
    NoPeers = 13,
    /// Two things that were compared are not the same, or a bound does not hold.
    Different = 14,
    /// What must be the same twice was not.
    Unlike = 15,
    /// Ctrl-C.
    Interrupted = 130,
    /// Asked to end by the system.
    Terminated = 143,
}

impl Exit {
    /// Each of them.
    const ALL: [Self; 17] = [
        Self::Other,
        Self::Usage,
        Self::NotFound,
        Self::Forbidden,
        Self::Daemon,
        Self::NoMatch,
        Self::Money,
        Self::JobFailed,
        Self::NotVerified,
        Self::TimedOut,
        Self::Partly,
        Self::Problem,
        Self::NoPeers,
        Self::Different,
        Self::Unlike,
        Self::Interrupted,
        Self::Terminated,
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that did not do what it was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandError {
    exit: Exit,
    code: &'static str,
    message: String,
    hint: String,
    is_retryable: bool,
    is_told: bool,
    details: Value,
}

impl CommandError {
    /// A failure with the code that programs read, the line that names the thing and the line that says what to do.
    pub fn new(exit: Exit, code: &'static str, message: impl fmt::Display, hint: impl fmt::Display) -> Self {
        let (message, hint) = (one_line(&message.to_string()), one_line(&hint.to_string()));
        Self { exit, code, message, hint, is_retryable: false, is_told: false, details: json!({}) }
    }

    /// A failure that another process of this program had, from what it wrote of it.
    pub(crate) fn of_json(exit: &Value, error: &Value) -> Option<Self> {
        let exit = Exit::ALL.into_iter().find(|known| *exit == *known as u8)?;
        let is_letter = |letter: u8| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'_';
        let code = error["code"].as_str().filter(|code| code.bytes().all(is_letter))?;
        let (message, hint) = (error["message"].as_str()?, error["hint"].as_str()?);
        // A command fails once, so one code at most is kept for good.
        let failure = Self::new(exit, code.to_owned().leak(), message, hint).with(error["details"].clone());
        Some(Self { is_retryable: error["retryable"] == true, ..failure })
    }

    /// The same failure, with particulars for programs.
    #[must_use]
    pub fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }

    /// The same failure of this job: where its hint has JOB to be typed, the name stands there.
    #[must_use]
    pub(crate) fn of_job(self, name: impl fmt::Display) -> Self {
        let hint = self.hint.replace(JOB, &short(name));
        Self { hint, ..self }
    }

    /// The same failure, where something else is to be done about it.
    #[must_use]
    pub(crate) fn hinting(self, hint: impl fmt::Display) -> Self {
        Self { hint: one_line(&hint.to_string()), ..self }
    }

    /// The same failure, with more to say of what is the matter.
    #[must_use]
    pub(crate) fn saying(self, message: impl fmt::Display) -> Self {
        Self { message: one_line(&message.to_string()), ..self }
    }

    /// The same failure, that a script is told otherwise.
    #[must_use]
    pub(crate) fn ending(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// The same failure, of the kind that may go away by itself.
    #[must_use]
    pub fn retryable(self) -> Self {
        Self { is_retryable: true, ..self }
    }

    /// The same failure, where the same command again would do once more what may be done already.
    #[must_use]
    pub(crate) fn not_again(self) -> Self {
        Self { is_retryable: false, ..self }
    }

    /// The same failure, that was printed where it happened: what is left of it is the exit code.
    #[must_use]
    pub(crate) fn told(self) -> Self {
        Self { is_told: true, ..self }
    }

    /// Whether it was printed before.
    pub(crate) fn is_told(&self) -> bool {
        self.is_told
    }

    /// What the process ends with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The code that programs read.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The line that names the thing and the one that says what to do, as they were said: nothing is escaped yet.
    pub(crate) fn lines(&self) -> [&str; 2] {
        [&self.message, &self.hint]
    }

    /// The one document that `--json` puts on standard error.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Self { code, message, hint, is_retryable, details, .. } = self;
        json!({"error": {
            "code": code, "message": message, "hint": hint, "retryable": is_retryable, "details": details,
        }})
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "error: {}\nhint: {}", self.message, self.hint)
    }
}

/// The text without line ends, so that an error stays two lines whatever a system call or a peer had to say.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_two_lines_for_people_and_one_document_for_programs() {
        let failure =
            CommandError::new(Exit::NotFound, "NOT_FOUND", "no job\nis called 7", "run `assay job ls`");
        assert_eq!(failure.to_string(), "error: no job is called 7\nhint: run `assay job ls`");
        let error = &failure.retryable().with(json!({"job": "7"})).to_json()["error"];
        assert_eq!(error["code"], "NOT_FOUND");
        assert_eq!(error["retryable"], true);
        assert_eq!(error["details"]["job"], "7");
    }

    #[test]
    fn a_hint_has_the_name_of_its_job_in_it() {
        let failure = CommandError::new(Exit::Usage, "OVER", "it is over", "`assay job show JOB` says more");
        let [_, hint] = [failure.clone(), failure.of_job("7b51b12af3b154eb")].map(|failure| failure.hint);
        assert_eq!(hint, "`assay job show 7b51b12af3b1` says more");
    }
}
