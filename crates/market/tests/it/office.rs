//! A notary's books with everybody who writes in them: keys for all, facts as they would be signed, time by the tick.
//!
//! It is the only user of [`Ledger`] in these tests, and adds nothing to it: whoever lies here, lies with a true
//! signature.

use std::collections::BTreeMap;

use assay_market::ledger::{Holdings, Ledger, News, Rejection, Touched};
use assay_protocol::{
    codec, draw,
    genesis::{Checks, Founder, Genesis, Money, Threshold, Timers},
    id::{Digest, JobId, NetworkId, PeerId},
    job::{Job, Stage},
    journal::{Entry, Fact},
    manifest::{Manifest, Meter, Policy, TensorFormat, WorkPerMeter},
    notice::{Head, Settled, Tick},
    order::{Accept, Open, Order, secret_commit},
    receipt::{Happening, Receipt, Story},
    signed::{Signed, Signer, Statement},
    ticket::Ticket,
    units::{Amount, Duration, Rate, Timestamp},
};

/// When the books are opened.
const EPOCH_MILLIS: u64 = 1_800_000_000_000;
/// Verifiers of the first day.
pub(crate) const VERIFIERS: u64 = 5;
/// What each of them, and the provider, has at stake.
pub(crate) const STAKE: Amount = Amount::credits(1_000);
/// What everybody else begins with.
pub(crate) const FREE: Amount = Amount::credits(100);

/// The keys of the peers, by number.
pub(crate) const NOTARY: u64 = 1;
pub(crate) const ISSUER: u64 = 2;
pub(crate) const CLIENT: u64 = 3;
pub(crate) const PROVIDER: u64 = 4;
pub(crate) const NEWCOMER: u64 = 5;
/// Somebody with a key and, on the first day, without an account.
pub(crate) const STRANGER: u64 = 6;
pub(crate) const FIRST_VERIFIER: u64 = 10;

/// A key that is made from a number.
pub(crate) trait Key: Signer {
    fn numbered(number: u64) -> Self;
}

/// The books and everybody's keys.
pub(crate) struct Office<K> {
    pub(crate) ledger: Ledger,
    pub(crate) genesis: Genesis,
    pub(crate) network: NetworkId,
    pub(crate) head: Head,
    pub(crate) facts: Vec<Fact>,
    pub(crate) closed: Vec<Story>,
    /// Units of an order beyond those that are claimed.
    pub(crate) spare: u64,
    keys: BTreeMap<PeerId, K>,
    time: Timestamp,
}

/// A job that is under way, with what its parties keep to themselves.
#[derive(Clone, Debug)]
pub(crate) struct Ordered {
    pub(crate) id: JobId,
    pub(crate) order: Order,
    pub(crate) ticket: Ticket,
    pub(crate) secret: Digest,
}

impl<K: Key> Office<K> {
    /// The books of a network that differs from the usual one by what `change` does.
    pub(crate) fn new(change: impl FnOnce(&mut Genesis)) -> Self {
        let mut genesis = genesis::<K>();
        change(&mut genesis);
        let mut office = Self::unopened(genesis);
        office.tick();
        office
    }

    /// The books before the first tick.
    pub(crate) fn unopened(genesis: Genesis) -> Self {
        let numbers = [NOTARY, ISSUER, CLIENT, PROVIDER, NEWCOMER, STRANGER].into_iter().chain(verifiers());
        let keys = numbers.map(K::numbered).map(|key| (key.id(), key)).collect();
        Self {
            ledger: Ledger::new(genesis.clone(), id::<K>(NOTARY)),
            network: genesis.id(),
            genesis,
            head: Head::default(),
            facts: Vec::new(),
            closed: Vec::new(),
            spare: 0,
            keys,
            time: Timestamp(EPOCH_MILLIS),
        }
    }

    /// Makes the key of another peer.
    pub(crate) fn knows(&mut self, number: u64) {
        let key = K::numbered(number);
        self.keys.insert(key.id(), key);
    }

    /// What this peer says.
    pub(crate) fn say<T: Statement>(&self, by: PeerId, statement: T) -> Signed<T> {
        let Some(key) = self.keys.get(&by) else { panic!("nobody has the key of {by}") };
        Signed::seal(statement, key, self.network).into_signed()
    }

