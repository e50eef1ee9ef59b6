//! One-way messages: who they are from, where they go, and what happens when they cannot.

use std::collections::BTreeSet;

use assay_peer::network::{ExchangeFailure, NetworkError, NetworkEvent, SendError};
use assay_protocol::{
    codec::MESSAGE_BYTES_MAX,
    id::{Digest, PeerId},
};

use crate::{
    ports::free_port,
    world::{WAIT_MAX, id, pair, pair_of, plan},
};

fn undelivered(event: NetworkEvent) -> Option<(PeerId, ExchangeFailure)> {
    match event {
        NetworkEvent::Undelivered { to, why } => Some((to, why)),
        _ => None,
    }
}

#[tokio::test]
async fn messages_go_both_ways_and_say_who_sent_them() {
    let (mut first, mut second) = pair().await;
    first.network.send(second.id, b"to the second".to_vec()).unwrap();
    second.network.send(first.id, b"to the first".to_vec()).unwrap();
    assert_eq!(second.message().await, (first.id, b"to the second".to_vec()));
    assert_eq!(first.message().await, (second.id, b"to the first".to_vec()));
    assert_eq!((first.network.peers(), second.network.peers()), (vec![second.id], vec![first.id]));
}

#[tokio::test]
async fn the_longest_message_arrives_and_a_longer_one_is_refused() {
    let (first, mut second) = pair().await;
    let longest = vec![7; MESSAGE_BYTES_MAX];
    let bytes = MESSAGE_BYTES_MAX + 1;
    assert_eq!(first.network.send(second.id, vec![7; bytes]), Err(SendError::TooLong { bytes }));
    first.network.send(second.id, longest.clone()).unwrap();
    assert!(second.message().await == (first.id, longest));
}

#[tokio::test]
async fn an_address_that_was_only_mentioned_is_dialled() {
    let (first, mut second) = (plan(1).start().await, plan(2).start().await);
    first.network.add_address(second.id, &second.address()).unwrap();
    first.network.send(second.id, b"hello".to_vec()).unwrap();
    assert_eq!(second.message().await, (first.id, b"hello".to_vec()));
}

#[tokio::test]
async fn a_peer_dials_though_somebody_has_its_port_on_another_address() {
    let (first, mut second) = (plan(1).start().await, plan(2).start().await);
    let port: u16 = first.address().rsplit('/').next().unwrap().parse().unwrap();
    let _taken = std::net::TcpListener::bind(("127.0.0.2", port)).unwrap();
    first.network.add_address(second.id, &second.address()).unwrap();
    first.network.send(second.id, b"hello".to_vec()).unwrap();
    assert_eq!(second.message().await, (first.id, b"hello".to_vec()));
}

#[tokio::test]
async fn a_peer_without_an_address_or_with_another_key_there_is_unreachable() {
    let (mut first, second) = pair().await;
    first.network.send(id(3), b"hello".to_vec()).unwrap();
    assert_eq!(first.wait_for(undelivered).await, (id(3), ExchangeFailure::Unreachable));
    first.network.add_address(id(4), &second.address()).unwrap();
    first.network.send(id(4), b"hello".to_vec()).unwrap();
    assert_eq!(first.wait_for(undelivered).await, (id(4), ExchangeFailure::Unreachable));
    let no_key = PeerId([2; 32]);
    first.network.send(no_key, b"hello".to_vec()).unwrap();
    assert_eq!(first.wait_for(undelivered).await, (no_key, ExchangeFailure::Unreachable));
}

#[tokio::test]
async fn a_peer_of_another_network_is_refused() {
    let mut first = plan(1).start().await;
    let other = |settings: &mut assay_peer::network::NetworkSettings| settings.network = Digest::of(b"other");
    let mut stranger = plan(2).with(other).knowing(&first).start().await;
    stranger.network.send(first.id, b"hello".to_vec()).unwrap();
    let (to, why) = stranger.wait_for(undelivered).await;
    assert_eq!(to, first.id);
    assert!(matches!(why, ExchangeFailure::OtherNetwork | ExchangeFailure::Broken), "{why}");
    let mut friend = plan(3).knowing(&first).start().await;
    friend.connected(first.id).await;
    let connected = first.wait_for(|event| match event {
        NetworkEvent::Connected { peer } => Some(peer),
        _ => None,
    });
    assert_eq!(connected.await, friend.id);
    assert!(stranger.network.peers().is_empty());
}

