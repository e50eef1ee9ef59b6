//! What becomes of stake, withdrawals, exposure, freezes, grants and welcomes.

use assay_market::ledger::Rejection;
use assay_protocol::{
    account::{Grant, Register, Registration, Stake, Unstake},
    genesis::{Founder, Genesis},
    job::Stage,
    journal::Fact,
    notice::Query,
    order::{Abort, Failure, Refusal},
    outcome::Outcome,
    receipt::Happening,
    units::{Amount, Duration, Rate},
};

use crate::{
    cheap::Cheap,
    course::{Conduct, Finding},
    office::{
        CLIENT, FIRST_VERIFIER, ISSUER, NEWCOMER, NOTARY, Office, Ordered, PROVIDER, STAKE, STRANGER, class,
        id,
    },
    outcomes::{honest, judged_in, lie, open, truth},
    rejections::waiting,
};

type Desk = Office<Cheap>;

fn take(desk: &mut Desk, fact: Fact) {
    desk.enter(fact).unwrap_or_else(|rejection| panic!("{rejection}"));
}

fn stake(desk: &mut Desk, by: u64, amount: Amount, target: Option<Amount>) {
    let stake = Stake { notary: id::<Cheap>(NOTARY), sequence: desk.instruction(by), amount, target };
    let stake = desk.say(id::<Cheap>(by), stake);
    take(desk, Fact::Stake(stake));
}

fn unstake(desk: &mut Desk, by: u64, amount: Amount) -> Result<(), Rejection> {
    let unstake = Unstake { notary: id::<Cheap>(NOTARY), sequence: desk.instruction(by), amount };
    let unstake = desk.say(id::<Cheap>(by), unstake);
    desk.enter(Fact::Unstake(unstake)).map(drop)
}

fn query(desk: &mut Desk, by: u64) -> Result<(), Rejection> {
    let query = desk.say(id::<Cheap>(by), Query { sequence: 1, job: None, standing: false });
    desk.enter(Fact::Query(query)).map(drop)
}

fn abort(desk: &mut Desk, job: &Ordered) {
    let abort = Abort { job: job.id, ticket: job.ticket.digest(), reason: Failure::Machine };
    let abort = desk.say(job.order.provider, abort);
    take(desk, Fact::Job(Happening::Abort(abort)));
}

/// Opens a job in this lane that takes so long that its claim is due in this time.
fn long(desk: &mut Desk, lane: u16, run_max: Duration) -> Ordered {
    let (mut order, secret) = desk.order(CLIENT, PROVIDER, lane, 0);
    order.run_max = run_max;
    desk.open((order, secret)).unwrap_or_else(|rejection| panic!("an order was refused: {rejection}"))
}

#[test]
fn half_of_a_newcomers_pay_is_put_at_stake_up_to_the_entry_level_then_a_fifth_up_to_the_target() {
    let mut desk = Desk::new(|_| {});
    // The pay is 0.96 while the check comes out of it, and 1 less the dues at the rate that deters from the entry level on.
    let stakes = [480_000_000, 960_000_000, 1_440_000_000, 1_560_000_000, 1_753_062_112];
    for (lane, expected) in (0..).zip(stakes) {
        let order = desk.order(CLIENT, NEWCOMER, lane, 0);
        let job = desk.open(order).unwrap_or_else(|rejection| panic!("{rejection}"));
        assert_eq!(job.ticket.newcomer, lane < 4, "job {lane}");
        desk.run(&job, &honest());
        desk.judge(&job, &honest(), Conduct { finding: &|_| truth(), opens: true });
        assert_eq!(desk.account(NEWCOMER).stake, Amount(expected), "after job {lane}");
    }
}

