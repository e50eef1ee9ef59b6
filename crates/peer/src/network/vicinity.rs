//! Finding peers in this room, by multicast DNS: those of whom nobody could say where they will be.
//!
//! A peer that is looked for answers; everybody else asks, until they are connected with all of them. Neither is done where
//! nobody is to be found so: a room is not told who is in it.
//!
//! An answer is told once, however often the room repeats it. So each that is hoped for is kept until it can be tried, and the room
//! is entered anew for whoever is missed again: where that one is by now may have been said while it was not looked for.
//!
//! **Invariant:** nothing is heard but where those are who are looked for, and that only until they are found; whoever makes
//! answers up costs a bounded memory and a few dials in vain, for nobody else has the key.

use std::{
    collections::{BTreeSet, VecDeque},
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
    /// Answers that were hoped for and not tried yet.
    answers_heard: VecDeque<NearbyPeer>,
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
            answers_heard: VecDeque::new(),
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
        (self.room, self.answers_heard) = (None, VecDeque::new());
        self.enter_or_leave();
    }

    /// Looks for somebody again.
    fn miss(&mut self, peer: PeerId) {
        self.missing.insert(peer);
        self.begin_anew();
    }

    /// Keeps the answers that were hoped for.
    fn hear(&mut self, answers: Vec<(PeerId, Multiaddr)>) {
        let is_hoped_for =
            |(peer, address): &(PeerId, Multiaddr)| self.missing.contains(peer) && leads_elsewhere(address);
        let hoped_for = answers.into_iter().filter(is_hoped_for);
        let room = ANSWERS_MAX.saturating_sub(self.answers_heard.len());
        self.answers_heard.extend(hoped_for.take(room).map(|(peer, address)| NearbyPeer { peer, address }));
    }

    /// The next of them that may be tried. One that has to wait is tried with what the room says next, which is soon: it is asked
    /// for as long as somebody is missing.
    fn next_found(&mut self, now: Instant) -> Option<NearbyPeer> {
        self.answers_heard.retain(|heard| self.missing.contains(&heard.peer));
        if self.answers_heard.is_empty() {
            return None;
        }
        self.found.admit((), now).ok()?;
        self.answers_heard.pop_front()
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
                self.miss(with.peer_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            if let Some(found) = self.next_found(Instant::now()) {
                return Poll::Ready(ToSwarm::GenerateEvent(found));
            }
            let Some(room) = &mut self.room else { return Poll::Pending };
            let Poll::Ready(said) = room.poll(context) else { return Poll::Pending };
            if room.discovered_nodes().len() > ANSWERS_MAX {
                self.begin_anew();
            }
            if let ToSwarm::GenerateEvent(mdns::Event::Discovered(answers)) = said {
                self.hear(answers);
            }
        }
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
        let (mut vicinity, now) = (Vicinity::new(own, [notary].into_iter()), Instant::now());
        let mut found = |answers| {
            vicinity.hear(answers);
            vicinity.next_found(now).map(|found| (found.peer, found.address))
        };
        assert_eq!(found(vec![said(stranger, "10.0.0.1")]), None);
        assert_eq!(found(vec![said(notary, "127.0.0.1")]), None, "that is this machine");
        let answers = vec![said(stranger, "10.0.0.1"), said(notary, "10.0.0.2")];
        assert_eq!(found(answers), Some(said(notary, "10.0.0.2")));
        let again = (0..100).filter(|_| found(vec![said(notary, "10.0.0.3")]).is_some()).count();
        assert!(again < 2 * FOUND_PER_SECOND as usize + 2, "{again} dials at once");
    }

    #[tokio::test]
    async fn all_who_are_looked_for_are_found_though_they_answer_at_once() {
        let sought: Vec<PeerId> = (0..7).map(|_| PeerId::random()).collect();
        let (mut vicinity, begun) = (Vicinity::new(PeerId::random(), sought.iter().copied()), Instant::now());
        vicinity.hear(sought.iter().map(|peer| said(*peer, "10.0.0.1")).collect());
        let later = |seconds| begun + Duration::from_secs(seconds);
        let found: Vec<PeerId> = (0..sought.len() as u64)
            .filter_map(|second| vicinity.next_found(later(second)).map(|found| found.peer))
            .collect();
        assert_eq!(found, sought);
        vicinity.hear(vec![said(sought[0], "10.0.0.2"), said(sought[1], "10.0.0.2")]);
        vicinity.missing.remove(&sought[0]);
        let next = vicinity.next_found(later(100)).map(|found| found.peer);
        assert_eq!(next, Some(sought[1]), "who is connected by now is looked for no longer");
        let made_up = |number: u8| said(sought[1], &format!("10.0.1.{number}"));
        (0..=u8::MAX).for_each(|number| vicinity.hear(vec![made_up(number); 2]));
        assert_eq!(vicinity.answers_heard.len(), ANSWERS_MAX);
    }

    #[tokio::test]
    async fn a_room_is_entered_anew_for_whoever_is_missed_again() {
        let [own, one, other] = [(); 3].map(|()| PeerId::random());
        let mut vicinity = Vicinity::new(own, [one, other].into_iter());
        vicinity.hear(vec![said(other, "10.0.0.1")]);
        vicinity.missing.remove(&one);
        vicinity.miss(one);
        assert!(vicinity.missing.contains(&one) && vicinity.room.is_some());
        assert!(vicinity.answers_heard.is_empty(), "all of them are told anew");
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
