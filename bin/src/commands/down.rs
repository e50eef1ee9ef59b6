//! `assay down`: ends the daemon in good order.

use std::time::{Duration, Instant};

use assay_peer::handle::{ConnectError, Handle, Shutdown};
use serde_json::json;

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
};

/// What a daemon has to write down what it must not forget: longer than all that it waits for itself.
const END_WAIT: Duration = Duration::from_secs(30);
/// Between two looks at whether it is gone.
const LOOK_STEP: Duration = Duration::from_millis(20);

const EXAMPLES: &str = "\
Examples:
  assay down                     end this user's daemon
  assay --home /tmp/second down  end another one";

/// End the daemon; open jobs go on when it starts again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) async fn perform(_args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let handle = match Handle::connect(&invocation.home).await {
        Ok(handle) => handle,
        Err(ConnectError::NotRunning { .. }) => {
            say(invocation, false);
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    end(handle, invocation).await?;
    say(invocation, true);
    Ok(())
}

/// Ends a daemon, and waits until it is gone.
pub(super) async fn end(handle: Handle, invocation: &Invocation) -> Result<(), CommandError> {
    handle.call(Shutdown).await?;
    drop(handle);
    let deadline = Instant::now() + END_WAIT;
    while !matches!(Handle::connect(&invocation.home).await, Err(ConnectError::NotRunning { .. })) {
        if Instant::now() > deadline {
            let message = format!("the daemon did not end within {} s", END_WAIT.as_secs());
            let hint =
                "its number stands in the file `lock` of the home; killing it loses nothing that was saved";
            return Err(CommandError::new(Exit::TimedOut, "STILL_RUNNING", message, hint));
        }
        tokio::time::sleep(LOOK_STEP).await;
    }
    Ok(())
}

fn say(invocation: &Invocation, was_running: bool) {
    invocation.printer.line(if was_running { "The daemon has ended." } else { "No daemon was running." });
    invocation.printer.document("down", &json!({ "was_running": was_running }));
}
