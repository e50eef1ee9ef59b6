//! A job in words and as a document: apart from each other its state, the runner's own end, and where the money is.

use assay_market::{
    command::Instruction,
    event::Event,
    held_money::HeldMoney,
    submission::Unmatched,
    view::{AttemptState, AttemptView, SubmissionView},
};
use assay_peer::handle::{Dated, EVENTS_KEPT_MAX, JobView};
use assay_protocol::{
    id::Digest,
    manifest::End,
    order::Failure,
    outcome::Outcome,
    units::{Duration, Timestamp},
};
use serde_json::{Value, json};

use super::{awaited, holding, word};
use crate::commands::offers::passed;
use crate::printer::{Table, called, full, local, moment, money, number_of, rate, short};

/// How far a submission is, in a few words.
pub(crate) fn state(job: &JobView) -> String {
    let submission = &job.submission;
    if let Some(place) = job.awaits {
        return awaited::words(place);
    }
    match submission.foremost() {
        Some(attempt) => attempt_state(attempt.state),
        None if submission.cancelled && submission.ended => attempt_state(AttemptState::Cancelled),
        None if submission.ended => nobody(submission).to_owned(),
        None => "looking for a provider".to_owned(),
    }
}

/// Why nobody was asked. That is told whole where the job is shown.
fn nobody(submission: &SubmissionView) -> &'static str {
    let unmatched = submission.unmatched.as_ref();
    if was_busy(submission) {
        // Who is busy may have been cheaper.
        "everyone was busy"
    } else if unmatched.is_some_and(|unmatched| unmatched.cost.max(unmatched.price) > 0) {
        "too dear"
    } else {
        "nobody matches"
    }
}

/// Whether nobody was asked only because those who fit were busy.
pub(super) fn was_busy(submission: &SubmissionView) -> bool {
    submission.unmatched.as_ref().is_some_and(Unmatched::is_busy)
}

pub(super) fn attempt_state(state: AttemptState) -> String {
    match state {
        AttemptState::Proposed => "asked the provider".to_owned(),
        AttemptState::Opening => "asked the notary".to_owned(),
        AttemptState::Running => "running".to_owned(),
        AttemptState::Delivered => "delivered, check pending".to_owned(),
        AttemptState::Refused(refusal) => format!("refused: {}", passed::refusal_words(refusal)),
        AttemptState::Unanswered => "the provider did not answer".to_owned(),
        AttemptState::Failed(failure) => format!("failed: {failure}"),
        AttemptState::Cancelled => "cancelled before it was opened".to_owned(),
        AttemptState::Closed(outcome) => format!("closed: {}", outcome_words(outcome)),
    }
}

/// What an outcome means to the client.
pub(crate) fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotDrawn => "paid, the draw left it unchecked",
        Outcome::Checked => "paid, a re-execution agrees",
        Outcome::Grey => "paid, a re-execution neither agrees nor disagrees",
        Outcome::Cleared => "paid, accused and cleared by a jury",
        Outcome::Unchecked => "paid, nobody could check it",
        Outcome::NoClaim => "refunded, no result came in time",
        Outcome::Aborted => "refunded, the provider gave up",
        Outcome::Cancelled => "refunded, cancelled by the client",
        Outcome::FalseStream => "refunded, the provider was convicted of streaming something else",
        Outcome::FalseOpening => "refunded, the provider was convicted of a false opening",
        Outcome::GreyRefunded => "refunded, one unclear result too many",
        Outcome::Mismatch => "refunded, a re-execution disagrees",
        Outcome::Disputed => "refunded, a jury was against it without convicting",
        Outcome::Withdrawn => "refunded, the provider was convicted over another job",
        Outcome::Slashed => "refunded, the provider was convicted of a false result",
        Outcome::Silent => "refunded, the provider was accused and never answered",
        Outcome::Void => "refunded, nothing could be found out",
        Outcome::Trap => {
            "refunded but for its costs, the claim was a trap for whoever checks without running"
        }
        Outcome::Unreached => "refunded, too many who were to check it were given no input",
    }
}

/// Where the client's money for an attempt is.
pub(super) fn money_place(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Proposed | AttemptState::Opening => "still the client's",
        AttemptState::Running | AttemptState::Delivered => "held by the notary",
        AttemptState::Refused(_) | AttemptState::Unanswered | AttemptState::Cancelled => "still the client's",
        AttemptState::Failed(_) => "going back to the client",
        AttemptState::Closed(outcome) if outcome.is_paid() => "paid to the provider",
        AttemptState::Closed(_) => "back with the client",
    }
}

