//! Traps in the books: what they move from whom to whom, and that nothing shows one before it is closed.

mod means;

use assay_market::ledger::{News, Rejection};
use assay_protocol::{
    genesis::{Genesis, Pair},
    job::{Misstep, SeatPhase, Stage},
    journal::Fact,
    outcome::Outcome,
    receipt::{Happening, Story},
    ticket::Ticket,
    units::{Amount, Duration, Rate},
};

use crate::{
    cheap::Cheap,
    course::{Claimed, Conduct, Finding},
    office::{CLIENT, FIRST_VERIFIER, NEWCOMER, Office, Ordered, PROVIDER, class, id, verifiers},
    outcomes::{contradiction, disclosing, honest, lie, open, to_the_byte, trap_of, trapped, truth},
};

type Desk = Office<Cheap>;

/// What a check costs, and what is at stake in a trap: twelve runs of as much work as there can be.
const CHECK: i64 = 40_000_000;
const FORFEIT: i64 = 60_000_000_000;
/// What client and provider pay for checks that others may need, at a rate of one.
const FEES: i64 = 919_998 + 45_079_999;
const PREMIUM: i64 = 919_998;

fn desk() -> Desk {
    Office::new(exact)
}

/// Outputs must agree in each byte, and what is withdrawn is paid out within minutes.
fn exact(genesis: &mut Genesis) {
    to_the_byte(genesis);
    genesis.timers.unbonding = Duration::seconds(120);
}

/// The same, with a client that can afford many traps, and verifiers that can barely afford one.
fn rich() -> Desk {
    rich_with(|_| {})
}

fn rich_with(change: impl FnOnce(&mut Genesis)) -> Desk {
    Office::new(|genesis| {
        exact(genesis);
        change(genesis);
        for founder in &mut genesis.verifiers {
            if founder.classes.is_empty() {
                // A little more than a step of what a standing tells of it.
                founder.free = Amount::credits(1_110);
            } else {
                founder.stake = Amount(FORFEIT as u64 + 1_000_000_000);
            }
        }
    })
}

/// Verifiers that have what a trap takes and no more, by such rules.
fn barely(rules: fn(&mut Genesis)) -> Desk {
    Office::new(|genesis| {
        rules(genesis);
        genesis.timers.epoch_ticks = 4_096;
        for founder in &mut genesis.verifiers {
            if founder.classes.is_empty() {
                founder.free = Amount::credits(1_110);
            } else {
                founder.stake = Amount(FORFEIT as u64);
            }
        }
    })
}

/// The ticket of the next order of the same parties.
fn next_ticket(desk: &Desk) -> Ticket {
    let order = desk.order(CLIENT, PROVIDER, 100, 0).0;
    let mut ledger = desk.ledger.clone();
    let opened = ledger.apply(&Fact::Open(desk.agreed(&order, Rate::ONE)));
    let news = opened.unwrap_or_else(|rejection| panic!("{rejection}")).news;
    let ticket = news.into_iter().find_map(|news| match news {
        News::Opened { ticket, .. } => Some(*ticket),
        News::Drawn { .. } | News::Accused { .. } | News::Closed { .. } => None,
    });
    ticket.unwrap_or_else(|| panic!("an opening has a ticket"))
}

/// What is false: the claim of every trap.
fn false_claim() -> Claimed {
    let Finding::Output(output) = lie(0) else { unreachable!("a lie is an output") };
    Claimed::new(output)
}

/// What everybody has: client, provider, verifiers together, pool; and how many verifiers lost something.
fn worth(desk: &Desk) -> ([i64; 4], Vec<i64>) {
    let all = |peer: u64| {
        let account = desk.account(peer);
        account.free.0 as i64 + account.at_stake().0 as i64
    };
    let each: Vec<i64> = verifiers().map(all).collect();
    let provider = all(PROVIDER) + all(NEWCOMER);
    ([all(CLIENT), provider, each.iter().sum(), desk.ledger.pool_minted_burned().0.0 as i64], each)
}

/// Time passes until what traps won is paid out.
fn pay_out(desk: &mut Desk) {
    let forfeited = |desk: &Desk| verifiers().any(|peer| !desk.account(peer).forfeited().is_zero());
    while forfeited(desk) {
        desk.tick();
    }
}

