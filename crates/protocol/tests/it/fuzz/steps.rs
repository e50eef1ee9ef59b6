//! Arbitrary steps into a job, by arbitrary parties at arbitrary moments, among the steps of a job as it goes on.
//!
//! A refused step leaves the job as it was; what was claimed, sealed and opened is never written again; closed is final;
//! and ticks, with the draws that fall due at them, close whatever is left.

use assay_protocol::{
    check::{ShownRecord, Trap},
    codec, costs,
    id::{Digest, PeerId},
    job::{Beacon, Job, LiveTime, Misstep, Party, SeatPhase, Stage, Step, Testified},
    objection::Output,
    payout, remainder,
    roster::Leaf,
    units::{Amount, Duration, Timestamp},
};

use super::{
    dice::Dice,
    play::{POSITION, Play, SECRET},
    town::{CLIENT, EXACT, PROVIDER, SOUND, TEXTS, Town},
};

/// Steps of one input.
const STEPS_MAX: usize = 200;

/// Plays a job with other steps between its own, then lets ticks close it.
pub(crate) fn target(bytes: &[u8]) {
    let mut dice = Dice::new(bytes);
    let bent;
    let town = match dice.mostly_first(&[0, 1, 2, 3]) {
        0 => &*SOUND,
        1 => &*EXACT,
        2 => &*TEXTS,
        _ => {
            let Ok(town) = Town::bent(&mut dice) else { return };
            bent = town;
            &bent
        }
    };
    let mut play = Play::new(town, &mut dice);
    for _ in 0..STEPS_MAX {
        if dice.is_empty() || play.is_late() {
            break;
        }
        if dice.happens(128) {
            let (step, by, at) = arbitrary(&play, &mut dice);
            let _ = apply(&mut play.job, step, by, at);
        } else {
            let before = play.job.clone();
            play.turn(&mut dice);
            assert_nothing_is_written_twice(&before, &play.job);
        }
    }
    let lawful = play.is_lawful();
    let mut job = play.job;
    ticks_close(&mut job, &mut dice, town.genesis.checks.draws_max);
    assert_nobody_is_paid_too_much(town, &job, lawful);
}

/// Applies a step and compares the job with what it was before.
fn apply(job: &mut Job, step: Step, by: Party, at: LiveTime) -> Result<Stage, Misstep> {
    let before = job.clone();
    let taken = job.apply(step, by, at);
    match taken {
        Ok(stage) => assert_eq!(stage, job.stage(), "the stage is the one that was named"),
        Err(_) => assert_eq!(format!("{before:?}"), format!("{job:?}"), "a refused step changed the job"),
    }
    assert_nothing_is_written_twice(&before, job);
    taken
}

fn assert_nothing_is_written_twice(before: &Job, after: &Job) {
    let same = |before: bool, after: bool, what: &str| assert!(!before || after, "{what} was written again");
    if let Stage::Closed(_) = before.stage() {
        assert_eq!(before.stage(), after.stage(), "closed is final");
    }
    same(before.claim().is_some(), before.claim() == after.claim(), "the claim");
    same(before.revealed(), after.revealed() && before.secret() == after.secret(), "the secret");
    same(before.opened().is_some(), before.opened() == after.opened(), "the opening");
    same(before.positions().is_some(), before.positions() == after.positions(), "the beacon of the records");
    same(before.jury_from().is_some(), before.jury_from() == after.jury_from(), "the jury");
    same(before.forced(), after.forced(), "the force");
    same(before.disputed(), after.disputed(), "the dispute");
    assert!(before.seats().len() <= after.seats().len(), "a seat is gone");
    for (before, after) in before.seats().iter().zip(after.seats()) {
        assert_eq!(before.peer, after.peer, "a seat has one verifier");
        let kept = match (&before.testified, &after.testified) {
            (Testified::NotYet, _) => true,
            (Testified::Sealed(sealed), Testified::Heard { evidence, .. }) => *sealed == evidence.commit(),
            // Whoever was given no input may find something after all; whoever sealed may open nothing.
            (Testified::Sealed(_), Testified::Late) | (Testified::Unserved(_), Testified::Heard { .. }) => {
                true
            }
            (before, after) => before == after,
        };
        assert!(kept, "a verifier said two things: {before:?}, {after:?}");
    }
}

