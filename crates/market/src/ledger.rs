//! The books of a notary: accounts, open jobs, and the rules by which money moves between them.
//!
//! **Invariant:** Σ free + Σ stake + Σ unbonding + Σ forfeited + Σ held + pool + endowment = minted − burned after every fact, or the
//! process ends before it says anything; `held(job)` is zero once the job is closed; money leaves `held` in [`close`] alone, but
//! for what goes back to the client at the claim; the same facts give the same books.

mod absence;
mod account;
mod agenda;
mod boxes;
mod close;
mod convicts;
mod course;
mod endowment;
mod exposure;
mod open;
mod reading;
mod registry;
mod sharing;
mod standings;
mod touched;
mod tracked;
mod traps;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};

use assay_protocol::{
    draw,
    genesis::{Genesis, Pair},
    id::{Digest, JobId, PeerId},
    job::{Job, LiveTime, Misstep, Party},
    journal::Fact,
    notice::{self, Head, Tick},
    order::{Open, Refusal},
    outcome::Outcome,
    rate::ConvictionOdds,
    receipt::StoryEvent,
    signed::Signed,
    units::{Amount, Duration, Timestamp},
};

use self::{
    absence::{Absences, Enrolment},
    agenda::{Agenda, Due},
    boxes::sum,
    convicts::Convicts,
    registry::{Enrolled, Rosters},
    tracked::Tracked,
};
pub use self::{
    account::{Holdings, WITHDRAWALS_MAX},
    open::LANES_MAX,
    touched::{News, Touched},
};
use crate::{recent::Recent, trust::Trust};

/// Closed jobs whose end the books remember; of an older one a notary finds the receipt, and others its journal.
pub const JOBS_CLOSED_MAX: usize = 4_096;
/// Pairs of model and class that are flagged; more say nothing that these do not.
const FLAGGED_MAX: usize = 1_024;
/// Milliseconds in an hour: welcome grants are counted by it.
const HOUR_MS: u64 = 3_600_000;

/// The books of one notary.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Ledger {
    /// Shared with the story of each job that closes.
    genesis: Arc<Genesis>,
    /// What its numbers come to.
    #[serde(skip)]
    odds: Option<ConvictionOdds>,
    notary: PeerId,
    accounts: Tracked<PeerId, Holdings>,
    /// Boxed: a tree moves its entries about, and these are large.
    jobs: Tracked<JobId, Box<OpenJob>>,
    /// Which of them the next ticks move.
    agenda: Agenda,
    /// The last of those that are over. None of them can be opened again: its number in its lane is past.
    closed: Recent<JobId, ClosedJob>,
    /// How many were closed in all.
    closed_count: u64,
    pool: Amount,
    /// What the first checks of the endowed pairs are paid from.
    endowment: Amount,
    /// How many of them are done or under way.
    endowed: BTreeMap<Pair, u64>,
    minted: Amount,
    burned: Amount,
    /// Where juries came to nothing: pairs of model and class whose honest machines may not agree.
    flagged: BTreeMap<Pair, u64>,
    /// What the pool could not pay, first in, first out.
    owed: VecDeque<(PeerId, Amount)>,
    trust: Trust,
    live_time: LiveTime,
    wall: Option<Timestamp>,
    /// The ticks that a receipt of an open job may need, by round.
    ticks: BTreeMap<u64, Signed<Tick>>,
    checkpoint: Rosters,
    /// Who did not answer, and what the market misses for it.
    absences: Absences,
    /// Who was convicted, for checkpoints to tell.
    convicts: Convicts,
    /// Peers that wait for a withdrawal.
    unbonding: BTreeSet<PeerId>,
    /// The serial and the digest of the last grant.
    granted: (u64, Digest),
    /// How many facts were taken.
    sequence: u64,
    /// The positions of those that are not published yet.
    withheld: BTreeSet<u64>,
    /// The hour, and the welcome grants in it.
    welcomed: (u64, u64),
}

/// A job that holds money.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct OpenJob {
    /// Where it stands.
    pub job: Job,
    open: Signed<Open>,
    events: Vec<StoryEvent>,
    roster: Option<Enrolled>,
    /// The client's money.
    held: Amount,
    /// The pool's money, for the check.
    reserve: Amount,
    /// The endowment's money, for the check.
    endowed: Amount,
    /// The positions of its facts from its claim on: they are not published while it is open.
    withheld: Vec<u64>,
    /// What it takes of its provider's stake.
    exposed: Amount,
    /// How many of its verifiers are through, found absent or heard.
    ended: usize,
    /// What the agenda last noted of it.
    planned: Due,
}

