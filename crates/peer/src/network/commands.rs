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
    outbox::{Letter, Posted},
    pending::{Asking, Sent},
    questions::Question,
    streams::Opening,
    task::Task,
};

/// Something to do.
#[derive(Debug)]
pub(super) enum Command {
    Send { to: PeerId, token: u64, bytes: Vec<u8> },
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
            Command::Send { to, token, bytes } => self.post(to, Letter { token, bytes }),
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

    fn post(&mut self, to: PeerId, letter: Letter) {
        match self.outbox.post(to, letter) {
            Posted::Send(letter) => self.send(to, letter),
            Posted::Waits => {}
            Posted::Full(letter) => self.undelivered(to, letter.token, Failure::Waiting),
        }
    }

    fn send(&mut self, to: PeerId, letter: Letter) {
        let token = letter.token;
        let Some(peer) = to_libp2p(to) else {
            return self.sent(Sent { to, token }, Some(Failure::Unreachable));
        };
        let addresses = self.addresses.of(&peer);
        let messages = &mut self.swarm.behaviour_mut().messages;
        let id = messages.send_request_with_addresses(&peer, letter.bytes, addresses);
        self.pending.sent(id, Sent { to, token });
    }

    /// A message has arrived or failed; the next one goes.
    pub(super) fn sent(&mut self, sent: Sent, failure: Option<Failure>) {
        let Sent { to, token } = sent;
        if let Some(why) = failure {
            self.undelivered(to, token, why);
        }
        // What waits for a peer that cannot be reached would only be dialled for again, one by one.
        if failure == Some(Failure::Unreachable) {
            let given_up = self.outbox.give_up(to);
            given_up.into_iter().for_each(|letter| self.undelivered(to, letter.token, Failure::Unreachable));
        }
        if let Some(next) = self.outbox.done(to) {
            self.send(to, next);
        }
    }

    fn undelivered(&mut self, to: PeerId, token: u64, why: Failure) {
        self.backlog.push_back(Event::Undelivered { to, token, why });
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
