//! The notary: takes facts into its books, one after another, and says what follows.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    check::Check,
    codec, draw,
    id::{Digest, JobId, PeerId},
    job::{Misstep, Phase, Stage},
    message::Opened,
    notice::{Account, Head, Notice, NoticeEvent, Query, Settled},
    order::{Open, Refusal, Refuse},
    receipt::{Happening, Receipt, Story},
    signed::{Signed, Signer, Statement, Verified},
    ticket::Ticket,
    units::{Amount, Timestamp},
};

use super::{Node, alarms::Alarm};
use crate::{
    effect::{Effect, Effects, Event},
    ledger::{Consequence, JOBS_CLOSED_MAX, Ledger, OpenJob, Rejection},
    recent::Recent,
    record::{Entry, Fact, Record},
    view::{BalanceView, BooksView, FlagView},
};

/// How much longer than a provider a verifier may run: a slower machine is to find out what a faster one claims.
const CHECK_PATIENCE: u64 = 3;
/// How often the books are looked through for money that nothing would ever release: once a minute of usual ticks.
const RECONCILE_ROUNDS: u64 = 6;
/// Entries at the end of a chain whose receipts are filed again after a restart: a crash can lose no more.
const REFILED_ENTRIES: u64 = 256;

/// A notary's state: its books and where its chain ends.
#[derive(Debug)]
pub(super) struct Notary {
    pub(super) ledger: Ledger,
    head: Head,
    /// What its beacons grow from, once it is saved.
    seed: Option<Digest>,
    /// The digest of each closed job's receipt.
    receipts: Recent<JobId, Digest>,
    /// Receipts of the last entries, to be filed again.
    recent: Vec<(u64, Box<Receipt>, Vec<PeerId>)>,
    /// True once the books were looked through in this life.
    reconciled: bool,
}

impl Notary {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            head: Head::default(),
            seed: None,
            receipts: Recent::new(JOBS_CLOSED_MAX),
            recent: Vec::new(),
            reconciled: false,
        }
    }

    /// The value of the beacon in a round: chains are hashed forward from a seed and published backwards.
    fn beacon(&self, round: u64, epoch_ticks: u64) -> Digest {
        let Some(seed) = self.seed else { return Digest::default() };
        let (epoch, within) = match round.checked_sub(1) {
            Some(before) => (before / epoch_ticks, before % epoch_ticks + 1),
            None => return self.anchor(0, epoch_ticks),
        };
        let start = codec::digest("beacon seed", &(seed, epoch));
        (within..epoch_ticks).fold(start, |value, _| draw::chain_step(value))
    }

    /// The end of the chain of an epoch.
    fn anchor(&self, epoch: u64, epoch_ticks: u64) -> Digest {
        let start = codec::digest("beacon seed", &(self.seed.unwrap_or_default(), epoch));
        (0..epoch_ticks).fold(start, |value, _| draw::chain_step(value))
    }
}

impl<S: Signer> Node<S> {
    /// Begins to keep books, or goes on.
    pub(super) fn start_notary(&mut self, now: Timestamp, out: &mut Effects) {
        let Some(notary) = &self.notary else { return };
        if notary.seed.is_none() {
            let seed = self.random();
            self.keep(Record::Beacon(seed), out);
        }
        self.alarms.set(Alarm::Tick, now);
    }

    /// Files again what a crash may have kept from being filed.
    pub(super) fn resume_notary(&mut self, out: &mut Effects) {
        let Some(notary) = &mut self.notary else { return };
        let since = notary.head.sequence.saturating_sub(REFILED_ENTRIES);
        for (position, receipt, parties) in core::mem::take(&mut notary.recent) {
            if position >= since {
                out.push(Effect::File { receipt, parties });
            }
        }
    }

    pub(super) fn fold_beacon(&mut self, seed: Digest) {
        if let Some(notary) = &mut self.notary {
            notary.seed = Some(seed);
        }
    }

