//! Reads what stands before the tensors, front to back.
//!
//! **Invariant:** nothing is read beyond [`HEADER_BYTES_MAX`] or the end of the file, a length that is only claimed
//! allocates nothing, and each error names the key or tensor it was met in.

use std::fmt;

use super::{
    ARRAY_LENGTH_MAX, Array, GgufError, HEADER_BYTES_MAX, KeyValue, NAME_BYTES_MAX, TEXT_BYTES_MAX,
    value::ItemType,
};

/// What is being read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Within<'a> {
    Header,
    NthKey(u64),
    Key(&'a str),
    NthTensor(u64),
    Tensor(&'a str),
}

impl fmt::Display for Within<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => write!(out, "the header"),
            Self::NthKey(number) => write!(out, "key number {number}"),
            Self::Key(name) => write!(out, "the key {name}"),
            Self::NthTensor(number) => write!(out, "tensor number {number}"),
            Self::Tensor(name) => write!(out, "tensor {name}"),
        }
    }
}

/// A place in a file, and what stands there.
pub(super) struct HeaderCursor<'a> {
    bytes: &'a [u8],
    at: usize,
    pub(super) entry: Within<'a>,
}

impl<'a> HeaderCursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, entry: Within::Header }
    }

    /// How many bytes were read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What was read behind a place.
    pub(super) fn since(&self, place: usize) -> &'a [u8] {
        self.bytes.get(place..self.at).unwrap_or_default()
    }

    /// What an error says it happened in.
    pub(super) fn within(&self) -> String {
        self.entry.to_string()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], GgufError> {
        let end = self.at.checked_add(length);
        let Some(taken) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            return Err(GgufError::Truncated { within: self.within() });
        };
        if self.at + length > HEADER_BYTES_MAX {
            return Err(GgufError::Header { within: self.within() });
        }
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| GgufError::Truncated { within: self.within() })
    }

    pub(super) fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// The name of a key or a tensor.
    pub(super) fn name(&mut self) -> Result<&'a str, GgufError> {
        let found = self.u64()?;
        let length = usize::try_from(found).ok().filter(|length| (1..=NAME_BYTES_MAX).contains(length));
        let length = length.ok_or_else(|| GgufError::Name { within: self.within(), found })?;
        self.utf8(length)
    }

    /// A value with its type before it.
    pub(super) fn value(&mut self) -> Result<KeyValue<'a>, GgufError> {
        const TEXT: u32 = 8;
        const ARRAY: u32 = 9;
        match self.u32()? {
            TEXT => {
                let length = self.text_length()?;
                self.utf8(length).map(KeyValue::Text)
            }
            ARRAY => self.items().map(KeyValue::Array),
            code => {
                let item_type = self.item_type(code)?;
                let bytes = self.take(item_type.width().unwrap_or_default())?;
                Ok(item_type.read(bytes))
            }
        }
    }

    fn items(&mut self) -> Result<Array<'a>, GgufError> {
        const ARRAY: u32 = 9;
        let code = self.u32()?;
        if code == ARRAY {
            return Err(GgufError::Nested { within: self.within() });
        }
        let item_type = self.item_type(code)?;
        let found = self.u64()?;
        let length = usize::try_from(found).ok().filter(|length| *length <= ARRAY_LENGTH_MAX);
        let length = length.ok_or_else(|| GgufError::Array { within: self.within(), found })?;
        let bytes = match item_type.width() {
            Some(width) => self.take(length * width)?,
            None => self.texts(length)?,
        };
        Ok(Array { item_type, length, bytes })
    }

    /// The bytes of so many texts, each with its length before it.
    fn texts(&mut self, count: usize) -> Result<&'a [u8], GgufError> {
        let began = self.at;
        for _ in 0..count {
            let length = self.text_length()?;
            self.take(length)?;
        }
        Ok(self.bytes.get(began..self.at).unwrap_or_default())
    }

    fn item_type(&self, code: u32) -> Result<ItemType, GgufError> {
        ItemType::from_code(code).ok_or_else(|| GgufError::ValueType { within: self.within(), code })
    }

    fn text_length(&mut self) -> Result<usize, GgufError> {
        let found = self.u64()?;
        let length = usize::try_from(found).ok().filter(|length| *length <= TEXT_BYTES_MAX);
        length.ok_or_else(|| GgufError::Text { within: self.within(), found })
    }

    fn utf8(&mut self, length: usize) -> Result<&'a str, GgufError> {
        let taken = self.take(length)?;
        std::str::from_utf8(taken).map_err(|_| GgufError::Encoding { within: self.within() })
    }
}
