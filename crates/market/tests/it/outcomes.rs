//! One way to each end that a job can come to.

use assay_protocol::{
    check::{OpenClaim, Trap},
    genesis::{Genesis, Pair},
    id::{Digest, JobId},
    job::{SeatPhase, Stage},
    manifest::{End, Policy},
    merkle::{self, RECORD_BYTES},
    objection::{Cancel, Contradict, Output},
    order::{Abort, Failure, Order},
    outcome::Outcome,
    receipt::Happening,
};

use crate::{
    cheap::Cheap,
    course::{Claimed, Conduct, Finding, output, record, unhidden},
    office::{CLIENT, Key, NEWCOMER, Office, Ordered, PROVIDER},
};

/// Numbers in the usual output: more records than are opened, so that some are drawn.
const NUMBERS: usize = 1_200;
/// An error that is neither small nor large.
const GREY: f32 = 2e-4;
/// An error that no machine makes.
const WRONG: f32 = 0.5;

/// Books in which a job has just ended like this, and the job.
pub(crate) fn ended<K: Key>(outcome: Outcome) -> (Office<K>, JobId) {
    ended_with(0, outcome)
}

/// The same, where orders allow so many units beyond those that are claimed.
pub(crate) fn ended_with<K: Key>(spare: u64, outcome: Outcome) -> (Office<K>, JobId) {
    let mut office = Office::new(|genesis| {
        if outcome == Outcome::Trap {
            to_the_byte(genesis)
        }
    });
    office.spare = spare;
    let job = match outcome {
        Outcome::NotDrawn => not_drawn(&mut office),
        Outcome::Checked => judged(&mut office, &|_| truth(), true),
        Outcome::Grey => judged(&mut office, &|_| Finding::Output(output(NUMBERS, GREY)), true),
        Outcome::GreyRefunded => grey_once_too_often(&mut office),
        Outcome::Cleared => judged(&mut office, &|seat| if seat == 0 { lie(0) } else { truth() }, true),
        Outcome::Slashed => judged(&mut office, &|_| lie(0), true),
        Outcome::Silent => judged(&mut office, &|_| truth(), false),
        Outcome::Disputed => judged(&mut office, &lie, true),
        Outcome::Void => void(&mut office),
        Outcome::Unreached => judged(&mut office, &|_| Finding::Unserved, true),
        Outcome::Unchecked => unchecked(&mut office),
        Outcome::Mismatch => mismatch(&mut office),
        Outcome::NoClaim => {
            let job = open(&mut office, PROVIDER, 0);
            office.tick_while(&job, |stage| matches!(stage, Stage::Open { .. }));
            job
        }
        Outcome::Aborted => aborted(&mut office),
        Outcome::Cancelled => cancelled(&mut office),
        Outcome::Withdrawn => withdrawn(&mut office),
        Outcome::FalseStream => false_stream(&mut office),
        Outcome::FalseOpening => false_opening(&mut office),
        Outcome::Trap => trap(&mut office),
    };
    assert_eq!(office.stage(job.id), Stage::Closed(outcome));
    (office, job.id)
}

/// The same of a job that was checked where outputs are compared like this.
pub(crate) fn checked_under<K: Key>(policy: Policy) -> (Office<K>, JobId) {
    let mut office = Office::new(|genesis| genesis.manifests[0].policy = policy);
    let job = judged(&mut office, &|_| truth(), true);
    assert_eq!(office.stage(job.id), Stage::Closed(Outcome::Checked));
    (office, job.id)
}

pub(crate) fn truth() -> Finding {
    Finding::Output(output(NUMBERS, 0.0))
}

pub(crate) fn lie(number: usize) -> Finding {
    Finding::Output(output(NUMBERS, WRONG * (number + 1) as f32))
}

/// What an honest provider claims.
pub(crate) fn honest() -> Claimed {
    Claimed::new(output(NUMBERS, 0.0))
}

/// Opens a job of the client with this provider, in a lane of its own.
pub(crate) fn open<K: Key>(office: &mut Office<K>, provider: u64, lane: u16) -> Ordered {
    let order = office.order(CLIENT, provider, lane, 0);
    office.open(order).unwrap_or_else(|rejection| panic!("an order was refused: {rejection}"))
}