#[tokio::test]
async fn a_burst_larger_than_what_may_be_in_flight_arrives_whole() {
    let (first, mut second) = pair().await;
    for number in 0..200_u64 {
        first.network.send(second.id, number.to_le_bytes().to_vec()).unwrap();
    }
    let mut arrived = BTreeSet::new();
    while arrived.len() < 200 {
        arrived.insert(u64::from_le_bytes(second.message().await.1.try_into().unwrap()));
    }
}

#[tokio::test]
async fn each_message_to_a_full_queue_is_either_taken_or_reported_as_busy() {
    let few = plan(2).with(|settings| settings.limits.events_max = 3);
    let (mut first, mut second) = pair_of(plan(1), few).await;
    for number in 0..20_u64 {
        first.network.send(second.id, number.to_le_bytes().to_vec()).unwrap();
    }
    for _ in 0..17 {
        assert_eq!(first.wait_for(undelivered).await, (second.id, ExchangeFailure::Busy));
    }
    let mut taken = BTreeSet::new();
    while taken.len() < 3 {
        taken.insert(u64::from_le_bytes(second.message().await.1.try_into().unwrap()));
    }
    first.network.shutdown().await;
    while let Some(event) = first.events.recv().await {
        assert_eq!(undelivered(event), None, "reported as well as taken, or twice");
    }
}

#[tokio::test]
async fn a_peer_that_floods_is_told_to_wait_and_others_are_heard() {
    let slow = plan(1).with(|settings| settings.limits.messages_per_second = 2);
    let (mut first, mut flooding) = pair_of(slow, plan(2)).await;
    let mut quiet = plan(3).knowing(&first).start().await;
    quiet.connected(first.id).await;
    for _ in 0..30 {
        flooding.network.send(first.id, b"flood".to_vec()).unwrap();
    }
    let (_, why) = flooding.wait_for(undelivered).await;
    assert_eq!(why, ExchangeFailure::Busy);
    quiet.network.send(first.id, b"quiet".to_vec()).unwrap();
    while first.message().await.0 != quiet.id {}
}

#[tokio::test]
async fn a_known_peer_that_comes_back_is_found_again() {
    let address = format!("/ip4/127.0.0.1/tcp/{}", free_port());
    let there = || plan(1).with(|settings| settings.listen = vec![address.clone()]);
    let (first, mut second) = pair_of(there(), plan(2)).await;
    first.network.shutdown().await;
    second.wait_for(|event| matches!(event, NetworkEvent::Disconnected { .. }).then_some(())).await;
    assert!(second.network.peers().is_empty());
    let first = there().start().await;
    second.connected(first.id).await;
}

#[tokio::test]
async fn an_ending_network_delivers_what_was_sent_and_then_ends() {
    // However slow this machine is, nothing is given up.
    let patient = plan(1).with(|settings| settings.limits.shutdown_wait = WAIT_MAX);
    let (mut first, mut second) = pair_of(patient, plan(2)).await;
    for _ in 0..100 {
        first.network.send(second.id, b"last words".to_vec()).unwrap();
    }
    first.network.shutdown().await;
    for _ in 0..100 {
        assert_eq!(second.message().await.1, b"last words");
    }
    while let Some(event) = first.events.recv().await {
        assert_eq!(undelivered(event), None);
    }
    assert_eq!(first.network.send(second.id, Vec::new()), Err(SendError::Closed));
}

#[tokio::test]
async fn an_address_that_is_taken_or_none_is_an_error() {
    let first = plan(1).start().await;
    for wrong in [first.address(), "localhost:80".into(), "/ip4/127.0.0.1/udp/1".into()] {
        let settings = plan(2).with(|settings| settings.listen = vec![wrong.clone()]);
        let started = settings.try_start().await;
        assert!(
            matches!(&started, Err(NetworkError::Listen { address, .. }) if *address == wrong),
            "{wrong}"
        );
    }
}
