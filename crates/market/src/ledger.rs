//! The books of a notary: accounts, open jobs, and the rules by which money moves between them.
//!
//! **Invariant:** Σ free + Σ stake + Σ held + pool = minted − burned after every fact; `held(job)` is zero exactly when
//! the job is closed; money leaves `held` in one function, [`close`]; the same facts give the same books.

mod close;
mod open;
mod reading;
mod registry;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};

use assay_protocol::{
    draw,
    genesis::Genesis,
    id::{Digest, JobId, PeerId},
    job::{Job, Misstep, Moment, Party, Phase, Stage, Step},
    notice::{Query, Tick},
    order::{Open, Refusal},
    outcome::Outcome,
    receipt::{self, Event, Happening, Story},
    roster::Roster,
    signed::{Signed, Verified},
    ticket::Ticket,
    units::{Amount, Duration, Rate, Timestamp},
};

pub use open::LANES_MAX;

use self::registry::Checkpoint;
use crate::{record::Fact, trust::Trust};

/// Jobs that one notary keeps open.
pub const JOBS_OPEN_MAX: usize = 100_000;
/// Milliseconds in an hour: welcome grants are counted by it.
const HOUR_MS: u64 = 3_600_000;

/// The books of one notary.
#[derive(Clone, Debug)]
pub struct Ledger {
    genesis: Genesis,
    notary: PeerId,
    accounts: BTreeMap<PeerId, Account>,
    jobs: BTreeMap<JobId, OpenJob>,
    closed: BTreeMap<JobId, ClosedJob>,
    pool: Amount,
    minted: Amount,
    burned: Amount,
    /// What the pool could not pay, first in, first out.
    owed: VecDeque<(PeerId, Amount)>,
    trust: Trust,
    moment: Moment,
    wall: Option<Timestamp>,
    /// The ends of the beacon's hash chains, by the round before each chain's first.
    anchors: BTreeMap<u64, Digest>,
    checkpoint: Checkpoint,
    /// How many facts were taken.
    sequence: u64,
    /// The hour, and the welcome grants in it.
    welcomed: (u64, u64),
}

/// What one peer has.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// What can be spent.
    pub free: Amount,
    /// What is at stake.
    pub stake: Amount,
    operator: Digest,
    /// The classes whose jobs it can check.
    classes: Vec<Digest>,
    lanes: BTreeMap<u16, Lane>,
    /// The pay of its unsettled jobs that may go unchecked.
    exposed: Amount,
    /// Its open jobs as a provider.
    serving: BTreeSet<JobId>,
    /// Jobs over which it stands accused.
    accused: BTreeSet<JobId>,
    /// Those of them where a juror supports the accusation.
    frozen: BTreeSet<JobId>,
}

/// One queue of a client.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    next: u64,
    open: Option<JobId>,
}

/// A job that holds money.
#[derive(Clone, Debug)]
pub struct OpenJob {
    /// Where it stands.
    pub job: Job,
    open: Signed<Open>,
    begun: Moment,
    events: Vec<Event>,
    roster: Option<(u64, Arc<Roster>)>,
    /// Operators that cannot check it: the parties' and those drawn before.
    operators: Vec<Digest>,
    /// The client's money.
    held: Amount,
    /// The pool's money, for the check.
    reserve: Amount,
    /// The position from which on nothing of it is published while it is open.
    withheld: Option<u64>,
}

/// What is remembered of a closed job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedJob {
    /// How it ended.
    pub outcome: Outcome,
    /// Who ordered it.
    pub client: PeerId,
    /// Who ran it.
    pub provider: PeerId,
    /// The digest of its story.
    pub story: Digest,
}

/// What followed from a fact, for the notary to say.
#[derive(Clone, Debug)]
pub enum Consequence {
    /// A job was opened.
    Opened {
        /// Who ordered it.
        client: PeerId,
        /// What was fixed.
        ticket: Ticket,
    },
    /// It was drawn whether a job is checked.
    Drawn {
        /// Which job.
        job: JobId,
        /// At which rate.
        rate: Rate,
        /// Who checks it.
        verifier: Option<PeerId>,
    },
    /// A check did not match.
    Accused {
        /// Which job.
        job: JobId,
        /// Whose.
        provider: PeerId,
    },
    /// A job was closed.
    Closed {
        /// What happened to it.
        story: Box<Story>,
        /// Who ordered it.
        client: PeerId,
        /// Who ran it.
        provider: PeerId,
    },
}

