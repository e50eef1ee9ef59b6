//! `assay version`: which program this is, and what it understands.

use assay_peer::handle::HANDLE_VERSION;
use assay_protocol::codec;
use serde_json::json;

use crate::{command_error::CommandError, invocation::Invocation};

const EXAMPLES: &str = "\
Examples:
  assay version         which one this is
  assay version --json  the same, for programs";

/// Print which program this is, and which others it understands.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) fn perform(_args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (version, system) =
        (env!("CARGO_PKG_VERSION"), format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    let (wire, handle) = (codec::VERSION, HANDLE_VERSION);
    let is_optimised = !cfg!(debug_assertions);
    invocation.printer.document(
        "version",
        &json!({
            "version": version, "wire": wire, "daemon": handle, "system": system, "is_optimised": is_optimised,
        }),
    );
    invocation.printer.line(format!("assay {version}"));
    invocation
        .printer
        .line(format!("speaks with peers of wire {wire} and daemons of version {handle}, on {system}"));
    if !is_optimised {
        invocation.printer.line("built to be tested: models run many times slower than built with --release");
    }
    Ok(())
}