    /// Takes an entry of its own chain again.
    pub(super) fn fold_entry(&mut self, entry: &Entry) {
        let Some(mut notary) = self.notary.take() else { return };
        let position = notary.head.sequence;
        if let Ok(consequences) = notary.ledger.apply(&entry.fact) {
            notary.head = Head { sequence: position + 1, digest: entry.digest() };
            for consequence in consequences {
                if let Consequence::Closed { story, client, provider } = consequence {
                    let receipt = Box::new(self.seal(*story));
                    notary.receipts.insert(receipt.story.ticket.job, Digest::of(&receipt.to_bytes()));
                    notary.recent.retain(|(at, ..)| at + REFILED_ENTRIES >= position);
                    notary.recent.push((position, receipt, [client, provider].into()));
                }
            }
        }
        self.notary = Some(notary);
    }

    fn seal(&self, story: Story) -> Receipt {
        let settled = Settled { job: story.ticket.job, receipt: story.digest() };
        let settled = Signed::seal(settled, &self.signer, self.network).into_signed();
        Receipt { story, settled }
    }

    pub(super) fn tick(&mut self, now: Timestamp, out: &mut Effects) {
        let Some(notary) = &self.notary else { return };
        let timers = self.config.genesis.timers;
        let (round, length) = (notary.ledger.next_round(), timers.epoch_ticks);
        let begins = notary.ledger.begins_epoch(round);
        let anchor = if begins { notary.anchor(round / length, length) } else { Digest::default() };
        let tick = notary.ledger.next_tick(now, notary.beacon(round, length), anchor, notary.head);
        let tick = Signed::seal(tick, &self.signer, self.network);
        self.alarms.set(Alarm::Tick, now.after(timers.tick));
        if self.enter(Fact::Tick(tick.signed().clone()), out).is_ok() {
            if begins {
                out.push(Effect::Publish(tick.into()));
            }
            self.notify_all(out);
            self.reconcile(round, out);
        }
    }

    /// At the first tick of a life, and every so often, tells the operator of money that nothing would ever release.
    fn reconcile(&mut self, round: u64, out: &mut Effects) {
        let Some(notary) = &mut self.notary else { return };
        if core::mem::replace(&mut notary.reconciled, true) && !round.is_multiple_of(RECONCILE_ROUNDS) {
            return;
        }
        out.extend(notary.ledger.stranded().into_iter().map(|job| Effect::Tell(Event::Stranded { job })));
    }

    /// Takes a message that concerns the books.
    pub(super) fn notarise(&mut self, message: Opened, out: &mut Effects) {
        let position = self.notary.as_ref().map_or(0, |notary| notary.ledger.sequence());
        let happening = match message {
            Opened::Open(open) => return self.on_open(open, out),
            Opened::Query(query) => return self.on_query(&query, out),
            Opened::Stake(stake) => return self.instruct(stake, |said| said.sequence, Fact::Stake, out),
            Opened::Unstake(unstake) => {
                return self.instruct(unstake, |said| said.sequence, Fact::Unstake, out);
            }
            Opened::Register(register) => {
                return self.instruct(register, |said| said.sequence, Fact::Register, out);
            }
            Opened::Grant(grant) => return self.instruct(grant, |said| said.serial, Fact::Grant, out),
            Opened::Claim(claim) => Happening::Claim { claim: claim.into_signed(), position },
            Opened::Abort(abort) => Happening::Abort(abort.into_signed()),
            Opened::Cancel(cancel) => Happening::Cancel(cancel.into_signed()),
            Opened::Reveal(reveal) => Happening::Reveal(reveal.into_signed()),
            Opened::Dispute(dispute) => Happening::Dispute(dispute.into_signed()),
            Opened::Contradict(contradict) => Happening::Contradict(Box::new(contradict.into_signed())),
            Opened::Seal(seal) => Happening::Seal(seal.into_signed()),
            Opened::Unserved(unserved) => Happening::Unserved(unserved.into_signed()),
            Opened::OpenClaim(opening) => Happening::OpenClaim(opening.into_signed()),
            Opened::OpenSeal(opening) => Happening::OpenSeal(opening.into_signed()),
            Opened::Offer(_)
            | Opened::Propose(_)
            | Opened::Accept(_)
            | Opened::Refuse(_)
            | Opened::Ticket(_)
            | Opened::Start(_)
            | Opened::Deliver(_)
            | Opened::Check(_)
            | Opened::Notice(_)
            | Opened::Account(_)
            | Opened::Output(_)
            | Opened::Tick(_)
            | Opened::Settled(_) => return,
        };
        self.on_step(happening, out);
    }

