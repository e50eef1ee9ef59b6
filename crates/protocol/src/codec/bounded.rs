//! Lists, texts and bytes that are refused when they are longer than their kind ever is, before they are read.
//!
//! For `#[serde(deserialize_with = …)]` and `#[serde(with = …)]`: the type stays a plain vector or string, and what was
//! decoded is within its bound.

use alloc::{string::String, vec::Vec};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// A list of at most `MAX` items.
///
/// # Errors
/// Whatever the items fail with, and more of them than allowed.
pub fn list<'de, const MAX: usize, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(AtMost::<T, MAX>(PhantomData))
}

/// A text of at most `MAX` bytes.
///
/// # Errors
/// Whatever a text fails with, and more bytes than allowed.
pub fn text<'de, const MAX: usize, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > MAX { Err(too_many::<D::Error>(text.len(), MAX)) } else { Ok(text) }
}

struct AtMost<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for AtMost<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a list of at most {MAX} items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let claimed = items.size_hint().unwrap_or(0);
        if claimed > MAX {
            return Err(too_many::<A::Error>(claimed, MAX));
        }
        let mut list = Vec::with_capacity(claimed);
        while let Some(item) = items.next_element()? {
            if list.len() == MAX {
                return Err(too_many::<A::Error>(MAX + 1, MAX));
            }
            list.push(item);
        }
        Ok(list)
    }
}

fn too_many<E: Error>(found: usize, max: usize) -> E {
    E::custom(format_args!("{found} items, where at most {max} are allowed"))
}

/// The bytes of one record: at most [`crate::merkle::RECORD_BYTES`]; hexadecimal digits where people read them.
pub mod record {
    use alloc::{string::String, vec::Vec};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::too_many;
    use crate::{id, merkle::RECORD_BYTES};

    /// Writes the bytes.
    ///
    /// # Errors
    /// Whatever the serializer fails with.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(&id::Hex(bytes));
        }
        serializer.serialize_bytes(bytes)
    }

    /// Reads bytes of a record.
    ///
    /// # Errors
    /// Whatever bytes fail with, and more of them than a record has.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let bytes = if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            if text.len() > 2 * RECORD_BYTES {
                return Err(too_many(text.len(), 2 * RECORD_BYTES));
            }
            let mut bytes = alloc::vec![0; text.len() / 2];
            id::from_hex(&text, &mut bytes).ok_or_else(|| D::Error::custom("expected hexadecimal digits"))?;
            bytes
        } else {
            super::list::<RECORD_BYTES, u8, D>(deserializer)?
        };
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::codec::{self, Malformed};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Few {
        #[serde(deserialize_with = "list::<3, _, _>")]
        numbers: Vec<u64>,
        #[serde(deserialize_with = "text::<3, _>")]
        name: String,
        #[serde(with = "record")]
        bytes: Vec<u8>,
    }

    fn check(numbers: usize, name: usize, bytes: usize, fits: bool) {
        let few =
            Few { numbers: alloc::vec![7; numbers], name: "n".repeat(name), bytes: alloc::vec![7; bytes] };
        let expected = if fits { Ok(&few) } else { Err(Malformed::Invalid) };
        let decoded = codec::decode::<Few>(&codec::encode(&few), 1_024);
        assert_eq!(decoded.as_ref().map_err(|malformed| *malformed), expected);
    }

    #[test]
    fn lists_texts_and_records_are_taken_up_to_their_bounds() {
        check(3, 3, 256, true);
        check(0, 0, 0, true);
        check(4, 3, 256, false);
        check(3, 4, 256, false);
        check(3, 3, 257, false);
    }
}