/// A job whose claim is true, with verifiers that find this.
fn judged<K: Key>(office: &mut Office<K>, finding: &dyn Fn(usize) -> Finding, opens: bool) -> Ordered {
    judged_in(office, 0, finding, opens)
}

pub(crate) fn judged_in<K: Key>(
    office: &mut Office<K>,
    lane: u16,
    finding: &dyn Fn(usize) -> Finding,
    opens: bool,
) -> Ordered {
    let job = open(office, PROVIDER, lane);
    office.run(&job, &honest());
    office.judge(&job, &honest(), Conduct { finding, opens });
    job
}

/// Trust first, then jobs until one is left to the window.
fn not_drawn<K: Key>(office: &mut Office<K>) -> Ordered {
    for lane in 0.. {
        let job = judged_in(office, lane, &|_| truth(), true);
        if office.stage(job.id) == Stage::Closed(Outcome::NotDrawn) {
            return job;
        }
    }
    unreachable!("lanes end later")
}

fn unchecked<K: Key>(office: &mut Office<K>) -> Ordered {
    judged_in(office, 0, &|_| truth(), true);
    for lane in 1.. {
        let job = judged_in(office, lane, &|_| Finding::Absent, true);
        if office.stage(job.id) == Stage::Closed(Outcome::Unchecked) {
            return job;
        }
    }
    unreachable!("lanes end later")
}

fn grey_once_too_often<K: Key>(office: &mut Office<K>) -> Ordered {
    let grey = |_| Finding::Output(output(NUMBERS, GREY));
    (1..4).for_each(|lane| drop(judged_in(office, lane, &grey, true)));
    judged_in(office, 0, &grey, true)
}

fn mismatch<K: Key>(office: &mut Office<K>) -> Ordered {
    let job = open(office, NEWCOMER, 0);
    office.run(&job, &honest());
    office.judge(&job, &honest(), Conduct { finding: &|_| lie(0), opens: true });
    job
}

fn aborted<K: Key>(office: &mut Office<K>) -> Ordered {
    let job = open(office, PROVIDER, 0);
    let abort = Abort { job: job.id, ticket: job.ticket.digest(), reason: Failure::Trap };
    take(office, Happening::Abort(office.say(job.order.provider, abort)));
    job
}

fn cancelled<K: Key>(office: &mut Office<K>) -> Ordered {
    let job = open(office, PROVIDER, 0);
    let cancel = Cancel { job: job.id, ticket: job.ticket.digest() };
    take(office, Happening::Cancel(office.say(job.order.client, cancel)));
    let nothing = Claimed { output: Vec::new(), units: 0, work: 0, end: End::Cancelled };
    office.claim(&job, &nothing).unwrap_or_else(|rejection| panic!("{rejection}"));
    job
}

/// Another job of the provider is still open when it is convicted.
fn withdrawn<K: Key>(office: &mut Office<K>) -> Ordered {
    let accused = open(office, PROVIDER, 1);
    office.run(&accused, &honest());
    let job = open(office, PROVIDER, 0);
    take(office, contradiction(office, &accused));
    job
}

fn false_stream<K: Key>(office: &mut Office<K>) -> Ordered {
    let job = open(office, PROVIDER, 0);
    office.claim(&job, &honest()).unwrap_or_else(|rejection| panic!("{rejection}"));
    take(office, contradiction(office, &job));
    job
}

/// The provider of a job that was claimed honestly had streamed something else.
pub(crate) fn contradiction<K: Key>(office: &Office<K>, job: &Ordered) -> Happening {
    let (streamed, claimed) = (output(NUMBERS, WRONG), honest());
    let whole = &streamed[..4 * RECORD_BYTES];
    let word = Output { job: job.id, records: 4, root: merkle::root(whole, RECORD_BYTES) };
    let (leaf, evidence) = claimed.leaves(job.order.manifest.policy);
    let contradict = Contradict {
        job: job.id,
        output: office.say(job.order.provider, word),
        leaf,
        evidence: evidence.digest(),
        records: Some((record(whole, 2), record(&claimed.output, 2))),
    };
    Happening::Contradict(Box::new(office.say(job.order.client, contradict)))
}