/// A trap to its end, where the verifier in each seat finds this: what each has more for it, and how much the unluckiest
/// verifier lost.
fn sprung(provider: u64, finding: &dyn Fn(usize) -> Finding) -> ([i64; 4], i64) {
    let mut desk = desk();
    let (before, each_before) = worth(&desk);
    let job = trapped(&mut desk, provider, 0, &false_claim());
    desk.judge(&job, &false_claim(), Conduct { finding, opens: false });
    assert_eq!(desk.stage(job.id), Stage::Closed(Outcome::Trap));
    let (after, each) = worth(&desk);
    let lost = each_before.iter().zip(&each).map(|(was, now)| was - now).max();
    (core::array::from_fn(|at| after[at] - before[at]), lost.unwrap_or_default())
}

#[test]
fn who_runs_a_trap_is_paid_by_its_parties_and_nobody_by_the_pool() {
    let (flows, lost) = sprung(PROVIDER, &|_| truth());
    assert_eq!((flows, lost), ([-FEES - CHECK, 0, CHECK, FEES], 0));
    let (flows, lost) = sprung(NEWCOMER, &|_| truth());
    assert_eq!((flows, lost), ([-PREMIUM - CHECK, 0, CHECK, PREMIUM], 0));
}

/// The first verifier says what it was told, the others what they find. With five of equal stake it may be drawn again, and
/// counts again with what it said: then nobody was caught.
#[test]
fn who_matches_a_trap_pays_what_was_at_stake_in_it_once_two_contradict() {
    let (mut caught, mut free) = (0, 0);
    for number in 0..24 {
        let mut desk = desk();
        let (before, each_before) = worth(&desk);
        let job = trapped(&mut desk, PROVIDER, number, &false_claim());
        let taken = |seat| if seat == 0 { lie(0) } else { truth() };
        desk.judge(&job, &false_claim(), Conduct { finding: &taken, opens: false });
        pay_out(&mut desk);
        let (after, each) = worth(&desk);
        let [client, provider, all, pool]: [i64; 4] = core::array::from_fn(|at| after[at] - before[at]);
        let lost = each_before.iter().zip(&each).map(|(was, now)| was - now).max().unwrap_or_default();
        let fees = desk.receipt(job.id).story.settlement.fees.len() as i64;
        if lost == FORFEIT {
            assert_eq!(pool, FEES, "{number}");
            // The client has paid what the others ran for.
            assert_eq!((client, provider, all), (-FEES - fees * CHECK, FORFEIT, fees * CHECK - FORFEIT));
            assert!((1..=2).contains(&fees), "{number}");
            caught += 1;
        } else {
            // Whoever was drawn for both looks has confirmed itself.
            let confirmed = pool == FEES + FORFEIT - fees * CHECK;
            assert!(lost <= 0 && (pool == FEES || confirmed), "{number}: {lost}, {pool}");
            free += 1;
        }
    }
    assert!(caught > free && free > 0, "{caught} caught, {free} drawn again");
}

/// A job of the first verifier's, and behind it a trap that has caught it; what its stake was waits to be paid out.
fn caught_behind_a_claim(desk: &mut Desk) -> Ordered {
    let taken = |seat| if seat == 0 { lie(0) } else { truth() };
    for lane in 0.. {
        let job = open(desk, FIRST_VERIFIER, 100 + lane);
        desk.claim(&job, &honest()).unwrap_or_else(|rejection| panic!("{rejection}"));
        let trap = trapped(desk, PROVIDER, lane, &false_claim());
        desk.judge(&trap, &false_claim(), Conduct { finding: &taken, opens: false });
        if desk.account(FIRST_VERIFIER).forfeited() > Amount::ZERO {
            assert_eq!(desk.account(FIRST_VERIFIER).forfeited().0, FORFEIT as u64);
            return job;
        }
    }
    unreachable!("it is drawn first one day")
}

/// A stake cannot be carried off by traps of one's own: what was won of it answers for what was claimed before, as what is
/// withdrawn does.
#[test]
fn what_a_trap_won_of_a_stake_is_slashed_with_it_until_it_is_paid_out() {
    for convicted in [false, true] {
        let mut desk = rich_with(|genesis| {
            genesis.timers.epoch_ticks = 4_096;
            genesis.timers.unbonding = Duration::seconds(2);
        });
        let forfeited = |desk: &Desk, peer| desk.account(peer).forfeited().0;
        let job = caught_behind_a_claim(&mut desk);
        if convicted {
            let stake = desk.account(FIRST_VERIFIER).at_stake().0;
            let contradiction = contradiction(&desk, &job);
            desk.step(contradiction).unwrap_or_else(|rejection| panic!("{rejection}"));
            let slashed = desk.receipt(job.id).story.settlement.slashed.0;
            assert_eq!(slashed, stake + FORFEIT as u64, "all that was there");
            assert_eq!(forfeited(&desk, FIRST_VERIFIER), 0);
        }
        if !convicted {
            let due = desk.ledger.live_time().live.after(desk.genesis.timers.unbonding);
            while desk.ledger.live_time().live <= due {
                desk.tick();
            }
            assert!(!matches!(desk.stage(job.id), Stage::Closed(_)), "it is open for longer");
            let waits = forfeited(&desk, FIRST_VERIFIER);
            assert_eq!(waits, FORFEIT as u64, "it is not paid out before that job is closed");
        }
        let (free, won) =
            (desk.account(PROVIDER).free.0, verifiers().map(|peer| forfeited(&desk, peer)).sum::<u64>());
        desk.tick_while(&job, |stage| !matches!(stage, Stage::Closed(_)));
        pay_out(&mut desk);
        assert_eq!(desk.account(PROVIDER).free.0, free + won);
    }
}