/// What the runner itself came to.
pub(super) fn run_end(attempt: &AttemptView, timeline: &[Dated]) -> String {
    match (attempt.state, attempt.output) {
        (AttemptState::Failed(failure), _) => failure.to_string(),
        (_, Some(_)) if is_broken_off(attempt) => "was broken off, and gave what was written".to_owned(),
        (_, Some(_)) if is_cut_off(attempt) => "gave a result, and says that it was cut off".to_owned(),
        (_, Some(_)) => "gave a result".to_owned(),
        (AttemptState::Closed(outcome), None) => {
            let why = timeline.iter().find_map(|happened| given_up(attempt, &happened.event));
            why.map_or_else(|| nothing_of(outcome).to_owned(), |why| format!("failed: {why}"))
        }
        (AttemptState::Refused(_) | AttemptState::Unanswered | AttemptState::Cancelled, None) => {
            "never began".to_owned()
        }
        (
            AttemptState::Proposed | AttemptState::Opening | AttemptState::Running | AttemptState::Delivered,
            None,
        ) => "nothing yet".to_owned(),
    }
}

/// Why the provider of an attempt gave up, if it then did.
fn given_up(attempt: &AttemptView, event: &Event) -> Option<Failure> {
    let Event::Aborted { job, reason, .. } = event else { return None };
    (*job == attempt.job).then_some(*reason)
}

/// What became of a run that is over and of which no result is here, where nobody said more.
fn nothing_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Aborted => "given up by the provider",
        Outcome::NoClaim => "gave no result in time",
        Outcome::Cancelled => "ended before it gave a result",
        Outcome::NotDrawn
        | Outcome::Checked
        | Outcome::Grey
        | Outcome::Cleared
        | Outcome::Unchecked
        | Outcome::FalseStream
        | Outcome::FalseOpening
        | Outcome::GreyRefunded
        | Outcome::Mismatch
        | Outcome::Disputed
        | Outcome::Withdrawn
        | Outcome::Slashed
        | Outcome::Silent
        | Outcome::Void
        | Outcome::Trap
        | Outcome::Unreached => "no result of it came here",
    }
}

/// Whether the provider says that the result was cut off: at its most tokens, at the units that are paid, or where the model
/// reads no more.
pub(crate) fn is_cut_off(attempt: &AttemptView) -> bool {
    attempt.end == Some(End::Length)
}

/// Whether its client broke its run off.
pub(crate) fn is_broken_off(attempt: &AttemptView) -> bool {
    attempt.end == Some(End::Cancelled)
}

/// A job as rows.
pub(super) fn table(job: &JobView, unit: &str) -> Table {
    let submission = &job.submission;
    let mut table = Table::new(["WHAT", "HOW"]);
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    row("job", full(submission.key));
    row("model", called(&submission.manifest));
    row("state", state(job));
    if let Some(of) = job.retry_of {
        row("a retry of", full(of));
    }
    if let Some(next) = job.retried_as {
        row("tried again as", full(next));
    }
    for (number, attempt) in (1..).zip(&submission.attempts) {
        row(
            &format!("attempt {number}"),
            format!("{} by provider {}", short(attempt.job), short(attempt.provider)),
        );
        row("  run", run_end(attempt, &job.timeline));
        row("  money", format!("{} {unit}s, {}", attempt.price, money_place(attempt.state)));
        if let Some(held) = job.held_for(attempt.job) {
            row("  held", holding::words(held, unit));
        }
        if let Some(rate) = attempt.rate {
            row("  check", format!("drawn with a chance of {rate}"));
        }
        if let Some(receipt) = attempt.receipt {
            row("  receipt", full(receipt));
        }
    }
    table
}

/// A moment of a job as a line.
pub(super) fn moment_line(moment: &Dated) -> String {
    format!("{}  {}", local(moment.at), event_words(&moment.event))
}

/// What is not told of what happened to a job, and where more is: a daemon remembers what it has seen itself, and the beginning
/// of that.
pub(super) fn untold(job: &JobView) -> Option<String> {
    let (first, name) = (job.submission.attempts.first()?, short(job.submission.key));
    let is_beginning = |told: &Dated| {
        matches!(told.event, Event::Proposed { .. }) && told.at <= first.ordered.after(Duration::seconds(1))
    };
    let more =
        format!("`assay job logs {name}` has what the log says, `assay job explain {name}` what was signed");
    if !job.timeline.first().is_some_and(is_beginning) {
        return Some(format!("what happened to it before the daemon was started is not told here: {more}"));
    }
    (job.timeline.len() >= EVENTS_KEPT_MAX)
        .then(|| format!("only the first {EVENTS_KEPT_MAX} things are told: {more}"))
}

