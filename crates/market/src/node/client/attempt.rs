//! One order on its way, as its client sees it.
//!
//! ```text
//! |           | agree   | open    | claim | deliver   | fail   | close  | drop    | cancel    | forsake | doubt | no doubt |
//! |-----------|---------|---------|-------|-----------|--------|--------|---------|-----------|---------|-------|----------|
//! | proposed  | opening | .       | .     | .         | .      | .      | unseen  | cancelled | .       | .     | .        |
//! | opening   | .       | running | .     | .         | .      | closed | dropped | .         | .       | .     | .        |
//! | running   | .       | .       | same  | delivered | failed | closed | .       | .         | same    | .     | .        |
//! | failed    | .       | .       | same  | delivered | .      | closed | .       | .         | .       | .     | .        |
//! | delivered | .       | .       | same  | .         | .      | done   | .       | .         | .       | same  | same     |
//! | unseen    | .       | .       | .     | .         | .      | .      | .       | .         | .       | .     | .        |
//! | dropped   | .       | running | .     | .         | .      | closed | .       | .         | .       | .     | .        |
//! | cancelled | .       | .       | .     | .         | .      | .      | .       | .         | .       | .     | .        |
//! | closed    | .       | .       | same  | done      | .      | .      | .       | .         | .       | .     | same     |
//! | done      | .       | .       | same  | .         | .      | .      | .       | .         | .       | .     | same     |
//! ```
//!
//! A step that has a point is refused, and one that has the same is taken and leads nowhere else. Unseen and dropped are
//! refused or unanswered, before and after the notary was shown the order: one that it was shown may have been opened all
//! the same, and its ticket, or its close, is taken when it comes. Done is closed with the result here, which may come
//! after the close.
//!
//! **Invariant:** closed is final, and so is the first result that was what the claim in the books said.

use assay_protocol::{
    claim::{Claim, Deliver},
    id::{Digest, JobId, PeerId},
    manifest::End,
    objection::Output,
    order::{Failure, Open, Order, Refusal},
    outcome::Outcome,
    signed::{Recorded, Signer, Verified},
    ticket::Ticket,
    units::{Amount, Duration, Timestamp, Units},
};

use super::RESULT_TRIES_MAX;
use crate::{
    input::Proven,
    node::{
        alarms::{backoff, lull},
        context::Context,
        heard::Fault,
    },
    pace::{LINE_BYTES_PER_MS, run_of},
    reliability::Timing,
    view::AttemptState,
};

/// How long a provider that has the ticket may be silent at least, and how long it may be out of reach.
const LIFE_TIME: Duration = Duration::seconds(5);
/// How often a provider is shown its ticket again in quick succession, until it is heard of.
const LIFE_TRIES: u32 = 6;

/// How long nothing is heard of a provider that works, at most, where it has to be heard of within `run`.
fn lifeless_after(run: Duration, answers: Option<Duration>) -> Duration {
    run.times(3).max(LIFE_TIME).max(answers.unwrap_or_default().times(10))
}

