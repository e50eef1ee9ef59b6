//! Gossip, hop by hop: a mesh over which messages are pushed, and word of what was heard to a few beside it.
//!
//! Peers beat at phases of their own. A peer that has nothing to mend and nothing to tell does not beat.
//!
//! Left out of what the libp2p crate does: scores and what follows from them, the word of what one does not want, bounds on how
//! much is asked for, and connections that come and go. Machines that stand still and links that are cut lose what comes.
//!
//! **Invariant:** a message is delivered to each peer once; every other arrival is counted as a copy.

mod mesh;
mod messages;
mod parameters;
mod spread;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::{mesh::Mesh, messages::GossipMessages};
pub use self::{parameters::GossipParameters, spread::SpreadTable};
use super::calendar::Calendar;
use crate::{
    kernel::{Instant, Span},
    links::Links,
    random::Stream,
    world::Place,
};

/// A beat.
const BEAT: u64 = 1_000_000_000;
/// Beats in which the mesh forms before the first message.
const FORMING: u64 = 20;
/// When it has formed.
pub const FORMED: Instant = Instant(FORMING * BEAT);

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GossipCounts {
    /// First arrivals of a message at a peer that did not send it.
    pub deliveries: u64,
    /// Messages that were sent whole.
    pub messages: u64,
    /// Words of what was heard.
    pub haves: u64,
    /// Requests for what was missed.
    pub wants: u64,
    /// Events of any kind.
    pub events: u64,
    /// The sum of the times to all deliveries, in nanoseconds.
    pub delay_sum: u64,
}

/// A message that a peer has from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GossipArrival {
    /// The peer.
    pub peer: u32,
    /// The number of the message.
    pub message: u32,
    /// How long it was under way.
    pub delay: Span,
}

/// What happens. An edge is the half of a connection that leads from its owner to a neighbour.
#[derive(Clone, Copy, Debug)]
enum Hop {
    Beat(u32),
    Source(u32),
    Whole { edge: u32, message: u32 },
    Have { edge: u32, list: u32 },
    Want { edge: u32, list: u32 },
    Graft(u32),
    Prune(u32),
}

/// A gossip among peers.
#[derive(Debug)]
pub struct Gossip {
    parameters: GossipParameters,
    calendar: Calendar<Hop>,
    mesh: Mesh,
    luck: Stream,
    delays: Stream,
    phases: Vec<u32>,
    beats: Vec<bool>,
    /// What each peer tells of, with the beats for which it did.
    fresh: Vec<Vec<(u32, u8)>>,
    messages: GossipMessages,
    lists: Vec<Vec<u32>>,
    spare: Vec<u32>,
    /// Until when an edge stays out of the mesh of its owner.
    backoffs: BTreeMap<u32, Instant>,
    links: Links,
    counts: GossipCounts,
}

impl Gossip {
    /// A gossip among so many peers.
    #[must_use]
    pub fn new(seed: u64, peers: usize, parameters: GossipParameters) -> Self {
        let mut phases = Stream::new(seed, "phases", 0);
        let mut gossip = Self {
            parameters,
            calendar: Calendar::default(),
            mesh: Mesh::new(seed, peers, parameters.dials, parameters.latency),
            luck: Stream::new(seed, "gossip", 0),
            delays: Stream::new(seed, "delays", 0),
            phases: (0..peers).map(|_| phases.below(BEAT) as u32).collect(),
            beats: vec![false; peers],
            fresh: vec![Vec::new(); peers],
            messages: GossipMessages::new(peers),
            lists: Vec::new(),
            spare: Vec::new(),
            backoffs: BTreeMap::new(),
            links: Links::default(),
            counts: GossipCounts::default(),
        };
        (0..peers as u32).for_each(|peer| gossip.beat_soon(peer));
        gossip
    }

    /// Lets a message a beat be sent, by sources in turn, and everything come to rest.
    pub fn run(&mut self, messages: u32, sources: u32) -> GossipCounts {
        self.live(messages, sources, |_| {});
        self.counts
    }

    /// The same, and how long each delivery took.
    pub fn delays(&mut self, messages: u32, sources: u32) -> Vec<Span> {
        let mut delays = Vec::new();
        self.live(messages, sources, |arrival| delays.push(arrival.delay));
        delays
    }

