//! The judge: computes a receipt again from the file alone.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
};

use serde::Serialize;

use super::{
    Happening, Receipt, Story, StoryEvent,
    punctual::{self, ToldTime},
};
use crate::{
    admission,
    draw::{self, Lot, Try},
    id::{Digest, JobId, NetworkId, PeerId},
    job::{Job, LiveTime, Party, Stage},
    notice::Tick,
    order::{Accept, Order},
    outcome::Outcome,
    payout::{self, Settlement},
    roster::Listing,
    signed::{Scheme, Signed, Statement, Verified},
    ticket::Ticket,
    units::{Amount, Rate, Timestamp},
};

/// What a verified receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The network.
    pub network: NetworkId,
    /// Its name.
    pub network_name: String,
    /// Who closed the job.
    pub notary: PeerId,
    /// Which job.
    pub job: JobId,
    /// Who ordered it.
    pub client: PeerId,
    /// Who ran it.
    pub provider: PeerId,
    /// How it ended.
    pub outcome: Outcome,
    /// The honest label.
    pub label: &'static str,
    /// The rate at which it was to be checked.
    pub rate: Rate,
    /// The digest of the claim that counts; none if nothing was claimed.
    pub claim: Option<Digest>,
    /// What the client has paid in all: what was held of its money and did not come back.
    pub cost: Amount,
    /// Re-executions that found what was claimed.
    pub agreeing: u64,
    /// Re-executions that found something.
    pub checks: u64,
    /// True if it was drawn without its client's secret, and so was to be checked.
    pub unrevealed: bool,
}

/// A step of the judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The file is one canonical receipt.
    Encoding,
    /// The rules of the network are such as a network can be run by.
    Network,
    /// The notary signed this story.
    Notary,
    /// Client and provider signed the order.
    Order,
    /// The ticket follows from the order and the rules.
    Ticket,
    /// The claim is the provider's.
    Claim,
    /// The secret is the client's and was committed to.
    Reveal,
    /// The ticks are the notary's, and their beacons belong to chains that were anchored before.
    Ticks,
    /// Nobody was heard after a deadline, and no tick passed over.
    InTime,
    /// What the client says against the job is its own, and true.
    Objection,
    /// The draw is what secret, claim and beacon give.
    Draw,
    /// The verifiers are those that were drawn.
    Verifiers,
    /// Seals and openings are true to what was committed to.
    Evidence,
    /// The outcome follows from all that.
    Outcome,
    /// The payments follow from the outcome.
    Payout,
}

impl Stop {
    /// All steps, in no order.
    pub const ALL: [Self; 15] = [
        Self::Encoding,
        Self::Network,
        Self::Notary,
        Self::Order,
        Self::Ticket,
        Self::Claim,
        Self::Reveal,
        Self::Ticks,
        Self::InTime,
        Self::Objection,
        Self::Draw,
        Self::Verifiers,
        Self::Evidence,
        Self::Outcome,
        Self::Payout,
    ];

    /// The step in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Encoding => "encoding",
            Self::Network => "network",
            Self::Notary => "notary's signature",
            Self::Order => "order",
            Self::Ticket => "ticket",
            Self::Claim => "claim",
            Self::Reveal => "reveal",
            Self::Ticks => "ticks",
            Self::InTime => "in time",
            Self::Objection => "objection",
            Self::Draw => "draw",
            Self::Verifiers => "verifiers",
            Self::Evidence => "evidence",
            Self::Outcome => "outcome",
            Self::Payout => "payout",
        }
    }
}

/// Why a receipt is not what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step \"{}\" fails: expected {expected}", .step.name())]
pub struct Refuted {
    /// The step that fails.
    pub step: Stop,
    /// What was expected.
    pub expected: String,
}

fn refute<T>(step: Stop, expected: impl ToString) -> Result<T, Refuted> {
    Err(Refuted { step, expected: expected.to_string() })
}

fn demand(holds: bool, step: Stop, expected: &str) -> Result<(), Refuted> {
    if holds { Ok(()) } else { refute(step, expected) }
}

/// Judges a receipt: every step, in order, from the file alone.
///
/// # Errors
/// [`Refuted`] with the first step that fails.
pub fn verify<S: Scheme>(receipt: &Receipt) -> Result<Report, Refuted> {
    let mut judge = Judge::<S>::new(&receipt.story);
    judge.notary(receipt)?;
    let (order, accept) = judge.order(receipt)?;
    judge.ticks(order.notary)?;
    judge.ticket(&order, &accept)?;
    judge.listing(&order)?;
    let job = judge.replay(order)?;
    judge.outcome(&job)?;
    Ok(judge.report(&job))
}

struct Judge<'a, S> {
    story: &'a Story,
    network: NetworkId,
    ticks: BTreeMap<u64, Tick>,
    scheme: core::marker::PhantomData<S>,
}

