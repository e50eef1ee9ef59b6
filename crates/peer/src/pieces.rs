//! A blob in pieces that are proven one by one: the tree of BLAKE3, read at one height.
//!
//! A blob is named by the root of that tree. Whoever knows the values of all pieces can join them to the root, and then
//! says of each piece, as it comes, whether it is that part of the blob, whatever came before and whoever sent it.
//!
//! Values at another height of the tree join to the same root. That they are those of pieces, and that the blob has the length
//! that goes with them, is known once the last piece was proven: its place and its length are in its value.
//!
//! **Invariant:** the values in a [`BlobPieces`] join to the digest that it was made for.

use std::{
    fs::File,
    io::{self, Read, Seek},
    ops::Range,
    sync::Arc,
};

use assay_protocol::id::Digest;
use blake3::hazmat::{ChainingValue, HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};

/// Bytes in a piece; the last may be shorter. A power of two, as the tree is cut there.
pub const PIECE_BYTES: u64 = 256 * 1024;

/// What the pieces of one blob are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobPieces {
    bytes: u64,
    values: Arc<[ChainingValue]>,
}

/// How many pieces a blob of so many bytes has: one, if it is empty.
#[must_use]
pub const fn count(bytes: u64) -> u64 {
    let pieces = bytes.div_ceil(PIECE_BYTES);
    if pieces == 0 { 1 } else { pieces }
}

impl BlobPieces {
    /// The pieces of this blob, if these are their values.
    #[must_use]
    pub fn proven(digest: &Digest, bytes: u64, values: Vec<ChainingValue>) -> Option<Self> {
        let fits = values.len() as u64 == count(bytes) && root(&values) == *digest;
        fits.then(|| Self { bytes, values: values.into() })
    }

    /// Reads a file from where it is to its end: its digest and its pieces.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(file: impl Read) -> io::Result<(Digest, Self)> {
        let mut hasher = PieceHasher::default();
        io::copy(&mut io::BufReader::with_capacity(READ_BYTES, file), &mut hasher)?;
        Ok(hasher.finish())
    }

    /// How long the blob is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many pieces it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.values.len() as u64
    }

    /// The values of all, in their order.
    #[must_use]
    pub fn values(&self) -> &[ChainingValue] {
        &self.values
    }

    /// Where a piece lies in the blob; nowhere, behind its end.
    #[must_use]
    pub fn range(&self, piece: u64) -> Range<u64> {
        let at = |piece: u64| piece.saturating_mul(PIECE_BYTES).min(self.bytes);
        at(piece)..at(piece.saturating_add(1))
    }

    /// True if these bytes are that piece.
    #[must_use]
    pub fn proves(&self, piece: u64, bytes: &[u8]) -> bool {
        let range = self.range(piece);
        let value = usize::try_from(piece).ok().and_then(|piece| self.values.get(piece));
        let is_whole = bytes.len() as u64 == range.end - range.start;
        is_whole && value.is_some_and(|value| *value == value_of(bytes, range.start, self.count() == 1))
    }
}

/// A file that is served, and what proves its pieces.
#[derive(Debug)]
pub struct ServedBlob {
    /// The file, at its beginning.
    pub file: File,
    /// Its pieces.
    pub pieces: BlobPieces,
}

impl ServedBlob {
    /// Reads a file from its beginning, and goes back there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(mut file: File) -> io::Result<(Digest, Self)> {
        file.rewind()?;
        let (digest, pieces) = BlobPieces::read(&file)?;
        file.rewind()?;
        Ok((digest, Self { file, pieces }))
    }
}

/// Bytes that are read from a file at a time.
const READ_BYTES: usize = 64 * 1024;

/// Hashes a blob as it goes by.
#[derive(Default)]
pub(crate) struct PieceHasher {
    bytes: u64,
    /// Values of the pieces that are over.
    values: Vec<ChainingValue>,
    piece: blake3::Hasher,
}

impl PieceHasher {
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // Whether a piece is the last, and with the first the only one, is known only when another begins.
            if self.filled() == PIECE_BYTES {
                self.end_piece();
            }
            let room = PIECE_BYTES - self.filled();
            let (now, later) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            self.piece.update(now);
            self.bytes += now.len() as u64;
            bytes = later;
        }
    }

    pub(crate) fn finish(mut self) -> (Digest, BlobPieces) {
        if self.values.is_empty() {
            let digest = *self.piece.finalize().as_bytes();
            return (Digest(digest), BlobPieces { bytes: self.bytes, values: [digest].into() });
        }
        self.end_piece();
        (root(&self.values), BlobPieces { bytes: self.bytes, values: self.values.into() })
    }

    /// Bytes of the piece that goes by.
    fn filled(&self) -> u64 {
        self.bytes - self.values.len() as u64 * PIECE_BYTES
    }

    fn end_piece(&mut self) {
        self.values.push(self.piece.finalize_non_root());
        self.piece = blake3::Hasher::new();
        self.piece.set_input_offset(self.values.len() as u64 * PIECE_BYTES);
    }
}

