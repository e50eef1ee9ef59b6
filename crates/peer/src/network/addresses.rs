//! Where peers may be reached.
//!
//! **Invariant:** a peer's own claims take the place of its earlier claims only, and none of them leads to this machine
//! unless the peer is on it; what others say of a peer leads to this machine or this room only if we are there for others
//! ourselves; the book has a bound, and known peers are never dropped from it.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

/// Addresses kept of one peer and from one source.
const PER_PEER_MAX: usize = 8;
/// Peers whose addresses are kept, beside the known ones.
const PEERS_MAX: usize = 4096;

/// The address book.
pub(super) struct Addresses {
    known: HashMap<PeerId, Vec<Multiaddr>>,
    heard: HashMap<PeerId, HeardAddresses>,
    /// The peers of `heard`, the one added first at the front.
    order: VecDeque<PeerId>,
    nearness: Nearness,
}

/// How near the addresses are that others may send us to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nearness {
    /// To this machine.
    machine: bool,
    /// To networks that are not the whole world's.
    room: bool,
}

impl Nearness {
    /// As near as we listen for others, were told that known peers are, or look for them.
    pub(super) fn of<'a>(
        listen: &[String],
        known: impl Iterator<Item = &'a Multiaddr>,
        looks_nearby: bool,
    ) -> Self {
        let listen: Vec<Multiaddr> = listen.iter().filter_map(|address| address.parse().ok()).collect();
        let listen = listen.iter().filter_map(Multiaddr::ip_addr);
        let all = listen.chain(known.filter_map(Multiaddr::ip_addr));
        all.fold(Self { machine: false, room: looks_nearby }, |nearness, host| Self {
            machine: nearness.machine || host.is_loopback(),
            room: nearness.room || is_private(host),
        })
    }

    fn admits(self, host: IpAddr) -> bool {
        (self.machine || !is_this_machine(host)) && (self.room || !is_private(host))
    }
}

#[derive(Default)]
struct HeardAddresses {
    /// From others.
    hints: VecDeque<Multiaddr>,
    /// From the peer itself.
    claims: Vec<Multiaddr>,
}

impl Addresses {
    pub(super) fn new(known: impl Iterator<Item = (PeerId, Multiaddr)>, nearness: Nearness) -> Self {
        let mut book =
            Self { known: HashMap::new(), heard: HashMap::new(), order: VecDeque::new(), nearness };
        known.for_each(|(peer, address)| book.known.entry(peer).or_default().push(address));
        book
    }

    /// All addresses of a peer, the surest first.
    pub(super) fn of(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let known = self.known.get(peer).into_iter().flatten();
        let heard =
            self.heard.get(peer).into_iter().flat_map(|heard| heard.claims.iter().chain(&heard.hints));
        let mut all = Vec::new();
        for address in known.chain(heard) {
            if !all.contains(address) {
                all.push(address.clone());
            }
        }
        all
    }

    /// A known peer is said to be here; the last that was said is tried first.
    pub(super) fn found(&mut self, peer: PeerId, address: Multiaddr) {
        let (places, address) = (self.known.entry(peer).or_default(), without_peer(address));
        places.retain(|place| *place != address);
        places.truncate(PER_PEER_MAX - 1);
        places.insert(0, address);
    }

    /// This peer listens here.
    pub(super) fn listens_on(&mut self, address: &Multiaddr) {
        self.nearness.room |= address.ip_addr().is_some_and(is_private);
    }

    /// Notes what somebody said about a peer, unless it leads nearer than anybody could mean who is not here.
    pub(super) fn hint(&mut self, peer: PeerId, address: Multiaddr) {
        if host_of(&address).is_none_or(|host| !self.nearness.admits(host)) {
            return;
        }
        let hints = &mut self.entry(peer).hints;
        if !hints.contains(&address) {
            hints.truncate(PER_PEER_MAX - 1);
            hints.push_front(address);
        }
    }

    /// Notes what a peer says about itself.
    pub(super) fn claim(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, is_local: bool) {
        let is_usable = |host: IpAddr| is_local || !is_this_machine(host);
        let usable = addresses.into_iter().filter(|address| host_of(address).is_some_and(is_usable));
        let claims = usable.map(without_peer).take(PER_PEER_MAX).collect();
        self.entry(peer).claims = claims;
    }

    fn entry(&mut self, peer: PeerId) -> &mut HeardAddresses {
        if !self.heard.contains_key(&peer) {
            self.order.push_back(peer);
            if self.order.len() > PEERS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.heard.remove(&oldest);
            }
        }
        self.heard.entry(peer).or_default()
    }
}

/// Whether an address means whoever uses it.
pub(super) fn leads_to_this_machine(address: &Multiaddr) -> bool {
    host_of(address).is_some_and(is_this_machine)
}

/// Whether it is clear that an address means another machine than whoever uses it.
pub(super) fn leads_elsewhere(address: &Multiaddr) -> bool {
    host_of(address).is_some_and(|host| !is_this_machine(host))
}

fn is_this_machine(host: IpAddr) -> bool {
    host.is_loopback() || host.is_unspecified()
}

/// Whether an address is one of a room or a house: it names somebody else in each of them.
fn is_private(host: IpAddr) -> bool {
    match host {
        IpAddr::V4(host) => host.is_private() || host.is_link_local(),
        IpAddr::V6(host) => host.is_unique_local() || host.is_unicast_link_local(),
    }
}

