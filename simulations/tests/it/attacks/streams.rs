//! Streams that a claim does not go on from.

use assay_protocol::{id::NetworkId, outcome::Outcome};
use assay_simulations::{
    behaviour::Streamer,
    crypto::SimulatedKey,
    plan::{EXACT, LABEL, Plan},
};

use super::{
    Coalition,
    scenes::{order, outcome},
};
use crate::support::{LIMIT, market, settle};

/// Asserts that who streams so is convicted by its client, whom that costs nothing.
fn check(seed: u64, streamer: fn(SimulatedKey, NetworkId) -> Streamer, attack: &str) {
    for manifest in [LABEL, EXACT] {
        let mut world = market(Plan { seed, ..Plan::default() });
        let (client, provider) = (world.plan().client(0), world.plan().founder(0));
        world.behave(provider, streamer(world.key(provider), world.genesis().id()));
        let streamers = Coalition::new(&world, [provider]);
        let before = world.wealth(client);
        let key = order(&mut world, provider, 0, manifest);
        settle(&mut world, LIMIT, "streamed");
        assert_eq!(outcome(&world, key), Outcome::FalseStream, "{attack}, seed {seed}, {manifest}");
        assert_eq!(
            world.wealth(client),
            before,
            "{attack}, seed {seed}, {manifest}: it costs its client nothing"
        );
        assert!(streamers.gain(&world, &format!("{attack}, seed {seed}")) < 0);
    }
}

#[test]
fn who_claims_less_than_it_says_that_it_has_streamed_is_convicted_by_its_client() {
    (0..6).for_each(|seed| check(seed, Streamer::new, "a stream of more than is claimed"));
}

#[test]
fn who_claims_something_else_than_it_says_that_it_has_streamed_is_convicted_by_its_client() {
    (0..6).for_each(|seed| check(seed, Streamer::of_as_many, "a stream of something else"));
}