#[test]
fn a_provider_sets_its_own_target_and_at_the_target_keeps_all_its_pay() {
    let usual = 480_000_000;
    let targets: [(&[Option<Amount>], u64); 4] = [
        (&[Some(Amount::ZERO)], 0),
        (&[Some(Amount(300_000_000))], 300_000_000),
        (&[None], usual),
        // None is no target of its own any more, rather than the one before.
        (&[Some(Amount(300_000_000)), None], usual),
    ];
    for (targets, expected) in targets {
        let mut desk = Desk::new(|_| {});
        let grant = Grant {
            notary: id::<Cheap>(NOTARY),
            account: id::<Cheap>(NEWCOMER),
            amount: Amount::ZERO,
            serial: 1,
        };
        let grant = desk.say(id::<Cheap>(ISSUER), grant);
        take(&mut desk, Fact::Grant(grant));
        targets.iter().for_each(|target| stake(&mut desk, NEWCOMER, Amount::ZERO, *target));
        let job = open(&mut desk, NEWCOMER, 0);
        desk.run(&job, &honest());
        desk.judge(&job, &honest(), Conduct { finding: &|_| truth(), opens: true });
        let account = desk.account(NEWCOMER);
        assert_eq!((account.stake.0, account.free.0), (expected, 960_000_000 - expected), "{targets:?}");
    }
}

#[test]
fn what_stands_for_open_jobs_and_one_jury_stays_until_they_close() {
    let mut desk = Desk::new(|_| {});
    judged_in(&mut desk, 0, &|_| truth(), true);
    let jobs = [1, 2].map(|lane| open(&mut desk, PROVIDER, lane));
    assert!(jobs.iter().all(|job| job.ticket.covered && job.ticket.rate < Rate::ONE));
    // The price, and two runs; a jury is twelve.
    let (job, jury) = (Amount(1_080_000_000), Amount(480_000_000));
    let account = desk.account(PROVIDER);
    assert_eq!((account.exposed, account.reserve()), (Amount(2 * job.0), jury));
    let too_much = Amount(account.stake.0 - account.engaged().0 + 1);
    assert_eq!(unstake(&mut desk, PROVIDER, too_much), Err(Rejection::Exposed));
    assert_eq!(unstake(&mut desk, PROVIDER, Amount(too_much.0 - 1)), Ok(()));
    abort(&mut desk, &jobs[0]);
    let account = desk.account(PROVIDER);
    assert_eq!((account.exposed, account.reserve()), (job, jury));
    assert_eq!(unstake(&mut desk, PROVIDER, job), Ok(()), "what stood for the closed job");
    assert_eq!(unstake(&mut desk, PROVIDER, Amount(1)), Err(Rejection::Exposed));
    abort(&mut desk, &jobs[1]);
    assert_eq!(desk.account(PROVIDER).engaged(), Amount::ZERO);
}

#[test]
fn a_job_that_is_checked_for_certain_is_exposed_like_any_other() {
    let mut desk = Desk::new(|_| {});
    let job = open(&mut desk, PROVIDER, 0);
    assert_eq!((job.ticket.rate, job.ticket.covered), (Rate::ONE, true));
    assert_eq!(desk.account(PROVIDER).exposed, Amount(1_080_000_000));
    let newcomer = open(&mut desk, NEWCOMER, 1);
    assert_eq!((newcomer.ticket.newcomer, newcomer.ticket.covered), (true, false));
    assert_eq!(desk.account(NEWCOMER).engaged(), Amount::ZERO, "nothing stands for a newcomer's");
}

#[test]
fn a_withdrawal_is_paid_out_after_its_time_and_not_before() {
    let mut desk = Desk::new(|_| {});
    assert_eq!(unstake(&mut desk, PROVIDER, Amount::credits(7)), Ok(()));
    let before = desk.account(PROVIDER);
    assert_eq!((before.stake, before.unbonding()), (Amount(STAKE.0 - 7_000_000_000), Amount::credits(7)));
    desk.wait(Duration(desk.genesis.timers.unbonding.0 - 500));
    assert_eq!(desk.account(PROVIDER).unbonding(), Amount::credits(7));
    desk.tick();
    let after = desk.account(PROVIDER);
    assert_eq!((after.unbonding(), after.free.0), (Amount::ZERO, before.free.0 + 7_000_000_000));
}

