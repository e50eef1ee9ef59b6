//! How many verifiers say what they were told, in the long run: with traps and without.
//!
//! What a checked job brings whom is measured in worlds, for each number of verifiers that take what they are told. Whoever
//! gains more by that is imitated, and a few try the other way whatever it brings. Cheats cheat, and hunters hunt, while
//! that pays.

use assay_protocol::{
    id::PeerId,
    payout::Fee,
    receipt::{Happening, Receipt},
    units::Amount,
};
use assay_simulations::{
    behaviour::{Bait, Hunter, Leaker, Leaks, Taker},
    plan::{EXACT, Plan, UNIT_PRICE},
    world::{Wish, World},
};

use super::{check_cost, restake, run, scenes::deterring};
use crate::support::{market, on_all_cores};

/// Verifiers beside the provider that is checked.
const OTHERS: usize = 15;
/// Jobs that are measured for each number of takers, and how often a job is checked: as deters at a stake of a hundred prices.
const JOBS: u64 = 60;
const RATE: f64 = 0.0196;
/// How much of a difference of one check moves in a generation, and how many then try the other way.
const IMITATED: f64 = 0.02;
const TRIED: f64 = 0.01;
const GENERATIONS: usize = 20_000;

/// Who sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seller {
    Cheat,
    Hunter,
}

/// What a checked job brings, in checks: its seller, each verifier that takes what it is told, each that runs what it checks.
#[derive(Clone, Copy, Debug, Default)]
struct Brings {
    seller: f64,
    taker: f64,
    honest: f64,
}

impl Brings {
    fn between(self, next: Self, part: f64) -> Self {
        let mix = |one: f64, other: f64| one + (other - one) * part;
        Self {
            seller: mix(self.seller, next.seller),
            taker: mix(self.taker, next.taker),
            honest: mix(self.honest, next.honest),
        }
    }

    fn plus(self, other: Self) -> Self {
        let Self { seller, taker, honest } = other;
        Self { seller: self.seller + seller, taker: self.taker + taker, honest: self.honest + honest }
    }
}

fn of(entries: &[Fee], peers: &[PeerId]) -> f64 {
    let own = entries.iter().filter(|entry| peers.contains(&entry.peer));
    own.map(|entry| entry.amount.0 as f64).sum()
}

/// What a receipt says that it brought.
fn told(world: &World, seller: Seller, receipt: &Receipt, takers: usize) -> Brings {
    let ids = |from: usize, to: usize| -> Vec<PeerId> {
        (from..to).map(|number| world.id(world.plan().founder(number))).collect()
    };
    let (told, ran) = (ids(1, 1 + takers), ids(1 + takers, 1 + OTHERS));
    let order = receipt.story.open.said().order.said().clone();
    let settled = &receipt.story.settlement;
    let check = check_cost(world.genesis(), order.work_max) as f64;
    let earned = |peers: &[PeerId]| of(&settled.fees, peers) - of(&settled.fines, peers);
    let runs =
        receipt.story.events.iter().filter(
            |event| matches!(&event.what, Happening::Seal(seal) if ran.contains(&seal.said().signer())),
        );
    let seller = match seller {
        Seller::Cheat => {
            settled.provider.0 as f64 - settled.slashed.0 as f64 - of(&settled.fines, &[order.provider])
        }
        Seller::Hunter => {
            let put_up = order.total_max.0 + world.genesis().stake_least(order.manifest.work_most).0;
            settled.client.0 as f64 + settled.provider.0 as f64 - put_up as f64
        }
    };
    // What a run costs who makes it is what a check earns.
    let honest = earned(&ran) / check - runs.count() as f64;
    let each = |sum: f64, of: usize| sum / of.max(1) as f64;
    Brings {
        seller: seller / check,
        taker: each(earned(&told) / check, takers),
        honest: each(honest, OTHERS - takers),
    }
}

/// A market of this seller, where so many take what they are told; the longest run is so many times a job.
fn peopled(seed: u64, seller: Seller, takers: usize, longer: u64) -> World {
    let (stake, work_most) = (Amount(100 * UNIT_PRICE.0), 2 * longer);
    let (founders, checks) = (1 + OTHERS, deterring());
    let plan = Plan { seed, founders, work_most, stake, checks, ..Plan::default() };
    let mut world = market(plan);
    let leaks = Leaks::default();
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    for number in 1..=takers {
        let place = world.plan().founder(number);
        world.behave(place, Taker(leaks.clone()));
    }
    match seller {
        Seller::Cheat => world.behave(provider, Leaker(leaks)),
        Seller::Hunter => {
            let (key, client, network) = (world.key(provider), world.key(client), world.genesis().id());
            world.behave(provider, Hunter::new(key, vec![client], network, leaks, Bait::False));
        }
    }
    world
}

