//! The task that owns the swarm: one loop, in which own commands go before what others want.
//!
//! Events that must not be lost (a message undelivered, a peer gone, a checkpoint) wait in a backlog when the driver's queue is full;
//! while there is one, others' messages are refused. When the backlog itself is full, nothing more is taken from the
//! network, and at twice that no commands either, until the driver has caught up.
//!
//! **Invariant:** nothing in the loop waits for the driver.

use std::{
    collections::{BTreeSet, VecDeque},
    future,
    net::UdpSocket,
    sync::Arc,
    time::{Duration, Instant},
};

use assay_protocol::id::{Digest, PeerId};
use libp2p::{
    Multiaddr, Swarm,
    core::ConnectedPoint,
    futures::StreamExt,
    swarm::{ConnectionError, ConnectionId, SwarmEvent, dial_opts::DialOpts},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Interval, MissedTickBehavior, interval, sleep_until},
};

use super::{
    BlobSource, Pace,
    addresses::{Addresses, leads_to_this_machine},
    commands::{GossipVerdict, NetworkCommand},
    connection_use::ConnectionUse,
    event::NetworkEvent,
    identity::from_libp2p,
    pending::Pending,
    protocols::{Protocols, ProtocolsEvent},
    queues::SendQueues,
    rates::Rates,
    redial::Redial,
    slots::Slots,
};
use crate::speech::Speeches;

/// Events that may wait before nothing more is taken from the network.
const BACKLOG_MAX: usize = 1024;
/// How often silent peers are looked for.
const FORGIVE_EVERY: Duration = Duration::from_secs(60);

/// What the handle can see at any time.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub(super) listening: Vec<Multiaddr>,
    pub(super) peers: BTreeSet<PeerId>,
    pub(super) severed: BTreeSet<PeerId>,
}

/// The running network.
pub(super) struct SwarmTask {
    pub(super) swarm: Swarm<Protocols>,
    pub(super) network: Digest,
    pub(super) version: String,
    pub(super) blobs: Arc<dyn BlobSource>,
    pub(super) speeches: Speeches,
    pub(super) addresses: Addresses,
    pub(super) queues: SendQueues,
    pub(super) pending: Pending,
    pub(super) answers: Slots,
    pub(super) serves: Slots,
    pub(super) listeners: Slots,
    pub(super) pace: Pace,
    pub(super) shutdown_wait: Duration,
    pub(super) rate: Rates<libp2p::PeerId>,
    /// Of each author.
    pub(super) gossip_rate: Rates<libp2p::PeerId>,
    /// Of each who passes on.
    pub(super) relay_rate: Rates<libp2p::PeerId>,
    /// Of all together.
    pub(super) gossip_total: Rates<()>,
    /// Of each notary.
    pub(super) checkpoint_rate: Rates<libp2p::PeerId>,
    pub(super) notaries: Vec<PeerId>,
    pub(super) backlog: VecDeque<NetworkEvent>,
    /// Whom to tell when all has ended; set once the end has begun.
    pub(super) ending: Option<oneshot::Sender<()>>,
    pub(super) redial: Redial,
    /// What keeps others from listening where this peer does.
    pub(super) claims: Vec<UdpSocket>,
    /// Connections from and to this machine.
    pub(super) local: BTreeSet<ConnectionId>,
    /// Which connections are in use.
    pub(super) uses: ConnectionUse,
    pub(super) commands: mpsc::Receiver<NetworkCommand>,
    pub(super) judgements: mpsc::Receiver<GossipVerdict>,
    pub(super) events: mpsc::Sender<NetworkEvent>,
    pub(super) status: watch::Sender<Status>,
}

/// What the loop does next.
enum Turn {
    End,
    Room,
    NetworkCommand(NetworkCommand),
    Dial,
    GossipVerdict(GossipVerdict),
    Happened(Box<SwarmEvent<ProtocolsEvent>>),
    Forgive,
}

impl SwarmTask {
    pub(super) async fn run(mut self) {
        let mut forgive = interval(FORGIVE_EVERY);
        forgive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end = None;
        while !(self.ending.is_some() && self.queues.is_empty() && self.backlog.is_empty()) {
            match self.turn(&mut forgive, end).await {
                Turn::End => break,
                Turn::Room => self.hand_over(),
                Turn::NetworkCommand(command) => self.obey(command),
                Turn::Dial => self.dial_known(),
                Turn::GossipVerdict(judgement) => self.judge(judgement),
                Turn::Happened(event) => self.notice(*event),
                Turn::Forgive => self.forgive(),
            }
            if self.ending.is_some() && end.is_none() {
                end = Some(Instant::now() + self.shutdown_wait);
            }
        }
        let ending = self.ending.take();
        drop(self);
        // An error means that nobody waits for the end.
        _ = ending.map(|done| done.send(()));
    }

