//! `assay job submit`: orders a job and waits for nothing.

use serde_json::json;

use crate::{
    command_error::CommandError,
    commands::run::{
        notary_wait::{gone_words, lost_before},
        order_args::{OrderArgs, PlacedOrder},
        wishes::TextWishes,
    },
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, short},
};

const EXAMPLES: &str = "\
Examples:
  assay job submit digits seven.png                  prints the name of the job, and the daemon goes on with it
  assay job submit sums 27+58= --max-cost 0.5        on the terms that `assay run` has
  assay job submit sums 27+58= --idempotency-key 7   said twice it is one job, and paid once

`assay job wait` waits for it, `assay job result` prints what it gave.";

/// Order a job, and print its name without waiting for it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    order: OrderArgs,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    wishes: TextWishes,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let file = args.order.file()?;
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let PlacedOrder { key, manifest, .. } = args.order.place(file, &args.wishes, &daemon, invocation).await?;
    let (name, printer) = (short(key), &invocation.printer);
    let lost = lost_before(&daemon.handle, key).await;
    printer.document(
        "job-submitted",
        &json!({
            "submission": full(key), "model": manifest.name,
            "notary_lost_ms": lost.map(|lost| lost.silent_for.0),
        }),
    );
    printer.line(full(key));
    if let Some(lost) = lost {
        let words = gone_words(&lost);
        printer.note(format!("{words}: the job {name} waits for it, and `assay job cancel {name}` ends it"));
    }
    printer
        .note(format!("`assay job wait {name}` waits for it, `assay job result {name}` prints what it gave"));
    Ok(())
}
