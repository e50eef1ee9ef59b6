//! Trust that is bought from oneself, and what it is good for.

use assay_protocol::{
    rate,
    receipt::Receipt,
    units::{Amount, Rate},
};
use assay_simulations::{
    behaviour::Forger,
    plan::{Plan, UNIT_PRICE},
    world::{Place, Wish, World},
};

use super::{Coalition, Gamble, check_cost, restake, run, share};
use crate::support::{LIMIT, market};

/// What the provider puts at stake: little, so that the rate that deters stands out.
const STAKE: Amount = Amount(12 * UNIT_PRICE.0);
/// Orders to oneself.
const ORDERS: u64 = 220;
/// Jobs after which trust begins to lower the rate.
const RAMP: usize = 5;

/// A client and its own provider, somebody else's client, and those who check.
struct Scene {
    world: World,
    owner: Place,
    provider: Place,
    victim: Place,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let mut world = market(Plan { seed, founders: 8, clients: 3, slots: 16, ..Plan::default() });
        let [owner, provider, victim] = [0, 1, 2].map(|number| world.plan().client(number));
        restake(&mut world, provider, STAKE);
        world.provide(provider);
        Self { world, owner, provider, victim }
    }

    /// The owner's orders to itself; returns their receipts in the order in which they were opened.
    fn deal(&mut self) -> Vec<Receipt> {
        let provider = Some(self.provider);
        run(&mut self.world, self.owner, 0..ORDERS, 6, |_| Wish { provider, ..Wish::default() });
        let mut receipts = self.world.receipts(self.owner);
        receipts.sort_by_key(|receipt| receipt.story.ticket.standing.position);
        receipts
    }

    /// The provider cheats the other client until it is convicted, and says how often it was paid.
    fn cheat(&mut self) -> u64 {
        self.world.behave(self.provider, Forger);
        for number in 0.. {
            let wish = Wish { number, provider: Some(self.provider), attempts_max: 1, ..Wish::default() };
            self.world.submit(self.victim, wish);
            self.world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
            if self.world.receipts(self.victim).iter().any(|receipt| receipt.story.outcome.is_slashed()) {
                return number;
            }
        }
        0
    }
}

#[test]
fn self_dealing_buys_trust_at_the_price_of_its_checks_and_no_rate_below_what_deters() {
    let mut scene = Scene::new(1);
    let coalition = Coalition::new(&scene.world, [scene.owner, scene.provider]);
    let receipts = scene.deal();
    let genesis = scene.world.genesis();
    let check = check_cost(genesis, 2);
    let mut spent = 0;
    for (number, receipt) in receipts.iter().enumerate() {
        let ticket = &receipt.story.ticket;
        assert!(receipt.story.outcome.is_paid(), "{:?}", receipt.story.outcome);
        let fees = i128::from(ticket.premium.0) + i128::from(ticket.dues.0);
        assert!(number >= RAMP || fees >= check, "{number}: {fees} is less than a check");
        let deterring = rate::deterrence(&genesis.checks, UNIT_PRICE, STAKE);
        assert!(ticket.rate >= deterring, "{number}: {} is below what deters", ticket.rate);
        spent += fees;
    }
    let last = receipts.last().map(|receipt| receipt.story.ticket).expect("they were served");
    assert!(rate::ramp(&genesis.checks, last.standing.trust) < last.rate, "trust alone would ask for less");
    let gained = coalition.gain(&scene.world, "self-dealing");
    println!(
        "self-dealing: {ORDERS} orders for {:.1} check costs, down to {}",
        spent as f64 / check as f64,
        last.rate
    );
    assert_eq!(gained, -spent, "what it costs is what checks cost");
}

#[test]
fn self_dealing_buys_no_cheat_that_pays() {
    let (mut expected, mut found, mut bought) = (Gamble::default(), 0.0, 0);
    for seed in 1..=8 {
        let mut scene = Scene::new(seed);
        let coalition = Coalition::new(&scene.world, [scene.owner, scene.provider]);
        let rate = scene.deal().last().map(|receipt| receipt.story.ticket.rate).expect("they were served");
        assert!(rate < Rate::per_mille(250), "seed {seed}: trust was bought, {rate} is left");
        bought += coalition.gain(&scene.world, "self-dealing, trust");
        found += scene.cheat() as f64;
        let gained = coalition.gain(&scene.world, "self-dealing, cheats included");
        assert!(gained < 0, "seed {seed}: {gained}");
        // Every check of these tells: (1 − q) / q are paid before one is, with variance (1 − q) / q².
        let q = share(rate);
        expected.mean += (1.0 - q) / q;
        expected.variance += (1.0 - q) / q.powi(2);
    }
    expected.assert_near("cheats that bought trust let pass", found);
    let stake = 8.0 * STAKE.0 as f64 / UNIT_PRICE.0 as f64;
    println!(
        "self-dealing: {:+.1} prices for trust, {found:+.1} for cheats, {:+.1} for the stakes",
        bought as f64 / UNIT_PRICE.0 as f64,
        -stake
    );
    assert!(expected.mean < stake, "the stakes are worth more than the cheats");
}