/// What one more job brings, with everybody's stake whole.
fn brought(world: &mut World, seller: Seller, takers: usize, number: u64) -> Brings {
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let stake = world.plan().stake;
    for founder in 0..=OTHERS {
        let place = world.plan().founder(founder);
        if super::account(world, place).stake != stake {
            restake(world, place, stake);
        }
    }
    let since = world.receipts(client).len();
    run(world, client, number..number + 1, 1, |_| Wish {
        manifest: EXACT,
        provider: Some(provider),
        checks: 1,
        ..Wish::default()
    });
    let receipts = world.receipts(client).split_off(since);
    receipts.iter().fold(Brings::default(), |sum, receipt| sum.plus(told(world, seller, receipt, takers)))
}

/// What a checked job brings on average.
fn measured(seller: Seller, takers: usize, longer: u64) -> Brings {
    let mut sum = Brings::default();
    let mut world = peopled(takers as u64, seller, takers, longer);
    for number in 0..JOBS {
        // Of who was convicted nobody orders again.
        if seller == Seller::Cheat {
            world = peopled(JOBS * takers as u64 + number, seller, takers, longer);
        }
        sum = sum.plus(brought(&mut world, seller, takers, number));
    }
    let mean = |sum: f64| sum / JOBS as f64;
    Brings { seller: mean(sum.seller), taker: mean(sum.taker), honest: mean(sum.honest) }
}

/// What it brings at each number of takers but all. Where there are none, one more would have what the first has.
fn by_takers(seller: Seller, longer: u64) -> Vec<Brings> {
    let numbers = on_all_cores(OTHERS as u64, |takers| (takers, measured(seller, takers as usize, longer)));
    let mut brings: Vec<Brings> = vec![Brings::default(); OTHERS];
    numbers.into_iter().for_each(|(takers, measured)| brings[takers as usize] = measured);
    brings[0].taker = brings[1].taker;
    brings
}

/// The same at any share of them.
fn at(brings: &[Brings], share: f64) -> Brings {
    let place = (share * OTHERS as f64).clamp(0.0, (brings.len() - 1) as f64);
    let below = (place as usize).min(brings.len() - 2);
    brings[below].between(brings[below + 1], place - below as f64)
}

/// Where the share of takers settles: it begins at a tenth, and its mean over the last half is told.
fn settles(cheats: &[Brings], hunters: Option<&[Brings]>) -> f64 {
    let price = UNIT_PRICE.0 as f64 / 4e6;
    let (mut share, mut sum) = (0.1, 0.0);
    for generation in 0..GENERATIONS {
        let (cheat, hunt) = (at(cheats, share), hunters.map(|hunters| at(hunters, share)));
        let mut gains = 0.0;
        // A cheat that is not checked has its price for nothing.
        if (1.0 - RATE) * price + RATE * cheat.seller > 0.0 {
            gains += cheat.taker - cheat.honest;
        }
        if let Some(hunt) = hunt.filter(|hunt| hunt.seller > 0.0) {
            gains += hunt.taker - hunt.honest;
        }
        share += IMITATED * share * (1.0 - share) * gains * OTHERS as f64 + TRIED * (0.5 - share);
        share = share.clamp(0.001, 0.999);
        sum += if generation >= GENERATIONS / 2 { share } else { 0.0 };
    }
    sum / (GENERATIONS - GENERATIONS / 2) as f64
}

#[test]
#[ignore = "takes minutes: part of .ci/long"]
fn takers_settle_where_cheating_pays_without_traps_and_far_below_with_them() {
    for (longer, most) in [(1, 0.3), (10, 0.1)] {
        let (cheats, hunters) = (by_takers(Seller::Cheat, longer), by_takers(Seller::Hunter, longer));
        for (number, (cheat, hunter)) in cheats.iter().zip(&hunters).enumerate() {
            println!("{number} of {OTHERS}, 1 / {longer}: cheat {cheat:.2?}, hunter {hunter:.2?}");
        }
        let (without, with) = (settles(&cheats, None), settles(&cheats, Some(&hunters)));
        println!("a job of 1 / {longer} of the longest: {without:.3} without traps, {with:.3} with them");
        assert!((0.35..0.5).contains(&without), "{without}");
        assert!(with < most, "{with}");
    }
}
