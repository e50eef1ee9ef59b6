//! Names: digests of content, keys of peers, and the signatures that bind the two.
//!
//! **Invariant:** a name is 32 bytes that were computed, never chosen: content by BLAKE3, peers by their ed25519 key.

use alloc::string::String;
use core::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hexadecimal digits")]
pub struct NotAName {
    /// How many digits a name of this kind has.
    pub expected: usize,
}

/// Bytes with one binary form (the bytes) and one readable form (lower-case hexadecimal).
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// The bytes of the name.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl Ord for $name {
            #[inline]
            fn cmp(&self, other: &Self) -> Ordering {
                compare(&self.0, &other.0)
            }
        }

        impl PartialOrd for $name {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self([0; $bytes])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                Hex(&self.0).fmt(out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().take(4).try_for_each(|byte| write!(out, "{byte:02x}"))
            }
        }

        impl FromStr for $name {
            type Err = NotAName;

            fn from_str(text: &str) -> Result<Self, NotAName> {
                let mut bytes = [0; $bytes];
                from_hex(text, &mut bytes).ok_or(NotAName { expected: 2 * $bytes })?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    return serializer.collect_str(self);
                }
                serializer.serialize_bytes(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    return String::deserialize(deserializer)?.parse().map_err(de::Error::custom);
                }
                deserializer.deserialize_bytes(Exactly::<$bytes>).map(Self)
            }
        }
    };
}

name!(
    /// The BLAKE3 digest of some bytes: the name of every blob, manifest, class and record.
    Digest,
    32
);
name!(
    /// The ed25519 public key of a peer, which is its name.
    PeerId,
    32
);
name!(
    /// An ed25519 signature.
    Signature,
    64
);

/// The name of a job: the digest of its order.
pub type JobId = Digest;
/// The name of a network: the digest of its genesis.
pub type NetworkId = Digest;

impl Digest {
    /// Hashes plain bytes: the name of a blob.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

/// The order of the bytes, eight at a time: names are looked up more often than anything else is done with them, and two
/// of them nearly always differ in the first word.
#[inline]
fn compare<const BYTES: usize>(left: &[u8; BYTES], right: &[u8; BYTES]) -> Ordering {
    const { assert!(BYTES.is_multiple_of(8), "a name is whole words") };
    for (left, right) in left.as_chunks().0.iter().zip(right.as_chunks().0) {
        let order = u64::from_be_bytes(*left).cmp(&u64::from_be_bytes(*right));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// So many bytes at once: names make up most of what is said, and one copy is faster than as many single bytes.
struct Exactly<const BYTES: usize>;

impl<const BYTES: usize> de::Visitor<'_> for Exactly<BYTES> {
    type Value = [u8; BYTES];

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{BYTES} bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<[u8; BYTES], E> {
        bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// Fills `bytes` from exactly twice as many lower-case digits; upper case is refused so that each name has one text.
pub(crate) fn from_hex(text: &str, bytes: &mut [u8]) -> Option<()> {
    let digit = |symbol: u8| match symbol {
        b'0'..=b'9' => Some(symbol - b'0'),
        b'a'..=b'f' => Some(symbol - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_name_reads_back_from_its_text_and_only_from_it() {
        let name = Digest::of(b"assay");
        assert_eq!(name.to_string().parse(), Ok(name));
        let wrong = NotAName { expected: 64 };
        for text in ["", "00", &name.to_string().to_uppercase(), &name.to_string()[1..]] {
            assert_eq!(text.parse::<Digest>(), Err(wrong), "{text}");
        }
    }
    #[test]
    fn names_stand_in_the_order_of_their_bytes() {
        let (low, high) = ([0x7f; 32], [0x80; 32]);
        for place in 0..32 {
            for (left, right) in [(low, low), (low, high), (high, low)] {
                let (mut one, mut other) = (low, low);
                (one[place], other[place]) = (left[place], right[place]);
                (one[31 - place], other[31 - place]) = (right[place], left[place]);
                assert_eq!(Digest(one).cmp(&Digest(other)), one.cmp(&other), "{one:x?} {other:x?}");
            }
        }
    }
}
