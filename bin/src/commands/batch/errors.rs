//! `assay batch errors`: the lines of a batch that failed, and why.

use serde_json::{Value, json};

use super::home_batches;
use crate::{
    command_error::CommandError,
    invocation::Invocation,
    printer::{Table, full},
};

/// List the lines of a batch that failed, and why.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assay batch errors 3fa29c         what failed, by the first digits of its name\n  assay batch errors 3fa29c --json  the same, for programs"
)]
pub(crate) struct Args {
    /// The name of a batch, or its first digits
    #[arg(value_name = "BATCH")]
    batch: String,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (folder, plan) = home_batches::named(invocation, &args.batch)?;
    let (log, lines) = (folder.log(&plan)?, folder.lines(&plan)?);
    let mut table = Table::new(["LINE", "CUSTOM ID", "STATUS", "CODE", "WHY"]);
    let mut documents = Vec::new();
    for (line, state) in log.lines().iter().enumerate() {
        let Some(failure) = state.end.as_ref().and_then(|end| end.failure.as_ref()) else { continue };
        let Some(result) = folder.result(&log, line)? else { continue };
        let text = |pointer: &str| {
            let value = result.answer.pointer(pointer);
            value
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                .unwrap_or_default()
        };
        let (name, status, why) =
            (text("/custom_id"), text("/response/status_code"), text("/response/body/error/message"));
        documents.push(json!({
            "line": lines.number(line), "custom_id": name, "status_code": result.answer.pointer("/response/status_code"),
            "error_code": failure, "message": why, "submission": result.answer.pointer("/response/request_id").and_then(Value::as_str),
        }));
        table.row([lines.number(line).to_string(), name, status, failure.clone(), why]);
    }
    invocation.printer.document("batch-errors", &json!({ "batch": full(plan.name), "errors": documents }));
    invocation.printer.table(&table);
    Ok(())
}