    fn live(&mut self, messages: u32, sources: u32, mut arrives: impl FnMut(GossipArrival)) {
        let peers = self.phases.len() as u64;
        let sources: Vec<u32> = (0..sources).map(|_| self.luck.below(peers) as u32).collect();
        for message in 0..messages {
            let source = sources[message as usize % sources.len()];
            self.say(source, Instant((FORMING + u64::from(message)) * BEAT));
        }
        while !self.calendar.is_empty() {
            self.step(&|_, _| true).into_iter().for_each(&mut arrives);
        }
    }

    /// Lets the mesh form, so that the first message finds one.
    pub fn form(&mut self) {
        while self.next_at().is_some_and(|next| next <= FORMED) {
            self.step(&|_, _| true);
        }
        self.calendar.advance(FORMED);
    }

    /// Lets a peer say something then; the number that it goes by while anybody speaks of it.
    pub fn say(&mut self, source: u32, at: Instant) -> u32 {
        let message = self.messages.begin(source, at);
        self.calendar.at(at, Hop::Source(message));
        message
    }

    /// From now on this, and nothing else, is wrong with the links.
    pub fn relink(&mut self, links: Links) {
        self.links = links;
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.calendar.now()
    }

    /// When something happens next.
    pub fn next_at(&mut self) -> Option<Instant> {
        self.calendar.next_at()
    }

    /// What came of it so far.
    #[must_use]
    pub fn counts(&self) -> GossipCounts {
        self.counts
    }

    /// How long the way is between two peers that are connected.
    #[must_use]
    pub fn way(&self, from: u32, to: u32) -> Option<Span> {
        self.mesh.way(from, to)
    }

    /// Lets one thing happen; the message that somebody has from now on, if there is one. `awake` says whose machine does not
    /// stand still then.
    pub fn step(&mut self, awake: &dyn Fn(u32, Instant) -> bool) -> Option<GossipArrival> {
        let hop = self.calendar.pop()?;
        self.counts.events += 1;
        let now = self.calendar.now();
        let reached = hop.edge().map(|edge| self.mesh.to(edge));
        if reached.is_some_and(|peer| !awake(peer, now)) {
            self.lose(hop);
            return None;
        }
        match hop {
            Hop::Beat(peer) if awake(peer, now) => self.beat(peer),
            Hop::Beat(peer) => {
                self.beats[peer as usize] = false;
                self.beat_soon(peer);
            }
            Hop::Source(message) => self.begin(message),
            Hop::Whole { edge, message } => return self.arrive(edge, message),
            Hop::Have { edge, list } => self.hear(edge, list),
            Hop::Want { edge, list } => self.answer(edge, list),
            Hop::Graft(edge) => self.graft(self.mesh.back(edge)),
            Hop::Prune(edge) => {
                self.leave(self.mesh.back(edge));
                self.beat_soon(self.mesh.to(edge));
            }
        }
        None
    }

    fn begin(&mut self, message: u32) {
        let source = self.messages.source(message);
        self.messages.mark(source, message);
        self.tell_of(source, message);
        let edges: Vec<u32> = if self.parameters.flood {
            self.mesh.edges(source).collect()
        } else {
            self.mesh.of(source).to_vec()
        };
        edges.into_iter().for_each(|edge| self.push(edge, message));
        self.messages.let_go(message);
    }

    fn arrive(&mut self, edge: u32, message: u32) -> Option<GossipArrival> {
        let peer = self.mesh.to(edge);
        if !self.messages.mark(peer, message) {
            self.messages.let_go(message);
            return None;
        }
        let delay = Span(self.calendar.now().0 - self.messages.begun(message).0);
        self.counts.deliveries += 1;
        self.counts.delay_sum += delay.0;
        self.tell_of(peer, message);
        let (back, source) = (self.mesh.back(edge), self.messages.source(message));
        for place in 0..self.mesh.of(peer).len() {
            let onward = self.mesh.of(peer)[place];
            if onward != back && self.mesh.to(onward) != source {
                self.push(onward, message);
            }
        }
        // Whoever has it tells of it, so its number stays.
        self.messages.let_go(message);
        Some(GossipArrival { peer, message, delay })
    }

