//! The shape of a type as it is encoded: the names of its structs, their fields and the variants of its enums, all the way
//! down. Two programs that read each other's snapshots have the same.
//!
//! It is found by reading a value that is not there: whatever a type asks for is noted, and answered with nothing. An enum
//! is answered with another variant each time, until every one was seen.
//!
//! **Invariant:** a field, a variant or a type more or less is another shape.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use assay_protocol::id::Digest;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess,
    Visitor, value::U32Deserializer,
};

/// Readings after which a type is taken to have no end.
const READINGS_MAX: usize = 1_024;

/// Bytes in the longest name.
const NAME_BYTES_MAX: usize = 64;

/// The shape of a type.
pub(super) fn shape<'de, T: Deserialize<'de>>() -> Digest {
    trace::<T>().0
}

/// True if every part of a type has a part in its shape.
#[cfg(test)]
pub(super) fn is_whole<'de, T: Deserialize<'de>>() -> bool {
    trace::<T>().1
}

/// The shape, and whether a value of nothing was read to its end: what refuses one hides what comes behind it.
fn trace<'de, T: Deserialize<'de>>() -> (Digest, bool) {
    let (mut traced, mut is_whole) = (Traced::default(), true);
    for _ in 0..READINGS_MAX {
        traced.is_new = false;
        is_whole &= T::deserialize(&mut traced).is_ok();
        if !traced.is_new {
            break;
        }
    }
    (Digest::of(&traced.noted), is_whole && !traced.is_new)
}

/// What was asked for so far.
#[derive(Default)]
struct Traced {
    noted: Vec<u8>,
    /// The variant of each enum that is answered next.
    variants: BTreeMap<&'static str, u32>,
    /// True if this reading saw a variant that none before it saw.
    is_new: bool,
}

/// A type did not take what it was given.
#[derive(Debug)]
struct NotTaken(String);

impl fmt::Display for NotTaken {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl core::error::Error for NotTaken {}

impl de::Error for NotTaken {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Traced {
    fn note(&mut self, word: &str) {
        self.noted.extend(word.as_bytes());
        self.noted.push(0);
    }

    fn note_all(&mut self, kind: &str, name: &str, parts: &[&str]) {
        self.note(kind);
        self.note(name);
        parts.iter().for_each(|part| self.note(part));
    }
}

/// What a visitor says that it wants.
struct Wanting<'a, V>(&'a V);

impl<'de, V: Visitor<'de>> fmt::Display for Wanting<'_, V> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(to)
    }
}

/// So many things more.
struct Things<'a> {
    traced: &'a mut Traced,
    left: usize,
}

impl<'de> SeqAccess<'de> for Things<'_> {
    type Error = NotTaken;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NotTaken> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.traced).map(Some)
    }
}

impl<'de> MapAccess<'de> for Things<'_> {
    type Error = NotTaken;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NotTaken> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, NotTaken> {
        seed.deserialize(&mut *self.traced)
    }
}

/// One variant.
struct OneOf<'a> {
    traced: &'a mut Traced,
    variant: u32,
}

impl<'de> EnumAccess<'de> for OneOf<'_> {
    type Error = NotTaken;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), NotTaken> {
        let chosen = U32Deserializer::<NotTaken>::new(self.variant);
        Ok((seed.deserialize(chosen)?, self))
    }
}