/// Why a fact was not taken; the books are as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// An order was refused.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A step was refused.
    #[error("{0}")]
    Misstep(#[from] Misstep),
    /// The job is not open here, and never was.
    #[error("no such job")]
    Unknown,
    /// The job was opened before, by the same order.
    #[error("the job is known")]
    Known,
    /// The tick does not follow the last.
    #[error("not the next tick")]
    Tick,
    /// The entry quotes another position than its own.
    #[error("not the position of this entry")]
    Position,
    /// The account is known.
    #[error("the account is known")]
    KnownAccount,
    /// No welcome grant is left this hour, or the network has none.
    #[error("no welcome grant is to be had now")]
    NoWelcome,
}

impl Ledger {
    /// The books on the first day.
    #[must_use]
    pub fn new(genesis: Genesis, notary: PeerId) -> Self {
        let mut accounts: BTreeMap<PeerId, Account> = BTreeMap::new();
        for founder in &genesis.verifiers {
            let account = accounts.entry(founder.peer).or_default();
            (account.free, account.stake) = (founder.free, founder.stake);
            (account.operator, account.classes) = (founder.operator, founder.classes.clone());
        }
        let minted = accounts.values().fold(genesis.money.pool, |sum, account| {
            sum.plus(account.free).and_then(|sum| sum.plus(account.stake)).unwrap_or(sum)
        });
        let checkpoint = Checkpoint::new(0, &genesis, &accounts);
        Self {
            pool: genesis.money.pool,
            genesis,
            notary,
            accounts,
            jobs: BTreeMap::new(),
            closed: BTreeMap::new(),
            minted,
            burned: Amount::ZERO,
            owed: VecDeque::new(),
            trust: Trust::default(),
            moment: Moment::default(),
            wall: None,
            anchors: BTreeMap::new(),
            checkpoint,
            sequence: 0,
            welcomed: (0, 0),
        }
    }

    /// Takes one fact, whose signatures were checked. A rejected fact changes nothing.
    ///
    /// # Errors
    /// [`Rejection`], if the rules do not allow it now.
    pub fn apply(&mut self, fact: &Fact) -> Result<Vec<Consequence>, Rejection> {
        let mut out = Vec::new();
        match fact {
            Fact::Tick(tick) => self.tick(&tick.clone().recall(), &mut out)?,
            Fact::Open(open) => self.open(open.clone(), &mut out)?,
            Fact::Job(happening) => self.step(happening, &mut out)?,
            Fact::Query(query) => self.welcome(&query.clone().recall())?,
        }
        self.sequence += 1;
        debug_assert_eq!(self.total(), self.minted.minus(self.burned), "money is neither made nor lost");
        Ok(out)
    }

    fn tick(&mut self, tick: &Verified<Tick>, out: &mut Vec<Consequence>) -> Result<(), Rejection> {
        let first = self.wall.is_none();
        let round = if first { 0 } else { self.moment.beacon.round + 1 };
        let ends_chain = round.is_multiple_of(self.genesis.timers.epoch_ticks);
        let follows = if first { tick.anchor == Some(tick.beacon) } else { self.chained(tick.beacon) };
        let in_time = self.wall.is_none_or(|wall| tick.time >= wall);
        if tick.signer() != self.notary || tick.round != round || !follows || !in_time {
            return Err(Rejection::Tick);
        }
        match (ends_chain, tick.anchor) {
            (true, Some(anchor)) => {
                self.anchors.insert(round, anchor);
            }
            (false, None) => {}
            (true, None) | (false, Some(_)) => return Err(Rejection::Tick),
        }
        let passed = self.wall.map_or(Duration(tick.time.0), |wall| {
            Duration(tick.time.since(wall).0.min(self.genesis.timers.gap_max.0))
        });
        self.moment.live = self.moment.live.after(passed);
        (self.moment.beacon.round, self.moment.beacon.value) = (round, tick.beacon);
        self.wall = Some(tick.time);
        if ends_chain && !first {
            let epoch = round / self.genesis.timers.epoch_ticks;
            self.checkpoint = Checkpoint::new(epoch, &self.genesis, &self.accounts);
            self.forget_anchors();
        }
        self.tick_jobs(out);
        Ok(())
    }

