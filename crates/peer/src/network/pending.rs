//! What this peer has asked of others and not yet heard about.
//!
//! **Invariant:** each request that was made is taken out exactly once, by its answer or its failure.

use std::collections::HashMap;

use assay_protocol::id::PeerId;
use libp2p::request_response::{OutboundFailure, OutboundRequestId};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    event::{AskError, ExchangeFailure},
    questions::Answer,
};

/// The requests on their way.
#[derive(Default)]
pub(super) struct Pending {
    sends: HashMap<OutboundRequestId, PeerId>,
    asks: HashMap<OutboundRequestId, Asking>,
}

/// A question on its way. The permit, if it has one, is held until it is answered, even if nobody waits any more.
pub(super) struct Asking {
    pub(super) reply: oneshot::Sender<Result<Vec<u8>, AskError>>,
    pub(super) _permit: Option<OwnedSemaphorePermit>,
}

impl Pending {
    pub(super) fn sent(&mut self, id: OutboundRequestId, to: PeerId) {
        self.sends.insert(id, to);
    }

    pub(super) fn asked(&mut self, id: OutboundRequestId, asking: Asking) {
        self.asks.insert(id, asking);
    }

    /// Takes a message out that has arrived or failed, and says whom it was for.
    pub(super) fn take_sent(&mut self, id: OutboundRequestId) -> Option<PeerId> {
        self.sends.remove(&id)
    }

    /// Ends a question.
    pub(super) fn answer(&mut self, id: OutboundRequestId, answer: Result<Answer, ExchangeFailure>) {
        let Some(asking) = self.asks.remove(&id) else { return };
        // An error means that nobody waits for it any more.
        drop(asking.reply.send(answer_of(answer)));
    }
}

fn answer_of(answer: Result<Answer, ExchangeFailure>) -> Result<Vec<u8>, AskError> {
    match answer? {
        Answer::Bytes(bytes) => Ok(bytes),
        Answer::Busy => Err(ExchangeFailure::Busy.into()),
        Answer::Refused | Answer::Later { .. } => Err(AskError::Refused),
    }
}

/// What a failed request says about the peer.
pub(super) fn failure(error: &OutboundFailure) -> ExchangeFailure {
    match error {
        OutboundFailure::DialFailure => ExchangeFailure::Unreachable,
        OutboundFailure::Timeout => ExchangeFailure::TimedOut,
        OutboundFailure::UnsupportedProtocols => ExchangeFailure::OtherNetwork,
        OutboundFailure::ConnectionClosed => ExchangeFailure::Broken,
        OutboundFailure::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            ExchangeFailure::TimedOut
        }
        OutboundFailure::Io(_) => ExchangeFailure::Broken,
    }
}
