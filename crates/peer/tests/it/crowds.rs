//! Strangers who only take places: connections that never say who they are, and connections that never say anything.

use std::{net::SocketAddr, time::Duration};

use assay_peer::network::NetworkEvent;
use libp2p::{futures::StreamExt, ping};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    strangers::{enters, knock, stranger},
    world::{Peer, id, plan},
};

/// Connections that are opened and left alone: more than a peer sets up at a time.
const HALF_OPEN: usize = 300;
/// What a newcomer has until it is in.
const JOIN_MAX: Duration = Duration::from_secs(5);

fn socket_of(peer: &Peer) -> SocketAddr {
    let address = peer.address();
    let port = address.rsplit('/').next().unwrap().parse().unwrap();
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[tokio::test]
async fn connections_that_never_say_who_they_are_bar_nobody() {
    let server = plan(1).start().await;
    let mut held = Vec::new();
    for _ in 0..HALF_OPEN {
        held.push(knock(socket_of(&server)).await);
    }
    let mut newcomer = plan(2).knowing(&server).start().await;
    timeout(JOIN_MAX, newcomer.connected(server.id)).await.expect("barred");
    drop(held);
}

#[tokio::test]
async fn who_fills_an_address_keeps_out_strangers_of_that_address_and_no_known_peer() {
    let friend = id(9);
    let crowded = plan(1).with(|settings| {
        settings.limits.connections_per_address_max = 2;
        settings.known.push((friend, "/ip4/127.0.0.1/tcp/1".into()));
    });
    let mut server = crowded.start().await;
    let mut strangers = Vec::new();
    for seed in 2..4 {
        let mut stranger = plan(seed).knowing(&server).start().await;
        stranger.connected(server.id).await;
        server.connected(stranger.id).await;
        strangers.push(stranger);
    }
    let third = plan(4).knowing(&server).start().await;
    let mut known = plan(9).knowing(&server).start().await;
    known.connected(server.id).await;
    let mut connected = Vec::new();
    while connected.last() != Some(&friend) {
        let next = server.wait_for(|event| match event {
            NetworkEvent::Connected { peer } => Some(peer),
            _ => None,
        });
        connected.push(next.await);
    }
    assert_eq!(connected, [friend]);
    assert!(!server.network.peers().contains(&third.id));
    assert_eq!(server.network.peers().len(), 3);
}

#[tokio::test]
async fn who_has_many_addresses_bars_nobody_who_has_another() {
    let crowded = plan(1).with(|settings| {
        (settings.limits.connections_max, settings.limits.connections_per_address_max) = (12, 4);
    });
    let server = crowded.start().await;
    let (mut idle, address) = (JoinSet::new(), server.address().parse().unwrap());
    for number in 0..8 {
        let mut swarm = stranger(ping::Behaviour::default(), number % 2);
        assert!(enters(&mut swarm, &address).await);
        idle.spawn(async move {
            loop {
                swarm.select_next_some().await;
            }
        });
    }
    for seed in 2..4 {
        let mut newcomer = plan(seed).knowing(&server).start().await;
        timeout(JOIN_MAX, newcomer.connected(server.id)).await.expect("barred");
    }
}