    /// Takes a fact into the books.
    pub(crate) fn enter(&mut self, fact: Fact) -> Result<Touched, Rejection> {
        let touched = self.ledger.apply(&fact)?;
        let entry = Entry { previous: self.head.digest, fact };
        self.head = Head { sequence: self.head.sequence + 1, digest: entry.digest() };
        self.facts.push(entry.fact);
        for news in &touched.news {
            if let News::Closed { story, .. } = news {
                self.closed.push((**story).clone());
            }
        }
        Ok(touched)
    }

    /// Lets one tick pass.
    pub(crate) fn tick(&mut self) {
        self.tick_after(self.genesis.timers.tick);
    }

    /// Lets this much time pass without a tick, and then one.
    pub(crate) fn tick_after(&mut self, length: Duration) {
        let tick = self.next_tick(length);
        self.passes(length);
        self.enter(Fact::Tick(tick)).unwrap_or_else(|rejection| panic!("a tick was refused: {rejection}"));
    }

    /// Lets this much time pass on the notary's clock alone.
    pub(crate) fn passes(&mut self, length: Duration) {
        self.time = self.time.after(length);
    }

    /// The tick that is due this much later.
    pub(crate) fn next_tick(&self, length: Duration) -> Signed<Tick> {
        let time = self.time.after(length);
        let (round, length) = (self.ledger.next_round(), self.genesis.timers.epoch_ticks);
        let anchor = if self.ledger.begins_epoch(round) {
            chain(round / length, length, 0)
        } else {
            Digest::default()
        };
        let tick = self.ledger.next_tick(time, beacon(round, length), anchor, self.head);
        self.say(id::<K>(NOTARY), tick)
    }

    /// Lets this much time pass.
    pub(crate) fn wait(&mut self, length: Duration) {
        (0..length.0.div_ceil(self.genesis.timers.tick.0)).for_each(|_| self.tick());
    }

    /// An order for the usual job, of the next number in this lane.
    pub(crate) fn order(&self, client: u64, provider: u64, lane: u16, nonce: u64) -> (Order, Digest) {
        let secret = codec::digest("test secret", &(client, lane, nonce));
        let order = Order {
            client: id::<K>(client),
            provider: id::<K>(provider),
            notary: id::<K>(NOTARY),
            lane,
            nonce,
            class: class(),
            manifest: self.genesis.manifests[0].clone(),
            input_commit: codec::digest("test input", &nonce),
            units_max: 4 + self.spare,
            work_max: 8,
            unit_price: Amount(250_000_000),
            total_max: Amount::credits(2),
            checks: 0,
            unchecked_ok: false,
            cancel_fee: Amount(100_000_000),
            run_max: Duration::seconds(1),
            open_by: self.time.after(Duration::seconds(30)),
            secret_commit: secret_commit(secret.as_bytes()),
        };
        (order, secret)
    }

    /// Both parties' agreement to an order.
    pub(crate) fn agreed(&self, order: &Order, rate_max: Rate) -> Signed<Open> {
        let accept = Accept { job: order.id(), class: order.class, rate_max, starts_in: Duration::default() };
        let accept = self.say(order.provider, accept);
        let signed = self.say(order.client, order.clone());
        self.say(order.client, Open { order: signed, accept })
    }

    /// Opens a job.
    pub(crate) fn open(&mut self, (order, secret): (Order, Digest)) -> Result<Ordered, Rejection> {
        let touched = self.enter(Fact::Open(self.agreed(&order, Rate::ONE)))?;
        let ticket = touched.news.iter().find_map(|news| match news {
            News::Opened { ticket, .. } => Some(**ticket),
            News::Drawn { .. } | News::Accused { .. } | News::Closed { .. } => None,
        });
        let Some(ticket) = ticket else { panic!("a job was opened without a ticket") };
        Ok(Ordered { id: order.id(), order, ticket, secret })
    }

    /// Takes a party's step.
    pub(crate) fn step(&mut self, happening: Happening) -> Result<Touched, Rejection> {
        self.enter(Fact::Job(happening))
    }

    /// What a peer has; nothing, if it has no account.
    pub(crate) fn account(&self, peer: u64) -> Holdings {
        self.ledger.accounts().get(&id::<K>(peer)).cloned().unwrap_or_default()
    }

    /// The number of a peer's next instruction.
    pub(crate) fn instruction(&self, peer: u64) -> u64 {
        self.account(peer).instruction + 1
    }

