//! One thing that was looked at, and how it was found; and what is told of many of them.
//!
//! **Invariant:** whatever is not well says what mends it.

use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{Paint, Styled},
};

/// Characters of the column that says how something was found.
const SEVERITY_CHARS: usize = 8;

/// How something was found, the least urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// As it should be.
    Fine,
    /// Worth knowing: the peer works.
    Warning,
    /// The peer does not work, or not for long.
    Problem,
}

impl Severity {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) about: &'static str,
    pub(crate) severity: Severity,
    pub(crate) found: String,
    pub(crate) mend: Option<String>,
    /// What a command that meets it fails with.
    pub(crate) code: Option<&'static str>,
}

impl Finding {
    pub(crate) fn fine(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, severity: Severity::Fine, found: found.into(), mend: None, code: None }
    }

    pub(crate) fn warning(about: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        let (found, mend) = (found.into(), Some(mend.into()));
        Self { about, severity: Severity::Warning, found, mend, code: None }
    }

    /// What stops a command, in that command's words.
    pub(crate) fn problem(about: &'static str, failure: &CommandError) -> Self {
        let [found, mend] = failure.lines().map(str::to_owned);
        Self { about, severity: Severity::Problem, found, mend: Some(mend), code: Some(failure.code()) }
    }

    pub(crate) fn to_json(&self) -> Value {
        let Self { about, severity, found, mend, code } = self;
        json!({ "about": about, "severity": severity.word(), "found": found, "mend": mend, "code": code })
    }
}

/// Tells what was found, the most urgent last, and fails if anything must be mended.
pub(crate) fn tell(
    noun: &str,
    findings: Vec<Finding>,
    more: Value,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let findings = sorted(findings);
    for finding in &findings {
        let (severity, text) = line(finding);
        invocation.printer.hanging(severity, SEVERITY_CHARS, &text);
    }
    let problems = count(&findings, Severity::Problem);
    invocation.printer.document(noun, &document(findings, more));
    if problems == 0 {
        return Ok(());
    }
    let what = if problems == 1 { "one problem was".to_owned() } else { format!("{problems} problems were") };
    let command = noun.replace('-', " ");
    let hint = format!("mend the first problem and run `assay {command}` again: some come of others");
    let failure = CommandError::new(Exit::Problem, "PROBLEMS", format!("{what} found"), hint);
    Err(failure.with(json!({ "problems": problems })))
}

/// The most urgent last. Within a group they stand in the order in which they were looked for.
fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// What was found, for programs, and what else there is to say.
pub(crate) fn document(findings: Vec<Finding>, more: Value) -> Value {
    let findings = sorted(findings);
    let mut document = json!({
        "findings": findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        "warnings": count(&findings, Severity::Warning), "problems": count(&findings, Severity::Problem),
    });
    if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
        document.extend(more);
    }
    document
}

/// How it was found, and what.
fn line(finding: &Finding) -> (Styled, String) {
    let paint = match finding.severity {
        Severity::Fine => Paint::Green,
        Severity::Warning => Paint::Yellow,
        Severity::Problem => Paint::Red,
    };
    let mends = finding.mend.as_ref().map(|mend| format!("; to mend it: {mend}")).unwrap_or_default();
    let severity = paint.on(format!("{:<SEVERITY_CHARS$}", finding.severity.word()));
    (severity, format!("{}: {}{mends}", finding.about, finding.found))
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}