    fn on_open(&mut self, open: Verified<Open>, out: &mut Effects) {
        let nested = open.order.is_signed::<S::Scheme>(self.network)
            && open.accept.is_signed::<S::Scheme>(self.network);
        if !nested {
            return;
        }
        let (job, client) = (open.order.recalled().id(), open.signer());
        match self.enter(Fact::Open(open.into_signed()), out) {
            Ok(()) => {}
            Err(Rejection::Refused(reason)) => self.say(client, Refuse { job, reason }, out),
            Err(_) => self.state(job, client, out),
        }
    }

    /// Takes a party's step; one that is not taken is answered with how the job stands.
    fn on_step(&mut self, happening: Happening, out: &mut Effects) {
        let Some((job, from)) = happening.about() else { return };
        // A statement within a statement was not verified with it.
        let nested = matches!(happening, Happening::Contradict(_));
        if nested && !happening.is_signed::<S::Scheme>(self.network) {
            return;
        }
        let disputed = matches!(happening, Happening::Dispute(_));
        match self.enter(Fact::Job(happening), out) {
            Ok(()) if disputed => {
                self.notice(from, job, NoticeEvent::Disputed, out);
                self.notify(job, out);
            }
            Ok(()) => self.notify(job, out),
            Err(Rejection::Misstep(Misstep::Known)) if disputed => {
                self.notice(from, job, NoticeEvent::Disputed, out);
            }
            Err(Rejection::Misstep(Misstep::TooLate)) if disputed => {
                self.say(from, Refuse { job, reason: Refusal::Late }, out);
            }
            Err(Rejection::Funds) if disputed => {
                self.say(from, Refuse { job, reason: Refusal::Funds }, out);
            }
            Err(
                Rejection::Misstep(Misstep::Known | Misstep::TooLate | Misstep::Closed) | Rejection::Unknown,
            ) => {
                self.state(job, from, out);
            }
            Err(_) => {}
        }
    }

    fn on_query(&mut self, query: &Verified<Query>, out: &mut Effects) {
        let from = query.signer();
        let known = self.notary.as_ref().is_some_and(|notary| notary.ledger.accounts().contains_key(&from));
        if !known {
            // Without a welcome grant it changes nothing either.
            let _ = self.enter(Fact::Query(query.signed().clone()), out);
        }
        if let Some(account) = self.statement(from, query.sequence) {
            self.say(from, account, out);
        }
        if let Some(job) = query.job {
            self.state(job, from, out);
        }
    }

    /// Takes an account's instruction; taken or not, the answer is how the account stands.
    fn instruct<T: Statement>(
        &mut self,
        said: Verified<T>,
        number: impl Fn(&T) -> u64,
        fact: impl Fn(Signed<T>) -> Fact,
        out: &mut Effects,
    ) {
        let (from, sequence) = (said.signer(), number(&said));
        let _ = self.enter(fact(said.into_signed()), out);
        if let Some(account) = self.statement(from, sequence) {
            self.say(from, account, out);
        }
    }

    fn statement(&self, peer: PeerId, sequence: u64) -> Option<Account> {
        let notary = self.notary.as_ref()?;
        let nobody = crate::ledger::Account::default();
        let account = notary.ledger.accounts().get(&peer).unwrap_or(&nobody);
        Some(Account {
            sequence,
            free: account.free,
            stake: account.stake,
            unbonding: account.unbonding(),
            instruction: account.instruction,
            held: notary.ledger.held_of(peer),
            owed: notary.ledger.owed(Some(peer)),
            fee_margin: notary.ledger.fee_margin(),
            head: notary.head,
        })
    }

