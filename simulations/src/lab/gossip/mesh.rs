//! Who is connected to whom, and which of those connections belong to the mesh.
//!
//! **Invariant:** every connection is two edges, each of which knows the other; no list of a mesh names an edge twice.

use crate::{kernel::Span, random::Stream};

/// One half of a connection.
#[derive(Clone, Copy, Debug)]
struct Edge {
    to: u32,
    back: u32,
    /// In microseconds.
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
    /// Each peer dials so many others, who need not be different from those that dial it. Ways are as long as `latency` says.
    pub(super) fn new(seed: u64, peers: usize, dials: usize, latency: [Span; 2]) -> Self {
        let mut luck = Stream::new(seed, "dials", 0);
        let each = dials.min(peers.saturating_sub(1));
        let mut dialled: Vec<u32> = Vec::with_capacity(peers * each);
        for peer in 0..peers as u32 {
            let first = dialled.len();
            while dialled.len() < first + each {
                let other = luck.below(peers as u64) as u32;
                if other != peer && !dialled[first..].contains(&other) {
                    dialled.push(other);
                }
            }
        }
        let of = |peer: u32| &dialled[peer as usize * each..(peer as usize + 1) * each];
        let links = (0..peers as u32).flat_map(|from| of(from).iter().map(move |to| (from, *to)));
        // Two that dial each other have one connection, that of the lower number.
        let links = links.filter(|(from, to)| from < to || !of(*to).contains(from)).collect::<Vec<_>>();
        Self::joining(&links, peers, latency, &mut luck)
    }

    fn joining(links: &[(u32, u32)], peers: usize, latency: [Span; 2], luck: &mut Stream) -> Self {
        let mut firsts = vec![0_u32; peers + 1];
        for end in links.iter().flat_map(|(from, to)| [from, to]) {
            firsts[*end as usize + 1] += 1;
        }
        (1..firsts.len()).for_each(|peer| firsts[peer] += firsts[peer - 1]);
        let nobody = Edge { to: 0, back: 0, latency: 0, is_dialled: false, is_mesh: false };
        let (mut edges, mut next) = (vec![nobody; links.len() * 2], firsts.clone());
        for (from, to) in links {
            let micros = luck.between(latency[0].0, latency[1].0) / 1_000;
            let latency = u32::try_from(micros).unwrap_or(u32::MAX);
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

    /// Whose edge it is.
    pub(super) fn owner(&self, edge: u32) -> u32 {
        self.to(self.back(edge))
    }

    /// How long the way is.
    pub(super) fn latency(&self, edge: u32) -> Span {
        Span::micros(u64::from(self.edges[edge as usize].latency))
    }

    /// How long the way is between two peers that are connected.
    pub(super) fn way(&self, from: u32, to: u32) -> Option<Span> {
        self.edges(from).find(|edge| self.to(*edge) == to).map(|edge| self.latency(edge))
    }

    /// How many of a peer's mesh it dialled.
    pub(super) fn outbound(&self, peer: u32) -> usize {
        self.of(peer).iter().filter(|edge| self.is_dialled(**edge)).count()
    }

    pub(super) fn is_in(&self, edge: u32) -> bool {
        self.edges[edge as usize].is_mesh
    }

    pub(super) fn is_dialled(&self, edge: u32) -> bool {
        self.edges[edge as usize].is_dialled
    }

    /// Puts an edge into the mesh of its owner.
    pub(super) fn join(&mut self, edge: u32) {
        let owner = self.owner(edge);
        if !core::mem::replace(&mut self.edges[edge as usize].is_mesh, true) {
            self.meshes[owner as usize].push(edge);
        }
    }

    /// Takes it out.
    pub(super) fn leave(&mut self, edge: u32) {
        let owner = self.owner(edge);
        if core::mem::replace(&mut self.edges[edge as usize].is_mesh, false) {
            self.meshes[owner as usize].retain(|other| *other != edge);
        }
    }

    /// So many edges of a peer that are not in its mesh and that this picks, or all.
    pub(super) fn beside(
        &self,
        peer: u32,
        count: usize,
        luck: &mut Stream,
        pick: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let mut beside: Vec<u32> =
            self.edges(peer).filter(|edge| !self.is_in(*edge) && pick(*edge)).collect();
        let count = count.min(beside.len());
        for place in 0..count {
            let other = place + luck.below((beside.len() - place) as u64) as usize;
            beside.swap(place, other);
        }
        beside.truncate(count);
        beside
    }
}
