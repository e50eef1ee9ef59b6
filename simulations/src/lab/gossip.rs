//! Gossip, hop by hop: a mesh over which messages are pushed, and word of what was heard to a few beside it.
//!
//! Peers beat at phases of their own. A peer that has nothing to mend and nothing to tell does not beat.
//!
//! Left out of what the libp2p crate does: scores, backoff after a prune, the word of what one does not want, and
//! connections that come and go.
//!
//! **Invariant:** a message is delivered to each peer once; every other arrival is counted as a copy.

mod mesh;
#[cfg(test)]
mod tests;

use self::mesh::Mesh;
use super::calendar::Calendar;
use crate::{
    kernel::{Instant, Span},
    random::Stream,
};

/// A beat.
const BEAT: u64 = 1_000_000_000;
/// Beats in which the mesh forms before the first message.
const FORMING: u64 = 20;

/// The numbers of a gossip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GossipParameters {
    /// Peers that each dials.
    pub dials: usize,
    /// Peers that a mesh is mended to.
    pub degree: usize,
    /// Fewer than this are too few.
    pub degree_low: usize,
    /// More than this are too many.
    pub degree_high: usize,
    /// Peers beside the mesh that hear of what was heard, at least.
    pub lazy: usize,
    /// The share of all beside the mesh that do, at least, in hundredths.
    pub lazy_percent: usize,
    /// Beats for which a message is told of.
    pub window: u8,
    /// True if a source pushes to all whom it knows, and not to its mesh alone.
    pub flood: bool,
    /// True if a full mesh refuses those that it did not dial.
    pub refuses: bool,
}

impl GossipParameters {
    /// Those of the figures that were published for another simulator.
    pub const PUBLISHED: Self = Self {
        dials: 20,
        degree: 6,
        degree_low: 4,
        degree_high: 12,
        lazy: 6,
        lazy_percent: 0,
        window: 3,
        flood: false,
        refuses: false,
    };