/// The host that is dialled at an address, which is a host and a port of TCP and no more: of several in one the last would be
/// dialled, whatever the first is. A host of version 4 that is written as one of version 6 is the same.
fn host_of(address: &Multiaddr) -> Option<IpAddr> {
    let socket = socket_of(address)?;
    let is_alone = address.iter().skip(2).all(|part| matches!(part, Protocol::P2p(_)));
    is_alone.then(|| socket.ip().to_canonical())
}

/// The socket that an address over TCP names.
pub(super) fn socket_of(address: &Multiaddr) -> Option<SocketAddr> {
    let Protocol::Tcp(port) = address.iter().nth(1)? else { return None };
    Some(SocketAddr::new(address.ip_addr()?, port))
}

fn without_peer(mut address: Multiaddr) -> Multiaddr {
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Nearness = Nearness { machine: true, room: true };

    #[test]
    fn offers_send_nobody_to_machines_that_are_not_meant() {
        let hosts = ["127.0.0.1", "0.0.0.0", "10.0.0.1", "192.168.1.1", "169.254.1.1", "93.184.216.34"];
        let kept = |listen: &[&str], known: Option<&str>| {
            let listen: Vec<String> = listen.iter().map(|text| (*text).to_owned()).collect();
            let known: Vec<Multiaddr> = known.map(|host| address(host, 1)).into_iter().collect();
            let nearness = Nearness::of(&listen, known.iter(), false);
            let (mut book, peer) = (Addresses::new([].into_iter(), nearness), PeerId::random());
            hosts.iter().for_each(|host| book.hint(peer, address(host, 9)));
            book.of(&peer).len()
        };
        assert_eq!(kept(&["/ip4/0.0.0.0/tcp/0"], Some("93.184.216.35")), 1, "the whole world alone");
        assert_eq!(kept(&["/ip4/10.0.0.2/tcp/0"], None), 4, "this room");
        assert_eq!(kept(&["/ip4/127.0.0.1/tcp/0"], None), 3, "this machine");
        assert_eq!(kept(&[], Some("127.0.0.1")), 3, "this machine, where a known peer is");
    }

    fn address(host: &str, port: u16) -> Multiaddr {
        format!("/ip4/{host}/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn an_address_leads_nowhere_else_than_it_seems_to() {
        let disguised = [
            "/ip4/93.184.216.34/ip4/127.0.0.1/tcp/9",
            "/ip4/93.184.216.34/tcp/9/ip4/127.0.0.1/tcp/9",
            "/ip4/93.184.216.34/ip4/10.0.0.1/tcp/9",
            "/dns4/example.org/ip4/127.0.0.1/tcp/9",
            "/tcp/9/ip4/127.0.0.1/tcp/9",
            "/ip6/::ffff:127.0.0.1/tcp/9",
        ]
        .map(|text| text.parse::<Multiaddr>().unwrap());
        let public = address("93.184.216.34", 9);
        let (mut book, peer) = (Addresses::new([].into_iter(), Nearness::default()), PeerId::random());
        let said = || disguised.iter().chain([&public]).cloned();
        said().for_each(|address| book.hint(peer, address));
        book.hint(peer, "/ip6/::ffff:10.0.0.1/tcp/9".parse().unwrap());
        assert_eq!(book.of(&peer), std::slice::from_ref(&public), "what others say");
        let claimant = PeerId::random();
        book.claim(claimant, said().collect(), false);
        assert_eq!(book.of(&claimant), std::slice::from_ref(&public), "what it says itself");
        assert!(leads_elsewhere(&public) && !disguised.iter().any(leads_elsewhere), "what a room says");
    }

    #[test]
    fn a_stranger_cannot_make_us_dial_ourselves_nor_forget_a_known_peer() {
        let [known, stranger] = [PeerId::random(), PeerId::random()];
        let mut book = Addresses::new([(known, address("10.0.0.1", 1))].into_iter(), Nearness::default());
        book.claim(
            stranger,
            vec![address("127.0.0.1", 1), address("0.0.0.0", 1), address("10.0.0.2", 1)],
            false,
        );
        assert_eq!(book.of(&stranger), [address("10.0.0.2", 1)]);
        book.claim(stranger, vec![address("127.0.0.1", 1)], true);
        assert_eq!(book.of(&stranger), [address("127.0.0.1", 1)]);
        (0..=PEERS_MAX).for_each(|_| book.claim(PeerId::random(), vec![], true));
        assert_eq!(book.of(&stranger), []);
        assert_eq!(book.of(&known), [address("10.0.0.1", 1)]);
        assert!(book.heard.len() <= PEERS_MAX);
    }

    #[test]
    fn of_many_addresses_a_few_are_kept_and_hints_outlive_claims() {
        let (mut book, peer) = (Addresses::new([].into_iter(), NEAR), PeerId::random());
        (0..100).for_each(|port| book.hint(peer, address("10.0.0.1", port)));
        book.claim(peer, (0..100).map(|port| address("10.0.0.2", port)).collect(), false);
        assert_eq!(book.of(&peer).len(), 2 * PER_PEER_MAX);
        book.claim(peer, vec![], false);
        assert_eq!(book.of(&peer)[0], address("10.0.0.1", 99));
    }
}
