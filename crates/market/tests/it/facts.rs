//! Arbitrary facts into a notary's books: those of jobs that go on as they should, bent ones, damaged ones, old ones.
//!
//! A refused fact leaves the books as they were; every rule holds of every fact that is taken, and so does every receipt;
//! ticks close whatever is left.

use assay_market::{
    ledger::Touched,
    witness::{Witness, state_of},
};
use assay_protocol::{
    account::{Grant, Register, Registration, Stake, Unstake},
    codec,
    genesis::Genesis,
    id::{Digest, PeerId, Signature},
    journal::Fact,
    notice::{Query, Settled},
    order::Order,
    receipt::{Receipt, Story},
    signed::Scheme,
    units::{Amount, Duration, Rate},
};

use super::{
    cheap::Cheap,
    dice::{self, Dice},
    office::{
        CLIENT, FIRST_VERIFIER, ISSUER, NEWCOMER, NOTARY, Office, Ordered, PROVIDER, STRANGER, class, hasten,
        id,
    },
    play::{Client, Finds, Opens, Plan, Play, Provider},
};

/// Facts of one input.
const FACTS_MAX: usize = 120;
/// Ticks that close every job, whatever stage it is in.
const TICKS_MAX: usize = 400;
/// Bytes in the longest fact that is read back.
const FACT_BYTES_MAX: usize = 1 << 16;
/// Everything in the books is looked at after every fact.
const SWEEP_FACTS: u64 = 1;

/// Facts come to the books once their signatures were verified, so here all of them hold, whatever is signed.
#[derive(Debug)]
struct Taken;

impl Scheme for Taken {
    fn verify(_: &PeerId, _: &[u8], _: &Signature) -> bool {
        true
    }
}

/// The books, with those who write in them.
struct Books {
    office: Office<Cheap>,
    plays: Vec<Play>,
    witness: Witness,
    orders: u16,
    /// The last order, until it is opened.
    pending: Option<(Order, Digest, Plan)>,
}

/// Writes facts into books, one after another, then lets ticks close what is open.
pub(crate) fn target(bytes: &[u8]) {
    let mut dice = Dice::new(bytes);
    let Some(mut books) = Books::new(&mut dice) else { return };
    for _ in 0..FACTS_MAX {
        if dice.is_empty() {
            break;
        }
        let fact = books.fact(&mut dice);
        books.enter(fact);
    }
    books.close();
}

impl Books {
    /// The books of a network that can be run by its numbers; nothing, if it cannot.
    fn new(dice: &mut Dice<'_>) -> Option<Self> {
        let mut sound = true;
        let office = Office::new(|genesis| {
            let usual = genesis.clone();
            hasten(genesis);
            // Many fit into one input, and none can ask for more time than there are ticks.
            genesis.timers.settle_max = Duration::seconds(60);
            if dice.happens(64) {
                bend(genesis, dice);
            }
            sound = genesis.examine().is_ok();
            if !sound {
                *genesis = usual;
            }
        });
        // The first tick was entered before there was anybody to hear it.
        let witness = Witness::new(office.genesis.clone(), &office.ledger, SWEEP_FACTS);
        sound.then_some(Self { office, plays: Vec::new(), witness, orders: 0, pending: None })
    }

    /// The next fact: mostly one by which somebody goes on.
    fn fact(&mut self, dice: &mut Dice<'_>) -> Fact {
        match dice.below(12) {
            0..5 => self.move_on(dice),
            5..7 => self.tick(dice),
            7..9 => self.order(dice),
            9 => self.instruct(dice),
            10 => self.past(dice),
            _ => {
                let whole = if dice.happens(128) { self.move_on(dice) } else { self.past(dice) };
                let mut bytes = codec::encode(&whole);
                dice::damage(&mut bytes, dice);
                // A notary whose clock was ahead for once waits until it is so late: only tick() bends ticks.
                let damaged = codec::decode(&bytes, FACT_BYTES_MAX).ok();
                damaged.filter(|fact| !matches!(fact, Fact::Tick(_))).unwrap_or(whole)
            }
        }
    }

    /// What somebody does next in one of the jobs; a tick, if all wait for one.
    fn move_on(&self, dice: &mut Dice<'_>) -> Fact {
        let place = dice.below(self.plays.len());
        let open = |play: &&Play| self.office.job(play.job.id).is_some();
        let next = self.plays.get(place).filter(open).and_then(|play| play.next(&self.office));
        next.unwrap_or_else(|| Fact::Tick(self.office.next_tick(self.office.genesis.timers.tick)))
    }

