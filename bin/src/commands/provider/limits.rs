//! `assay provider limits`: how much this peer takes on at the same time.

use assay_peer::handle::{ChangeLimits, Limited, LimitsView, ModelAllowance, ShowLimits};
use serde_json::{Value, json};

use super::allowance::{allowance_documents, allowed, raised};
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Printer, Table, called, verb},
};

const EXAMPLES: &str = "\
Examples:
  assay provider limits            how many jobs are taken on at the same time
  assay provider limits --slots 2  no more than two from now on";

/// Show how many jobs are taken on at the same time, or change it.
///
/// What is said holds at once. Jobs that have begun go on, also where they are more than may be from now on. Devices share
/// what is said.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Jobs that run at the same time from now on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    slots: Option<u16>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let printer = &invocation.printer;
    let Some(slots) = args.slots else {
        let limits = daemon.call(ShowLimits).await?;
        show(&limits, printer);
        tell_of_allowances(&limits.allowances, daemon.unit(), printer);
        printer.document("limits", &document(&limits, None, daemon.unit()));
        return Ok(());
    };
    let Limited { before, now } = daemon.call(ChangeLimits { slots }).await?;
    let jobs = jobs(now.slots.into());
    printer.line(match now.slots == before {
        true => format!("{jobs} at a time, as before"),
        false => format!("{jobs} at a time, {before} before"),
    });
    if now.running > u64::from(now.slots) {
        let goes_on = verb(now.running, "runs still, and goes on", "run still, and go on");
        printer.note(format!("{} {goes_on}", now.running));
    }
    tell_of_slots(&now, printer);
    tell_of_allowances(&now.allowances, daemon.unit(), printer);
    printer.document("limits", &document(&now, Some(before), daemon.unit()));
    Ok(())
}

fn show(limits: &LimitsView, printer: &Printer) {
    let mut table = Table::new(["DEVICE", "SLOTS"]);
    for shared in &limits.devices {
        table.row([called(&shared.device), shared.slots.to_string()]);
    }
    printer.table(&table);
    let run = verb(limits.running, "runs", "run");
    printer.note(format!("{} of {} {run} now", limits.running, limits.slots));
    tell_of_slots(limits, printer);
}

/// Says where more is taken on than can run.
pub(in crate::commands) fn tell_of_slots(limits: &LimitsView, printer: &Printer) {
    let (slots, workers) = (limits.slots, limits.workers);
    if u64::from(slots) > workers {
        printer.note(format!(
            "note: {workers} of {slots} can run at a time here (daemon.workers); the others wait, and may be too late"
        ));
    }
}

/// Says how many of them the notary allows, and what raises that.
pub(in crate::commands) fn tell_of_allowances(allowances: &[ModelAllowance], unit: &str, printer: &Printer) {
    for of in allowances {
        printer.note(allowed(of, unit));
        raised(of, unit).into_iter().for_each(|raised| printer.note(raised));
    }
}

pub(super) fn jobs(count: u64) -> String {
    if count == 1 { "one job".to_owned() } else { format!("{count} jobs") }
}

fn document(limits: &LimitsView, before: Option<u16>, unit: &str) -> Value {
    let devices =
        limits.devices.iter().map(|shared| json!({ "device": shared.device, "slots": shared.slots }));
    json!({
        "slots": limits.slots, "slots_before": before, "devices": devices.collect::<Vec<_>>(), "workers": limits.workers,
        "running": limits.running, "allowances": allowance_documents(&limits.allowances, unit),
    })
}