/// What happened, in words.
pub(crate) fn event_words(event: &Event) -> String {
    match event {
        Event::OfferSeen { provider } => format!("heard of the provider {}", short(provider)),
        Event::NotSubmitted { over_day: Some(over), .. } => format!("not taken: {over}"),
        Event::NotSubmitted { over_day: None, .. } => {
            "too many jobs are under way; this one was not taken".to_owned()
        }
        Event::Proposed { provider, price, .. } => format!("asked {} to run it for {price}", short(provider)),
        Event::Refused { by, reason, .. } => {
            format!("{} refused: {}", short(by), passed::refusal_words(*reason))
        }
        Event::Opened { rate, .. } => format!("the notary holds the money; checked with a chance of {rate}"),
        Event::Aborted { reason, .. } => format!("the provider gave up: {reason}"),
        Event::Delivered { .. } => "the result is here, and is what the provider claimed".to_owned(),
        Event::Closed { outcome, .. } => format!("closed: {}", outcome_words(*outcome)),
        Event::ReceiptRefuted { notary, .. } => {
            format!("what the notary {} gave as its receipt does not hold", short(notary))
        }
        Event::ClockJumped { by_ms } => {
            format!("the clock jumped by {} s; it is followed only if it stays there", by_ms / 1_000)
        }
        Event::ClockSkewed { notary, ahead_ms } => {
            let way = if *ahead_ms > 0 { "ahead of" } else { "behind" };
            format!("the clock is {} s {way} the notary {}", ahead_ms.abs() / 1_000, short(notary))
        }
        Event::Cancelling { .. } => "asked the notary to cancel it".to_owned(),
        Event::Cancelled { .. } => "cancelled; nobody else is tried".to_owned(),
        Event::NotCancelled { reason, .. } => format!("not cancelled: {reason}"),
        Event::Disputing { .. } => "asked the notary to have the result checked".to_owned(),
        Event::Disputed { .. } => "the notary will have the result checked".to_owned(),
        Event::NotDisputed { reason, .. } => format!("not disputed: {reason}"),
        Event::Failed { .. } => "no provider is left to try".to_owned(),
        Event::Stranded { .. } => "the notary's books hold its money and would never release it".to_owned(),
        Event::Forked { notary } => {
            format!("the notary {} keeps two journals; no new order names it", short(notary))
        }
        Event::Balance { account, .. } => format!("the account holds {} to spend", account.free),
        Event::CarriedOut { notary, instruction } => {
            format!("the notary {} carried out: {}", short(notary), instruction_words(instruction))
        }
        Event::NotCarriedOut { notary, instruction, reason } => {
            format!("the notary {} did not {}: {reason}", short(notary), instruction_words(instruction))
        }
        Event::Granted { is_new: false, credit } => format!("grant {} was made before", credit.serial),
        Event::Granted { is_new: true, credit } => {
            format!("created {} for {}, as grant {}", credit.amount, short(credit.account), credit.serial)
        }
        Event::NotGranted { reason, .. } => format!("created nothing: {reason}"),
        Event::Serving { client, .. } => format!("runs a job for {}", short(client)),
        Event::Served { outcome, .. } => format!("its job was closed: {}", outcome_words(*outcome)),
        Event::Checking { .. } => "was drawn to check a job".to_owned(),
        Event::Drawn { verifier: Some(verifier), .. } => {
            format!("drawn to be checked, by {}", short(verifier))
        }
        Event::Drawn { verifier: None, rate, .. } => format!("not drawn; the chance was {rate}"),
        Event::Accused { provider, .. } => {
            format!("a check disagrees with {}; a juror is called", short(provider))
        }
        Event::Settled { outcome, .. } => format!("settled: {}", outcome_words(*outcome)),
    }
}

/// An instruction to a notary, in words.
fn instruction_words(instruction: &Instruction) -> String {
    match instruction {
        Instruction::Stake { amount, .. } => format!("put {amount} at stake"),
        Instruction::Unstake { amount } => format!("withdraw {amount} from the stake"),
        Instruction::Register { kinds, .. } => {
            format!("register it for {} of jobs", number_of(kinds.len(), "kind"))
        }
    }
}

