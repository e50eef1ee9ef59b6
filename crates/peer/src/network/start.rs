//! Starting the network: keys, carriers, limits, and where to listen.
//!
//! **Invariant:** a network that started listens everywhere it was told to, alone, and knows on which ports.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fmt, io,
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use assay_protocol::id::PeerId;
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, core::transport::ListenerId, futures::StreamExt, swarm::SwarmEvent,
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use super::{
    BlobSource, LISTEN_WAIT_MAX, NetworkSettings,
    addresses::{Addresses, Nearness, socket_of},
    carrier::carrier,
    commands::{GossipVerdict, NetworkCommand},
    connection_use::ConnectionUse,
    event::{NetworkError, NetworkEvent},
    identity::{address_of, keypair, to_libp2p},
    pending::Pending,
    protocols::{Protocols, version},
    queues::SendQueues,
    rates::Rates,
    redial::Redial,
    slots::Slots,
    task::{Status, SwarmTask},
};
use crate::speech::Speeches;

/// The port of those who serve others: a fixed one, so that a router and a firewall can be told.
pub const USUAL_PORT: u16 = 29292;
/// How long a connection that nobody uses stays.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(120);
/// How long the other side of a connection may take to show who it is.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// Checkpoints of one notary in one second, over a longer time: many more than any makes.
const CHECKPOINTS_PER_SECOND: u32 = 10;
/// How much more than all that is heard may come from one who passes it on: it hears no more itself.
const RELAY_FACTOR: u32 = 2;

impl SwarmTask {
    pub(super) async fn start(
        settings: NetworkSettings,
        (blobs, speeches): (Arc<dyn BlobSource>, Speeches),
        (commands, judgements): (mpsc::Receiver<NetworkCommand>, mpsc::Receiver<GossipVerdict>),
        events: mpsc::Sender<NetworkEvent>,
    ) -> Result<(Self, watch::Receiver<Status>), NetworkError> {
        let limits = &settings.limits;
        let known = known(&settings.known)?;
        let nearby: Vec<libp2p::PeerId> = settings.nearby.iter().copied().filter_map(to_libp2p).collect();
        let nearness =
            Nearness::of(&settings.listen, known.iter().map(|(_, address)| address), !nearby.is_empty());
        let swarm = swarm(&settings, &known, &nearby)?;
        let own = *swarm.local_peer_id();
        let others = nearby.into_iter().filter(|peer| *peer != own);
        let stays: Vec<libp2p::PeerId> = known.iter().map(|(peer, _)| *peer).chain(others).collect();
        let (status, seen) = watch::channel(Status::default());
        let mut task = Self {
            swarm,
            version: version(&settings.network),
            network: settings.network,
            blobs,
            speeches,
            redial: Redial::new(stays.into_iter(), seed()?, Instant::now()),
            addresses: Addresses::new(known.into_iter(), nearness),
            queues: SendQueues::default(),
            pending: Pending::default(),
            answers: Slots::new(limits.answers_max, limits.per_peer_max),
            serves: Slots::new(limits.serves_max, limits.per_peer_max),
            listeners: Slots::new(limits.listeners_max, limits.listeners_per_peer_max),
            pace: limits.pace,
            shutdown_wait: limits.shutdown_wait,
            rate: Rates::new(limits.messages_per_second),
            gossip_rate: Rates::new(limits.gossip_per_second),
            relay_rate: Rates::new(limits.gossip_total_per_second.saturating_mul(RELAY_FACTOR)),
            gossip_total: Rates::new(limits.gossip_total_per_second),
            checkpoint_rate: Rates::new(CHECKPOINTS_PER_SECOND),
            notaries: settings.notaries.clone(),
            backlog: VecDeque::new(),
            ending: None,
            claims: Vec::new(),
            local: BTreeSet::new(),
            uses: ConnectionUse::default(),
            commands,
            judgements,
            events,
            status,
        };
        task.listen(&settings.listen).await?;
        Ok((task, seen))
    }

    /// Listens everywhere, and returns when it is known where that is.
    async fn listen(&mut self, addresses: &[String]) -> Result<(), NetworkError> {
        let mut waiting: HashMap<ListenerId, &String> = HashMap::new();
        for address in addresses {
            let failed = |reason: String| NetworkError::Listen { address: address.clone(), reason };
            let FreeAddress { address: parsed, claim } = free(address)?;
            let listener = self.swarm.listen_on(parsed).map_err(|error| failed(error.to_string()))?;
            self.claims.extend(claim);
            waiting.insert(listener, address);
        }
        while let Some(address) = waiting.values().next() {
            let failed =
                |reason: &str| NetworkError::Listen { address: (*address).clone(), reason: reason.into() };
            let next = timeout(LISTEN_WAIT_MAX, self.swarm.select_next_some()).await;
            let event = next.map_err(|_| failed("the system does not say where it listens"))?;
            if let SwarmEvent::ListenerClosed { .. } = event {
                return Err(failed("the listener closed"));
            }
            if let SwarmEvent::NewListenAddr { listener_id, .. } = &event {
                waiting.remove(listener_id);
            }
            self.notice(event);
        }
        Ok(())
    }
}

