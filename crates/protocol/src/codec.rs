//! Bytes: the one encoding of everything that is signed, sent, saved or hashed.
//!
//! **Invariant:** each value has exactly one encoding and each accepted byte string is one; what is longer than its
//! bound is refused before a byte of it is looked at, a list of more items than its bound before the first of them. No
//! other file names bincode.

pub mod bounded;

use alloc::vec::Vec;

use bincode::{enc::write::Writer, error::EncodeError};
use serde::{Serialize, de::DeserializeOwned};

use crate::id::Digest;

/// The version of everything that peers send and of receipt files. It rises with every change of an encoding.
pub const VERSION: u8 = 3;
/// The first byte of whatever carries a version.
const MARK: u8 = 0xa5;
/// Bytes of the header: that one, and the version.
const HEADER_BYTES: usize = 2;

/// Bytes in the longest message.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Bytes in the longest receipt.
pub const RECEIPT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes in the longest blob that travels: an input with its salt, an output, a runner, a model.
pub const BLOB_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why bytes are not the value they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More bytes than any such value has.
    #[error("{bytes} bytes, where at most {max} are allowed")]
    TooLong {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        max: usize,
    },
    /// The bytes end early, name no known variant or break a bound.
    #[error("not a valid encoding")]
    Invalid,
    /// A value, with more bytes behind it.
    #[error("{bytes} bytes too many at the end")]
    Trailing {
        /// How many there are.
        bytes: usize,
    },
    /// A value, but not in its one encoding.
    #[error("not the canonical encoding")]
    NotCanonical,
    /// The bytes do not begin as anything of this protocol does.
    #[error("not something that assay writes")]
    Foreign,
    /// Written by an older version.
    #[error(
        "the other peer is too old: it speaks version {theirs} of the protocol, this one version {VERSION}"
    )]
    PeerTooOld {
        /// The version that wrote it.
        theirs: u8,
    },
    /// Written by a newer version.
    #[error(
        "the other peer is too new: it speaks version {theirs} of the protocol, this one version {VERSION}; update assay"
    )]
    PeerTooNew {
        /// The version that wrote it.
        theirs: u8,
    },
}

const fn config() -> bincode::config::Configuration {
    bincode::config::standard()
}

/// The encoding of `value`.
///
/// # Panics
/// Never for the types of this crate: only a map or a sequence of unknown length has no encoding, and there is none.
#[must_use]
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Bytes(Vec::with_capacity(ENCODED_BYTES));
    write(value, &mut bytes);
    bytes.0
}

/// The encoding of `value` behind the header that says which version wrote it.
#[must_use]
pub fn encode_versioned<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Bytes(Vec::with_capacity(ENCODED_BYTES));
    bytes.0.extend([MARK, VERSION]);
    write(value, &mut bytes);
    bytes.0
}

/// The [`digest`] of a value that is encoded already, behind its header.
pub(crate) fn digest_versioned(tag: &str, encoded: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&encode(tag)).update(encoded.get(HEADER_BYTES..).unwrap_or_default());
    Digest(*hasher.finalize().as_bytes())
}

fn write<T: Serialize + ?Sized>(value: &T, into: &mut impl Writer) {
    if let Err(error) = bincode::serde::encode_into_writer(value, into, config()) {
        unreachable!("a type of the protocol has no encoding: {error}");
    }
}

/// The value that `bytes` are the encoding of.
///
/// # Errors
/// [`Malformed`], if they are longer than `max` or not exactly the canonical encoding of a value.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, Malformed> {
    if bytes.len() > max {
        return Err(Malformed::TooLong { bytes: bytes.len(), max });
    }
    let (value, read) = decode_some(bytes).ok_or(Malformed::Invalid)?;
    if read < bytes.len() {
        return Err(Malformed::Trailing { bytes: bytes.len() - read });
    }
    if !is_encoding_of(bytes, &value) {
        return Err(Malformed::NotCanonical);
    }
    Ok(value)
}

/// The value that a peer wrote down for itself and reads back: of any length up to two gibibytes, and not asked whether it
/// is in its one encoding.
#[must_use]
pub fn decode_own<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let config = config().with_limit::<{ 1 << 31 }>();
    let (value, read) = bincode::serde::borrow_decode_from_slice(bytes, config).ok()?;
    (read == bytes.len()).then_some(value)
}

