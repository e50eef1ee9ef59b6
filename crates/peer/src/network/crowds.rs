//! Connections from one address: so many at a time, and fewer of those that have not yet shown who they are.
//!
//! **Invariant:** whoever has one address takes no more than its share of the places for newcomers; known peers are let in
//! from anywhere. Nothing is remembered of an address without a connection.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    fmt,
    net::{IpAddr, Ipv6Addr},
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

/// Connections from one address that are being set up.
const PENDING_PER_ADDRESS_MAX: usize = 16;

/// Counts connections that others open, by the address they come from.
pub(super) struct Crowds {
    known: HashSet<PeerId>,
    per_address_max: usize,
    /// Being set up.
    pending: Places,
    /// Set up.
    open: Places,
}

/// Which connection comes from where.
#[derive(Default)]
struct Places {
    of: HashMap<ConnectionId, IpAddr>,
    at: HashMap<IpAddr, usize>,
}

/// Too many come from there.
#[derive(Debug)]
struct Crowded(IpAddr);

impl fmt::Display for Crowded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "too many connections come from {}", self.0)
    }
}

impl std::error::Error for Crowded {}

impl Crowds {
    pub(super) fn new(per_address_max: usize, known: impl Iterator<Item = PeerId>) -> Self {
        let (pending, open) = (Places::default(), Places::default());
        Self { known: known.collect(), per_address_max, pending, open }
    }
}

impl Places {
    fn take(&mut self, id: ConnectionId, from: IpAddr, max: usize) -> Result<(), ConnectionDenied> {
        let taken = self.at.entry(from).or_default();
        if *taken >= max {
            return Err(ConnectionDenied::new(Crowded(from)));
        }
        *taken += 1;
        self.of.insert(id, from);
        Ok(())
    }

    fn leave(&mut self, id: &ConnectionId) {
        let Some(from) = self.of.remove(id) else { return };
        if let Some(taken) = self.at.get_mut(&from) {
            *taken -= 1;
            if *taken == 0 {
                self.at.remove(&from);
            }
        }
    }
}

/// Whom an address stands for: a host, or whoever has a network of version 6 to itself.
fn source(address: &Multiaddr) -> Option<IpAddr> {
    match address.ip_addr()? {
        IpAddr::V4(host) => Some(IpAddr::V4(host)),
        IpAddr::V6(host) => {
            let [a, b, c, d, ..] = host.segments();
            Some(host.to_ipv4_mapped().map_or(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), IpAddr::V4))
        }
    }
}

impl NetworkBehaviour for Crowds {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        source(from).map_or(Ok(()), |from| self.pending.take(id, from, PENDING_PER_ADDRESS_MAX))
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending.leave(&id);
        if let Some(from) = source(from).filter(|_| !self.known.contains(&peer)) {
            self.open.take(id, from, self.per_address_max)?;
        }
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "libp2p tells much, and more with each version")]
    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.open.leave(&closed.connection_id),
            FromSwarm::ListenFailure(failed) => {
                self.pending.leave(&failed.connection_id);
                // Denied by another bound behind this one.
                self.open.leave(&failed.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_version_six_is_one_source_and_nothing_is_remembered_of_who_left() {
        let of = |text: &str| source(&text.parse().unwrap()).unwrap();
        assert_eq!(of("/ip6/2001:db8::1/tcp/1"), of("/ip6/2001:db8::ffff:2/tcp/9"));
        assert_ne!(of("/ip6/2001:db8::1/tcp/1"), of("/ip6/2001:db8:0:1::1/tcp/1"));
        assert_eq!(of("/ip6/::ffff:10.0.0.1/tcp/1"), of("/ip4/10.0.0.1/tcp/1"));
        let (mut places, host) = (Places::default(), of("/ip4/10.0.0.1/tcp/1"));
        let ids: Vec<ConnectionId> = (0..3).map(ConnectionId::new_unchecked).collect();
        assert!(places.take(ids[0], host, 2).is_ok() && places.take(ids[1], host, 2).is_ok());
        assert!(places.take(ids[2], host, 2).is_err());
        ids.iter().for_each(|id| places.leave(id));
        assert!(places.of.is_empty() && places.at.is_empty());
    }
}
