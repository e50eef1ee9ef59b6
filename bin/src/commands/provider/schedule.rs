//! `assay provider schedule`: the hours in which jobs are taken on.

use assay_market::owner::DaySpan;

use super::owner_rules;
use crate::{command_error::CommandError, daemon::Reach, invocation::Invocation};

const EXAMPLES: &str = "\
Examples:
  assay provider schedule                               when jobs are taken on
  assay provider schedule 22:00-07:00                   at night
  assay provider schedule \"Mon-Fri 18:00-08:00\" Sat,Sun  out of office hours
  assay provider schedule --always                      at any time again";

/// See and settle the hours in which jobs are taken on.
///
/// By this machine's own clock and time zone. What runs when they end is seen through.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// When; all that are named replace those of before
    #[arg(value_name = "HOURS")]
    hours: Vec<DaySpan>,
    /// At any time
    #[arg(long, conflicts_with = "hours")]
    always: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let hours: Vec<String> = args.hours.iter().map(DaySpan::to_string).collect();
    let change = match (args.always, hours.is_empty()) {
        (true, _) => vec![("provider.hours", None)],
        (false, false) => vec![("provider.hours", Some(owner_rules::list(&hours)))],
        (false, true) => Vec::new(),
    };
    owner_rules::settle(&change, invocation).await?;
    owner_rules::show(args.reach, invocation).await
}