impl<'de> VariantAccess<'de> for OneOf<'_> {
    type Error = NotTaken;

    fn unit_variant(self) -> Result<(), NotTaken> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, NotTaken> {
        seed.deserialize(self.traced)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, NotTaken> {
        visitor.visit_seq(Things { traced: self.traced, left: length })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotTaken> {
        self.traced.note_all("fields", "", fields);
        visitor.visit_seq(Things { traced: self.traced, left: fields.len() })
    }
}

macro_rules! nothing {
    ($($asked:ident => $answered:ident($value:expr)),* $(,)?) => {
        $(fn $asked<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotTaken> {
            self.note(stringify!($asked));
            visitor.$answered($value)
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Traced {
    type Error = NotTaken;

    nothing! {
        deserialize_bool => visit_bool(false),
        deserialize_i8 => visit_i8(0),
        deserialize_i16 => visit_i16(0),
        deserialize_i32 => visit_i32(0),
        deserialize_i64 => visit_i64(0),
        deserialize_i128 => visit_i128(0),
        deserialize_u8 => visit_u8(0),
        deserialize_u16 => visit_u16(0),
        deserialize_u32 => visit_u32(0),
        deserialize_u64 => visit_u64(0),
        deserialize_u128 => visit_u128(0),
        deserialize_f32 => visit_f32(0.0),
        deserialize_f64 => visit_f64(0.0),
        deserialize_char => visit_char('0'),
        deserialize_str => visit_str(""),
        deserialize_string => visit_string(String::new()),
        deserialize_byte_buf => visit_byte_buf(Vec::new()),
        deserialize_identifier => visit_str(""),
    }

    /// Names and signatures say themselves how many bytes they want.
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotTaken> {
        let wanted = Wanting(&visitor).to_string();
        self.note_all("bytes", &wanted, &[]);
        let count = wanted.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0);
        visitor.visit_bytes(&alloc::vec![0; NAME_BYTES_MAX.min(count)])
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotTaken> {
        self.note("option");
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotTaken> {
        self.note("list");
        visitor.visit_seq(Things { traced: self, left: 1 })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotTaken> {
        self.note("map");
        visitor.visit_map(Things { traced: self, left: 1 })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotTaken> {
        self.note("nothing");
        visitor.visit_unit()
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotTaken> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotTaken> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotTaken> {
        self.note_all("unit", name, &[]);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotTaken> {
        self.note_all("newtype", name, &[]);
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, NotTaken> {
        self.note_all("tuple", &length.to_string(), &[]);
        visitor.visit_seq(Things { traced: self, left: length })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, NotTaken> {
        self.note_all("tuple", name, &[]);
        visitor.visit_seq(Things { traced: self, left: length })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotTaken> {
        self.note_all("struct", name, fields);
        visitor.visit_seq(Things { traced: self, left: fields.len() })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotTaken> {
        self.note_all("enum", name, variants);
        let next = self.variants.entry(name).or_default();
        let variant = (*next).min(variants.len().saturating_sub(1) as u32);
        if (*next as usize) < variants.len() {
            (*next, self.is_new) = (*next + 1, true);
        }
        visitor.visit_enum(OneOf { traced: self, variant })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct First {
        number: u64,
        chosen: Vec<Chosen>,
    }

    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    enum Chosen {
        Plain,
        Deep { list: BTreeMap<u8, Option<Inner>> },
    }

    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Inner {
        inner: bool,
    }

    mod otherwise {
        #[derive(serde::Deserialize)]
        pub(super) struct First {
            #[expect(dead_code, reason = "only its shape matters")]
            number: u64,
            #[expect(dead_code, reason = "only its shape matters")]
            chosen: alloc::vec::Vec<Chosen>,
        }

        #[derive(serde::Deserialize)]
        #[expect(dead_code, reason = "only its shape matters")]
        pub(super) enum Chosen {
            Plain,
            Deep { list: alloc::collections::BTreeMap<u8, Option<Inner>> },
        }

        #[derive(serde::Deserialize)]
        pub(super) struct Inner {
            #[expect(dead_code, reason = "only its shape matters")]
            inner: bool,
            #[expect(dead_code, reason = "only its shape matters")]
            more: u8,
        }
    }

    #[test]
    fn a_field_more_is_another_shape_however_deep_it_lies() {
        assert_eq!(shape::<First>(), shape::<First>());
        assert_ne!(shape::<First>(), shape::<otherwise::First>());
        assert_ne!(shape::<u64>(), shape::<u32>());
    }
}