/// Every address of this machine, on this port; on any for 0.
pub(crate) fn everywhere(port: u16) -> String {
    format!("/ip4/0.0.0.0/tcp/{port}")
}

/// Whether it says where to listen: on a host, at a port.
#[must_use]
pub fn is_place(address: &str) -> bool {
    address.parse().is_ok_and(|parsed: Multiaddr| socket_of(&parsed).is_some())
}

/// Whether a peer could listen there now.
///
/// # Errors
/// [`NetworkError::Listen`], if it is no address, not this machine's, or somebody listens there.
pub fn can_listen(address: &str) -> Result<(), NetworkError> {
    free(address).map(drop)
}

/// An address that nobody listens on. Where that is on the usual port, it stays this peer's for as long as it is held, even
/// before it listens: all peers that were told nothing go there, perhaps at the same moment.
#[derive(Debug)]
pub(super) struct FreeAddress {
    pub(super) address: Multiaddr,
    /// libp2p shares ports, so whoever listens there keeps nobody out; this socket of the same number does.
    pub(super) claim: Option<UdpSocket>,
}

/// An address, if nobody listens there. libp2p shares ports, so a second peer would silently take half of the connections.
pub(super) fn free(address: &str) -> Result<FreeAddress, NetworkError> {
    let parsed: Multiaddr = address.parse().map_err(|error| unusable(address, &error))?;
    let claim = socket_of(&parsed).map_or(Ok(None), |socket| claimed(socket, USUAL_PORT));
    Ok(FreeAddress { address: parsed, claim: claim.map_err(|error| unusable(address, &error))? })
}

fn unusable(address: &str, error: &dyn fmt::Display) -> NetworkError {
    NetworkError::Listen { address: address.to_owned(), reason: error.to_string() }
}

fn claimed(socket: SocketAddr, usual: u16) -> io::Result<Option<UdpSocket>> {
    let claim = if socket.port() == usual { Some(UdpSocket::bind(socket)?) } else { None };
    TcpListener::bind(socket)?;
    Ok(claim)
}

fn swarm(
    settings: &NetworkSettings,
    known: &[(libp2p::PeerId, Multiaddr)],
    nearby: &[libp2p::PeerId],
) -> Result<Swarm<Protocols>, NetworkError> {
    let setup = |reason: String| NetworkError::Setup { reason };
    let keys = keypair(settings.secret).ok_or_else(|| setup("the secret is no key".into()))?;
    let known: Vec<libp2p::PeerId> = known.iter().map(|(peer, _)| *peer).collect();
    let behaviour =
        Protocols::new(&keys, &settings.network, &settings.limits, &known, nearby).map_err(setup)?;
    let builder = SwarmBuilder::with_existing_identity(keys)
        .with_tokio()
        .with_other_transport(|keys| Ok(carrier(keys)?))
        .map_err(|error| setup(error.to_string()))?
        .with_behaviour(|_| behaviour)
        .map_err(|error| setup(error.to_string()))?;
    let builder = builder.with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_MAX));
    Ok(builder.with_connection_timeout(HANDSHAKE_MAX).build())
}

fn known(peers: &[(PeerId, String)]) -> Result<Vec<(libp2p::PeerId, Multiaddr)>, NetworkError> {
    let read = |(peer, text): &(PeerId, String)| {
        let address = address_of(*peer, text)?;
        // The address was only read because the name is a key.
        Ok(to_libp2p(*peer).map(|peer| (peer, address)))
    };
    peers.iter().filter_map(|entry| read(entry).transpose()).collect()
}

fn seed() -> Result<u64, NetworkError> {
    getrandom::u64().map_err(|error| NetworkError::Setup { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_that_begin_at_once_on_the_usual_port_one_has_it() {
        // Ports that usual systems give to nobody who asks for any.
        let mut sockets = (20_000..32_000).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        // It has looked and does not listen yet.
        let claims = |socket: SocketAddr| Some((socket, claimed(socket, socket.port()).ok()?));
        let (socket, first) = sockets.find_map(claims).unwrap();
        assert!(claimed(socket, socket.port()).is_err());
        drop(first);
        assert!(claimed(socket, socket.port()).is_ok());
        let _listens = TcpListener::bind(socket).unwrap();
        assert!(claimed(socket, socket.port()).is_err(), "somebody else's program");
    }
}
