//! `assay batch rm`: forgets a batch.

use serde_json::json;

use super::{home_batches, report::BatchReport};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{full, number_of, short, verb},
};

/// Forget a batch: its lines and answers in this home, and no file of yours.
///
/// Its jobs and their receipts stay, and the daemon remembers some thousand of them: the same lines come to the same jobs if they
/// are handed in again with the same --max-tokens, as far as it does. With another --label they are ordered anew.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assay batch rm 3fa29c          one that is done, by the first digits of its name\n  assay batch rm 3fa29c --force  one that is not"
)]
pub(crate) struct Args {
    /// The name of a batch, or its first digits
    #[arg(value_name = "BATCH")]
    batch: String,
    /// Forget it though lines of it are left
    #[arg(long)]
    force: bool,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (folder, plan) = home_batches::named(invocation, &args.batch)?;
    let _lock = folder.lock(plan.name).await?;
    let report = BatchReport::at_rest(&folder, &plan, &folder.log(&plan)?);
    let name = short(plan.name);
    if report.left() > 0 && !args.force {
        let (lines, are) = (number_of(report.left(), "line"), verb(report.left(), "is", "are"));
        let message = format!("{lines} of the batch {name} {are} left");
        let hint = format!(
            "`assay batch resume {name}` goes on with them; --force forgets them, and what was ordered of them"
        );
        return Err(CommandError::new(Exit::Usage, "NOT_OVER", message, hint));
    }
    folder.remove()?;
    invocation.printer.document("batch-removed", &json!({ "batch": full(plan.name) }));
    invocation.printer.line(format!("batch {name} is forgotten; its jobs and receipts stay"));
    Ok(())
}
