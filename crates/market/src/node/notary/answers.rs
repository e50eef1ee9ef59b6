//! What a notary says of its books: to parties, verifiers and owners, and to its operator.
//!
//! **Invariant:** nothing here changes the books; a job is told of to its parties and to whoever is to check it.

use assay_protocol::{
    check::{Check, Draft},
    codec, deadline,
    genesis::Genesis,
    id::{JobId, PeerId},
    job::{Job, SeatPhase, Stage},
    notice::{Account, Notice, NoticeEvent},
    order::{Refuse, seed_of},
    signed::Signer,
    ticket::Ticket,
    units::{Amount, Duration, Timestamp},
};

use super::Notary;
use crate::{
    input::{Inquiry, Remembered},
    ledger::{Holdings, OpenJob},
    node::{context::Context, heard::Heard},
    view::{BalanceView, BooksView, FlagView},
};

/// Half of the time that a job's claim may take.
pub(super) fn half_of(ticket: &Ticket) -> Duration {
    Duration(ticket.claim_by.since(ticket.standing.opened).0 / 2)
}

impl Notary {
    /// How an account stands, in answer to the question or instruction of this number.
    pub(super) fn statement(&self, peer: PeerId, sequence: u64) -> Account {
        let nobody = Holdings::default();
        let account = self.ledger.accounts().get(&peer).unwrap_or(&nobody);
        Account {
            sequence,
            free: account.free,
            stake: account.stake,
            unbonding: account.unbonding(),
            forfeited: account.forfeited(),
            instruction: account.instruction,
            held: self.ledger.held_of(peer),
            owed: self.ledger.owed(Some(peer)),
            fee_margin: self.ledger.fee_margin(),
            suspended: account.suspended(),
            open: self.ledger.open_count(),
            head: self.head,
        }
    }

    pub(super) fn notice<S: Signer>(
        &self,
        to: PeerId,
        job: JobId,
        event: NoticeEvent,
        cx: &mut Context<'_, S>,
    ) {
        cx.say(to, Notice { job, event, head: self.head });
    }

    /// True if a peer has to do with a job, as far as it is open: what a stranger asks is no reason to tell others anything.
    pub(super) fn may_ask(&self, job: JobId, peer: PeerId) -> bool {
        self.ledger.open_job(job).is_none_or(|open| {
            let order = open.job.order();
            order.client == peer
                || order.provider == peer
                || open.job.seats().iter().any(|seat| seat.peer == peer)
        })
    }

    /// Answers a party that asks how a job stands.
    pub(super) fn state<S: Signer>(&self, job: JobId, to: PeerId, cx: &mut Context<'_, S>) {
        if let Some(open) = self.ledger.open_job(job) {
            let order = open.job.order();
            if to == order.client && matches!(open.job.stage(), Stage::Open { .. }) {
                cx.say::<Ticket>(to, *open.job.ticket());
            } else if to == order.provider
                && let Some(claimed) = self.claimed(job)
            {
                self.notice(to, job, claimed, cx);
            }
            self.tell(open, cx);
            return;
        }
        let (Some(closed), Some(receipt)) = (self.ledger.closed_job(job), self.receipts.get(&job)) else {
            return cx.recall(job, to, None);
        };
        if to == closed.client || to == closed.provider {
            let (outcome, receipt) = (closed.outcome, *receipt);
            self.notice(to, job, NoticeEvent::Closed { outcome, receipt }, cx);
        }
    }

    /// Answers who asked after a job that was closed long ago, or was never opened here.
    pub(super) fn recalled<S: Signer>(
        &self,
        question: &Inquiry,
        closed: Option<Remembered>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let Inquiry { job, to, refusal } = *question;
        if self.ledger.open_job(job).is_some() || self.receipts.get(&job).is_some() {
            self.state(job, to, cx);
            return Heard::Taken;
        }
        match (closed, refusal) {
            (Some(Remembered { client, provider, outcome, receipt }), _) => {
                if to == client || to == provider {
                    self.notice(to, job, NoticeEvent::Closed { outcome, receipt }, cx);
                }
            }
            (None, Some(reason)) => cx.say(to, Refuse { job, reason }),
            (None, None) => self.notice(to, job, NoticeEvent::Unknown, cx),
        }
        Heard::Taken
    }

    /// Shows a client that asks the claim in the books, where nobody presses it to reveal any more: it takes no result of
    /// another claim. Not in answer to its steps: it answers with its secret, and that again with this, for as long as
    /// the job lasts.
    pub(super) fn remind<S: Signer>(&self, job: JobId, to: PeerId, cx: &mut Context<'_, S>) {
        let Some(open) = self.ledger.open_job(job).filter(|open| open.job.order().client == to) else {
            return;
        };
        if !matches!(open.job.stage(), Stage::Claimed { .. })
            && let Some(claimed) = self.claimed(job)
        {
            self.notice(to, job, claimed, cx);
        }
    }

    /// What the parties are told of a claim that is in the books.
    fn claimed(&self, job: JobId) -> Option<NoticeEvent> {
        let position = self.ledger.open_job(job)?.job.claim()?.position;
        Some(NoticeEvent::Claimed { position, claim: self.ledger.claim_of(job)?.clone() })
    }