impl<'a, S: Scheme> Judge<'a, S> {
    fn new(story: &'a Story) -> Self {
        Self { story, network: story.genesis.id(), ticks: BTreeMap::new(), scheme: core::marker::PhantomData }
    }

    /// A statement with everything inside it, whoever signed it.
    fn opened<T: Statement>(&self, signed: &Signed<T>, step: Stop) -> Result<Verified<T>, Refuted> {
        let opened = signed.clone().open::<S>(self.network);
        opened.or_else(|forged| refute(step, alloc::format!("a valid signature on {}", forged.kind)))
    }

    fn notary(&self, receipt: &Receipt) -> Result<(), Refuted> {
        // First what costs least: most files that do not hold fail here.
        let said = receipt.settled.said();
        demand(said.receipt == self.story.digest(), Stop::Notary, "the story that the notary signed")?;
        self.story.genesis.examine().or_else(|unsound| refute(Stop::Network, unsound))?;
        let settled = self.opened(&receipt.settled, Stop::Notary)?;
        let known = self.story.genesis.notaries.contains(&settled.signer());
        demand(known, Stop::Notary, "a notary of the network")?;
        demand(settled.job == self.story.ticket.job, Stop::Notary, "the job that the notary signed")
    }

    fn order(&self, receipt: &Receipt) -> Result<(Order, Accept), Refuted> {
        let step = Stop::Order;
        let open = self.opened(&self.story.open, step)?;
        let (order, accept) = (open.order(), open.accept());
        let by_client = [open.signer(), order.signer()] == [order.client; 2];
        demand(by_client, step, "the signature of the client that the order names")?;
        demand(
            accept.signer() == order.provider,
            step,
            "the signature of the provider that the order names",
        )?;
        demand(accept.job == order.id(), step, "an agreement to this order")?;
        let notary = receipt.settled.said().signer();
        demand(order.notary == notary, step, "the notary that the order names")?;
        Ok((order.clone(), accept.clone()))
    }

    fn ticket(&self, order: &Order, accept: &Accept) -> Result<(), Refuted> {
        let (story, step) = (self.story, Stop::Ticket);
        let expected = Ticket::new(&story.genesis, order, story.ticket.standing);
        demand(story.ticket == expected, step, "what follows from the order and the books")?;
        let admitted = admission::admit(&story.genesis, order, accept, &expected);
        admitted.or_else(|refusal| {
            refute(step, alloc::format!("an order that may be opened, not one that is refused: {refusal}"))
        })?;
        let begun = self.ticks.get(&story.ticket.standing.round);
        let opened = begun.is_some_and(|tick| tick.time == story.ticket.standing.opened);
        demand(opened, step, "an opening at one of the ticks")
    }

    /// The notary's signed ticks by round: in order, each of an anchored chain, none that nothing happened at.
    fn ticks(&mut self, notary: PeerId) -> Result<(), Refuted> {
        let story = self.story;
        for signed in &story.ticks {
            let tick = self.opened(signed, Stop::Ticks)?;
            demand(tick.signer() == notary, Stop::Ticks, "the signature of the notary that the order names")?;
            let tick = tick.into_body();
            let last = self.ticks.last_key_value();
            let last = last.map(|(_, last)| last);
            let follows = last.is_none_or(|last| tick.round > last.round && tick.time >= last.time);
            demand(follows, Stop::Ticks, "ticks in order")?;
            let counted = tick.counts_from(last, &story.genesis.timers);
            demand(counted, Stop::Ticks, "live time as the times of the ticks give it")?;
            let begins = self.checkpoint_of(tick.round) == tick.round;
            demand(tick.checkpoint.is_some() == begins, Stop::Ticks, "a checkpoint where an epoch begins")?;
            demand(tick.names_convicts(), Stop::Ticks, "convicts of the last days, each once")?;
            self.ticks.insert(tick.round, tick);
        }
        let mut used: BTreeSet<u64> = story.events.iter().map(|event| event.round).collect();
        used.insert(story.ticket.standing.round);
        for round in used.clone() {
            demand(self.is_anchored(round), Stop::Ticks, "a value of an anchored chain")?;
            used.insert(self.anchor_of(round));
        }
        used.extend(self.claimed_in().map(|round| self.checkpoint_of(round)));
        demand(self.ticks.keys().eq(&used), Stop::Ticks, "the ticks that something happened at, and no other")
    }

    /// The round of the claim, if there is one.
    fn claimed_in(&self) -> Option<u64> {
        let claimed = |event: &&StoryEvent| matches!(event.what, Happening::Claim { .. });
        self.story.events.iter().find(claimed).map(|event| event.round)
    }

