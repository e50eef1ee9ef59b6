//! What a peer shows of itself: plain values for a shell to print.

mod awaited;
mod clock;
mod day;

use alloc::{string::String, vec::Vec};

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    manifest::End,
    notice::{Account, Head},
    order::{Failure, Order, Refusal},
    outcome::Outcome,
    ticket::Standing,
    units::{Amount, Duration, Rate, Timestamp},
};
use serde::{Deserialize, Serialize};

pub use self::{
    awaited::AwaitedPlace,
    clock::{ClockView, SkewView},
    day::DayView,
};
use crate::{
    command::Instruction, matching::Passed, node::Fault, policy::Explanation, submission::Unmatched,
};

/// A client's job: what was submitted and every attempt at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionView {
    /// Names it.
    pub key: Digest,
    /// What runs.
    pub manifest: String,
    /// The attempts, oldest first.
    pub attempts: Vec<AttemptView>,
    /// True once its user, or its time, wanted its end.
    pub cancelled: bool,
    /// True once nothing more will happen.
    pub ended: bool,
    /// Why no provider was found, if so.
    pub unmatched: Option<Unmatched>,
}

/// One order of a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptView {
    /// The order.
    pub job: JobId,
    /// Who was asked.
    pub provider: PeerId,
    /// When it was ordered.
    pub ordered: Timestamp,
    /// What is asked for it: for all units, and once the run was claimed for those that it took.
    pub price: Amount,
    /// All that the client could lose when it was ordered.
    pub total_max: Amount,
    /// What is held of that while it is open, which is all that the client can lose: less once the run was claimed, by what that
    /// leaves of the price of the longest one.
    pub held: Amount,
    /// How far it is.
    pub state: AttemptState,
    /// Why the run ended, once it was claimed.
    pub end: Option<End>,
    /// The rate at which it is checked, once the ticket is here.
    pub rate: Option<Rate>,
    /// The digest of the output's bytes, once they are here.
    pub output: Option<Digest>,
    /// The digest of the receipt, once it is here.
    pub receipt: Option<Digest>,
    /// What it has cost in all, once that is proven.
    pub cost: Option<Amount>,
}

impl SubmissionView {
    /// The attempt whose provider works, the last of them if there are several: whoever was asked beside it and did not answer
    /// may stand behind it.
    #[must_use]
    pub fn running(&self) -> Option<&AttemptView> {
        self.attempts.iter().rev().find(|attempt| attempt.state == AttemptState::Running)
    }

    /// The attempt that says how far it is: the one that was taken up or gave what its user has, and else the last. Whoever was
    /// asked beside it and did not answer may stand behind it.
    #[must_use]
    pub fn foremost(&self) -> Option<&AttemptView> {
        let is_taken_up = |attempt: &&AttemptView| attempt.is_taken_up() && !self.awaits_rest(attempt);
        let taken_up = self.attempts.iter().rev().find(is_taken_up);
        taken_up.or_else(|| self.answer()).or_else(|| self.attempts.last())
    }

    /// The most that it has cost, or may yet: all that is held for each attempt that was opened, or may be, and of one that
    /// is over what it has cost. Of one that was refunded its place and its checks are kept, so it counts too.
    #[must_use]
    pub fn cost_max(&self) -> Amount {
        let opened = self.attempts.iter().filter(|attempt| attempt.may_cost());
        let costs = opened.map(|attempt| attempt.cost.unwrap_or(attempt.held));
        costs.fold(Amount::ZERO, |sum, cost| sum.plus(cost).unwrap_or(Amount(u64::MAX)))
    }

    /// The attempt whose result is its user's: the last that gave one which holds, a part only where nobody goes on with it.
    #[must_use]
    pub fn answer(&self) -> Option<&AttemptView> {
        let given = self.attempts.iter().rev().filter(|attempt| {
            attempt.output.is_some() && !attempt.is_refuted() && !self.awaits_rest(attempt)
        });
        let whole = given.clone().find(|attempt| attempt.end != Some(End::Cancelled));
        whole.or_else(|| given.clone().next())
    }

    /// Whether an attempt gave, or claims, a part of a text whose rest is still looked for, since its provider was given up.
    #[must_use]
    pub fn awaits_rest(&self, attempt: &AttemptView) -> bool {
        attempt.end == Some(End::Cancelled) && !self.cancelled && !self.ended
    }

    /// Attempts whose result is here and was refuted.
    pub fn refuted(&self) -> impl Iterator<Item = &AttemptView> {
        self.attempts.iter().filter(|attempt| attempt.output.is_some() && attempt.is_refuted())
    }