#[test]
fn a_pause_of_the_notary_pays_out_no_withdrawal() {
    let mut desk = Desk::new(|_| {});
    assert_eq!(unstake(&mut desk, PROVIDER, Amount::credits(7)), Ok(()));
    desk.tick_after(Duration(desk.genesis.timers.unbonding.0 * 10));
    assert_eq!(desk.account(PROVIDER).unbonding(), Amount::credits(7));
}

#[test]
fn a_withdrawal_waits_for_every_job_that_was_opened_before_it_and_for_none_after() {
    let mut desk = Desk::new(|_| {});
    let earlier = long(&mut desk, 0, Duration::seconds(36));
    assert_eq!(unstake(&mut desk, PROVIDER, Amount::credits(7)), Ok(()));
    let later = long(&mut desk, 1, Duration::seconds(36));
    assert_eq!(unstake(&mut desk, PROVIDER, Amount::credits(5)), Ok(()));
    desk.wait(desk.genesis.timers.unbonding);
    assert_eq!(desk.account(PROVIDER).unbonding(), Amount::credits(12), "two jobs are open");
    abort(&mut desk, &earlier);
    desk.tick();
    assert_eq!(
        desk.account(PROVIDER).unbonding(),
        Amount::credits(5),
        "the job after the first does not count"
    );
    abort(&mut desk, &later);
    desk.tick();
    assert_eq!(desk.account(PROVIDER).unbonding(), Amount::ZERO);
}

#[test]
fn a_slash_takes_the_stake_first_and_then_what_was_withdrawn_from_it() {
    let mut desk = Desk::new(|_| {});
    for credits in [150, 800] {
        assert_eq!(unstake(&mut desk, PROVIDER, Amount::credits(credits)), Ok(()));
    }
    let free = desk.account(PROVIDER).free;
    judged_in(&mut desk, 0, &|_| lie(0), true);
    // 200 credits: the 50 at stake, and 150 of what waits for its payment.
    let account = desk.account(PROVIDER);
    assert_eq!((account.stake, account.unbonding()), (Amount::ZERO, Amount::credits(800)));
    desk.wait(desk.genesis.timers.unbonding);
    assert_eq!(desk.account(PROVIDER).free.0, free.0 + Amount::credits(800).0);
}

#[test]
fn of_what_was_withdrawn_a_slash_takes_the_oldest_first() {
    let mut desk = Desk::new(|_| {});
    let half = Duration(desk.genesis.timers.unbonding.0 / 2);
    assert_eq!(unstake(&mut desk, PROVIDER, Amount::credits(150)), Ok(()));
    desk.wait(half);
    assert_eq!(unstake(&mut desk, PROVIDER, Amount::credits(800)), Ok(()));
    let free = desk.account(PROVIDER).free;
    judged_in(&mut desk, 0, &|_| lie(0), true);
    desk.wait(half);
    // The time of the first is over, that of the second is not: nothing is left of the first that could be paid out.
    let account = desk.account(PROVIDER);
    assert_eq!((account.unbonding(), account.free), (Amount::credits(800), free));
    desk.wait(half);
    assert_eq!(desk.account(PROVIDER).free.0, free.0 + Amount::credits(800).0);
}

