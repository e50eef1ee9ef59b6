//! What the network tells the driver, and how it says no.
//!
//! **Invariant:** no type of another crate shows in these types.

use assay_protocol::{
    codec::MESSAGE_BYTES_MAX,
    id::{Digest, PeerId},
};
use libp2p::gossipsub::MessageId;
use tokio::sync::{mpsc::error::TrySendError, oneshot};

use super::{GOSSIP_BYTES_MAX, Topic};

/// Something happened on the network.
#[derive(Debug)]
pub enum NetworkEvent {
    /// A peer of this network is connected. Its first messages may come before this.
    Connected {
        /// Who.
        peer: PeerId,
    },
    /// The last connection to a peer is gone.
    Disconnected {
        /// Who.
        peer: PeerId,
        /// True if it was in use and this peer has not ended it, or if its owner keeps the two apart.
        is_lost: bool,
    },
    /// A message.
    Message {
        /// Who sent it.
        from: PeerId,
        /// Its bytes, at most [`MESSAGE_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// A message of ours that may not have arrived.
    Undelivered {
        /// Whom it was for.
        to: PeerId,
        /// What is known.
        why: ExchangeFailure,
    },
    /// Something a peer told everybody. Judge it within five seconds, or it goes no further.
    Gossip {
        /// What it is about; of checkpoints only those of notaries come.
        topic: Topic,
        /// Who said it first, by its signature.
        from: PeerId,
        /// Its bytes, at most [`GOSSIP_BYTES_MAX`].
        bytes: Vec<u8>,
        /// What to judge it by.
        id: GossipId,
    },
    /// What was published last reached nobody: no peer is there to hear it, or all are too slow.
    Unpublished {
        /// What it was about.
        topic: Topic,
    },
    /// A question that waits for an answer.
    Asked {
        /// Who asks.
        from: PeerId,
        /// The kind of question.
        kind: u8,
        /// Its bytes, at most [`MESSAGE_BYTES_MAX`].
        bytes: Vec<u8>,
        /// Where the answer goes. Dropped without one, the question is refused.
        reply: Reply,
    },
}

/// Names a gossip that waits to be judged.
#[derive(Clone, Debug)]
pub struct GossipId {
    pub(super) message: MessageId,
    pub(super) relay: libp2p::PeerId,
}

/// Where the answer to a question goes.
#[derive(Debug)]
pub struct Reply(pub(super) oneshot::Sender<Vec<u8>>);

impl Reply {
    /// Answers, with at most [`ANSWER_BYTES_MAX`](super::ANSWER_BYTES_MAX) bytes; more are refused to the asker.
    pub fn answer(self, bytes: Vec<u8>) {
        // An error means that the asker is gone.
        drop(self.0.send(bytes));
    }
}

/// Why a peer could not be reached, or not to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeFailure {
    /// No address is known, or none leads to the peer.
    #[error("the peer cannot be reached")]
    Unreachable,
    /// The peer does not speak the protocol of this network.
    #[error("the peer belongs to another network")]
    OtherNetwork,
    /// The peer has too much to do.
    #[error("the peer is busy")]
    Busy,
    /// Too many messages for the peer are waiting here already.
    #[error("too many messages for the peer are waiting")]
    Waiting,
    /// No answer in time.
    #[error("the peer did not answer in time")]
    TimedOut,
    /// The connection ended, or what came over it broke the protocol.
    #[error("the connection broke")]
    Broken,
    /// This network is ending.
    #[error("the network is shut down")]
    Closed,
}

impl ExchangeFailure {
    /// Whether it is for want of the other peer.
    pub(crate) fn is_loss(self) -> bool {
        match self {
            Self::Unreachable | Self::TimedOut | Self::Broken => true,
            Self::OtherNetwork | Self::Busy | Self::Waiting | Self::Closed => false,
        }
    }
}

/// Why the network could not start, or an address not be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// Not an address, or one of another peer.
    #[error("{text:?} is not an address of the peer: {reason}")]
    Address {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Which.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// The parts of the network do not fit together.
    #[error("the network cannot be set up: {reason}")]
    Setup {
        /// What libp2p says.
        reason: String,
    },
    /// The network has ended, or has too much to do.
    #[error("the network takes no commands")]
    Closed,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It is longer than a message may be.
    #[error("a message of {bytes} bytes, where at most {MESSAGE_BYTES_MAX} are allowed")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Too many commands are waiting.
    #[error("the network has too much to do")]
    Busy,
    /// The network has ended.
    #[error("the network is shut down")]
    Closed,
}

/// Why something was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// It is longer than gossip may be.
    #[error("gossip of {bytes} bytes, where at most {GOSSIP_BYTES_MAX} are allowed")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Too many commands are waiting.
    #[error("the network has too much to do")]
    Busy,
    /// The network has ended.
    #[error("the network is shut down")]
    Closed,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It is longer than a question may be.
    #[error("a question of {bytes} bytes, where at most {MESSAGE_BYTES_MAX} are allowed")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The peer does not answer this.
    #[error("the peer refused the question")]
    Refused,
    /// It did not get that far.
    #[error(transparent)]
    Failed(#[from] ExchangeFailure),
}

/// Why a blob was not fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The peer has it not, or not for us.
    #[error("the peer does not serve the blob {digest}")]
    Absent {
        /// The blob.
        digest: Digest,
    },
    /// The peer sent other bytes.
    #[error("the peer sent something else as the blob {digest}")]
    Corrupt {
        /// The blob.
        digest: Digest,
    },
    /// The peer's blob is longer than what was wanted.
    #[error("the blob {digest} has {bytes} bytes, where at most {max} are wanted")]
    TooLong {
        /// The blob.
        digest: Digest,
        /// How long the peer says it is.
        bytes: u64,
        /// The most that was wanted.
        max: u64,
    },
    /// It did not get that far.
    #[error(transparent)]
    Failed(#[from] ExchangeFailure),
}

impl<T> From<TrySendError<T>> for SendError {
    fn from(error: TrySendError<T>) -> Self {
        match error {
            TrySendError::Full(_) => Self::Busy,
            TrySendError::Closed(_) => Self::Closed,
        }
    }
}

impl<T> From<TrySendError<T>> for PublishError {
    fn from(error: TrySendError<T>) -> Self {
        match error {
            TrySendError::Full(_) => Self::Busy,
            TrySendError::Closed(_) => Self::Closed,
        }
    }
}
