//! Finding peers in this room, by multicast DNS: those of whom nobody could say where they will be.
//!
//! A peer that is looked for answers; everybody else asks, until they are connected with all of them. Neither is done where
//! nobody is to be found so: a room is not told who is in it.
//!
//! **Invariant:** nothing is heard but where those are who are looked for, and that only until they are found; whoever makes
//! answers up costs a bounded memory and a few dials in vain, for nobody else has the key.

use std::{
    collections::BTreeSet,
    io,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{
        Endpoint,
        transport::{ListenerId, PortUse},
    },
    mdns,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, ListenAddresses, NetworkBehaviour, NewListenAddr,
        THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
    },
};

use super::{addresses::leads_elsewhere, rates::Rates};

/// Between two questions of one who has not found all.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// Answers of a room that are remembered; where there are more, somebody makes them up.
const ANSWERS_MAX: usize = 256;
/// Places in one second where somebody is said to be, over a longer time.
const FOUND_PER_SECOND: u32 = 2;

/// Somebody who was looked for is said to be there.
#[derive(Debug)]
pub(super) struct NearbyPeer {
    pub(super) peer: PeerId,
    pub(super) address: Multiaddr,
}

/// The room, as far as it is of interest.
pub(super) struct Vicinity {
    own: PeerId,
    /// Whether others look for this peer.
    answers: bool,
    /// Who is looked for and not connected.
    missing: BTreeSet<PeerId>,
    sought: BTreeSet<PeerId>,
    room: Option<mdns::tokio::Behaviour>,
    /// Where this peer listens, for those who look for it.
    listens: ListenAddresses,
    found: Rates<()>,
}

impl Vicinity {
    /// In which these are looked for; they may include this peer.
    pub(super) fn new(own: PeerId, nearby: impl Iterator<Item = PeerId>) -> Self {
        let (answering, sought): (BTreeSet<PeerId>, BTreeSet<PeerId>) = nearby.partition(|peer| *peer == own);
        let mut vicinity = Self {
            own,
            answers: !answering.is_empty(),
            missing: sought.clone(),
            sought,
            room: None,
            listens: ListenAddresses::default(),
            found: Rates::new(FOUND_PER_SECOND),
        };
        vicinity.enter_or_leave();
        vicinity
    }

    /// Is in the room for as long as there is a reason.
    fn enter_or_leave(&mut self) {
        if self.missing.is_empty() && !self.answers {
            self.room = None;
        } else if self.room.is_none() {
            let unheard =
                |error: &io::Error| tracing::warn!(%error, "nobody can be found on the local network");
            self.room = room(self.own, !self.missing.is_empty()).inspect_err(unheard).ok();
            let listens: Vec<Multiaddr> = self.listens.iter().cloned().collect();
            listens.iter().for_each(|address| self.tells(address));
        }
    }

    /// Says where this peer listens, if it is looked for.
    fn tells(&mut self, address: &Multiaddr) {
        let listens = NewListenAddr { listener_id: ListenerId::next(), addr: address };
        if let Some(room) = self.room.as_mut().filter(|_| self.answers) {
            room.on_swarm_event(FromSwarm::NewListenAddr(listens));
        }
    }

    /// Forgets the room, and enters it again if there is a reason.
    fn begin_anew(&mut self) {
        self.room = None;
        self.enter_or_leave();
    }

    /// The first of the answers that was hoped for.
    fn heard(&mut self, answers: Vec<(PeerId, Multiaddr)>) -> Option<NearbyPeer> {
        let is_hoped_for =
            |(peer, address): &(PeerId, Multiaddr)| self.missing.contains(peer) && leads_elsewhere(address);
        let (peer, address) = answers.into_iter().find(is_hoped_for)?;
        self.found.admit((), Instant::now()).ok()?;
        Some(NearbyPeer { peer, address })
    }
}

/// Listens to the room's networks, and to those that it is connected with later.
fn room(own: PeerId, asks: bool) -> io::Result<mdns::tokio::Behaviour> {
    let usual = mdns::Config::default();
    let query_interval = if asks { ASK_EVERY } else { usual.query_interval };
    mdns::tokio::Behaviour::new(mdns::Config { query_interval, ..usual }, own)
}

impl NetworkBehaviour for Vicinity {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = NearbyPeer;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
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
        self.listens.on_swarm_event(&event);
        match event {
            FromSwarm::NewListenAddr(listens) => self.tells(listens.addr),
            FromSwarm::ExpiredListenAddr(_) if self.answers => self.begin_anew(),
            FromSwarm::ConnectionEstablished(with) => {
                self.missing.remove(&with.peer_id);
                self.enter_or_leave();
            }
            FromSwarm::ConnectionClosed(with)
                if with.remaining_established == 0 && self.sought.contains(&with.peer_id) =>
            {
                self.missing.insert(with.peer_id);
                self.enter_or_leave();
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        while let Some(room) = &mut self.room {
            let Poll::Ready(said) = room.poll(context) else { return Poll::Pending };
            if room.discovered_nodes().len() > ANSWERS_MAX {
                self.begin_anew();
            }
            if let ToSwarm::GenerateEvent(mdns::Event::Discovered(answers)) = said
                && let Some(found) = self.heard(answers)
            {
                return Poll::Ready(ToSwarm::GenerateEvent(found));
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(peer: PeerId, host: &str) -> (PeerId, Multiaddr) {
        (peer, format!("/ip4/{host}/tcp/1").parse().unwrap())
    }

    #[tokio::test]
    async fn of_all_that_a_room_says_only_where_those_are_who_are_looked_for_is_heard() {
        let [own, notary, stranger] = [(); 3].map(|()| PeerId::random());
        let mut vicinity = Vicinity::new(own, [notary].into_iter());
        assert!(vicinity.heard(vec![said(stranger, "10.0.0.1")]).is_none());
        assert!(vicinity.heard(vec![said(notary, "127.0.0.1")]).is_none(), "that is this machine");
        let answers = vec![said(stranger, "10.0.0.1"), said(notary, "10.0.0.2")];
        let found = vicinity.heard(answers).unwrap();
        assert_eq!((found.peer, found.address), said(notary, "10.0.0.2"));
        let again = (0..100).filter(|_| vicinity.heard(vec![said(notary, "10.0.0.3")]).is_some()).count();
        assert!(again < 2 * FOUND_PER_SECOND as usize + 2, "{again} dials at once");
    }

    #[tokio::test]
    async fn a_room_is_listened_to_only_while_somebody_is_looked_for() {
        let [own, other] = [(); 2].map(|()| PeerId::random());
        let is_there = |nearby: &[PeerId]| Vicinity::new(own, nearby.iter().copied()).room.is_some();
        assert!(!is_there(&[]));
        assert!(is_there(&[own]) && is_there(&[other]));
        let mut vicinity = Vicinity::new(own, [other].into_iter());
        vicinity.missing.clear();
        vicinity.enter_or_leave();
        assert!(vicinity.room.is_none(), "it is found");
    }
}