#[test]
fn from_an_accusation_on_new_jobs_are_all_checked_and_from_a_jurors_support_on_there_are_none() {
    let mut desk = Desk::new(|_| {});
    let waits = waiting(&mut desk);
    let (mut order, secret) = desk.order(CLIENT, PROVIDER, 250, 0);
    (order.checks, order.run_max) = (1, Duration(500));
    let accused = desk.open((order, secret)).unwrap_or_else(|rejection| panic!("{rejection}"));
    desk.run(&accused, &honest());
    // The first verifier and one juror find otherwise, all others the truth.
    let finding = |seat: usize| if seat < 2 { lie(0) } else { truth() };
    let conduct = Conduct { finding: &finding, opens: true };
    while desk.job(accused.id).is_some_and(|job| job.jury_from().is_none()) {
        desk.judge_once(&accused, &honest(), conduct);
    }
    let strict = open(&mut desk, PROVIDER, 251);
    assert!(strict.ticket.standing.strict && strict.ticket.policy_rate == Rate::ONE, "accused");
    while desk.job(accused.id).is_some_and(|job| job.tally().against.draws == 0) {
        desk.judge_once(&accused, &honest(), conduct);
    }
    let order = desk.order(CLIENT, PROVIDER, 252, 0);
    assert_eq!(desk.open(order).map(drop), Err(Rejection::Refused(Refusal::Frozen)));
    desk.judge(&accused, &honest(), conduct);
    assert_eq!(desk.stage(accused.id), Stage::Closed(Outcome::Cleared));
    let free = open(&mut desk, PROVIDER, 252);
    assert!(!free.ticket.standing.strict, "the freeze ends with the job");
    desk.tick_while(&waits, |stage| !matches!(stage, Stage::Closed(Outcome::NotDrawn)));
}

#[test]
fn a_provider_that_two_juries_accuse_is_frozen_until_both_have_cleared_it() {
    let mut desk = Desk::new(|_| {});
    let jobs = [(0, Duration(500)), (1, Duration::seconds(30))].map(|(lane, run_max)| {
        let (mut order, secret) = desk.order(CLIENT, PROVIDER, lane, 0);
        (order.checks, order.run_max) = (1, run_max);
        desk.open((order, secret)).unwrap_or_else(|rejection| panic!("{rejection}"))
    });
    // The first verifier and one juror find otherwise, all others the truth.
    let finding = |seat: usize| if seat < 2 { lie(0) } else { truth() };
    let conduct = Conduct { finding: &finding, opens: true };
    let accused =
        |desk: &Desk, job: &Ordered| desk.job(job.id).is_some_and(|job| job.tally().against.draws > 0);
    let refused = |desk: &mut Desk| {
        let order = desk.order(CLIENT, PROVIDER, 2, 0);
        desk.open(order).map(drop) == Err(Rejection::Refused(Refusal::Frozen))
    };
    for job in &jobs {
        desk.run(job, &honest());
        while !accused(&desk, job) {
            jobs.iter().for_each(|job| desk.attend(job, &honest(), conduct));
            desk.tick();
        }
    }
    assert!(accused(&desk, &jobs[0]), "both accuse at the same time");
    let [first, second] = &jobs;
    desk.attend(second, &honest(), conduct);
    desk.attend(first, &honest(), conduct);
    // Asked at once: whatever moves the second job freezes its provider again.
    while !matches!(desk.stage(first.id), Stage::Closed(Outcome::Cleared)) {
        desk.tick();
        desk.attend(second, &honest(), conduct);
        desk.attend(first, &honest(), conduct);
    }
    assert!(accused(&desk, second) && refused(&mut desk), "the second stands");
    desk.judge(second, &honest(), conduct);
    assert!(!refused(&mut desk));
}

