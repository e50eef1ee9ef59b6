//! What the handle asks of the task, and how the task obeys.
//!
//! **Invariant:** every `Send` ends in exactly one of: taken by the other peer, or one `Undelivered`.

use assay_protocol::id::PeerId;
use libp2p::{Multiaddr, gossipsub::MessageAcceptance};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    behaviour::offers,
    event::{AskError, Event, Failure, GossipId},
    identity::to_libp2p,
    outbox::Posted,
    pending::Asking,
    questions::Question,
    streams::Opening,
    task::Task,
};

/// Something to do.
#[derive(Debug)]
pub(super) enum Command {
    Send { to: PeerId, bytes: Vec<u8> },
    Publish { bytes: Vec<u8> },
    Judge { id: GossipId, acceptance: MessageAcceptance },
    AddAddress { peer: PeerId, address: Multiaddr },
    Ask { to: PeerId, kind: u8, bytes: Vec<u8>, reply: Reply, permit: OwnedSemaphorePermit },
    OpenStream { to: PeerId, opening: Opening },
    Shutdown { done: oneshot::Sender<()> },
}

type Reply = oneshot::Sender<Result<Vec<u8>, AskError>>;

impl Task {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Send { to, bytes } => self.post(to, bytes),
            Command::Publish { bytes } => self.publish(bytes),
            Command::Judge { id, acceptance } => {
                let gossip = &mut self.swarm.behaviour_mut().gossip;
                gossip.report_message_validation_result(&id.message, &id.relay, acceptance);
            }
            Command::AddAddress { peer, address } => {
                if let Some(peer) = to_libp2p(peer) {
                    self.addresses.hint(peer, address);
                }
            }
            Command::Ask { to, kind, bytes, reply, permit } => {
                self.ask(to, Question { kind, bytes }, Asking { reply, _permit: permit });
            }
            Command::OpenStream { to, opening } => self.open_stream(to, opening),
            Command::Shutdown { done } => self.ending = Some(done),
        }
    }

    fn post(&mut self, to: PeerId, message: Vec<u8>) {
        match self.outbox.post(to, message) {
            Posted::Send(message) => self.send(to, message),
            Posted::Waits => {}
            Posted::Full => self.undelivered(to, Failure::Waiting),
        }
    }

    fn send(&mut self, to: PeerId, message: Vec<u8>) {
        let Some(peer) = to_libp2p(to) else {
            return self.sent(to, Some(Failure::Unreachable));
        };
        let addresses = self.addresses.of(&peer);
        let messages = &mut self.swarm.behaviour_mut().messages;
        let id = messages.send_request_with_addresses(&peer, message, addresses);
        self.pending.sent(id, to);
    }

    /// A message has arrived or failed; the next one goes.
    pub(super) fn sent(&mut self, to: PeerId, failure: Option<Failure>) {
        if let Some(why) = failure {
            self.undelivered(to, why);
        }
        // What waits for a peer that cannot be reached would only be dialled for again, one by one.
        if failure == Some(Failure::Unreachable) {
            (0..self.outbox.give_up(to)).for_each(|_| self.undelivered(to, Failure::Unreachable));
        }
        if let Some(next) = self.outbox.done(to) {
            self.send(to, next);
        }
    }

    fn undelivered(&mut self, to: PeerId, why: Failure) {
        self.backlog.push_back(Event::Undelivered { to, why });
    }

    fn publish(&mut self, bytes: Vec<u8>) {
        let topic = offers(&self.network);
        if let Err(error) = self.swarm.behaviour_mut().gossip.publish(topic, bytes) {
            tracing::debug!(%error, "nobody was told");
            self.backlog.push_back(Event::Unpublished);
        }
    }

    fn ask(&mut self, to: PeerId, question: Question, asking: Asking) {
        let Some(peer) = to_libp2p(to) else {
            return drop(asking.reply.send(Err(Failure::Unreachable.into())));
        };
        let addresses = self.addresses.of(&peer);
        let questions = &mut self.swarm.behaviour_mut().questions;
        let id = questions.send_request_with_addresses(&peer, question, addresses);
        self.pending.asked(id, asking);
    }

    fn open_stream(&mut self, to: PeerId, opening: Opening) {
        let Some(peer) = to_libp2p(to) else {
            return drop(opening.0.send(Err(Failure::Unreachable)));
        };
        let addresses = self.addresses.of(&peer);
        self.swarm.behaviour_mut().transfers.open(peer, addresses, opening);
    }
}
