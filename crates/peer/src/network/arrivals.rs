//! What comes from other peers, and how the task takes it.
//!
//! **Invariant:** what does not fit into the driver's queue, or is over its sender's rate, is refused to the sender and
//! leaves nothing behind.

use std::{sync::Arc, time::Instant};

use libp2p::{
    PeerId, gossipsub, identify, ping,
    request_response::{self, InboundRequestId, Message},
};
use tokio::sync::oneshot;

use super::{
    event::{GossipId, NetworkEvent, Reply},
    identity::from_libp2p,
    messages::Acknowledgement,
    pending::failure,
    protocols::{ProtocolsEvent, SCORE_FLOODING},
    pulse::FeltStream,
    questions::{Answer, Question},
    recitals::{Reciting, recite},
    streams::IncomingStream,
    task::SwarmTask,
    topics::Topic,
    transfers::{Upload, serve},
    vicinity::NearbyPeer,
};

/// How often gossip of a peer, or passed on by it, is dropped until the peer is not listened to any more.
const GOSSIP_DROPPED_MAX: u32 = 1000;

type Exchange<A, B> = request_response::Event<A, B>;

impl SwarmTask {
    pub(super) fn take(&mut self, event: ProtocolsEvent) {
        match event {
            ProtocolsEvent::Messages(event) => self.take_message(event),
            ProtocolsEvent::Questions(event) => self.take_question(event),
            ProtocolsEvent::Transfers(opened) => self.take_stream(opened),
            ProtocolsEvent::Recitals(opened) => self.take_listener(opened),
            ProtocolsEvent::Gossip(event) => self.take_gossip(event),
            ProtocolsEvent::Identify(event) => self.take_identity(event),
            ProtocolsEvent::Ping(ping::Event { peer, connection, result: Err(error) }) => {
                tracing::debug!(%peer, %error, "a connection is dead");
                self.swarm.close_connection(connection);
            }
            ProtocolsEvent::Ping(_) => {}
            ProtocolsEvent::Vicinity(NearbyPeer { peer, address }) => {
                tracing::debug!(%peer, %address, "is said to be on the local network");
                self.addresses.found(peer, address);
                self.redial.hasten(&peer, Instant::now());
            }
        }
    }

