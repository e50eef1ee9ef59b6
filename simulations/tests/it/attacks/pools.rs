//! Drains: jobs whose only purpose is that somebody else pays for their checks.

use assay_protocol::{
    id::PeerId,
    order::Refusal,
    outcome::Outcome,
    receipt::Receipt,
    units::{Amount, Work},
};
use assay_simulations::{
    behaviour::Forger,
    plan::{Plan, UNIT_PRICE},
    world::{Place, Wish, World},
};

use super::{
    Coalition, Gamble, check_cost, earn_trust, friends::Inflator, pool, receipts_from, refusals, run,
    sell_at, share,
};
use crate::support::market;

/// Founders: one provides, ten check.
const FOUNDERS: usize = 11;
/// Those of them that check for their friends: as many as the rules reckon with.
const FRIENDS: [usize; 2] = [1, 2];
/// The share of the checkers that they are.
const FRIENDLY: f64 = 0.2;

fn plan() -> Plan {
    Plan { founders: FOUNDERS, clients: 2, slots: 32, work_most: 2 * INFLATION, ..Plan::default() }
}

fn friends(world: &World) -> [Place; 2] {
    FRIENDS.map(|number| world.plan().founder(number))
}

/// Whether this is one of the friends.
fn is_friend(world: &World, peer: PeerId) -> bool {
    friends(world).into_iter().any(|friend| world.id(friend) == peer)
}

/// A client, its friend that provides, and those that check.
fn coalition(world: &World, provider: Place) -> Coalition {
    Coalition::new(world, [world.plan().client(0), provider].into_iter().chain(friends(world)))
}

/// What the pool lost for each credit that attackers spent.
#[allow(clippy::print_stdout, reason = "a figure beside what is asserted of it")]
fn report_drain(attack: &str, pool: i128, spent: i128) {
    println!("{attack}: the pool lost {:+.3} for each credit spent", -pool as f64 / spent.max(1) as f64);
}

#[test]
fn pool_drain_by_prices_near_zero_costs_more_than_the_pool_pays() {
    let mut world = market(plan());
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let cheap = |_: u64| Wish { provider: Some(provider), ..Wish::default() };

    // As long as it is not trusted, the pay has to cover the dues.
    sell_at(&mut world, provider, Amount(1));
    run(&mut world, client, 0..3, 1, cheap);
    assert_eq!((refusals(&world, client, Refusal::Dues), world.closed().len()), (3, 0));

    sell_at(&mut world, provider, UNIT_PRICE);
    earn_trust(&mut world, client, provider, 252);
    sell_at(&mut world, provider, Amount(1));
    let (before, known) = (pool(&world), world.receipts(client).len());
    let coalition = coalition(&world, provider);
    run(&mut world, client, 3..603, 60, cheap);

    let check = check_cost(world.genesis(), 2);
    let (mut drawn, mut expected, mut spent) = (0, Gamble::default(), 0);
    let mut receipts = receipts_from(&world, client, known);
    // Of 60 at a time some are too late for a slot, and now and then one is too often.
    receipts.retain(|receipt| receipt.story.outcome != Outcome::Aborted);
    assert!(receipts.len() > 590, "{}", receipts.len());
    for receipt in &receipts {
        let ticket = &receipt.story.ticket;
        assert_eq!(ticket.rate, world.genesis().checks.base);
        spent += i128::from(ticket.premium.0) + i128::from(ticket.dues.0);
        drawn += i128::from(receipt.story.outcome == Outcome::Checked);
        let p = share(ticket.rate);
        expected.add(&[(p, 1.0), (1.0 - p, 0.0)]);
    }
    expected.assert_near("checks that prices near zero caused", drawn as f64);
    let (gained, lost) = (coalition.gain(&world, "pool drain, price near zero"), before - pool(&world));
    assert_eq!(lost, drawn * check - spent, "what the pool pays is what was drawn");
    report_drain("pool drain, price near zero", -lost, spent);
    assert!(spent as f64 > expected.mean * check as f64, "what is spent covers what should be drawn");
    assert!(gained < 0, "{gained}");
}

#[test]
fn pool_drain_by_the_junk_of_newcomers_costs_them_what_second_looks_cost_the_pool_on_average() {
    let mut world = market(plan());
    let (client, newcomer) = (world.plan().client(0), world.plan().client(1));
    world.provide(newcomer);
    world.behave(newcomer, Forger);
    let (before, coalition) = (pool(&world), coalition(&world, newcomer));
    run(&mut world, client, 0..40, 1, |_| Wish { provider: Some(newcomer), ..Wish::default() });

    let receipts = world.receipts(client);
    let mismatched = receipts.iter().filter(|receipt| receipt.story.outcome == Outcome::Mismatch).count();
    assert_eq!(mismatched, 40, "each of them is checked, and none passes");
    let premiums: i128 = receipts.iter().map(|receipt| i128::from(receipt.story.ticket.premium.0)).sum();
    let check = check_cost(world.genesis(), 2);
    let again = 40 * check / 4;
    let fees: Vec<_> = receipts.iter().flat_map(|receipt| &receipt.story.settlement.fees).collect();
    let friendly = fees.iter().filter(|fee| is_friend(&world, fee.peer)).count() as i128;
    let looks = fees.len() as i128 - 40;
    let spent = premiums + (40 - friendly) * check + again;
    let gained = coalition.gain(&world, "pool drain, junk of newcomers");
    report_drain("pool drain, junk of newcomers", pool(&world) - before, spent);
    assert_eq!((gained, pool(&world) - before), (-spent, premiums + again - looks * check));
    // A quarter of forty, within four standard deviations; who is drawn again is paid once.
    assert!(looks <= 21, "{looks} second looks");
}

