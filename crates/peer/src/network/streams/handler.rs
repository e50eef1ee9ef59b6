//! One connection's streams.
//!
//! **Invariant:** a stream that was negotiated goes to the one who wished for it, or to the behaviour if the other side
//! opened it; none is kept here.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use libp2p::{
    Stream, StreamProtocol,
    core::upgrade::ReadyUpgrade,
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};

use super::Opening;
use crate::network::event::ExchangeFailure;

/// The protocol of all streams.
type Upgrade = ReadyUpgrade<StreamProtocol>;
/// What the handler wants of its connection.
type Demand = ConnectionHandlerEvent<Upgrade, Opening, Stream>;

/// The streams of one protocol on one connection.
pub(in crate::network) struct Handler {
    protocol: StreamProtocol,
    demands: VecDeque<Demand>,
}

impl Handler {
    pub(super) fn new(protocol: StreamProtocol) -> Self {
        Self { protocol, demands: VecDeque::new() }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Opening;
    type ToBehaviour = Stream;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Opening;

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade> {
        SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<Demand> {
        // Whoever pushes a demand does so in the task that polls this next.
        self.demands.pop_front().map_or(Poll::Pending, Poll::Ready)
    }

    fn on_behaviour_event(&mut self, opening: Opening) {
        if opening.0.is_closed() {
            return;
        }
        let protocol = SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), opening);
        self.demands.push_back(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "libp2p tells much, and more with each version")]
    fn on_connection_event(&mut self, event: ConnectionEvent<Upgrade, Upgrade, (), Opening>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: stream, .. }) => {
                self.demands.push_back(ConnectionHandlerEvent::NotifyBehaviour(stream));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, info }) => {
                // Nobody waits any more where this fails, and the stream is reset.
                drop(info.0.send(Ok(stream)));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                drop(info.0.send(Err(failure(&error))));
            }
            _ => {}
        }
    }
}

fn failure<E>(error: &StreamUpgradeError<E>) -> ExchangeFailure {
    match error {
        StreamUpgradeError::Timeout => ExchangeFailure::TimedOut,
        StreamUpgradeError::NegotiationFailed => ExchangeFailure::OtherNetwork,
        StreamUpgradeError::Apply(_) | StreamUpgradeError::Io(_) => ExchangeFailure::Broken,
    }
}
