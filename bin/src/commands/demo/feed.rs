//! What happens at every peer, brought together in one order.

use assay_market::event::Event;
use assay_peer::handle::{Update, WatchUpdates};
use tokio::{sync::mpsc, task::JoinSet};

use super::network::DemoNetwork;
use crate::command_error::CommandError;

/// Events that wait to be told.
const EVENTS_MAX: usize = 1_024;

/// The events of all peers, as they happen.
pub struct Feed {
    events: mpsc::Receiver<PeerEvent>,
    // Dropped with the feed, which ends the listening.
    _listeners: JoinSet<()>,
}

/// An event and at which peer it happened.
#[derive(Debug)]
pub struct PeerEvent {
    /// The peer's place in the cast.
    pub place: usize,
    /// What happened.
    pub event: Event,
}

impl Feed {
    /// Listens to every peer of a network.
    ///
    /// # Errors
    /// [`CommandError`], if one of them does not run.
    pub async fn open(network: &DemoNetwork) -> Result<Self, CommandError> {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let mut listeners = JoinSet::new();
        for (place, peer) in network.peers().iter().enumerate() {
            let mut updates = peer.connect().await?.call(WatchUpdates::default()).await?;
            let sender = sender.clone();
            listeners.spawn(async move {
                while let Some(Ok(update)) = updates.next().await {
                    let Update::Event(dated) = update else { continue };
                    if sender.send(PeerEvent { place, event: dated.event }).await.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { events, _listeners: listeners })
    }

    /// The next event; none once every peer is gone.
    pub async fn next(&mut self) -> Option<PeerEvent> {
        self.events.recv().await
    }
}
