//! The network: this peer among the others, over libp2p.
//!
//! Messages, questions and blobs travel on connections that prove who the other side is; offers travel by gossip. All
//! bytes are opaque here: the driver decodes them, opens signatures and judges. A [`Network`] is a handle to a task of
//! its own. What the driver calls in its loop never waits: it is queued, or refused at once. What arrives comes as
//! [`NetworkEvent`]s through a queue that is bounded; when it is full, the peer that wants to add to it is told so.
//!
//! **Invariant:** `from` in every event is proven by the connection, or by the signature of a gossip message; nothing a
//! stranger sends makes memory grow past a bound named here. No other module names libp2p.

mod addresses;
mod arrivals;
mod carrier;
mod commands;
mod connection_use;
mod crowds;
mod event;
mod fetch_places;
mod identity;
mod limits;
mod messages;
mod pace;
mod pending;
mod progress;
mod protocols;
mod pulse;
mod questions;
mod queues;
mod rates;
mod recitals;
mod redial;
mod severance;
mod slots;
mod start;
mod streams;
mod task;
mod topics;
mod transfers;
mod vicinity;
mod wire;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use assay_protocol::{
    codec::{BLOB_BYTES_MAX, MESSAGE_BYTES_MAX},
    id::{Digest, JobId, PeerId},
};
use libp2p::{Multiaddr, Stream, gossipsub::MessageAcceptance};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    time::timeout,
};

pub(crate) use self::start::everywhere;
use self::{
    commands::{Carried, GossipVerdict, NetworkCommand},
    fetch_places::FetchPlaces,
    identity::to_libp2p,
    pulse::{FeltStream, Pulses},
    questions::Question,
    streams::Opening,
    task::Status,
    transfers::BlobWish,
};
pub use self::{
    event::{
        AskError, ExchangeFailure, FetchError, GossipId, NetworkError, NetworkEvent, PublishError, Reply,
        SendError,
    },
    limits::{Limits, Pace},
    progress::Progress,
    start::{USUAL_PORT, can_listen, is_place},
    topics::Topic,
};
use crate::{
    pieces::{BlobPieces, ServedBlob},
    speech::Speeches,
    watchdog::Watchdog,
};

/// What is written for a peer, as it hears it.
pub(crate) type Recital = recitals::SpeechReader<FeltStream<Stream>>;

/// Bytes in the longest answer to a question.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Bytes in the longest gossip.
pub const GOSSIP_BYTES_MAX: usize = 4 * 1024;
/// Commands that may wait for the task: at most 16 MiB of messages.
const COMMANDS_MAX: usize = 256;
/// Judgements of gossip that may wait for the task, in a queue of their own: strangers bring them about.
const JUDGEMENTS_MAX: usize = 256;
/// How long a stream may take to open, where the peer must be dialled first.
const OPENING_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long the system may take to say what it listens on.
const LISTEN_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long a peer may take to let go of a connection that ends.
const SEVER_WAIT_MAX: Duration = Duration::from_secs(5);

/// Where the blobs are that other peers may fetch.
pub trait BlobSource: Send + Sync + 'static {
    /// A blob, if it is there and `to` may have it. The answer to both other cases is the same, so that nobody learns what
    /// there is. May block on the disk.
    fn open(&self, digest: &Digest, to: &PeerId) -> Option<ServedBlob>;
}

/// Who this peer is and whom it looks for.
pub struct NetworkSettings {
    /// The seed of its ed25519 key.
    pub secret: [u8; 32],
    /// Where to listen, such as `/ip4/0.0.0.0/tcp/0`.
    pub listen: Vec<String>,
    /// Peers to stay connected with: notaries, and peers to begin with.
    pub known: Vec<(PeerId, String)>,
    /// Peers to stay connected with that are looked for on the local network; others look for this one, if it is of them.
    pub nearby: Vec<PeerId>,
    /// The network. Peers of others are refused.
    pub network: Digest,
    /// Whose checkpoints are heard.
    pub notaries: Vec<PeerId>,
    /// How much of everything.
    pub limits: Limits,
}

/// A handle to the running network. Cheap to clone; the network ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Network {
    commands: mpsc::Sender<NetworkCommand>,
    judgements: mpsc::Sender<GossipVerdict>,
    status: watch::Receiver<Status>,
    asks: Arc<Semaphore>,
    fetches: Arc<FetchPlaces>,
    long_fetches: Arc<FetchPlaces>,
    pulses: Pulses,
    pace: Pace,
    speeches: Speeches,
    watchdog: Watchdog,
}

