//! The digest of a pack, by several threads: the tree of BLAKE3, cut at one height.
//!
//! **Invariant:** it is the digest of the bytes, however many threads there are.

use std::{panic, thread};

use blake3::hazmat::{ChainingValue, HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};

use super::DIGEST;

/// Bytes between two cuts, a power of two; behind the last there may be fewer.
const PIECE: usize = 4 << 20;

/// The digest of these bytes.
pub(super) fn of(threads: usize, bytes: &[u8]) -> [u8; DIGEST] {
    if threads < 2 || bytes.len() <= PIECE {
        return *blake3::hash(bytes).as_bytes();
    }
    let pieces: Vec<&[u8]> = bytes.chunks(PIECE).collect();
    let share = pieces.len().div_ceil(threads);
    let values: Vec<ChainingValue> = thread::scope(|scope| {
        let shares = pieces.chunks(share).enumerate();
        let begun: Vec<_> =
            shares.map(|(turn, pieces)| scope.spawn(move || values(turn * share, pieces))).collect();
        let ended = begun.into_iter().map(|one| one.join().unwrap_or_else(|why| panic::resume_unwind(why)));
        ended.flatten().collect()
    });
    let (left, right) = halves(&values);
    *merge_subtrees_root(&joined(left), &joined(right), Mode::Hash).as_bytes()
}

/// What the tree has for each of these pieces, of which so many stand before the first.
fn values(before: usize, pieces: &[&[u8]]) -> Vec<ChainingValue> {
    let value = |(place, piece): (usize, &&[u8])| {
        let offset = ((before + place) * PIECE) as u64;
        blake3::Hasher::new().set_input_offset(offset).update(piece).finalize_non_root()
    };
    pieces.iter().enumerate().map(value).collect()
}

/// What the tree has for all of these together.
fn joined(values: &[ChainingValue]) -> ChainingValue {
    match values {
        [] => ChainingValue::default(),
        [only] => *only,
        _ => {
            let (left, right) = halves(values);
            merge_subtrees_non_root(&joined(left), &joined(right), Mode::Hash)
        }
    }
}

/// At least two, as the tree divides them: to the left the greatest power of two that leaves one.
fn halves(values: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    values.split_at(1 << (values.len() - 1).ilog2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_digest_of_the_bytes_however_many_threads_there_are() {
        let bytes: Vec<u8> = (0..5 * PIECE + 77).map(|place| (place * 31 / 7) as u8).collect();
        for length in [0, 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE - 1, 4 * PIECE + 1, bytes.len()] {
            let bytes = &bytes[..length];
            for threads in [0, 1, 2, 3, 8] {
                let digest = of(threads, bytes);
                assert_eq!(digest, *blake3::hash(bytes).as_bytes(), "{length} bytes, {threads} threads");
            }
        }
    }
}