/// Ticks, and the draws that are due at them, close every job; each seat takes a few.
fn ticks_close(job: &mut Job, dice: &mut Dice<'_>, draws_max: u64) {
    let mut live_time = LiveTime::default();
    let enough = 8 * (2 * draws_max + 24);
    for count in 0..enough {
        let step = match job.stage() {
            Stage::Closed(_) => return,
            Stage::Drawing { .. } | Stage::Jury(SeatPhase::Doubting { .. }) => {
                Step::Draw { check: dice.happens(128) }
            }
            Stage::Checking(SeatPhase::Seating { .. }) | Stage::Jury(SeatPhase::Seating { .. }) => {
                let leaf = Leaf { peer: PeerId([count as u8; 32]), stake: Amount(1 + count) };
                Step::Seat { verifier: (!dice.happens(8)).then_some(leaf), after: None }
            }
            Stage::Open { .. }
            | Stage::Cancelling { .. }
            | Stage::Claimed { .. }
            | Stage::Waiting { .. }
            | Stage::Checking(_)
            | Stage::Jury(_) => Step::Tick { frozen: false },
        };
        let (until, round) = job.due();
        live_time.live = live_time.live.max(until.unwrap_or_default());
        live_time.beacon.round = live_time.beacon.round.max(round.unwrap_or_default());
        let taken = apply(job, step, Party::Notary, live_time);
        assert!(taken.is_ok(), "what is due is refused: {taken:?} in {:?}", job.stage());
    }
    assert!(matches!(job.stage(), Stage::Closed(_)), "open after {enough} deadlines: {:?}", job.stage());
}

/// What goes to client and provider is no more than what was held of the client's money, and what went back at the claim is the
/// client's whatever happened.
fn assert_nobody_is_paid_too_much(town: &Town, job: &Job, lawful: bool) {
    let at_stake = job.ticket().standing.stake;
    let settlement = payout::settle(&town.genesis, job, at_stake);
    // Whoever set a trap has what a verifier pays that was caught in it.
    let won = settlement.fines.first().filter(|_| job.is_trap()).map_or(Amount::ZERO, |fine| fine.amount);
    let held = job.order().total_max.plus(job.pledged()).and_then(|held| held.plus(won));
    let Some(held) = held.filter(|_| lawful) else { return };
    let out = settlement.client.plus(settlement.provider);
    assert!(out.is_some_and(|out| out <= held), "{out:?} of {held} in {:?}", job.stage());
    let back = remainder::of(&town.genesis, job);
    assert!(settlement.client >= back, "{back} went back, and {settlement:?} in {:?}", job.stage());
    assert!(settlement.slashed <= at_stake.min(job.ticket().slash), "a slash beyond the stake");
    let convicted = matches!(job.stage(), Stage::Closed(outcome) if outcome.is_slashed());
    assert!(settlement.slashed == Amount::ZERO || convicted, "slashed without a conviction");
}

/// A step made of truthful and false parts.
fn arbitrary(play: &Play<'_>, dice: &mut Dice<'_>) -> (Step, Party, LiveTime) {
    let step = match dice.below(16) {
        0 => {
            let claim = claim(play, dice);
            let position = dice.mostly_first(&[POSITION, 0, u64::MAX]);
            Step::Claim { digest: codec::digest("Claim", &claim), claim, position }
        }
        1 => Step::Abort { ticket: ticket(play, dice) },
        2 => Step::Cancel { ticket: ticket(play, dice) },
        3 => Step::Reveal {
            position: dice.mostly_first(&[POSITION, 0, u64::MAX]),
            secret: dice.mostly_first(&[SECRET, Digest([1; 32])]),
        },
        4 => Step::Dispute,
        5 => contradict(play, dice),
        6 => Step::Draw { check: dice.happens(128) },
        7 => {
            let leaf = Leaf { peer: PeerId([50; 32]), stake: Amount(7) };
            let after = dice.mostly_first(&[None, Some(Timestamp(2_000_000)), Some(Timestamp::NEVER)]);
            Step::Seat { verifier: dice.mostly_first(&[Some(leaf), None]), after }
        }
        8 => {
            let evidence = evidence(play, dice);
            let (commit, told) = (evidence.commit(), dice.mostly_first(&[None, Some(evidence)]));
            Step::Seal { commit, evidence: told }
        }
        9 => Step::Unserved,
        10 => opening(play, dice),
        11 => Step::OpenSeal { evidence: evidence(play, dice), records: records(play, dice) },
        12 => Step::Tick { frozen: dice.happens(64) },
        13 => {
            let due = play.job.works_until().unwrap_or_default();
            Step::Underway { due: dice.mostly_first(&[due, due.after(Duration(1))]) }
        }
        14 => Step::Convicted,
        _ => Step::Unreached,
    };
    (step.clone(), party(&step, play, dice), live_time(play, dice))
}

/// Mostly whose step it is.
fn party(step: &Step, play: &Play<'_>, dice: &mut Dice<'_>) -> Party {
    let last = u16::try_from(play.job.seats().len().saturating_sub(1)).unwrap_or(u16::MAX);
    let seat = dice.mostly_first(&[last, 0, last.saturating_sub(1), last + 1, u16::MAX]);
    let right = match step {
        Step::Claim { .. } | Step::Abort { .. } | Step::OpenClaim { .. } => Party::Provider,
        Step::Cancel { .. } | Step::Reveal { .. } | Step::Dispute | Step::Contradict { .. } => Party::Client,
        Step::Draw { .. } | Step::Seat { .. } | Step::Tick { .. } | Step::Convicted | Step::Unreached => {
            Party::Notary
        }
        Step::Underway { .. } | Step::Seal { .. } | Step::Unserved | Step::OpenSeal { .. } => {
            Party::Verifier(seat)
        }
    };
    let wrong = [Party::Client, Party::Provider, Party::Notary, Party::Verifier(seat)];
    if dice.happens(24) { wrong[dice.below(wrong.len())] } else { right }
}