    /// True once one of its attempts was paid.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        let is_paid = |attempt: &AttemptView| matches!(attempt.state, AttemptState::Closed(outcome) if outcome.is_paid());
        self.attempts.iter().any(is_paid)
    }

    /// True once a notary opened one of its attempts, so that something of it may cost. Of one whose ticket was lost only its end is
    /// known.
    #[must_use]
    pub fn was_opened(&self) -> bool {
        let was = |of: &AttemptView| of.rate.is_some() || matches!(of.state, AttemptState::Closed(_));
        self.attempts.iter().any(was)
    }

    /// Whether it is too late to cancel it: an attempt has given a result that may still be paid. One that was broken off is
    /// what was wanted.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.foremost().is_some_and(|attempt| match attempt.state {
            AttemptState::Delivered | AttemptState::Running => {
                attempt.end.is_some_and(|end| end != End::Cancelled)
            }
            AttemptState::Proposed
            | AttemptState::Opening
            | AttemptState::Refused(_)
            | AttemptState::Unanswered
            | AttemptState::Failed(_)
            | AttemptState::Cancelled
            | AttemptState::Closed(_) => false,
        })
    }
}

impl AttemptView {
    /// Whether something is held for it, was kept of it, or may be. Its ticket says that it was opened.
    fn may_cost(&self) -> bool {
        let is_over_unopened = match self.state {
            AttemptState::Refused(_)
            | AttemptState::Unanswered
            | AttemptState::Failed(_)
            | AttemptState::Cancelled => self.rate.is_none(),
            AttemptState::Proposed
            | AttemptState::Opening
            | AttemptState::Running
            | AttemptState::Delivered
            | AttemptState::Closed(_) => false,
        };
        !is_over_unopened
    }

    /// Whether its provider agreed, and nothing ended it.
    fn is_taken_up(&self) -> bool {
        match self.state {
            AttemptState::Opening | AttemptState::Running | AttemptState::Delivered => true,
            AttemptState::Proposed
            | AttemptState::Refused(_)
            | AttemptState::Unanswered
            | AttemptState::Failed(_)
            | AttemptState::Cancelled
            | AttemptState::Closed(_) => false,
        }
    }

    /// True once it is closed and its provider was not paid: a result of it is nobody's to use.
    #[must_use]
    pub fn is_refuted(&self) -> bool {
        matches!(self.state, AttemptState::Closed(outcome) if !outcome.is_paid())
    }
}

/// Why what became of a submission became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grounds {
    /// What was not taken up when an offer was last looked for: nothing before that, and after a restart.
    pub passed: Option<Passed>,
    /// Each attempt's order, oldest first.
    pub orders: Vec<OrderGrounds>,
}

/// Why an order cost what it did and was checked as often as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderGrounds {
    /// Names the order.
    pub job: JobId,
    /// What the client signed.
    pub order: Order,
    /// What the notary's books said of its parties, once the ticket is here.
    pub standing: Option<Standing>,
    /// What follows from that.
    pub explanation: Option<Explanation>,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// The provider was asked.
    Proposed,
    /// The notary was asked.
    Opening,
    /// The provider works.
    Running,
    /// The result is here; it may still be checked.
    Delivered,
    /// The order was refused.
    Refused(Refusal),
    /// The provider did not answer.
    Unanswered,
    /// The provider gave up.
    Failed(Failure),
    /// The client ended it before it was opened.
    Cancelled,
    /// The job is closed.
    Closed(Outcome),
}

/// A provider's or verifier's run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// Which job.
    pub job: JobId,
    /// True for a check.
    pub check: bool,
    /// What runs.
    pub manifest: String,
    /// How far it is.
    pub state: RunState,
}

/// What a provider may be paid yet for one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueView {
    /// Which job.
    pub job: JobId,
    /// Who ordered it.
    pub client: PeerId,
    /// What runs.
    pub manifest: String,
    /// When its notary opened it, by that notary's time.
    pub opened: Timestamp,
    /// What is due if the claim holds; as long as nothing is claimed, the most that may be.
    pub due: Amount,
    /// True once it is claimed.
    pub is_claimed: bool,
}

/// What became of orders that a provider was shown since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemandView {
    /// It agreed.
    pub agreed: u64,
    /// Jobs of them that were opened and begun.
    pub began: u64,
    /// Jobs that were opened when there was no room any more.
    pub turned_away: u64,
    /// Not heard, because the same keys had asked too often.
    pub crowded: u64,
    /// Not taken on, because its owner blocks who ordered them.
    pub blocked: u64,
    /// It refused.
    pub refused: Vec<RefusedView>,
}

/// How often a provider refused for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedView {
    /// Why.
    pub reason: Refusal,
    /// How often.
    pub count: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// The input is fetched or the sandbox works.
    Running,
    /// What came of it is claimed or sealed.
    Committed,
    /// The job is closed.
    Closed(Outcome),
    /// It came to nothing.
    Ended,
}

