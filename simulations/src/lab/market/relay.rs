//! What is told to everybody, on its way from peer to peer: a gossip, and what is said in it.
//!
//! **Invariant:** the mesh has formed before the market begins; its clock is ahead of the market's by that.

use std::rc::Rc;

use assay_protocol::{message::Opened, units::Rate};

use crate::{
    kernel::{Instant, Span},
    lab::gossip::{FORMED, Gossip, GossipParameters},
    links::Links,
    world::Place,
};

/// What is told, where it is.
#[derive(Debug)]
pub struct Relay {
    gossip: Gossip,
    /// What was said, by its number in the gossip.
    said: Vec<Rc<Opened>>,
}

/// What a peer hears that it had not heard.
#[derive(Clone, Debug)]
pub struct Hearsay {
    /// Who hears it.
    pub place: Place,
    /// When.
    pub at: Instant,
    /// What was told.
    pub told: Rc<Opened>,
}

impl Relay {
    /// A gossip among so many peers, by the numbers of the libp2p crate, over ways as long as that, each time a tenth longer at
    /// most.
    #[must_use]
    pub fn new(seed: u64, peers: usize, latency: [Span; 2], loss: Rate) -> Self {
        let parameters = GossipParameters { latency, loss, ..GossipParameters::LIBP2P };
        let mut gossip = Gossip::new(seed, peers, parameters);
        gossip.form();
        Self { gossip, said: Vec::new() }
    }

    /// A peer tells this to everybody now.
    pub fn tell(&mut self, from: Place, now: Instant, told: Rc<Opened>) {
        let number = self.gossip.say(from.0 as u32, now.after(Span(FORMED.0))) as usize;
        match self.said.get_mut(number) {
            Some(place) => *place = told,
            // Numbers are given out one after another.
            None => self.said.push(told),
        }
    }

    /// When the next hop arrives.
    pub fn next_at(&mut self) -> Option<Instant> {
        self.gossip.next_at().map(market_time)
    }

    /// Lets hops arrive up to the first that brings somebody what is new to it, and none after `until`. `awake` says whose machine
    /// does not stand still then.
    pub fn advance(&mut self, until: Instant, awake: &dyn Fn(Place, Instant) -> bool) -> Option<Hearsay> {
        let until = until.after(Span(FORMED.0));
        let awake = |peer: u32, at: Instant| awake(Place(peer as usize), market_time(at));
        while self.gossip.next_at().is_some_and(|next| next <= until) {
            let Some(arrival) = self.gossip.step(&awake) else { continue };
            let told = self.said.get(arrival.message as usize).map(Rc::clone)?;
            let (place, at) = (Place(arrival.peer as usize), market_time(self.gossip.now()));
            return Some(Hearsay { place, at, told });
        }
        None
    }

    /// How many hops there were, and beats.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.gossip.counts().events
    }

    /// How long the way is between two peers that are connected.
    #[must_use]
    pub fn way(&self, from: Place, to: Place) -> Option<Span> {
        self.gossip.way(from.0 as u32, to.0 as u32)
    }

    /// From now on this, and nothing else, is wrong with the links.
    pub fn relink(&mut self, links: Links) {
        self.gossip.relink(links);
    }
}

/// A moment of the gossip by the clock of the market.
fn market_time(at: Instant) -> Instant {
    Instant(at.0.saturating_sub(FORMED.0))
}
