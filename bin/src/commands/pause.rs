//! `assay pause` and `assay resume`: taking nothing new on for a while.

use std::time::Duration;

use assay_market::{owner::HeldRule, pause::Pause};
use assay_peer::handle::{ListDue, PauseProviding, ResumeProviding, ShowStatus};
use assay_protocol::units;
use serde_json::{Value, json};

use super::{provider::held_line, run::input};
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{local, moment},
};

const EXAMPLES: &str = "\
Examples:
  assay pause            until `assay resume`
  assay pause --for 2h   it ends by itself
  assay pause --now      what runs is given up, too: the machine is free within seconds";

const RESUME_EXAMPLES: &str = "\
Examples:
  assay resume  take jobs on again";

/// The longest pause with an end: a year. What is far longer ends at no time that a calendar has.
const LENGTH_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Take no new jobs on for a while, and give their memory back.
///
/// What runs goes on, unless --now gives it up: its client pays for its place at the notary and nothing else, and asks
/// somebody else. A pause costs no trust, and holds over restarts. Checks of others' work that this machine is drawn for go on.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PauseArgs {
    /// For how long, such as 30m or 2h
    #[arg(long = "for", value_name = "TIME", value_parser = some_length)]
    length: Option<Duration>,
    /// Give up what runs, too
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Take jobs on again.
#[derive(Debug, clap::Args)]
#[command(after_help = RESUME_EXAMPLES)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn pause(args: &PauseArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let length =
        args.length.map(|length| units::Duration(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)));
    let pause = daemon.call(PauseProviding { length, is_sudden: args.now }).await?;
    let due = daemon.call(ListDue).await?;
    let running = due.iter().filter(|due| !due.is_claimed).count();
    invocation.printer.document("pause", &json!({ "paused": document(&pause), "running": running }));
    invocation.printer.line(format!("{}: nothing new is taken on.", capital(&told(&pause))));
    match running {
        0 => {}
        1 => invocation.printer.note("one job still runs; `assay pause --now` gives it up"),
        _ => invocation.printer.note(format!("{running} jobs still run; `assay pause --now` gives them up")),
    }
    Ok(())
}

pub(crate) async fn resume(args: &ResumeArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    daemon.call(ResumeProviding).await?;
    invocation.printer.document("pause", &json!({ "paused": null, "running": null }));
    let held = daemon.call(ShowStatus).await?.held;
    invocation.printer.line(over(&held));
    held.iter().for_each(|held| invocation.printer.note(held_line(held)));
    Ok(())
}

/// What comes after a pause: jobs, unless a rule of the machine's owner holds.
fn over(held: &[HeldRule]) -> &'static str {
    match held.is_empty() {
        true => "Jobs are taken on again.",
        false => {
            "The pause is over, but no jobs are taken on yet: `assay provider rules` shows what keeps them away."
        }
    }
}

fn some_length(text: &str) -> Result<Duration, String> {
    let length = input::length(text)?;
    if length.is_zero() {
        Err("a pause has a length; `assay resume` ends one".to_owned())
    } else if length > LENGTH_MAX {
        Err("a pause that ends by itself lasts 8760h at most, a year; without --for it lasts until `assay resume`".to_owned())
    } else {
        Ok(length)
    }
}

/// Since when, and until when.
pub(super) fn told(pause: &Pause) -> String {
    match pause.until {
        Some(until) => format!("paused until {}", local(until)),
        None => format!("paused since {}, until `assay resume`", local(pause.since)),
    }
}

/// A pause, for programs.
pub(super) fn document(pause: &Pause) -> Value {
    json!({ "since": moment(pause.since), "until": pause.until.map(moment) })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use assay_market::owner::OwnerRule;
    use assay_protocol::units::Timestamp;

    use super::*;

    #[test]
    fn a_pause_has_a_length_that_a_calendar_can_tell() {
        assert_eq!(some_length("2h"), Ok(Duration::from_secs(7_200)));
        assert_eq!(some_length("8760h"), Ok(LENGTH_MAX));
        for length in ["0s", "8761h", "99999999999h"] {
            assert!(some_length(length).unwrap_err().contains("`assay resume`"), "{length}");
        }
    }

    #[test]
    fn jobs_are_taken_on_after_a_pause_unless_a_rule_holds() {
        let held = HeldRule { rule: OwnerRule::Program, since: Timestamp(1), until: None };
        assert_eq!(over(&[]), "Jobs are taken on again.");
        assert!(over(&[held]).starts_with("The pause is over, but no jobs are taken on yet"));
    }
}
