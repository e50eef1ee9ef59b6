//! Strangers who only take places: connections that never say who they are, and connections that never say anything.

use std::{net::SocketAddr, time::Duration};

use assay_peer::network::{NetworkEvent, Progress};
use assay_protocol::id::{Digest, PeerId};
use libp2p::{futures::StreamExt, ping};
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    strangers::{enters, knock, stranger},
    world::{Peer, Source, id, plan},
};

/// Connections that are opened and left alone: more than a peer sets up at a time.
const HALF_OPEN: usize = 300;
/// What a newcomer has until it is in, on a busy machine.
const JOIN_MAX: Duration = Duration::from_secs(240);
/// How long a stranger rests before it takes a place again that it lost.
const AGAIN: Duration = Duration::from_millis(250);

fn socket_of(peer: &Peer) -> SocketAddr {
    let address = peer.address();
    let port = address.rsplit('/').next().unwrap().parse().unwrap();
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Keeps a connection half open: whatever is hung up on is begun anew, so that whoever is barred stays so.
async fn stays_half_open(socket: SocketAddr, mut held: Option<TcpStream>) {
    loop {
        if let Some(stream) = &mut held {
            // Whatever is heard is not answered.
            while stream.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0) {}
        }
        sleep(AGAIN).await;
        held = knock(socket).await;
    }
}

#[tokio::test]
async fn connections_that_never_say_who_they_are_bar_nobody() {
    let server = plan(1).start().await;
    let (socket, mut held) = (socket_of(&server), JoinSet::new());
    for _ in 0..HALF_OPEN {
        let first = knock(socket).await;
        held.spawn(stays_half_open(socket, first));
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

/// Bytes of a blob that is longer than what may be on its way at a time.
const LONG_BYTES: u64 = 48 << 20;
/// Pieces of it that were certainly not on their way before the first was taken.
const PIECES_TAKEN: usize = 100;

/// Gets a long blob, of which a piece is gone on with as each is taken.
async fn begin_long(by: &Peer, from: PeerId) -> mpsc::Receiver<Vec<u8>> {
    let digest = Digest::of(&vec![0; LONG_BYTES as usize]);
    let pieces = by.network.ask_pieces(from, digest, LONG_BYTES).await.unwrap();
    let ((into, mut arriving), network) = (mpsc::channel(1), by.network.clone());
    tokio::spawn(async move {
        network.fetch_pieces(from, (digest, &pieces), 0, &Progress::default(), into).await
    });
    arriving.recv().await.expect("it comes");
    arriving
}

#[tokio::test]
async fn who_only_moves_a_blob_is_not_the_one_who_was_silent() {
    for serves in [true, false] {
        let long = || {
            Source(|_: &Digest, _: &PeerId| {
                let file = tempfile::tempfile().ok()?;
                file.set_len(LONG_BYTES).ok().map(|()| file)
            })
        };
        let crowded = plan(1).with(|settings| settings.limits.connections_max = 3);
        let mut server = crowded.serving(long()).start().await;
        let mut mover = plan(2).serving(long()).knowing(&server).start().await;
        mover.connected(server.id).await;
        let mut arriving = match serves {
            true => begin_long(&mover, server.id).await,
            false => begin_long(&server, mover.id).await,
        };
        let mut later = plan(3).knowing(&server).start().await;
        later.connected(server.id).await;
        for _ in 0..PIECES_TAKEN {
            arriving.recv().await.expect("it goes on");
        }
        let mut newcomer = stranger(ping::Behaviour::default(), 0);
        assert!(enters(&mut newcomer, &server.address().parse().unwrap()).await);
        let left = server.wait_for(|event| match event {
            // Whoever ends a connection has lost nobody.
            NetworkEvent::Disconnected { peer, is_lost: false } => Some(peer),
            _ => None,
        });
        assert_eq!(left.await, later.id, "the server serves: {serves}");
    }
}