/// The value that `bytes` are the encoding of, behind a header of this version; `max` counts the header.
///
/// # Errors
/// [`Malformed`], as [`decode`], or because another version wrote it.
pub fn decode_versioned<T: Serialize + DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, Malformed> {
    if bytes.len() > max {
        return Err(Malformed::TooLong { bytes: bytes.len(), max });
    }
    match bytes {
        [MARK, VERSION, body @ ..] => decode(body, max),
        [MARK, theirs, ..] if *theirs < VERSION => Err(Malformed::PeerTooOld { theirs: *theirs }),
        [MARK, theirs, ..] => Err(Malformed::PeerTooNew { theirs: *theirs }),
        _ => Err(Malformed::Foreign),
    }
}

/// True if encoding `value` gives these bytes; found out without a second copy of them.
fn is_encoding_of<T: Serialize>(bytes: &[u8], value: &T) -> bool {
    let mut rest = Unwritten(bytes);
    bincode::serde::encode_into_writer(value, &mut rest, config()).is_ok() && rest.0.is_empty()
}

/// Bytes that an encoding is given room for at first: most messages have fewer.
const ENCODED_BYTES: usize = 512;

/// Bytes that grow.
struct Bytes(Vec<u8>);

/// Bytes that are still to be written.
struct Unwritten<'a>(&'a [u8]);

/// Bytes that are gathered before they go anywhere: values are written a byte or two at a time, which is slow to take.
const GATHERED_BYTES: usize = 1_024;
/// Bytes of a long value that are hashed at once: sixteen chunks of the hash, which it takes eight side by side.
const HASHED_BYTES: usize = 16 * GATHERED_BYTES;

/// A digest under way.
struct Hashing {
    gathered: [u8; GATHERED_BYTES],
    filled: usize,
    /// Of a value that is longer, what is not hashed yet.
    long: Vec<u8>,
    /// Of a value that is longer than that, what is.
    hasher: Option<blake3::Hasher>,
}

impl Hashing {
    fn flush(&mut self) {
        if self.long.len() + self.filled > HASHED_BYTES {
            self.hasher.get_or_insert_with(blake3::Hasher::new).update(&self.long);
            self.long.clear();
        }
        self.long.reserve_exact(if self.long.is_empty() { HASHED_BYTES } else { 0 });
        self.long.extend_from_slice(&self.gathered[..self.filled]);
        self.filled = 0;
    }

    fn finish(&mut self) -> Digest {
        if self.long.is_empty() {
            return Digest::of(&self.gathered[..self.filled]);
        }
        self.flush();
        match &mut self.hasher {
            Some(hasher) => Digest(*hasher.update(&self.long).finalize().as_bytes()),
            None => Digest::of(&self.long),
        }
    }
}

impl Writer for Bytes {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

impl Writer for Unwritten<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0 = self.0.strip_prefix(bytes).ok_or(EncodeError::UnexpectedEnd)?;
        Ok(())
    }
}

impl Writer for Hashing {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if let Some(room) = self.gathered.get_mut(self.filled..self.filled + bytes.len()) {
            room.copy_from_slice(bytes);
            self.filled += bytes.len();
            return Ok(());
        }
        for part in bytes.chunks(GATHERED_BYTES) {
            self.flush();
            self.gathered[..part.len()].copy_from_slice(part);
            self.filled = part.len();
        }
        Ok(())
    }
}

/// A value and how many bytes it took. What a length in the bytes claims is never allocated beyond twice the next of
/// three bounds above the bytes that are there; twice, since a number counts as its longest encoding.
fn decode_some<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, usize)> {
    const LOCAL_BYTES_MAX: usize = 64 * RECEIPT_BYTES_MAX;
    let decoded = if bytes.len() <= MESSAGE_BYTES_MAX {
        bincode::serde::borrow_decode_from_slice(bytes, config().with_limit::<{ 2 * MESSAGE_BYTES_MAX }>())
    } else if bytes.len() <= RECEIPT_BYTES_MAX {
        bincode::serde::borrow_decode_from_slice(bytes, config().with_limit::<{ 2 * RECEIPT_BYTES_MAX }>())
    } else {
        bincode::serde::borrow_decode_from_slice(bytes, config().with_limit::<{ 2 * LOCAL_BYTES_MAX }>())
    };
    decoded.ok()
}

