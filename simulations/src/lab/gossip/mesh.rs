//! Who is connected to whom, and which of those connections belong to the mesh.
//!
//! **Invariant:** every connection is two edges, each of which knows the other; no list of a mesh names an edge twice.

use crate::random::Stream;

/// The shortest way between two peers, in nanoseconds, and the longest.
const LATENCY: (u64, u64) = (10_000_000, 150_000_000);

/// One half of a connection.
#[derive(Clone, Copy, Debug)]
struct Edge {
    to: u32,
    back: u32,
    latency: u32,
    is_dialled: bool,
    is_mesh: bool,
}

/// All connections, those of one peer after those of another.
#[derive(Debug)]
pub(super) struct Mesh {
    firsts: Vec<u32>,
    edges: Vec<Edge>,
    meshes: Vec<Vec<u32>>,
}

impl Mesh {
    /// Each peer dials so many others, who need not be different from those that dial it.
    pub(super) fn new(seed: u64, peers: usize, dials: usize) -> Self {
        let mut luck = Stream::new(seed, "dials", 0);
        let mut links: Vec<(u32, u32)> = Vec::with_capacity(peers * dials);
        for peer in 0..peers as u32 {
            let first = links.len();
            while links.len() < first + dials.min(peers - 1) {
                let other = luck.below(peers as u64) as u32;
                if other != peer && !links[first..].contains(&(peer, other)) {
                    links.push((peer, other));
                }
            }
        }
        // Two that dial each other have one connection, that of the lower number.
        let dialled: std::collections::BTreeSet<(u32, u32)> = links.iter().copied().collect();
        links.retain(|(from, to)| from < to || !dialled.contains(&(*to, *from)));
        Self::joining(&links, peers, &mut luck)
    }

    fn joining(links: &[(u32, u32)], peers: usize, luck: &mut Stream) -> Self {
        let mut firsts = vec![0_u32; peers + 1];
        for end in links.iter().flat_map(|(from, to)| [from, to]) {
            firsts[*end as usize + 1] += 1;
        }
        (1..firsts.len()).for_each(|peer| firsts[peer] += firsts[peer - 1]);
        let nobody = Edge { to: 0, back: 0, latency: 0, is_dialled: false, is_mesh: false };
        let (mut edges, mut next) = (vec![nobody; links.len() * 2], firsts.clone());
        for (from, to) in links {
            let latency = luck.between(LATENCY.0, LATENCY.1) as u32;
            let [there, back] = [*from, *to].map(|peer| {
                next[peer as usize] += 1;
                next[peer as usize] - 1
            });
            edges[there as usize] = Edge { to: *to, back, latency, is_dialled: true, is_mesh: false };
            edges[back as usize] =
                Edge { to: *from, back: there, latency, is_dialled: false, is_mesh: false };
        }
        Self { firsts, edges, meshes: vec![Vec::new(); peers] }
    }

    /// The edges that lead away from a peer.
    pub(super) fn edges(&self, peer: u32) -> core::ops::Range<u32> {
        self.firsts[peer as usize]..self.firsts[peer as usize + 1]
    }

    /// Those of its mesh.
    pub(super) fn of(&self, peer: u32) -> &[u32] {
        &self.meshes[peer as usize]
    }

    pub(super) fn to(&self, edge: u32) -> u32 {
        self.edges[edge as usize].to
    }

    pub(super) fn back(&self, edge: u32) -> u32 {
        self.edges[edge as usize].back
    }

    pub(super) fn latency(&self, edge: u32) -> u32 {
        self.edges[edge as usize].latency
    }

    pub(super) fn is_dialled(&self, edge: u32) -> bool {
        self.edges[edge as usize].is_dialled
    }

    /// Puts an edge into the mesh of its owner.
    pub(super) fn join(&mut self, edge: u32) {
        let owner = self.to(self.back(edge));
        if !core::mem::replace(&mut self.edges[edge as usize].is_mesh, true) {
            self.meshes[owner as usize].push(edge);
        }
    }

    /// Takes it out.
    pub(super) fn leave(&mut self, edge: u32) {
        let owner = self.to(self.back(edge));
        if core::mem::replace(&mut self.edges[edge as usize].is_mesh, false) {
            self.meshes[owner as usize].retain(|other| *other != edge);
        }
    }

    /// So many edges of a peer that are not in its mesh, or all.
    pub(super) fn beside(&self, peer: u32, count: usize, luck: &mut Stream) -> Vec<u32> {
        let mut beside: Vec<u32> =
            self.edges(peer).filter(|edge| !self.edges[*edge as usize].is_mesh).collect();
        let count = count.min(beside.len());
        for place in 0..count {
            let other = place + luck.below((beside.len() - place) as u64) as usize;
            beside.swap(place, other);
        }
        beside.truncate(count);
        beside
    }
}
