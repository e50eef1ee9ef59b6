//! What newcomers, who have nothing at stake, are cheated out of, and what they cheat others out of: the rules bound both.

use assay_market::policy;
use assay_protocol::{
    genesis::Checks,
    receipt::Receipt,
    units::{Amount, Rate},
};
use assay_simulations::{
    behaviour::LazyVerifier,
    plan::{Plan, UNIT_PRICE},
    world::{Place, Wish, World},
};

use super::{Coalition, Gamble, friends::Liar, restake, results, run};
use crate::support::market;

/// Newcomers in one market: each is one of many who try, or are tried, once or twice.
const NEWCOMERS: usize = 60;
/// Verifiers.
const FOUNDERS: usize = 10;
/// The share of them that colludes: what the rules reckon with.
const FRIENDLY: f64 = 0.2;

/// The entry level of the usual order: its price and fourteen runs.
const ENTRY: Amount = Amount(UNIT_PRICE.0 + 14 * 4_000_000);
/// The price of a job, in nano-credits.
const PRICE: i128 = UNIT_PRICE.0 as i128;

fn newcomers(world: &World) -> Vec<Place> {
    (1..=NEWCOMERS).map(|number| world.plan().client(number)).collect()
}

/// A market of newcomers that provide, and a client that is none of them.
fn newcomers_market() -> World {
    let mut world = market(Plan { founders: FOUNDERS, clients: 1 + NEWCOMERS, ..Plan::default() });
    newcomers(&world).into_iter().for_each(|newcomer| world.provide(newcomer));
    world
}

/// Has every newcomer serve the client so many times; returns the receipts.
fn serve(world: &mut World, rounds: core::ops::Range<u64>) -> Vec<Receipt> {
    let (client, newcomers) = (world.plan().client(0), newcomers(world));
    let known = world.receipts(client).len();
    for round in rounds {
        let numbers = round * NEWCOMERS as u64..(round + 1) * NEWCOMERS as u64;
        run(world, client, numbers, NEWCOMERS, |number| Wish {
            provider: Some(newcomers[number as usize % NEWCOMERS]),
            ..Wish::default()
        });
    }
    world.receipts(client).split_off(known)
}

/// A check, in prices.
const CHECK: f64 = 0.4;
/// The chance that somebody looks again where a newcomer is accused.
const AGAIN: f64 = 0.25;

/// What comes of a friend's false word about a newcomer, by the chance that it does, a friend being drawn first included:
/// whether it stands, and what friends have of it in checks, where they are two of ten.
fn accusing(again: Rate) -> impl Iterator<Item = (f64, bool, f64)> {
    let again = again.0 as f64 / Rate::ONE.0 as f64;
    let (friend, honest) = (FRIENDLY, 1.0 - FRIENDLY);
    // Who is drawn again is paid once: half of the friends that look again are another one.
    let cases = [
        (1.0 - again, true, 1.0),
        (again * friend / 2.0, true, 1.0),
        (again * friend / 2.0, true, 2.0),
        (again * honest * friend / 2.0, true, 1.0),
        (again * honest * friend / 2.0, true, 2.0),
        (again * honest * honest, false, 1.0 - 3.0 / again),
    ];
    cases.into_iter().map(move |(chance, stands, checks)| (friend * chance, stands, checks))
}

/// What two of ten verifiers gain in checks that find all newcomers wanting, if they are looked at again with this chance;
/// and in how many jobs.
fn junk(again: Rate) -> (f64, usize) {
    let checks = Checks { second: again, ..Checks::default() };
    let plan = Plan { founders: FOUNDERS, clients: 1 + NEWCOMERS, checks, ..Plan::default() };
    let mut world = market(plan);
    newcomers(&world).into_iter().for_each(|newcomer| world.provide(newcomer));
    let friends = [0, 1].map(|number| world.plan().founder(number));
    friends.iter().for_each(|friend| world.behave(*friend, LazyVerifier));
    let coalition = Coalition::new(&world, friends);
    let jobs = serve(&mut world, 0..3).len();
    (coalition.gain(&world, "junk about newcomers") as f64 / (PRICE as f64 * CHECK), jobs)
}

#[test]
fn verifiers_that_find_all_newcomers_wanting_lose_by_it_and_earned_by_their_first_word_alone() {
    let (earned, jobs) = junk(Rate(1));
    assert!(earned > 0.5 * FRIENDLY * jobs as f64, "a check for each word: {earned} in {jobs} jobs");
    // Every accusation is looked at again, so that chance says little.
    let (gained, jobs) = junk(Rate::ONE);
    let mut expected = Gamble::default();
    for _ in 0..jobs {
        let accused: Vec<(f64, f64)> =
            accusing(Rate::ONE).map(|(chance, _, checks)| (chance, checks)).collect();
        expected.add(&[&accused[..], &[(1.0 - FRIENDLY, 0.0)]].concat());
    }
    expected.assert_near("junk about newcomers, in checks", gained);
    assert!(gained < 0.0, "{gained}");
}