/// Mostly now; otherwise any time and any round.
fn live_time(play: &Play<'_>, dice: &mut Dice<'_>) -> LiveTime {
    let now = play.live_time();
    match dice.mostly_first(&[0, 1, 2]) {
        0 => now,
        1 => {
            let (until, round) = play.job.due();
            let round = round.unwrap_or(now.beacon.round);
            LiveTime { live: until.unwrap_or(now.live), beacon: Beacon { round, ..now.beacon } }
        }
        _ => {
            let (live, round) = (Timestamp(dice.number()), dice.number());
            LiveTime { live, beacon: Beacon { round, value: Digest([dice.byte(); 32]) } }
        }
    }
}

fn ticket(play: &Play<'_>, dice: &mut Dice<'_>) -> Digest {
    dice.mostly_first(&[play.job.ticket().digest(), Digest::default()])
}

fn claim(play: &Play<'_>, dice: &mut Dice<'_>) -> assay_protocol::claim::Claim {
    let mut claim = play.run.told(dice).claim(&play.job);
    claim.ticket = ticket(play, dice);
    if dice.happens(32) {
        (claim.units, claim.work) = (dice.number(), dice.number());
    }
    claim
}

fn evidence(play: &Play<'_>, dice: &mut Dice<'_>) -> assay_protocol::check::Evidence {
    let mut evidence = play.run.told(dice).evidence(&play.job);
    match dice.mostly_first(&[0, 1, 2, 3, 4]) {
        1 => evidence.records = dice.number(),
        2 => evidence.rms = dice.number(),
        3 => (evidence.units, evidence.work) = (dice.number(), dice.number()),
        4 => evidence.written.root = Digest([dice.byte(); 32]),
        _ => {}
    }
    evidence
}

fn opening(play: &Play<'_>, dice: &mut Dice<'_>) -> Step {
    let run = play.run.told(dice);
    let (mut output, mut evidence) = (run.leaf(), run.sealed_leaf(&play.job));
    match dice.mostly_first(&[0, 1, 2, 3, 4]) {
        1 => output.written.records = dice.number(),
        2 => evidence.records = dice.number(),
        3 => (output.written.records, evidence.records) = (u64::MAX, u64::MAX),
        4 => evidence.rms = dice.number(),
        _ => {}
    }
    let trap = dice.happens(4).then(|| {
        let commit = play.job.claim().map(|claimed| claimed.claim.commit).unwrap_or_default();
        let signer = dice.mostly_first(&[CLIENT, PROVIDER]);
        (signer, Trap { job: play.job.id(), commit })
    });
    let forfeit = costs::forfeit(&play.town.genesis, play.job.order());
    let most = if trap.is_some() { forfeit } else { Amount::ZERO };
    let pledged = if dice.happens(8) { Amount(dice.number() % forfeit.0.saturating_add(2)) } else { most };
    Step::OpenClaim { output, evidence, records: records(play, dice), trap, pledged }
}

fn contradict(play: &Play<'_>, dice: &mut Dice<'_>) -> Step {
    let (claimed, streamed) = (&play.run, play.run.told(dice));
    let (mut leaf, told) = (claimed.leaf(), streamed.leaf());
    let mut output = Output { job: play.job.id(), records: told.written.records, root: told.written.root };
    match dice.mostly_first(&[0, 1, 2]) {
        1 => output.records = dice.number(),
        2 => leaf.written.records = dice.number(),
        _ => {}
    }
    let position = dice.mostly_first(&[0, 1, 2, u64::MAX - 1]);
    let pair = (streamed.record(position), claimed.record(position));
    Step::Contradict {
        streamed_by: dice.mostly_first(&[PROVIDER, PeerId([9; 32])]),
        output,
        leaf,
        evidence: claimed.sealed_leaf(&play.job).digest(),
        records: dice.mostly_first(&[Some(pair), None]),
    }
}

/// Mostly the wanted records, with one that may be another.
fn records(play: &Play<'_>, dice: &mut Dice<'_>) -> Vec<ShownRecord> {
    let mut records = play.run.told(dice).wanted(&play.job).unwrap_or_default();
    let at = dice.below(records.len());
    match (dice.mostly_first(&[0, 1, 2, 3, 4]), records.get_mut(at)) {
        (1, Some(record)) => record.position = dice.number(),
        (2, Some(record)) => record.bytes.push(dice.byte()),
        (3, Some(record)) => record.path.0.push(Digest([dice.byte(); 32])),
        (4, Some(_)) => drop(records.remove(at)),
        _ => {}
    }
    records
}