    /// Takes a fact into the books, saves it, and says what follows.
    fn enter(&mut self, fact: Fact, out: &mut Effects) -> Result<(), Rejection> {
        let Some(notary) = &mut self.notary else { return Err(Rejection::Unknown) };
        let consequences = notary.ledger.apply(&fact)?;
        let entry = Entry { previous: notary.head.digest, fact };
        notary.head = Head { sequence: notary.head.sequence + 1, digest: entry.digest() };
        out.push(Effect::Save(Record::Chain(Box::new(entry))));
        for consequence in consequences {
            self.announce(consequence, out);
        }
        Ok(())
    }

    fn announce(&mut self, consequence: Consequence, out: &mut Effects) {
        match consequence {
            Consequence::Opened { client, ticket } => self.say(client, *ticket, out),
            Consequence::Drawn { job, rate, verifier } => {
                out.push(Effect::Tell(Event::Drawn { job, rate, verifier }));
            }
            Consequence::Accused { job, provider } => {
                out.push(Effect::Tell(Event::Accused { job, provider }))
            }
            Consequence::Closed { story, client, provider } => {
                let (job, outcome) = (story.ticket.job, story.outcome);
                let (paid, slashed) = (story.settlement.provider, story.settlement.slashed);
                let receipt = Box::new(self.seal(*story));
                let digest = Digest::of(&receipt.to_bytes());
                if let Some(notary) = &mut self.notary {
                    notary.receipts.insert(job, digest);
                }
                out.push(Effect::File { receipt, parties: [client, provider].into() });
                out.push(Effect::Tell(Event::Settled {
                    job,
                    outcome,
                    provider,
                    paid,
                    slashed,
                    receipt: digest,
                }));
                for party in [client, provider] {
                    self.notice(party, job, NoticeEvent::Closed { outcome, receipt: digest }, out);
                }
            }
        }
    }

    fn notice(&self, to: PeerId, job: JobId, event: NoticeEvent, out: &mut Effects) {
        let head = self.notary.as_ref().map(|notary| notary.head).unwrap_or_default();
        self.say(to, Notice { job, event, head }, out);
    }

    /// Answers a party that asks how a job stands.
    fn state(&mut self, job: JobId, to: PeerId, out: &mut Effects) {
        let Some(notary) = &self.notary else { return };
        if let Some(open) = notary.ledger.open_job(job) {
            let (client, ticket) = (open.job.order().client, *open.job.ticket());
            if to == client && matches!(open.job.stage(), Stage::Open { .. }) {
                self.say::<Ticket>(to, ticket, out);
            } else if to == open.job.order().provider
                && let Some(claimed) = self.claimed(job)
            {
                // Not the client: it would answer with its secret, and that again with this, for as long as the job
                // lasts.
                self.notice(to, job, claimed, out);
            }
            self.notify(job, out);
            return;
        }
        let (Some(closed), Some(receipt)) = (notary.ledger.closed_job(job), notary.receipts.get(&job)) else {
            return self.notice(to, job, NoticeEvent::Unknown, out);
        };
        if to == closed.client || to == closed.provider {
            let (outcome, receipt) = (closed.outcome, *receipt);
            out.push(Effect::Serve { digest: receipt, to });
            self.notice(to, job, NoticeEvent::Closed { outcome, receipt }, out);
        }
    }

    fn notify_all(&self, out: &mut Effects) {
        let Some(notary) = &self.notary else { return };
        notary.ledger.attended_jobs().for_each(|open| self.tell(open, out));
    }

    /// What the parties are told of a claim that is in the books.
    fn claimed(&self, job: JobId) -> Option<NoticeEvent> {
        let ledger = &self.notary.as_ref()?.ledger;
        let position = ledger.open_job(job)?.job.claim()?.position;
        Some(NoticeEvent::Claimed { position, claim: ledger.claim_of(job)?.clone() })
    }

