//! Streams of one protocol, opened to peers and taken from them, each handed over whole.
//!
//! A stream belongs to whoever holds it: dropped, it is reset, and the other side learns that at once. An exchange of
//! request and response as libp2p has it closes its half of the stream before it reads, and then the other side is told
//! nothing when reading ends early.
//!
//! **Invariant:** every wish for a stream is answered once, or its answer is dropped with the connection; nothing waits
//! here for a peer that is neither connected nor being dialled.

mod handler;

use std::{
    collections::{HashMap, VecDeque},
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, DialError, FromSwarm, NetworkBehaviour, NotifyHandler, ToSwarm,
        behaviour::{ConnectionClosed, ConnectionEstablished, DialFailure},
        dial_opts::DialOpts,
    },
};
use tokio::sync::oneshot;

use self::handler::Handler;
use super::event::ExchangeFailure;

/// Where a stream goes that was wished for.
#[derive(Debug)]
pub(super) struct Opening(pub(super) oneshot::Sender<Result<Stream, ExchangeFailure>>);

/// A stream that another peer opened.
#[derive(Debug)]
pub(super) struct IncomingStream {
    pub(super) from: PeerId,
    pub(super) stream: Stream,
}

/// The streams of one protocol on all connections.
pub(super) struct Streams {
    protocol: StreamProtocol,
    connections: HashMap<PeerId, Vec<ConnectionId>>,
    /// What waits for a connection.
    dialling: HashMap<PeerId, Vec<Opening>>,
    events: VecDeque<ToSwarm<IncomingStream, Opening>>,
}

impl Streams {
    pub(super) fn new(protocol: StreamProtocol) -> Self {
        Self { protocol, connections: HashMap::new(), dialling: HashMap::new(), events: VecDeque::new() }
    }

    /// Opens a stream to a peer, who is dialled where there is no connection.
    pub(super) fn open(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, opening: Opening) {
        if let Some(connection) = self.connections.get(&peer).and_then(|all| all.first()) {
            return self.hand_on(peer, *connection, opening);
        }
        let waiting = self.dialling.entry(peer).or_default();
        waiting.retain(|opening| !opening.0.is_closed());
        waiting.push(opening);
        let opts = DialOpts::peer_id(peer).addresses(addresses).build();
        self.events.push_back(ToSwarm::Dial { opts });
    }

    fn hand_on(&mut self, peer_id: PeerId, connection: ConnectionId, event: Opening) {
        let handler = NotifyHandler::One(connection);
        self.events.push_back(ToSwarm::NotifyHandler { peer_id, handler, event });
    }

    fn handler(&self) -> Handler {
        Handler::new(self.protocol.clone())
    }

    fn connected(&mut self, peer: PeerId, connection: ConnectionId) {
        self.connections.entry(peer).or_default().push(connection);
        for opening in self.dialling.remove(&peer).unwrap_or_default() {
            self.hand_on(peer, connection, opening);
        }
    }

    fn disconnected(&mut self, peer: PeerId, connection: ConnectionId) {
        let Some(all) = self.connections.get_mut(&peer) else { return };
        all.retain(|other| *other != connection);
        if all.is_empty() {
            self.connections.remove(&peer);
        }
    }

    fn not_dialled(&mut self, peer: PeerId, error: &DialError) {
        // It is connected or being dialled already, and what comes of that will be told.
        if matches!(error, DialError::DialPeerConditionFalse(_)) {
            return;
        }
        for opening in self.dialling.remove(&peer).unwrap_or_default() {
            // An error means that nobody waits any more.
            drop(opening.0.send(Err(ExchangeFailure::Unreachable)));
        }
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Handler;
    type ToSwarm = IncomingStream;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "libp2p tells much, and more with each version")]
    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished { peer_id, connection_id, .. }) => {
                self.connected(peer_id, connection_id);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, connection_id, .. }) => {
                self.disconnected(peer_id, connection_id);
            }
            FromSwarm::DialFailure(DialFailure { peer_id: Some(peer), error, .. }) => {
                self.not_dialled(peer, error);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, from: PeerId, _: ConnectionId, stream: Stream) {
        self.events.push_back(ToSwarm::GenerateEvent(IncomingStream { from, stream }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<IncomingStream, Opening>> {
        // Whoever pushes an event does so in the task that polls this next.
        self.events.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
