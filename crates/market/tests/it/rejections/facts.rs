//! Facts that a desk hears, and how far its books have come when it does: right ones, or wrong in one thing.

use assay_market::ledger::LANES_MAX;
use assay_protocol::{
    account::{Grant, Register, Registration, Stake, Unstake},
    check::OpenSeal,
    claim::{Claim, Reveal},
    id::{Digest, PeerId},
    job::{SeatPhase, Stage},
    journal::Fact,
    merkle::{self, RECORD_BYTES},
    notice::{Query, Tick},
    objection::{Cancel, Contradict, Output},
    order::{Abort, Failure},
    receipt::Happening,
    signed::Statement,
    units::Amount,
};

use crate::{
    cheap::Cheap,
    course::{Claimed, Conduct, Finding, output},
    office::{CLIENT, Ordered, PROVIDER, STRANGER, id},
    outcomes::{honest, judged_in, open, truth},
};

use super::Desk;

/// An output that is opened whole.
pub(super) fn small() -> Claimed {
    Claimed::new(output(100, 0.0))
}

pub(super) fn take(desk: &mut Desk, fact: Fact) {
    desk.enter(fact).unwrap_or_else(|rejection| panic!("{rejection}"));
}

pub(super) fn take_new(desk: &mut Desk, fact: impl Fn(&Desk) -> Fact) {
    let fact = fact(desk);
    take(desk, fact);
}

pub(super) fn stake(desk: &Desk, by: u64, notary: u64, sequence: u64, credits: u64) -> Fact {
    let (notary, amount) = (id::<Cheap>(notary), Amount::credits(credits));
    Fact::Stake(desk.say(id::<Cheap>(by), Stake { notary, sequence, amount, target: None }))
}

pub(super) fn unstake(desk: &Desk, by: u64, notary: u64, amount: Amount) -> Fact {
    let (notary, sequence) = (id::<Cheap>(notary), desk.instruction(by));
    Fact::Unstake(desk.say(id::<Cheap>(by), Unstake { notary, sequence, amount }))
}

pub(super) fn register(desk: &Desk, by: u64, notary: u64, classes: &[u8]) -> Fact {
    let (notary, sequence) = (id::<Cheap>(notary), desk.instruction(by));
    let kind =
        |class: &u8| Registration { class: Digest([*class; 32]), manifest: Digest::default(), work_most: 1 };
    let kinds = classes.iter().map(kind).collect();
    let register = Register { notary, sequence, kinds };
    Fact::Register(desk.say(id::<Cheap>(by), register))
}

pub(super) fn grant(desk: &Desk, by: u64, notary: u64, serial: u64, amount: u64) -> Fact {
    let (notary, account) = (id::<Cheap>(notary), id::<Cheap>(STRANGER));
    Fact::Grant(desk.say(id::<Cheap>(by), Grant { notary, account, amount: Amount(amount), serial }))
}

pub(super) fn query(desk: &Desk, by: u64) -> Fact {
    Fact::Query(desk.say(id::<Cheap>(by), Query { sequence: 1, job: None, standing: false }))
}

pub(super) fn tick(desk: &Desk, by: u64, change: impl FnOnce(&mut Tick)) -> Fact {
    let mut tick = desk.next_tick(desk.genesis.timers.tick).said().clone();
    change(&mut tick);
    Fact::Tick(desk.say(id::<Cheap>(by), tick))
}

/// Lets time pass until the next tick begins an epoch.
pub(super) fn until_epoch(desk: &mut Desk) {
    while !desk.ledger.begins_epoch(desk.ledger.next_round()) {
        desk.tick();
    }
}

pub(super) fn step<T: Statement>(
    desk: &Desk,
    by: u64,
    said: T,
    what: fn(assay_protocol::signed::Signed<T>) -> Happening,
) -> Fact {
    Fact::Job(what(desk.say(id::<Cheap>(by), said)))
}