    /// The round of the last checkpoint up to this round.
    fn checkpoint_of(&self, round: u64) -> u64 {
        let length = self.story.genesis.timers.epoch_ticks;
        round.checked_rem(length).map_or(0, |within| round - within)
    }

    /// The round of the checkpoint that fixes the chain which the value of this round belongs to.
    fn anchor_of(&self, round: u64) -> u64 {
        self.checkpoint_of(round.saturating_sub(1))
    }

    /// True if the value of this round hashes forward to what a checkpoint before it had fixed.
    fn is_anchored(&self, round: u64) -> bool {
        let anchor = self.anchor_of(round);
        let (Some(tick), Some(start)) = (self.ticks.get(&round), self.ticks.get(&anchor)) else {
            return false;
        };
        let end = (anchor..round).fold(tick.beacon, |value, _| draw::chain_step(value));
        start.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.anchor == end)
    }

    /// The moment of an event.
    fn live_time(&self, round: u64) -> LiveTime {
        self.ticks.get(&round).map(Tick::live_time).unwrap_or_default()
    }

    /// Nothing that was due between this event and the one before was passed over.
    fn in_time(&self, job: &Job, event: &StoryEvent) -> Result<(), Refuted> {
        // Ticks that are told for another reason count as well as any.
        let before = self.ticks.range(..event.round).next_back().map(|(_, tick)| tick.live_time());
        let at = ToldTime {
            before: before.unwrap_or_default().live,
            now: self.live_time(event.round),
            gap_max: self.story.genesis.timers.gap_max,
        };
        let late = punctual::overdue(job, &event.what, at);
        late.map_or(Ok(()), |expected| refute(Stop::InTime, expected))
    }

    /// The roster, if it is the one that the last checkpoint before the claim fixed for these jobs.
    fn listing(&self, order: &Order) -> Result<(), Refuted> {
        let Some(listing) = &self.story.listing else { return Ok(()) };
        let stop = Stop::Verifiers;
        let Some(round) = self.claimed_in().map(|round| self.checkpoint_of(round)) else {
            return refute(stop, "no roster, since nothing was claimed");
        };
        let checkpoint = self.ticks.get(&round).and_then(|tick| tick.checkpoint.as_ref());
        let epoch = round.checked_div(self.story.genesis.timers.epoch_ticks);
        demand(listing.shows(order.client, order.provider), stop, "parties that stand in the roster")?;
        let listed = checkpoint.is_some_and(|checkpoint| listing.is_in(checkpoint.rosters, &order.kind()));
        demand(listed && epoch == Some(listing.roster.epoch), stop, "the roster of the last checkpoint")
    }

    /// Takes the job through its events by the table.
    fn replay(&self, order: Order) -> Result<Job, Refuted> {
        let (story, mut last) = (self.story, self.story.ticket.standing.round);
        let mut job = Job::open(&story.genesis, order, story.ticket, self.live_time(last));
        for event in &story.events {
            let (stop, at) = (stop_of(&event.what), self.live_time(event.round));
            demand(event.round >= last, Stop::Ticks, "events in order")?;
            self.in_time(&job, event)?;
            last = event.round;
            let (step, by) = event.what.step(&job);
            self.signature(&job, &event.what, by, stop)?;
            match &event.what {
                Happening::Draw { check } => self.draw(&job, *check, at)?,
                Happening::Seat { tries, after } => self.seat(&job, tries, *after, at)?,
                Happening::Claim { .. }
                | Happening::Abort(_)
                | Happening::Cancel(_)
                | Happening::Reveal(_)
                | Happening::Dispute(_)
                | Happening::Contradict(_)
                | Happening::Seal(_)
                | Happening::Underway(_)
                | Happening::Unserved(_)
                | Happening::OpenClaim { .. }
                | Happening::OpenSeal(_)
                | Happening::Tick
                | Happening::Convicted
                | Happening::Unreached => {}
            }
            let before = job.progress();
            if let Err(misstep) = job.apply(step, by, at) {
                return refute(
                    stop,
                    alloc::format!("a step that the table allows, not one that is refused: {misstep}"),
                );
            }
            if let (Happening::Claim { .. }, Some(listing)) = (&event.what, &story.listing) {
                job.enrol(listing.electorate());
            }
            let idle = stop == Stop::Outcome && job.progress() == before;
            demand(!idle, stop, "a tick, or an end of another job, that moves the job")?;
        }
        Ok(job)
    }

    /// A signed event is about this job and by the peer that may say so.
    fn signature(&self, job: &Job, what: &Happening, by: Party, stop: Stop) -> Result<(), Refuted> {
        let Some((about, signer)) = what.about() else { return Ok(()) };
        demand(what.is_signed::<S>(self.network), stop, "a valid signature")?;
        demand(about == job.id(), stop, "a statement about this job")?;
        let expected = match by {
            Party::Client => Some(job.order().client),
            Party::Provider => Some(job.order().provider),
            Party::Verifier(seat) => job.seats().get(usize::from(seat)).map(|seat| seat.peer),
            Party::Notary => None,
        };
        demand(expected == Some(signer), stop, "the signature of the right peer")
    }

    fn draw(&self, job: &Job, check: bool, at: LiveTime) -> Result<(), Refuted> {
        demand(job.due().1 == Some(at.beacon.round), Stop::Draw, "the beacon of the round that was due")?;
        let claim = job.claim().map(|claimed| claimed.digest).unwrap_or_default();
        let drawn = if matches!(job.stage(), Stage::Jury(_)) {
            draw::is_second(job.id(), job.secret(), at.beacon.value, job.second())
        } else {
            draw::is_drawn(job.id(), claim, job.secret(), at.beacon.value, self.story.ticket.rate)
        };
        demand(check == drawn, Stop::Draw, "the draw that secret, claim and beacon give")
    }

    fn seat(&self, job: &Job, tries: &[Try], after: Option<Timestamp>, at: LiveTime) -> Result<(), Refuted> {
        let stop = Stop::Verifiers;
        demand(job.due().1 == Some(at.beacon.round), stop, "the beacon of the round that was due")?;
        let anew =
            tries.last().is_some_and(|tried| job.seats().iter().all(|seat| seat.peer != tried.leaf.peer));
        let latest = at.live.after(self.story.genesis.timers.settle_max);
        let waits = after.is_none_or(|after| anew && after > at.live && after <= latest);
        demand(waits, stop, "time that counts from the draw, or from the end of checks before it")?;
        if tries.is_empty() {
            return Ok(());
        }
        let Some(Listing { roster, .. }) = &self.story.listing else {
            return refute(stop, "the roster that verifiers are drawn from");
        };
        let tries_max = self.story.genesis.checks.tries_max;
        let drawn = lot(job, at.beacon.value).confirms(roster, &job.barred(), tries, tries_max);
        demand(drawn, stop, "the verifier that secret and beacon give")
    }

    fn outcome(&self, job: &Job) -> Result<(), Refuted> {
        let expected = Stage::Closed(self.story.outcome);
        demand(job.stage() == expected, Stop::Outcome, "the outcome that the events lead to")?;
        let Settlement { slashed, fines, .. } = &self.story.settlement;
        demand(*slashed <= self.story.ticket.slash, Stop::Payout, "a slash within the ticket")?;
        // What was there is the notary's word: as much as it says that was taken.
        let debtor = payout::debtor(job);
        let fined = fines.iter().find(|fine| job.is_trap() && fine.peer == debtor).map(|fine| fine.amount);
        let at_stake = fined.unwrap_or(*slashed);
        let settlement = payout::settle(&self.story.genesis, job, at_stake);
        demand(settlement == self.story.settlement, Stop::Payout, "the payments of the table")
    }

    fn report(&self, job: &Job) -> Report {
        let story = self.story;
        let total = job.order().total_max;
        let held = total.plus(job.pledged()).unwrap_or(total);
        let found = job.seats().iter().filter(|seat| seat.found().is_some()).count() as u64;
        let drawn = story.events.iter().any(|event| matches!(event.what, Happening::Draw { .. }));
        Report {
            network: self.network,
            network_name: story.genesis.name.clone(),
            notary: job.order().notary,
            job: job.id(),
            client: job.order().client,
            provider: job.order().provider,
            outcome: story.outcome,
            label: story.outcome.label(),
            rate: story.ticket.rate,
            claim: job.claim().map(|claimed| claimed.digest),
            cost: held.minus_up_to(story.settlement.client),
            agreeing: job.agreeing(),
            checks: found,
            unrevealed: job.unrevealed() && drawn,
        }
    }
}

/// The lot that a job's next verifier is found by.
#[must_use]
pub fn lot(job: &Job, beacon: Digest) -> Lot {
    let seat = u16::try_from(job.drawn_so_far()).unwrap_or(u16::MAX);
    Lot { job: job.id(), secret: job.secret(), beacon, seat }
}

fn stop_of(what: &Happening) -> Stop {
    match what {
        Happening::Claim { .. } | Happening::Abort(_) => Stop::Claim,
        Happening::Cancel(_) | Happening::Dispute(_) | Happening::Contradict(_) => Stop::Objection,
        Happening::Reveal(_) => Stop::Reveal,
        Happening::Draw { .. } => Stop::Draw,
        Happening::Seat { .. } => Stop::Verifiers,
        Happening::Underway(_)
        | Happening::Seal(_)
        | Happening::Unserved(_)
        | Happening::OpenClaim { .. }
        | Happening::OpenSeal(_) => Stop::Evidence,
        Happening::Tick | Happening::Convicted | Happening::Unreached => Stop::Outcome,
    }
}
