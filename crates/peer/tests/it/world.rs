//! Peers on this machine, and waiting for what happens to them.
//!
//! **Invariant:** nothing sleeps; a test waits for an event, and fails if it does not come.

use std::{fs::File, sync::Arc, time::Duration};

use assay_peer::{
    network::{BlobSource, Limits, Network, NetworkError, NetworkEvent, NetworkSettings},
    pieces::ServedBlob,
};
use assay_protocol::id::{Digest, PeerId};
use tokio::{sync::mpsc, time::timeout};

/// How long an event may take on a busy machine.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(240);

/// A running peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) network: Network,
    pub(crate) events: mpsc::Receiver<NetworkEvent>,
}

/// How to start a peer.
pub(crate) struct Plan {
    settings: NetworkSettings,
    blobs: Arc<dyn BlobSource>,
}

/// A source of blobs made of a function.
pub(crate) struct Source<F>(pub(crate) F);

impl<F: Fn(&Digest, &PeerId) -> Option<File> + Send + Sync + 'static> BlobSource for Source<F> {
    fn open(&self, digest: &Digest, to: &PeerId) -> Option<ServedBlob> {
        let (_, served) = ServedBlob::read((self.0)(digest, to)?).ok()?;
        Some(served)
    }
}

/// The name of the peer with this seed.
pub(crate) fn id(seed: u8) -> PeerId {
    PeerId(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes())
}

/// A peer on a free port of this machine.
pub(crate) fn plan(seed: u8) -> Plan {
    let settings = NetworkSettings {
        secret: [seed; 32],
        listen: vec!["/ip4/127.0.0.1/tcp/0".into()],
        known: Vec::new(),
        nearby: Vec::new(),
        network: Digest::of(b"test network"),
        notaries: Vec::new(),
        limits: Limits { messages_per_second: 10_000, gossip_per_second: 1000, ..Limits::default() },
    };
    Plan { settings, blobs: Arc::new(Source(|_: &Digest, _: &PeerId| None)) }
}

impl Plan {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut NetworkSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    pub(crate) fn knowing(self, other: &Peer) -> Self {
        let address = other.address();
        self.with(|settings| settings.known.push((other.id, address)))
    }

    pub(crate) fn serving(mut self, blobs: impl BlobSource) -> Self {
        self.blobs = Arc::new(blobs);
        self
    }

    pub(crate) async fn start(self) -> Peer {
        self.try_start().await.unwrap()
    }

    pub(crate) async fn try_start(self) -> Result<Peer, NetworkError> {
        let id = id(self.settings.secret[0]);
        let (network, events) = Network::start(self.settings, self.blobs).await?;
        Ok(Peer { id, network, events })
    }
}

impl Peer {
    pub(crate) fn address(&self) -> String {
        self.network.listening()[0].clone()
    }

    /// The next event that `pick` takes; others are passed over.
    pub(crate) async fn wait_for<T>(&mut self, mut pick: impl FnMut(NetworkEvent) -> Option<T>) -> T {
        let next = async {
            loop {
                let event = self.events.recv().await.expect("the network ended");
                if let Some(picked) = pick(event) {
                    return picked;
                }
            }
        };
        timeout(WAIT_MAX, next).await.expect("nothing happened")
    }

    pub(crate) async fn connected(&mut self, to: PeerId) {
        self.wait_for(|event| matches!(event, NetworkEvent::Connected { peer } if peer == to).then_some(()))
            .await;
    }

    pub(crate) async fn message(&mut self) -> (PeerId, Vec<u8>) {
        self.wait_for(|event| match event {
            NetworkEvent::Message { from, bytes } => Some((from, bytes)),
            _ => None,
        })
        .await
    }
}

/// Two peers, the second connected to the first.
pub(crate) async fn pair() -> (Peer, Peer) {
    pair_of(plan(1), plan(2)).await
}

/// Two peers, the second connected to the first.
pub(crate) async fn pair_of(first: Plan, second: Plan) -> (Peer, Peer) {
    let mut first = first.start().await;
    let mut second = second.knowing(&first).start().await;
    second.connected(first.id).await;
    first.connected(second.id).await;
    (first, second)
}
