//! Verifiers that are drawn and do not answer: who is suspended, when it is back, and what the market does meanwhile.

use std::collections::BTreeMap;

use assay_market::ledger::Rejection;
use assay_protocol::{
    account::{Register, Registration},
    check::Underway,
    codec,
    genesis::Genesis,
    id::PeerId,
    job::{Job, SeatPhase, Stage},
    journal::Fact,
    manifest::Policy,
    order::Refusal,
    outcome::Outcome,
    receipt::Happening,
    roster::Checkers,
    units::{Duration, Rate, Timestamp},
};

use crate::{
    cheap::Cheap,
    course::Conduct,
    office::{CLIENT, NOTARY, Office, Ordered, PROVIDER, STAKE, VERIFIERS, class, id, verifiers},
    outcomes::{honest, truth},
};

type Desk = Office<Cheap>;

/// Books of claims that open themselves and of long epochs.
fn desk(change: impl FnOnce(&mut Genesis)) -> Desk {
    Desk::new(|genesis| {
        // The longest run is no longer than a job: so its client need not keep much beside it.
        (genesis.manifests[0].policy, genesis.manifests[0].work_most) = (Policy::Exact, 8);
        genesis.timers.epoch_ticks = 128;
        change(genesis);
    })
}

/// Opens a job that is checked, in a lane of its own.
fn checked(desk: &mut Desk, lane: u16) -> Result<Ordered, Rejection> {
    let (mut order, secret) = desk.order(CLIENT, PROVIDER, lane, 0);
    order.checks = 1;
    desk.open((order, secret))
}

fn is_sealing(stage: Stage) -> bool {
    let is_asked = |phase| matches!(phase, SeatPhase::Calling { .. } | SeatPhase::Sealing { .. });
    matches!(stage, Stage::Checking(phase) | Stage::Jury(phase) if is_asked(phase))
}

/// Takes a job to the first verifier that was drawn for it.
fn draw(desk: &mut Desk, job: &Ordered) -> PeerId {
    desk.run(job, &honest());
    go_on(desk, job, |_| true);
    desk.last_seat(job).1
}

/// Lets a job go on until it is closed, or somebody is drawn of whom this is so. Whoever is drawn before it lets all
/// deadlines pass.
fn go_on(desk: &mut Desk, job: &Ordered, ends: impl Fn(PeerId) -> bool) {
    let conduct = Conduct { finding: &|_| truth(), opens: true };
    while !matches!(desk.stage(job.id), Stage::Closed(_)) {
        if !is_sealing(desk.stage(job.id)) {
            desk.attend(job, &honest(), conduct);
        }
        if is_sealing(desk.stage(job.id)) && ends(desk.last_seat(job).1) {
            return;
        }
        if !matches!(desk.stage(job.id), Stage::Closed(_)) {
            desk.tick();
        }
    }
}

/// Has the verifier in the last seat of a job seal what is true.
fn seal(desk: &mut Desk, job: &Ordered) {
    desk.seal(job, Conduct { finding: &|_| truth(), opens: true });
}

/// Has one job after the other checked until each of these was drawn; in which order they were absent.
fn miss(desk: &mut Desk, away: &[PeerId]) -> Vec<PeerId> {
    let mut missed = Vec::new();
    for lane in 0..200 {
        let job = checked(desk, lane).unwrap_or_else(|rejection| panic!("{rejection}"));
        draw(desk, &job);
        go_on(desk, &job, |peer| !away.contains(&peer));
        if is_sealing(desk.stage(job.id)) {
            let seats = desk.job(job.id).map(|job| job.seats().to_vec()).unwrap_or_default();
            missed.extend(seats.iter().map(|seat| seat.peer).filter(|peer| away.contains(peer)));
            seal(desk, &job);
        }
        missed.dedup();
        if away.iter().all(|peer| missed.contains(peer)) {
            return missed;
        }
    }
    panic!("somebody is never drawn");
}

/// What the books say of those who could check a job that is ordered now.
fn checkers(desk: &mut Desk, lane: u16) -> Checkers {
    let job =
        desk.open(desk.order(CLIENT, PROVIDER, lane, 0)).unwrap_or_else(|rejection| panic!("{rejection}"));
    job.ticket.standing.checkers
}