    /// Tells those who should act on a job now; true if there is anybody.
    pub(super) fn tell<S: Signer>(&self, open: &OpenJob, cx: &mut Context<'_, S>) -> bool {
        let before = cx.out.len();
        let (job, client, provider) = (open.job.id(), open.job.order().client, open.job.order().provider);
        let beacon = open.job.positions().map(|beacon| beacon.value);
        match open.job.stage() {
            Stage::Claimed { .. } => {
                if let Some(claimed) = self.claimed(job) {
                    self.notice(client, job, claimed.clone(), cx);
                    self.notice(provider, job, claimed, cx);
                }
            }
            Stage::Cancelling { .. } => self.notice(provider, job, NoticeEvent::Cancelled, cx),
            // What opens the claim is not here any more.
            Stage::Checking(SeatPhase::Disclosing { .. }) => {
                self.notice(provider, job, NoticeEvent::Open { beacon: None }, cx);
            }
            Stage::Checking(SeatPhase::Seating { .. }) if open.job.disputed() => {
                self.notice(provider, job, NoticeEvent::Disputed, cx);
            }
            Stage::Checking(SeatPhase::Calling { .. } | SeatPhase::Sealing { .. })
            | Stage::Jury(SeatPhase::Calling { .. } | SeatPhase::Sealing { .. }) => {
                if let Some(check) = self.check(open, cx.genesis) {
                    cx.say(check.verifier, check);
                }
            }
            Stage::Checking(SeatPhase::Opening { .. })
            | Stage::Jury(SeatPhase::Opening { .. } | SeatPhase::Silence { .. }) => {
                if open.job.opened().is_none() {
                    self.notice(provider, job, NoticeEvent::Open { beacon }, cx);
                }
                if let Some(seat) = open.job.seats().last().filter(|seat| !seat.is_done()) {
                    self.notice(seat.peer, job, NoticeEvent::Open { beacon }, cx);
                }
            }
            // A provider that was shown no ticket cannot know that its claim is awaited.
            Stage::Open { until } if self.is_overdue(open, until) => {
                self.notice(provider, job, NoticeEvent::Overdue, cx);
            }
            Stage::Open { .. }
            | Stage::Drawing { .. }
            | Stage::Waiting { .. }
            | Stage::Checking(_)
            | Stage::Jury(_)
            | Stage::Closed(_) => {}
        }
        cx.out.len() > before
    }

    /// True once half of the time for a claim is over.
    fn is_overdue(&self, open: &OpenJob, until: Timestamp) -> bool {
        let left = until.since(self.ledger.live_time().live);
        left.0 <= half_of(open.job.ticket()).0
    }

    /// What the verifier in the last seat is asked; nothing, if it has lost what it had at stake.
    fn check(&self, open: &OpenJob, genesis: &Genesis) -> Option<Check> {
        let (order, job, due) = (open.job.order(), open.job.id(), open.job.works_until()?);
        let verifier = open.job.seats().last()?.peer;
        if !self.ledger.answers_for(verifier, order) {
            return None;
        }
        let swap = codec::digest("sources", &(job, verifier, self.seed)).0[0] & 1 == 1;
        let sources = if swap { [order.provider, order.client] } else { [order.client, order.provider] };
        let left = due.since(self.ledger.live_time().live);
        Some(Check {
            job,
            verifier,
            class: order.class,
            manifest: order.manifest.clone(),
            units_max: open.job.checked_units(),
            run_max: deadline::checking(genesis, order),
            seed: seed_of(job),
            input_commit: order.input_commit,
            sources,
            seal_by: self.ledger.wall().unwrap_or_default().after(left),
            draft: draft(&open.job),
            due,
        })
    }

    /// The books in sum.
    pub(in crate::node) fn books(&self) -> BooksView {
        let ledger = &self.ledger;
        let sum = |amounts: &mut dyn Iterator<Item = Amount>| {
            amounts.fold(Amount::ZERO, |sum, amount| sum.plus(amount).unwrap_or(sum))
        };
        let (pool, minted, burned) = ledger.pool_minted_burned();
        BooksView {
            head: self.head,
            round: ledger.live_time().beacon.round,
            free: sum(&mut ledger.accounts().values().map(|account| account.free)),
            stake: sum(&mut ledger.accounts().values().map(|account| account.stake)),
            unbonding: sum(&mut ledger.accounts().values().map(Holdings::unbonding)),
            forfeited: sum(&mut ledger.accounts().values().map(Holdings::forfeited)),
            held: ledger.held(),
            pool,
            endowment: ledger.endowment(),
            minted,
            grants: ledger.grants(),
            burned,
            owed: ledger.owed(None),
            open: ledger.open_count(),
            closed: ledger.closed_count(),
            flagged: ledger
                .flagged()
                .map(|(pair, juries)| FlagView { model: pair.model, class: pair.class, juries })
                .collect(),
            accounts: ledger
                .accounts()
                .iter()
                .map(|(peer, account)| BalanceView {
                    peer: *peer,
                    free: account.free,
                    stake: account.stake,
                    unbonding: account.unbonding(),
                    forfeited: account.forfeited(),
                })
                .collect(),
        }
    }
}

/// What a verifier may try its run along, where that proves nothing by itself.
fn draft(job: &Job) -> Option<Draft> {
    let proven = job.order().manifest.policy.is_proven_by_rows();
    let claimed = job.opened().filter(|_| proven)?;
    Some(Draft { written: claimed.written, units: claimed.units, end: claimed.end })
}
