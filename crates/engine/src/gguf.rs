//! Model files, as strangers hand them in: what their keys say, and where their tensors lie.
//!
//! The bytes are the caller's, mapped or not, and stay where they are: texts, arrays and tensors are borrowed. Versions 2
//! and 3 are read, of the byte order that all machines in use have.
//!
//! **Invariant:** whatever the bytes, reading them ends in time and memory that the bounds below give, in a value whose
//! every tensor lies within the file, or in an error that names the key or the tensor. Tensors may overlap: each is only
//! read.

mod beginning;
mod cursor;
mod error;
mod join;
mod tensor;
mod value;
mod writer;

use std::{collections::BTreeMap, ops::Range};

use self::cursor::{HeaderCursor, Within};
pub use crate::format::Format;

pub use self::{
    beginning::read_beginning,
    error::GgufError,
    join::{GgufJoin, GgufPart, PARTS_MAX, PartsError, SplitMark, join},
    tensor::{DIMENSIONS_MAX, Tensor},
    value::{Array, KeyValue, Texts, Typed},
    writer::{Writable, Writer},
};

/// Keys of a file; models in use have under 100.
pub const KEYS_MAX: u64 = 4_096;
/// Tensors of a file; models in use have under 3,000.
pub const TENSORS_MAX: u64 = 65_536;
/// Bytes of the name of a key or a tensor.
pub const NAME_BYTES_MAX: usize = 256;
/// Bytes of a text: some files carry another program's whole tokenizer as one.
pub const TEXT_BYTES_MAX: usize = 1 << 25;
/// Items of an array: the merges of a vocabulary are the longest there are.
pub const ARRAY_LENGTH_MAX: usize = 1 << 22;
/// Bytes before the tensors.
pub const HEADER_BYTES_MAX: usize = 1 << 28;
/// What the place of a tensor can be asked to be a multiple of.
pub const ALIGNMENT_MAX: usize = 1 << 16;

/// What the place of a tensor is a multiple of, if a file says nothing.
const ALIGNMENT: usize = 32;
/// What a file begins with.
pub const MAGIC: &[u8; 4] = b"GGUF";
/// The version that is written.
const VERSION: u32 = 3;

/// A model file.
#[derive(Debug, Clone)]
pub struct Gguf<'a> {
    version: u32,
    keys: BTreeMap<&'a str, KeyValue<'a>>,
    /// The keys as they are written.
    key_bytes: &'a [u8],
    tensors: Vec<Tensor<'a>>,
    /// Where in `tensors` each name stands.
    places: BTreeMap<&'a str, usize>,
}

