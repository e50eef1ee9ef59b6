//! Bytes from strangers that are not what they should be.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::world::{Peer, plan};

/// How long it may take on a busy machine until nobody is listened to who says nothing.
const HANGS_UP_IN: Duration = Duration::from_secs(90);

async fn dial(peer: &Peer) -> TcpStream {
    let address = peer.address();
    let port = address.rsplit('/').next().unwrap();
    TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap()
}

/// Bytes that look random and are always the same.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test]
async fn junk_on_the_socket_hurts_nobody_else() {
    let mut first = plan(1).start().await;
    let greeting = b"\x13/multistream/1.0.0\n";
    let mut openings: Vec<Vec<u8>> = (0..40).map(|seed| noise(seed, 3000)).collect();
    openings.push(Vec::new());
    openings.push(b"GET / HTTP/1.1\r\n\r\n".to_vec());
    openings.push(vec![0xFF; 100_000]);
    openings.push([&greeting[..], &[0xFF; 64]].concat());
    openings.extend((0..20).map(|seed| [&greeting[..], b"\x07/noise\n", &noise(seed, 2000)].concat()));
    let mut open = Vec::new();
    for opening in openings {
        let mut stream = dial(&first).await;
        // The peer may hang up in the middle of it, as it should.
        drop(stream.write_all(&opening).await);
        open.push(stream);
    }
    let mut friend = plan(2).knowing(&first).start().await;
    friend.connected(first.id).await;
    friend.network.send(first.id, b"hello".to_vec()).unwrap();
    assert_eq!(first.message().await, (friend.id, b"hello".to_vec()));
    for mut stream in open {
        let mut sink = Vec::new();
        drop(stream.shutdown().await);
        timeout(HANGS_UP_IN, stream.read_to_end(&mut sink)).await.expect("the peer never hangs up").ok();
    }
}
