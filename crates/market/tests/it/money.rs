//! What each close moves from whom to whom, to the last nano-credit.
//!
//! The price of the usual job is one credit, of which all is claimed. A check costs 0.04; at a margin of 15 % the premium
//! for it is 0.000919998, the dues at a rate of one 0.045079999 and at a half 0.022079999.

use assay_market::ledger::Rejection;
use assay_protocol::{
    account::Stake,
    draw,
    genesis::Pair,
    job::Stage,
    journal::Fact,
    objection::{Cancel, Dispute},
    order::Order,
    outcome::Outcome,
    receipt::Happening,
    units::{Amount, Rate},
};

use crate::{
    cheap::Cheap,
    course::{Claimed, Conduct, Finding},
    office::{CLIENT, NEWCOMER, NOTARY, Office, Ordered, PROVIDER, class, id, verifiers},
    outcomes::{honest, judged_in, lie, open, truth},
    rejections::waiting,
};

type Desk = Office<Cheap>;

const CHECK: i64 = 40_000_000;
const PREMIUM: i64 = 919_998;
const DUES: i64 = 45_079_999;
const HALF_DUES: i64 = 22_079_999;
const PRICE: i64 = 1_000_000_000;
const BOUNTY: i64 = 20 * CHECK;

/// By how much each has more than before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flows {
    client: i64,
    provider: i64,
    /// What the provider has at stake.
    stake: i64,
    verifiers: i64,
    pool: i64,
    endowment: i64,
}

impl Flows {
    fn now(desk: &Desk, provider: u64) -> Self {
        let free = |peer: u64| desk.account(peer).free.0 as i64;
        Self {
            client: free(CLIENT),
            provider: free(provider),
            stake: desk.account(provider).at_stake().0 as i64,
            verifiers: verifiers().map(|peer| free(peer) + desk.account(peer).stake.0 as i64).sum(),
            pool: desk.ledger.pool_minted_burned().0.0 as i64,
            endowment: desk.ledger.endowment().0 as i64,
        }
    }
}

/// What a course of events moves, where this peer is the provider.
fn flows(desk: &mut Desk, provider: u64, course: impl FnOnce(&mut Desk)) -> Flows {
    let before = Flows::now(desk, provider);
    course(desk);
    let after = Flows::now(desk, provider);
    Flows {
        client: after.client - before.client,
        provider: after.provider - before.provider,
        stake: after.stake - before.stake,
        verifiers: after.verifiers - before.verifiers,
        pool: after.pool - before.pool,
        endowment: after.endowment - before.endowment,
    }
}

/// The close of an open job whose claim is true, with verifiers that find this.
fn closes(desk: &mut Desk, job: &Ordered, finding: &dyn Fn(usize) -> Finding, outcome: Outcome) {
    desk.run(job, &honest());
    desk.judge(job, &honest(), Conduct { finding, opens: true });
    assert_eq!(desk.stage(job.id), Stage::Closed(outcome));
}

fn opened(desk: &mut Desk, lane: u16, change: impl FnOnce(&mut Order)) -> Ordered {
    let (mut order, secret) = desk.order(CLIENT, PROVIDER, lane, 0);
    change(&mut order);
    desk.open((order, secret)).unwrap_or_else(|rejection| panic!("an order was refused: {rejection}"))
}

fn take(desk: &mut Desk, fact: Fact) {
    desk.enter(fact).unwrap_or_else(|rejection| panic!("{rejection}"));
}

fn dispute(desk: &mut Desk, job: &Ordered) {
    let dispute = desk.say(job.order.client, Dispute { job: job.id });
    take(desk, Fact::Job(Happening::Dispute(dispute)));
}

#[test]
fn a_checked_job_pays_premium_and_dues_to_the_pool_and_one_check_out_of_it() {
    let mut desk = Desk::new(|_| {});
    let moved = flows(&mut desk, PROVIDER, |desk| {
        let job = open(desk, PROVIDER, 0);
        closes(desk, &job, &|_| truth(), Outcome::Checked);
    });
    let (provider, pool) = (PRICE - DUES, PREMIUM + DUES - CHECK);
    let client = -PRICE - PREMIUM;
    assert_eq!(moved, Flows { client, provider, verifiers: CHECK, pool, ..Flows::default() });
}

