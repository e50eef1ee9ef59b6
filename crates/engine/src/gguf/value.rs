//! What a key holds, and as what it can be asked for.
//!
//! **Invariant:** a number is given out whole or not at all: nothing wraps, and nothing but a float of 64 bits asked for
//! as one of 32 is rounded.

use std::fmt;

/// What a key holds. Numbers of all widths are one thing here: what matters is whether they fit what is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyValue<'a> {
    /// A number that was written without a sign.
    Unsigned(u64),
    /// A number that was written with one.
    Signed(i64),
    /// A float of either width.
    Float(f64),
    /// Yes or no.
    Flag(bool),
    /// A text.
    Text(&'a str),
    /// Many of one of the others.
    Array(Array<'a>),
}

impl fmt::Display for KeyValue<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(number) => write!(out, "{number}"),
            Self::Signed(number) => write!(out, "{number}"),
            Self::Float(number) => write!(out, "the float {number}"),
            Self::Flag(flag) => write!(out, "{flag}"),
            Self::Text(_) => write!(out, "a text"),
            Self::Array(array) => write!(out, "an array of {}", array.length),
        }
    }
}

/// What the items of an array are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Flag,
    Text,
    U64,
    I64,
    F64,
}

impl ItemType {
    pub(super) const fn from_code(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::U8),
            1 => Some(Self::I8),
            2 => Some(Self::U16),
            3 => Some(Self::I16),
            4 => Some(Self::U32),
            5 => Some(Self::I32),
            6 => Some(Self::F32),
            7 => Some(Self::Flag),
            8 => Some(Self::Text),
            10 => Some(Self::U64),
            11 => Some(Self::I64),
            12 => Some(Self::F64),
            _ => None,
        }
    }

    /// How many bytes an item takes, if all take as many.
    pub(super) const fn width(self) -> Option<usize> {
        match self {
            Self::U8 | Self::I8 | Self::Flag => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::Text => None,
        }
    }

    /// The value of an item of a fixed width.
    pub(super) fn read<'a>(self, bytes: &[u8]) -> KeyValue<'a> {
        let mut wide = [0; 8];
        wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        let bits = u64::from_le_bytes(wide);
        let unused = 64 - 8 * self.width().unwrap_or(8) as u32;
        let signed = (bits << unused).cast_signed() >> unused;
        match self {
            Self::U8 | Self::U16 | Self::U32 | Self::U64 | Self::Text => KeyValue::Unsigned(bits),
            Self::I8 | Self::I16 | Self::I32 | Self::I64 => KeyValue::Signed(signed),
            Self::F32 => KeyValue::Float(f64::from(f32::from_bits(bits as u32))),
            Self::F64 => KeyValue::Float(f64::from_bits(bits)),
            Self::Flag => KeyValue::Flag(bits != 0),
        }
    }
}

/// The items of an array, still as the file has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Array<'a> {
    pub(super) item_type: ItemType,
    pub(super) length: usize,
    pub(super) bytes: &'a [u8],
}

/// An array of texts. They are bytes: nothing says that the pieces of a vocabulary are UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Texts<'a> {
    length: usize,
    bytes: &'a [u8],
}

impl<'a> Texts<'a> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Each in its turn.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.bytes;
        // The lengths were walked when the file was read, so that they fit.
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk::<8>()?;
            let (text, behind) =
                behind.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            rest = behind;
            Some(text)
        })
    }
}

/// What a key can be asked for as.
pub trait Typed<'a>: Sized {
    /// What is asked for, in words.
    const WANTED: &'static str;

    /// The value, if it fits.
    fn of(value: KeyValue<'a>) -> Option<Self>;
}

macro_rules! whole_numbers {
    ($($name:ident $wanted:literal),*) => {$(
        impl<'a> Typed<'a> for $name {
            const WANTED: &'static str = $wanted;

            fn of(value: KeyValue<'a>) -> Option<Self> {
                match value {
                    KeyValue::Unsigned(number) => number.try_into().ok(),
                    KeyValue::Signed(number) => number.try_into().ok(),
                    KeyValue::Float(_) | KeyValue::Flag(_) | KeyValue::Text(_) | KeyValue::Array(_) => None,
                }
            }
        }
    )*};
}

whole_numbers!(
    u32 "a number of 32 bits without a sign",
    i32 "a number of 32 bits",
    u64 "a number without a sign",
    usize "a number without a sign",
    i64 "a number"
);

macro_rules! exactly {
    ($($type:ty, $variant:ident, $wanted:literal, $into:expr);*) => {$(
        impl<'a> Typed<'a> for $type {
            const WANTED: &'static str = $wanted;

            fn of(value: KeyValue<'a>) -> Option<Self> {
                if let KeyValue::$variant(inner) = value { $into(inner) } else { None }
            }
        }
    )*};
}

exactly!(
    f64, Float, "a float", Some;
    f32, Float, "a float", |wide: f64| Some(wide as f32);
    bool, Flag, "yes or no", Some;
    &'a str, Text, "a text", Some;
    Array<'a>, Array, "an array", Some;
    Texts<'a>, Array, "an array of texts", |array: Array<'a>| {
        (array.item_type == ItemType::Text).then_some(Texts { length: array.length, bytes: array.bytes })
    }
);

macro_rules! lists {
    ($($item:ident $wanted:literal),*) => {$(
        impl<'a> Typed<'a> for Vec<$item> {
            const WANTED: &'static str = $wanted;

            fn of(value: KeyValue<'a>) -> Option<Self> {
                let KeyValue::Array(array) = value else { return None };
                let width = array.item_type.width()?;
                array.bytes.chunks_exact(width).map(|bytes| $item::of(array.item_type.read(bytes))).collect()
            }
        }
    )*};
}

lists!(
    u32 "an array of numbers of 32 bits without a sign",
    i32 "an array of numbers of 32 bits",
    u64 "an array of numbers without a sign",
    usize "an array of numbers without a sign",
    f32 "an array of floats",
    bool "an array of yes and no"
);