impl io::Write for PieceHasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn value_of(piece: &[u8], offset: u64, is_only: bool) -> ChainingValue {
    if is_only {
        return *blake3::hash(piece).as_bytes();
    }
    blake3::Hasher::new().set_input_offset(offset).update(piece).finalize_non_root()
}

/// The digest of the blob that has pieces of these values.
fn root(values: &[ChainingValue]) -> Digest {
    match values {
        [] => Digest::default(),
        [only] => Digest(*only),
        _ => {
            let (left, right) = halves(values);
            Digest(*merge_subtrees_root(&joined(left), &joined(right), Mode::Hash).as_bytes())
        }
    }
}

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

/// At least two values, as the tree has them left and right: the greatest power of two that leaves one, and the rest.
fn halves(values: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    values.split_at(1 << (values.len() - 1).ilog2())
}

/// Values of the parts of so many bytes that a blob has, at least two: of its tree at another height.
#[cfg(test)]
pub(crate) fn joined_of(content: &[u8], part_bytes: u64) -> Vec<ChainingValue> {
    let parts = content.chunks(part_bytes as usize).enumerate();
    parts.map(|(at, part)| value_of(part, at as u64 * part_bytes, false)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: u64) -> Vec<u8> {
        (0..bytes).map(|at| (at * 31 / 7) as u8).collect()
    }

    #[test]
    fn pieces_join_to_the_digest_of_the_whole() {
        let piece = PIECE_BYTES;
        for bytes in
            [0, 1, 1024, piece - 1, piece, piece + 1, 2 * piece, 3 * piece, 5 * piece + 1025, 8 * piece]
        {
            let content = content(bytes);
            let mut hasher = PieceHasher::default();
            content.chunks(100_003).for_each(|part| hasher.update(part));
            let (digest, pieces) = hasher.finish();
            assert_eq!(digest, Digest::of(&content), "{bytes} bytes");
            assert_eq!((pieces.bytes(), pieces.count()), (bytes, count(bytes)));
            assert_eq!(BlobPieces::proven(&digest, bytes, pieces.values().to_vec()), Some(pieces.clone()));
            for at in 0..pieces.count() {
                let range = pieces.range(at);
                assert!(
                    pieces.proves(at, &content[range.start as usize..range.end as usize]),
                    "{at} of {bytes}"
                );
            }
            assert!(pieces.range(pieces.count()).is_empty() && pieces.range(u64::MAX).is_empty());
            assert_eq!(BlobPieces::read(&content[..]).unwrap(), (digest, pieces));
        }
    }

    #[test]
    fn no_other_bytes_pass_for_a_piece() {
        let content = content(3 * PIECE_BYTES - 7);
        let (_, pieces) = BlobPieces::read(&content[..]).unwrap();
        let part = |at: u64| content[pieces.range(at).start as usize..pieces.range(at).end as usize].to_vec();
        let mut bent = part(1);
        bent[70_000] ^= 1;
        assert!(!pieces.proves(1, &bent) && !pieces.proves(0, &part(1)) && !pieces.proves(1, &part(1)[1..]));
        assert!(!pieces.proves(2, &[&part(2)[..], &[0]].concat()) && !pieces.proves(3, &[]));
    }

    #[test]
    fn no_other_values_pass_for_those_of_a_digest() {
        let bytes = 3 * PIECE_BYTES - 7;
        let (digest, pieces) = BlobPieces::read(&content(bytes)[..]).unwrap();
        let mut values = pieces.values().to_vec();
        values.swap(0, 1);
        assert_eq!(BlobPieces::proven(&digest, bytes, values.clone()), None);
        values.swap(0, 1);
        assert_eq!(
            BlobPieces::proven(&digest, 2 * PIECE_BYTES, values.clone()),
            None,
            "another number of pieces"
        );
        // What lies about its length by less than a piece is found out where it ends.
        let shorter = BlobPieces::proven(&digest, bytes - 1, values).unwrap();
        assert!(!shorter.proves(2, &content(bytes)[2 * PIECE_BYTES as usize..bytes as usize - 1]));
        assert_eq!(BlobPieces::proven(&digest, 0, Vec::new()), None);
    }
}
