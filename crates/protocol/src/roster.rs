//! Who can check a kind of job: a Merkle-sum tree in which a draw lands on a verifier by weight, with a path to show it.
//!
//! **Invariant:** a root fixes every leaf, its place and the running totals, so a position belongs to exactly one leaf.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    account::Registration,
    codec::{self, bounded},
    genesis::Checks,
    id::{Digest, PeerId},
    merkle,
    units::{Amount, Rate},
};

/// Nodes in the longest path: a roster of 2³² verifiers.
pub const PATH_NODES_MAX: usize = 32;

/// One verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// The peer.
    pub peer: PeerId,
    /// What it has at stake: its weight.
    pub stake: Amount,
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
    /// The sum of the squares of all weights.
    pub squares: Squares,
}

/// A sum of squares of weights: of numbers that are all money together it is up to 128 bits long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Squares {
    /// Its upper 64 bits.
    pub high: u64,
    /// Its lower 64 bits.
    pub low: u64,
}

impl Squares {
    /// This sum, in two halves.
    #[must_use]
    pub fn of(sum: u128) -> Self {
        let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(u64::MAX);
        Self { high: half(sum >> 64), low: half(sum) }
    }

    /// The sum.
    #[must_use]
    pub fn sum(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

/// Who can check a job beside its parties, as the roster in force when it was opened says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkers {
    /// How many there are.
    pub leaves: u64,
    /// What they weigh together.
    pub weight: u64,
    /// The sum of the squares of what each weighs.
    pub squares: Squares,
    /// What client and provider weigh in the same roster, who cannot check the job.
    pub parties: [u64; 2],
    /// What suspensions took of late and has not come back.
    pub missing: u64,
}

impl Checkers {
    /// True if a network may rely on these, for a job with so many checks that are wanted of different verifiers.
    #[must_use]
    pub fn suffice(&self, checks: &Checks, wanted: u16) -> bool {
        let all = u128::from(self.weight) + self.parties.iter().copied().map(u128::from).sum::<u128>();
        let fair = |party: u64| u128::from(party) << 32 <= u128::from(checks.party_share.0) * all;
        let once = all + u128::from(self.missing);
        self.leaves >= checks.leaves_min.max(u64::from(wanted))
            && self.count_as(checks.effective_min)
            && self.parties.into_iter().all(fair)
            && all << 32 >= u128::from(checks.weight_kept.0) * once
    }

    /// True if (Σ weight)² / Σ weight² is at least this: exactly, whatever stakes they have.
    fn count_as(&self, least: Rate) -> bool {
        let weight = u128::from(self.weight);
        product(weight * weight, Rate::ONE.0) >= product(self.squares.sum(), least.0)
    }
}

/// The product in 192 bits: the upper 64 and the lower 128.
fn product(one: u128, other: u64) -> (u128, u128) {
    let (low, other) = (one & u128::from(u64::MAX), u128::from(other));
    let low = low * other;
    let middle = (one >> 64) * other + (low >> 64);
    (middle >> 64, middle << 64 | low & u128::from(u64::MAX))
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
    /// Client and provider, in this order, as far as they stand in it: they cannot be drawn.
    #[serde(deserialize_with = "bounded::list::<2, _, _>")]
    pub parties: Vec<Member>,
}

/// A verifier with what shows that it stands in a roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The verifier.
    pub leaf: Leaf,
    /// What shows it.
    pub path: SumPath,
}

impl Listing {
    /// True if a checkpoint with this root over its rosters holds this one for these jobs.
    #[must_use]
    pub fn is_in(&self, rosters: Digest, kind: &Registration) -> bool {
        let entry = entry(kind, &self.roster);
        merkle::verify(rosters, self.count, self.position, &entry, &self.path)
    }

    /// True if these parties, and nobody else, are shown to stand in it, as far as they do.
    #[must_use]
    pub fn shows(&self, client: PeerId, provider: PeerId) -> bool {
        let mut parties = [client, provider].into_iter();
        self.parties.iter().all(|member| {
            parties.any(|party| party == member.leaf.peer) && self.roster.shows(&member.leaf, &member.path)
        })
    }

    /// What all weighs that can be drawn.
    #[must_use]
    pub fn electorate(&self) -> u64 {
        let parties = self.parties.iter().map(|member| member.leaf.stake.0);
        parties.fold(self.roster.top.sum, u64::saturating_sub)
    }
}

