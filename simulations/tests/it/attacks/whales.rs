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
    let slashed = world.closed().values().filter(|closed| closed.outcome == Outcome::Slashed).count();
    assert_eq!((slashed, world.closed().len()), (0, 6));
    assert!(gain <= 0, "{gain}");
    for receipt in world.receipts(client) {
        let checkers = receipt.story.ticket.standing.checkers;
        assert_eq!(checkers.leaves, founders as u64 - 1, "everybody but the provider");
    }
}