    fn take_message(&mut self, event: Exchange<Vec<u8>, Acknowledgement>) {
        match event {
            Exchange::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                let taken = self.is_within_rate(peer)
                    && from_libp2p(&peer)
                        .is_some_and(|from| self.offer(NetworkEvent::Message { from, bytes: request }));
                let acknowledgement = if taken { Acknowledgement::Taken } else { Acknowledgement::Busy };
                // An error means that the sender is gone; it will hear of that by itself.
                drop(self.swarm.behaviour_mut().messages.send_response(channel, acknowledgement));
            }
            Exchange::Message { message: Message::Response { request_id, response }, .. } => {
                let failure = (response == Acknowledgement::Busy).then_some(super::ExchangeFailure::Busy);
                if let Some(sent) = self.pending.take_sent(request_id) {
                    self.sent(sent, failure);
                }
            }
            Exchange::OutboundFailure { request_id, error, .. } => {
                if let Some(sent) = self.pending.take_sent(request_id) {
                    self.sent(sent, Some(failure(&error)));
                }
            }
            Exchange::InboundFailure { peer, request_id, error, .. } => log_inbound(peer, request_id, &error),
            Exchange::ResponseSent { .. } => {}
        }
    }

    fn take_question(&mut self, event: Exchange<Question, Answer>) {
        match event {
            Exchange::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                let answer = self.answer(peer, request);
                drop(self.swarm.behaviour_mut().questions.send_response(channel, answer));
            }
            Exchange::Message { message: Message::Response { request_id, response }, .. } => {
                self.pending.answer(request_id, Ok(response));
            }
            Exchange::OutboundFailure { request_id, error, .. } => {
                self.pending.answer(request_id, Err(failure(&error)));
            }
            Exchange::InboundFailure { peer, request_id, error, .. } => log_inbound(peer, request_id, &error),
            Exchange::ResponseSent { .. } => {}
        }
    }

    fn answer(&mut self, peer: PeerId, question: Question) -> Answer {
        let Some(from) = from_libp2p(&peer) else { return Answer::Refused };
        if !self.is_within_rate(peer) {
            return Answer::Busy;
        }
        let Some(slot) = self.answers.take(peer) else { return Answer::Busy };
        let (reply, answer) = oneshot::channel();
        let Question { kind, bytes, .. } = question;
        match self.offer(NetworkEvent::Asked { from, kind, bytes, reply: Reply(reply) }) {
            true => Answer::Later { answer, _slot: slot },
            false => Answer::Busy,
        }
    }

    /// Has a blob served, or the peer told that there is too much to do.
    fn take_stream(&mut self, opened: IncomingStream) {
        let IncomingStream { from: peer, stream } = opened;
        let Some(to) = from_libp2p(&peer) else { return };
        let asker = if self.is_within_rate(peer) { self.serves.admit(peer) } else { None };
        let stream = FeltStream::new(stream, self.swarm.behaviour().crowds.pulse(&peer));
        let serving = Upload { source: Arc::clone(&self.blobs), to, asker, pace: self.pace };
        tokio::spawn(serve(stream, serving));
    }

    /// Has a peer hear what is written for it, or told that there is too much to do.
    fn take_listener(&mut self, opened: IncomingStream) {
        let IncomingStream { from: peer, stream } = opened;
        let Some(to) = from_libp2p(&peer) else { return };
        let asker = if self.is_within_rate(peer) { self.listeners.admit(peer) } else { None };
        let stream = FeltStream::new(stream, self.swarm.behaviour().crowds.pulse(&peer));
        let reciting = Reciting { speeches: self.speeches.clone(), to, asker, pace: self.pace };
        tokio::spawn(recite(stream, reciting));
    }

    fn take_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source: relay, message_id, message } => {
                let id = GossipId { message: message_id.clone(), relay };
                let Err(refused) = self.hear(relay, message, id) else { return };
                let gossip = &mut self.swarm.behaviour_mut().gossip;
                gossip.report_message_validation_result(&message_id, &relay, refused);
            }
            gossipsub::Event::SlowPeer { peer_id, .. } => {
                tracing::debug!(peer = %peer_id, "a peer is too slow for the gossip meant for it");
            }
            gossipsub::Event::GossipsubNotSupported { .. }
            | gossipsub::Event::Subscribed { .. }
            | gossipsub::Event::Unsubscribed { .. } => {}
        }
    }

    /// Has the driver judge a gossip, unless it is clear already what becomes of it. What there is too much of is held
    /// against who said it: whoever passed it on could not know.
    fn hear(
        &mut self,
        relay: PeerId,
        message: gossipsub::Message,
        id: GossipId,
    ) -> Result<(), gossipsub::MessageAcceptance> {
        use gossipsub::MessageAcceptance::{Ignore, Reject};
        self.swarm.behaviour_mut().crowds.hear(&relay, Instant::now());
        let author = message.source.ok_or(Reject)?;
        let from = from_libp2p(&author).ok_or(Reject)?;
        let topic = Topic::named(&message.topic, &self.network).ok_or(Reject)?;
        let event = NetworkEvent::Gossip { topic, from, bytes: message.data, id };
        let heard = match topic {
            Topic::Offers => {
                let now = Instant::now();
                !self.swarm.behaviour().crowds.shuns(&author, now)
                    && self.is_within_gossip_rate(author)
                    && self.is_within_relay_rate(relay)
                    && self.gossip_total.admit((), now).is_ok()
                    && self.offer(event)
            }
            Topic::Checkpoints if !self.notaries.contains(&from) => return Err(Reject),
            Topic::Checkpoints => {
                let is_within = self.checkpoint_rate.admit(author, Instant::now()).is_ok();
                if is_within {
                    self.backlog.push_back(event);
                }
                is_within
            }
        };
        if heard { Ok(()) } else { Err(Ignore) }
    }

    fn take_identity(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, info, connection_id } = event else { return };
        if info.protocol_version != self.version {
            tracing::debug!(peer = %peer_id, version = info.protocol_version, "a peer of another network");
            self.swarm.close_connection(connection_id);
            return;
        }
        let is_local = self.is_local(connection_id);
        self.addresses.claim(peer_id, info.listen_addrs, is_local);
        self.welcome(peer_id);
    }

    fn is_within_rate(&mut self, peer: PeerId) -> bool {
        let now = Instant::now();
        self.swarm.behaviour_mut().crowds.hear(&peer, now);
        self.rate.admit(peer, now).is_ok()
    }

    fn is_within_gossip_rate(&mut self, author: PeerId) -> bool {
        let Err(dropped) = self.gossip_rate.admit(author, Instant::now()) else { return true };
        if dropped == GOSSIP_DROPPED_MAX {
            tracing::warn!(peer = %author, "a peer floods us with gossip and is not listened to for a while");
            self.swarm.behaviour_mut().gossip.set_application_score(&author, SCORE_FLOODING);
        }
        false
    }

    /// Who passes on more than twice as much as anybody takes in has not taken it in.
    fn is_within_relay_rate(&mut self, relay: PeerId) -> bool {
        let Err(dropped) = self.relay_rate.admit(relay, Instant::now()) else { return true };
        if dropped == GOSSIP_DROPPED_MAX {
            self.shun(relay);
        }
        false
    }

    /// Ends what there is with a peer that sends junk, and keeps it out for a while.
    pub(super) fn shun(&mut self, peer: PeerId) {
        if self.swarm.behaviour_mut().crowds.shun(peer, Instant::now()) {
            tracing::warn!(%peer, "a peer sends junk and is kept out for a while");
            // An error means that it has left already.
            self.swarm.disconnect_peer_id(peer).unwrap_or(());
        }
    }

    /// Forgets peers that fell silent, and listens again to those among them that flooded; notes whom gossip keeps connected.
    pub(super) fn forgive(&mut self) {
        let now = Instant::now();
        self.rate.forget(now);
        self.relay_rate.forget(now);
        self.swarm.behaviour_mut().crowds.forget(now);
        self.uses.look(self.swarm.behaviour().gossip.all_mesh_peers().copied());
        for gone in self.gossip_rate.forget(now) {
            if gone.refused >= GOSSIP_DROPPED_MAX {
                self.swarm.behaviour_mut().gossip.set_application_score(&gone.source, 0.0);
            }
        }
    }
}

fn log_inbound(peer: PeerId, id: InboundRequestId, error: &request_response::InboundFailure) {
    tracing::debug!(%peer, %id, %error, "a request of a peer was not answered");
}