/// What stands for one roster in the tree over all rosters of a checkpoint.
#[must_use]
pub fn entry(kind: &Registration, roster: &RosterRoot) -> Vec<u8> {
    codec::encode(&(kind, roster))
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
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Roster {
    leaves: Vec<Leaf>,
    /// `levels[0]` is over the leaves, the last holds the top alone.
    levels: Vec<Vec<Node>>,
    squares: u128,
}

impl Roster {
    /// The roster of these leaves, in ascending order of their peers; those without a stake are left out.
    #[must_use]
    pub fn new(leaves: impl IntoIterator<Item = Leaf>) -> Self {
        let leaves: Vec<Leaf> = leaves.into_iter().filter(|leaf| !leaf.stake.is_zero()).collect();
        let squares = leaves.iter().fold(0, |sum, leaf| square(leaf.stake).saturating_add(sum));
        let mut levels = alloc::vec![leaves.iter().map(leaf_node).collect::<Vec<_>>()];
        while let Some(level) = levels.last()
            && level.len() > 1
        {
            let above =
                level.chunks(2).map(|pair| pair.get(1).map_or(pair[0], |right| join(&pair[0], right)));
            levels.push(above.collect());
        }
        Self { leaves, levels, squares }
    }

    /// What a checkpoint publishes of it.
    #[must_use]
    pub fn root(&self, epoch: u64) -> RosterRoot {
        let nothing = Node { digest: Digest::default(), sum: 0 };
        let top = self.levels.last().and_then(|level| level.first()).copied().unwrap_or(nothing);
        RosterRoot { epoch, count: self.leaves.len() as u64, top, squares: Squares::of(self.squares) }
    }

    /// Who can check jobs between these two parties.
    #[must_use]
    pub fn beside(&self, parties: [PeerId; 2]) -> Checkers {
        let weights = parties.map(|party| self.stake_of(party));
        let squares = weights.iter().fold(self.squares, |rest, weight| rest.saturating_sub(square(*weight)));
        let total = self.levels.last().and_then(|level| level.first()).map_or(0, |top| top.sum);
        let counted = weights.iter().filter(|weight| !weight.is_zero()).count();
        Checkers {
            leaves: self.leaves.len().saturating_sub(counted) as u64,
            weight: weights.iter().fold(total, |rest, weight| rest.saturating_sub(weight.0)),
            squares: Squares::of(squares),
            parties: weights.map(|weight| weight.0),
            missing: 0,
        }
    }

    fn stake_of(&self, peer: PeerId) -> Amount {
        self.place_of(peer).and_then(|place| self.leaves.get(place)).map_or(Amount::ZERO, |leaf| leaf.stake)
    }

    fn place_of(&self, peer: PeerId) -> Option<usize> {
        self.leaves.binary_search_by_key(&peer, |leaf| leaf.peer).ok()
    }

    /// A peer that stands in it, with what shows that.
    #[must_use]
    pub fn member(&self, peer: PeerId) -> Option<Member> {
        let before = self.leaves.get(..self.place_of(peer)?)?;
        let (leaf, path) = self.at(before.iter().map(|leaf| leaf.stake.0).sum())?;
        Some(Member { leaf, path })
    }

    /// True if this peer stands in it.
    #[must_use]
    pub fn holds(&self, peer: PeerId) -> bool {
        !self.stake_of(peer).is_zero()
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
        let start = self.start_of(leaf, path);
        start.is_some_and(|start| position >= start && position - start < leaf.stake.0)
    }

    /// True if `leaf` stands in the roster.
    #[must_use]
    pub fn shows(&self, leaf: &Leaf, path: &SumPath) -> bool {
        self.start_of(leaf, path).is_some()
    }

    /// The first position of a leaf, if the path shows it.
    fn start_of(&self, leaf: &Leaf, path: &SumPath) -> Option<u64> {
        if path.0.len() > PATH_NODES_MAX {
            return None;
        }
        let mut node = leaf_node(leaf);
        let mut start: u64 = 0;
        for sibling in &path.0 {
            let sum = node.sum.checked_add(sibling.node.sum)?;
            node = if sibling.left { join(&sibling.node, &node) } else { join(&node, &sibling.node) };
            debug_assert_eq!(node.sum, sum, "a joined node weighs what its halves weigh");
            if sibling.left {
                start += sibling.node.sum;
            }
        }
        (node == self.top).then_some(start)
    }
}

fn square(weight: Amount) -> u128 {
    u128::from(weight.0) * u128::from(weight.0)
}

fn leaf_node(leaf: &Leaf) -> Node {
    Node { digest: codec::digest("roster leaf", leaf), sum: leaf.stake.0 }
}

fn join(left: &Node, right: &Node) -> Node {
    Node { digest: codec::digest("roster node", &(left, right)), sum: left.sum.saturating_add(right.sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(name: u8, weight: u64) -> Leaf {
        Leaf { peer: PeerId([name; 32]), stake: Amount(weight) }
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
                let heavier = Leaf { stake: Amount(leaf.stake.0 + 1), ..leaf };
                assert!(!root.holds(position, &heavier, &path));
            }
            assert_eq!(seen, (0..size).map(|name| u64::from(name) % 4).collect::<Vec<_>>());
            assert_eq!(roster.at(root.top.sum), None);
        }
    }

    /// Whether verifiers of these stakes suffice beside parties of these, for so many checks.
    fn suffice(stakes: &[u64], parties: [u64; 2], wanted: u16) -> bool {
        let parties = [(200, parties[0]), (201, parties[1])];
        let others = (0..).zip(stakes.iter().copied());
        let roster = Roster::new(others.chain(parties).map(|(name, stake)| leaf(name, stake)));
        let beside = roster.beside([PeerId([200; 32]), PeerId([201; 32])]);
        assert_eq!((beside.leaves, beside.weight), (stakes.len() as u64, stakes.iter().sum()));
        assert_eq!(beside.squares.sum(), stakes.iter().map(|stake| square(Amount(*stake))).sum());
        beside.suffice(&Checks::default(), wanted)
    }

    #[test]
    fn verifiers_suffice_by_their_number_by_how_equal_they_are_and_beside_no_great_party() {
        for (stakes, parties, wanted, expected) in [
            (&[7, 7, 7][..], [0, 0], 0, true),
            (&[7, 7], [0, 0], 0, false),
            (&[7, 7, 7], [0, 0], 4, false),
            (&[7, 7, 7], [7, 7], 0, true),
            // 25 of 100 is a quarter, 26 of 101 is more.
            (&[25, 25, 25], [25, 0], 0, true),
            (&[25, 25, 25], [0, 26], 0, false),
            // One of weight four and three of one: 49 / 19 = 2.58; one of five: 64 / 28 = 2.29.
            (&[4, 1, 1, 1], [0, 0], 0, true),
            (&[5, 1, 1, 1], [0, 0], 0, false),
            // Two that are equal and a third whose stake is next to nothing count as two.
            (&[1_000, 1_000, 1], [0, 0], 0, false),
            // All money there can be, in few hands.
            (&[u64::MAX / 4; 3], [0, 0], 0, true),
            (&[u64::MAX / 2, u64::MAX / 4, u64::MAX / 8], [0, 0], 0, false),
        ] {
            assert_eq!(suffice(stakes, parties, wanted), expected, "{stakes:?} beside {parties:?}");
        }
    }

    #[test]
    fn verifiers_suffice_while_enough_weight_is_left_of_what_suspensions_took() {
        let suffice = |missing: u64, kept: Rate| {
            let roster = Roster::new((0..4).map(|name| leaf(name, 30)));
            let beside = Checkers { missing, ..roster.beside([PeerId([0; 32]), PeerId([200; 32])]) };
            beside.suffice(&Checks { weight_kept: kept, ..Checks::default() }, 0)
        };
        // What a party weighs is there, though it cannot check this job: 120 of 240, of 241.
        assert!(suffice(120, Rate::per_mille(500)) && !suffice(121, Rate::per_mille(500)));
        assert!(suffice(u64::MAX, Rate::ZERO) && suffice(0, Rate::ONE) && !suffice(1, Rate::ONE));
    }

    #[test]
    fn a_sum_of_squares_is_compared_exactly_though_it_has_128_bits() {
        let checkers = |squares: u128| Checkers {
            weight: u64::MAX,
            squares: Squares::of(squares),
            ..Checkers::default()
        };
        let whole = u128::from(u64::MAX) * u128::from(u64::MAX);
        let least = Rate::per_mille(2_500);
        assert!(checkers(whole / 5 * 2).count_as(least) && !checkers(whole / 5 * 2 + 1).count_as(least));
        assert!(checkers(whole).count_as(Rate::ONE) && !checkers(whole).count_as(Rate(Rate::ONE.0 + 1)));
    }
}
