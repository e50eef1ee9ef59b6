//! Who can check a kind of job: a Merkle-sum tree in which a draw lands on a verifier by weight, with a path to show it.
//!
//! **Invariant:** a root fixes every leaf, its place and the running totals, so a position belongs to exactly one leaf.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    codec::{self, bounded},
    id::{Digest, PeerId},
    merkle,
    units::Amount,
};

/// Nodes in the longest path: a roster of 2³² verifiers.
pub const PATH_NODES_MAX: usize = 32;

/// One verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// The peer.
    pub peer: PeerId,
    /// Who runs it.
    pub operator: Digest,
    /// What it has at stake.
    pub stake: Amount,
    /// Its share of the draws.
    pub weight: u64,
}

/// A subtree seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Fixes what is inside.
    pub digest: Digest,
    /// The weight of what is inside.
    pub sum: u64,
}

/// The roster of one (class, manifest) in one checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterRoot {
    /// Which checkpoint.
    pub epoch: u64,
    /// How many leaves there are.
    pub count: u64,
    /// The tree.
    pub top: Node,
}

/// A roster's place among all that a checkpoint fixes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The roster.
    pub roster: RosterRoot,
    /// Its place among the rosters.
    pub position: u64,
    /// How many rosters there are.
    pub count: u64,
    /// What shows it.
    pub path: merkle::Path,
}

impl Listing {
    /// True if a checkpoint with this root over its rosters holds this one for these jobs.
    #[must_use]
    pub fn is_in(&self, rosters: Digest, class: Digest, manifest: Digest) -> bool {
        let entry = entry(class, manifest, &self.roster);
        merkle::verify(rosters, self.count, self.position, &entry, &self.path)
    }
}

/// What stands for one roster in the tree over all rosters of a checkpoint.
#[must_use]
pub fn entry(class: Digest, manifest: Digest, roster: &RosterRoot) -> Vec<u8> {
    codec::encode(&(class, manifest, roster))
}

/// A sibling on the way from a leaf to the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sibling {
    /// The subtree.
    pub node: Node,
    /// True if it stands left of the path, so that its sum is part of the leaf's offset.
    pub left: bool,
}

/// The siblings between a leaf and the top, lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SumPath(#[serde(deserialize_with = "bounded::list::<PATH_NODES_MAX, _, _>")] pub Vec<Sibling>);

/// A roster with all its leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    leaves: Vec<Leaf>,
    /// `levels[0]` is over the leaves, the last holds the top alone.
    levels: Vec<Vec<Node>>,
}

impl Roster {
    /// The roster of these leaves; those without weight are left out.
    #[must_use]
    pub fn new(leaves: impl IntoIterator<Item = Leaf>) -> Self {
        let leaves: Vec<Leaf> = leaves.into_iter().filter(|leaf| leaf.weight > 0).collect();
        let mut levels = alloc::vec![leaves.iter().map(leaf_node).collect::<Vec<_>>()];
        while let Some(level) = levels.last()
            && level.len() > 1
        {
            let above =
                level.chunks(2).map(|pair| pair.get(1).map_or(pair[0], |right| join(&pair[0], right)));
            levels.push(above.collect());
        }
        Self { leaves, levels }
    }

    /// What a checkpoint publishes of it.
    #[must_use]
    pub fn root(&self, epoch: u64) -> RosterRoot {
        let nothing = Node { digest: Digest::default(), sum: 0 };
        let top = self.levels.last().and_then(|level| level.first()).copied().unwrap_or(nothing);
        RosterRoot { epoch, count: self.leaves.len() as u64, top }
    }

    /// The leaves in their order.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The leaf that a position below the total belongs to, with its path.
    #[must_use]
    pub fn at(&self, mut position: u64) -> Option<(Leaf, SumPath)> {
        let (top, below) = self.levels.split_last()?;
        if position >= top.first()?.sum {
            return None;
        }
        let (mut index, mut path) = (0, Vec::new());
        for level in below.iter().rev() {
            let (left, right) = (level.get(2 * index)?, level.get(2 * index + 1));
            index *= 2;
            let Some(right) = right else { continue };
            if position < left.sum {
                path.push(Sibling { node: *right, left: false });
            } else {
                position -= left.sum;
                index += 1;
                path.push(Sibling { node: *left, left: true });
            }
        }
        path.reverse();
        Some((*self.leaves.get(index)?, SumPath(path)))
    }
}

impl RosterRoot {
    /// True if `position` belongs to `leaf`.
    #[must_use]
    pub fn holds(&self, position: u64, leaf: &Leaf, path: &SumPath) -> bool {
        if path.0.len() > PATH_NODES_MAX {
            return false;
        }
        let mut node = leaf_node(leaf);
        let mut start: u64 = 0;
        for sibling in &path.0 {
            let Some(sum) = node.sum.checked_add(sibling.node.sum) else { return false };
            node = if sibling.left { join(&sibling.node, &node) } else { join(&node, &sibling.node) };
            debug_assert_eq!(node.sum, sum, "a joined node weighs what its halves weigh");
            if sibling.left {
                start += sibling.node.sum;
            }
        }
        node == self.top && position >= start && position - start < leaf.weight
    }
}

fn leaf_node(leaf: &Leaf) -> Node {
    Node { digest: codec::digest("roster leaf", leaf), sum: leaf.weight }
}

fn join(left: &Node, right: &Node) -> Node {
    Node { digest: codec::digest("roster node", &(left, right)), sum: left.sum.saturating_add(right.sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(name: u8, weight: u64) -> Leaf {
        let name = [name; 32];
        Leaf { peer: PeerId(name), operator: Digest(name), stake: Amount(weight), weight }
    }

    #[test]
    fn every_position_belongs_to_one_leaf_by_weight_and_its_path_shows_it() {
        for size in 1..=9_u8 {
            let roster = Roster::new((0..size).map(|name| leaf(name, u64::from(name) % 4)));
            let root = roster.root(3);
            let mut seen = alloc::vec![0; usize::from(size)];
            for position in 0..root.top.sum {
                let (leaf, path) = roster.at(position).expect("a position below the total");
                assert!(root.holds(position, &leaf, &path));
                seen[usize::from(leaf.peer.0[0])] += 1;
                for other in (0..root.top.sum).filter(|other| *other != position) {
                    let (owner, _) = roster.at(other).expect("a position below the total");
                    assert_eq!(root.holds(other, &leaf, &path), owner == leaf);
                }
                let heavier = Leaf { weight: leaf.weight + 1, ..leaf };
                assert!(!root.holds(position, &heavier, &path));
            }
            assert_eq!(seen, (0..size).map(|name| u64::from(name) % 4).collect::<Vec<_>>());
            assert_eq!(roster.at(root.top.sum), None);
        }
    }
}
