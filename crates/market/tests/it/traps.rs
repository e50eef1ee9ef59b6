//! Traps in the books: what they move from whom to whom, and that nothing shows one before it is closed.

use assay_market::ledger::{News, Rejection};
use assay_protocol::{
    account::Stake,
    job::{SeatPhase, Stage},
    journal::Fact,
    outcome::Outcome,
    receipt::Happening,
    ticket::Ticket,
    units::{Amount, Rate},
};

use crate::{
    cheap::Cheap,
    course::{Claimed, Conduct, Finding},
    office::{CLIENT, NEWCOMER, NOTARY, Office, Ordered, PROVIDER, id, verifiers},
    outcomes::{disclosing, lie, open, to_the_byte, trap_of, trapped, truth},
};

type Desk = Office<Cheap>;

/// What a check costs, and what is at stake in a trap: twelve runs of as much work as there can be.
const CHECK: i64 = 40_000_000;
const FORFEIT: i64 = 60_000_000_000;
/// What client and provider pay for checks that others may need, at a rate of one.
const FEES: i64 = 919_998 + 45_079_999;
const PREMIUM: i64 = 919_998;

fn desk() -> Desk {
    Office::new(to_the_byte)
}

/// The same, with a client that can afford many traps, and verifiers that can barely afford one.
fn rich() -> Desk {
    Office::new(|genesis| {
        to_the_byte(genesis);
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
        let (after, each) = worth(&desk);
        let [client, provider, all, pool]: [i64; 4] = core::array::from_fn(|at| after[at] - before[at]);
        let lost = each_before.iter().zip(&each).map(|(was, now)| was - now).max().unwrap_or_default();
        let fees = desk.receipt(job.id).story.settlement.fees.len() as i64;
        if lost == FORFEIT {
            assert_eq!(pool, FEES, "{number}");
            // The parties have all but what the others ran for.
            assert_eq!((client, provider, all), (-FEES, FORFEIT - fees * CHECK, fees * CHECK - FORFEIT));
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
    let job = trapped(&mut desk, PROVIDER, 0, &false_claim());
    let finding = &|seat| if seat == 0 { lie(0) } else { truth() };
    while !matches!(desk.stage(job.id), Stage::Closed(_)) {
        desk.judge_once(&job, &false_claim(), Conduct { finding, opens: false });
        let standing = next_ticket(&desk).standing;
        assert!(!standing.strict && standing.trust == 0, "{:?}", desk.stage(job.id));
    }
}

/// Whoever matched many traps at once pays what it has, and what is missing is nobody's: neither the pool's nor another's.
#[test]
fn of_who_was_caught_no_more_is_taken_than_it_has() {
    let mut desk = rich();
    let jobs: Vec<Ordered> = (0..12).map(|lane| open(&mut desk, PROVIDER, lane)).collect();
    for job in &jobs {
        desk.claim(job, &false_claim()).unwrap_or_else(|rejection| panic!("{rejection}"));
        desk.reveal(job).unwrap_or_else(|rejection| panic!("{rejection}"));
    }
    let disclosing = |stage| matches!(stage, Stage::Checking(SeatPhase::Disclosing { .. }));
    desk.tick_while(&jobs[0], |stage| !disclosing(stage));
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
    let (after, each) = worth(&desk);
    let broke = verifiers().filter(|peer| desk.account(*peer).at_stake() == Amount::ZERO).count();
    assert!(broke > 0, "nobody was caught twice: {each_before:?}, {each:?}");
    assert!(after[3] >= before[3] + 12 * FEES, "the pool paid for traps");
}

#[test]
fn a_trap_without_what_is_to_be_at_stake_in_it_is_none() {
    let mut desk = desk();
    let claimed = false_claim();
    let job = disclosing(&mut desk, PROVIDER, 0, &claimed);
    let trap = trap_of(&desk, &job, &claimed);
    let (notary, sequence) = (id::<Cheap>(NOTARY), desk.instruction(CLIENT));
    let stake = Stake { notary, sequence, amount: Amount::credits(39), target: None };
    let stake = desk.say(id::<Cheap>(CLIENT), stake);
    desk.enter(Fact::Stake(stake)).unwrap_or_else(|rejection| panic!("{rejection}"));
    assert_eq!(desk.step(trap.clone()).map(drop), Err(Rejection::Funds));
    // Time alone ends it, and nobody loses by that.
    desk.tick_while(&job, |stage| !matches!(stage, Stage::Closed(_)));
    assert_eq!(desk.stage(job.id), Stage::Closed(Outcome::Void));
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

/// The same opening without the word that makes a trap of it.
fn without(desk: &Desk, job: &Ordered, opening: Happening) -> Happening {
    let Happening::OpenClaim { opening, blind } = opening else { unreachable!("an opening") };
    let mut said = opening.said().clone();
    said.trap = None;
    Happening::OpenClaim { opening: desk.say(job.order.provider, said), blind }
}