/// How much more work than it is, the inflated jobs are said to be.
const INFLATION: Work = 10;

/// What friends say of a job's work: the truth, or more.
#[derive(Clone, Copy, Debug)]
struct Inflated {
    ordered: bool,
    claimed: bool,
    sealed: bool,
}

/// Whoever of the three says the truth, the truth is paid; the first case is that nobody does.
const INFLATED: [Inflated; 3] = [
    Inflated { ordered: true, claimed: true, sealed: true },
    Inflated { ordered: false, claimed: true, sealed: true },
    Inflated { ordered: true, claimed: false, sealed: true },
];

impl Inflated {
    /// What a check by a stranger, and one by a friend, is paid, in true check costs.
    fn paid(self) -> f64 {
        if self.ordered && self.claimed && self.sealed { INFLATION as f64 } else { 1.0 }
    }

    /// What premium and dues are for where nobody checked, in true check costs.
    fn claimed(self) -> f64 {
        if self.ordered && self.claimed { INFLATION as f64 } else { 1.0 }
    }

    /// What one job should bring the coalition, in true check costs: a friend's fee, if one is drawn, less premium and dues.
    fn outcomes(self, receipt: &Receipt) -> [(f64, f64); 3] {
        let ticket = &receipt.story.ticket;
        let (p, policy) = (share(ticket.rate), share(ticket.policy_rate));
        let fees = policy * (1.0 + share(ticket.standing.fee_margin));
        [
            (1.0 - p, -fees * self.claimed()),
            (p * FRIENDLY, (1.0 - fees) * self.paid()),
            (p * (1.0 - FRIENDLY), -fees),
        ]
    }
}

/// Jobs of a client at its friend; returns what the coalition gained and what it should, in true check costs.
fn inflate(world: &mut World, case: Inflated, jobs: u64) -> (f64, Gamble) {
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let work = 2 * INFLATION;
    world.behave(provider, Inflator { work, provides: case.claimed, checks: false });
    for friend in friends(world) {
        world.behave(friend, Inflator { work, provides: false, checks: case.sealed });
    }
    sell_at(world, provider, Amount(UNIT_PRICE.0 * INFLATION));
    let coalition = coalition(world, provider);
    run(world, client, 0..jobs, 16, |_| Wish {
        provider: Some(provider),
        work_max: case.ordered.then_some(work),
        unit_price_max: Some(Amount::credits(1)),
        ..Wish::default()
    });
    let gained = coalition.gain(world, &format!("{case:?}")) as f64 / check_cost(world.genesis(), 2) as f64;
    let mut expected = Gamble::default();
    let receipts = world.receipts(client);
    assert_eq!(receipts.len() as u64, jobs, "{case:?}");
    receipts.iter().for_each(|receipt| expected.add(&case.outcomes(receipt)));
    expected.assert_near("in check costs", gained);
    (gained, expected)
}

#[test]
fn pool_drain_by_inflated_work_costs_client_provider_and_verifiers_more_than_it_brings() {
    for case in INFLATED {
        let mut world = market(plan());
        let before = pool(&world);
        let (gained, expected) = inflate(&mut world, case, 160);
        assert!(expected.mean < 0.0 && gained < 0.0, "{case:?}: {gained}");
        let (lost, spent) = (before - pool(&world), -gained * check_cost(world.genesis(), 2) as f64);
        report_drain("pool drain, inflated work", -lost, spent as i128);
        // What is drawn is chance: a few checks more than the fees of these jobs were reckoned for.
        assert!(lost * 10 < spent as i128, "{case:?}: the pool lost {lost} of {spent}");
    }
}

/// What the endowment holds.
fn endowment(world: &World) -> i128 {
    i128::from(world.books().expect("the notary keeps books").endowment.0)
}

/// The endowment pays for honest checks as well as for those of friends, who so earn what their stake would earn with
/// anybody's jobs; more work than its part is for brings them nothing.
#[test]
fn endowment_drain_brings_no_more_than_the_checks_that_friends_are_drawn_for() {
    let check = check_cost(&Plan::default().genesis(), 2);
    for case in INFLATED {
        // For each of the three pairs that are endowed, as many checks as it pays for.
        let mut world = market(Plan { endowment: Amount(3 * 200 * check as u64), ..plan() });
        let (pool_before, endowment_before) = (pool(&world), endowment(&world));
        let (gained, expected) = inflate(&mut world, case, 205);
        let receipts = world.receipts(world.plan().client(0));
        let endowed = receipts.iter().filter(|receipt| receipt.story.ticket.standing.endowed).count();
        let taken = endowment_before - endowment(&world);
        if case.ordered {
            assert_eq!((endowed, taken), (0, 0), "{case:?}: it pays for no more than its part");
            assert!(expected.mean < 0.0 && gained < 0.0, "{case:?}: {gained}");
            continue;
        }
        let most = FRIENDLY * endowed as f64;
        assert!(taken <= 200 * check && gained <= most && expected.mean <= most, "{gained} of {most}");
        println!("endowment drain: at most {most:+.1} check costs");
        let mut pools = Gamble::default();
        for ticket in receipts.iter().map(|receipt| &receipt.story.ticket) {
            let policy = share(ticket.policy_rate);
            let fees = policy * (1.0 + share(ticket.standing.fee_margin));
            pools.add(&[(policy, fees - 1.0), (1.0 - policy, fees)]);
        }
        assert!(pools.mean > 0.0, "{case:?}: the pool is no endowment");
        pools.assert_near("the pool, in check costs", (pool(&world) - pool_before) as f64 / check as f64);
    }
}
