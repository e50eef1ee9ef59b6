//! `assay doctor`: what is wrong with this peer, and what mends it.
//!
//! **Invariant:** it changes nothing, starts no daemon and takes no lock; a rule is asked of whoever has it, and none is
//! written down here a second time.

mod home;
mod machine;
mod running;

use assay_peer::{
    config::Settings,
    handle::{ConnectError, Handle, ShowStatus, StatusView},
};
use serde_json::json;

use super::finding::{self, Finding};
use crate::{command_error::CommandError, invocation::Invocation};

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
    finding::tell("doctor", find(invocation).await, json!({}), invocation)
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