/// Nor is it hidden from fines so: what they miss, the pool would pay.
#[test]
fn a_fine_takes_what_a_trap_won_of_a_stake_before_the_pool_pays() {
    let mut desk = barely(exact);
    let job = caught_behind_a_claim(&mut desk);
    assert_eq!(desk.account(FIRST_VERIFIER).at_stake(), Amount::ZERO);
    let (forfeited, pool) = (desk.account(FIRST_VERIFIER).forfeited(), worth(&desk).0[3]);
    let finding = |seat| if seat == 0 { lie(1) } else { Finding::Unserved };
    desk.judge(&job, &honest(), Conduct { finding: &finding, opens: true });
    assert_eq!(desk.stage(job.id), Stage::Closed(Outcome::Unreached));
    let fees: u64 = desk.receipt(job.id).story.settlement.fees.iter().map(|fee| fee.amount.0).sum();
    assert!(fees > 0 && worth(&desk).0[3] >= pool, "the pool has paid: {fees}, {pool}, {:?}", worth(&desk));
    assert_eq!(desk.account(FIRST_VERIFIER).forfeited().0, forfeited.0 - fees);
}

#[test]
fn a_true_claim_that_is_called_a_trap_costs_its_parties_what_was_at_stake_in_it() {
    let (flows, lost) = sprung(PROVIDER, &|_| lie(0));
    let [client, provider, all, pool] = flows;
    assert_eq!((client, provider), (-FEES - FORFEIT, 0));
    assert!(all > 0 && all % CHECK == 0 && lost <= 0, "each verifier that ran is paid: {all}");
    assert_eq!(pool, FEES + FORFEIT - all);
}

#[test]
fn a_trap_moves_no_trust_and_accuses_nobody() {
    let mut desk = rich();
    let honestly = open(&mut desk, PROVIDER, 50);
    desk.run(&honestly, &honest());
    desk.judge(&honestly, &honest(), Conduct { finding: &|_| truth(), opens: true });
    let trust = next_ticket(&desk).standing.trust;
    assert!(trust > 0, "it has some to lose");
    let drawn = |lane| {
        let job = open(&mut desk, PROVIDER, lane);
        desk.run(&job, &false_claim());
        matches!(desk.stage(job.id), Stage::Checking(_)).then_some(job)
    };
    let Some(job) = (0..50).find_map(drawn) else { panic!("one is drawn") };
    let trap = trap_of(&desk, &job, &false_claim());
    desk.step(trap).unwrap_or_else(|rejection| panic!("{rejection}"));
    let finding = &|seat| if seat == 0 { lie(0) } else { truth() };
    while !matches!(desk.stage(job.id), Stage::Closed(_)) {
        desk.judge_once(&job, &false_claim(), Conduct { finding, opens: false });
        let standing = next_ticket(&desk).standing;
        assert!(!standing.strict && standing.trust == trust, "{:?}", desk.stage(job.id));
    }
    assert_eq!(desk.stage(job.id), Stage::Closed(Outcome::Trap));
}

