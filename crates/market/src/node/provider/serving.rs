//! One order that was taken on, until its job is closed.
//!
//! ```text
//! |          | start    | run     | claim   | yield   | abort   |
//! |----------|----------|---------|---------|---------|---------|
//! | accepted | fetching | .       | .       | .       | .       |
//! | fetching | .        | running | claimed | yielded | aborted |
//! | running  | .        | .       | claimed | yielded | aborted |
//! | claimed  | .        | .       | .       | .       | .       |
//! | yielded  | .        | .       | .       | .       | .       |
//! | aborted  | .        | .       | .       | .       | .       |
//! ```
//!
//! A step that has a point is refused. What is fetching can be claimed because a run is forgotten by a restart, and what
//! came of it is not.
//!
//! **Invariant:** claimed, yielded and aborted are final: of one job one thing is said.

use alloc::boxed::Box;

use assay_protocol::{
    claim::{Claim, EvidenceLeaf, OutputLeaf},
    id::{Digest, JobId, PeerId},
    order::{Abort, Order},
    signed::{Recorded, Verified},
    ticket::Ticket,
    units::Timestamp,
};

use crate::{
    effect::Run,
    input::{RunId, RunResult},
    node::heard::Fault,
    view::RunState,
};

/// One order that was taken on.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    pub(super) order: Verified<Order>,
    pub(super) phase: ServingPhase,
    pub(super) ticket: Option<Verified<Ticket>>,
    /// True once the notary has the claim.
    pub(super) noticed: bool,
    /// The digest of the claim in its books, once it said so: what a machine that lost its disk claims the next time may
    /// be another one, which counts for nothing.
    pub(super) bound: Option<Digest>,
    /// Until when a slot is kept for its ticket.
    pub(super) held_until: Timestamp,
    pub(super) tries: u32,
    /// When it is too late to begin, by this peer's clock.
    pub(super) claim_by: Timestamp,
    /// Since when a fetch of the input goes on.
    pub(super) asks: Option<Timestamp>,
}

/// How far it is.
#[derive(Clone, Debug)]
pub(super) enum ServingPhase {
    Accepted,
    Fetching,
    Running,
    Claimed(Box<Claimed>),
    Yielded(Recorded<Claim>),
    Aborted(Recorded<Abort>),
}

/// A claim with what opens it.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub(super) claim: Recorded<Claim>,
    pub(super) result: RunResult,
    pub(super) output: OutputLeaf,
    pub(super) evidence: EvidenceLeaf,
}

/// What can happen to it.
#[derive(Clone, Debug)]
pub(super) enum ServingStep {
    /// The notary holds the money.
    Start(Verified<Ticket>),
    /// The input is here.
    Run,
    /// The run gave a result.
    Claim(Box<Claimed>),
    /// Its client wants no more of it.
    Yield(Recorded<Claim>),
    /// It cannot be run.
    Abort(Recorded<Abort>),
}

impl Serving {
    /// An order that was just taken on.
    pub(super) fn new(order: Verified<Order>) -> Self {
        let (phase, held_until) = (ServingPhase::Accepted, Timestamp::default());
        Self {
            order,
            phase,
            ticket: None,
            noticed: false,
            bound: None,
            held_until,
            tries: 0,
            claim_by: Timestamp::default(),
            asks: None,
        }
    }

    /// Takes a step.
    ///
    /// # Errors
    /// [`Fault::Untimely`], if things do not stand so; nothing changes then.
    pub(super) fn apply(&mut self, step: ServingStep) -> Result<(), Fault> {
        self.phase = match (&self.phase, step) {
            (ServingPhase::Accepted, ServingStep::Start(ticket)) => {
                self.ticket = Some(ticket);
                ServingPhase::Fetching
            }
            (ServingPhase::Fetching, ServingStep::Run) => {
                self.phase = ServingPhase::Running;
                return Ok(());
            }
            // A run is forgotten by a restart, what came of it is not.
            (ServingPhase::Fetching | ServingPhase::Running, ServingStep::Claim(claimed)) => {
                ServingPhase::Claimed(claimed)
            }
            (ServingPhase::Fetching | ServingPhase::Running, ServingStep::Yield(claim)) => {
                ServingPhase::Yielded(claim)
            }
            (ServingPhase::Fetching | ServingPhase::Running, ServingStep::Abort(abort)) => {
                ServingPhase::Aborted(abort)
            }
            (
                ServingPhase::Accepted
                | ServingPhase::Fetching
                | ServingPhase::Running
                | ServingPhase::Claimed(_)
                | ServingPhase::Yielded(_)
                | ServingPhase::Aborted(_),
                _,
            ) => return Err(Fault::Untimely),
        };
        self.tries = 0;
        Ok(())
    }

    /// Notes until when the claim must be in: as long after the ticket came as the notary gives it, whatever time it is
    /// there.
    pub(super) fn set_claim_by(&mut self, now: Timestamp) {
        if let Some(ticket) = &self.ticket {
            self.claim_by = now.after(ticket.claim_by.since(ticket.standing.opened));
        }
    }

    /// Its claim with what opens it.
    pub(super) fn claimed(&self) -> Option<&Claimed> {
        if let ServingPhase::Claimed(claimed) = &self.phase { Some(claimed) } else { None }
    }

    /// The same, unless another one is in the books.
    pub(super) fn bound_claim(&self) -> Option<&Claimed> {
        let other =
            |claimed: &&Claimed| self.bound.is_some_and(|bound| bound != claimed.claim.verified().digest());
        self.claimed().filter(|claimed| !other(claimed))
    }

    /// What the notary is told of its end.
    pub(super) fn claim(&self) -> Option<&Recorded<Claim>> {
        match &self.phase {
            ServingPhase::Claimed(claimed) => Some(&claimed.claim),
            ServingPhase::Yielded(claim) => Some(claim),
            ServingPhase::Accepted
            | ServingPhase::Fetching
            | ServingPhase::Running
            | ServingPhase::Aborted(_) => None,
        }
    }

    /// What its statements quote.
    pub(super) fn ticket_digest(&self) -> Digest {
        self.ticket.as_ref().map(|ticket| Ticket::digest(ticket)).unwrap_or_default()
    }

    /// True while it takes up a slot.
    pub(super) fn is_busy(&self, now: Timestamp) -> bool {
        match self.phase {
            ServingPhase::Accepted => now < self.held_until,
            ServingPhase::Fetching | ServingPhase::Running => true,
            ServingPhase::Claimed(_) | ServingPhase::Yielded(_) | ServingPhase::Aborted(_) => false,
        }
    }

    /// How far it is, as it is shown.
    pub(super) fn state(&self) -> RunState {
        match self.phase {
            ServingPhase::Accepted => RunState::Waiting,
            ServingPhase::Fetching | ServingPhase::Running => RunState::Running,
            ServingPhase::Claimed(_) | ServingPhase::Yielded(_) => RunState::Committed,
            ServingPhase::Aborted(_) => RunState::Ended,
        }
    }

    /// The run that it asks for.
    pub(super) fn run(&self, job: JobId) -> Run {
        let order = &self.order;
        Run {
            id: RunId { job, check: false },
            manifest: order.manifest.clone(),
            input: order.input_commit,
            seed: order.seed(),
            units_max: order.units_max,
            run_max: order.run_max,
        }
    }
}

/// Client, notary, lane and number of an order: what names it before it is opened.
pub(super) type Number = (PeerId, PeerId, u16, u64);

/// What names an order before it is opened.
pub(super) fn number(order: &Order) -> Number {
    (order.client, order.notary, order.lane, order.nonce)
}

#[cfg(test)]
mod tests;