    /// Waits for the next thing to do; of several, the first in this list.
    async fn turn(&mut self, forgive: &mut Interval, end: Option<Instant>) -> Turn {
        let redial = self.redial.next();
        tokio::select! {
            biased;
            () = until(end) => Turn::End,
            () = self.events.closed() => Turn::End,
            room = self.events.reserve(), if !self.backlog.is_empty() => room.map_or(Turn::End, |_| Turn::Room),
            command = self.commands.recv(), if self.backlog.len() < 2 * BACKLOG_MAX => {
                command.map_or(Turn::End, Turn::NetworkCommand)
            }
            () = until(redial) => Turn::Dial,
            // The handle holds both queues, so they end together.
            Some(judgement) = self.judgements.recv() => Turn::GossipVerdict(judgement),
            event = self.swarm.select_next_some(), if self.backlog.len() < BACKLOG_MAX => {
                Turn::Happened(Box::new(event))
            }
            _ = forgive.tick() => Turn::Forgive,
        }
    }

    /// Moves what fits from the backlog into the driver's queue.
    fn hand_over(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                return self.backlog.push_front(event);
            }
        }
    }

    /// Puts an event of another peer's into the driver's queue, if there is room and nothing of ours waits.
    pub(super) fn offer(&mut self, event: NetworkEvent) -> bool {
        self.ending.is_none() && self.backlog.is_empty() && self.events.try_send(event).is_ok()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "libp2p tells much, and more with each version")]
    pub(super) fn notice(&mut self, event: SwarmEvent<ProtocolsEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.take(event),
            SwarmEvent::NewListenAddr { address, .. } => {
                self.addresses.listens_on(&address);
                self.status.send_modify(|status| status.listening.push(address));
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.status.send_modify(|status| status.listening.retain(|other| *other != address));
            }
            SwarmEvent::ConnectionEstablished { connection_id, endpoint, .. }
                if leads_to_this_machine(remote(&endpoint)) =>
            {
                self.local.insert(connection_id);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, cause, .. } => {
                self.local.remove(&connection_id);
                if num_established == 0 {
                    self.part_from(peer_id, cause.as_ref());
                }
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                tracing::debug!(%peer, %error, "a peer could not be reached");
                self.redial.lost(&peer, Instant::now());
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                let reason = reason.err().map(|error| error.to_string()).unwrap_or_default();
                let places = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                tracing::warn!(addresses = places, reason, "no longer listening");
                self.status.send_modify(|status| status.listening.retain(|other| !addresses.contains(other)));
            }
            _ => {}
        }
    }

    /// A peer has shown that it is of this network.
    pub(super) fn welcome(&mut self, peer: libp2p::PeerId) {
        // It may be gone again by the time we are told who it was.
        let Some(name) = from_libp2p(&peer).filter(|_| self.swarm.is_connected(&peer)) else { return };
        self.redial.connected(&peer);
        self.uses.begin(peer, Instant::now());
        let is_new = self.status.send_if_modified(|status| status.peers.insert(name));
        if is_new {
            self.backlog.push_back(NetworkEvent::Connected { peer: name });
        }
    }

    fn part_from(&mut self, peer: libp2p::PeerId, cause: Option<&ConnectionError>) {
        let now = Instant::now();
        self.redial.lost(&peer, now);
        let was_in_use = self.uses.end(&peer, now);
        let Some(name) = from_libp2p(&peer) else { return };
        // Without a cause, and for want of use, this peer has ended it.
        let was_cut = was_in_use && matches!(cause, Some(ConnectionError::IO(_)));
        let is_lost = was_cut || self.status.borrow().severed.contains(&name);
        if self.status.send_if_modified(|status| status.peers.remove(&name)) {
            self.backlog.push_back(NetworkEvent::Disconnected { peer: name, is_lost });
        }
    }

    pub(super) fn is_local(&self, connection: ConnectionId) -> bool {
        self.local.contains(&connection)
    }

    fn dial_known(&mut self) {
        let now = Instant::now();
        for peer in self.redial.due(now) {
            let dial = DialOpts::peer_id(peer).addresses(self.addresses.of(&peer)).build();
            match self.swarm.dial(dial) {
                // It is connected or being dialled already, and what comes of that will be noticed.
                Ok(()) | Err(libp2p::swarm::DialError::DialPeerConditionFalse(_)) => {}
                Err(error) => {
                    tracing::debug!(%peer, %error, "a known peer cannot be dialled");
                    self.redial.lost(&peer, now);
                }
            }
        }
    }
}

fn remote(endpoint: &ConnectedPoint) -> &Multiaddr {
    match endpoint {
        ConnectedPoint::Dialer { address, .. } => address,
        ConnectedPoint::Listener { send_back_addr, .. } => send_back_addr,
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => future::pending().await,
    }
}