/// Whoever matched many traps at once pays what it has, and what is missing is nobody's: neither the pool's nor another's.
#[test]
fn of_who_was_caught_no_more_is_taken_than_it_has() {
    let mut desk = rich();
    let jobs = all_disclosing(&mut desk, 12);
    for job in &jobs {
        let trap = trap_of(&desk, job, &false_claim());
        desk.step(trap).unwrap_or_else(|rejection| panic!("{rejection}"));
    }
    let (before, each_before) = worth(&desk);
    let finding = &|seat| if seat == 0 { lie(0) } else { truth() };
    let is_open = |desk: &Desk, job: &Ordered| !matches!(desk.stage(job.id), Stage::Closed(_));
    while jobs.iter().any(|job| is_open(&desk, job)) {
        for job in jobs.iter().filter(|job| is_open(&desk, job)).collect::<Vec<_>>() {
            desk.attend(job, &false_claim(), Conduct { finding, opens: false });
        }
        desk.tick();
    }
    pay_out(&mut desk);
    let (after, each) = worth(&desk);
    let broke = verifiers().filter(|peer| desk.account(*peer).at_stake() == Amount::ZERO).count();
    assert!(broke > 0, "nobody was caught twice: {each_before:?}, {each:?}");
    let kept = |story: &Story| {
        let fees = story.settlement.fees.iter().map(|fee| fee.amount.0).sum::<u64>();
        let held = story.open.said().order.said().total_max.0 + FORFEIT as u64;
        (held - story.settlement.client.0 - fees) as i64
    };
    assert!(desk.closed.iter().all(|story| kept(story) >= FEES), "the pool paid for a trap");
    let kept: i64 = desk.closed.iter().map(kept).sum();
    // What it had reserved for their checks comes back.
    assert_eq!(after[3] - before[3], 12 * CHECK + kept, "the pool has what the traps left and no less");
    let fines = desk.closed.iter().flat_map(|story| &story.settlement.fines);
    let fines = fines.map(|fine| fine.amount.0 as i64).sum::<i64>();
    assert_eq!(after[1] - before[1], fines, "nobody is told to pay what it has not");
}

/// Takes as many jobs to where the notary enters what opens their claims, all of them at once.
fn all_disclosing(desk: &mut Desk, jobs: u16) -> Vec<Ordered> {
    let jobs: Vec<Ordered> = (0..jobs).map(|lane| open(desk, PROVIDER, lane)).collect();
    for job in &jobs {
        desk.claim(job, &false_claim()).unwrap_or_else(|rejection| panic!("{rejection}"));
        desk.reveal(job).unwrap_or_else(|rejection| panic!("{rejection}"));
    }
    let disclosing = |stage| matches!(stage, Stage::Checking(SeatPhase::Disclosing { .. }));
    desk.tick_while(&jobs[0], |stage| !disclosing(stage));
    jobs
}

/// A client that has it once sets two: the second is over at once, with all that the client has.
#[test]
fn a_trap_without_all_that_is_at_stake_in_it_is_no_way_out_of_a_check() {
    let mut desk = desk();
    let jobs = all_disclosing(&mut desk, 2);
    let (first, second) = (&jobs[0], &jobs[1]);
    let trap = trap_of(&desk, first, &false_claim());
    desk.step(trap).unwrap_or_else(|rejection| panic!("{rejection}"));
    let (before, _) = worth(&desk);
    let free = desk.account(CLIENT).free.0 as i64;
    assert!((1..FORFEIT).contains(&free), "{free}");
    let trap = trap_of(&desk, second, &false_claim());
    for pledged in [0, free as u64 - 1, free as u64 + 1, FORFEIT as u64] {
        let Happening::OpenClaim { opening, blind, .. } = trap.clone() else { unreachable!("an opening") };
        let other = Happening::OpenClaim { opening, blind, pledged: Amount(pledged) };
        let refused = desk.step(other).map(drop);
        let reason = if pledged > free as u64 { Rejection::Funds } else { Misstep::Unmatched.into() };
        assert_eq!(refused, Err(reason), "{pledged}");
    }
    desk.step(trap).unwrap_or_else(|rejection| panic!("{rejection}"));
    assert_eq!(desk.stage(second.id), Stage::Closed(Outcome::Trap));
    let (after, _) = worth(&desk);
    let total = second.order.total_max.0 as i64;
    // What was held of it comes back, as far as premium, dues and what is still missing do not take it.
    let missing = FORFEIT - free;
    assert_eq!(desk.account(CLIENT).free.0 as i64, (total - FEES - missing).max(0));
    // So does what the pool had reserved for its check.
    assert_eq!(after[3] - before[3], CHECK + free + total.min(FEES + missing));
    assert!(!matches!(desk.stage(first.id), Stage::Closed(_)), "the other one goes on");
}

