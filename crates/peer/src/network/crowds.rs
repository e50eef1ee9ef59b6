//! Connections that others open: so many of one address at a time, so many in a second, fewer of those that have not yet
//! shown who they are, and so many in all; and none of those who sent junk, for a while.
//!
//! **Invariant:** whoever has one address takes no more than its share of the places for newcomers, and of the work that a
//! greeting is; whoever has several bars nobody who has another one; known peers are let in from anywhere. What is
//! remembered of others has a bound.

mod guests;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
    },
};

use self::guests::Guests;
use super::{
    pulse::{Pulse, Pulses},
    rates::Rates,
};

/// Connections from one address that are being set up.
const PENDING_PER_ADDRESS_MAX: usize = 16;
/// Connections that one address begins in one second, over a longer time: each costs a greeting.
const BEGUN_PER_SECOND: u32 = 32;
/// How long nobody is let in who sent junk.
const SHUN_FOR: Duration = Duration::from_secs(10 * 60);
/// Peers that are kept out at a time.
const SHUNNED_MAX: usize = 16_384;

/// Counts connections that others open, by the address they come from.
pub(super) struct Crowds {
    known: HashSet<PeerId>,
    begun: Rates<IpAddr>,
    /// Who is kept out, and until when.
    shunned: HashMap<PeerId, Instant>,
    /// Being set up.
    pending: Places,
    /// Set up, but for those of known peers.
    guests: Guests,
    /// Connections that are to end, so that others have room.
    leaving: VecDeque<(PeerId, ConnectionId)>,
}

/// Which connection comes from where.
#[derive(Default)]
struct Places {
    of: HashMap<ConnectionId, IpAddr>,
    at: HashMap<IpAddr, usize>,
}

/// Why a connection is not taken.
#[derive(Debug, thiserror::Error)]
enum KeptOut {
    #[error("too many connections come from {0}")]
    Crowded(IpAddr),
    #[error("the peer sent junk not long ago")]
    Shunned,
    #[error("every place is taken by somebody who is of use")]
    Full,
}

impl Crowds {
    /// With so many places, of which one address has some, and more for those that are known.
    pub(super) fn new(places: usize, per_address_max: usize, known: impl Iterator<Item = PeerId>) -> Self {
        let (begun, shunned) = (Rates::new(BEGUN_PER_SECOND), HashMap::new());
        let (pending, guests) = (Places::default(), Guests::new(places, per_address_max));
        Self { known: known.collect(), begun, shunned, pending, guests, leaving: VecDeque::new() }
    }

    /// Notes that a peer said something.
    pub(super) fn hear(&mut self, peer: &PeerId, now: Instant) {
        self.guests.hear(peer, now);
    }

    /// Where it is noted that something moves to or from a peer; nowhere, if it holds no place of others.
    pub(super) fn pulse(&self, peer: &PeerId) -> Option<Pulse> {
        self.guests.pulses().of(peer)
    }

    /// The same of each who does.
    pub(super) fn pulses(&self) -> Pulses {
        self.guests.pulses().clone()
    }

    /// Keeps a peer out for a while, unless it is one that this peer knows. Says whether it does.
    pub(super) fn shun(&mut self, peer: PeerId, now: Instant) -> bool {
        let keeps_out = !self.known.contains(&peer)
            && (self.shunned.len() < SHUNNED_MAX || self.shunned.contains_key(&peer));
        if keeps_out {
            self.shunned.insert(peer, now + SHUN_FOR);
        }
        keeps_out
    }

    /// Whether a peer is kept out.
    pub(super) fn shuns(&self, peer: &PeerId, now: Instant) -> bool {
        self.shunned.get(peer).is_some_and(|until| now < *until)
    }

    /// Forgets what is over.
    pub(super) fn forget(&mut self, now: Instant) {
        self.begun.forget(now);
        self.shunned.retain(|_, until| now < *until);
    }
}

impl Places {
    fn take(&mut self, id: ConnectionId, from: IpAddr, max: usize) -> Result<(), ConnectionDenied> {
        let taken = self.at.entry(from).or_default();
        if *taken >= max {
            return Err(ConnectionDenied::new(KeptOut::Crowded(from)));
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
        let Some(from) = source(from) else { return Ok(()) };
        let is_within = self.begun.admit(from, Instant::now());
        is_within.map_err(|_| ConnectionDenied::new(KeptOut::Crowded(from)))?;
        self.pending.take(id, from, PENDING_PER_ADDRESS_MAX)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending.leave(&id);
        let now = Instant::now();
        if self.shuns(&peer, now) {
            return Err(ConnectionDenied::new(KeptOut::Shunned));
        }
        if !self.known.contains(&peer) {
            let from = source(from).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            let leaves = self.guests.enter(id, peer, from, now).map_err(ConnectionDenied::new)?;
            self.leaving.extend(leaves);
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
            FromSwarm::ConnectionClosed(closed) => self.guests.leave(&closed.connection_id),
            FromSwarm::ListenFailure(failed) => {
                self.pending.leave(&failed.connection_id);
                // Denied by another bound behind this one.
                self.guests.leave(&failed.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        let Some((peer_id, id)) = self.leaving.pop_front() else { return Poll::Pending };
        tracing::debug!(peer = %peer_id, "a connection ends, so that another has its place");
        Poll::Ready(ToSwarm::CloseConnection { peer_id, connection: CloseConnection::One(id) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sent_junk_is_kept_out_for_a_while_and_no_known_peer_ever() {
        let [known, stranger] = [PeerId::random(), PeerId::random()];
        let (mut crowds, now) = (Crowds::new(256, 8, [known].into_iter()), Instant::now());
        assert!(crowds.shun(stranger, now) && !crowds.shun(known, now));
        assert!(crowds.shuns(&stranger, now) && !crowds.shuns(&known, now));
        let here = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
        let mut enters = |peer| {
            let id = ConnectionId::new_unchecked(1);
            crowds.handle_established_inbound_connection(id, peer, &here, &here).is_ok()
        };
        assert!(!enters(stranger) && enters(known));
        assert!(!crowds.shuns(&stranger, now + SHUN_FOR));
        crowds.forget(now + SHUN_FOR);
        assert!(crowds.shunned.is_empty());
    }

    #[test]
    fn an_address_has_so_many_connections_that_are_being_set_up() {
        let (mut crowds, here) =
            (Crowds::new(256, 8, [].into_iter()), "/ip4/10.0.0.1/tcp/1".parse().unwrap());
        let mut begins = |number: &usize| {
            let id = ConnectionId::new_unchecked(*number);
            crowds.handle_pending_inbound_connection(id, &here, &here).is_ok()
        };
        assert_eq!((0..40).filter(|number| begins(number)).count(), PENDING_PER_ADDRESS_MAX);
    }

    #[test]
    fn an_address_begins_no_more_connections_than_its_rate() {
        let mut crowds = Crowds::new(256, 8, [].into_iter());
        let [here, there] = ["/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.2/tcp/1"].map(|text| text.parse().unwrap());
        let mut begin = |number, from| {
            let id = ConnectionId::new_unchecked(number);
            let begun = crowds.handle_pending_inbound_connection(id, &here, from).is_ok();
            crowds.pending.leave(&id);
            begun
        };
        let begun = (0..1000).filter(|number| begin(*number, &here)).count();
        assert!((64..100).contains(&begun), "{begun} of a thousand at once");
        assert!(begin(1000, &there), "another address has its own");
    }

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
