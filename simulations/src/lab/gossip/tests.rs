//! Gossip against what was published, and against itself.

use assay_protocol::units::Rate;

use super::{BEAT, FORMED, Gossip, GossipArrival, GossipParameters};
use crate::{
    kernel::{Instant, Span},
    links::Links,
    world::Place,
};

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

#[test]
fn what_is_lost_on_its_way_comes_by_another() {
    let parameters = GossipParameters { loss: Rate::per_mille(200), ..GossipParameters::LIBP2P };
    let counts = Gossip::new(1, 300, parameters).run(10, 5);
    let whole = Gossip::new(1, 300, GossipParameters::LIBP2P).run(10, 5);
    assert_eq!(counts.deliveries, 2_990, "{counts:?}");
    assert!(counts.wants > whole.wants && counts.delay_sum > whole.delay_sum, "{counts:?} {whole:?}");
}

/// A gossip whose mesh has formed.
fn formed(peers: usize) -> Gossip {
    let mut gossip = Gossip::new(1, peers, GossipParameters::LIBP2P);
    gossip.form();
    assert_eq!((gossip.now(), gossip.counts().messages), (FORMED, 0));
    gossip
}

/// Lets time pass until then; whom a message reached.
fn pass(gossip: &mut Gossip, until: Instant, awake: impl Fn(u32, Instant) -> bool) -> Vec<GossipArrival> {
    let mut arrivals = Vec::new();
    while gossip.next_at().is_some_and(|next| next <= until) {
        arrivals.extend(gossip.step(&awake));
    }
    arrivals
}

const NEVER: Instant = Instant(u64::MAX);

#[test]
fn a_mesh_has_as_many_as_it_should_and_two_of_them_dialled() {
    let gossip = formed(300);
    for peer in 0..300 {
        let (size, dialled) = (gossip.mesh.of(peer).len(), gossip.mesh.outbound(peer));
        assert!((5..=12).contains(&size) && dialled >= 2, "{peer}: {size}, of whom {dialled} were dialled");
    }
}

#[test]
fn nothing_crosses_a_cut_and_what_was_told_there_comes_once_it_heals() {
    let mut gossip = formed(300);
    let mut links = Links::default();
    links.cut_off((0..150).map(Place));
    gossip.relink(links);
    gossip.say(7, FORMED);
    let arrivals = pass(&mut gossip, FORMED.after(Span(BEAT / 2 * 3)), |_, _| true);
    assert!(arrivals.len() == 149 && arrivals.iter().all(|arrival| arrival.peer < 150), "{}", arrivals.len());
    gossip.relink(Links::default());
    let arrivals = pass(&mut gossip, NEVER, |_, _| true);
    assert!(
        arrivals.len() == 150 && arrivals.iter().all(|arrival| arrival.peer >= 150),
        "{}",
        arrivals.len()
    );
}

#[test]
fn a_machine_that_stands_still_hears_nothing_and_asks_once_it_goes_on() {
    let mut gossip = formed(100);
    gossip.say(7, FORMED);
    let still = FORMED.after(Span(BEAT));
    let arrivals = pass(&mut gossip, NEVER, |peer, at| peer != 8 || at > still);
    assert_eq!(arrivals.len(), 99);
    let last = arrivals.iter().max_by_key(|arrival| arrival.delay);
    assert!(last.is_some_and(|last| last.peer == 8 && last.delay > Span(BEAT)), "{last:?}");
}

#[test]
fn a_slow_link_slows_what_comes_over_it_and_little_else() {
    let delays = |slow: &[usize]| {
        let mut gossip = formed(20);
        let mut links = Links::default();
        links.slow_down(slow.iter().copied().map(Place), 50);
        gossip.relink(links);
        gossip.say(0, FORMED);
        let mut arrivals = pass(&mut gossip, NEVER, |_, _| true);
        arrivals.sort_by_key(|arrival| arrival.peer);
        arrivals.into_iter().map(|arrival| arrival.delay).collect::<Vec<Span>>()
    };
    let (usual, slow) = (delays(&[]), delays(&[5]));
    assert_eq!(usual.len(), 19);
    for (peer, (usual, slow)) in (1..).zip(usual.into_iter().zip(slow)) {
        let (usual, slow) = (usual.0 as f64, slow.0 as f64);
        // What the slow one would have handed on comes by others.
        let expected = if peer == 5 { slow > 10.0 * usual } else { slow < 1.5 * usual };
        assert!(expected, "{peer}: {usual} and {slow}");
    }
}

#[test]
fn a_number_is_free_again_once_nobody_speaks_of_its_message() {
    let mut gossip = formed(20);
    for second in 0..50 {
        let at = gossip.now().after(Span(BEAT));
        assert_eq!(gossip.say(second % 20, at), 0);
        assert_eq!(pass(&mut gossip, NEVER, |_, _| true).len(), 19);
    }
}