/// A notary's books in sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BooksView {
    /// The journal.
    pub head: Head,
    /// The last tick.
    pub round: u64,
    /// What all accounts can spend.
    pub free: Amount,
    /// What is at stake.
    pub stake: Amount,
    /// What was at stake and is to be paid out.
    pub unbonding: Amount,
    /// What was lost of stakes in traps and is to be paid out to others.
    pub forfeited: Amount,
    /// What open jobs hold.
    pub held: Amount,
    /// What pays for checks.
    pub pool: Amount,
    /// What the first checks of endowed pairs are paid from.
    pub endowment: Amount,
    /// What was created.
    pub minted: Amount,
    /// How often the issuer created some after the first day.
    pub grants: u64,
    /// What was destroyed.
    pub burned: Amount,
    /// What the pool owes.
    pub owed: Amount,
    /// Jobs that are open.
    pub open: u64,
    /// Jobs that are closed.
    pub closed: u64,
    /// Where juries came to nothing.
    pub flagged: Vec<FlagView>,
    /// Each account.
    pub accounts: Vec<BalanceView>,
}

/// A pair of model and class in which juries came to nothing: its honest machines may not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagView {
    /// The model.
    pub model: Digest,
    /// The class.
    pub class: Digest,
    /// How many juries.
    pub juries: u64,
}

/// One account in a notary's books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceView {
    /// Whose.
    pub peer: PeerId,
    /// What can be spent.
    pub free: Amount,
    /// What is at stake.
    pub stake: Amount,
    /// What was at stake and is to be paid out.
    pub unbonding: Amount,
    /// What was lost of stakes in traps and is to be paid out to others.
    pub forfeited: Amount,
}

/// An account as its notary last stated it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The notary.
    pub notary: PeerId,
    /// What it said.
    pub account: Account,
}

/// When a notary was last heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeardNotaryView {
    /// The notary.
    pub notary: PeerId,
    /// How long ago that is; nothing if it was not heard since this peer started.
    pub ago: Option<Duration>,
}

/// Messages of one kind that came to nothing for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultView {
    /// The kind of statement.
    pub kind: String,
    /// Why it could not be taken; nothing if it was about nothing that this peer knows.
    pub fault: Option<Fault>,
    /// How many.
    pub count: u64,
}

/// An instruction that waits for its notary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstructionView {
    /// The notary.
    pub notary: PeerId,
    /// What it is to do.
    pub instruction: Instruction,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(state: AttemptState, rate: Option<Rate>) -> AttemptView {
        AttemptView {
            job: Digest::default(),
            provider: PeerId::default(),
            ordered: Timestamp::default(),
            price: Amount::credits(1),
            total_max: Amount::credits(3),
            held: Amount::credits(2),
            state,
            end: None,
            rate,
            output: None,
            receipt: None,
            cost: None,
        }
    }

    fn submission(attempts: Vec<AttemptView>) -> SubmissionView {
        let (key, manifest) = (Digest::default(), String::new());
        SubmissionView { key, manifest, attempts, cancelled: false, ended: true, unmatched: None }
    }

    #[test]
    fn what_was_opened_counts_whatever_came_of_it() {
        let cost = |attempts: &[(AttemptState, Option<Rate>)]| {
            let attempts = attempts.iter().map(|(state, rate)| attempt(*state, *rate));
            submission(attempts.collect()).cost_max()
        };
        let refused = AttemptState::Refused(Refusal::Busy);
        assert_eq!(cost(&[(refused, None), (AttemptState::Unanswered, None)]), Amount::ZERO);
        let some = Some(Rate::default());
        assert_eq!(cost(&[(AttemptState::Failed(Failure::Machine), some)]), Amount::credits(2));
        let closed =
            [Outcome::Silent, Outcome::NotDrawn].map(|outcome| (AttemptState::Closed(outcome), some));
        assert_eq!(cost(&closed), Amount::credits(4));
    }

    #[test]
    fn who_was_asked_beside_and_did_not_answer_does_not_say_how_far_it_is() {
        use AttemptState::{Closed, Delivered, Failed, Opening, Proposed, Running, Unanswered};

        let foremost = |states: &[AttemptState]| {
            let attempts = states.iter().map(|state| AttemptView {
                output: matches!(state, Closed(_) | Delivered).then(Digest::default),
                ..attempt(*state, None)
            });
            submission(attempts.collect()).foremost().map(|attempt| attempt.state)
        };
        let [paid, slashed] = [Outcome::Checked, Outcome::Slashed].map(Closed);
        for state in [Opening, Running, Delivered, paid] {
            assert_eq!(foremost(&[state, Unanswered]), Some(state));
            assert_eq!(foremost(&[Unanswered, state]), Some(state));
        }
        for state in [Proposed, Unanswered, Opening] {
            assert_eq!(foremost(&[slashed, state]), Some(state), "the next one");
        }
        assert_eq!(foremost(&[Failed(Failure::Machine), Proposed]), Some(Proposed));
        assert_eq!(foremost(&[]), None);
    }

    #[test]
    fn a_result_cannot_be_cancelled_though_somebody_was_asked_beside() {
        let claimed = AttemptView { end: Some(End::Stop), ..attempt(AttemptState::Delivered, None) };
        let beside = attempt(AttemptState::Unanswered, None);
        assert!(submission(alloc::vec![claimed, beside]).is_claimed());
    }
}
