//! `assay provider rules`: when this machine is its owner's.

use std::time::Duration;

use super::owner_rules::{self, RuleKey};
use crate::{command_error::CommandError, commands::run::input, daemon::Reach, invocation::Invocation};

const EXAMPLES: &str = "\
Examples:
  assay provider rules                              the rules, and what the machine shows now
  assay provider rules --program blender            no jobs while Blender runs
  assay provider rules --idle 10m --temperature 80  only when nobody is here, and it is cool
  assay provider rules --card-others 1GiB           not while a game has the card
  assay provider rules --off program,idle           without these rules again";

/// See and settle when no jobs are taken on because its owner needs this machine.
///
/// While a rule is broken nothing new is taken on and what runs is given up, within seconds; that costs no trust. Jobs are taken on
/// again once it was kept for a while (--settle). Checks of others' work that this machine is drawn for go on. A rule that cannot
/// be told on this machine keeps no jobs away, and is shown as such.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A program, by its name; all that are named replace those of before
    #[arg(long = "program", value_name = "NAME")]
    programs: Vec<String>,
    /// How long nobody must have used the machine
    #[arg(long, value_name = "TIME", value_parser = input::length)]
    idle: Option<Duration>,
    /// No jobs on battery
    #[arg(long)]
    mains_only: bool,
    /// Degrees Celsius of the processor or a card above which there are no jobs
    #[arg(long, value_name = "DEGREES", value_parser = clap::value_parser!(u16).range(30..=110))]
    temperature: Option<u16>,
    /// Memory of a graphics card that other programs may use
    #[arg(long, value_name = "BYTES", value_parser = owner_rules::bytes)]
    card_others: Option<u64>,
    /// How long a rule must have been kept before jobs are taken on again
    #[arg(long, value_name = "TIME", value_parser = input::length)]
    settle: Option<Duration>,
    /// Rules to do without
    #[arg(long, value_name = "RULE", value_enum, value_delimiter = ',')]
    off: Vec<RuleKey>,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    owner_rules::settle(&args.changes(), invocation).await?;
    owner_rules::show(args.reach, invocation).await
}

impl Args {
    /// The keys that change, each with what is to stand there; nothing for what is assumed.
    fn changes(&self) -> Vec<(&'static str, Option<String>)> {
        let time = |time: Duration| format!("\"{}ms\"", time.as_millis());
        let programs = (!self.programs.is_empty()).then(|| owner_rules::list(&self.programs));
        let settled = [
            ("provider.programs", programs),
            ("provider.idle_min", self.idle.map(time)),
            ("provider.mains_only", self.mains_only.then(|| "true".to_owned())),
            ("provider.temperature_max", self.temperature.map(|degrees| degrees.to_string())),
            ("provider.card_others_max", self.card_others.map(|bytes| bytes.to_string())),
            ("provider.settle", self.settle.map(time)),
        ];
        let settled = settled.into_iter().filter_map(|(key, value)| Some((key, Some(value?))));
        self.off.iter().map(|rule| (rule.key(), None)).chain(settled).collect()
    }
}