    /// True if this value hashes to the last one of its chain.
    fn chained(&self, value: Digest) -> bool {
        let last = self.moment.beacon;
        let expected = self.anchors.get(&last.round).copied().unwrap_or(last.value);
        draw::chain_step(value) == expected
    }

    /// Drops the anchors of chains that no open job was drawn with.
    fn forget_anchors(&mut self) {
        let oldest = self.jobs.values().map(|open| open.begun.beacon.round).min();
        let oldest = oldest.unwrap_or(self.moment.beacon.round);
        let length = self.genesis.timers.epoch_ticks;
        self.anchors.retain(|round, _| round + length >= oldest);
    }

    fn tick_jobs(&mut self, out: &mut Vec<Consequence>) {
        let open: Vec<JobId> = self.jobs.keys().copied().collect();
        for id in open {
            let frozen = self.jobs.get(&id).is_some_and(|open| {
                let provider = self.accounts.get(&open.job.order().provider);
                provider.is_some_and(|account| !account.frozen.is_empty())
            });
            let happening = Happening::Tick { frozen };
            let Some(open) = self.jobs.get_mut(&id) else { continue };
            let before = (open.job.stage(), open.job.positions());
            let stepped = open.job.apply(happening.taken().step, Party::Notary, self.moment);
            debug_assert!(stepped.is_ok(), "an open job takes every tick");
            if before != (open.job.stage(), open.job.positions()) {
                open.events.push(Event { at: self.moment, what: happening });
            }
            self.advance(id, out);
        }
    }

    /// Takes a party's step, and whatever follows from it at once.
    fn step(&mut self, happening: &Happening, out: &mut Vec<Consequence>) -> Result<(), Rejection> {
        let taken = happening.taken();
        let Some((id, signer)) = taken.signed else { return Err(Misstep::NotYours.into()) };
        if self.closed.contains_key(&id) {
            return Err(Misstep::Closed.into());
        }
        let sequence = self.sequence;
        let roster = self.jobs.get(&id).map(|open| self.checkpoint.roster(open.job.order()));
        let open = self.jobs.get_mut(&id).ok_or(Rejection::Unknown)?;
        if open.party(taken.by) != Some(signer) {
            return Err(Misstep::NotYours.into());
        }
        if let Step::Claim { position, .. } = &taken.step
            && *position != sequence
        {
            return Err(Rejection::Position);
        }
        open.job.apply(taken.step, taken.by, self.moment)?;
        open.events.push(Event { at: self.moment, what: happening.clone() });
        if matches!(happening, Happening::Claim { .. }) {
            open.roster = roster.flatten();
        }
        if matches!(open.job.stage(), Stage::Drawing { .. }) {
            open.withheld.get_or_insert(sequence);
        }
        self.advance(id, out);
        Ok(())
    }

    /// Draws what is due to be drawn, notes accusations, closes what is closed.
    fn advance(&mut self, id: JobId, out: &mut Vec<Consequence>) {
        while let Some(happening) = self.due(id) {
            self.note_draw(id, &happening, out);
            let Some(open) = self.jobs.get_mut(&id) else { return };
            let taken = happening.taken();
            let drawn = open.job.apply(taken.step, taken.by, self.moment);
            debug_assert!(drawn.is_ok(), "what is due can be drawn");
            open.events.push(Event { at: self.moment, what: happening });
        }
        self.note_accusation(id, out);
        if let Some(Stage::Closed(_)) = self.jobs.get(&id).map(|open| open.job.stage()) {
            self.close(id, out);
        }
    }

