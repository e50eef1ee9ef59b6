//! `assay job explain`: the story of one submission: whom it passed over, what it ordered, why that was checked as often
//! as it was, and who said what happened.

use assay_market::{
    command::NotDisputed,
    event::Event,
    matching::Passed,
    view::{AttemptView, Grounds, OrderGrounds},
};
use assay_peer::{
    config::Home,
    handle::{Dated, ExplainJob, Explained},
};
use assay_protocol::{
    id::{JobId, PeerId},
    roster::Checkers,
    ticket::Standing,
};
use serde_json::{Value, json};

use super::{describe, ending, word};
use crate::{
    command_error::CommandError,
    commands::{offers::passed, quote::rate, run::ceiling::CeilingNames},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called, full, local, moment, money, number_of, short},
};

const EXAMPLES: &str = "\
Examples:
  assay job explain 3fa29c         a job by the first digits of its name
  assay job explain 3fa29c --json  the same, for programs";

/// Explain one job: whom it passed over, why it was checked so often, who said what.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The name of a submission or job, or its first digits
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    reach: Reach,
}

/// Before the rows of a part.
const INDENT: &str = "  ";

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let explained = daemon.call(ExplainJob { name: args.job.clone() }).await?;
    let (output, unit) = (&invocation.printer, daemon.unit());
    let submission = &explained.job.submission;
    let limits = (unit, ending::ceilings(&daemon, submission.key, &invocation.home).await);
    output.document("job-explanation", &document(&explained, limits));
    output.line(format!("Job {}", full(submission.key)));
    output.line(format!("{INDENT}{}: {}", called(&submission.manifest), describe::state(&explained.job)));
    output.line("");
    output.line("Offers that were passed over");
    show_passed(invocation, &explained, limits);
    for (number, attempt) in (1..).zip(&submission.attempts) {
        output.line("");
        output.line(format!("Attempt {number}"));
        output.aligned(&attempt_table(attempt, &explained, unit), INDENT);
    }
    output.line("");
    output.line("What happened since the daemon started");
    match explained.job.timeline.as_slice() {
        [] => output.line(format!("{INDENT}nothing")),
        timeline => output.aligned(&timeline_table(timeline, &explained), INDENT),
    }
    Ok(())
}

/// The story of one job, for pages.
pub(crate) async fn for_pages(
    name: String,
    home: &Home,
    daemon: &RunningDaemon,
) -> Result<Value, CommandError> {
    let explained = daemon.call(ExplainJob { name }).await?;
    let ceilings = ending::ceilings(daemon, explained.job.submission.key, home).await;
    Ok(document(&explained, (daemon.unit(), ceilings)))
}

/// What was signed, and on what grounds.
fn order(explained: &Explained, job: JobId) -> Option<&OrderGrounds> {
    explained.grounds.as_ref()?.orders.iter().find(|order| order.job == job)
}

fn passed_over(explained: &Explained) -> Option<&Passed> {
    explained.grounds.as_ref()?.passed.as_ref()
}

fn show_passed(invocation: &Invocation, explained: &Explained, limits: (&str, CeilingNames)) {
    let output = &invocation.printer;
    let Some(passed) = passed_over(explained) else {
        return output.line(format!("{INDENT}{}", unknown(explained.grounds.as_ref())));
    };
    output.line(format!("{INDENT}when it last looked: {}", passed::counted(&passed.counts, limits)));
    if !passed.offers.is_empty() {
        output.aligned(&passed::table(passed, limits), INDENT);
    }
    let untold = passed::untold(passed);
    if untold > 0 {
        output.line(format!("{INDENT}and {untold} more, farther from being chosen"));
    }
}

/// Why it is not known which offers were passed over.
fn unknown(grounds: Option<&Grounds>) -> &'static str {
    match grounds {
        Some(_) => "not known: it has not looked yet, or the daemon was restarted since",
        None => "not known any more: of a job that is so long over only the outcome is remembered",
    }
}

