//! `assay batch status`: how far a batch is.

use assay_gateway::{BatchPlan, LineLog};
use assay_peer::handle::Handle;
use assay_protocol::units::Timestamp;

use super::{home_batches, lines_under_way::LinesUnderWay, report::BatchReport};
use crate::{
    command_error::CommandError,
    invocation::Invocation,
    printer::{Table, full, local},
};

/// Show how far a batch is.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assay batch status 3fa29c         how far it is, by the first digits of its name\n  assay batch status 3fa29c --json  the same, for programs"
)]
pub(crate) struct Args {
    /// The name of a batch, or its first digits
    #[arg(value_name = "BATCH")]
    batch: String,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let unit = invocation.network()?.genesis.unit;
    let (folder, plan) = home_batches::named(invocation, &args.batch)?;
    let log = folder.log(&plan)?;
    let mut report = BatchReport::of(&folder, &plan, &log);
    if report.under_way.is_none() {
        report.under_way = asked(invocation, &plan, &log).await;
    }
    invocation.printer.document("batch", &report.document(&unit));
    let models = plan.models.keys().cloned().collect::<Vec<_>>().join(", ");
    let ceiling = plan.cost_max.map_or_else(|| "none".to_owned(), |most| format!("{most} {unit}s"));
    let mut table = Table::new(["WHAT", "HOW"]);
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    row("batch", full(plan.name));
    if let Some(label) = &plan.label {
        row("label", label.clone());
    }
    row("state", report.state.to_owned());
    let begun = u64::try_from(plan.begun.as_millisecond()).unwrap_or_default();
    row("begun", local(Timestamp(begun)));
    row("input", plan.input.clone());
    row("output", plan.output.display().to_string());
    row("models", models);
    row("lines", plan.lines.to_string());
    row("answered", report.answered.to_string());
    row("failed", report.failed.to_string());
    row("left", report.left().to_string());
    if report.left() > 0 {
        let unknown = || "not known: no daemon is running that would say".to_owned();
        row("under way", report.under_way.map_or_else(unknown, LinesUnderWay::words));
    }
    if let Some(ungathered) = report.ungathered() {
        row("not gathered", ungathered);
    }
    row("spent", format!("{} {unit}s", report.spent));
    row("ceiling", ceiling);
    invocation.printer.table(&table);
    report.standing().into_iter().for_each(|standing| invocation.printer.note(standing));
    Ok(())
}

/// What is under way, if there is a daemon that says so: to look at a batch starts none.
async fn asked(invocation: &Invocation, plan: &BatchPlan, log: &LineLog) -> Option<LinesUnderWay> {
    let handle = Handle::connect(&invocation.home).await.ok()?;
    LinesUnderWay::asked(&handle, plan, log).await.ok()
}