/// A job for programs.
pub(crate) fn document(job: &JobView, unit: &str) -> Value {
    let submission = &job.submission;
    json!({
        "submission": full(submission.key), "model": submission.manifest,
        "state": word::state(job), "words": state(job), "ended": submission.ended,
        "since": since(job).map(moment),
        "retry_of": job.retry_of.map(full), "retried_as": job.retried_as.map(full),
        "attempts": submission.attempts.iter().map(|attempt| {
            attempt_document(attempt, job.held_for(attempt.job), unit)
        }).collect::<Vec<_>>(),
        "unmatched": submission.unmatched.as_ref().map(|unmatched| passed::counts(unmatched, Some(unit))),
        "timeline": job.timeline.iter().map(moment_document).collect::<Vec<_>>(),
    })
}

/// One attempt for programs, with what is held for it.
pub(crate) fn attempt_document(attempt: &AttemptView, held: Option<&HeldMoney>, unit: &str) -> Value {
    let (outcome, refusal, failure) = match attempt.state {
        AttemptState::Closed(outcome) => (Some(outcome), None, None),
        AttemptState::Refused(refusal) => (None, Some(refusal), None),
        AttemptState::Failed(failure) => (None, None, Some(failure)),
        AttemptState::Proposed
        | AttemptState::Opening
        | AttemptState::Running
        | AttemptState::Delivered
        | AttemptState::Unanswered
        | AttemptState::Cancelled => (None, None, None),
    };
    let held = holding::document(held, unit);
    json!({
        "job": full(attempt.job), "provider": full(attempt.provider),
        "state": word::attempt_state(attempt.state), "words": attempt_state(attempt.state),
        "outcome": outcome, "label": outcome.map(Outcome::label), "refusal": refusal, "failure": failure,
        "ordered": moment(attempt.ordered), "run": word::run(attempt), "cut_off": is_cut_off(attempt),
        "money": word::money(attempt.state),
        "held_now": held["held_now"], "held_until": held["held_until"], "coming_back": held["coming_back"],
        "price": money(attempt.price, unit), "total_max": money(attempt.total_max, unit),
        "check_rate": attempt.rate.map(rate),
        "output": attempt.output.map(full), "receipt": attempt.receipt.map(full),
    })
}

/// A moment of a job for programs.
pub(super) fn moment_document(happened: &Dated) -> Value {
    let event = serde_json::to_value(&happened.event).unwrap_or_default();
    json!({
        "at": moment(happened.at), "event": event["event"], "job": event["job"], "outcome": event["outcome"],
        "words": event_words(&happened.event),
    })
}

/// A moment of a job for programs that follow it.
pub(super) fn event_document(key: Digest, happened: &Dated) -> Value {
    let mut document = moment_document(happened);
    document["submission"] = full(key).into();
    document
}

/// When a job was first heard of, as far as that is known.
pub(super) fn since(job: &JobView) -> Option<Timestamp> {
    let ordered = job.submission.attempts.first().map(|attempt| attempt.ordered);
    let told = job.timeline.first().map(|happened| happened.at);
    ordered.into_iter().chain(told).min()
}

#[cfg(test)]
mod tests {
    use assay_market::view::AwaitedPlace;
    use assay_protocol::{
        id::{JobId, PeerId},
        order::Refusal,
        units::Amount,
    };

    use super::*;

    #[test]
    fn a_run_that_is_over_is_not_said_to_be_under_way() {
        let (key, job) = (Digest([1; 32]), Digest([2; 32]));
        let told = |state, timeline: &[Dated]| run_end(&attempt(job, state), timeline);
        let gave_up = |job| {
            let event = Event::Aborted { key, job, reason: Failure::BadInput };
            [Dated { at: Timestamp(0), attempt: None, event }]
        };
        let aborted = AttemptState::Closed(Outcome::Aborted);
        assert_eq!(told(AttemptState::Running, &[]), "nothing yet");
        assert_eq!(told(aborted, &gave_up(job)), "failed: the runner refuses the input");
        assert_eq!(told(aborted, &gave_up(key)), "given up by the provider", "that was another's");
        assert_eq!(told(AttemptState::Closed(Outcome::NoClaim), &[]), "gave no result in time");
        assert_eq!(told(AttemptState::Unanswered, &[]), "never began");
    }