/// Lets time pass until the next checkpoint.
fn next_epoch(desk: &mut Desk) {
    desk.tick();
    while !desk.ledger.begins_epoch(desk.ledger.next_round()) {
        desk.tick();
    }
    desk.tick();
}

fn register_again(desk: &mut Desk, peer: PeerId) {
    let kinds = vec![desk.genesis.manifests[0].kind(class())];
    register(desk, peer, kinds);
}

/// A verifier registers for these kinds and no others.
fn register(desk: &mut Desk, peer: PeerId, kinds: Vec<Registration>) {
    let sequence = desk.ledger.accounts()[&peer].instruction + 1;
    let register = desk.say(peer, Register { notary: id::<Cheap>(NOTARY), sequence, kinds });
    desk.enter(Fact::Register(register)).unwrap_or_else(|rejection| panic!("{rejection}"));
}

#[test]
fn who_was_absent_is_suspended_one_an_epoch_and_is_back_two_epochs_after_it_registers_again() {
    // With so few, each is more than a tenth: one goes at each checkpoint, in the order in which they were absent.
    let mut desk = desk(|genesis| genesis.timers.missed = Duration::seconds(3_600));
    let away: Vec<PeerId> = verifiers().take(2).map(id::<Cheap>).collect();
    let missed = miss(&mut desk, &away);
    let seen = |desk: &mut Desk, lane| {
        let Checkers { leaves, weight, missing, .. } = checkers(desk, lane);
        assert_eq!(weight, leaves * STAKE.0);
        (leaves, missing / STAKE.0)
    };
    assert_eq!(seen(&mut desk, 240), (VERIFIERS, 0), "nobody is suspended before a checkpoint");
    register_again(&mut desk, missed[1]);
    next_epoch(&mut desk);
    assert_eq!(seen(&mut desk, 241), (VERIFIERS - 1, 1));
    next_epoch(&mut desk);
    assert_eq!(seen(&mut desk, 242), (VERIFIERS - 2, 2), "whoever waits does not escape by registering");
    let suspended = |desk: &Desk, peer: &PeerId| desk.ledger.accounts()[peer].suspended();
    assert_eq!([suspended(&desk, &missed[0]), suspended(&desk, &missed[1])], [1, 1]);
    register_again(&mut desk, missed[0]);
    assert_eq!([suspended(&desk, &missed[0]), suspended(&desk, &missed[1])], [0, 1]);
    for (lane, expected) in [(243, (VERIFIERS - 2, 2)), (244, (VERIFIERS - 1, 1)), (245, (VERIFIERS - 1, 1))]
    {
        next_epoch(&mut desk);
        assert_eq!(seen(&mut desk, lane), expected);
    }
}

#[test]
fn weight_that_suspensions_took_is_missed_for_as_long_as_the_rules_say() {
    let mut desk = desk(|genesis| genesis.timers.missed = Duration::seconds(100));
    let away = [id::<Cheap>(verifiers().next().unwrap_or_default())];
    miss(&mut desk, &away);
    next_epoch(&mut desk);
    let begun = desk.ledger.live_time().live;
    assert_eq!(checkers(&mut desk, 240).missing, STAKE.0);
    while desk.ledger.live_time().live < begun.after(Duration(99_500)) {
        desk.tick();
    }
    assert_eq!(checkers(&mut desk, 241).missing, STAKE.0);
    desk.tick();
    assert_eq!(checkers(&mut desk, 242).missing, 0);
}

#[test]
fn a_market_that_lost_too_much_weight_to_suspensions_takes_no_orders() {
    // Two of five are left: two fifths of what was there. Three would be enough.
    for (kept, expected) in [(400, true), (401, false)] {
        let mut desk = desk(|genesis| {
            (genesis.checks.leaves_min, genesis.checks.effective_min) = (0, Rate::ZERO);
            genesis.checks.weight_kept = Rate::per_mille(kept);
            genesis.timers.missed = Duration::seconds(3_600);
        });
        let away: Vec<PeerId> = verifiers().take(3).map(id::<Cheap>).collect();
        miss(&mut desk, &away);
        (0..3).for_each(|_| next_epoch(&mut desk));
        let order = desk.order(CLIENT, PROVIDER, 240, 0);
        let opened = desk.open(order);
        assert_eq!(opened.is_ok(), expected, "{opened:?}");
        assert!(expected || opened.is_err_and(|refused| refused == Rejection::Refused(Refusal::Checkers)));
    }
}

