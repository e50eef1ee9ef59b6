//! All places of a notary, taken by jobs that nobody means to end.

use assay_market::effect::Effect;
use assay_protocol::{
    genesis::Timers,
    message::Message,
    order::Refusal,
    outcome::Outcome,
    receipt::Receipt,
    units::{Amount, Duration},
};
use assay_simulations::{
    behaviour::Behaviour,
    kernel::Span,
    plan::Plan,
    world::{Wish, World},
};

use super::{Coalition, pool, refusals};
use crate::support::{LIMIT, settle};

/// Open jobs that the notary has room for.
const PLACES: u64 = 64;
/// What a place costs for an hour where half of them are taken.
const HOUR: u64 = 16_000;

/// Takes part in jobs and never ends one.
#[derive(Clone, Copy, Debug)]
struct Squatter;

impl Behaviour for Squatter {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let ends = matches!(
            effect,
            Effect::Send {
                message: Message::Claim(_) | Message::Deliver(_) | Message::Abort(_) | Message::Cancel(_),
                ..
            }
        );
        (!ends).then_some(effect)
    }
}

/// What all places cost for an hour, taken one after another: 2⁴ times as much for the last as in the middle, and a line
/// between eighths.
fn all_places() -> i128 {
    let begin = |open: u64| (HOUR >> 4) << (8 * open / PLACES);
    (0..PLACES).map(|open| i128::from(begin(open) + begin(open) * (open % (PLACES / 8)) / (PLACES / 8))).sum()
}

fn places(receipt: &Receipt) -> u64 {
    receipt.story.ticket.place.0
}

/// A client and its provider take all places there are. While they have them nobody else gets one, the last ones cost 2⁸
/// times what the first ones did, and whoever waits is served as soon as the first claim is overdue.
#[test]
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn whoever_takes_all_places_of_a_notary_pays_for_them_and_holds_them_no_longer_than_its_claims_are_due() {
    let timers = Timers { claim: Duration::seconds(60), ..Plan::default().timers };
    let plan = Plan { clients: 2, slots: 256, timers, ..Plan::default() };
    let mut genesis = plan.genesis();
    (genesis.money.place_hour, genesis.money.jobs_max) = (Amount(HOUR), PLACES);
    let mut world = World::under(plan, genesis);
    world.open_market();
    let (honest, squatter) = (world.plan().client(0), world.plan().client(1));
    let [friend, provider] = [5, 0].map(|number| world.plan().founder(number));
    [squatter, friend].into_iter().for_each(|place| world.behave(place, Squatter));
    let (before, coalition) = (pool(&world), Coalition::new(&world, [squatter, friend]));
    for number in 0..PLACES {
        world.submit(squatter, Wish { number, provider: Some(friend), attempts_max: 1, ..Wish::default() });
    }
    world.run_for(Span::seconds(20));
    assert_eq!(world.books().map(|books| books.open), Some(PLACES), "not all places are taken");
    for number in 0..8 {
        let wish = Wish { provider: Some(provider), attempts_max: 1, number, ..Wish::default() };
        world.submit(honest, wish);
    }
    settle(&mut world, LIMIT, "all places");
    let refused = refusals(&world, honest, Refusal::Full);
    let (theirs, ours) = (world.receipts(squatter), world.receipts(honest));
    let paid = ours.iter().filter(|receipt| receipt.story.outcome.is_paid()).count();
    let (gain, pool) = (coalition.gain(&world, "all places"), pool(&world) - before);
    let dearest = ours.iter().map(places).max().unwrap_or_default();
    println!(
        "all {PLACES} places: {paid} of 8 honest jobs paid, refused {refused} times, at most {dearest} for a place, pool {pool:+}"
    );
    assert_eq!(theirs.len() as u64, PLACES);
    assert!(theirs.iter().all(|receipt| receipt.story.outcome == Outcome::NoClaim));
    assert!(refused > 0, "there was room");
    assert_eq!(gain, -all_places(), "each for the hour that it began");
}