fn attempt_table(attempt: &AttemptView, explained: &Explained, unit: &str) -> Table {
    let mut table = Table::new(["WHAT", "HOW"]);
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    row("order", full(attempt.job));
    row("provider", full(attempt.provider));
    row("state", describe::attempt_state(attempt.state));
    row("run", describe::run_end(attempt, &explained.job.timeline));
    row("money", format!("{} {unit}s, {}", attempt.price, describe::money_place(attempt.state)));
    row("at most", format!("{} {unit}s can be lost", attempt.held));
    let Some(grounds) = order(explained, attempt.job) else { return table };
    let order = &grounds.order;
    row("notary", full(order.notary));
    row("class", full(order.class));
    row("units", format!("{} at most, at {} {unit}s", order.units_max, order.unit_price));
    row("work", format!("{} at most is paid for in checks", order.work_max));
    row("time", format!("{} ms a run at most, to be opened by {}", order.run_max.0, local(order.open_by)));
    match (&grounds.standing, &grounds.explanation) {
        (Some(stood), Some(explained)) => {
            row("standing", standing(stood, unit));
            rate::rows(&mut table, explained, unit);
        }
        _ => row("check", "not known: the notary has given no ticket".to_owned()),
    }
    table
}

/// How the provider stood, in words.
fn standing(stood: &Standing, unit: &str) -> String {
    let hundredths = (u128::from(stood.trust) * 100) >> 32;
    format!(
        "trust of {}.{:02} checks, {} {unit}s at stake, {} could check, who count as {:.1} equal ones; entry {} of the journal",
        hundredths / 100,
        hundredths % 100,
        stood.stake,
        number_of(stood.checkers.leaves, "other"),
        effective(&stood.checkers),
        stood.position,
    )
}

/// As how many verifiers of equal stake they count: (Σ stake)² / Σ stake².
fn effective(checkers: &Checkers) -> f64 {
    let weight = checkers.weight as f64;
    if checkers.leaves == 0 { 0.0 } else { weight * weight / checkers.squares.sum() as f64 }
}

/// Who was asked to run an order. One that was refused is no attempt, and only what happened still tells whom it went to.
fn asked(explained: &Explained, job: JobId) -> Option<PeerId> {
    let attempts = &explained.job.submission.attempts;
    let attempt = attempts.iter().find(|attempt| attempt.job == job).map(|attempt| attempt.provider);
    let proposed = |happened: &Dated| {
        if let Event::Proposed { job: of, provider, .. } = happened.event
            && of == job
        {
            return Some(provider);
        }
        None
    };
    attempt.or_else(|| explained.job.timeline.iter().find_map(proposed))
}

fn timeline_table(timeline: &[Dated], explained: &Explained) -> Table {
    let mut table = Table::new(["WHEN", "WHO SAID IT", "WHAT"]);
    for happened in timeline {
        table.row([
            local(happened.at),
            Teller::of(&happened.event, explained).words(),
            describe::event_words(&happened.event),
        ]);
    }
    table
}

/// Who said that something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Teller {
    Own,
    Provider(Option<PeerId>),
    Notary(Option<PeerId>),
}

impl Teller {
    fn of(event: &Event, explained: &Explained) -> Self {
        let notary = |job: &JobId| Self::Notary(order(explained, *job).map(|grounds| grounds.order.notary));
        let provider = |job: &JobId| asked(explained, *job);
        match event {
            Event::Refused { job, by, .. } if provider(job).is_some_and(|provider| provider != *by) => {
                Self::Notary(Some(*by))
            }
            Event::Refused { by, .. } => Self::Provider(Some(*by)),
            Event::Aborted { job, .. } => Self::Provider(provider(job)),
            Event::Opened { job, .. } | Event::Disputed { job, .. } | Event::Closed { job, .. } => {
                notary(job)
            }
            Event::NotDisputed { reason: NotDisputed::TooLate, .. } => Self::Notary(None),
            Event::Balance { notary, .. }
            | Event::CarriedOut { notary, .. }
            | Event::NotCarriedOut { notary, .. } => Self::Notary(Some(*notary)),
            Event::OfferSeen { provider } => Self::Provider(Some(*provider)),
            Event::NotSubmitted { .. }
            | Event::Proposed { .. }
            | Event::Delivered { .. }
            | Event::ReceiptRefuted { .. }
            | Event::ClockJumped { .. }
            | Event::ClockSkewed { .. }
            | Event::Cancelling { .. }
            | Event::Cancelled { .. }
            | Event::NotCancelled { .. }
            | Event::Disputing { .. }
            | Event::NotDisputed { .. }
            | Event::Failed { .. }
            | Event::Forked { .. }
            | Event::Granted { .. }
            | Event::NotGranted { .. }
            | Event::Serving { .. }
            | Event::Served { .. }
            | Event::Checking { .. }
            | Event::Drawn { .. }
            | Event::Accused { .. }
            | Event::Stranded { .. }
            | Event::Settled { .. } => Self::Own,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Own => "this peer".to_owned(),
            Self::Provider(Some(peer)) => format!("provider {}", short(peer)),
            Self::Provider(None) => "the provider".to_owned(),
            Self::Notary(Some(peer)) => format!("notary {}", short(peer)),
            Self::Notary(None) => "the notary".to_owned(),
        }
    }