/// The digest of a value under a tag that no other kind of value uses.
#[must_use]
pub fn digest<T: Serialize + ?Sized>(tag: &str, value: &T) -> Digest {
    let (gathered, long) = ([0; GATHERED_BYTES], Vec::new());
    let mut hashing = Hashing { gathered, filled: 0, long, hasher: None };
    write(tag, &mut hashing);
    write(value, &mut hashing);
    hashing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_encoding_of_exactly_one_value_is_accepted() {
        assert_eq!(decode::<u64>(&encode(&7_u64), 9), Ok(7));
        assert_eq!(decode::<u64>(&[7; 10], 9), Err(Malformed::TooLong { bytes: 10, max: 9 }));
        assert_eq!(decode::<u64>(&[], 9), Err(Malformed::Invalid));
        assert_eq!(decode::<u64>(&[7, 7], 9), Err(Malformed::Trailing { bytes: 1 }));
        assert_eq!(decode::<u64>(&[251, 7, 0], 9), Err(Malformed::NotCanonical));
    }

    #[test]
    fn another_version_is_told_from_what_is_not_ours_at_all() {
        let mut bytes = encode_versioned(&7_u64);
        assert_eq!(decode_versioned::<u64>(&bytes, 9), Ok(7));
        assert_eq!(decode_versioned::<u64>(&bytes, 2), Err(Malformed::TooLong { bytes: 3, max: 2 }));
        bytes[1] = VERSION - 1;
        assert_eq!(decode_versioned::<u64>(&bytes, 9), Err(Malformed::PeerTooOld { theirs: VERSION - 1 }));
        bytes[1] = VERSION + 1;
        assert_eq!(decode_versioned::<u64>(&bytes, 9), Err(Malformed::PeerTooNew { theirs: VERSION + 1 }));
        for foreign in [&b""[..], b"\xa5", b"GET / HTTP/1.1"] {
            assert_eq!(decode_versioned::<u64>(foreign, 99), Err(Malformed::Foreign));
        }
    }

    #[test]
    fn a_length_that_is_only_claimed_is_refused() {
        let mut bytes = encode(&u64::MAX);
        bytes.push(b'a');
        assert_eq!(decode::<alloc::string::String>(&bytes, MESSAGE_BYTES_MAX), Err(Malformed::Invalid));
        assert_eq!(decode::<Vec<u64>>(&bytes, MESSAGE_BYTES_MAX), Err(Malformed::Invalid));
        let whole = encode(&alloc::vec![7_u8; MESSAGE_BYTES_MAX - 3]);
        assert_eq!(whole.len(), MESSAGE_BYTES_MAX);
        assert!(decode::<Vec<u8>>(&whole, MESSAGE_BYTES_MAX).is_ok());
    }

    #[test]
    fn a_digest_is_that_of_the_encoding_however_long_it_is() {
        for length in [0, 1, 63, 64, 1_020, 1_021, 1_022, 1_023, 1_024, 1_025, 5_000, 16_384, 17_409, 99_999]
        {
            let value: Vec<u8> = (0..length).map(|place| place as u8).collect();
            for parts in [1, 7, 1_000] {
                let parts: Vec<&[u8]> = value.chunks(parts).collect();
                assert_eq!(digest("tag", &parts), Digest::of(&encode(&("tag", &parts))), "{length}");
            }
        }
    }

    #[test]
    fn what_is_encoded_already_is_named_as_it_would_be() {
        for length in [0, 1, 500, 1_017, 1_018, 5_000] {
            let value: Vec<u8> = (0..length).map(|place| place as u8).collect();
            assert_eq!(digest_versioned("tag", &encode_versioned(&value)), digest("tag", &value), "{length}");
        }
    }

    #[test]
    fn a_digest_depends_on_tag_and_value() {
        assert_ne!(digest("a", &1_u8), digest("b", &1_u8));
        assert_ne!(digest("a", &1_u8), digest("a", &2_u8));
    }
}
