//! `assay batch cancel`: orders nothing more of a batch, ends what is under way, and waits until that is over.

use std::time::Duration;

use assay_gateway::{BatchFolder, BatchPlan, Retracted, retract};
use serde_json::json;
use tokio::time::sleep;

use super::{home_batches, lines_under_way::LinesUnderWay, notary_vigil::until_gone, report::write_answers};
use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, moment, number_of, short},
    stop,
};

/// Between two looks at what is under way still.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  assay batch cancel 3fa29c            by the first digits of its name; waits until what is under way is over
  assay batch cancel 3fa29c --no-wait  the same, and waits for nothing";

/// Order nothing more of a batch, and cancel what is under way.
///
/// Waits until that is over: an order that has its answer already is closed only once its check, or the time for one, is. What is
/// written by now is paid, and can be printed with `assay job result`. `assay batch resume` goes on with the rest.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The name of a batch, or its first digits
    #[arg(value_name = "BATCH")]
    batch: String,
    /// Do not wait until what is under way is over
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (folder, plan) = home_batches::named(invocation, &args.batch)?;
    let (name, printer) = (short(plan.name), &invocation.printer);
    // Before the jobs are looked for, so that none follows.
    folder.cancel()?;
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let Retracted { cancelled, too_late } = retract(&daemon.handle, &plan, &folder.log(&plan)?).await?;
    let told = number_of(cancelled, "job");
    printer.line(format!("batch {name}: {told} cancelled, {too_late} had their answer already"));
    let open = match args.no_wait {
        true => {
            LinesUnderWay::asked(&daemon.handle, &plan, &folder.log(&plan)?).await.map_err(CommandError::from)
        }
        false => until_over(&folder, &plan, &daemon, invocation).await,
    };
    // Whatever ended the wait, what there is is there to read.
    let (log, is_running) = (folder.log(&plan)?, folder.is_locked());
    let written = if is_running { Ok(()) } else { write_answers(&folder, &plan, &log) };
    let open = open?;
    written?;
    printer.document(
        "batch-cancelled",
        &json!({
            "batch": full(plan.name), "cancelled": cancelled, "too_late": too_late,
            "under_way": open.lines, "over_by": open.until.map(moment),
        }),
    );
    if open.lines > 0 {
        printer.note(format!(
            "under way still: {}; `assay batch status {name}` says how far it is",
            open.words()
        ));
    }
    if !is_running {
        printer.note(format!("answers until now: {}", plan.output.display()));
    }
    printer.note(format!(
        "`assay batch resume {name}` gathers what was answered and goes on; with --failed also with what was cancelled"
    ));
    Ok(())
}

/// Waits until nothing of a batch is under way and nobody carries it out, or until it is wanted again; what is under way then. What
/// was opened is ended by its notary alone, which is not waited for longer than where a batch is carried out.
async fn until_over(
    folder: &BatchFolder,
    plan: &BatchPlan,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<LinesUnderWay, CommandError> {
    let spinner = invocation.printer.spinner("cancelling");
    let over = async {
        loop {
            let open = LinesUnderWay::asked(&daemon.handle, plan, &folder.log(plan)?).await?;
            if !folder.is_cancelled() || open.lines == 0 && !folder.is_locked() {
                return Ok::<_, CommandError>(open);
            }
            spinner.say(&format!("cancelling, under way: {}", open.words()));
            sleep(LOOK_EVERY).await;
        }
    };
    let over = tokio::select! {
        over = over => over,
        exit = stop::asked() => Err(left(exit, plan)),
        gone = until_gone(&invocation.home, plan, without_notary, &invocation.printer) => Err(gone),
    };
    spinner.end();
    over
}

fn without_notary(name: &str) -> String {
    format!(
        "nothing more of it is ordered, and what is under way ends once it is back: `assay batch status {name}` says how far that \
         is; `assay status` says when the notary was heard"
    )
}

fn left(exit: Exit, plan: &BatchPlan) -> CommandError {
    let name = short(plan.name);
    let hint =
        format!("nothing more of it is ordered: `assay batch status {name}` says what is under way still");
    CommandError::new(exit, "INTERRUPTED", format!("left before all of the batch {name} was over"), hint)
        .with(json!({ "batch": full(plan.name) }))
}
