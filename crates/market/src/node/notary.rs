//! The notary: takes facts into its books, one after another, and says what follows.
//!
//! ```text
//! statement ──▶ Fact ──▶ Ledger::apply ──▶ Save(entry) ──▶ what follows ──▶ who should act
//! ```
//!
//! **Invariant:** nothing is said of the books before the entry that it rests on is saved.

mod answers;
mod beacon;
mod chain;
mod grants;
mod openings;

pub use self::chain::REFILED_ENTRIES;

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use assay_protocol::{
    check::OpenClaim,
    id::{Digest, JobId, PeerId},
    job::{Misstep, SeatPhase, Stage},
    journal::Fact,
    message::{Message, Opened},
    notice::{Head, NoticeEvent, Query},
    order::{Open, Refusal, Refuse},
    receipt::{Happening, Receipt},
    signed::{Signed, Signer, Statement, Verified},
    standing::PeerStanding,
    ticket::Ticket,
    units::{Duration, Timestamp},
};

use super::{
    alarms::{Alarm, backoff},
    context::Context,
    heard::{Fault, Heard},
    role::Role,
};
use crate::{
    effect::Effect,
    event::Event,
    input::Input,
    ledger::{JOBS_CLOSED_MAX, Ledger, News, OpenJob, Rejection},
    moment::Steady,
    recent::Recent,
    record::Record,
};

/// How often the books are looked through for money that nothing would ever release: once a minute of usual ticks.
const RECONCILE_ROUNDS: u64 = 6;
/// By which part of what has passed the time that ticks tell may be faster or slower.
const TIME_SLACK: u64 = 8;
/// As after so many tries whoever works is told again of its check: it is there.
const TRIES_CALM: u32 = 5;
/// Peers of whom the last word is remembered.
const STANDINGS_MAX: usize = 4_096;
/// How often somebody is told again that a job is closed.
const TOLD_TRIES_MAX: u32 = 4;

/// A notary's state: its books and where its chain ends.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Notary {
    pub(super) ledger: Ledger,
    head: Head,
    /// What its beacons grow from, once it is saved.
    seed: Option<Digest>,
    /// The digest of each closed job's receipt.
    receipts: Recent<JobId, Digest>,
    /// What was said of peers to be shown to others, in this life.
    #[serde(skip, default = "no_standings")]
    standings: Recent<PeerId, Verified<PeerStanding>>,
    /// Receipts of the last entries, to be filed again.
    recent: Vec<(u64, Box<Receipt>)>,
    /// True once the books were looked through in this life.
    #[serde(skip)]
    reconciled: bool,
    /// The last tick of this life: when it was, and what time it told.
    #[serde(skip)]
    ticked: Option<(Steady, Timestamp)>,
    /// Who was just told that a job is closed, and may not have heard it.
    #[serde(skip)]
    told: Vec<Told>,
    /// What opens the claims of open jobs that open themselves; of those without a claim, what came last.
    openings: BTreeMap<JobId, Signed<OpenClaim>>,
    /// True until it is known that nobody remembers more of its journal than it does.
    #[serde(skip)]
    held_back: bool,
    /// How often those whom a job waits for were told so since it last went on.
    #[serde(skip)]
    pressed: BTreeMap<JobId, u32>,
}

/// Nothing was said of anybody yet.
fn no_standings() -> Recent<PeerId, Verified<PeerStanding>> {
    Recent::new(STANDINGS_MAX)
}

/// Somebody was told that a job is closed.
#[derive(Clone, Copy, Debug)]
struct Told {
    to: PeerId,
    job: JobId,
    /// After this it asks by itself.
    until: Steady,
    tries: u32,
}

