//! The barrier: what others can see waits, in order, until what it relies on is on the disk.
//!
//! The loop puts effects in with the number of the last record saved before them, and goes on. A task of its own takes
//! them out one by one, each when the journal says that its record is durable.
//!
//! **Invariant:** nothing leaves before the record it was put in behind is durable, and nothing overtakes.

use std::io;

use assay_market::input::Input;
use assay_protocol::{
    id::{Digest, NetworkId, PeerId},
    message::Message,
    receipt::Receipt,
    signed::Ed25519,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, spawn_blocking},
    time,
};

use crate::{
    fetcher::Fetcher,
    journal::Broken,
    network::{Network, PublishError, SendError, Topic},
    store::Store,
    watchdog::Watchdog,
};

/// Things that may wait for the disk.
const WAITING_MAX: usize = 4096;
/// Times that a message is offered to a network which is busy.
const TRIES_MAX: u32 = 40;
/// How long it is left alone in between.
const TRY_WAIT: time::Duration = time::Duration::from_millis(25);

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
    /// Everything before this has left.
    Flushed(oneshot::Sender<()>),
}

/// Where visible things go.
pub(crate) trait LetOut: Send + 'static {
    /// Who is told if the barrier fails.
    fn watchdog(&self) -> Watchdog {
        Watchdog::default()
    }

    /// Lets one thing out.
    fn let_out(&mut self, visible: Visible) -> impl Future<Output = ()> + Send;
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
    mut door: impl LetOut,
) {
    while let Some((saved, visible)) = waiting.recv().await {
        let reached = |state: &Result<u64, Broken>| !matches!(state, Ok(durable) if *durable < saved);
        match durable.wait_for(reached).await.map(|state| state.is_ok()) {
            Ok(true) => door.let_out(visible).await,
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

    async fn let_out(&mut self, visible: Visible) {
        match visible {
            Visible::Send(to, message) => self.send(to, *message).await,
            Visible::Publish(message) => self.publish(&message),
            Visible::Serve { holder, digest, to } => self.store.blobs.permit(holder, digest, to),
            Visible::Release(holder) => self.fetcher.release(holder),
            Visible::File(receipt) => self.file(*receipt).await,
            Visible::Flushed(done) => done.send(()).unwrap_or(()),
        }
    }
}

impl Outside {
    async fn send(&self, to: PeerId, message: Message) {
        if to == self.own.0 {
            return self.hear(message);
        }
        let bytes = message.encode();
        for _ in 0..TRIES_MAX {
            match self.network.send(to, bytes.clone()) {
                Ok(()) => return,
                Err(SendError::Busy) => time::sleep(TRY_WAIT).await,
                Err(error @ (SendError::TooLong { .. } | SendError::Closed)) => {
                    tracing::warn!(%to, kind = message.kind(), %error, "a message cannot be sent");
                    return;
                }
            }
        }
        drop(self.reports.send(Input::Undelivered { to }));
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

    async fn file(&self, receipt: Receipt) {
        let receipts = self.store.receipts.clone();
        let filed = spawn_blocking(move || receipts.file(&receipt)).await;
        if let Err(error) = filed.unwrap_or_else(|cut_short| Err(io::Error::other(cut_short))) {
            tracing::error!(%error, "a receipt cannot be stored");
        }
    }
}