#[test]
fn a_job_that_is_not_drawn_pays_premium_and_dues_all_the_same() {
    let mut desk = Desk::new(|_| {});
    let job = waiting(&mut desk);
    let half = job.ticket.policy_rate == Rate::per_mille(500);
    let dues = if half { HALF_DUES } else { job.ticket.dues.0 as i64 };
    let moved = flows(&mut desk, PROVIDER, |desk| {
        desk.tick_while(&job, |stage| !matches!(stage, Stage::Closed(Outcome::NotDrawn)));
    });
    // The total was held before.
    let client = 2 * PRICE - PRICE - PREMIUM;
    let (provider, pool) = (PRICE - dues, PREMIUM + dues);
    assert_eq!(moved, Flows { client, provider, pool, ..Flows::default() });
}

#[test]
fn dues_follow_the_rate_of_the_policy() {
    let mut desk = Desk::new(|_| {});
    for (lane, dues) in [(0, DUES), (1, HALF_DUES)] {
        let job = open(&mut desk, PROVIDER, lane);
        assert_eq!((job.ticket.premium.0, job.ticket.dues.0), (PREMIUM as u64, dues as u64));
        desk.run(&job, &honest());
        desk.judge(&job, &honest(), Conduct { finding: &|_| truth(), opens: true });
    }
}

#[test]
fn fees_are_charged_for_the_work_that_was_claimed_and_pay_for_the_units() {
    let mut desk = Desk::new(|_| {});
    let claimed = Claimed { units: 2, work: 4, ..honest() };
    let job = waiting(&mut desk);
    desk.tick_while(&job, |stage| !matches!(stage, Stage::Closed(_)));
    let half = flows(&mut desk, PROVIDER, |desk| {
        let order = desk.order(CLIENT, PROVIDER, 200, 0);
        let job = desk.open(order).unwrap_or_else(|rejection| panic!("{rejection}"));
        desk.claim(&job, &claimed).unwrap_or_else(|rejection| panic!("{rejection}"));
        desk.tick_while(&job, |stage| !matches!(stage, Stage::Closed(_) | Stage::Checking(_)));
        desk.tick_while(&job, |stage| !matches!(stage, Stage::Closed(_)));
    });
    assert_eq!(half.client, -PRICE / 2 - 459_998, "half the units, half the premium");
}

#[test]
fn the_margin_rises_while_the_pool_is_below_its_low_water_mark() {
    let cases = [(200, 150), (100, 150), (75, 187), (50, 225), (25, 262), (0, 300)];
    for (pool, margin) in cases {
        let desk = Desk::new(|genesis| {
            (genesis.money.pool, genesis.money.low_water) = (Amount::credits(pool), Amount::credits(100));
        });
        let found = (desk.ledger.fee_margin().0 * 1_000) >> 32;
        assert!(found.abs_diff(margin) <= 1, "with {pool} in the pool the margin is {found} per mille");
    }
    let mut poor = Desk::new(|genesis| genesis.money.pool = Amount::ZERO);
    let job = open(&mut poor, PROVIDER, 0);
    assert_eq!(job.ticket.premium, Amount(1_039_998), "0.8 million and 30 per cent");
}

#[test]
fn what_the_pool_cannot_pay_is_owed_and_paid_first_in_first_out() {
    // Trust comes so slowly that every job is drawn.
    let mut desk = Desk::new(|genesis| (genesis.money.pool, genesis.checks.ramp) = (Amount::ZERO, 1_000));
    judged_in(&mut desk, 0, &|seat| if seat == 1 { truth() } else { lie(seat) }, true);
    let Some(story) = desk.closed.last() else { panic!("a job was closed") };
    let creditors: Vec<_> = story.settlement.fees.iter().map(|fee| fee.peer).collect();
    assert_eq!(desk.ledger.owed(None), Amount(5 * CHECK as u64));
    // At a margin of 30 % premium and dues exceed the check by so much.
    let surplus = 1_039_998 + 50_959_999 - CHECK;
    for jobs in 1..=16 {
        judged_in(&mut desk, jobs, &|_| truth(), true);
        let paid = i64::from(jobs) * surplus;
        for (place, peer) in (0..).zip(&creditors) {
            let rest = CHECK - (paid - place * CHECK).clamp(0, CHECK);
            assert_eq!(desk.ledger.owed(Some(*peer)).0 as i64, rest, "creditor {place} after {jobs} jobs");
        }
        assert_eq!(desk.ledger.pool_minted_burned().0, Amount::ZERO, "nothing stays while something is owed");
    }
    judged_in(&mut desk, 17, &|_| truth(), true);
    assert_eq!(desk.ledger.owed(None), Amount::ZERO);
    assert_eq!(desk.ledger.pool_minted_burned().0, Amount((17 * surplus - 5 * CHECK) as u64));
}

