//! Streams that a claim does not go on from.

use assay_protocol::outcome::Outcome;
use assay_simulations::{
    behaviour::Streamer,
    plan::{EXACT, LABEL, Plan},
};

use super::{
    Coalition,
    scenes::{order, outcome},
};
use crate::support::{LIMIT, market, settle};

#[test]
fn who_claims_less_than_it_says_that_it_has_streamed_is_convicted_by_its_client() {
    for seed in 0..6 {
        for manifest in [LABEL, EXACT] {
            let mut world = market(Plan { seed, ..Plan::default() });
            let (client, streamer) = (world.plan().client(0), world.plan().founder(0));
            world.behave(streamer, Streamer::new(world.key(streamer), world.genesis().id()));
            let streamers = Coalition::new(&world, [streamer]);
            let before = world.wealth(client);
            let key = order(&mut world, streamer, 0, manifest);
            settle(&mut world, LIMIT, "streamed");
            assert_eq!(outcome(&world, key), Outcome::FalseStream, "seed {seed}, {manifest}");
            assert_eq!(world.wealth(client), before, "seed {seed}, {manifest}: it costs its client nothing");
            assert!(streamers.gain(&world, &format!("a false stream, seed {seed}")) < 0);
        }
    }
}
