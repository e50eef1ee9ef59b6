//! `assay batch ls`: the batches of this home.

use serde_json::{Value, json};

use super::{home_batches, report::BatchReport};
use crate::{
    command_error::CommandError,
    invocation::Invocation,
    printer::{Table, full, short},
};

/// List the batches of this home, oldest first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assay batch ls          what was asked, and how far each is\n  assay batch ls --quiet  only their names"
)]
pub(crate) struct Args {
    /// Print only the names
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let unit = invocation.network()?.genesis.unit;
    let mut reports = Vec::new();
    for (folder, plan) in home_batches::all(invocation)? {
        match folder.log(&plan) {
            Ok(log) => reports.push(BatchReport::of(&folder, &plan, &log)),
            Err(error) => invocation.printer.note(format!("note: left out: {error}")),
        }
    }
    let documents: Vec<Value> = reports.iter().map(|report| report.document(&unit)).collect();
    invocation.printer.document("batches", &json!({ "batches": documents }));
    if args.quiet {
        reports.iter().for_each(|report| invocation.printer.line(full(report.plan.name)));
        return Ok(());
    }
    let mut table =
        Table::new(["BATCH", "INPUT", "LINES", "ANSWERED", "FAILED", "SPENT", "STATE"]).shortens(&["INPUT"]);
    for report in &reports {
        let BatchReport { plan, state, answered, failed, spent, .. } = report;
        table.row([
            short(plan.name),
            plan.input.clone(),
            plan.lines.to_string(),
            answered.to_string(),
            failed.to_string(),
            spent.to_string(),
            (*state).to_owned(),
        ]);
    }
    invocation.printer.table(&table);
    reports.iter().filter_map(BatchReport::standing).for_each(|standing| invocation.printer.note(standing));
    Ok(())
}