impl Network {
    /// Starts listening and connecting. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`NetworkError`], if an address is none or cannot be listened on.
    pub async fn start(
        settings: NetworkSettings,
        blobs: Arc<dyn BlobSource>,
    ) -> Result<(Self, mpsc::Receiver<NetworkEvent>), NetworkError> {
        let limits = settings.limits.clone();
        let (commands, orders) = mpsc::channel(COMMANDS_MAX);
        let (judgements, judged) = mpsc::channel(JUDGEMENTS_MAX);
        let (events, happened) = mpsc::channel(limits.events_max);
        let speeches = Speeches::default();
        let served = (blobs, speeches.clone());
        let (task, status) = task::SwarmTask::start(settings, served, (orders, judged), events).await?;
        let pulses = task.swarm.behaviour().crowds.pulses();
        let watchdog = Watchdog::default();
        let guard = watchdog.guard("network");
        tokio::spawn(async move {
            let _guard = guard;
            task.run().await;
        });
        let asks = Arc::new(Semaphore::new(limits.asks_max));
        let fetches = FetchPlaces::new(limits.fetches_max, limits.fetches_per_peer_max);
        let long_fetches = FetchPlaces::new(limits.long_fetches_max, limits.long_fetches_per_peer_max);
        let pace = limits.pace;
        let network = Self {
            commands,
            judgements,
            status,
            asks,
            fetches,
            long_fetches,
            pulses,
            pace,
            speeches,
            watchdog,
        };
        Ok((network, happened))
    }