    fn past(&self, dice: &mut Dice<'_>) -> Fact {
        self.office.facts[dice.below(self.office.facts.len())].clone()
    }

    fn tick(&mut self, dice: &mut Dice<'_>) -> Fact {
        let tick = self.office.genesis.timers.tick;
        let length = dice.mostly_first(&[tick, Duration(0), tick.times(3), Duration(1 << 40)]);
        let mut tick = self.office.next_tick(length).said().clone();
        self.office.passes(length);
        match dice.mostly_first(&[0, 0, 0, 1, 2, 3]) {
            1 => tick.round = dice.number(),
            2 => tick.live.0 = dice.number(),
            3 => tick.beacon = codec::digest("bent", &dice.byte()),
            _ => {}
        }
        Fact::Tick(self.office.say(id::<Cheap>(NOTARY), tick))
    }

    fn order(&mut self, dice: &mut Dice<'_>) -> Fact {
        let clients = [CLIENT, CLIENT, FIRST_VERIFIER, STRANGER];
        let providers = [PROVIDER, PROVIDER, NEWCOMER, FIRST_VERIFIER + 1, CLIENT];
        let (client, provider) = (dice.mostly_first(&clients), dice.mostly_first(&providers));
        let (mut order, secret) = self.office.order(client, provider, self.orders, 0);
        order.run_max = Duration(300);
        order.units_max = dice.mostly_first(&[4, 7]);
        order.checks = dice.mostly_first(&[0, 1, 2, u16::MAX]);
        order.unchecked_ok = dice.happens(64);
        if dice.happens(64) {
            bend_order(&mut order, dice);
        }
        let open = self.office.agreed(&order, dice.mostly_first(&[Rate::ONE, Rate::ZERO]));
        self.orders = self.orders.wrapping_add(1);
        self.pending = Some((order, secret, plan(dice)));
        Fact::Open(open)
    }

    /// What an account's owner, or the issuer, says.
    fn instruct(&self, dice: &mut Dice<'_>) -> Fact {
        let by = dice.mostly_first(&[PROVIDER, CLIENT, FIRST_VERIFIER, NEWCOMER, STRANGER, ISSUER]);
        let (peer, notary) = (id::<Cheap>(by), id::<Cheap>(NOTARY));
        let next = self.office.instruction(by);
        let sequence = if dice.happens(32) { dice.number() } else { next };
        let amount =
            if dice.happens(64) { Amount(dice.number()) } else { Amount(u64::from(dice.byte()) << 28) };
        let office = &self.office;
        match dice.below(5) {
            0 => {
                let target = dice.happens(128).then(|| Amount(dice.number()));
                Fact::Stake(office.say(peer, Stake { notary, sequence, amount, target }))
            }
            1 => Fact::Unstake(office.say(peer, Unstake { notary, sequence, amount })),
            2 => {
                let known = office.genesis.manifests[0].kind(class());
                let kind = |byte: u8| {
                    let class = if byte < 128 { class() } else { Digest([byte; 32]) };
                    Registration { class, ..known }
                };
                let kinds = (0..dice.below(4)).map(|_| kind(dice.byte())).collect();
                Fact::Register(office.say(peer, Register { notary, sequence, kinds }))
            }
            3 => {
                let grants = office.facts.iter().filter(|fact| matches!(fact, Fact::Grant(_))).count() as u64;
                let by = dice.mostly_first(&[ISSUER, NOTARY]);
                let serial = if dice.happens(32) { dice.number() } else { grants + 1 };
                let grant = Grant { notary, account: peer, amount, serial };
                Fact::Grant(office.say(id::<Cheap>(by), grant))
            }
            _ => Fact::Query(office.say(peer, Query { sequence, job: None, standing: false })),
        }
    }