#[test]
fn a_job_that_waits_is_not_paid_while_its_provider_is_frozen() {
    let mut desk = Desk::new(|genesis| genesis.timers.silence = Duration::seconds(60));
    let waits = waiting(&mut desk);
    let (mut order, secret) = desk.order(CLIENT, PROVIDER, 250, 0);
    order.checks = 1;
    let accused = desk.open((order, secret)).unwrap_or_else(|rejection| panic!("{rejection}"));
    desk.run(&accused, &honest());
    // The provider does not open its claim, so that the jury waits for it while the window of the other job ends.
    let conduct = Conduct { finding: &|_| lie(0), opens: false };
    let Some(Stage::Waiting { until }) = desk.job(waits.id).map(assay_protocol::job::Job::stage) else {
        panic!("the job waits")
    };
    let mut held_back = 0;
    while matches!(desk.stage(waits.id), Stage::Waiting { .. }) {
        desk.judge_once(&accused, &honest(), conduct);
        held_back += u64::from(desk.ledger.live_time().live >= until);
    }
    assert!(held_back > 2, "the window was over for {held_back} ticks");
    assert_eq!(desk.stage(accused.id), Stage::Closed(Outcome::Silent));
    assert!(matches!(desk.stage(waits.id), Stage::Checking(_)), "after the conviction it is checked");
}

#[test]
fn a_conviction_withdraws_the_jobs_without_a_claim_and_ends_trust() {
    let mut desk = Desk::new(|_| {});
    judged_in(&mut desk, 0, &|_| truth(), true);
    let other = long(&mut desk, 1, Duration::seconds(36));
    assert_eq!(other.ticket.standing.trust, Rate::ONE.0);
    let (mut order, secret) = desk.order(CLIENT, PROVIDER, 2, 0);
    order.checks = 1;
    let convicted = desk.open((order, secret)).unwrap_or_else(|rejection| panic!("{rejection}"));
    desk.run(&convicted, &honest());
    desk.judge(&convicted, &honest(), Conduct { finding: &|_| lie(0), opens: true });
    assert_eq!(desk.stage(convicted.id), Stage::Closed(Outcome::Slashed));
    assert_eq!(desk.stage(other.id), Stage::Closed(Outcome::Withdrawn));
    assert_eq!(open(&mut desk, PROVIDER, 3).ticket.standing.trust, 0);
}

#[test]
fn a_job_whose_client_hid_its_secret_or_that_was_grey_earns_no_trust() {
    for (reveals, grey, trust) in [(true, false, Rate::ONE.0), (false, false, 0), (true, true, 0)] {
        let mut desk = Desk::new(|_| {});
        let job = open(&mut desk, PROVIDER, 0);
        desk.claim(&job, &honest()).unwrap_or_else(|rejection| panic!("{rejection}"));
        if reveals {
            desk.reveal(&job).unwrap_or_else(|rejection| panic!("{rejection}"));
        }
        let found = crate::course::output(1_200, if grey { 2e-4 } else { 0.0 });
        desk.judge(&job, &honest(), Conduct { finding: &|_| Finding::Output(found.clone()), opens: true });
        let next = open(&mut desk, PROVIDER, 1);
        assert_eq!(next.ticket.standing.trust, trust, "revealed {reveals}, grey {grey}");
    }
}

#[test]
fn a_grant_creates_money_for_anyone_once() {
    let mut desk = Desk::new(|_| {});
    let (_, minted, burned) = desk.ledger.pool_minted_burned();
    for serial in 1..=3 {
        let (notary, account) = (id::<Cheap>(NOTARY), id::<Cheap>(STRANGER));
        let grant = Grant { notary, account, amount: Amount::credits(serial), serial };
        let grant = desk.say(id::<Cheap>(ISSUER), grant);
        take(&mut desk, Fact::Grant(grant.clone()));
        assert_eq!(desk.enter(Fact::Grant(grant)).map(drop), Err(Rejection::Known));
    }
    assert_eq!(desk.account(STRANGER).free, Amount::credits(6));
    let after = desk.ledger.pool_minted_burned();
    assert_eq!((after.1, after.2), (Amount(minted.0 + Amount::credits(6).0), burned));
}