    #[test]
    fn where_nobody_was_asked_it_is_said_whether_all_were_too_dear_or_busy_or_there_was_nobody() {
        let told = |unmatched| {
            let job = job_of(submission(Vec::new(), unmatched));
            (state(&job), word::state(&job))
        };
        let none = Unmatched::default;
        let (too_dear, busy) =
            (("too dear".to_owned(), "unmatched"), ("everyone was busy".to_owned(), "busy"));
        let nobody = ("nobody matches".to_owned(), "unmatched");
        assert_eq!(told(Some(Unmatched { offers: 2, cost: 1, ..none() })), too_dear);
        assert_eq!(told(Some(Unmatched { offers: 2, price: 1, ..none() })), too_dear);
        assert_eq!(told(Some(Unmatched { offers: 2, cost: 1, busy: 1, ..none() })), busy);
        for refusal in [Refusal::Busy, Refusal::Newcomer, Refusal::Exposure, Refusal::Full] {
            let refused = |tried| Some(Unmatched { offers: 1, tried, refusal: Some(refusal), ..none() });
            assert_eq!(told(refused(0)), busy, "{refusal:?}");
            assert_eq!(told(refused(1)), nobody, "{refusal:?}, and somebody refused for good");
        }
        let refusal = Some(Refusal::Limits);
        assert_eq!(told(Some(Unmatched { offers: 1, tried: 1, refusal, ..none() })), nobody);
        assert_eq!(told(Some(none())), nobody);
        assert_eq!(told(None), nobody);
    }

    #[test]
    fn who_waits_for_a_busy_provider_and_who_was_cancelled_meanwhile_is_not_said_to_match_nobody() {
        let failed = || vec![attempt(Digest([2; 32]), AttemptState::Closed(Outcome::NoClaim))];
        for attempts in [Vec::new(), failed()] {
            let running = SubmissionView { ended: false, ..submission(attempts, None) };
            let job = JobView { awaits: Some(AwaitedPlace::Room), ..job_of(running) };
            assert_eq!((&*state(&job), word::state(&job)), ("waiting for a free provider", "waiting"));
        }
        let cancelled = SubmissionView { cancelled: true, ..submission(Vec::new(), None) };
        let job = job_of(cancelled);
        assert_eq!((&*state(&job), word::state(&job)), ("cancelled before it was opened", "cancelled"));
    }

    #[test]
    fn who_looks_at_a_job_of_an_earlier_life_is_told_what_is_left_out() {
        let (key, job) = (Digest([1; 32]), Digest([2; 32]));
        let proposed = Event::Proposed { key, job, provider: PeerId([3; 32]), price: Amount(1) };
        let closed = Event::Closed { key, job, outcome: Outcome::Checked, receipt: key };
        let at = |ms: u64, event: &Event| Dated { at: Timestamp(ms), attempt: Some(1), event: event.clone() };
        let told = |attempts, timeline: Vec<Dated>| {
            untold(&JobView { timeline, ..job_of(submission(attempts, None)) })
        };
        let attempts = || vec![attempt(job, AttemptState::Closed(Outcome::Checked))];
        assert_eq!(told(attempts(), vec![at(5, &proposed), at(9, &closed)]), None);
        assert_eq!(told(Vec::new(), Vec::new()), None, "nobody was asked");
        for timeline in [vec![], vec![at(9, &closed)], vec![at(2_000, &proposed)]] {
            let said = told(attempts(), timeline).unwrap();
            assert!(said.starts_with("what happened to it before the daemon was started"), "{said}");
            assert!(said.contains("`assay job logs 010101010101`"), "{said}");
        }
        let many = vec![at(0, &proposed); EVENTS_KEPT_MAX];
        assert!(told(attempts(), many).unwrap().starts_with("only the first 64 things are told"));
    }

    fn submission(attempts: Vec<AttemptView>, unmatched: Option<Unmatched>) -> SubmissionView {
        let (key, manifest) = (Digest([1; 32]), "digits".to_owned());
        SubmissionView { key, manifest, attempts, cancelled: false, ended: true, unmatched }
    }

    fn job_of(submission: SubmissionView) -> JobView {
        JobView {
            submission,
            timeline: Vec::new(),
            retry_of: None,
            retried_as: None,
            held: Vec::new(),
            awaits: None,
        }
    }

    fn attempt(job: JobId, state: AttemptState) -> AttemptView {
        AttemptView {
            job,
            provider: PeerId([3; 32]),
            ordered: Timestamp(0),
            price: Amount(1),
            total_max: Amount(1),
            held: Amount(1),
            state,
            end: None,
            rate: None,
            output: None,
            receipt: None,
            cost: None,
        }
    }
}