impl<'a> Gguf<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// Says what is wrong with the file, and where.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, GgufError> {
        Self::read(bytes, bytes.len(), |lies| bytes.get(lies).unwrap_or_default())
    }

    /// Reads a file of so many bytes from its beginning alone: its tensors have names, types and shapes, and no bytes. Nothing
    /// can be computed with it.
    ///
    /// # Errors
    /// Those of [`Gguf::parse`]; [`GgufError::Truncated`] as well, where the beginning ends before what is said of all tensors.
    pub fn parse_outline(head: &'a [u8], file_bytes: usize) -> Result<Self, GgufError> {
        Self::read(head, file_bytes, |_| &[])
    }

    /// Reads what stands before the tensors of a file of so many bytes, and takes the bytes of each from where they lie.
    fn read(
        head: &'a [u8],
        file_bytes: usize,
        bytes_at: impl Fn(Range<usize>) -> &'a [u8],
    ) -> Result<Self, GgufError> {
        let mut cursor = HeaderCursor::new(head);
        let (tensor_count, file) = Self::head(&mut cursor, head)?;
        let alignment = alignment(&file.keys)?;
        let headings = headings(&mut cursor, tensor_count)?;
        let begin = cursor.at().next_multiple_of(alignment);
        let found = file_bytes.saturating_sub(begin);
        let mut tensors = Vec::new();
        for heading in &headings {
            let Range { start, end } = heading.place(found, alignment)?;
            tensors.push(heading.tensor(bytes_at(begin + start..begin + end)));
        }
        let mut places = BTreeMap::new();
        for (place, tensor) in tensors.iter().enumerate() {
            if places.insert(tensor.name, place).is_some() {
                return Err(GgufError::Twice { within: Within::Tensor(tensor.name).to_string() });
            }
        }
        Ok(Self { tensors, places, ..file })
    }

    /// Reads the keys alone, of a file that may break off behind them; it has no tensors then.
    ///
    /// # Errors
    /// Says what is wrong with the file, and where: [`GgufError::Truncated`], if it breaks off before.
    pub fn parse_keys(bytes: &'a [u8]) -> Result<Self, GgufError> {
        Ok(Self::head(&mut HeaderCursor::new(bytes), bytes)?.1)
    }

    /// How many tensors a file says it has, and the file without them.
    fn head(cursor: &mut HeaderCursor<'a>, bytes: &'a [u8]) -> Result<(u64, Self), GgufError> {
        let version = version(cursor)?;
        let tensor_count = cursor.u64()?;
        if tensor_count > TENSORS_MAX {
            return Err(GgufError::Tensors { found: tensor_count });
        }
        let key_count = cursor.u64()?;
        if key_count > KEYS_MAX {
            return Err(GgufError::Keys { found: key_count });
        }
        let before = cursor.at();
        let keys = keys(cursor, key_count)?;
        let key_bytes = bytes.get(before..cursor.at()).unwrap_or_default();
        Ok((tensor_count, Self { version, keys, key_bytes, tensors: Vec::new(), places: BTreeMap::new() }))
    }

    /// The version of the format.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// What a key holds, if there is one of this name.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn get<T: Typed<'a>>(&self, key: &str) -> Result<Option<T>, GgufError> {
        let Some(value) = self.keys.get(key) else { return Ok(None) };
        let unfit = || GgufError::Unfit { key: key.to_owned(), found: value.to_string(), wanted: T::WANTED };
        T::of(*value).map(Some).ok_or_else(unfit)
    }

    /// What a key holds.
    ///
    /// # Errors
    /// The key is missing, or holds something else.
    pub fn need<T: Typed<'a>>(&self, key: &str) -> Result<T, GgufError> {
        self.get(key)?.ok_or_else(|| GgufError::NoKey { key: key.to_owned() })
    }

    /// All keys with what they hold, in the order of their names.
    pub fn keys(&self) -> impl Iterator<Item = (&'a str, KeyValue<'a>)> {
        self.keys.iter().map(|(key, value)| (*key, *value))
    }

    /// Another file, of the same keys and without tensors.
    #[must_use]
    pub fn without_tensors(&self) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.extend(self.version.to_le_bytes());
        file.extend(0_u64.to_le_bytes());
        file.extend((self.keys.len() as u64).to_le_bytes());
        file.extend(self.key_bytes);
        file
    }

    /// The tensor of a name, if there is one.
    #[must_use]
    pub fn find_tensor(&self, name: &str) -> Option<Tensor<'a>> {
        self.places.get(name).and_then(|place| self.tensors.get(*place)).copied()
    }

    /// The tensor of a name.
    ///
    /// # Errors
    /// There is none.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'a>, GgufError> {
        self.find_tensor(name).ok_or_else(|| GgufError::NoTensor { tensor: name.to_owned() })
    }

    /// All tensors, in the order of the file.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor<'a>] {
        &self.tensors
    }
}

fn version(cursor: &mut HeaderCursor<'_>) -> Result<u32, GgufError> {
    if cursor.take(MAGIC.len()) != Ok(MAGIC) {
        return Err(GgufError::Magic);
    }
    let version = cursor.u32()?;
    match (version, version.swap_bytes()) {
        (2..=3, _) => Ok(version),
        (_, 1..=3) => Err(GgufError::ByteOrder),
        _ => Err(GgufError::Version { version }),
    }
}

