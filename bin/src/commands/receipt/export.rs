//! `assay receipt export`: a receipt as a file, in either of its two forms.

use std::{fs, path::PathBuf};

use super::{file, show};
use crate::{
    command_error::{CommandError, Exit},
    daemon::Reach,
    invocation::Invocation,
    printer::path_text,
};

const EXAMPLES: &str = "\
Examples:
  assay receipt export 3fa29c -o seven.receipt                  of a closed job of this home, by its first digits
  assay receipt export seven.receipt --readable -o seven.json   as JSON; `assay receipt verify` takes it as well";

/// Write a receipt to a file, once it was found to hold.
///
/// The readable form is JSON that says exactly what the file says: nothing can be changed in it, added or left out.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A receipt file, or the name of a job or of a receipt, or its first digits
    #[arg(value_name = "FILE|JOB")]
    receipt: String,
    /// Write JSON for people and their programs
    #[arg(long)]
    readable: bool,
    /// Where to write it; without it, standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let bytes = show::bytes_of(&args.receipt, args.reach, invocation).await?;
    let (receipt, report) = file::judge(&bytes, &args.receipt)?;
    // What a program reads from standard output is to be JSON, if it asked for that.
    let readable = args.readable || (invocation.printer.is_json() && args.output.is_none());
    let view = readable.then(|| receipt.to_text());
    let Some(path) = &args.output else {
        match view {
            Some(view) => invocation.printer.json_file(&view),
            None => invocation.printer.file(&receipt.to_bytes()),
        }
        return Ok(());
    };
    let written = view.map_or_else(|| receipt.to_bytes(), String::into_bytes);
    fs::write(path, &written).map_err(|error| {
        let message = format!("{} cannot be written: {error}", path.display());
        CommandError::new(Exit::Usage, "FILE", message, "name another file, or leave out -o")
    })?;
    invocation.printer.document(
        "export",
        &serde_json::json!({
            "job": report.job.to_string(), "file": path_text(path), "bytes": written.len(),
            "readable": readable,
        }),
    );
    invocation.printer.line(format!("{}: {} bytes", path.display(), written.len()));
    Ok(())
}