    fn document(self) -> Value {
        let (role, peer) = match self {
            Self::Own => ("self", None),
            Self::Provider(peer) => ("provider", peer),
            Self::Notary(peer) => ("notary", peer),
        };
        json!({ "role": role, "peer": peer.map(full) })
    }
}

/// The story for programs.
fn document(explained: &Explained, limits: (&str, CeilingNames)) -> Value {
    let (unit, _) = limits;
    let submission = &explained.job.submission;
    let attempts = submission.attempts.iter();
    let timeline = explained.job.timeline.iter();
    json!({
        "submission": full(submission.key), "model": submission.manifest,
        "state": word::state(&explained.job), "words": describe::state(&explained.job),
        "ended": submission.ended,
        "unmatched": submission.unmatched.as_ref().map(|unmatched| passed::counts(unmatched, Some(unit))),
        "passed_over": passed_over(explained).map(|passed| passed::document(passed, limits)),
        "explained": attempts.map(|attempt| json!({
            "attempt": describe::attempt_document(attempt, explained.job.held_for(attempt.job), unit),
            "grounds": order(explained, attempt.job).map(|grounds| grounds_document(grounds, unit)),
        })).collect::<Vec<_>>(),
        "told": timeline.map(|happened| {
            let mut told = describe::moment_document(happened);
            told["teller"] = Teller::of(&happened.event, explained).document();
            told
        }).collect::<Vec<_>>(),
    })
}

fn grounds_document(grounds: &OrderGrounds, unit: &str) -> Value {
    let order = &grounds.order;
    json!({
        "notary": full(order.notary), "class": full(order.class), "manifest": full(order.manifest.digest()),
        "units_max": order.units_max, "unit_price": money(order.unit_price, unit), "work_max": order.work_max,
        "run_max_ms": order.run_max.0, "checks_prepaid": order.checks, "open_by": moment(order.open_by),
        "standing": grounds.standing.map(|stood| json!({
            "opened": moment(stood.opened), "position": stood.position, "checkers": stood.checkers.leaves,
            "checkers_effective": effective(&stood.checkers),
            "trust_parts_per_2_32": stood.trust, "stake": money(stood.stake, unit),
            "exposed": money(stood.exposed, unit), "reserve": money(stood.reserve, unit), "serving": stood.serving,
            "strict": stood.strict, "endowed": stood.endowed,
        })),
        "explanation": grounds.explanation.as_ref().map(|explained| rate::document(explained, unit)),
    })
}

#[cfg(test)]
mod tests {
    use assay_market::view::SubmissionView;
    use assay_peer::handle::JobView;
    use assay_protocol::{
        id::Digest,
        order::Refusal,
        units::{Amount, Timestamp},
    };

    use super::*;

    #[test]
    fn a_notary_that_refuses_an_order_is_not_taken_for_the_provider_that_was_asked() {
        let (key, job) = (Digest([1; 32]), Digest([2; 32]));
        let (provider, notary) = (PeerId([3; 32]), PeerId([4; 32]));
        let refused = |by| Event::Refused { key, job, by, reason: Refusal::Newcomer };
        let proposed = Event::Proposed { key, job, provider, price: Amount(1) };
        let submission = SubmissionView {
            key,
            manifest: "digits".to_owned(),
            attempts: Vec::new(),
            cancelled: false,
            ended: true,
            unmatched: None,
        };
        let timeline = vec![Dated { at: Timestamp(0), attempt: None, event: proposed }];
        let explained = Explained {
            job: JobView {
                submission,
                timeline,
                retry_of: None,
                retried_as: None,
                held: Vec::new(),
                awaits: None,
            },
            grounds: None,
        };
        let teller = |by| Teller::of(&refused(by), &explained);
        assert_eq!(teller(notary), Teller::Notary(Some(notary)));
        assert_eq!(teller(provider), Teller::Provider(Some(provider)));
    }
}
