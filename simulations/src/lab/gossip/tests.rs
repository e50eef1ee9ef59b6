//! Gossip against what was published, and against itself.

use super::{Gossip, GossipParameters};

#[test]
fn every_message_reaches_every_peer_once_and_in_as_many_copies_as_published() {
    for (peers, messages, whole, haves) in [(100, 10, 6_280.0, 7_212.0), (1_000, 60, 377_370.0, 372_006.0)] {
        let counts = Gossip::new(1, peers, GossipParameters::PUBLISHED).run(messages, 5);
        assert_eq!(counts.deliveries, u64::from(messages) * (peers as u64 - 1), "{counts:?}");
        assert!((counts.messages as f64 / whole - 1.0).abs() < 0.03, "{peers}: {counts:?}");
        assert!((counts.haves as f64 / haves - 1.0).abs() < 0.03, "{peers}: {counts:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_counts_and_the_crates_own_numbers_deliver_as_well() {
    let live = |seed| Gossip::new(seed, 300, GossipParameters::LIBP2P).run(10, 5);
    assert_eq!(live(1), live(1));
    assert_ne!(live(1), live(2));
    assert_eq!(live(1).deliveries, 2_990);
}