#[test]
fn a_jury_that_hangs_refunds_the_client_and_pays_every_juror_once_from_the_pool() {
    let mut desk = Desk::new(|_| {});
    let moved = flows(&mut desk, PROVIDER, |desk| {
        let job = open(desk, PROVIDER, 0);
        // Nobody agrees with anybody, however often forty draws fall on each of five.
        closes(desk, &job, &lie, Outcome::Disputed);
    });
    assert_eq!(moved, Flows { verifiers: 5 * CHECK, pool: -5 * CHECK, ..Flows::default() });
}

#[test]
fn a_slash_refunds_the_client_pays_the_jury_and_a_bounty_and_fills_the_pool() {
    let mut desk = Desk::new(|_| {});
    let moved = flows(&mut desk, PROVIDER, |desk| {
        let job = open(desk, PROVIDER, 0);
        closes(desk, &job, &|_| lie(0), Outcome::Slashed);
    });
    let slash = 200 * PRICE;
    // More than half of five: the first verifier may be one of the three, or beside them.
    let paid = desk.closed.last().map_or(0, |story| story.settlement.fees.len() as i64);
    assert!((3..=4).contains(&paid), "{paid} verifiers are paid");
    let verifiers = paid * CHECK + BOUNTY;
    assert_eq!(moved, Flows { stake: -slash, verifiers, pool: slash - verifiers, ..Flows::default() });
}

#[test]
fn a_cleared_provider_is_paid_and_its_accuser_pays_the_jurors() {
    let mut desk = Desk::new(|_| {});
    let moved = flows(&mut desk, PROVIDER, |desk| {
        let job = open(desk, PROVIDER, 0);
        closes(desk, &job, &|seat| if seat == 0 { lie(0) } else { truth() }, Outcome::Cleared);
    });
    let (provider, pool) = (PRICE - DUES, PREMIUM + DUES);
    assert_eq!(moved, Flows { client: -PRICE - PREMIUM, provider, pool, ..Flows::default() });
    let Some(settlement) = desk.closed.last().map(|story| &story.settlement) else {
        panic!("a job was closed")
    };
    let fees: u64 = settlement.fees.iter().map(|fee| fee.amount.0).sum();
    assert!([2, 3].contains(&(fees / CHECK as u64)), "two voices, or half of five");
    assert_eq!(settlement.fines.iter().map(|fine| fine.amount).collect::<Vec<_>>(), [Amount(fees)]);
}

#[test]
fn a_newcomers_check_is_prepaid_and_comes_back_from_the_pay() {
    let mut desk = Desk::new(|genesis| genesis.money.autostake_newcomer = Rate::ZERO);
    let moved = flows(&mut desk, NEWCOMER, |desk| {
        let job = open(desk, NEWCOMER, 0);
        assert_eq!((job.ticket.newcomer, job.ticket.prepaid, job.ticket.dues), (true, 1, Amount::ZERO));
        closes(desk, &job, &|_| truth(), Outcome::Checked);
    });
    let (client, provider) = (-PRICE - PREMIUM, PRICE - CHECK);
    assert_eq!(moved, Flows { client, provider, verifiers: CHECK, pool: PREMIUM, ..Flows::default() });
    let moved = flows(&mut desk, NEWCOMER, |desk| {
        let job = open(desk, NEWCOMER, 1);
        closes(desk, &job, &|_| lie(0), Outcome::Mismatch);
    });
    // The price is dear beside a check: somebody always looks again.
    let client = -PREMIUM - 2 * CHECK;
    assert_eq!(moved, Flows { client, verifiers: 2 * CHECK, pool: PREMIUM, ..Flows::default() });
}

