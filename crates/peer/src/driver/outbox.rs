//! The barrier: what others can see waits, in order, until what it relies on is on the disk.
//!
//! The loop puts effects in with the number of the last record saved before them, and goes on. A task of its own takes
//! them out one by one, each when the journal says that its record is durable. From there each peer has a lane of its own
//! (`crates/peer/src/driver/outbox/lanes.rs`): what cannot leave yet, or rests on a receipt that is still being stored,
//! holds up what is for the same peer and nothing else.
//!
//! **Invariant:** nothing leaves before the record it was put in behind is durable, and nothing overtakes what is for the
//! same peer.

mod lanes;

use std::time::Duration;

use assay_market::input::Input;
use assay_protocol::{
    id::{Digest, NetworkId, PeerId},
    message::Message,
    receipt::Receipt,
    signed::Ed25519,
};
use futures::future::BoxFuture;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use self::lanes::Lanes;
use crate::{
    fetcher::Fetcher,
    journal::Broken,
    network::{Network, PublishError, SendError, Topic},
    receipts,
    store::Store,
    watchdog::Watchdog,
};

/// Things that may wait for the disk, and as many for their peers.
const WAITING_MAX: usize = 4096;
/// How long a message waits for a network that is busy.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(1);

/// Something that others can see.
pub(crate) enum Visible {
    /// A message to a peer.
    Send(PeerId, Box<Message>),
    /// To everyone: an offer, or a checkpoint.
    Publish(Box<Message>),
    /// A peer may fetch a blob for as long as the holder lasts.
    Serve { holder: Digest, digest: Digest, to: PeerId },
    /// All that a holder keeps, serves and waits for ends.
    Release(Digest),
    /// A receipt is stored, and its parties may fetch it.
    File(Box<Receipt>),
    /// Everything before this is on the disk.
    Saved(oneshot::Sender<()>),
    /// Everything before this has left.
    Flushed(oneshot::Sender<()>),
}

impl Visible {
    /// Whom it is for, if it is for one peer.
    fn to(&self) -> Option<PeerId> {
        match self {
            Self::Send(to, _) | Self::Serve { to, .. } => Some(*to),
            Self::Publish(_) | Self::Release(_) | Self::File(_) | Self::Saved(_) | Self::Flushed(_) => None,
        }
    }
}

/// What became of something that was to leave.
pub(crate) enum Passage {
    /// It has left.
    Through,
    /// It cannot leave now: here it is again.
    Busy(Visible),
    /// It leaves by itself, and what is for these peers waits for that.
    Leaving(BoxFuture<'static, ()>, Vec<PeerId>),
}

/// Where visible things go.
pub(crate) trait LetOut: Send + 'static {
    /// Who is told if the barrier fails.
    fn watchdog(&self) -> Watchdog {
        Watchdog::default()
    }

    /// Lets one thing out, and waits for nothing.
    fn let_out(&mut self, visible: Visible) -> Passage;

    /// A message waited too long for a network that is busy.
    fn give_up(&mut self, to: PeerId);
}

/// The near end of the barrier.
pub(crate) struct Outbox {
    queue: mpsc::Sender<(u64, Visible)>,
    task: JoinHandle<()>,
}