impl<S: Signer> Role<S> for Notary {
    /// Takes what concerns the books: instructions of their owners, steps of jobs, questions.
    fn handle(&mut self, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        if self.held_back {
            return Heard::NotMine;
        }
        match input {
            Input::Undelivered { to } => self.tell_again(*to, cx),
            Input::Recalled { question, closed } => self.recalled(question, *closed, cx),
            Input::Message(Opened::Open(open)) => self.on_open(open, cx),
            Input::Message(Opened::Query(query)) => self.on_query(query, cx),
            Input::Message(Opened::Stake(stake)) => {
                self.instruct(stake, |said| said.sequence, Fact::Stake, cx)
            }
            Input::Message(Opened::Unstake(unstake)) => {
                self.instruct(unstake, |said| said.sequence, Fact::Unstake, cx)
            }
            Input::Message(Opened::Register(register)) => {
                self.instruct(register, |said| said.sequence, Fact::Register, cx)
            }
            Input::Message(Opened::Grant(grant)) => self.instruct(grant, |said| said.serial, Fact::Grant, cx),
            Input::Message(message) => Happening::of(message, self.ledger.sequence())
                .map_or(Heard::NotMine, |happening| self.on_step(happening, cx)),
            Input::Command(_)
            | Input::Offered { .. }
            | Input::Connection { .. }
            | Input::Fetched { .. }
            | Input::Collected { .. }
            | Input::Ran { .. }
            | Input::Streamed { .. }
            | Input::Shown { .. }
            | Input::Sensed(_)
            | Input::Wake => Heard::NotMine,
        }
    }

    /// Begins to keep books, or goes on.
    fn resume(&mut self, cx: &mut Context<'_, S>) {
        if self.held_back {
            return;
        }
        if self.seed.is_none() {
            let seed = cx.chance.draw();
            self.seed = Some(seed);
            cx.save(Record::Beacon(seed));
        }
        self.disclose_all(cx);
        cx.set(Alarm::Tick, cx.now);
        let is_open = |open: &&OpenJob| matches!(open.job.stage(), Stage::Open { .. });
        let open: Vec<Ticket> =
            self.ledger.open_jobs().filter(is_open).map(|open| *open.job.ticket()).collect();
        open.iter().for_each(|ticket| self.await_claim(ticket, cx));
    }
}