#[test]
fn orders_that_are_checked_in_any_case_wait_while_most_verifiers_have_four_checks_before_them() {
    let mut desk = desk(|genesis| {
        genesis.checks.ramp = 0;
        (genesis.timers.seal, genesis.timers.settle_max) =
            (Duration::seconds(3_600), Duration::seconds(12 * 3_600));
    });
    let mut given: BTreeMap<PeerId, Vec<Ordered>> = BTreeMap::new();
    let busy = |given: &BTreeMap<_, Vec<_>>| given.values().filter(|jobs| jobs.len() >= 4).count();
    for lane in 0.. {
        let job = match checked(&mut desk, lane) {
            Ok(job) => job,
            Err(refused) => {
                assert_eq!((refused, busy(&given)), (Rejection::Refused(Refusal::Busy), 3));
                break;
            }
        };
        assert!(busy(&given) < 3, "three of five have four checks each");
        let verifier = draw(&mut desk, &job);
        answer(&mut desk, &job);
        given.entry(verifier).or_default().push(job);
    }
    // What is drawn by chance goes through meanwhile; everything, once one of them has fewer.
    checkers(&mut desk, 240);
    for job in given.values().filter(|jobs| jobs.len() >= 4).take(1).flatten().skip(3) {
        assert!(checked(&mut desk, 241).is_err());
        seal(&mut desk, job);
        assert_eq!(desk.stage(job.id), Stage::Closed(Outcome::Checked));
    }
    checked(&mut desk, 241).unwrap_or_else(|rejection| panic!("{rejection}"));
}

/// Has the verifier in the last seat of a job say that it is there.
fn answer(desk: &mut Desk, job: &Ordered) {
    let due = desk.job(job.id).and_then(Job::works_until).unwrap_or_default();
    let underway = desk.say(desk.last_seat(job).1, Underway { job: job.id, due });
    desk.step(Happening::Underway(underway)).unwrap_or_else(|rejection| panic!("{rejection}"));
}

/// By how many bytes books grow in so many ticks.
fn growth(desk: &mut Desk, ticks: usize) -> usize {
    let before = codec::encode(&desk.ledger).len();
    (0..ticks).for_each(|_| desk.tick());
    codec::encode(&desk.ledger).len() - before
}

/// A check may go on for hours, and thousands may beside each other.
#[test]
fn a_check_that_goes_on_is_noted_once_and_not_at_every_tick() {
    const NAME_BYTES: usize = 32;
    let mut idle = desk(|_| {});
    let mut busy = desk(|_| {});
    let job = checked(&mut busy, 240).unwrap_or_else(|rejection| panic!("{rejection}"));
    draw(&mut busy, &job);
    answer(&mut busy, &job);
    let (grown, without) = (growth(&mut busy, 8), growth(&mut idle, 8));
    assert!(is_sealing(busy.stage(job.id)), "{:?}", busy.stage(job.id));
    assert!(grown < without + NAME_BYTES, "{grown} bytes in eight ticks, and {without} where nobody works");
    busy.tick_while(&job, |stage| !matches!(stage, Stage::Closed(_)));
    assert!(busy.ledger.stranded().is_empty());
}

/// A verifier that was away comes back and registers anew while checks that it was given before still run out.
#[test]
fn what_was_given_to_a_registration_counts_against_none_that_came_after() {
    for anew in [true, false] {
        let mut desk = desk(|genesis| genesis.timers.missed = Duration::seconds(3_600));
        let job = checked(&mut desk, 0).unwrap_or_else(|rejection| panic!("{rejection}"));
        let away = draw(&mut desk, &job);
        if anew {
            register(&mut desk, away, Vec::new());
        }
        register_again(&mut desk, away);
        go_on(&mut desk, &job, |peer| peer != away);
        seal(&mut desk, &job);
        (0..2).for_each(|_| next_epoch(&mut desk));
        let suspended = desk.ledger.accounts()[&away].suspended();
        let Checkers { leaves, .. } = checkers(&mut desk, 240);
        let expected = if anew { (0, VERIFIERS) } else { (1, VERIFIERS - 1) };
        assert_eq!((suspended, leaves), expected, "registered anew: {anew}");
    }
}