fn false_opening<K: Key>(office: &mut Office<K>) -> Ordered {
    let job = open(office, PROVIDER, 0);
    office.run(&job, &honest());
    let other = Claimed::new(output(NUMBERS, WRONG));
    office.tick_while(&job, |stage| !matches!(stage, Stage::Checking(phase) if is_sealing(phase)));
    office.seal(&job, Conduct { finding: &|_| truth(), opens: true });
    (0..4).for_each(|_| office.tick());
    let Some(opening) = office.opening(&job, &other) else { panic!("the records are drawn by now") };
    let opening = office.say(job.order.provider, opening);
    take(office, unhidden(opening));
    job
}

/// Outputs must agree in each byte.
pub(crate) fn to_the_byte(genesis: &mut Genesis) {
    genesis.manifests[0].policy = Policy::Exact;
}

/// A job whose claim is false, as both its parties say: its first verifier says what it was told, and is contradicted.
fn trap<K: Key>(office: &mut Office<K>) -> Ordered {
    let claimed = Claimed::new(output(NUMBERS, WRONG));
    let finding = &|seat| if seat == 0 { lie(0) } else { truth() };
    for lane in 0.. {
        let job = trapped(office, PROVIDER, lane, &claimed);
        office.judge(&job, &claimed, Conduct { finding, opens: false });
        // Of five equal verifiers the first may be drawn again.
        if office.closed.last().is_some_and(|story| !story.settlement.fines.is_empty()) {
            return job;
        }
    }
    unreachable!("lanes end later")
}

/// A job whose claim is false, as both its parties say, before anybody is drawn to check it.
pub(crate) fn trapped<K: Key>(
    office: &mut Office<K>,
    provider: u64,
    lane: u16,
    claimed: &Claimed,
) -> Ordered {
    let job = disclosing(office, provider, lane, claimed);
    let trap = trap_of(office, &job, claimed);
    take(office, trap);
    job
}

/// A job that is to be checked, and whose claim is not opened yet.
pub(crate) fn disclosing<K: Key>(
    office: &mut Office<K>,
    provider: u64,
    lane: u16,
    claimed: &Claimed,
) -> Ordered {
    let job = open(office, provider, lane);
    office.run(&job, claimed);
    let disclosing = |stage| matches!(stage, Stage::Checking(SeatPhase::Disclosing { .. }));
    office.tick_while(&job, |stage| !disclosing(stage));
    job
}

/// What opens the claim of a job as a trap.
pub(crate) fn trap_of<K: Key>(office: &Office<K>, job: &Ordered, claimed: &Claimed) -> Happening {
    let commit = office.claim_of(job, claimed).commit;
    let trap = Some(office.say(job.order.client, Trap { job: job.id, commit }));
    let (output, evidence) = claimed.leaves(job.order.manifest.policy);
    let opening = OpenClaim { job: job.id, output, evidence, records: Vec::new(), trap };
    let opening = office.say(job.order.provider, opening);
    let Some(open) = office.job(job.id) else { panic!("an open job") };
    Happening::OpenClaim { opening, blind: Digest([5; 32]), pledged: office.ledger.pledge_of(open) }
}

fn is_sealing(phase: SeatPhase) -> bool {
    matches!(phase, SeatPhase::Calling { .. } | SeatPhase::Sealing { .. })
}

/// A newcomer's job, which nobody checks: no stake stands for it.
fn void<K: Key>(office: &mut Office<K>) -> Ordered {
    let job = open(office, NEWCOMER, 0);
    office.run(&job, &honest());
    office.judge(&job, &honest(), Conduct { finding: &|_| Finding::Absent, opens: true });
    job
}

fn take<K: Key>(office: &mut Office<K>, happening: Happening) {
    office.step(happening).unwrap_or_else(|rejection| panic!("a step was refused: {rejection}"));
}

#[test]
fn a_jury_that_comes_to_nothing_flags_its_model_and_class_and_no_other_end_does() {
    for outcome in Outcome::ALL {
        let (office, job) = ended::<Cheap>(outcome);
        let order = order_of(&office, job);
        let flagged: Vec<_> = office.ledger.flagged().collect();
        let pair = Pair { model: order.manifest.model, class: order.class };
        let expected = matches!(outcome, Outcome::Disputed).then_some((&pair, 1));
        assert_eq!(flagged, Vec::from_iter(expected), "{outcome:?}");
    }
}

fn order_of(office: &Office<Cheap>, job: JobId) -> Order {
    let open = office.receipt(job).story.open;
    open.said().order.said().clone()
}