    /// An open job.
    pub(crate) fn job(&self, job: JobId) -> Option<&Job> {
        self.ledger.open_job(job).map(|open| &open.job)
    }

    /// Where a job stands.
    pub(crate) fn stage(&self, job: JobId) -> Stage {
        let closed = || self.ledger.closed_job(job).map(|closed| Stage::Closed(closed.outcome));
        let stage = self.job(job).map(Job::stage).or_else(closed);
        stage.unwrap_or_else(|| panic!("the books know no job {job}"))
    }

    /// The receipt of a closed job.
    pub(crate) fn receipt(&self, job: JobId) -> Receipt {
        let story = self.closed.iter().find(|story| story.ticket.job == job);
        let Some(story) = story.cloned() else { panic!("job {job} is not closed") };
        let settled = Settled { job, receipt: story.digest() };
        Receipt { settled: self.say(id::<K>(NOTARY), settled), story }
    }
}

/// Jobs are over in a few ticks, and a few strangers an hour are welcome.
pub(crate) fn hasten(genesis: &mut Genesis) {
    let second = Duration::seconds(1);
    genesis.timers = Timers {
        tick: Duration(300),
        gap_max: Duration(350),
        epoch_ticks: 8,
        claim: second,
        reveal: second,
        underway: second,
        seal: second,
        opening: second,
        silence: Duration::seconds(3),
        cancelling: second,
        unbonding: Duration::seconds(8),
        window: second,
        ..Timers::brisk()
    };
    genesis.money.micros_per_work = 1_000;
    (genesis.money.welcome, genesis.money.welcomes_per_hour) = (Amount::credits(3), 2);
}

/// The peer with this number.
pub(crate) fn id<K: Key>(number: u64) -> PeerId {
    K::numbered(number).id()
}

/// The numbers of the verifiers.
pub(crate) fn verifiers() -> impl Iterator<Item = u64> {
    FIRST_VERIFIER..FIRST_VERIFIER + VERIFIERS
}

/// The class of every machine.
pub(crate) fn class() -> Digest {
    Digest::of(b"test machine")
}

fn genesis<K: Key>() -> Genesis {
    let founder = |number: u64, stake: Amount, classes: Vec<Digest>| {
        let peer = id::<K>(number);
        Founder { peer, stake, free: FREE, classes }
    };
    let mut founders: Vec<Founder> =
        verifiers().map(|number| founder(number, STAKE, vec![class()])).collect();
    founders.push(founder(PROVIDER, STAKE, Vec::new()));
    founders.push(founder(CLIENT, Amount::ZERO, Vec::new()));
    Genesis {
        name: "test".to_owned(),
        unit: "credit".to_owned(),
        real_money: false,
        notaries: vec![id::<K>(NOTARY)],
        issuer: id::<K>(ISSUER),
        timers: Timers { epoch_ticks: 8, ..Timers::brisk() },
        checks: Checks { ramp: 1, ..Checks::default() },
        money: Money {
            per_work: Amount(5_000_000),
            micros_per_work: 50_000,
            pool: FREE,
            low_water: Amount::credits(10),
            place_hour: Amount::ZERO,
            ..Money::default()
        },
        thresholds: vec![Threshold {
            format: TensorFormat::F32,
            ok: Rate::of(5, 100_000),
            bad: Rate::of(5, 10_000),
        }],
        manifests: vec![manifest()],
        endowed: Vec::new(),
        verifiers: founders,
    }
}

fn manifest() -> Manifest {
    Manifest {
        name: "numbers".to_owned(),
        runner: Digest::of(b"test runner"),
        model: Digest::of(b"test model"),
        params: String::new(),
        policy: Policy::Tensor(TensorFormat::F32),
        meter: Meter::Calls,
        work: WorkPerMeter { call: 2, ..WorkPerMeter::default() },
        work_most: 1_000,
        memory_bytes: 1 << 20,
        licence: "MIT".to_owned(),
    }
}

/// The value of the beacon in a round.
fn beacon(round: u64, length: u64) -> Digest {
    match round.checked_sub(1) {
        Some(before) => chain(before / length, length, before % length + 1),
        None => chain(0, length, 0),
    }
}

/// The value at a place in the chain of an epoch; its anchor is at place 0.
fn chain(epoch: u64, length: u64, place: u64) -> Digest {
    let start = codec::digest("test beacon", &epoch);
    (place..length).fold(start, |value, _| draw::chain_step(value))
}