/// One order.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Attempt {
    /// The submission.
    pub(super) key: Digest,
    #[serde(with = "assay_protocol::signed::kept")]
    pub(super) order: Verified<Order>,
    pub(super) secret: Digest,
    pub(super) state: AttemptState,
    pub(super) open: Option<Recorded<Open>>,
    #[serde(with = "assay_protocol::signed::kept")]
    pub(super) ticket: Option<Verified<Ticket>>,
    /// The digest of the claim in the notary's books, once that is known: no other counts.
    pub(super) bound: Option<Digest>,
    /// What that claim bills, and why it says that the run ended.
    pub(super) claimed: Option<(Units, End)>,
    /// What of the total went back to this client once that was in the books.
    pub(super) returned: Amount,
    /// True once some claim was seen: the provider has committed itself.
    pub(super) committed: bool,
    /// What became of the client's doubt.
    pub(super) doubt: Doubt,
    /// The provider's result while it is fetched, and until it is known which claim is in the books.
    #[serde(skip)]
    pub(super) delivering: Option<Verified<Deliver>>,
    /// True while that is here and waits for the claim in the books.
    #[serde(skip)]
    pub(super) is_here: bool,
    /// What opens the last claim that its provider delivered under, and may be the one in the books.
    #[serde(skip)]
    pub(super) shown: Option<Verified<Deliver>>,
    /// Its word for what it has streamed; nothing after a restart.
    #[serde(skip)]
    pub(super) streamed: Option<Verified<Output>>,
    /// When its provider was first asked; nothing after a restart.
    #[serde(skip)]
    pub(super) asked: Option<Timestamp>,
    /// How long a run takes, as the offer said; nothing after a restart.
    #[serde(skip)]
    pub(super) promised: Option<Duration>,
    /// True if it fell on a stranger although others are known.
    pub(super) of_lot: bool,
    /// How long after the ticket it could begin, as its provider said.
    #[serde(skip)]
    pub(super) starts_in: Duration,
    /// When the ticket came; nothing after a restart.
    #[serde(skip)]
    pub(super) started: Option<Timestamp>,
    /// Until when its provider has to be heard of.
    #[serde(skip)]
    pub(super) stirs_by: Option<Timestamp>,
    /// Since when there is no connection to its provider, if one was lost while it ran.
    #[serde(skip)]
    pub(super) parted: Option<Timestamp>,
    /// True once its provider was not, and no more is wanted of it.
    pub(super) forsaken: bool,
    /// How the notary says it closed, while the receipt is fetched.
    #[serde(skip)]
    pub(super) closing: Option<(Outcome, Digest)>,
    /// True while a fetch of the result goes on.
    #[serde(skip)]
    pub(super) fetches: bool,
    /// True while the receipt is looked for.
    #[serde(skip)]
    pub(super) collects: bool,
    /// True once its notary gave what is no receipt.
    #[serde(skip)]
    pub(super) refuted: bool,
    pub(super) output: Option<Digest>,
    pub(super) receipt: Option<Digest>,
    /// What it has cost in all, once that is proven.
    pub(super) cost: Option<Amount>,
    /// The day whose spending it counts to.
    pub(super) day: u64,
    #[serde(skip)]
    pub(super) tries: u32,
    /// True until it is looked at after a restart: what was said meanwhile was not heard.
    #[serde(skip)]
    pub(super) resumed: bool,
    #[serde(skip)]
    pub(super) undelivered: u32,
    /// When the close is due, once it is claimed and if it is not drawn; nothing after a restart.
    #[serde(skip)]
    pub(super) close_due: Option<Timestamp>,
}

/// What became of a client's doubt in a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Doubt {
    /// It has none, or the notary refused to look into it.
    None,
    /// The notary is told.
    Told,
    /// The notary has the result checked.
    Taken,
}

/// What can happen to it.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "each is moved a few times; a box would cost an allocation")]
pub(super) enum AttemptStep {
    /// The provider agrees: this is shown to the notary.
    Agree(Recorded<Open>),
    /// The notary holds the money.
    Open(Verified<Ticket>),
    /// The notary has this claim in its books.
    Claim(Recorded<Claim>),
    /// The result is here, and is what was claimed.
    Deliver(Verified<Deliver>),
    /// The provider gave up.
    Fail(Failure),
    /// The notary closed the job, and its receipt is here.
    Close(Digest, Proven),
    /// It was refused, or nobody answered.
    Drop(Option<Refusal>),
    /// Its user wants no more of it, and nobody but the provider has seen it.
    Cancel,
    /// Its provider has the ticket and is not heard of.
    Forsake,
    /// Its user doubts the result, or the notary answered to that.
    Doubt(Doubt),
}

impl Attempt {
    /// What is asked for the run: for the units of the claim in the books, as soon as that is known.
    pub(super) fn price(&self) -> Option<Amount> {
        self.order.unit_price.times(self.claimed.map_or(self.order.units_max, |(units, _)| units))
    }

    /// The most that it has cost, or may yet. Its ticket says that it was opened.
    pub(super) fn cost_max(&self) -> Amount {
        let is_over_unopened = match self.state {
            AttemptState::Refused(_)
            | AttemptState::Unanswered
            | AttemptState::Failed(_)
            | AttemptState::Cancelled => self.ticket.is_none(),
            AttemptState::Proposed
            | AttemptState::Opening
            | AttemptState::Running
            | AttemptState::Delivered
            | AttemptState::Closed(_) => false,
        };
        if is_over_unopened { Amount::ZERO } else { self.cost.unwrap_or(self.held()) }
    }

    /// True if its provider claims a part of what was wanted, because this client gave it up: somebody else goes on.
    pub(super) fn is_part(&self) -> bool {
        self.forsaken && self.claimed.is_some_and(|(_, end)| end == End::Cancelled)
    }

    /// What is held for it while it is open.
    pub(super) fn held(&self) -> Amount {
        self.order.total_max.minus_up_to(self.returned)
    }

    /// True if the notary was shown the order, and has refused it.
    pub(super) fn is_waived(&self) -> bool {
        matches!(self.state, AttemptState::Refused(_)) && self.open.is_some() && self.ticket.is_none()
    }