    /// Enters a fact; whether it is taken is for the books to say. No fact is taken twice.
    fn enter(&mut self, fact: Fact) {
        let Some(touched) = self.offer(&fact) else { return };
        let office = &self.office;
        let receipt = |story: &Story| {
            let settled = Settled { job: story.ticket.job, receipt: story.digest() };
            Some(Receipt { settled: office.say(id::<Cheap>(NOTARY), settled), story: story.clone() })
        };
        self.witness.hear::<Taken>(&office.ledger, &fact, &touched, receipt);
        assert!(self.offer(&fact).is_none(), "I7: a repeated fact was taken: {fact:?}");
        let office = &self.office;
        let opened = self.pending.take_if(|(order, ..)| office.job(order.id()).is_some());
        if let Some((order, secret, plan)) = opened {
            let id = order.id();
            let Some(ticket) = office.job(id).map(|job| *job.ticket()) else { return };
            self.plays.push(Play { job: Ordered { id, order, ticket, secret }, plan });
        }
    }

    /// What follows from a fact; nothing if it is refused, and then nothing may have changed.
    fn offer(&mut self, fact: &Fact) -> Option<Touched> {
        let state = state_of(&self.office.ledger);
        let taken = self.office.enter(fact.clone()).ok();
        let unchanged = taken.is_some() || state_of(&self.office.ledger) == state;
        assert!(unchanged, "I7: a refused fact changed the books: {fact:?}");
        taken
    }

    /// I13.
    fn close(&mut self) {
        let gap = self.office.genesis.timers.gap_max;
        for _ in 0..TICKS_MAX {
            if self.office.ledger.held().is_zero() {
                return;
            }
            let tick = self.office.next_tick(gap);
            self.office.passes(gap);
            self.enter(Fact::Tick(tick));
        }
        panic!("I13: {} is held although nobody acts any more", self.office.ledger.held());
    }
}

fn plan(dice: &mut Dice<'_>) -> Plan {
    use Finds::{Absent, EveryOtherLies, FirstLies, Grey, ManyLies, OneLie, Slow, Truth, Unserved};
    let finds = [Truth, Grey, OneLie, ManyLies, FirstLies, EveryOtherLies, Unserved, Absent, Slow];
    let providers = [
        Provider::True,
        Provider::False,
        Provider::Twice,
        Provider::Streams,
        Provider::Aborts,
        Provider::Absent,
    ];
    Plan {
        provider: dice.mostly_first(&providers),
        opens: dice.mostly_first(&[Opens::Truly, Opens::Falsely, Opens::Late, Opens::Never]),
        client: dice.mostly_first(&[Client::Reveals, Client::Hides, Client::Disputes, Client::Cancels]),
        finds: dice.mostly_first(&finds),
        numbers: dice.mostly_first(&[200, 1_200]),
    }
}

fn bend_order(order: &mut Order, dice: &mut Dice<'_>) {
    let Order { nonce, units_max, work_max, unit_price, total_max, cancel_fee, run_max, open_by, .. } = order;
    let numbers = [
        nonce,
        units_max,
        work_max,
        &mut unit_price.0,
        &mut total_max.0,
        &mut cancel_fee.0,
        &mut run_max.0,
        &mut open_by.0,
    ];
    let at = dice.below(numbers.len());
    if let Some(number) = numbers.into_iter().nth(at) {
        *number = dice.number();
    }
}

/// Some numbers of checks and money are others.
fn bend(genesis: &mut Genesis, dice: &mut Dice<'_>) {
    let Genesis { checks, money, .. } = genesis;
    for _ in 0..=dice.below(3) {
        let numbers = [
            &mut checks.base.0,
            &mut checks.ramp,
            &mut checks.theta.0,
            &mut checks.collusion.0,
            &mut checks.power.0,
            &mut checks.leaves_min,
            &mut checks.effective_min.0,
            &mut checks.convict_margin,
            &mut checks.clear_margin,
            &mut checks.unreached_margin,
            &mut checks.draws_max,
            &mut checks.second.0,
            &mut checks.tries_max,
            &mut checks.party_share.0,
            &mut checks.weight_kept.0,
            &mut checks.stake_checks,
            &mut money.per_work.0,
            &mut money.margin.0,
            &mut money.pool.0,
            &mut money.low_water.0,
            &mut money.welcome.0,
            &mut money.slash_multiple,
            &mut money.slash_checks,
            &mut money.bounty_checks,
            &mut money.entry_checks,
            &mut money.autostake_newcomer.0,
            &mut money.autostake.0,
            &mut money.autostake_multiple,
            &mut money.place_hour.0,
            &mut money.jobs_max,
        ];
        let at = dice.below(numbers.len());
        if let Some(number) = numbers.into_iter().nth(at) {
            *number = dice.number();
        }
    }
}
