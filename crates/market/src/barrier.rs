//! The barrier: save, then say. A shell holds back what others can see until the records before it are durable, so what
//! a peer says survives a crash only if the brain puts the record it rests on in front of it.
//!
//! A statement rests on the record that holds it, or that made it true: a seal on the evidence behind it, a notary's word
//! on the entry that it quotes or that is about the same job or account. A question rests on nothing, and neither does a
//! provider's agreement, nor a refusal. What is asked here is asked of the effects of one input:
//! between two inputs nothing is saved.
//!
//! **Invariant:** every kind of message and of record is weighed by its name; a new one does not compile until it is.

mod ground;

use assay_protocol::{
    check::Underway,
    id::{Digest, JobId, PeerId},
    journal::Fact,
    message::Message,
    receipt::Receipt,
    signed::Signed,
    ticket::Ticket,
};

use self::ground::Ground;
use crate::{
    effect::Effect,
    event::Event,
    record::{Instructed, Record},
};

/// Something that others would see although the record it rests on comes only behind it.
#[derive(Clone, Copy, Debug)]
pub struct Overtaken<'a> {
    /// What others can see.
    pub said: &'a Effect,
    /// The record that should stand before it.
    pub saved: &'a Record,
}

/// The first of the effects of one input that others can see and that stands before a record it rests on.
#[must_use]
pub fn overtaken(effects: &[Effect]) -> Option<Overtaken<'_>> {
    // Behind the last record nothing is too early; mostly that is all but the record.
    let last = effects.iter().rposition(|effect| matches!(effect, Effect::Save(_)))?;
    effects[..last].iter().enumerate().find_map(|(place, said)| {
        (place + 1..=last).find_map(|at| {
            let Effect::Save(saved) = &effects[at] else { return None };
            let around = Around { effects, behind: &effects[at + 1..] };
            rests(said, &Ground::of(saved), &around).then_some(Overtaken { said, saved })
        })
    })
}

/// Asserts, where assertions are compiled in, that nothing among the effects of one input is [`overtaken`].
pub(crate) fn debug_assert_kept(effects: &[Effect]) {
    if cfg!(debug_assertions) {
        let overtaken = overtaken(effects);
        assert!(overtaken.is_none(), "something is said before it is saved: {overtaken:?}");
    }
}

/// What else there is.
struct Around<'a> {
    /// All effects of the input.
    effects: &'a [Effect],
    /// Those behind the record.
    behind: &'a [Effect],
}

/// True if what others can see rests on this ground. What does not say what it rests on, and is done again behind the
/// record, rested on an older one.
fn rests(said: &Effect, ground: &Ground<'_>, around: &Around<'_>) -> bool {
    match said {
        Effect::Send { to, message } => is_said_on(message, Some(*to), ground, around),
        Effect::Publish(message) => is_said_on(message, None, ground, around),
        // A provider's result, or the input of a job that its client shows to be open.
        Effect::Serve { digest, to, .. } => {
            matches!(ground, Ground::Result(_, output) if output == digest)
                || matches!(ground, Ground::Ticket(ticket) if around.starts(*to, ticket) && !around.serves(*to))
        }
        Effect::Release { .. } => {
            let again = |effect: &Effect| matches!(effect, Effect::Release { .. });
            matches!(ground, Ground::Close) && !around.behind.iter().any(again)
        }
        Effect::File { receipt } => is_filed_on(receipt, ground),
        Effect::Save(_)
        | Effect::Keep { .. }
        | Effect::Fetch { .. }
        | Effect::Collect { .. }
        | Effect::Run(_)
        | Effect::Stop(_)
        | Effect::Cut(_)
        | Effect::Show { .. }
        | Effect::Recall(_)
        | Effect::WakeAt(_)
        | Effect::Tell(_) => false,
    }
}