impl Outbox {
    /// A barrier that follows a journal.
    pub(crate) fn new(durable: watch::Receiver<Result<u64, Broken>>, door: impl LetOut) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let guard = door.watchdog().guard("outbox");
        let task = tokio::spawn(async move {
            let _guard = guard;
            let_out_in_order(waiting, durable, door).await;
        });
        Self { queue, task }
    }

    /// Puts something in behind the record of this number.
    pub(crate) async fn put(&self, saved: u64, visible: Visible) {
        // The task ends early only when the journal breaks, and then nothing may leave.
        drop(self.queue.send((saved, visible)).await);
    }

    /// Waits until everything that was put in has left; at most as long as the journal lasts.
    pub(crate) async fn flush(&self, saved: u64) {
        let (done, flushed) = oneshot::channel();
        self.put(saved, Visible::Flushed(done)).await;
        flushed.await.unwrap_or(());
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn let_out_in_order(
    mut waiting: mpsc::Receiver<(u64, Visible)>,
    mut durable: watch::Receiver<Result<u64, Broken>>,
    door: impl LetOut,
) {
    let mut lanes = Lanes::new(door);
    loop {
        while lanes.waiting() >= WAITING_MAX {
            lanes.go_on().await;
        }
        let Some((saved, visible)) = lanes.meanwhile(waiting.recv()).await else { return };
        let reached = |state: &Result<u64, Broken>| !matches!(state, Ok(durable) if *durable < saved);
        let is_durable = lanes.meanwhile(durable.wait_for(reached)).await;
        match is_durable.map(|state| state.is_ok()) {
            Ok(true) => lanes.put(visible),
            Ok(false) | Err(_) => return,
        }
    }
}

/// The real world: a network, and what other peers may fetch.
pub(crate) struct Outside {
    /// The network.
    pub(crate) network: Network,
    /// Blobs and receipts.
    pub(crate) store: Store,
    /// What is still fetched for whom.
    pub(crate) fetcher: Fetcher,
    /// This peer and its network: what it says to itself takes no wire.
    pub(crate) own: (PeerId, NetworkId),
    /// What the loop hears of it. Each answers an effect of the loop's own, so there are never more than it asked for.
    pub(crate) reports: mpsc::UnboundedSender<Input>,
}

impl LetOut for Outside {
    fn watchdog(&self) -> Watchdog {
        self.network.watchdog().clone()
    }

    fn let_out(&mut self, visible: Visible) -> Passage {
        match visible {
            Visible::Send(to, message) => return self.send(to, message),
            Visible::Publish(message) => self.publish(&message),
            Visible::Serve { holder, digest, to } => self.store.blobs.permit(holder, digest, to),
            Visible::Release(holder) => self.fetcher.release(holder),
            Visible::File(receipt) => return self.file(*receipt),
            Visible::Saved(done) | Visible::Flushed(done) => done.send(()).unwrap_or(()),
        }
        Passage::Through
    }

    fn give_up(&mut self, to: PeerId) {
        // The loop has ended, and nobody waits for this any more.
        drop(self.reports.send(Input::Undelivered { to }));
    }
}

impl Outside {
    fn send(&self, to: PeerId, message: Box<Message>) -> Passage {
        if to == self.own.0 {
            self.hear(*message);
            return Passage::Through;
        }
        match self.network.send(to, message.encode()) {
            Ok(()) => Passage::Through,
            Err(SendError::Busy) => Passage::Busy(Visible::Send(to, message)),
            Err(error @ (SendError::TooLong { .. } | SendError::Closed)) => {
                tracing::warn!(%to, kind = message.kind(), %error, "a message cannot be sent");
                Passage::Through
            }
        }
    }

    fn hear(&self, message: Message) {
        match message.open::<Ed25519>(self.own.1) {
            Ok(opened) => drop(self.reports.send(Input::Message(opened))),
            Err(error) => tracing::error!(%error, "this peer's own signature does not hold"),
        }
    }

    fn publish(&self, message: &Message) {
        let topic = if matches!(message, Message::Tick(_)) { Topic::Checkpoints } else { Topic::Offers };
        match self.network.publish(topic, message.encode()) {
            Ok(()) | Err(PublishError::Closed) => {}
            Err(error @ (PublishError::TooLong { .. } | PublishError::Busy)) => {
                tracing::warn!(%error, kind = message.kind(), "cannot be published");
            }
        }
    }

    /// Stores a receipt. Its parties hear of it when they can fetch it, and everybody else meanwhile.
    fn file(&self, receipt: Receipt) -> Passage {
        let (receipts, parties) = (self.store.receipts.clone(), receipts::parties_of(&receipt));
        let filing = async move {
            if let Err(error) = receipts.file_in_time(receipt).await {
                tracing::error!(%error, "a receipt cannot be stored");
            }
        };
        Passage::Leaving(Box::pin(filing), parties.into())
    }
}