    /// Those of the libp2p crate that peers use, where each dials as many.
    pub const LIBP2P: Self =
        Self { degree_low: 5, lazy_percent: 25, flood: true, refuses: true, ..Self::PUBLISHED };
}

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
    /// By message, a bit for each peer that has it, and one for each that asked for it.
    seen: Vec<u64>,
    asked: Vec<u64>,
    words: usize,
    sources: Vec<u32>,
    begun: Vec<u64>,
    lists: Vec<Vec<u32>>,
    spare: Vec<u32>,
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
            mesh: Mesh::new(seed, peers, parameters.dials),
            luck: Stream::new(seed, "gossip", 0),
            delays: Stream::new(seed, "delays", 0),
            phases: (0..peers).map(|_| phases.below(BEAT) as u32).collect(),
            beats: vec![false; peers],
            fresh: vec![Vec::new(); peers],
            seen: Vec::new(),
            asked: Vec::new(),
            words: peers.div_ceil(64),
            sources: Vec::new(),
            begun: Vec::new(),
            lists: Vec::new(),
            spare: Vec::new(),
            counts: GossipCounts::default(),
        };
        (0..peers as u32).for_each(|peer| gossip.beat_soon(peer));
        gossip
    }

    /// Lets a message a beat be sent, by sources in turn, and everything come to rest.
    pub fn run(&mut self, messages: u32, sources: u32) -> GossipCounts {
        let peers = self.phases.len() as u64;
        let sources: Vec<u32> = (0..sources).map(|_| self.luck.below(peers) as u32).collect();
        for message in 0..messages {
            self.sources.push(sources[message as usize % sources.len()]);
            self.seen.resize(self.seen.len() + self.words, 0);
            self.asked.resize(self.seen.len(), 0);
            let at = Instant((FORMING + u64::from(message)) * BEAT);
            self.begun.push(at.0);
            self.calendar.at(at, Hop::Source(message));
        }
        while let Some(hop) = self.calendar.pop() {
            self.counts.events += 1;
            self.happen(hop);
        }
        self.counts
    }

    fn happen(&mut self, hop: Hop) {
        match hop {
            Hop::Beat(peer) => self.beat(peer),
            Hop::Source(message) => self.begin(message),
            Hop::Whole { edge, message } => self.arrive(edge, message),
            Hop::Have { edge, list } => self.hear(edge, list),
            Hop::Want { edge, list } => self.answer(edge, list),
            Hop::Graft(edge) => self.graft(self.mesh.back(edge)),
            Hop::Prune(edge) => {
                self.mesh.leave(self.mesh.back(edge));
                self.beat_soon(self.mesh.to(edge));
            }
        }
    }

    fn begin(&mut self, message: u32) {
        let source = self.sources[message as usize];
        self.mark(source, message);
        self.tell_of(source, message);
        let edges: Vec<u32> = if self.parameters.flood {
            self.mesh.edges(source).collect()
        } else {
            self.mesh.of(source).to_vec()
        };
        edges.into_iter().for_each(|edge| self.push(edge, message));
    }

    fn arrive(&mut self, edge: u32, message: u32) {
        let peer = self.mesh.to(edge);
        if !self.mark(peer, message) {
            return;
        }
        self.counts.deliveries += 1;
        self.counts.delay_sum += self.calendar.now().0 - self.begun[message as usize];
        self.tell_of(peer, message);
        let (back, source) = (self.mesh.back(edge), self.sources[message as usize]);
        for place in 0..self.mesh.of(peer).len() {
            let onward = self.mesh.of(peer)[place];
            if onward != back && self.mesh.to(onward) != source {
                self.push(onward, message);
            }
        }
    }

    /// True if the peer did not have it.
    fn mark(&mut self, peer: u32, message: u32) -> bool {
        let (word, bit) = (message as usize * self.words + peer as usize / 64, 1 << (peer % 64));
        let is_new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        is_new
    }

    fn push(&mut self, edge: u32, message: u32) {
        self.counts.messages += 1;
        self.send(edge, Hop::Whole { edge, message });
    }

    fn send(&mut self, edge: u32, hop: Hop) {
        let latency = u64::from(self.mesh.latency(edge));
        let more = self.delays.below(latency / 10);
        self.calendar.after(Span(latency + more), hop);
    }

    fn tell_of(&mut self, peer: u32, message: u32) {
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
        let GossipParameters { degree, degree_low, degree_high, .. } = self.parameters;
        let size = self.mesh.of(peer).len();
        if size < degree_low {
            for edge in self.mesh.beside(peer, degree - size, &mut self.luck) {
                self.mesh.join(edge);
                self.send(edge, Hop::Graft(edge));
            }
        }
        for _ in degree..if size > degree_high { size } else { degree } {
            let place = self.luck.below(self.mesh.of(peer).len() as u64) as usize;
            let edge = self.mesh.of(peer)[place];
            self.mesh.leave(edge);
            self.send(edge, Hop::Prune(edge));
        }
        self.gossip(peer);
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
        fresh.retain(|(_, told)| *told < window);
        if !fresh.is_empty() {
            self.beat_soon(peer);
        }
        let beside = self.mesh.edges(peer).len() - self.mesh.of(peer).len();
        let few = lazy.max(beside * lazy_percent / 100);
        for edge in self.mesh.beside(peer, few, &mut self.luck) {
            self.counts.haves += 1;
            let list = self.keep(heard.clone());
            self.send(edge, Hop::Have { edge, list });
        }
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
        let (peer, words) = (self.mesh.to(edge), self.words);
        let mut lacks = self.take(list);
        let bit = 1 << (peer % 64);
        lacks.retain(|message| {
            let word = *message as usize * words + peer as usize / 64;
            let lacks = (self.seen[word] | self.asked[word]) & bit == 0;
            self.asked[word] |= bit;
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
        self.take(list).into_iter().for_each(|message| self.push(back, message));
    }

    /// A peer is asked into a mesh.
    fn graft(&mut self, edge: u32) {
        let peer = self.mesh.to(self.mesh.back(edge));
        let is_full = self.mesh.of(peer).len() >= self.parameters.degree_high;
        if self.parameters.refuses && is_full && !self.mesh.is_dialled(edge) {
            self.send(edge, Hop::Prune(edge));
            return;
        }
        self.mesh.join(edge);
        if self.mesh.of(peer).len() > self.parameters.degree_high {
            self.beat_soon(peer);
        }
    }
}