    /// Tells those who should act on a job now.
    fn notify(&self, job: JobId, out: &mut Effects) {
        let Some(notary) = &self.notary else { return };
        notary.ledger.open_job(job).into_iter().for_each(|open| self.tell(open, out));
    }

    fn tell(&self, open: &OpenJob, out: &mut Effects) {
        let (job, client, provider) = (open.job.id(), open.job.order().client, open.job.order().provider);
        let beacon = open.job.positions().map(|beacon| beacon.value);
        match open.job.stage() {
            Stage::Claimed { .. } => {
                if let Some(claimed) = self.claimed(job) {
                    self.notice(client, job, claimed.clone(), out);
                    self.notice(provider, job, claimed, out);
                }
            }
            Stage::Cancelling { .. } => self.notice(provider, job, NoticeEvent::Cancelled, out),
            Stage::Checking(Phase::Seating { .. }) if open.job.disputed() => {
                self.notice(provider, job, NoticeEvent::Disputed, out);
            }
            Stage::Checking(Phase::Sealing { until }) | Stage::Jury(Phase::Sealing { until }) => {
                if let Some(check) = self.check(open, until) {
                    self.say(check.verifier, check, out);
                }
            }
            Stage::Checking(Phase::Opening { .. })
            | Stage::Jury(Phase::Opening { .. } | Phase::Silence { .. }) => {
                if open.job.opened().is_none() {
                    self.notice(provider, job, NoticeEvent::Open { beacon }, out);
                }
                if let Some(seat) = open.job.seats().last().filter(|seat| !seat.is_done()) {
                    self.notice(seat.peer, job, NoticeEvent::Open { beacon }, out);
                }
            }
            Stage::Open { .. }
            | Stage::Drawing { .. }
            | Stage::Waiting { .. }
            | Stage::Checking(_)
            | Stage::Jury(_)
            | Stage::Closed(_) => {}
        }
    }

    /// What the verifier in the last seat is asked.
    fn check(&self, open: &OpenJob, until: Timestamp) -> Option<Check> {
        let notary = self.notary.as_ref()?;
        let (order, job) = (open.job.order(), open.job.id());
        let verifier = open.job.seats().last()?.peer;
        let swap = codec::digest("sources", &(job, verifier, notary.seed)).0[0] & 1 == 1;
        let sources = if swap { [order.provider, order.client] } else { [order.client, order.provider] };
        let left = until.since(notary.ledger.moment().live);
        Some(Check {
            job,
            verifier,
            class: order.class,
            manifest: order.manifest.clone(),
            units_max: open.job.checked_units(),
            run_max: order.run_max.times(CHECK_PATIENCE),
            seed: order.seed(),
            input_commit: order.input_commit,
            sources,
            seal_by: notary.ledger.wall().unwrap_or_default().after(left),
        })
    }

    /// The books in sum.
    pub(super) fn view_books(&self) -> Option<BooksView> {
        let notary = self.notary.as_ref()?;
        let ledger = &notary.ledger;
        let sum = |amounts: &mut dyn Iterator<Item = Amount>| {
            amounts.fold(Amount::ZERO, |sum, amount| sum.plus(amount).unwrap_or(sum))
        };
        let (pool, minted, burned) = ledger.pool_minted_burned();
        Some(BooksView {
            head: notary.head,
            round: ledger.moment().beacon.round,
            free: sum(&mut ledger.accounts().values().map(|account| account.free)),
            stake: sum(&mut ledger.accounts().values().map(|account| account.stake)),
            unbonding: sum(&mut ledger.accounts().values().map(|account| account.unbonding())),
            held: ledger.held(),
            pool,
            endowment: ledger.endowment(),
            minted,
            burned,
            owed: ledger.owed(None),
            open: ledger.open_jobs().count() as u64,
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
                })
                .collect(),
        })
    }
}
