//! Attacks that the rules answer, each by its name, and what it brings to those who try it, in money.

mod absences;
mod classes;
mod convicts;
mod copies;
mod decoys;
mod deliveries;
mod draws;
mod dust;
mod empties;
mod exposure;
mod foes;
mod friends;
mod inputs;
mod leaks;
mod names;
mod newcomers;
mod orders;
mod places;
mod pools;
mod proposals;
mod restores;
mod routers;
mod scenes;
mod silence;
mod slashes;
mod stakes;
mod streams;
mod texts;
mod thresholds;
mod traps;
mod trust;
mod verdicts;
mod whales;

use std::collections::BTreeMap;

use assay_market::{Command, Event, provision::Provision, view::BalanceView};
use assay_protocol::{
    genesis::Genesis,
    id::PeerId,
    order::Refusal,
    outcome::Outcome,
    receipt::Receipt,
    units::{Amount, Rate, Work},
};
use assay_simulations::{
    kernel::Span,
    world::{Place, Wish, World},
};

use crate::support::{LIMIT, settle};

/// σ within which what chance brought has to be of what it should bring: one honest run in 16,000 is further off.
const SIGMAS: f64 = 4.0;

/// Peers that share what they gain.
#[derive(Clone, Debug)]
pub(crate) struct Coalition {
    members: Vec<Place>,
    before: i128,
    /// What each of the others owned.
    others: BTreeMap<PeerId, i128>,
    /// What the pool held.
    pool: i128,
}

impl Coalition {
    /// These peers, with what they own now.
    pub(crate) fn new(world: &World, members: impl IntoIterator<Item = Place>) -> Self {
        let members: Vec<Place> = members.into_iter().collect();
        let (before, (mut others, pool)) = (owned(world, &members), holdings(world));
        others.retain(|peer, _| world.place(*peer).is_none_or(|place| !members.contains(&place)));
        Self { members, before, others, pool }
    }

    /// They have had something that is worth this to them.
    pub(crate) fn consume(&mut self, worth: i128) {
        self.before -= worth;
    }

    /// By how much they are richer than at the beginning, in nano-credits. Says so, for who reads along.
    #[allow(clippy::print_stdout, reason = "a figure beside what is asserted of it")]
    pub(crate) fn gain(&self, world: &World, attack: &str) -> i128 {
        let gain = owned(world, &self.members) - self.before;
        println!("{attack}: {:+.6} credits for {} peers", gain as f64 / 1e9, self.members.len());
        gain
    }

    /// Says in one line, for the page of tests, what they gained and what others have less by then, but for those who pay for what
    /// they get; and how much more the pool has, which is paid for checks, and pays for them.
    #[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
    fn tell_figures(&self, world: &World, attack: &str, payers: &[Place]) {
        let gain = owned(world, &self.members) - self.before;
        let (others, pool) = holdings(world);
        let pays = |peer: &PeerId| world.place(*peer).is_some_and(|place| payers.contains(&place));
        let less = |(peer, before): (&PeerId, &i128)| {
            let after = others.get(peer).copied().unwrap_or_default();
            if pays(peer) { 0 } else { (before - after).max(0) }
        };
        let harm: i128 = self.others.iter().map(less).sum();
        let over_cost = match (harm, (-gain).max(0)) {
            (0, _) => "0".to_owned(),
            (_, 0) => "without bound".to_owned(),
            (harm, cost) => format!("{:.3}", harm as f64 / cost as f64),
        };
        let [gain, harm, pool] = [gain, harm, pool - self.pool].map(|nanos| nanos as f64 / 1e9);
        println!(
            "figures: {attack}: gain {gain:+.6}, harm {harm:.6}, harm over cost {over_cost}, pool {pool:+.6}"
        );
    }
}

/// What everybody owns, and what the pool holds less what it owes.
fn holdings(world: &World) -> (BTreeMap<PeerId, i128>, i128) {
    let Some(books) = world.books() else { return (BTreeMap::new(), 0) };
    let own = |account: &BalanceView| {
        [account.free, account.stake, account.unbonding].iter().map(|amount| i128::from(amount.0)).sum()
    };
    let owned: BTreeMap<PeerId, i128> =
        books.accounts.iter().map(|account| (account.peer, own(account))).collect();
    (owned, i128::from(books.pool.0) - i128::from(books.owed.0))
}

fn owned(world: &World, members: &[Place]) -> i128 {
    let wealth = |place: &Place| i128::from(world.wealth(*place).unwrap_or_default().0);
    members.iter().map(wealth).sum()
}

/// What should come of gambles, and how far it may scatter.
#[derive(Clone, Copy, Debug, Default)]
struct Gamble {
    mean: f64,
    variance: f64,
}

