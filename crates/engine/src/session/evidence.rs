//! What a session can show of the rows that it gave.
//!
//! **Invariant:** a row's digest is that of its bits, little-endian, in the order of the vocabulary.

/// The digest of a row's bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowDigest(pub [u8; 32]);

/// Rows that a session gives in its life, some more than once: 32 bytes of memory for each.
pub const ROWS_GIVEN_MAX: usize = 1 << 22;
/// Numbers that are hashed at a time: as many blocks as the widest vectors take.
const STRIDE: usize = 4096;

impl RowDigest {
    /// The digest of a row.
    #[must_use]
    pub fn of(logits: &[f32]) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = [[0; 4]; STRIDE];
        for numbers in logits.chunks(STRIDE) {
            for (bytes, number) in bytes.iter_mut().zip(numbers) {
                *bytes = number.to_le_bytes();
            }
            hasher.update(bytes[..numbers.len()].as_flattened());
        }
        Self(*hasher.finalize().as_bytes())
    }
}

/// The digests of the rows that a session gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowDigests {
    rows: Vec<RowDigest>,
    /// How many were given, those that are not kept among them.
    given: usize,
    is_counted_only: bool,
}

impl RowDigests {
    pub(crate) fn add(&mut self, row: RowDigest) {
        self.given += 1;
        if !self.is_counted_only {
            self.rows.push(row);
        }
    }

    pub(crate) const fn given(&self) -> usize {
        self.given
    }

    pub(crate) fn count_only(&mut self) {
        *self = Self { given: self.given, is_counted_only: true, rows: Vec::new() };
    }

    /// One a row, in the order that rows were given in.
    #[must_use]
    pub fn rows(&self) -> &[RowDigest] {
        &self.rows
    }

    /// One digest over all of them.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for row in &self.rows {
            hasher.update(&row.0);
        }
        *hasher.finalize().as_bytes()
    }
}