    fn push(&mut self, edge: u32, message: u32) {
        self.counts.messages += 1;
        self.messages.name(message);
        self.send(edge, Hop::Whole { edge, message });
    }

    fn send(&mut self, edge: u32, hop: Hop) {
        let latency = self.mesh.latency(edge);
        let more = self.delays.below(latency.0 / 10);
        if self.parameters.loss.0 > 0 && self.delays.happens(self.parameters.loss) {
            return self.lose(hop);
        }
        let mut span = latency.plus(Span(more));
        if !self.links.are_whole() {
            let [from, to] = [self.mesh.owner(edge), self.mesh.to(edge)].map(|peer| Place(peer as usize));
            if !self.links.pass(from, to) {
                return self.lose(hop);
            }
            span = self.links.stretched(from, to, span);
        }
        self.calendar.after(span, hop);
    }

    /// What is said does not arrive. Who joins a mesh or leaves it says so until it does.
    fn lose(&mut self, hop: Hop) {
        match hop {
            Hop::Whole { edge, message } => {
                self.messages.misses(self.mesh.to(edge), message);
                self.messages.let_go(message);
            }
            Hop::Have { list, .. } => {
                self.take(list).into_iter().for_each(|message| self.messages.let_go(message));
            }
            Hop::Want { edge, list } => {
                let asker = self.mesh.owner(edge);
                for message in self.take(list) {
                    self.messages.misses(asker, message);
                    self.messages.let_go(message);
                }
            }
            Hop::Graft(_) | Hop::Prune(_) => self.calendar.after(Span(BEAT), hop),
            Hop::Beat(_) | Hop::Source(_) => {}
        }
    }

    fn tell_of(&mut self, peer: u32, message: u32) {
        self.messages.name(message);
        self.fresh[peer as usize].push((message, 0));
        self.beat_soon(peer);
    }

    /// Lets a peer beat when it is its time, if that is not due anyway.
    fn beat_soon(&mut self, peer: u32) {
        if core::mem::replace(&mut self.beats[peer as usize], true) {
            return;
        }
        let (now, phase) = (self.calendar.now().0, u64::from(self.phases[peer as usize]));
        let beats = (now + BEAT - phase) / BEAT;
        self.calendar.at(Instant(beats * BEAT + phase), Hop::Beat(peer));
    }

    fn beat(&mut self, peer: u32) {
        self.beats[peer as usize] = false;
        let GossipParameters { degree, degree_low, outbound_min, .. } = self.parameters;
        let size = self.mesh.of(peer).len();
        if size < degree_low {
            self.join_some(peer, degree - size, false);
        }
        if self.is_crowded(size) {
            self.prune(peer);
        }
        let (size, outbound) = (self.mesh.of(peer).len(), self.mesh.outbound(peer));
        if size >= degree_low && outbound < outbound_min {
            self.join_some(peer, outbound_min - outbound, true);
        }
        // Whom it left lately it can ask later.
        if size < degree_low && size < self.mesh.edges(peer).len() && self.parameters.backoff > 0 {
            self.beat_soon(peer);
        }
        self.gossip(peer);
    }

    /// Asks so many into the mesh of a peer: of those that it dialled, where that is what it lacks.
    fn join_some(&mut self, peer: u32, count: usize, dialled: bool) {
        let Self { mesh, luck, backoffs, calendar, .. } = self;
        let now = calendar.now();
        let free = |edge: u32| backoffs.get(&edge).is_none_or(|until| *until <= now);
        let picked = mesh.beside(peer, count, luck, |edge| free(edge) && (!dialled || mesh.is_dialled(edge)));
        for edge in picked {
            self.mesh.join(edge);
            self.send(edge, Hop::Graft(edge));
        }
    }

    fn prune(&mut self, peer: u32) {
        let GossipParameters { degree, outbound_min, .. } = self.parameters;
        while self.mesh.of(peer).len() > degree {
            let place = self.luck.below(self.mesh.of(peer).len() as u64) as usize;
            let edge = self.mesh.of(peer)[place];
            if self.mesh.is_dialled(edge) && self.mesh.outbound(peer) <= outbound_min.min(degree) {
                continue;
            }
            self.leave(edge);
            self.send(edge, Hop::Prune(edge));
        }
    }

