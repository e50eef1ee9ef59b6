//! One thing that was looked at, and how it was found.
//!
//! **Invariant:** whatever is not well says what mends it.

use serde_json::{Value, json};

use crate::command_error::CommandError;

/// How something was found, the least urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// As it should be.
    Fine,
    /// Worth knowing: the peer works.
    Warning,
    /// The peer does not work, or not for long.
    Problem,
}

impl Severity {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) about: &'static str,
    pub(super) severity: Severity,
    pub(super) found: String,
    pub(super) mend: Option<String>,
    /// What a command that meets it fails with.
    pub(super) code: Option<&'static str>,
}

impl Finding {
    pub(super) fn fine(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, severity: Severity::Fine, found: found.into(), mend: None, code: None }
    }

    pub(super) fn warning(about: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        let (found, mend) = (found.into(), Some(mend.into()));
        Self { about, severity: Severity::Warning, found, mend, code: None }
    }

    /// What stops a command, in that command's words.
    pub(super) fn problem(about: &'static str, failure: &CommandError) -> Self {
        let [found, mend] = failure.lines().map(str::to_owned);
        Self { about, severity: Severity::Problem, found, mend: Some(mend), code: Some(failure.code()) }
    }

    pub(super) fn to_json(&self) -> Value {
        let Self { about, severity, found, mend, code } = self;
        json!({ "about": about, "severity": severity.word(), "found": found, "mend": mend, "code": code })
    }
}
