//! `assay doctor`: what is wrong with this peer, and what mends it.
//!
//! **Invariant:** it changes nothing, starts no daemon and takes no lock; a rule is asked of whoever has it, and none is
//! written down here a second time.

mod finding;
mod home;
mod machine;
mod running;

use assay_peer::{
    config::Settings,
    handle::{ConnectError, Handle, ShowStatus, StatusView},
};
use serde_json::{Value, json};

use self::finding::{Finding, Severity};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{Paint, Styled},
};

const EXAMPLES: &str = "\
Examples:
  assay doctor                          what is wrong here, and what mends it
  assay doctor --json                   the same, for programs
  assay --home /tmp/second doctor       look at another peer
  assay doctor >/dev/null || echo sick  exit status 12 if something must be mended";

/// Look for what is wrong with this peer.
///
/// Looks at the home, the key, the journal, the disk, the clock, the ports, the sandbox and what this machine has for it,
/// with and without a running daemon, and changes nothing. Each finding is a line: what is well, what is worth knowing, and
/// what must be mended, with what mends it. A journal that is well is whole, and has an end that the index knows of none
/// behind.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) async fn perform(_args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let mut findings = find(invocation).await;
    // Stable, so that within a group they stand in the order in which they were looked for.
    findings.sort_by_key(|finding| finding.severity);
    for finding in &findings {
        invocation.printer.line(line(finding));
    }
    invocation.printer.document("doctor", &document(&findings));
    let problems = count(&findings, Severity::Problem);
    if problems == 0 {
        return Ok(());
    }
    let what = if problems == 1 { "one problem was".to_owned() } else { format!("{problems} problems were") };
    let hint = "mend the first of them and run `assay doctor` again: some come of others";
    let failure = CommandError::new(Exit::Problem, "PROBLEMS", format!("{what} found"), hint);
    Err(failure.with(json!({ "problems": problems })))
}

async fn find(invocation: &Invocation) -> Vec<Finding> {
    let mut findings = Vec::new();
    let status = match reach(invocation).await {
        Ok(status) => status,
        Err(failure) => {
            findings.push(Finding::problem("daemon", &failure));
            None
        }
    };
    let settings = Settings::read(&invocation.home).map_err(CommandError::from);
    let daemon = settings.as_ref().map(|settings| settings.daemon.clone()).unwrap_or_default();
    home::look(invocation, settings.as_ref().err(), &daemon, status.as_ref(), &mut findings);
    match &status {
        Some(status) => running::look(status, &mut findings),
        None => findings.push(Finding::fine("daemon", "none runs here; `assay up` starts one")),
    }
    machine::look(&daemon, &mut findings);
    findings
}

/// What the daemon says of itself, if one runs.
async fn reach(invocation: &Invocation) -> Result<Option<StatusView>, CommandError> {
    match Handle::connect(&invocation.home).await {
        Ok(handle) => Ok(Some(handle.call(ShowStatus).await?)),
        Err(ConnectError::NotRunning { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn line(finding: &Finding) -> Styled {
    let paint = match finding.severity {
        Severity::Fine => Paint::Green,
        Severity::Warning => Paint::Yellow,
        Severity::Problem => Paint::Red,
    };
    let mends = finding.mend.as_ref().map(|mend| format!("; to mend it: {mend}")).unwrap_or_default();
    paint
        .on(format!("{:<8}", finding.severity.word()))
        .and(format!("{}: ", finding.about))
        .and(finding.found.as_str())
        .and(mends)
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

fn document(findings: &[Finding]) -> Value {
    json!({
        "findings": findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        "warnings": count(findings, Severity::Warning),
        "problems": count(findings, Severity::Problem),
    })
}