    /// Takes an edge out of the mesh of its owner, and leaves it out for a while.
    fn leave(&mut self, edge: u32) {
        self.mesh.leave(edge);
        if self.parameters.backoff > 0 {
            let until = self.calendar.now().after(Span(self.parameters.backoff.saturating_mul(BEAT)));
            self.backoffs.insert(edge, until);
        }
    }

    fn is_crowded(&self, size: usize) -> bool {
        let GossipParameters { degree_high, prunes_full, .. } = self.parameters;
        size > degree_high || (prunes_full && size == degree_high)
    }

    /// Tells a few beside the mesh what was heard of late.
    fn gossip(&mut self, peer: u32) {
        let GossipParameters { lazy, lazy_percent, window, .. } = self.parameters;
        let fresh = &mut self.fresh[peer as usize];
        if fresh.is_empty() {
            return;
        }
        let heard: Vec<u32> = fresh.iter().map(|(message, _)| *message).collect();
        fresh.iter_mut().for_each(|(_, told)| *told += 1);
        let over = fresh.iter().filter(|(_, told)| *told >= window).map(|(message, _)| *message);
        let over: Vec<u32> = over.collect();
        fresh.retain(|(_, told)| *told < window);
        if !fresh.is_empty() {
            self.beat_soon(peer);
        }
        let beside = self.mesh.edges(peer).len() - self.mesh.of(peer).len();
        let few = lazy.max(beside * lazy_percent / 100);
        for edge in self.mesh.beside(peer, few, &mut self.luck, |_| true) {
            self.counts.haves += 1;
            heard.iter().for_each(|message| self.messages.name(*message));
            let list = self.keep(heard.clone());
            self.send(edge, Hop::Have { edge, list });
        }
        over.into_iter().for_each(|message| self.messages.let_go(message));
    }

    fn keep(&mut self, list: Vec<u32>) -> u32 {
        if let Some(place) = self.spare.pop() {
            self.lists[place as usize] = list;
            return place;
        }
        self.lists.push(list);
        self.lists.len() as u32 - 1
    }

    fn take(&mut self, list: u32) -> Vec<u32> {
        self.spare.push(list);
        core::mem::take(&mut self.lists[list as usize])
    }

    /// A peer hears what a neighbour has, and asks for what it lacks.
    fn hear(&mut self, edge: u32, list: u32) {
        let peer = self.mesh.to(edge);
        let mut lacks = self.take(list);
        lacks.retain(|message| {
            let lacks = self.messages.lacks(peer, *message);
            if !lacks {
                self.messages.let_go(*message);
            }
            lacks
        });
        if !lacks.is_empty() {
            self.counts.wants += 1;
            let (edge, list) = (self.mesh.back(edge), self.keep(lacks));
            self.send(edge, Hop::Want { edge, list });
        }
    }

    fn answer(&mut self, edge: u32, list: u32) {
        let back = self.mesh.back(edge);
        for message in self.take(list) {
            self.push(back, message);
            self.messages.let_go(message);
        }
    }

    /// A peer is asked into a mesh.
    fn graft(&mut self, edge: u32) {
        if self.mesh.is_in(edge) {
            return;
        }
        let peer = self.mesh.owner(edge);
        let is_full = self.mesh.of(peer).len() >= self.parameters.degree_high;
        let is_refused = self.parameters.refuses && is_full && !self.mesh.is_dialled(edge);
        let now = self.calendar.now();
        if is_refused || self.backoffs.get(&edge).is_some_and(|until| *until > now) {
            self.leave(edge);
            self.send(edge, Hop::Prune(edge));
            return;
        }
        self.mesh.join(edge);
        if self.is_crowded(self.mesh.of(peer).len()) {
            self.beat_soon(peer);
        }
    }
}

impl Hop {
    /// The edge along which it goes.
    fn edge(self) -> Option<u32> {
        match self {
            Self::Whole { edge, .. } | Self::Have { edge, .. } | Self::Want { edge, .. } => Some(edge),
            Self::Graft(edge) | Self::Prune(edge) => Some(edge),
            Self::Beat(_) | Self::Source(_) => None,
        }
    }
}
