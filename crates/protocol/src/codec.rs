//! Bytes: the one encoding of everything that is signed, sent, saved or hashed.
//!
//! **Invariant:** each value has exactly one encoding and each accepted byte string is one; what is longer than its
//! bound is refused before a byte of it is looked at. No other file names bincode.

use alloc::vec::Vec;

use serde::{Serialize, de::DeserializeOwned};

use crate::id::Digest;

/// Bytes in the longest message.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Bytes in the longest receipt.
pub const RECEIPT_BYTES_MAX: usize = 1024 * 1024;

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
    match bincode::serde::encode_to_vec(value, config()) {
        Ok(bytes) => bytes,
        Err(error) => unreachable!("a type of the protocol has no encoding: {error}"),
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
    if encode(&value) != bytes {
        return Err(Malformed::NotCanonical);
    }
    Ok(value)
}

/// A value and how many bytes it took. What a length in the bytes claims is never allocated beyond twice the next of
/// three bounds above the bytes that are there; twice, since a number counts as its longest encoding.
fn decode_some<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, usize)> {
    const LOCAL_BYTES_MAX: usize = 64 * RECEIPT_BYTES_MAX;
    let decoded = if bytes.len() <= MESSAGE_BYTES_MAX {
        bincode::serde::decode_from_slice(bytes, config().with_limit::<{ 2 * MESSAGE_BYTES_MAX }>())
    } else if bytes.len() <= RECEIPT_BYTES_MAX {
        bincode::serde::decode_from_slice(bytes, config().with_limit::<{ 2 * RECEIPT_BYTES_MAX }>())
    } else {
        bincode::serde::decode_from_slice(bytes, config().with_limit::<{ 2 * LOCAL_BYTES_MAX }>())
    };
    decoded.ok()
}

/// The digest of a value under a tag that no other kind of value uses.
#[must_use]
pub fn digest<T: Serialize + ?Sized>(tag: &str, value: &T) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&encode(tag));
    hasher.update(&encode(value));
    Digest(*hasher.finalize().as_bytes())
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
    fn a_digest_depends_on_tag_and_value() {
        assert_ne!(digest("a", &1_u8), digest("b", &1_u8));
        assert_ne!(digest("a", &1_u8), digest("a", &2_u8));
    }
}
