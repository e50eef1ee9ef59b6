//! Trees of digests: a root that fixes a list of records, and paths that show one of them.
//!
//! **Invariant:** a root fixes the number of records as well as each record and its position; leaves, inner nodes and
//! roots are hashed under different tags, so that none can pass for another.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{codec::bounded, id::Digest};

/// Bytes in one record of an output; the last may be shorter.
pub const RECORD_BYTES: usize = 256;
/// Digests in the longest path: a tree of 2³² records.
pub const PATH_DIGESTS_MAX: usize = 32;

const LEAF: u8 = 0;
const INNER: u8 = 1;
const ROOT: u8 = 2;

/// The siblings between a record and the root, lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(#[serde(deserialize_with = "bounded::list::<PATH_DIGESTS_MAX, _, _>")] pub Vec<Digest>);

/// The root over `bytes` cut into records of `record_bytes`.
#[must_use]
pub fn root(bytes: &[u8], record_bytes: usize) -> Digest {
    root_of(bytes.chunks(record_bytes))
}

/// The root over these records.
#[must_use]
pub fn root_of<'a>(records: impl Iterator<Item = &'a [u8]>) -> Digest {
    let leaves: Vec<Digest> = records.map(leaf).collect();
    seal(leaves.len() as u64, top(&leaves))
}

/// How many records of `record_bytes` hold this many bytes.
#[must_use]
pub const fn count(bytes: u64, record_bytes: usize) -> u64 {
    bytes.div_ceil(record_bytes as u64)
}

/// The path of the record at `position`; none if there is no such record.
#[must_use]
pub fn prove(bytes: &[u8], record_bytes: usize, position: u64) -> Option<Path> {
    prove_in(bytes.chunks(record_bytes), position)
}

/// The path of the one at `position` of these records; none if there is no such record.
#[must_use]
pub fn prove_in<'a>(records: impl Iterator<Item = &'a [u8]>, position: u64) -> Option<Path> {
    let leaves: Vec<Digest> = records.map(leaf).collect();
    let mut position = usize::try_from(position).ok().filter(|position| *position < leaves.len())?;
    let (mut siblings, mut range) = (Vec::new(), &leaves[..]);
    while range.len() > 1 {
        let (left, right) = halves(range);
        let inside_left = position < left.len();
        siblings.push(top(if inside_left { right } else { left }));
        position -= if inside_left { 0 } else { left.len() };
        range = if inside_left { left } else { right };
    }
    siblings.reverse();
    Some(Path(siblings))
}

/// True if `record` stands at `position` among `count` records under `root`.
#[must_use]
pub fn verify(root: Digest, count: u64, position: u64, record: &[u8], path: &Path) -> bool {
    if position >= count || path.0.len() > PATH_DIGESTS_MAX {
        return false;
    }
    let mut siblings = path.0.iter().copied();
    let climbed = climb(count, position, leaf(record), &mut siblings);
    siblings.next().is_none() && climbed.is_some_and(|top| seal(count, top) == root)
}

/// Joins a leaf with its siblings, lowest first, in a tree of `count` leaves.
fn climb(
    count: u64,
    position: u64,
    leaf: Digest,
    siblings: &mut impl Iterator<Item = Digest>,
) -> Option<Digest> {
    if count == 1 {
        return Some(leaf);
    }
    let left = half(count);
    if position < left {
        let below = climb(left, position, leaf, siblings)?;
        Some(inner(below, siblings.next()?))
    } else {
        let below = climb(count - left, position - left, leaf, siblings)?;
        Some(inner(siblings.next()?, below))
    }
}

/// The largest power of two below `count`, which is at least 2: how many leaves stand left of the root.
const fn half(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The leaves left and right of the root of a tree of at least 2.
fn halves(leaves: &[Digest]) -> (&[Digest], &[Digest]) {
    leaves.split_at(half(leaves.len() as u64) as usize)
}

fn top(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::default(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = halves(leaves);
            inner(top(left), top(right))
        }
    }
}

fn leaf(record: &[u8]) -> Digest {
    tagged(LEAF, &[record])
}

fn inner(left: Digest, right: Digest) -> Digest {
    tagged(INNER, &[&left.0, &right.0])
}

fn seal(count: u64, top: Digest) -> Digest {
    tagged(ROOT, &[&count.to_be_bytes(), &top.0])
}

fn tagged(tag: u8, parts: &[&[u8]]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[tag]);
    parts.iter().for_each(|part| {
        hasher.update(part);
    });
    Digest(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_of_every_small_tree_is_shown_by_its_path_and_by_no_other() {
        for records in 1..=33_u64 {
            let bytes: Vec<u8> = (0..records * 4 - 1).map(|byte| byte as u8).collect();
            let tree = root(&bytes, 4);
            assert_eq!(count(bytes.len() as u64, 4), records);
            for (position, record) in (0..).zip(bytes.chunks(4)) {
                let path = prove(&bytes, 4, position).expect("the record is there");
                assert!(verify(tree, records, position, record, &path));
                assert!(!verify(tree, records, (position + 1) % records, record, &path) || records == 1);
                assert!(!verify(tree, records + 1, position, record, &path));
                assert!(!verify(tree, records, position, b"else", &path));
                let mut longer = path.clone();
                longer.0.push(Digest::default());
                assert!(!verify(tree, records, position, record, &longer));
            }
            assert_eq!(prove(&bytes, 4, records), None);
        }
    }

    #[test]
    fn a_count_that_nobody_can_have_is_refused_like_any_other() {
        let tree = root(b"alone", 8);
        for count in [1 << 32, 1 << 63, (1 << 63) + 1, u64::MAX] {
            for position in [0, 1, count / 2, count - 1] {
                for digests in [0, 1, PATH_DIGESTS_MAX] {
                    let path = Path(alloc::vec![Digest::default(); digests]);
                    assert!(!verify(tree, count, position, b"alone", &path), "{position} of {count}");
                }
            }
        }
    }

    #[test]
    fn a_root_fixes_the_count_even_of_nothing() {
        assert_ne!(root(b"", 4), root(b"\0", 4));
        assert_ne!(root(b"\0\0\0\0", 4), root(b"\0\0\0\0\0", 4));
    }
}