/// How many verifiers are left after so many of the first one's last eight checks were late, and the others in time.
fn left_after(pattern: &[bool]) -> u64 {
    let mut desk = desk(|genesis| {
        genesis.timers.epoch_ticks = 4_096;
        genesis.timers.missed = Duration::seconds(3_600);
    });
    let lazy = id::<Cheap>(verifiers().next().unwrap_or_default());
    let mut lane = 0;
    for late in pattern {
        loop {
            let job = checked(&mut desk, lane).unwrap_or_else(|rejection| panic!("{rejection}"));
            lane += 1;
            let verifier = draw(&mut desk, &job);
            if verifier == lazy && *late {
                answer(&mut desk, &job);
                go_on(&mut desk, &job, |peer| peer != lazy);
            }
            seal(&mut desk, &job);
            if verifier == lazy {
                break;
            }
        }
    }
    next_epoch(&mut desk);
    checkers(&mut desk, 250).leaves
}

#[test]
fn who_is_there_and_late_is_suspended_for_the_third_time_of_its_last_eight() {
    let (late, timely) = (true, false);
    for (pattern, expected) in [
        (&[late, late][..], VERIFIERS),
        (&[late, timely, late, timely, timely, timely, timely, late], VERIFIERS - 1),
        (&[late, timely, late, timely, timely, timely, timely, timely, late], VERIFIERS),
    ] {
        assert_eq!(left_after(pattern), expected, "{pattern:?}");
    }
}

#[test]
fn what_a_verifier_is_given_is_due_behind_what_it_was_given_before_and_has_not_ended() {
    let most = Duration::seconds(600);
    // An order that is checked in any case would not be opened while too many have four of them.
    let mut desk = desk(|genesis| {
        (genesis.timers.settle_max, genesis.checks.ramp) = (most, 0);
        genesis.checks.base = Rate::per_mille(950);
        genesis.timers.seal = Duration::seconds(100);
    });
    // Three times the second that the order allows, and a hundred: nobody is late as long as this lasts.
    let sealing = Duration::seconds(103);
    let mut given: BTreeMap<PeerId, Vec<(Timestamp, Ordered)>> = BTreeMap::new();
    let (mut fresh, mut behind, mut capped) = (0, 0, 0);
    for lane in 0..45 {
        let order = desk.order(CLIENT, PROVIDER, lane, 0);
        let job = desk.open(order).unwrap_or_else(|rejection| panic!("{rejection}"));
        desk.run(&job, &honest());
        if matches!(desk.stage(job.id), Stage::Waiting { .. }) {
            continue;
        }
        go_on(&mut desk, &job, |_| true);
        answer(&mut desk, &job);
        let (verifier, live) = (desk.last_seat(&job).1, desk.ledger.live_time().live);
        let before = given.entry(verifier).or_default();
        before.retain(|(due, job)| *due > live && is_sealing(desk.stage(job.id)));
        let begins = before.iter().map(|(due, _)| *due).max().unwrap_or(live);
        let due = desk.job(job.id).and_then(Job::works_until).unwrap_or_default();
        assert_eq!(due, begins.min(live.after(most)).after(sealing), "job {lane}");
        fresh += u64::from(begins == live);
        behind += u64::from(begins > live);
        capped += u64::from(begins > live.after(most));
        before.push((due, job.clone()));
        if lane % 5 == 0 {
            seal(&mut desk, &job);
        }
    }
    println!("{fresh} begin at once, {behind} behind others, {capped} of them as late as any");
    assert!(fresh > 2 && behind > 10 && capped > 0);
}

/// A client that has an input run which takes as long as its order allows: with a deadline by the estimate alone every
/// honest verifier would be late.
#[test]
fn a_check_may_take_three_times_what_the_order_allows_its_provider() {
    let mut desk = desk(|genesis| genesis.timers.settle_max = Duration::seconds(12 * 3_600));
    let (mut order, secret) = desk.order(CLIENT, PROVIDER, 0, 0);
    (order.checks, order.run_max) = (1, Duration::seconds(64));
    let job = desk.open((order, secret)).unwrap_or_else(|rejection| panic!("{rejection}"));
    let verifier = draw(&mut desk, &job);
    answer(&mut desk, &job);
    desk.wait(Duration::seconds(3 * 64));
    assert_eq!(desk.last_seat(&job).1, verifier, "nobody else was drawn meanwhile");
    seal(&mut desk, &job);
    assert_eq!(desk.stage(job.id), Stage::Closed(Outcome::Checked));
}