#[test]
fn a_client_that_wants_three_checks_prepays_three_and_the_dues_stay_the_policys() {
    let mut desk = Desk::new(|_| {});
    let moved = flows(&mut desk, PROVIDER, |desk| {
        let job = opened(desk, 0, |order| order.checks = 3);
        assert_eq!((job.ticket.prepaid, job.ticket.rate), (3, Rate::ONE));
        closes(desk, &job, &|_| truth(), Outcome::Checked);
    });
    let (client, provider) = (-PRICE - PREMIUM - 3 * CHECK, PRICE - DUES);
    let (verifiers, pool) = (3 * CHECK, PREMIUM + DUES);
    assert_eq!(moved, Flows { client, provider, verifiers, pool, ..Flows::default() });
}

#[test]
fn a_prepaid_check_that_nobody_does_goes_back_to_the_client() {
    let mut desk = Desk::new(|_| {});
    let moved = flows(&mut desk, PROVIDER, |desk| {
        let job = opened(desk, 0, |order| (order.checks, order.unchecked_ok) = (3, true));
        closes(desk, &job, &|seat| if seat == 0 { truth() } else { Finding::Absent }, Outcome::Unchecked);
    });
    assert_eq!((moved.client, moved.verifiers), (-PRICE - PREMIUM - CHECK, CHECK));
}

#[test]
fn a_dispute_is_paid_from_the_check_that_every_total_holds_or_comes_back_with_a_slash() {
    for (finding, client, outcome) in [
        (truth as fn() -> Finding, -PRICE - PREMIUM - CHECK, Outcome::Checked),
        (|| lie(0), 0, Outcome::Slashed),
    ] {
        let mut desk = Desk::new(|_| {});
        let job = waiting(&mut desk);
        let (free, held) = (desk.account(CLIENT).free.0 as i64, desk.ledger.held_of(id::<Cheap>(CLIENT)));
        dispute(&mut desk, &job);
        assert_eq!(desk.account(CLIENT).free.0 as i64, free);
        assert_eq!(desk.ledger.held_of(id::<Cheap>(CLIENT)), held);
        desk.judge(&job, &honest(), Conduct { finding: &|_| finding(), opens: true });
        assert_eq!(desk.stage(job.id), Stage::Closed(outcome));
        assert_eq!(desk.account(CLIENT).free.0 as i64, free + 2 * PRICE + client);
    }
}

#[test]
fn a_cancelled_job_costs_its_fee_if_the_provider_asks_for_it_and_else_nothing() {
    for (asked, fee) in [(true, 100_000_000), (false, 0)] {
        let mut desk = Desk::new(|_| {});
        let moved = flows(&mut desk, PROVIDER, |desk| {
            let job = open(desk, PROVIDER, 0);
            let cancel = Cancel { job: job.id, ticket: job.ticket.digest() };
            let cancel = desk.say(job.order.client, cancel);
            take(desk, Fact::Job(Happening::Cancel(cancel)));
            let end = assay_protocol::manifest::End::Cancelled;
            let nothing = Claimed { output: Vec::new(), units: 0, work: 0, end };
            if asked {
                desk.claim(&job, &nothing).unwrap_or_else(|rejection| panic!("{rejection}"));
            }
            desk.tick_while(&job, |stage| !matches!(stage, Stage::Closed(Outcome::Cancelled)));
        });
        assert_eq!(moved, Flows { client: -fee, provider: fee, ..Flows::default() }, "asked: {asked}");
    }
}

