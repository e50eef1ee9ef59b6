//! Stakes that are larger than others, or many: who checks a job is no matter of its price, nor of how many can.

use assay_protocol::{
    outcome::Outcome,
    units::{Amount, Rate},
};
use assay_simulations::{
    kernel::Span,
    plan::Plan,
    world::{Place, Wish},
};

use super::{Coalition, friends::Liar, restake, run, sell_at};
use crate::support::market;

/// Verifiers that find what is true.
const HONEST: usize = 60;
/// Verifiers with a little more at stake each, who find one lie.
const FRIENDS: usize = 3;
/// What an honest verifier has at stake.
const STAKE: Amount = Amount(9_900_000_000);
/// What one of the friends has.
const MORE: Amount = Amount(10_200_000_000);
/// As many of them that each holds less than a hundredth of all that is at stake.
const CROWD: usize = 98;
/// A price of which ten times is more than an honest verifier's stake, and less than a friend's.
const DEAR: Amount = Amount(990_500_000);

#[test]
fn three_friends_with_a_twentieth_of_the_stake_slash_nobody_by_an_order_that_is_too_dear_for_others_to_check()
{
    let founders = HONEST + FRIENDS;
    let mut world = market(Plan { founders, stake: STAKE, ..Plan::default() });
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let friends: Vec<Place> = (HONEST..founders).map(|number| world.plan().founder(number)).collect();
    for (number, friend) in friends.iter().enumerate() {
        restake(&mut world, *friend, MORE);
        world.behave(*friend, Liar { number, friendly: Rate::ONE });
    }
    sell_at(&mut world, provider, DEAR);
    // Their stake counts from the next checkpoint on.
    world.run_for(Span::seconds(12));
    let coalition = Coalition::new(&world, friends.iter().copied().chain([client]));
    let dear = Wish { provider: Some(provider), checks: 1, unit_price_max: Some(DEAR), ..Wish::default() };
    run(&mut world, client, 0..6, 1, |_| dear);
    let gain = coalition.gain(&world, "an order that only friends have the stake to check");
    coalition.tell_figures(&world, "an order that only friends have the stake to check", &[]);
    let slashed = world.closed().values().filter(|closed| closed.outcome == Outcome::Slashed).count();
    assert_eq!((slashed, world.closed().len()), (0, 6));
    assert!(gain <= 0, "{gain}");
    for receipt in world.receipts(client) {
        let checkers = receipt.story.ticket.standing.checkers;
        assert_eq!(checkers.leaves, founders as u64 - 1, "everybody but the provider");
    }
}

/// Verifiers of equal stake of whom each holds less than a hundredth of all, beside friends that hold more than that: with a
/// least share only these were left.
#[test]
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn three_friends_with_a_thirtieth_of_the_stake_crowd_nobody_out_however_many_the_others_are() {
    let founders = CROWD + FRIENDS;
    let mut world = market(Plan { founders, clients: 2, stake: STAKE, ..Plan::default() });
    let (client, liar) = (world.plan().client(0), world.plan().client(1));
    let friends: Vec<Place> = (CROWD..founders).map(|number| world.plan().founder(number)).collect();
    world.provide(liar);
    restake(&mut world, liar, Amount::credits(12));
    for (number, friend) in friends.iter().enumerate() {
        restake(&mut world, *friend, MORE);
        world.behave(*friend, Liar { number, friendly: Rate::ONE });
    }
    world.behave(liar, Liar { number: FRIENDS, friendly: Rate::ONE });
    world.run_for(Span::seconds(12));
    let coalition = Coalition::new(&world, friends.iter().copied().chain([client, liar]));
    run(&mut world, client, 0..6, 1, |_| Wish { provider: Some(liar), checks: 1, ..Wish::default() });
    let gain = coalition.gain(&world, "lies before friends that would have been alone");
    coalition.tell_figures(&world, "lies before friends that would have been alone", &[]);
    let of =
        |what: fn(Outcome) -> bool| world.closed().values().filter(|closed| what(closed.outcome)).count();
    let (paid, slashed) = (of(Outcome::is_paid), of(Outcome::is_slashed));
    println!(
        "figures: lies before friends that would have been alone: {paid} of 6 paid, {slashed} convicted"
    );
    assert!(slashed >= 4 && paid <= 2, "{slashed} convicted, {paid} paid");
    assert!(gain < 0, "{gain}");
    for receipt in world.receipts(client) {
        assert_eq!(receipt.story.ticket.standing.checkers.leaves, founders as u64, "nobody is left out");
    }
}
