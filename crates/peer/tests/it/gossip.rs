//! Gossip: who hears what, and who decides.

use std::time::{Duration, Instant};

use assay_peer::network::{GOSSIP_BYTES_MAX, GossipId, NetworkEvent, PublishError, Topic};
use assay_protocol::id::PeerId;
use tokio::time::sleep;

use crate::world::{Peer, id, plan};

/// How long something that was published may be on its way.
const AGAIN: Duration = Duration::from_millis(500);

/// The most that is heard of one who may say one thing a second: what is taken at once, and one for each second since.
fn most(since: Instant) -> u64 {
    10 + since.elapsed().as_secs()
}

async fn heard(peer: &mut Peer) -> (PeerId, Vec<u8>, GossipId) {
    peer.wait_for(|event| match event {
        NetworkEvent::Gossip { from, bytes, id, .. } => Some((from, bytes, id)),
        _ => None,
    })
    .await
}

/// Waits until a peer hears this of its author; whatever else it hears is passed over. Said again because a machine was slow,
/// something is heard twice.
async fn hears(peer: &mut Peer, author: PeerId, said: &[u8]) -> GossipId {
    loop {
        let (from, bytes, id) = heard(peer).await;
        if from == author && bytes == said {
            return id;
        }
    }
}

/// Publishes until it is heard: that the others subscribed is known to them only.
async fn publish(peer: &mut Peer, bytes: &[u8], listener: &mut Peer) -> GossipId {
    let author = peer.id;
    loop {
        peer.network.publish(Topic::Offers, bytes.to_vec()).unwrap();
        let unpublished =
            peer.wait_for(|event| matches!(event, NetworkEvent::Unpublished { .. }).then_some(()));
        tokio::select! {
            id = hears(listener, author, bytes) => return id,
            () = unpublished => {}
            // Others heard it.
            () = sleep(AGAIN) => {}
        }
    }
}

/// Three peers in a row; the ends know only the middle.
async fn row() -> [Peer; 3] {
    let mut middle = plan(2).start().await;
    let mut first = plan(1).knowing(&middle).start().await;
    let mut last = plan(3).knowing(&middle).start().await;
    first.connected(middle.id).await;
    last.connected(middle.id).await;
    middle.connected(last.id).await;
    [first, middle, last]
}

#[tokio::test]
async fn gossip_goes_as_far_as_each_peer_accepts_it() {
    let [mut first, mut middle, mut last] = row().await;
    let id = publish(&mut first, b"refused", &mut middle).await;
    middle.network.reject(id).unwrap();
    first.network.publish(Topic::Offers, b"not of interest".to_vec()).unwrap();
    let id = hears(&mut middle, first.id, b"not of interest").await;
    middle.network.ignore(id).unwrap();
    let longest = vec![7; GOSSIP_BYTES_MAX];
    first.network.publish(Topic::Offers, longest.clone()).unwrap();
    let id = hears(&mut middle, first.id, &longest).await;
    middle.network.accept(id).unwrap();
    let (from, bytes, _) = heard(&mut last).await;
    assert!(from == first.id && bytes == longest, "the last peer heard what the middle did not accept");
    let bytes = GOSSIP_BYTES_MAX + 1;
    assert_eq!(first.network.publish(Topic::Offers, vec![7; bytes]), Err(PublishError::TooLong { bytes }));
}

#[tokio::test]
async fn gossip_that_nobody_hears_is_reported_by_what_it_was_about() {
    let mut alone = plan(1).start().await;
    for topic in [Topic::Checkpoints, Topic::Offers] {
        alone.network.publish(topic, b"anybody?".to_vec()).unwrap();
        let unpublished = alone.wait_for(|event| match event {
            NetworkEvent::Unpublished { topic } => Some(topic),
            _ => None,
        });
        assert_eq!(unpublished.await, topic);
    }
}

#[tokio::test]
async fn a_flood_of_gossip_is_cut_to_the_rate() {
    let slow = plan(2).with(|settings| settings.limits.gossip_per_second = 1);
    let mut middle = slow.start().await;
    let mut first = plan(1).knowing(&middle).start().await;
    first.connected(middle.id).await;
    let begun = Instant::now();
    publish(&mut first, b"first", &mut middle).await;
    for number in 0..100_u8 {
        first.network.publish(Topic::Offers, vec![number]).unwrap();
    }
    first.network.send(middle.id, b"end".to_vec()).unwrap();
    let mut passed = 0;
    loop {
        let is_end = middle.wait_for(|event| match event {
            NetworkEvent::Gossip { .. } => Some(false),
            NetworkEvent::Message { .. } => Some(true),
            _ => None,
        });
        if is_end.await {
            break;
        }
        passed += 1;
    }
    assert!(passed <= most(begun), "{passed} passed");
}

#[tokio::test]
async fn a_flood_costs_its_author_and_not_who_passes_it_on() {
    let [mut first, mut middle, _] = row().await;
    let slow = plan(4).with(|settings| settings.limits.gossip_per_second = 1).knowing(&middle);
    let mut last = slow.start().await;
    last.connected(middle.id).await;
    publish(&mut middle, b"early", &mut last).await;
    let begun = Instant::now();
    // All of it is valid, so the middle passes it on.
    for number in 0..100_u8 {
        let id = publish(&mut first, &[number], &mut middle).await;
        middle.network.accept(id).unwrap();
    }
    middle.network.publish(Topic::Offers, b"late".to_vec()).unwrap();
    let mut passed = 0;
    loop {
        let (from, bytes, id) = heard(&mut last).await;
        if from == first.id {
            last.network.accept(id).unwrap();
            passed += 1;
        } else if bytes != b"early" {
            assert_eq!((from, bytes), (middle.id, b"late".to_vec()));
            break;
        }
    }
    assert!(passed <= most(begun), "{passed} passed");
}

/// The next checkpoint that a peer hears.
async fn checkpoint(peer: &mut Peer) -> (PeerId, Vec<u8>) {
    peer.wait_for(|event| match event {
        NetworkEvent::Gossip { topic: Topic::Checkpoints, from, bytes, .. } => Some((from, bytes)),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn no_flood_of_offers_keeps_a_checkpoint_out_and_strangers_make_none() {
    let crowded = plan(3).with(|settings| {
        settings.notaries = vec![id(1)];
        settings.limits.events_max = 4;
    });
    let mut listener = crowded.start().await;
    let mut notary = plan(1).knowing(&listener).start().await;
    let mut stranger = plan(2).knowing(&listener).start().await;
    for peer in [&mut notary, &mut stranger] {
        peer.connected(listener.id).await;
        publish(peer, b"here", &mut listener).await;
    }
    stranger.network.publish(Topic::Checkpoints, b"made up".to_vec()).unwrap();
    // Nobody takes what the listener hears, so there is no room for more.
    for number in 0..20_u8 {
        stranger.network.publish(Topic::Offers, vec![number]).unwrap();
    }
    stranger.network.send(listener.id, b"refused: no room".to_vec()).unwrap();
    stranger.wait_for(|event| matches!(event, NetworkEvent::Undelivered { .. }).then_some(())).await;
    notary.network.publish(Topic::Checkpoints, b"true".to_vec()).unwrap();
    notary.network.send(listener.id, b"behind it".to_vec()).unwrap();
    notary.wait_for(|event| matches!(event, NetworkEvent::Undelivered { .. }).then_some(())).await;
    assert_eq!(checkpoint(&mut listener).await, (notary.id, b"true".to_vec()));
}