/// What is remembered of a closed job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClosedJob {
    /// How it ended.
    pub outcome: Outcome,
    /// Who ordered it.
    pub client: PeerId,
    /// Who ran it.
    pub provider: PeerId,
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
    /// The instruction is for other books.
    #[error("meant for another notary")]
    OtherNotary,
    /// The account is not known.
    #[error("no such account")]
    NoAccount,
    /// Instructions are missing before this one.
    #[error("not the account's next instruction")]
    Sequence,
    /// Another instruction had this number.
    #[error("another instruction had this number")]
    Conflict,
    /// The account does not hold as much.
    #[error("the account does not hold as much")]
    Funds,
    /// The stake stands for pay that is not settled.
    #[error("the stake stands for pay that is not settled yet")]
    Exposed,
    /// Too much of the kind is under way.
    #[error("too many withdrawals are under way")]
    Full,
    /// The list is not in ascending order.
    #[error("the list is not in ascending order")]
    Unordered,
    /// Somebody else than the issuer grants credits.
    #[error("only the issuer of the network grants credits")]
    NotTheIssuer,
    /// The sum of all money would not fit.
    #[error("more than all money can be")]
    TooMuch,
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
    pub fn new(genesis: impl Into<Arc<Genesis>>, notary: PeerId) -> Self {
        let genesis = genesis.into();
        let mut accounts: BTreeMap<PeerId, Holdings> = BTreeMap::new();
        for founder in &genesis.verifiers {
            let account = accounts.entry(founder.peer).or_default();
            (account.free, account.stake) = (founder.free, founder.stake);
            let kinds = founder
                .classes
                .iter()
                .flat_map(|class| genesis.manifests.iter().map(|manifest| manifest.kind(*class)));
            account.registered = kinds.map(|kind| (kind, Enrolment::default())).collect();
        }
        let (pool, endowment) = (genesis.money.pool, genesis.money.endowment);
        let owned = accounts.values().flat_map(|account| [account.free, account.stake]);
        let minted = owned.fold(sum(pool, endowment), sum);
        let checkpoint = Rosters::new(0, &genesis, &accounts);
        Self {
            pool,
            endowment,
            endowed: BTreeMap::new(),
            odds: Some(ConvictionOdds::of(&genesis.checks)),
            genesis,
            notary,
            accounts: Tracked::new(accounts),
            jobs: Tracked::new(BTreeMap::new()),
            agenda: Agenda::default(),
            closed: Recent::new(JOBS_CLOSED_MAX),
            closed_count: 0,
            minted,
            burned: Amount::ZERO,
            flagged: BTreeMap::new(),
            owed: VecDeque::new(),
            trust: Trust::default(),
            live_time: LiveTime::default(),
            wall: None,
            ticks: BTreeMap::new(),
            checkpoint,
            absences: Absences::default(),
            convicts: Convicts::default(),
            unbonding: BTreeSet::new(),
            granted: (0, Digest::default()),
            sequence: 0,
            withheld: BTreeSet::new(),
            welcomed: (0, 0),
        }
    }

    /// Takes one fact, whose signatures were checked. A rejected fact changes nothing.
    ///
    /// # Errors
    /// [`Rejection`], if the rules do not allow it now.
    ///
    /// # Panics
    /// If the fact made or lost money: a fault of this program, after which nothing is to be said of these books.
    pub fn apply(&mut self, fact: &Fact) -> Result<Touched, Rejection> {
        let mut news = Vec::new();
        let taken = self.take(fact, &mut news);
        let (jobs, accounts) = (self.jobs.take_touched(), self.accounts.take_touched());
        self.assert_conserved();
        taken?;
        self.sequence += 1;
        Ok(Touched { news, jobs, accounts })
    }

    fn take(&mut self, fact: &Fact, out: &mut Vec<News>) -> Result<(), Rejection> {
        match fact {
            Fact::Tick(tick) => self.tick(tick, out),
            Fact::Open(open) => self.open(open, out),
            Fact::Job(happening) => self.step(happening, out),
            Fact::Query(query) => self.welcome(&query.said()),
            Fact::Stake(stake) => self.stake(&stake.said()),
            Fact::Unstake(unstake) => self.unstake(&unstake.said()),
            Fact::Register(register) => self.register(&register.said()),
            Fact::Grant(grant) => self.grant(&grant.said()),
        }
    }

    /// The tick that is to be entered next, at this time, with the next value of the beacon; where an epoch ends, with
    /// the anchor of the next one's chain.
    #[must_use]
    pub fn next_tick(&self, time: Timestamp, beacon: Digest, anchor: Digest, head: Head) -> Tick {
        let begun = self.next_checkpoint();
        self.tick_of(time, beacon, begun.as_ref().map(|begun| (begun, anchor, head)))
    }

    /// A tick at this time; where an epoch begins, with its rosters, the anchor and the journal before it.
    fn tick_of(&self, time: Timestamp, beacon: Digest, begun: Option<(&Rosters, Digest, Head)>) -> Tick {
        let time = time.max(self.wall.unwrap_or_default());
        let checkpoint = begun.map(|(begun, anchor, head)| {
            let convicted = self.convicts.told(time);
            notice::Checkpoint { anchor, rosters: begun.rosters(), head, convicted }
        });
        let round = self.next_round();
        let timers = &self.genesis.timers;
        let passed = self.wall.map_or(Duration(time.0), |wall| timers.live_between(time.since(wall)));
        Tick { round, time, live: self.live_time.live.after(passed), beacon, checkpoint }
    }

    /// The round of the next tick.
    #[must_use]
    pub fn next_round(&self) -> u64 {
        self.wall.map_or(0, |_| self.live_time.beacon.round + 1)
    }

    /// True if an epoch begins with the tick of this round.
    #[must_use]
    pub fn begins_epoch(&self, round: u64) -> bool {
        round.is_multiple_of(self.genesis.timers.epoch_ticks)
    }

    /// Who can check what in the epoch that begins with the next tick, if one does.
    fn next_checkpoint(&self) -> Option<Rosters> {
        let (round, length) = (self.next_round(), self.genesis.timers.epoch_ticks);
        self.begins_epoch(round).then(|| Rosters::new(round / length, &self.genesis, &self.accounts))
    }

    fn tick(&mut self, signed: &Signed<Tick>, out: &mut Vec<News>) -> Result<(), Rejection> {
        let tick = signed.said();
        let said = tick.checkpoint.as_ref();
        let anchor = said.map(|checkpoint| checkpoint.anchor);
        let begun = self.next_checkpoint();
        let head = said.map(|checkpoint| checkpoint.head).unwrap_or_default();
        let checkpoint = begun.as_ref().map(|begun| (begun, anchor.unwrap_or_default(), head));
        let expected = self.tick_of(tick.time, tick.beacon, checkpoint);
        let first = self.wall.is_none();
        let chained = if first { anchor == Some(tick.beacon) } else { self.chained(tick.beacon) };
        let placed = said.is_none_or(|checkpoint| checkpoint.head.sequence == self.sequence);
        if tick.signer() != self.notary || *tick != expected || !chained || !placed {
            return Err(Rejection::Tick);
        }
        (self.live_time, self.wall) = (tick.live_time(), Some(tick.time));
        if let Some(begun) = begun {
            self.checkpoint = begun;
            self.suspend();
            self.convicts.turn(tick.time);
        }
        self.remember(tick.round, signed.clone());
        self.pay_withdrawals();
        self.tick_jobs(out);
        Ok(())
    }

    /// True if this value hashes to the last one of its chain.
    fn chained(&self, value: Digest) -> bool {
        let last = self.live_time.beacon;
        let begun = self.ticks.get(&last.round).map(Signed::said);
        let anchor = begun.as_ref().and_then(|tick| tick.checkpoint.as_ref()).map(|begun| begun.anchor);
        draw::chain_step(value) == anchor.unwrap_or(last.value)
    }

    /// Keeps the ticks that a receipt of an open job may need, with the checkpoints that anchor them.
    fn remember(&mut self, round: u64, tick: Signed<Tick>) {
        let length = self.genesis.timers.epoch_ticks;
        self.ticks.insert(round, tick);
        if self.begins_epoch(round) {
            let oldest = self.jobs.values().map(|open| open.job.ticket().standing.round).min();
            // The chain of the oldest round is anchored at most one epoch before it.
            let oldest = oldest.unwrap_or(round).saturating_sub(length);
            self.ticks = self.ticks.split_off(&oldest);
        }
    }
}

impl OpenJob {
    /// What went back to the client of all that it put up.
    fn given_back(&self) -> Amount {
        let total = self.job.order().total_max;
        total.plus(self.job.pledged()).unwrap_or(total).minus_up_to(self.held)
    }

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