#[test]
fn so_many_are_welcomed_in_an_hour_and_again_in_the_next() {
    let welcome = |genesis: &mut Genesis| {
        (genesis.money.welcome, genesis.money.welcomes_per_hour) = (Amount::credits(3), 2);
    };
    let mut desk = Desk::new(welcome);
    (100..106).for_each(|number| desk.knows(number));
    let minted = desk.ledger.pool_minted_burned().1.0;
    for (by, given) in [(100, true), (101, true), (102, false), (100, false)] {
        assert_eq!(query(&mut desk, by).is_ok(), given, "{by}");
    }
    desk.tick_after(Duration::seconds(3_600));
    for (by, given) in [(102, true), (103, true), (104, false)] {
        assert_eq!(query(&mut desk, by).is_ok(), given, "{by}, an hour later");
    }
    assert_eq!(desk.account(103).free, Amount::credits(3));
    assert_eq!(desk.ledger.pool_minted_burned().1.0, minted + Amount::credits(12).0);
}

#[test]
fn a_registration_counts_from_the_second_checkpoint_after_it_and_keeps_its_age() {
    let mut desk = Desk::new(|_| {});
    let leaves = |desk: &mut Desk, lane: u16| open(desk, PROVIDER, lane).ticket.standing.checkers.leaves;
    let register = |desk: &mut Desk, kinds: Vec<Registration>| {
        let (notary, sequence) = (id::<Cheap>(NOTARY), desk.instruction(FIRST_VERIFIER));
        let register = desk.say(id::<Cheap>(FIRST_VERIFIER), Register { notary, sequence, kinds });
        take(desk, Fact::Register(register));
    };
    let kind = desk.genesis.manifests[0].kind(class());
    let epoch = desk.genesis.timers.tick.times(desk.genesis.timers.epoch_ticks);
    register(&mut desk, vec![kind]);
    desk.wait(epoch);
    assert_eq!(leaves(&mut desk, 0), 5, "a kind that it could check before keeps its age");
    register(&mut desk, Vec::new());
    register(&mut desk, vec![kind]);
    for (lane, expected) in [(1, 4), (2, 5)] {
        desk.wait(epoch);
        assert_eq!(leaves(&mut desk, lane), expected, "after epoch {lane}");
    }
    let other = Registration { work_most: kind.work_most - 1, ..kind };
    register(&mut desk, vec![other]);
    for (lane, expected) in [(3, 4), (4, 4)] {
        desk.wait(epoch);
        assert_eq!(leaves(&mut desk, lane), expected, "another number than the manifest's is another kind");
    }
}

#[test]
fn a_verifier_with_exactly_the_least_stake_of_a_manifest_is_drawn_and_with_less_it_is_not() {
    for (less, expected) in [(0, 5), (1, 4)] {
        let mut desk = Desk::new(|genesis| {
            // A check costs five million for each unit of work: twelve runs of a thousand.
            genesis.verifiers[0].stake = Amount(12 * 5_000_000 * 1_000 - less);
            genesis.checks.effective_min = Rate::ONE;
        });
        assert_eq!(open(&mut desk, PROVIDER, 0).ticket.standing.checkers.leaves, expected, "{less} less");
    }
}

#[test]
fn a_hundred_and_one_equal_verifiers_can_all_be_drawn_whatever_an_order_can_cost() {
    let mut desk = Desk::new(|genesis| {
        let founder = genesis.verifiers[0].clone();
        let more = (0..96).map(|number| Founder { peer: id::<Cheap>(1_000 + number), ..founder.clone() });
        genesis.verifiers.extend(more);
    });
    for (lane, dearer) in [(0, 1), (1, 10)] {
        let (mut order, secret) = desk.order(CLIENT, PROVIDER, lane, 0);
        order.unit_price.0 *= dearer;
        order.total_max.0 *= dearer;
        let job = desk.open((order, secret)).unwrap_or_else(|rejection| panic!("{rejection}"));
        let checkers = job.ticket.standing.checkers;
        assert_eq!((checkers.leaves, checkers.weight), (101, 101 * STAKE.0), "at {dearer} times the price");
    }
}