#[test]
fn a_conviction_forces_checks_of_the_waiting_jobs_and_their_provider_pays_for_them() {
    let mut desk = Desk::new(|_| {});
    let waits = waiting(&mut desk);
    let dues = waits.ticket.dues.0 as i64;
    let convicted = opened(&mut desk, 250, |order| order.checks = 1);
    closes(&mut desk, &convicted, &|_| lie(0), Outcome::Slashed);
    assert!(matches!(desk.stage(waits.id), Stage::Checking(_)), "the job that waited is checked");
    let moved = flows(&mut desk, PROVIDER, |desk| {
        desk.judge(&waits, &honest(), Conduct { finding: &|_| truth(), opens: true });
    });
    let (client, provider) = (2 * PRICE - PRICE - PREMIUM, PRICE - CHECK - dues);
    let pool = PREMIUM + dues;
    assert_eq!(moved, Flows { client, provider, verifiers: CHECK, pool, ..Flows::default() });
}

/// What the endowment of these tests holds.
const ENDOWMENT: Amount = Amount::credits(10);

/// Books whose endowment pays for so many checks of the usual model, and where the provider is trusted.
fn endowed(checks: u64) -> Desk {
    let mut desk = Desk::new(|genesis| {
        genesis.endowed = vec![Pair { model: genesis.manifests[0].model, class: class() }];
        (genesis.money.endowment, genesis.checks.endowed_checks) = (ENDOWMENT, checks);
        // Nobody is suspended for an absence before the end.
        genesis.timers.epoch_ticks = 4_096;
    });
    judged_in(&mut desk, 0, &|_| truth(), true);
    desk
}

