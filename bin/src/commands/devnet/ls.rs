//! `assay devnet ls`: the devnets of this user.

use serde_json::{Value, json};

use super::{devnet_folder::DevnetFolder, report::DevnetReport};
use crate::{command_error::CommandError, invocation::Invocation, printer::shell_path};

const EXAMPLES: &str = "\
Examples:
  assay devnet ls         every peer of every devnet: its process, whether it answers, where it lies
  assay devnet ls --json  the same, for programs";

/// List the devnets of this user, with their peers.
///
/// Also those that were founded without --home and ASSAY_HOME, where these name another home. SIDE says which peers are
/// kept apart from each other, while any are.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(super) async fn perform(_args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let mut table = DevnetReport::table();
    let mut documents: Vec<Value> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for folder in DevnetFolder::of_user(invocation)? {
        match folder.plan() {
            Ok(Some(plan)) => {
                if !folder.is_of(&invocation.home) {
                    others.push(format!("--dir {}", shell_path(folder.path())));
                }
                let (is_founded, name) = (plan.is_founded, plan.name.clone());
                let report = DevnetReport::of(folder, plan).await?;
                report.rows(&mut table);
                documents.push(report.document());
                if !is_founded {
                    let what = "was not founded to the end, or not removed";
                    invocation.printer.note(format!("{name} {what}: `assay devnet up` makes it anew"));
                }
            }
            // It went a moment ago.
            Ok(None) => {}
            Err(error) => invocation.printer.note(format!("note: left out: {}", error.lines()[0])),
        }
    }
    if documents.is_empty() {
        invocation.printer.note(format!("there is no devnet; {}", DevnetFolder::whereabouts(invocation)?));
    }
    invocation.printer.table(&table);
    if !others.is_empty() {
        let which = others.join(", ");
        invocation
            .printer
            .note(format!("founded by this user's usual home, and not by this one: {which} names it"));
    }
    invocation.printer.document("devnets", &json!({ "devnets": documents }));
    Ok(())
}