fn keys<'a>(cursor: &mut HeaderCursor<'a>, count: u64) -> Result<BTreeMap<&'a str, KeyValue<'a>>, GgufError> {
    let mut keys = BTreeMap::new();
    for number in 0..count {
        cursor.entry = Within::NthKey(number);
        let name = cursor.name()?;
        cursor.entry = Within::Key(name);
        if keys.insert(name, cursor.value()?).is_some() {
            return Err(GgufError::Twice { within: cursor.within() });
        }
    }
    Ok(keys)
}

fn alignment(keys: &BTreeMap<&str, KeyValue<'_>>) -> Result<usize, GgufError> {
    let Some(value) = keys.get("general.alignment") else { return Ok(ALIGNMENT) };
    let Some(found) = u64::of(*value) else {
        let (key, found) = ("general.alignment".to_owned(), value.to_string());
        return Err(GgufError::Unfit { key, found, wanted: u64::WANTED });
    };
    let alignment =
        usize::try_from(found).ok().filter(|found| found.is_power_of_two() && *found <= ALIGNMENT_MAX);
    alignment.ok_or(GgufError::Alignment { found })
}

/// What a file says of a tensor before it is known where tensors begin.
struct Heading<'a> {
    name: &'a str,
    tensor_type: Format,
    lengths: [usize; DIMENSIONS_MAX],
    rank: usize,
    bytes: usize,
    offset: u64,
    /// What is written of it before its offset.
    written: &'a [u8],
}

fn headings<'a>(cursor: &mut HeaderCursor<'a>, count: u64) -> Result<Vec<Heading<'a>>, GgufError> {
    // Not by `count`: what is only claimed allocates nothing.
    let mut headings = Vec::new();
    for number in 0..count {
        cursor.entry = Within::NthTensor(number);
        headings.push(heading(cursor)?);
    }
    Ok(headings)
}

fn heading<'a>(cursor: &mut HeaderCursor<'a>) -> Result<Heading<'a>, GgufError> {
    let began = cursor.at();
    let name = cursor.name()?;
    cursor.entry = Within::Tensor(name);
    let found = cursor.u32()?;
    let Some(rank) = usize::try_from(found).ok().filter(|rank| *rank <= DIMENSIONS_MAX) else {
        return Err(GgufError::Dimensions { tensor: name.to_owned(), found: u64::from(found) });
    };
    let mut claimed = [1; DIMENSIONS_MAX];
    for length in claimed.iter_mut().take(rank) {
        *length = cursor.u64()?;
    }
    let code = cursor.u32()?;
    let Some(tensor_type) = Format::from_code(code) else {
        let named = tensor::foreign(code).map_or_else(|| format!("type {code}"), str::to_owned);
        return Err(GgufError::TensorType { tensor: name.to_owned(), name: named });
    };
    let bytes = tensor::size(name, tensor_type, &claimed)?;
    // A product that fits has factors that fit.
    let lengths = claimed.map(|length| length as usize);
    let written = cursor.since(began);
    Ok(Heading { name, tensor_type, lengths, rank, bytes, written, offset: cursor.u64()? })
}

impl<'a> Heading<'a> {
    /// Where it lies among so many bytes behind the header.
    fn place(&self, found: usize, alignment: usize) -> Result<Range<usize>, GgufError> {
        let Self { name, bytes, offset, .. } = *self;
        if offset % alignment as u64 != 0 {
            return Err(GgufError::Offset { tensor: name.to_owned(), offset, alignment });
        }
        let begin = usize::try_from(offset).ok();
        let end = begin.and_then(|begin| begin.checked_add(bytes)).filter(|end| *end <= found);
        let outside = || GgufError::Outside { tensor: name.to_owned(), bytes, offset, found };
        begin.zip(end).map(|(begin, end)| begin..end).ok_or_else(outside)
    }

    fn tensor(&self, bytes: &'a [u8]) -> Tensor<'a> {
        let Self { name, tensor_type, lengths, rank, .. } = *self;
        Tensor { name, tensor_type, bytes, lengths, rank }
    }
}