    /// An order that was just signed.
    pub(super) fn new(key: Digest, order: Verified<Order>, secret: Digest) -> Self {
        Self {
            key,
            order,
            secret,
            state: AttemptState::Proposed,
            open: None,
            ticket: None,
            bound: None,
            committed: false,
            doubt: Doubt::None,
            claimed: None,
            returned: Amount::ZERO,
            delivering: None,
            shown: None,
            streamed: None,
            is_here: false,
            asked: None,
            promised: None,
            of_lot: false,
            starts_in: Duration::default(),
            started: None,
            stirs_by: None,
            parted: None,
            forsaken: false,
            closing: None,
            fetches: false,
            collects: false,
            refuted: false,
            output: None,
            receipt: None,
            cost: None,
            day: 0,
            tries: 0,
            resumed: false,
            undelivered: 0,
            close_due: None,
        }
    }

    /// Takes a step.
    ///
    /// # Errors
    /// [`Fault::Untimely`], if things do not stand so; nothing changes then.
    pub(super) fn apply(&mut self, step: AttemptStep) -> Result<(), Fault> {
        use AttemptState::{
            Cancelled, Closed, Delivered, Failed, Opening, Proposed, Refused, Running, Unanswered,
        };
        match (self.state, step) {
            (Proposed, AttemptStep::Agree(open)) => {
                (self.open, self.state, self.tries) = (Some(open), Opening, 0);
            }
            (Opening | Refused(_) | Unanswered, AttemptStep::Open(ticket)) if self.open.is_some() => {
                (self.ticket, self.state, self.tries) = (Some(ticket), Running, 0);
            }
            (Running | Delivered | Failed(_) | Closed(_), AttemptStep::Claim(claim)) => {
                (self.bound, self.committed) = (Some(claim.verified().digest()), true);
                self.claimed = Some((claim.units, claim.end));
            }
            (Running | Failed(_) | Closed(_), AttemptStep::Deliver(deliver)) if self.output.is_none() => {
                self.deliver(&deliver);
            }
            (Running, AttemptStep::Fail(reason)) => self.state = Failed(reason),
            (
                Opening | Running | Delivered | Failed(_) | Refused(_) | Unanswered,
                AttemptStep::Close(receipt, Proven { outcome, claim, cost }),
            ) if self.open.is_some() => {
                (self.state, self.receipt, self.cost) = (Closed(outcome), Some(receipt), Some(cost));
                (self.closing, self.tries) = (None, 0);
                self.bound = claim.or(self.bound);
            }
            (Proposed | Opening, AttemptStep::Drop(reason)) => {
                self.state = reason.map_or(Unanswered, Refused);
            }
            (Proposed, AttemptStep::Cancel) => self.state = Cancelled,
            (Running, AttemptStep::Forsake) => (self.forsaken, self.tries) = (true, 0),
            (Delivered, AttemptStep::Doubt(doubt)) | (Closed(_), AttemptStep::Doubt(doubt @ Doubt::None)) => {
                (self.doubt, self.tries) = (doubt, 0)
            }
            (
                Proposed | Opening | Running | Delivered | Refused(_) | Unanswered | Failed(_) | Cancelled
                | Closed(_),
                _,
            ) => return Err(Fault::Untimely),
        }
        Ok(())
    }

    fn deliver(&mut self, deliver: &Verified<Deliver>) {
        self.output = Some(deliver.leaf.written.blob);
        (self.bound, self.committed) = (Some(deliver.claim().to_verified().digest()), true);
        self.claimed = Some((deliver.leaf.units, deliver.leaf.end));
        (self.delivering, self.is_here, self.tries) = (None, false, 0);
        if !matches!(self.state, AttemptState::Closed(_)) {
            self.state = AttemptState::Delivered;
        }
    }

    /// The digest of its output, once that is here.
    pub(super) fn output_here(&self) -> Option<Digest> {
        let arrived =
            self.delivering.as_ref().filter(|_| self.is_here).map(|deliver| deliver.leaf.written.blob);
        self.output.or(arrived)
    }