#[test]
fn the_endowment_pays_for_the_checks_that_the_policy_would_not_have_drawn_and_for_no_other() {
    let mut desk = endowed(30);
    let mut seen = [0, 0];
    for lane in 1..20 {
        let mut job = None;
        let moved = flows(&mut desk, PROVIDER, |desk| {
            let opened = open(desk, PROVIDER, lane);
            assert_eq!(opened.ticket.rate, Rate::ONE);
            closes(desk, &opened, &|_| truth(), Outcome::Checked);
            job = Some(opened);
        });
        let Some(job) = job else { panic!("a job was opened") };
        let policy = drawn_by_policy(&desk, &job);
        let fees = PREMIUM + job.ticket.dues.0 as i64;
        let paid = if policy { (fees - CHECK, 0) } else { (fees, -CHECK) };
        assert_eq!((moved.pool, moved.endowment), paid, "drawn by the policy: {policy}");
        seen[usize::from(policy)] += 1;
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

/// Whether the rate of the network's policy alone would have drawn a closed job.
fn drawn_by_policy(desk: &Desk, job: &Ordered) -> bool {
    let Some(story) = desk.closed.iter().find(|story| story.ticket.job == job.id) else {
        panic!("the job is closed")
    };
    let drawn = story.events.iter().find(|event| matches!(event.what, Happening::Draw { .. }));
    let round = drawn.map(|event| event.round);
    let mut ticks = story.ticks.iter().map(|tick| tick.said());
    let Some(tick) = ticks.find(|tick| Some(tick.round) == round) else {
        panic!("the tick of the draw is in the story")
    };
    let claim = desk.claim_of(job, &honest());
    draw::is_drawn(
        job.id,
        assay_protocol::codec::digest("Claim", &claim),
        job.secret,
        tick.beacon,
        job.ticket.policy_rate,
    )
}

#[test]
fn an_endowed_place_is_taken_by_a_check_freed_without_one_and_only_for_pinned_manifests() {
    let mut desk = endowed(1);
    let unpinned = opened(&mut desk, 1, |order| {
        order.manifest.name.push('2');
        order.unchecked_ok = true;
    });
    assert!(!unpinned.ticket.standing.endowed, "its constants could be anything");
    let first = open(&mut desk, PROVIDER, 2);
    assert!(first.ticket.standing.endowed);
    let second = open(&mut desk, PROVIDER, 3);
    assert!(!second.ticket.standing.endowed, "the only place is taken");
    closes(&mut desk, &first, &|_| Finding::Absent, Outcome::Unchecked);
    assert_eq!(desk.ledger.endowment(), ENDOWMENT, "what was set aside came back");
    let third = open(&mut desk, PROVIDER, 4);
    assert!(third.ticket.standing.endowed, "the place was freed");
    closes(&mut desk, &third, &|_| truth(), Outcome::Checked);
    let fourth = open(&mut desk, PROVIDER, 5);
    assert!(!fourth.ticket.standing.endowed, "the place is used up");
}

#[test]
fn the_endowment_pays_for_no_check_that_costs_more_than_its_part() {
    let most = ENDOWMENT.0 / CHECK as u64;
    for (checks, expected) in [(most, true), (most + 1, false)] {
        let mut desk = endowed(checks);
        let job = open(&mut desk, PROVIDER, 1);
        assert_eq!(job.ticket.standing.endowed, expected, "{checks} checks of {CHECK}");
    }
}

#[test]
fn money_at_stake_is_not_there_to_be_spent() {
    let mut desk = Desk::new(|_| {});
    let rest = desk.account(CLIENT).free.0 - 1_999_999_999;
    let stake = Stake { notary: id::<Cheap>(NOTARY), sequence: 1, amount: Amount(rest), target: None };
    let stake = desk.say(id::<Cheap>(CLIENT), stake);
    take(&mut desk, Fact::Stake(stake));
    let order = desk.order(CLIENT, PROVIDER, 0, 0);
    let refused = desk.open(order).map(drop);
    assert_eq!(refused, Err(Rejection::Refused(assay_protocol::order::Refusal::Funds)));
}

/// A place among the open jobs costs the same whatever becomes of the job, so that nobody holds it for nothing.
#[test]
fn a_place_is_paid_for_by_the_hour_however_the_job_ends_and_the_rest_comes_back() {
    let place = 1_000;
    let mut desk = Desk::new(|genesis| genesis.money.place_hour = Amount(16 * place as u64));
    let unclaimed = flows(&mut desk, PROVIDER, |desk| {
        let job = open(desk, PROVIDER, 0);
        assert_eq!(job.ticket.place, Amount(place as u64));
        desk.tick_while(&job, |stage| !matches!(stage, Stage::Closed(_)));
        assert_eq!(desk.stage(job.id), Stage::Closed(Outcome::NoClaim));
    });
    assert_eq!(unclaimed, Flows { client: -place, pool: place, ..Flows::default() });
    let checked = flows(&mut desk, PROVIDER, |desk| {
        let job = open(desk, PROVIDER, 1);
        closes(desk, &job, &|_| truth(), Outcome::Checked);
    });
    let (client, pool) = (-PRICE - PREMIUM - place, PREMIUM + DUES - CHECK + place);
    assert_eq!(checked, Flows { client, provider: PRICE - DUES, verifiers: CHECK, pool, ..Flows::default() });
    let mut desk = Desk::new(|genesis| genesis.money.place_hour = Amount(16 * place as u64));
    let slashed = flows(&mut desk, PROVIDER, |desk| {
        judged_in(desk, 0, &|_| lie(0), true);
    });
    assert_eq!(desk.closed.last().map(|story| story.outcome), Some(Outcome::Slashed));
    assert_eq!(slashed.client, -place, "nobody gains by a slash, and nobody has a place for nothing");
}

/// Jobs that nobody means to end keep others out as long as they may: what they pay rises with how many they are.
#[test]
fn a_full_notary_costs_whoever_fills_it() {
    let mut desk = Desk::new(|genesis| {
        (genesis.money.place_hour, genesis.money.jobs_max) = (Amount(16_000), 64);
    });
    let paid = flows(&mut desk, PROVIDER, |desk| {
        let jobs: Vec<Ordered> = (0..64)
            .map(|lane| {
                opened(desk, lane, |order| {
                    (order.units_max, order.unit_price, order.cancel_fee) =
                        (1, Amount(50_000_000), Amount::ZERO);
                    order.total_max = Amount(95_000_000);
                })
            })
            .collect();
        desk.tick_while(&jobs[63], |stage| !matches!(stage, Stage::Closed(_)));
    });
    // Eight jobs in each eighth of the places, each a little dearer than the one before.
    let expected: u64 = (0..64)
        .map(|open: u64| {
            let begin = 1_000 << (open / 8);
            begin + begin * (open % 8) / 8
        })
        .sum();
    assert_eq!(paid, Flows { client: -(expected as i64), pool: expected as i64, ..Flows::default() });
    assert_eq!(expected, 2_932_500, "a flat price would bring 64,000");
}