/// True if a message rests on this ground; `to` is whom it is sent to, unless everyone is told.
fn is_said_on(message: &Message, to: Option<PeerId>, ground: &Ground<'_>, around: &Around<'_>) -> bool {
    match message {
        Message::Offer(_) => matches!(ground, Ground::Provision) && !around.offers(),
        Message::Propose(propose) => {
            let (order, job) = (&propose.said().order, propose.said().order.said().id());
            matches!(ground, Ground::Order(made) if *made == order)
                || matches!(ground, Ground::Wish(key) if around.belongs(job, *key))
        }
        Message::Open(open) => matches!(ground, Ground::Agreement(agreed) if *agreed == open),
        Message::Start(start) => {
            matches!(ground, Ground::Ticket(ticket) if **ticket == start.said().ticket)
        }
        Message::Cancel(cancel) => {
            let job = cancel.said().job;
            matches!(ground, Ground::End(key) if around.belongs(job, *key))
                || matches!(ground, Ground::Forsaken(of) if *of == job)
        }
        Message::Reveal(reveal) => {
            matches!(ground, Ground::Shown(claim) if claim.said().job == reveal.said().job)
        }
        Message::Dispute(dispute) => matches!(ground, Ground::Doubt(job) if *job == dispute.said().job),
        Message::Abort(abort) => matches!(ground, Ground::Abort(given_up) if *given_up == abort),
        Message::Claim(claim) => ground.holds(claim),
        Message::Deliver(deliver) => ground.holds(&deliver.said().claim),
        Message::OpenClaim(opening) => {
            matches!(ground, Ground::Result(claim, _) if claim.said().job == opening.said().job)
        }
        Message::Seal(seal) => matches!(ground, Ground::Seal(sealed) if *sealed == seal),
        Message::OpenSeal(opening) => {
            matches!(ground, Ground::Seal(seal) if seal.said().job == opening.said().job)
        }
        Message::Underway(underway) => {
            let Underway { job, due } = *underway.said();
            matches!(ground, Ground::Asked(asked) if (asked.said().job, asked.said().due) == (job, due))
        }
        Message::Unserved(unserved) => matches!(ground, Ground::Unserved(given_up) if *given_up == unserved),
        Message::Stake(stake) => {
            matches!(ground, Ground::Instruction(Instructed::Stake(said)) if said.signed() == stake)
        }
        Message::Unstake(unstake) => {
            matches!(ground, Ground::Instruction(Instructed::Unstake(said)) if said.signed() == unstake)
        }
        Message::Register(register) => {
            matches!(ground, Ground::Instruction(Instructed::Register(said)) if said.signed() == register)
        }
        // What a notary says; but a verifier shows its check to those who have the input.
        Message::Check(check) if to != Some(check.said().verifier) => {
            matches!(ground, Ground::Asked(asked) if *asked == check)
        }
        Message::Check(check) => ground.bears(None, Some(check.said().job), None),
        Message::Ticket(ticket) => ground.bears(None, Some(ticket.said().job), None),
        Message::Notice(notice) => ground.bears(Some(notice.said().head), Some(notice.said().job), None),
        Message::Account(account) => ground.bears(Some(account.said().head), None, to),
        Message::PeerStanding(_) => ground.bears(None, None, to),
        Message::Tick(tick) => {
            matches!(ground, Ground::Seed)
                || matches!(ground, Ground::Entry(entry) if entry.fact == Fact::Tick(tick.clone()))
        }
        // Questions, refusals, and agreements, which hold nothing; what a run has written, of which no less is claimed after a
        // restart; and what no brain says of its own accord: an issuer grants, a receipt holds the notary's word on itself.
        Message::Query(_)
        | Message::Accept(_)
        | Message::Refuse(_)
        | Message::Output(_)
        | Message::Contradict(_)
        | Message::Grant(_)
        | Message::Settled(_) => false,
    }
}

/// True if a receipt rests on this ground: on the step that closed its job, or on the tick.
fn is_filed_on(receipt: &Receipt, ground: &Ground<'_>) -> bool {
    let Ground::Entry(entry) = ground else { return false };
    let story = &receipt.story;
    match &entry.fact {
        Fact::Tick(tick) => story.ticks.contains(tick),
        Fact::Job(_) => ground.bears(None, Some(story.ticket.job), None),
        Fact::Open(_)
        | Fact::Query(_)
        | Fact::Stake(_)
        | Fact::Unstake(_)
        | Fact::Register(_)
        | Fact::Grant(_) => false,
    }
}

impl Around<'_> {
    /// True if it is told that a job belongs to a submission.
    fn belongs(&self, job: JobId, key: Digest) -> bool {
        self.effects.iter().any(|effect| {
            let Effect::Tell(
                Event::Proposed { key: of, job: told, .. } | Event::Cancelling { key: of, job: told },
            ) = effect
            else {
                return false;
            };
            (*told, *of) == (job, key)
        })
    }

    /// True if this ticket is shown to a provider.
    fn starts(&self, provider: PeerId, ticket: &Signed<Ticket>) -> bool {
        self.effects.iter().any(|effect| {
            let Effect::Send { to, message: Message::Start(start) } = effect else { return false };
            *to == provider && start.said().ticket == *ticket
        })
    }

    /// True if something is served to a peer behind the record.
    fn serves(&self, peer: PeerId) -> bool {
        self.behind.iter().any(|effect| matches!(effect, Effect::Serve { to, .. } if *to == peer))
    }

    /// True if an offer is told behind the record.
    fn offers(&self) -> bool {
        self.behind.iter().any(|effect| matches!(effect, Effect::Publish(Message::Offer(_))))
    }
}

#[cfg(test)]
mod tests;
