//! `assay provider devices`: what this machine has that can run models, and how it is.

use assay_peer::handle::{CardReading, DevicesView, ListDevices, ProcessorReading};
use serde_json::{Value, json};

use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called},
};

/// What stands where nothing is known.
const NOT_TOLD: &str = "-";

const EXAMPLES: &str = "\
Examples:
  assay provider devices         how busy, how hot and how full the processor and the cards are
  assay provider devices --json  the same, for programs";

/// Show the processor and the graphics cards, and how busy, hot and full each is.
///
/// As far as the system and the drivers tell. `assay doctor` says which of them run models.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let devices = daemon.call(ListDevices).await?;
    invocation.printer.document("devices", &document(&devices));
    invocation.printer.table(&table(&devices));
    // The processor has no memory that is counted by its users, and no watts that systems tell.
    invocation.printer.note(format!("{NOT_TOLD} is what the system or the driver does not tell"));
    Ok(())
}

/// What this machine has, for pages.
pub(crate) async fn for_pages(daemon: &RunningDaemon) -> Result<Value, CommandError> {
    Ok(document(&daemon.call(ListDevices).await?))
}

fn table(devices: &DevicesView) -> Table {
    let mut table = Table::new(["DEVICE", "LOAD", "HEAT", "POWER", "MEMORY", "BY OTHERS"]);
    let shown = |text: Option<String>| text.unwrap_or_else(|| NOT_TOLD.to_owned());
    let percent = |load: Option<u8>| shown(load.map(|load| format!("{load} %")));
    let degrees = |heat: Option<u16>| shown(heat.map(|heat| format!("{heat} °C")));
    let memory = |used: Option<u64>, all: Option<u64>| match (used, all) {
        (Some(used), Some(all)) => format!("{} of {} MiB", used >> 20, all >> 20),
        (None, Some(all)) => format!("{} MiB", all >> 20),
        (_, None) => NOT_TOLD.to_owned(),
    };
    let ProcessorReading { name, load_percent, temperature, memory_used, memory: all, .. } =
        &devices.processor;
    table.row([
        called(name.as_deref().unwrap_or("processor")),
        percent(*load_percent),
        degrees(*temperature),
        NOT_TOLD.to_owned(),
        memory(*memory_used, *all),
        NOT_TOLD.to_owned(),
    ]);
    for card in &devices.cards {
        table.row([
            called(&card.name),
            percent(card.load_percent),
            degrees(card.temperature),
            shown(card.power_milliwatts.map(|milliwatts| format!("{} W", milliwatts / 1_000))),
            memory(card.memory_used, card.memory),
            shown(card.memory_others.map(|bytes| format!("{} MiB", bytes >> 20))),
        ]);
    }
    table
}

fn document(devices: &DevicesView) -> Value {
    let ProcessorReading { name, cores, load_percent, temperature, memory, memory_used } = &devices.processor;
    let card = |card: &CardReading| {
        json!({
            "device": card.name, "load_percent": card.load_percent, "temperature_celsius": card.temperature,
            "power_milliwatts": card.power_milliwatts, "memory_total_bytes": card.memory,
            "memory_used_bytes": card.memory_used, "memory_others_bytes": card.memory_others,
        })
    };
    json!({
        "processor": {
            "device": name, "cores": cores, "load_percent": load_percent, "temperature_celsius": temperature,
            "memory_total_bytes": memory, "memory_used_bytes": memory_used,
        },
        "cards": devices.cards.iter().map(card).collect::<Vec<_>>(),
    })
}