/// The usual claim but for a change, so many positions from where it belongs.
pub(super) fn claim(desk: &Desk, by: u64, job: &Ordered, change: impl FnOnce(&mut Claim), off: u64) -> Fact {
    let mut claim = desk.claim_of(job, &honest());
    change(&mut claim);
    let claim = desk.say(id::<Cheap>(by), claim);
    Fact::Job(Happening::Claim { claim, position: desk.head.sequence + off })
}

pub(super) fn abort(desk: &Desk, by: u64, job: &Ordered) -> Fact {
    let abort = Abort { job: job.id, ticket: job.ticket.digest(), reason: Failure::Trap };
    step(desk, by, abort, Happening::Abort)
}

pub(super) fn cancel(desk: &Desk, by: u64, job: &Ordered) -> Fact {
    step(desk, by, Cancel { job: job.id, ticket: job.ticket.digest() }, Happening::Cancel)
}

pub(super) fn reveal(desk: &Desk, job: &Ordered, position: u64, secret: Digest) -> Fact {
    step(desk, CLIENT, Reveal { job: job.id, position, secret }, Happening::Reveal)
}

pub(super) fn contradict(desk: &Desk, job: &Ordered, streamed_by: u64, streamed: &[u8]) -> Fact {
    let claimed = honest();
    let (leaf, evidence) = claimed.leaves(job.order.manifest.policy);
    let whole = &streamed[..4 * RECORD_BYTES];
    let word = Output { job: job.id, records: 4, root: merkle::root(whole, RECORD_BYTES) };
    let records = Some((crate::course::record(whole, 2), crate::course::record(&claimed.output, 2)));
    let output = desk.say(id::<Cheap>(streamed_by), word);
    let said = Contradict { job: job.id, output, leaf, evidence: evidence.digest(), records };
    step(desk, CLIENT, said, |signed| Happening::Contradict(Box::new(signed)))
}

pub(super) fn open_seal(desk: &Desk, job: &Ordered, change: impl FnOnce(&mut OpenSeal)) -> Fact {
    let seat = seated(desk, job);
    let output = small().output;
    let evidence = desk.evidence(job, seat, &output);
    let Some(records) = desk.records(job, &output) else { panic!("few records need no draw") };
    let mut opening = OpenSeal { job: job.id, evidence, records };
    change(&mut opening);
    Fact::Job(Happening::OpenSeal(desk.say(seat, opening)))
}

pub(super) fn seated(desk: &Desk, job: &Ordered) -> PeerId {
    let seat = desk.job(job.id).and_then(|job| job.seats().last().map(|seat| seat.peer));
    seat.unwrap_or_else(|| panic!("nobody was drawn"))
}

pub(super) fn claimed(desk: &mut Desk) -> Ordered {
    let job = open(desk, PROVIDER, 0);
    desk.claim(&job, &honest()).unwrap_or_else(|rejection| panic!("{rejection}"));
    job
}

pub(crate) fn checked(desk: &mut Desk, lane: u16) -> Ordered {
    judged_in(desk, lane, &|_| truth(), true)
}

/// A job that was not drawn: some time after the first was checked there is one.
pub(crate) fn waiting(desk: &mut Desk) -> Ordered {
    checked(desk, 0);
    for lane in 1..LANES_MAX {
        let job = open(desk, PROVIDER, lane);
        desk.run(&job, &honest());
        if matches!(desk.stage(job.id), Stage::Waiting { .. }) {
            return job;
        }
        desk.judge(&job, &honest(), Conduct { finding: &|_| truth(), opens: true });
    }
    panic!("every job was drawn")
}

pub(super) fn sealing(desk: &mut Desk) -> Ordered {
    let job = open(desk, PROVIDER, 0);
    desk.run(&job, &small());
    desk.tick_while(&job, |stage| !matches!(stage, Stage::Checking(SeatPhase::Calling { .. })));
    job
}

pub(super) fn opening(desk: &mut Desk) -> Ordered {
    let job = sealing(desk);
    desk.seal(&job, Conduct { finding: &|_| Finding::Output(small().output), opens: true });
    job
}