    /// Sends a message, once, to a peer that is connected or can be dialled. Unless an
    /// [`NetworkEvent::Undelivered`] follows, it reached the other peer's queue.
    ///
    /// # Errors
    /// [`SendError`]; there is no event then.
    pub fn send(&self, to: PeerId, bytes: Vec<u8>) -> Result<(), SendError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(SendError::TooLong { bytes: bytes.len() });
        }
        Ok(self.commands.try_send(NetworkCommand::Send { to, bytes })?)
    }

    /// Publishes to all peers of the network. If there is nobody to tell, an [`NetworkEvent::Unpublished`] follows.
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn publish(&self, topic: Topic, bytes: Vec<u8>) -> Result<(), PublishError> {
        if bytes.len() > GOSSIP_BYTES_MAX {
            return Err(PublishError::TooLong { bytes: bytes.len() });
        }
        Ok(self.commands.try_send(NetworkCommand::Publish { topic, bytes })?)
    }

    /// Passes a gossip on: it is valid.
    ///
    /// # Errors
    /// [`SendError`]; the gossip then goes no further.
    pub fn accept(&self, id: GossipId) -> Result<(), SendError> {
        self.judge(id, MessageAcceptance::Accept)
    }

    /// Holds a gossip against those who passed it on: they should have seen that it is invalid.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn reject(&self, id: GossipId) -> Result<(), SendError> {
        self.judge(id, MessageAcceptance::Reject)
    }

    /// Lets a gossip go no further, and holds it against nobody.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn ignore(&self, id: GossipId) -> Result<(), SendError> {
        self.judge(id, MessageAcceptance::Ignore)
    }

    /// Ends what there is with a peer that sends junk and keeps it out for a while, unless it is one of the known.
    ///
    /// # Errors
    /// [`SendError`]; the peer then stays.
    pub fn shun(&self, peer: PeerId) -> Result<(), SendError> {
        Ok(self.commands.try_send(NetworkCommand::Shun { peer })?)
    }

    /// Keeps apart from these peers until others are named or the network ends, and from nobody else any more. Returns once
    /// no connection with one of them stands, or when one of them was given the time to let go of it: nothing is heard of it by
    /// then, either.
    ///
    /// # Errors
    /// [`NetworkError::Closed`].
    pub async fn sever(&self, from: BTreeSet<PeerId>) -> Result<(), NetworkError> {
        let (done, obeyed) = oneshot::channel();
        let command = NetworkCommand::Sever { from: from.clone(), done };
        self.commands.send(command).await.map_err(|_| NetworkError::Closed)?;
        obeyed.await.map_err(|_| NetworkError::Closed)?;
        let mut status = self.status.clone();
        match timeout(SEVER_WAIT_MAX, status.wait_for(|status| status.peers.is_disjoint(&from))).await {
            Ok(Err(_)) => Err(NetworkError::Closed),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    /// The peers that this one is kept apart from.
    #[must_use]
    pub fn severed(&self) -> Vec<PeerId> {
        self.status.borrow().severed.iter().copied().collect()
    }

    /// Notes where a peer may be reached.
    ///
    /// # Errors
    /// [`NetworkError::Address`], if the text is no address of this peer.
    pub fn add_address(&self, peer: PeerId, address: &str) -> Result<(), NetworkError> {
        let address = identity::address_of(peer, address)?;
        self.commands.try_send(NetworkCommand::AddAddress { peer, address }).map_err(|_| NetworkError::Closed)
    }

    /// Asks a peer a question of some kind and waits for the answer.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(&self, to: PeerId, kind: u8, bytes: Vec<u8>) -> Result<Vec<u8>, AskError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(AskError::TooLong { bytes: bytes.len() });
        }
        let permit = self.asks.clone().acquire_owned().await.map_err(|_| ExchangeFailure::Closed)?;
        let question = Question { kind, bytes, answer_bytes_max: ANSWER_BYTES_MAX };
        self.put_question(to, question, Some(permit)).await
    }

    /// Asks a question without words that has a short answer, and waits for no place: peers that answer nothing hold the places of
    /// other questions. Whoever asks has a bound on how many of these are under way.
    ///
    /// # Errors
    /// [`AskError`].
    pub(crate) async fn ask_at_once(
        &self,
        to: PeerId,
        kind: u8,
        answer_bytes_max: usize,
    ) -> Result<Vec<u8>, AskError> {
        self.put_question(to, Question { kind, bytes: Vec::new(), answer_bytes_max }, None).await
    }

    async fn put_question(
        &self,
        to: PeerId,
        question: Question,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Vec<u8>, AskError> {
        let (reply, answer) = oneshot::channel();
        let command = NetworkCommand::Ask { to, question, reply, permit };
        self.commands.send(command).await.map_err(|_| ExchangeFailure::Closed)?;
        answer.await.map_err(|_| ExchangeFailure::Closed)?
    }

    /// Fetches a blob of at most `bytes_max` bytes from a peer, whole, and proven to be the one of this name: one that is
    /// held in memory, so never more than [`BLOB_BYTES_MAX`]. It may wait for a place; only what comes then is timed.
    /// Dropped, it ends on the wire and its place is free at once.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch(
        &self,
        from: PeerId,
        digest: Digest,
        bytes_max: u64,
        progress: &Progress,
    ) -> Result<Vec<u8>, FetchError> {
        let _place = self.fetches.enter(from).await.map_err(|_| ExchangeFailure::Closed)?;
        progress.reset();
        let stream = self.open_stream(from).await?;
        transfers::fetch(stream, self.asked(digest, bytes_max.min(BLOB_BYTES_MAX as u64)), progress).await
    }

    /// Asks a peer what pieces a blob of at most `bytes_max` bytes has: those of the one of this name, if it has it.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn ask_pieces(
        &self,
        from: PeerId,
        digest: Digest,
        bytes_max: u64,
    ) -> Result<BlobPieces, FetchError> {
        let _place = self.long_fetches.enter(from).await.map_err(|_| ExchangeFailure::Closed)?;
        let stream = self.open_stream(from).await?;
        transfers::ask_pieces(stream, self.asked(digest, bytes_max)).await
    }

    /// Fetches the pieces of a blob from the one at `first` on, in their order, each proven before it goes `into` the
    /// hands of whoever keeps it; it waits while that one is busy.
    ///
    /// # Errors
    /// [`FetchError`]; what was handed on until then stays proven.
    pub async fn fetch_pieces(
        &self,
        from: PeerId,
        (digest, pieces): (Digest, &BlobPieces),
        first: u64,
        progress: &Progress,
        into: mpsc::Sender<Vec<u8>>,
    ) -> Result<(), FetchError> {
        let _place = self.long_fetches.enter(from).await.map_err(|_| ExchangeFailure::Closed)?;
        progress.reset();
        let stream = self.open_stream(from).await?;
        let asked = self.asked(digest, pieces.bytes());
        transfers::fetch_pieces(stream, asked, pieces, first, progress, into).await
    }

    /// Hears what a peer's run of a job writes, from one byte on, as it is written; nothing, while it does not run there.
    ///
    /// # Errors
    /// [`ExchangeFailure`].
    pub(crate) async fn hear(
        &self,
        from: PeerId,
        job: &JobId,
        start: u64,
    ) -> Result<Option<Recital>, ExchangeFailure> {
        let stream = self.open_stream_of(Carried::Speeches, from).await?;
        recitals::SpeechReader::begin(stream, job, start).await
    }

    /// What this peer's own runs write, for those who may hear it.
    pub(crate) fn speeches(&self) -> &Speeches {
        &self.speeches
    }

    fn asked(&self, digest: Digest, bytes_max: u64) -> BlobWish {
        BlobWish { digest, bytes_max, pace: self.pace }
    }

    async fn open_stream(&self, to: PeerId) -> Result<FeltStream<Stream>, ExchangeFailure> {
        self.open_stream_of(Carried::Blobs, to).await
    }

    async fn open_stream_of(
        &self,
        carried: Carried,
        to: PeerId,
    ) -> Result<FeltStream<Stream>, ExchangeFailure> {
        let (opening, opened) = oneshot::channel();
        let command = NetworkCommand::OpenStream { carried, to, opening: Opening(opening) };
        self.commands.send(command).await.map_err(|_| ExchangeFailure::Closed)?;
        let opened = timeout(OPENING_WAIT_MAX, opened).await.map_err(|_| ExchangeFailure::TimedOut)?;
        // It is dropped with the connection it should be on, or with the network.
        let lost = if self.commands.is_closed() { ExchangeFailure::Closed } else { ExchangeFailure::Broken };
        let stream = opened.unwrap_or(Err(lost))?;
        Ok(FeltStream::new(stream, to_libp2p(to).and_then(|peer| self.pulses.of(&peer))))
    }

    /// Listens on one more address, and returns when it is known what that comes to.
    ///
    /// # Errors
    /// [`NetworkError`], if it is no address or cannot be listened on.
    pub async fn listen(&self, address: &str) -> Result<(), NetworkError> {
        let failed = |reason: String| NetworkError::Listen { address: address.to_owned(), reason };
        let free = start::free(address)?;
        let mut status = self.status.clone();
        let before = status.borrow().listening.len();
        let (reply, listens) = oneshot::channel();
        let command = NetworkCommand::Listen { free, reply };
        self.commands.send(command).await.map_err(|_| NetworkError::Closed)?;
        listens.await.map_err(|_| NetworkError::Closed)?.map_err(failed)?;
        let known = timeout(LISTEN_WAIT_MAX, status.wait_for(|status| status.listening.len() > before)).await;
        let known = known.map_err(|_| failed("the system does not say where it listens".to_owned()))?;
        known.map(drop).map_err(|_| NetworkError::Closed)
    }

    /// Listens where a peer does that serves others and was told nothing: on the usual port of every address, or on any port
    /// where somebody else has that.
    ///
    /// # Errors
    /// [`NetworkError`], if there is no other port either.
    pub async fn listen_as_usual(&self) -> Result<(), NetworkError> {
        match self.listen(&everywhere(USUAL_PORT)).await {
            Err(NetworkError::Listen { reason, .. }) => {
                note_taken(&reason);
                self.listen(&everywhere(0)).await
            }
            listens => listens,
        }
    }

    /// The addresses this peer listens on, with the ports it was given.
    #[must_use]
    pub fn listening(&self) -> Vec<String> {
        self.status.borrow().listening.iter().map(Multiaddr::to_string).collect()
    }

    /// The peers of this network that are connected.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerId> {
        self.status.borrow().peers.iter().copied().collect()
    }

    /// Whether a peer of this network is connected.
    #[must_use]
    pub fn is_connected(&self, peer: &PeerId) -> bool {
        self.status.borrow().peers.contains(peer)
    }

    /// Who is told if a part fails that works with the network.
    pub(crate) fn watchdog(&self) -> &Watchdog {
        &self.watchdog
    }

    /// Waits a moment for messages on their way, then closes all connections and the queue of events.
    pub async fn shutdown(&self) {
        let (done, ended) = oneshot::channel();
        if self.commands.send(NetworkCommand::Shutdown { done }).await.is_ok() {
            // An error means that the task has ended already.
            ended.await.unwrap_or(());
        }
    }

    fn judge(&self, id: GossipId, acceptance: MessageAcceptance) -> Result<(), SendError> {
        Ok(self.judgements.try_send((id, acceptance))?)
    }
}

/// Says that the usual port is somebody else's.
pub(crate) fn note_taken(reason: &str) {
    tracing::warn!(port = USUAL_PORT, reason, "the usual port is taken, so this peer listens on another one");
}