    /// The draw that is due now.
    fn due(&self, id: JobId) -> Option<Happening> {
        let open = self.jobs.get(&id)?;
        let beacon = self.moment.beacon;
        match open.job.stage() {
            Stage::Drawing { round } if beacon.round >= round => {
                let claim = open.job.claim().map(|claimed| claimed.digest).unwrap_or_default();
                let rate = open.job.ticket().rate;
                let check = draw::is_drawn(id, claim, open.job.secret(), beacon.value, rate);
                Some(Happening::Draw { check })
            }
            Stage::Checking(Phase::Seating { round }) | Stage::Jury(Phase::Seating { round })
                if beacon.round >= round =>
            {
                let lot = receipt::lot(&open.job, beacon.value);
                let barred = receipt::barred(&self.genesis, open.job.order(), &open.operators);
                let cast = open
                    .roster
                    .as_ref()
                    .and_then(|(_, roster)| lot.cast(roster, &barred, self.genesis.checks.tries_max));
                Some(Happening::Seat(cast.unwrap_or_default()))
            }
            Stage::Open { .. }
            | Stage::Claimed { .. }
            | Stage::Drawing { .. }
            | Stage::Waiting { .. }
            | Stage::Checking(_)
            | Stage::Jury(_)
            | Stage::Closed(_) => None,
        }
    }

    /// Reserves what a drawn check costs, bars the drawn operator from the next draws, and says what was drawn.
    fn note_draw(&mut self, id: JobId, happening: &Happening, out: &mut Vec<Consequence>) {
        let Some(open) = self.jobs.get_mut(&id) else { return };
        let ticket = open.job.ticket();
        let (job, rate) = (id, ticket.rate);
        match happening {
            Happening::Draw { check: false } if !open.job.forced() => {
                out.push(Consequence::Drawn { job, rate, verifier: None });
            }
            Happening::Draw { .. } if !ticket.newcomer => {
                let fee = self.genesis.check_cost(open.job.order().work_max).min(self.pool);
                self.pool = self.pool.minus_up_to(fee);
                open.reserve = open.reserve.plus(fee).unwrap_or(open.reserve);
            }
            Happening::Seat(tries) => {
                let drawn = tries.last().map(|tried| tried.leaf);
                open.operators.extend(drawn.map(|leaf| leaf.operator));
                out.push(Consequence::Drawn { job, rate, verifier: drawn.map(|leaf| leaf.peer) });
            }
            Happening::Draw { .. }
            | Happening::Claim { .. }
            | Happening::Abort(_)
            | Happening::Reveal(_)
            | Happening::Seal(_)
            | Happening::Unserved(_)
            | Happening::OpenClaim(_)
            | Happening::OpenSeal(_)
            | Happening::Tick { .. }
            | Happening::Convicted => {}
        }
    }

    /// From the accusation on the provider's new jobs are all checked; once a juror supports it, it gets none.
    fn note_accusation(&mut self, id: JobId, out: &mut Vec<Consequence>) {
        let Some(open) = self.jobs.get(&id) else { return };
        if open.job.jury_from().is_none() {
            return;
        }
        let (provider, supported) = (open.job.order().provider, open.job.tally().against > 0);
        let account = self.accounts.entry(provider).or_default();
        if account.accused.insert(id) {
            out.push(Consequence::Accused { job: id, provider });
        }
        if supported {
            account.frozen.insert(id);
        }
    }

    /// Opens an account with the welcome grant, for the first few that ask in an hour. Without a grant nothing is
    /// written: keys cost nothing, entries in a journal do.
    fn welcome(&mut self, query: &Verified<Query>) -> Result<(), Rejection> {
        if self.accounts.contains_key(&query.signer()) {
            return Err(Rejection::KnownAccount);
        }
        let hour = self.wall.ok_or(Rejection::NoWelcome)?.0 / HOUR_MS;
        let given = if self.welcomed.0 == hour { self.welcomed.1 } else { 0 };
        let grant = self.genesis.money.welcome;
        if grant.is_zero() || given >= self.genesis.money.welcomes_per_hour {
            return Err(Rejection::NoWelcome);
        }
        self.minted = self.minted.plus(grant).ok_or(Rejection::NoWelcome)?;
        self.welcomed = (hour, given + 1);
        let account = self.accounts.entry(query.signer()).or_default();
        (account.free, account.operator) = (grant, Digest(query.signer().0));
        Ok(())
    }
}

impl OpenJob {
    /// The peer that is this party.
    #[must_use]
    pub fn party(&self, party: Party) -> Option<PeerId> {
        match party {
            Party::Client => Some(self.job.order().client),
            Party::Provider => Some(self.job.order().provider),
            Party::Verifier(seat) => self.job.seats().get(usize::from(seat)).map(|seat| seat.peer),
            Party::Notary => None,
        }
    }
}