impl Notary {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            head: Head::default(),
            seed: None,
            receipts: Recent::new(JOBS_CLOSED_MAX),
            standings: no_standings(),
            recent: Vec::new(),
            reconciled: false,
            ticked: None,
            told: Vec::new(),
            openings: BTreeMap::new(),
            held_back: false,
            pressed: BTreeMap::new(),
        }
    }

    /// Says nothing until it goes on.
    pub(super) fn hold_back(&mut self) {
        self.held_back = true;
    }

    pub(super) fn is_held_back(&self) -> bool {
        self.held_back
    }

    /// Goes on where its journal ends, if it was held back.
    pub(super) fn go_on<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        if core::mem::take(&mut self.held_back) {
            self.resume(cx);
        }
    }

    /// Lets time enter the books.
    pub(super) fn tick<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        let timers = cx.genesis.timers;
        let (round, length) = (self.ledger.next_round(), timers.epoch_ticks);
        let begins = self.ledger.begins_epoch(round);
        let anchor = if begins { self.anchor(round / length, length) } else { Digest::default() };
        let tick = self.ledger.next_tick(self.time(cx), self.beacon(round, length), anchor, self.head);
        self.ticked = Some((cx.steady, tick.time));
        self.told.retain(|told| told.until > cx.steady);
        let tick = cx.seal(tick);
        cx.set(Alarm::Tick, cx.now.after(timers.tick));
        if self.enter(Fact::Tick(tick.signed().clone()), cx).is_ok() {
            if begins {
                cx.out.push(Effect::Publish(tick.into()));
            }
            let jobs: Vec<JobId> = self.ledger.attended_jobs().map(|open| open.job.id()).collect();
            for job in jobs {
                if self.is_worked_on(job) { self.recall(job, cx) } else { self.notify(job, cx) }
            }
            self.reconcile(round, cx);
        }
    }

    /// Tells those who should act on a job now, and again until it goes on.
    fn notify<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        self.pressed.insert(job, 0);
        self.press(job, cx);
    }

    /// True while a verifier works on it that has said so.
    fn is_worked_on(&self, job: JobId) -> bool {
        let stage = self.ledger.open_job(job).map(|open| open.job.stage());
        let is_sealing = |phase| matches!(phase, SeatPhase::Sealing { .. });
        stage.is_some_and(
            |stage| matches!(stage, Stage::Checking(phase) | Stage::Jury(phase) if is_sealing(phase)),
        )
    }

    /// Tells whoever works on a job of it now and then: its seal may have been lost.
    fn recall<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        if self.pressed.contains_key(&job) {
            return;
        }
        self.pressed.insert(job, TRIES_CALM);
        cx.set(Alarm::Notice(job), cx.now.after(backoff(TRIES_CALM)));
    }

    /// Looks at a job that was opened once half of the time for its claim is over, and has the tick that shows it passed.
    fn await_claim<S: Signer>(&mut self, ticket: &Ticket, cx: &mut Context<'_, S>) {
        self.pressed.insert(ticket.job, 0);
        let half = answers::half_of(ticket).plus(cx.genesis.timers.tick.times(2));
        cx.set(Alarm::Notice(ticket.job), cx.now.after(half));
    }

    /// Tells them, and sets the time of the next telling.
    pub(super) fn press<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let open = self.ledger.open_job(job);
        let waits = open.is_some_and(|open| self.tell(open, cx));
        // Books that stood still for a while do not know yet that half of the time for a claim is over: a tick will say so.
        if !waits && open.is_some_and(|open| matches!(open.job.stage(), Stage::Open { .. })) {
            return cx.set(Alarm::Notice(job), cx.now.after(cx.genesis.timers.tick));
        }
        let Some(tries) = self.pressed.get_mut(&job).filter(|_| waits) else {
            self.pressed.remove(&job);
            return cx.alarms.clear(Alarm::Notice(job));
        };
        let pause = backoff(*tries);
        *tries += 1;
        cx.set(Alarm::Notice(job), cx.now.after(pause));
    }

    /// What time a tick tells: as much has passed since the last one as on the steady clock, give or take an eighth while
    /// the wall clock is elsewhere. So time neither stands still nor leaps, whatever that is set to.
    fn time<S: Signer>(&self, cx: &Context<'_, S>) -> Timestamp {
        let Some((steady, time)) = self.ticked else { return cx.now };
        let passed = cx.steady.since(steady);
        let slack = Duration(passed.0 / TIME_SLACK);
        let (least, most) = (Duration(passed.0 - slack.0), passed.plus(slack));
        cx.now.max(time.after(least)).min(time.after(most))
    }

    /// Tells again who may not have heard that a job is closed.
    fn tell_again<S: Signer>(&mut self, to: PeerId, cx: &mut Context<'_, S>) -> Heard {
        let fresh = |told: &&mut Told| told.to == to && told.tries < TOLD_TRIES_MAX && told.until > cx.steady;
        let jobs: Vec<JobId> = self
            .told
            .iter_mut()
            .filter(fresh)
            .map(|told| {
                told.tries += 1;
                told.job
            })
            .collect();
        for job in &jobs {
            self.state(*job, to, cx);
        }
        if jobs.is_empty() { Heard::NotMine } else { Heard::Taken }
    }

    /// At the first tick of a life, and every so often, tells the operator of money that nothing would ever release.
    fn reconcile<S: Signer>(&mut self, round: u64, cx: &mut Context<'_, S>) {
        if core::mem::replace(&mut self.reconciled, true) && !round.is_multiple_of(RECONCILE_ROUNDS) {
            return;
        }
        self.ledger.stranded().into_iter().for_each(|job| cx.tell(Event::Stranded { job }));
    }

    fn on_open<S: Signer>(&mut self, open: &Verified<Open>, cx: &mut Context<'_, S>) -> Heard {
        // Mostly it is taken, and its name was found out on the way.
        let (job, client) = (|| open.order().id(), open.signer());
        match self.enter(Fact::Open(open.signed().clone()), cx) {
            Ok(()) => {}
            // Its number is used up: by itself, perhaps, long ago.
            Err(Rejection::Refused(reason @ Refusal::Nonce)) => cx.recall(job(), client, Some(reason)),
            Err(Rejection::Refused(reason)) => cx.say(client, Refuse { job: job(), reason }),
            Err(_) => self.state(job(), client, cx),
        }
        Heard::Taken
    }

    /// Takes a party's step; one that is not taken is answered with how the job stands.
    fn on_step<S: Signer>(&mut self, happening: Happening, cx: &mut Context<'_, S>) -> Heard {
        let Some((job, from)) = happening.about() else { return Heard::NotMine };
        let beside = if let Happening::OpenClaim { opening, .. } = &happening {
            self.hold_opening(opening)
        } else if let Happening::Claim { claim, .. } = &happening {
            self.keep_opening(claim, &happening, cx)
        } else {
            None
        };
        if let Some(heard) = beside {
            return heard;
        }
        let happening = if let Happening::OpenClaim { opening, .. } = happening {
            self.entry(opening)
        } else {
            happening
        };
        let disputed = matches!(happening, Happening::Dispute(_));
        let answers = matches!(happening, Happening::Underway(_));
        match self.enter(Fact::Job(happening), cx) {
            Ok(()) if answers => {
                self.pressed.remove(&job);
                self.recall(job, cx);
            }
            // Whoever answers a check again is not asked for it again at once, or the two would answer each other for ever.
            Err(
                Rejection::Misstep(Misstep::Known | Misstep::TooLate | Misstep::Closed) | Rejection::Unknown,
            ) if answers => {}
            Ok(()) => {
                if disputed {
                    self.notice(from, job, NoticeEvent::Disputed, cx);
                }
                self.notify(job, cx);
            }
            Err(Rejection::Misstep(Misstep::Known)) if disputed => {
                self.notice(from, job, NoticeEvent::Disputed, cx);
            }
            Err(Rejection::Misstep(Misstep::TooLate)) if disputed => {
                cx.say(from, Refuse { job, reason: Refusal::Late });
            }
            Err(
                Rejection::Misstep(Misstep::Known | Misstep::TooLate | Misstep::Closed) | Rejection::Unknown,
            ) => {
                self.state(job, from, cx);
            }
            Err(_) => return Heard::Misstep(Fault::Refused),
        }
        Heard::Taken
    }

    fn on_query<S: Signer>(&mut self, query: &Verified<Query>, cx: &mut Context<'_, S>) -> Heard {
        let from = query.signer();
        if !self.ledger.accounts().contains_key(&from) {
            // Without a welcome grant it changes nothing either.
            let _ = self.enter(Fact::Query(query.signed().clone()), cx);
        }
        // First what to choose by: with its account it may go on to order.
        if query.standing {
            self.give_standing(from, cx);
        }
        cx.say(from, self.statement(from, query.sequence));
        if let Some(job) = query.job.filter(|job| self.may_ask(*job, from)) {
            self.state(job, from, cx);
            self.remind(job, from, cx);
        }
        Heard::Taken
    }

    /// Says of a peer what it may show to others: the same throughout an epoch, unless it is a step more or less. With it
    /// what everyone was told as the epoch began: who asks may have been away then.
    fn give_standing<S: Signer>(&mut self, peer: PeerId, cx: &mut Context<'_, S>) {
        let Some(standing) = self.ledger.peer_standing(peer) else { return };
        let said = self.standings.get(&peer).filter(|said| said.is_alike(&standing)).cloned();
        let said = said.unwrap_or_else(|| cx.seal(standing));
        self.standings.insert(peer, said.clone());
        cx.send(peer, said);
        if let Some(checkpoint) = self.ledger.checkpoint_tick() {
            cx.send(peer, Message::Tick(checkpoint.clone()));
        }
    }

    /// Takes an account's instruction; taken or not, the answer is how the account stands.
    fn instruct<T: Statement, S: Signer>(
        &mut self,
        said: &Verified<T>,
        number: impl Fn(&T) -> u64,
        fact: impl Fn(Signed<T>) -> Fact,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let (from, sequence) = (said.signer(), number(said));
        let entered = self.enter(fact(said.signed().clone()), cx);
        cx.say(from, self.statement(from, sequence));
        entered.map_or(Heard::Misstep(Fault::Refused), |()| Heard::Taken)
    }

    /// Says what follows from a fact that was taken.
    fn announce<S: Signer>(&mut self, news: News, cx: &mut Context<'_, S>) {
        match news {
            News::Opened { client, ticket } => {
                self.await_claim(&ticket, cx);
                cx.say(client, *ticket);
            }
            News::Drawn { job, rate, verifier } => cx.tell(Event::Drawn { job, rate, verifier }),
            News::Accused { job, provider } => cx.tell(Event::Accused { job, provider }),
            News::Closed { story, client, provider } => {
                let (job, outcome) = (story.ticket.job, story.outcome);
                let (paid, slashed) = (story.settlement.provider, story.settlement.slashed);
                let (receipt, digest) = Receipt::seal(*story, cx.signer, cx.network);
                let receipt = Box::new(receipt);
                self.receipts.insert(job, digest);
                self.openings.remove(&job);
                cx.out.push(Effect::File { receipt });
                cx.tell(Event::Settled { job, outcome, provider, paid, slashed, receipt: digest });
                let until = cx.steady.after(cx.genesis.timers.tick);
                for party in [client, provider] {
                    self.told.push(Told { to: party, job, until, tries: 0 });
                    self.notice(party, job, NoticeEvent::Closed { outcome, receipt: digest }, cx);
                }
            }
        }
    }
}