/// Two worlds that differ in one thing: in one of them the claim is a trap. Nothing that anybody but its parties and the
/// notary can see is another, until the job is closed: what the journal shows, what the next ticket says, what stands of
/// its parties.
#[test]
fn nothing_that_others_see_before_its_close_tells_a_trap() {
    let claimed = false_claim();
    let seen = |is_trap: bool| {
        let mut desk = rich();
        let job = disclosing(&mut desk, PROVIDER, 0, &claimed);
        let opening = trap_of(&desk, &job, &claimed);
        let opening = if is_trap { opening } else { without(&desk, &job, opening) };
        desk.step(opening).unwrap_or_else(|rejection| panic!("{rejection}"));
        let sealing = |stage| matches!(stage, Stage::Checking(SeatPhase::Calling { .. }));
        desk.tick_while(&job, |stage| !sealing(stage));
        let withheld: Vec<u64> = desk.ledger.withheld(0..desk.ledger.sequence()).collect();
        let next = next_ticket(&desk);
        let parties = [PROVIDER, CLIENT].map(|peer| desk.ledger.peer_standing(id::<Cheap>(peer)));
        let seats: Vec<_> =
            desk.job(job.id).into_iter().flat_map(|job| job.seats()).map(|seat| seat.peer).collect();
        (desk.facts.len(), withheld, next.standing, next.covered, parties, seats)
    };
    assert_eq!(seen(true), seen(false));
}

/// A trap is checked at its parties' cost, so it takes no place that the endowment has for another.
#[test]
fn a_trap_uses_up_no_check_that_the_endowment_pays_for() {
    let mut desk = Desk::new(|genesis| {
        to_the_byte(genesis);
        genesis.endowed = vec![Pair { model: genesis.manifests[0].model, class: class() }];
        (genesis.money.endowment, genesis.checks.endowed_checks) = (Amount::credits(10), 1);
        genesis.timers.epoch_ticks = 4_096;
    });
    // Until its provider is trusted, all of its jobs are drawn.
    let first = open(&mut desk, PROVIDER, 0);
    desk.run(&first, &honest());
    desk.judge(&first, &honest(), Conduct { finding: &|_| truth(), opens: true });
    let trap = trapped(&mut desk, PROVIDER, 1, &false_claim());
    assert!(trap.ticket.standing.endowed);
    desk.judge(&trap, &false_claim(), Conduct { finding: &|_| truth(), opens: false });
    assert_eq!(desk.stage(trap.id), Stage::Closed(Outcome::Trap));
    assert_eq!(desk.ledger.endowment(), Amount::credits(10), "it paid nothing");
    assert!(open(&mut desk, PROVIDER, 2).ticket.standing.endowed, "its place is free");
}

/// Who lost what it had at stake is not asked any more, though it stands in the roster until the next checkpoint; and that it
/// does not answer then is no absence of its own.
#[test]
fn who_was_caught_and_has_no_more_to_lose_is_not_asked_and_not_absent() {
    let mut desk = barely(to_the_byte);
    let taken = |seat| if seat == 0 { lie(0) } else { truth() };
    let broke = |desk: &Desk| verifiers().find(|peer| desk.account(*peer).at_stake() == Amount::ZERO);
    let mut lane = 0;
    while broke(&desk).is_none() {
        let job = trapped(&mut desk, PROVIDER, lane, &false_claim());
        let order = &job.order;
        assert!(verifiers().all(|peer| desk.ledger.answers_for(id::<Cheap>(peer), order)));
        desk.judge(&job, &false_claim(), Conduct { finding: &taken, opens: false });
        lane += 1;
    }
    let Some(caught) = broke(&desk) else { panic!("somebody was caught") };
    let mut drawn = false;
    while !drawn {
        let job = open(&mut desk, PROVIDER, lane);
        desk.run(&job, &honest());
        let asked = |desk: &Desk| !matches!(desk.stage(job.id), Stage::Closed(_));
        while asked(&desk) {
            let is_caught = desk.job(job.id).and_then(|job| job.seats().last()).is_some_and(|seat| {
                let is_asked = desk.ledger.answers_for(seat.peer, &job.order);
                assert_eq!(is_asked, seat.peer != id::<Cheap>(caught));
                !is_asked && !seat.is_done()
            });
            drawn |= is_caught;
            let found = |_| if is_caught { Finding::Absent } else { truth() };
            desk.judge_once(&job, &honest(), Conduct { finding: &found, opens: true });
        }
        lane += 1;
    }
    // The next checkpoint suspends nobody.
    let first = desk.ledger.next_round();
    while desk.ledger.next_round() <= first.next_multiple_of(4_096) + 1 {
        desk.tick();
    }
    assert!(verifiers().all(|peer| desk.account(peer).suspended() == 0));
}

/// The same opening without the word that makes a trap of it.
fn without(desk: &Desk, job: &Ordered, opening: Happening) -> Happening {
    let Happening::OpenClaim { opening, blind, .. } = opening else { unreachable!("an opening") };
    let mut said = opening.said().clone();
    said.trap = None;
    let opening = desk.say(job.order.provider, said);
    Happening::OpenClaim { opening, blind, pledged: Amount::ZERO }
}