#[test]
fn free_inference_from_newcomers_brings_their_client_no_more_than_its_share_of_the_checkers() {
    let mut world = newcomers_market();
    let client = world.plan().client(0);
    let friends = [0, 1].map(|number| world.plan().founder(number));
    friends.iter().for_each(|friend| world.behave(*friend, LazyVerifier));
    let mut coalition = Coalition::new(&world, friends.into_iter().chain([client]));
    let receipts = serve(&mut world, 0..3);
    let mut expected = Gamble::default();
    for receipt in &receipts {
        let ticket = &receipt.story.ticket;
        assert!(ticket.newcomer && ticket.rate == Rate::ONE, "nobody has anything at stake yet");
        let premium = ticket.premium.0 as f64 / PRICE as f64;
        let accused: Vec<(f64, f64)> = accusing(world.genesis().checks.second)
            .map(|(chance, stands, checks)| {
                (chance, if stands { 1.0 - AGAIN * CHECK } else { 0.0 } + checks * CHECK - premium)
            })
            .collect();
        expected.add(&[&accused[..], &[(1.0 - FRIENDLY, -premium)]].concat());
    }
    coalition.consume(PRICE * results(&world, client));
    let gained = coalition.gain(&world, "free inference from newcomers") as f64 / PRICE as f64;
    expected.assert_near("free inference from newcomers, in prices", gained);
    let most = FRIENDLY * receipts.len() as f64;
    println!("free inference from newcomers: at most {most:+.1} prices of {} jobs", receipts.len());
    assert!(expected.mean < most, "{}", expected.mean);
}

#[test]
fn free_inference_ends_where_newcomers_have_something_at_stake() {
    let mut world = newcomers_market();
    let client = world.plan().client(0);
    // Half of what they earn becomes their stake, until it reaches the entry level; here they put up the rest themselves.
    serve(&mut world, 0..2);
    for newcomer in newcomers(&world) {
        restake(&mut world, newcomer, ENTRY);
    }
    let served = serve(&mut world, 2..9);
    let entered =
        served.iter().rev().take(NEWCOMERS).filter(|receipt| !receipt.story.ticket.newcomer).count();
    assert_eq!(entered, NEWCOMERS, "all of them are above the entry level");
    let friends = [0, 1].map(|number| world.plan().founder(number));
    friends.iter().for_each(|friend| world.behave(*friend, LazyVerifier));
    let mut coalition = Coalition::new(&world, friends.into_iter().chain([client]));
    let before = results(&world, client);
    let receipts = serve(&mut world, 9..12);
    coalition.consume(PRICE * (results(&world, client) - before));
    let gained = coalition.gain(&world, "free inference above the entry level");
    assert!(receipts.iter().all(|receipt| receipt.story.outcome.is_paid()), "honest work is paid");
    assert!(gained < 0, "{gained}");
}

#[test]
fn garbage_from_newcomers_brings_them_no_more_than_quotes_say() {
    let mut world = newcomers_market();
    let (client, liars) = (world.plan().client(0), newcomers(&world));
    let friends = [0, 1].map(|number| world.plan().founder(number));
    let friendly = Rate::ONE;
    for (number, liar) in (0..).zip(liars.iter().chain(&friends)) {
        world.behave(*liar, Liar { number, friendly });
    }
    let coalition = Coalition::new(&world, liars.into_iter().chain(friends));
    let victim = Coalition::new(&world, [client]);
    let receipts = serve(&mut world, 0..3);
    let (mut expected, mut most) = (Gamble::default(), 0.0);
    for receipt in &receipts {
        let open = receipt.story.open.said();
        let order = open.order.said();
        let quoted = policy::explain(world.genesis(), &order, receipt.story.ticket.standing, &[]);
        let quoted = quoted.and_then(|quoted| quoted.newcomer).expect("they are newcomers");
        most += quoted.garbage_max.0 as f64 / PRICE as f64;
        // What of the pay goes to the friend that checked stays among friends. Where an honest verifier was first, friends
        // who look again confirm the lie if there are two of them; one alone is contradicted.
        let looks = (1.0 - FRIENDLY) * AGAIN * FRIENDLY;
        let (caught, alone, both) =
            (looks * (1.0 - FRIENDLY), looks * FRIENDLY / 2.0, looks * FRIENDLY / 2.0);
        let fined = (1.0 - 3.0 / AGAIN) * CHECK;
        expected.add(&[
            (FRIENDLY, 1.0),
            (caught, fined),
            (alone, 1.0),
            (both, 1.0 + CHECK),
            (1.0 - FRIENDLY - looks, 0.0),
        ]);
    }
    let gained = coalition.gain(&world, "garbage from newcomers") as f64 / PRICE as f64;
    victim.gain(&world, "garbage from newcomers, its client");
    expected.assert_near("garbage from newcomers, in prices", gained);
    println!("garbage from newcomers: at most {most:+.1} prices of {} jobs", receipts.len());
    assert!(expected.mean <= most, "{} of {most}", expected.mean);
}
