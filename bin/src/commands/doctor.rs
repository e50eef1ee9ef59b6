//! `assay doctor`: what is wrong with this peer, and what mends it.
//!
//! **Invariant:** it leaves everything as it was, starts no daemon and takes no lock; a rule is asked of whoever has it, and
//! none is written down here a second time.

mod home;
mod machine;
mod running;

use std::time::Duration;

use assay_peer::{
    config::Settings,
    handle::{ConnectError, Handle, ShowAccount, ShowStatus, StatusView},
};
use serde_json::json;
use tokio::time::timeout;

use super::finding::{self, Finding};
use crate::{command_error::CommandError, invocation::Invocation};

/// How long the notary may take to say what it has to say: many times as long as one does that is there.
const NOTARY_WAIT: Duration = Duration::from_secs(3);

const EXAMPLES: &str = "\
Examples:
  assay doctor                          what is wrong here, and what mends it
  assay doctor --json                   the same, for programs
  assay --home /tmp/second doctor       look at another peer
  assay doctor >/dev/null || echo sick  exit status 12 if something must be mended";

/// Look for what is wrong with this peer.
///
/// Looks at the home, the key, the journal, the disk, the clock, the ports, the sandbox and what this machine has for it,
/// with and without a running daemon, has a running one ask its notary, and changes nothing. Each finding is a line: what is
/// well, what is worth knowing, and what must be mended, with what mends it. A journal that is well is whole, and has an end
/// that the index knows of none behind.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) async fn perform(_args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    finding::tell("doctor", find(invocation).await, json!({}), invocation)
}

async fn find(invocation: &Invocation) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (status, notary) = match reach(invocation).await {
        Ok(Some((status, notary))) => (Some(status), notary),
        Ok(None) => (None, None),
        Err(failure) => {
            findings.push(Finding::problem("daemon", &failure));
            (None, None)
        }
    };
    let settings = Settings::read(&invocation.home).map_err(CommandError::from);
    let daemon = settings.as_ref().map(|settings| settings.daemon.clone()).unwrap_or_default();
    home::look(invocation, settings.as_ref().err(), &daemon, status.as_ref(), &mut findings);
    match &status {
        Some(status) => {
            // What is the matter with a file that cannot be read was said.
            let names_addresses = invocation.network().is_ok_and(|file| file.names_addresses());
            running::look(status, names_addresses, &mut findings);
        }
        None => findings.push(Finding::fine("daemon", "none runs here; `assay up` starts one")),
    }
    findings.extend(notary);
    machine::look(&daemon, &mut findings);
    findings
}

/// What the daemon says of itself, and how it finds its notary, if one runs.
async fn reach(invocation: &Invocation) -> Result<Option<(StatusView, Option<Finding>)>, CommandError> {
    let handle = match Handle::connect(&invocation.home).await {
        Ok(handle) => handle,
        Err(ConnectError::NotRunning { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let status = handle.call(ShowStatus).await?;
    let notary = if status.is_notary { None } else { Some(notary(&handle).await) };
    Ok(Some((status, notary)))
}

/// Whether the notary answers.
async fn notary(handle: &Handle) -> Finding {
    match timeout(NOTARY_WAIT, handle.call(ShowAccount::default())).await {
        Ok(Ok(_)) => Finding::fine("notary", "answers"),
        Ok(Err(refused)) => {
            let [found, mend] = CommandError::from(refused).lines().map(str::to_owned);
            Finding::warning("notary", found, mend)
        }
        Err(_) => Finding::warning(
            "notary",
            format!(
                "has not answered for {} s: nothing can be ordered or paid without it",
                NOTARY_WAIT.as_secs()
            ),
            "ask whoever keeps the network's books whether its notary runs; what was ordered goes on once it does",
        ),
    }
}
