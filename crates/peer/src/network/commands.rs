//! What the handle asks of the task, and how the task obeys.
//!
//! **Invariant:** every `Send` ends in exactly one of: taken by the other peer, or one `Undelivered`.

use std::collections::BTreeSet;

use assay_protocol::id::PeerId;
use libp2p::{Multiaddr, gossipsub::MessageAcceptance};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    event::{AskError, ExchangeFailure, GossipId, NetworkEvent},
    identity::to_libp2p,
    pending::Asking,
    questions::Question,
    queues::Posted,
    start::FreeAddress,
    streams::Opening,
    task::SwarmTask,
    topics::Topic,
};

/// What becomes of a gossip.
pub(super) type GossipVerdict = (GossipId, MessageAcceptance);

/// What a stream is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Carried {
    Blobs,
    Speeches,
}

/// Something to do.
#[derive(Debug)]
pub(super) enum NetworkCommand {
    Send {
        to: PeerId,
        bytes: Vec<u8>,
    },
    Publish {
        topic: Topic,
        bytes: Vec<u8>,
    },
    Listen {
        free: FreeAddress,
        reply: oneshot::Sender<Result<(), String>>,
    },
    Shun {
        peer: PeerId,
    },
    Sever {
        from: BTreeSet<PeerId>,
        done: oneshot::Sender<()>,
    },
    AddAddress {
        peer: PeerId,
        address: Multiaddr,
    },
    Ask {
        to: PeerId,
        question: Question,
        reply: oneshot::Sender<Result<Vec<u8>, AskError>>,
        permit: Option<OwnedSemaphorePermit>,
    },
    OpenStream {
        carried: Carried,
        to: PeerId,
        opening: Opening,
    },
    Shutdown {
        done: oneshot::Sender<()>,
    },
}

impl SwarmTask {
    pub(super) fn obey(&mut self, command: NetworkCommand) {
        match command {
            NetworkCommand::Send { to, bytes } => self.post(to, bytes),
            NetworkCommand::Publish { topic, bytes } => self.publish(topic, bytes),
            NetworkCommand::Listen { free: FreeAddress { address, claim }, reply } => {
                let listens = self.swarm.listen_on(address).map(|_| self.claims.extend(claim));
                let listens = listens.map_err(|error| error.to_string());
                // An error means that nobody waits for it any more.
                drop(reply.send(listens));
            }
            NetworkCommand::Shun { peer } => to_libp2p(peer).into_iter().for_each(|peer| self.shun(peer)),
            NetworkCommand::Sever { from, done } => {
                self.sever(from);
                // An error means that nobody waits for it any more.
                done.send(()).unwrap_or(());
            }
            NetworkCommand::AddAddress { peer, address } => {
                if let Some(peer) = to_libp2p(peer) {
                    self.addresses.hint(peer, address);
                }
            }
            NetworkCommand::Ask { to, question, reply, permit } => {
                self.ask(to, question, Asking { reply, _permit: permit });
            }
            NetworkCommand::OpenStream { carried, to, opening } => self.open_stream(carried, to, opening),
            NetworkCommand::Shutdown { done } => self.ending = Some(done),
        }
    }

    pub(super) fn judge(&mut self, (id, acceptance): GossipVerdict) {
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(&id.message, &id.relay, acceptance);
    }

    fn post(&mut self, to: PeerId, message: Vec<u8>) {
        match self.queues.post(to, message) {
            Posted::Send(message) => self.send(to, message),
            Posted::Waits => {}
            Posted::Full => self.undelivered(to, ExchangeFailure::Waiting),
        }
    }

    fn send(&mut self, to: PeerId, message: Vec<u8>) {
        let Some(peer) = to_libp2p(to) else {
            return self.sent(to, Some(ExchangeFailure::Unreachable));
        };
        let addresses = self.addresses.of(&peer);
        let messages = &mut self.swarm.behaviour_mut().messages;
        let id = messages.send_request_with_addresses(&peer, message, addresses);
        self.pending.sent(id, to);
    }

    /// A message has arrived or failed; the next one goes.
    pub(super) fn sent(&mut self, to: PeerId, failure: Option<ExchangeFailure>) {
        if let Some(why) = failure {
            self.undelivered(to, why);
        }
        // What waits for a peer that cannot be reached would only be dialled for again, one by one.
        if failure == Some(ExchangeFailure::Unreachable) {
            (0..self.queues.give_up(to)).for_each(|_| self.undelivered(to, ExchangeFailure::Unreachable));
        }
        if let Some(next) = self.queues.done(to) {
            self.send(to, next);
        }
    }

    fn undelivered(&mut self, to: PeerId, why: ExchangeFailure) {
        self.backlog.push_back(NetworkEvent::Undelivered { to, why });
    }

    fn publish(&mut self, topic: Topic, bytes: Vec<u8>) {
        if let Err(error) = self.swarm.behaviour_mut().gossip.publish(topic.of(&self.network), bytes) {
            tracing::debug!(?topic, %error, "nobody was told");
            self.backlog.push_back(NetworkEvent::Unpublished { topic });
        }
    }

    fn ask(&mut self, to: PeerId, question: Question, asking: Asking) {
        let Some(peer) = to_libp2p(to) else {
            return drop(asking.reply.send(Err(ExchangeFailure::Unreachable.into())));
        };
        let addresses = self.addresses.of(&peer);
        let questions = &mut self.swarm.behaviour_mut().questions;
        let id = questions.send_request_with_addresses(&peer, question, addresses);
        self.pending.asked(id, asking);
    }

    fn open_stream(&mut self, carried: Carried, to: PeerId, opening: Opening) {
        let Some(peer) = to_libp2p(to) else {
            return drop(opening.0.send(Err(ExchangeFailure::Unreachable)));
        };
        let addresses = self.addresses.of(&peer);
        let protocols = self.swarm.behaviour_mut();
        let streams = match carried {
            Carried::Blobs => &mut protocols.transfers,
            Carried::Speeches => &mut protocols.recitals,
        };
        streams.open(peer, addresses, opening);
    }
}
