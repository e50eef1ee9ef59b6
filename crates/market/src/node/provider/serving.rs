//! One job that was begun, until it is closed.
//!
//! ```text
//! |          | run     | claim   | yield   | abort   |
//! |----------|---------|---------|---------|---------|
//! | fetching | running | claimed | yielded | aborted |
//! | running  | .       | claimed | yielded | aborted |
//! | claimed  | .       | .       | .       | .       |
//! | yielded  | .       | .       | .       | .       |
//! | aborted  | .       | .       | .       | .       |
//! ```
//!
//! A step that has a point is refused. What is fetching can be claimed because a run is forgotten by a restart, and what
//! came of it is not.
//!
//! **Invariant:** claimed, yielded and aborted are final: of one job one thing is said.

use alloc::boxed::Box;

use assay_protocol::{
    claim::{Claim, EvidenceLeaf, OutputLeaf},
    id::{Digest, JobId},
    order::{Abort, Order, seed_of},
    signed::{Recorded, Verified},
    ticket::Ticket,
    units::{Timestamp, Units},
};

use crate::{
    effect::Run,
    input::{RunId, RunResult},
    node::heard::Fault,
    view::RunState,
};

/// One job that was begun.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Serving {
    #[serde(with = "assay_protocol::signed::kept")]
    pub(super) order: Verified<Order>,
    pub(super) phase: ServingPhase,
    #[serde(with = "assay_protocol::signed::kept")]
    pub(super) ticket: Verified<Ticket>,
    /// True once the notary has the claim.
    #[serde(skip)]
    pub(super) noticed: bool,
    /// The digest of the claim in its books, once it said so: what a machine that lost its disk claims the next time may
    /// be another one, which counts for nothing.
    #[serde(skip)]
    pub(super) bound: Option<Digest>,
    #[serde(skip)]
    pub(super) tries: u32,
    /// When it is too late to begin, by this peer's clock.
    #[serde(skip)]
    pub(super) claim_by: Timestamp,
    /// Since when a fetch of the input goes on.
    #[serde(skip)]
    pub(super) asks: Option<Timestamp>,
    /// It began before a restart, and what was streamed of it until then is not known.
    #[serde(skip)]
    pub(super) resumed: bool,
    /// Its client wants no more of it, and what was written until then is on its way.
    #[serde(skip)]
    pub(super) cut: bool,
    /// When it began to run; nothing after a restart.
    #[serde(skip)]
    pub(super) runs_since: Option<Timestamp>,
}

/// How far it is.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) enum ServingPhase {
    Fetching,
    Running,
    Claimed(Box<Claimed>),
    Yielded(Recorded<Claim>),
    Aborted(Recorded<Abort>),
}

/// A claim with what opens it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Claimed {
    pub(super) claim: Recorded<Claim>,
    pub(super) result: RunResult,
    pub(super) output: OutputLeaf,
    pub(super) evidence: EvidenceLeaf,
}

/// What can happen to it.
#[derive(Clone, Debug)]
pub(super) enum ServingStep {
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
    /// A job that was just begun.
    pub(super) fn new(order: Verified<Order>, ticket: Verified<Ticket>) -> Self {
        let (phase, claim_by) = (ServingPhase::Fetching, Timestamp::default());
        Self {
            order,
            phase,
            ticket,
            noticed: false,
            bound: None,
            tries: 0,
            claim_by,
            asks: None,
            resumed: false,
            cut: false,
            runs_since: None,
        }
    }

    /// Takes a step.
    ///
    /// # Errors
    /// [`Fault::Untimely`], if things do not stand so; nothing changes then.
    pub(super) fn apply(&mut self, step: ServingStep) -> Result<(), Fault> {
        self.phase = match (&self.phase, step) {
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
                ServingPhase::Running
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
        self.claim_by = now.after(self.ticket.claim_by.since(self.ticket.standing.opened));
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

    /// True if its claim is opened to the notary as it is made.
    pub(super) fn opens_itself(&self) -> bool {
        self.order.manifest.policy.opens_itself()
    }

    /// What the notary is told of its end.
    pub(super) fn claim(&self) -> Option<&Recorded<Claim>> {
        match &self.phase {
            ServingPhase::Claimed(claimed) => Some(&claimed.claim),
            ServingPhase::Yielded(claim) => Some(claim),
            ServingPhase::Fetching | ServingPhase::Running | ServingPhase::Aborted(_) => None,
        }
    }

    /// What its statements quote.
    pub(super) fn ticket_digest(&self) -> Digest {
        Ticket::digest(&self.ticket)
    }

    /// Whether so many units are worth more than what is kept of a job that ends without any.
    pub(super) fn beats_the_fee(&self, units: Units) -> bool {
        self.order.unit_price.times(units).is_none_or(|price| price >= self.order.cancel_fee)
    }

    /// True while it takes up a slot.
    pub(super) fn is_busy(&self) -> bool {
        match self.phase {
            ServingPhase::Fetching | ServingPhase::Running => true,
            ServingPhase::Claimed(_) | ServingPhase::Yielded(_) | ServingPhase::Aborted(_) => false,
        }
    }

    /// How far it is, as it is shown.
    pub(super) fn state(&self) -> RunState {
        match self.phase {
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
            class: order.class,
            manifest: order.manifest.clone(),
            input: order.input_commit,
            seed: seed_of(job),
            units_max: order.units_max,
            run_max: order.run_max,
            listener: self.opens_itself().then_some(order.client),
            draft: None,
        }
    }
}

#[cfg(test)]
mod tests;