    /// Gets the result that its provider named, unless that goes on already.
    pub(super) fn fetch<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let output =
            self.delivering.as_ref().filter(|_| !self.is_here).map(|deliver| deliver.leaf.written.blob);
        if let Some(output) = output.filter(|_| !core::mem::replace(&mut self.fetches, true)) {
            cx.fetch(job, output, [self.order.provider]);
        }
    }

    /// Gets the receipt that its notary named, unless that goes on already.
    pub(super) fn collect<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        if let Some((_, receipt)) = self.closing.filter(|_| !core::mem::replace(&mut self.collects, true)) {
            cx.collect(job, receipt, self.order.notary);
        }
    }

    /// Sets until when a provider that has the ticket must be heard of: three times as long as so many units take it by its
    /// offer, or ten answers where those take long, and as a slow line takes for the input.
    pub(super) fn await_life(&mut self, input_bytes: u64, answers: Option<Duration>, now: Timestamp) {
        let Order { manifest, units_max, run_max, .. } = &*self.order;
        let run = self.promised.map_or(*run_max, |promised| run_of(manifest, *units_max, promised));
        let time = lifeless_after(run.plus(self.starts_in), answers);
        self.stirs_by = Some(now.after(time).after(Duration(input_bytes / LINE_BYTES_PER_MS)));
    }

    /// Its provider has written more: it works, and is to be heard of again within the time of a typical run, which is many a
    /// word of it.
    pub(super) fn note_life(&mut self, answers: Option<Duration>, now: Timestamp) {
        let run = self.promised.unwrap_or(self.order.run_max);
        self.stirs_by = Some(now.after(lifeless_after(run, answers)));
    }

    /// True while its provider works, as far as anybody knows, and has not committed itself.
    pub(super) fn awaits_life(&self) -> bool {
        self.state == AttemptState::Running && !self.committed && !self.forsaken
    }

    /// True once its provider should have been heard of, and was not; or is out of reach while its notary, which was heard
    /// since then, is not.
    pub(super) fn is_lifeless(&self, notary_heard: Option<Timestamp>, now: Timestamp) -> bool {
        let is_cut_off = |since: Timestamp| {
            now >= since.after(LIFE_TIME) && notary_heard.is_some_and(|heard| heard >= since)
        };
        let is_silent = self.stirs_by.is_some_and(|by| now >= by);
        self.awaits_life() && (is_silent || self.parted.is_some_and(is_cut_off))
    }

    /// When it is to be looked at, if that is before `again`.
    pub(super) fn due_before(&self, again: Timestamp, now: Timestamp) -> Timestamp {
        let stirs_by = self.stirs_by.filter(|_| self.state == AttemptState::Running && !self.forsaken);
        let parted_by = self.parted.filter(|_| self.awaits_life()).map(|since| since.after(LIFE_TIME));
        let due = [self.close_due, stirs_by, parted_by].into_iter().flatten();
        due.filter(|due| *due > now).fold(again, Ord::min)
    }

    /// How long to wait until it is looked at again.
    pub(super) fn pause(&self, cancelling: bool) -> Duration {
        // Until it stirs its provider is told often: where much is lost, little is silence.
        if self.awaits_life() && self.tries <= LIFE_TRIES {
            return backoff(1);
        }
        let presses = match self.state {
            AttemptState::Proposed | AttemptState::Opening | AttemptState::Closed(_) => true,
            AttemptState::Running | AttemptState::Delivered | AttemptState::Failed(_) => {
                let is_parted = self.parted.is_some() && self.awaits_life();
                self.doubt == Doubt::Told || is_parted || (cancelling && !self.committed)
            }
            AttemptState::Refused(_) | AttemptState::Unanswered | AttemptState::Cancelled => false,
        };
        if presses { backoff(self.tries) } else { lull(self.tries) }
    }

    /// True once its provider should have claimed, or the notary closed it, and where that may be so without this client's
    /// hearing of it.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        self.resumed
            || self.close_due.is_some_and(|due| now >= due)
            || self.ticket.as_ref().is_none_or(|ticket| now >= ticket.claim_by)
    }

    /// True if the peer is its provider or its notary.
    pub(super) fn concerns(&self, peer: PeerId) -> bool {
        self.order.provider == peer || self.order.notary == peer
    }

    /// True while the notary's ticket would be taken.
    pub(super) fn awaits_ticket(&self) -> bool {
        self.may_close() && self.ticket.is_none()
    }

    /// How long its result took, if it comes now. Nothing if the client was restarted meanwhile: that the result was not
    /// taken sooner may be its own doing.
    pub(super) fn timing(&self, now: Timestamp) -> Option<Timing> {
        Some(Timing { promised: self.promised?, took: now.since(self.started?) })
    }

    /// True if the notary may have opened it, and nothing is known of its close: an order that was given up, or whose
    /// ticket was lost, may have run its course unseen.
    pub(super) fn may_close(&self) -> bool {
        self.open.is_some() && !matches!(self.state, AttemptState::Closed(_))
    }

    /// True while it is worth asking after: until it is closed and, if it was paid, its result is here.
    pub(super) fn is_pursued(&self) -> bool {
        let paid = matches!(self.state, AttemptState::Closed(outcome) if outcome.is_paid());
        self.is_open() || (paid && self.output.is_none() && self.tries < RESULT_TRIES_MAX)
    }

    /// True while something is still to come of it.
    pub(super) fn is_open(&self) -> bool {
        match self.state {
            AttemptState::Proposed
            | AttemptState::Opening
            | AttemptState::Running
            | AttemptState::Delivered => true,
            AttemptState::Failed(_) => self.receipt.is_none(),
            AttemptState::Refused(_)
            | AttemptState::Unanswered
            | AttemptState::Cancelled
            | AttemptState::Closed(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