impl Gamble {
    /// One more gamble: what can come of it, each with its chance.
    fn add(&mut self, outcomes: &[(f64, f64)]) {
        let mean: f64 = outcomes.iter().map(|(chance, value)| chance * value).sum();
        self.mean += mean;
        self.variance += outcomes.iter().map(|(chance, value)| chance * (value - mean).powi(2)).sum::<f64>();
    }

    /// Asserts that what came of all of them together is what should.
    #[allow(clippy::print_stdout, reason = "a figure beside what is asserted of it")]
    fn assert_near(&self, what: &str, found: f64) {
        let Self { mean, variance } = *self;
        let most = SIGMAS * variance.sqrt();
        println!("{what}: {found:+.4}, should be {mean:+.4} ± {most:.4}");
        assert!((found - mean).abs() <= most, "{what}: {found} is not {mean} ± {most}");
    }
}

fn share(rate: Rate) -> f64 {
    rate.0 as f64 / Rate::ONE.0 as f64
}

/// What the pool holds, less what it owes.
fn pool(world: &World) -> i128 {
    let books = world.books().expect("the notary keeps books");
    i128::from(books.pool.0) - i128::from(books.owed.0)
}

/// What a check of this much work earns.
fn check_cost(genesis: &Genesis, work: Work) -> i128 {
    i128::from(genesis.check_cost(work).0)
}

/// Changes what a peer offers.
fn offer(world: &mut World, place: Place, change: impl Fn(&mut Provision)) {
    let mut provision = world.provision(place);
    change(&mut provision);
    world.command(place, Command::Provide(provision));
    world.run_for(Span::seconds(2));
}

/// From now on a unit costs this at a peer.
fn sell_at(world: &mut World, place: Place, unit_price: Amount) {
    offer(world, place, |provision| {
        let stocks = provision.benches.iter_mut().flat_map(|bench| &mut bench.services);
        stocks.for_each(|stock| stock.unit_price = unit_price);
    });
}

/// A peer puts so much at stake, or again what it lost of it, and no more by itself.
fn restake(world: &mut World, place: Place, stake: Amount) {
    let amount = stake.minus_up_to(account(world, place).stake);
    let notary = world.id(world.plan().notary());
    // Even where nothing is missing it says how much it wants.
    world.command(place, Command::Stake { notary, amount, target: Some(stake) });
    world.run_for(Span::seconds(1));
}

/// What a peer has in the books.
fn account(world: &World, place: Place) -> BalanceView {
    let (peer, books) = (world.id(place), world.books().expect("the notary keeps books"));
    books.accounts.into_iter().find(|account| account.peer == peer).expect("an account")
}

/// A number of jobs, so many at the same time, until all of them have settled.
fn run(
    world: &mut World,
    client: Place,
    numbers: core::ops::Range<u64>,
    at_once: usize,
    wish: impl Fn(u64) -> Wish,
) {
    let numbers: Vec<u64> = numbers.collect();
    for together in numbers.chunks(at_once) {
        for number in together {
            world.submit(client, Wish { number: *number, attempts_max: 1, ..wish(*number) });
        }
        world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
    }
    settle(world, LIMIT, "all jobs of an attack");
}

/// A client has a provider checked at its own cost until the notary trusts it: each of these jobs adds one to its trust.
fn earn_trust(world: &mut World, client: Place, provider: Place, jobs: u64) {
    let numbers = 1_000_000..1_000_000 + jobs;
    run(world, client, numbers, 16, |_| Wish { provider: Some(provider), checks: 1, ..Wish::default() });
}

/// The receipts of the jobs that a client ordered since it held so many.
fn receipts_from(world: &World, client: Place, since: usize) -> Vec<Receipt> {
    world.receipts(client).split_off(since)
}

/// How many results a client was handed.
fn results(world: &World, client: Place) -> i128 {
    let delivered = |event: &Event| matches!(event, Event::Delivered { .. });
    world.told(client).iter().filter(|(_, event)| delivered(event)).count() as i128
}

/// How often a client's orders were refused for this reason.
fn refusals(world: &World, client: Place, why: Refusal) -> usize {
    let refused = |event: &Event| matches!(event, Event::Refused { reason, .. } if *reason == why);
    world.told(client).iter().filter(|(_, event)| refused(event)).count()
}

/// True if each job of a client that ended so has cost it nothing.
fn refunded(world: &World, client: Place, outcome: Outcome) -> bool {
    let receipts = world.receipts(client);
    let mut ended = receipts.iter().filter(|receipt| receipt.story.outcome == outcome);
    ended.all(|receipt| {
        let open = receipt.story.open.said();
        receipt.story.settlement.client == open.order.said().total_max
    })
}
