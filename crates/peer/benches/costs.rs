//! What the shell costs: a durable record, and a message to another peer and back.

use std::sync::Arc;

use assay_peer::{
    disk::HomeDisk,
    journal::{Base, Journal, Owner},
    network::{BlobSource, Limits, Network, NetworkEvent, NetworkSettings},
    pieces::ServedBlob,
};
use assay_protocol::id::{Digest, PeerId};
use divan::{Bencher, counter::ItemsCount};
use tokio::{runtime::Runtime, sync::mpsc};

/// Bytes in the record and the message that are measured.
const BYTES: usize = 300;

fn main() {
    divan::main();
}

/// Records that are appended together and waited for together.
#[divan::bench(args = [1, 16, 256], sample_count = 50)]
fn durable_records(bencher: Bencher, together: u64) {
    let (folder, runtime) = (tempfile::tempdir().expect("a folder"), Runtime::new().expect("a runtime"));
    let owner = Owner { peer: PeerId([7; 32]), network: Digest([9; 32]) };
    let journal =
        Journal::open(&HomeDisk::default(), &folder.path().join("journal"), owner, &Base::default())
            .expect("a journal");
    bencher.counter(ItemsCount::new(together)).bench_local(|| {
        let mut last = 0;
        for _ in 0..together {
            last = journal.append(vec![7; BYTES]).expect("room");
        }
        runtime.block_on(journal.wait(last)).expect("durable");
    });
}

#[divan::bench(sample_count = 500)]
fn message_round_trip(bencher: Bencher) {
    let runtime = Runtime::new().expect("a runtime");
    let (here, mut arrived, there) = runtime.block_on(pair());
    bencher.bench_local(|| {
        runtime.block_on(async {
            here.send(there, vec![7; BYTES]).expect("room");
            message(&mut arrived).await;
        });
    });
}

struct NoBlobs;

impl BlobSource for NoBlobs {
    fn open(&self, _: &Digest, _: &PeerId) -> Option<ServedBlob> {
        None
    }
}

fn id(seed: u8) -> PeerId {
    PeerId(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes())
}

async fn start(seed: u8, known: Vec<(PeerId, String)>) -> (Network, mpsc::Receiver<NetworkEvent>) {
    let limits = Limits { messages_per_second: 1_000_000, ..Limits::default() };
    let (listen, network) = (vec!["/ip4/127.0.0.1/tcp/0".into()], Digest::of(b"bench"));
    let settings = NetworkSettings {
        secret: [seed; 32],
        listen,
        known,
        nearby: Vec::new(),
        network,
        notaries: Vec::new(),
        limits,
    };
    Network::start(settings, Arc::new(NoBlobs)).await.expect("a network")
}

/// A peer, what arrives there, and another that sends everything back.
async fn pair() -> (Network, mpsc::Receiver<NetworkEvent>, PeerId) {
    let (there, mut echoed) = start(1, Vec::new()).await;
    let (here, mut arrived) = start(2, vec![(id(1), there.listening().remove(0))]).await;
    while !matches!(arrived.recv().await, Some(NetworkEvent::Connected { .. })) {}
    tokio::spawn(async move {
        loop {
            let bytes = message(&mut echoed).await;
            there.send(id(2), bytes).expect("room");
        }
    });
    (here, arrived, id(1))
}

async fn message(events: &mut mpsc::Receiver<NetworkEvent>) -> Vec<u8> {
    loop {
        match events.recv().await.expect("a running network") {
            NetworkEvent::Message { bytes, .. } => return bytes,
            NetworkEvent::Undelivered { why, .. } => panic!("{why}"),
            NetworkEvent::Connected { .. }
            | NetworkEvent::Disconnected { .. }
            | NetworkEvent::Gossip { .. }
            | NetworkEvent::Unpublished { .. }
            | NetworkEvent::Asked { .. } => {}
        }
    }
}
