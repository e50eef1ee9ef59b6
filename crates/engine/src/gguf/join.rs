//! Files that were cut into parts, joined into one again.
//!
//! A part says which it is and of how many (`split.no`, `split.count`), and how many tensors all have together
//! (`split.tensors.count`); the first one has the keys of the model as well. What comes of them is a file of their version:
//! the first part's keys in their order, but for those that begin with `split.`; what is written of each tensor, part after
//! part in the order of each; then the tensors in this order. The first begins at the next multiple of the first part's
//! alignment, and each other at the next one behind the end of the one before. Zeros are between, and behind the last one up to
//! such a place.
//!
//! **Invariant:** the same parts give the same bytes, in whatever order they are handed in; no more of a tensor is in memory
//! than is copied at a time; nothing is written of what [`Gguf`] would not read.

mod error;
mod part;

use std::{
    collections::BTreeMap,
    io::{Read, Seek, SeekFrom, Write},
};

use self::part::PartHead;
use super::{Gguf, GgufError, MAGIC, TENSORS_MAX, cursor::Within};

pub use self::{
    error::PartsError,
    part::{GgufPart, SplitMark},
};

/// Parts that are joined; what people publish has under 200.
pub const PARTS_MAX: u64 = 512;

/// Bytes that are copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// Parts that belong together, and what comes of them.
#[derive(Debug)]
pub struct GgufJoin<R> {
    /// In their order.
    parts: Vec<GgufPart<R>>,
    head: Vec<u8>,
    alignment: usize,
    pieces: Vec<CopiedTensor>,
    bytes: u64,
}

/// A tensor to be copied.
#[derive(Debug, Clone, Copy)]
struct CopiedTensor {
    /// The place of its part among them.
    part: usize,
    /// Where it begins in that.
    at: u64,
    bytes: u64,
}

/// Joins parts, in whatever order they are handed in.
///
/// # Errors
/// [`PartsError`].
pub fn join<R: Read + Seek>(parts: Vec<GgufPart<R>>, out: &mut impl Write) -> Result<(), PartsError> {
    GgufJoin::plan(parts)?.write(out, &mut |_| true)
}

impl<R: Read + Seek> GgufJoin<R> {
    /// Looks at the beginning of each part, and says what comes of them.
    ///
    /// # Errors
    /// [`PartsError`], unless they are all the parts of one file.
    pub fn plan(parts: Vec<GgufPart<R>>) -> Result<Self, PartsError> {
        let mut found: BTreeMap<u64, (PartHead, GgufPart<R>)> = BTreeMap::new();
        let mut tensors = 0;
        for mut part in parts {
            let head = PartHead::read(&mut part)?;
            let number = head.mark.part;
            if let Some((_, one)) = found.get(&number) {
                return Err(PartsError::Twice { part: number, one: one.name.clone(), other: part.name });
            }
            tensors += head.tensors.len() as u64;
            if tensors > TENSORS_MAX {
                return Err(PartsError::Joined(GgufError::Tensors { found: tensors }));
            }
            found.insert(number, (head, part));
        }
        let (heads, parts): (Vec<PartHead>, Vec<GgufPart<R>>) = found.into_values().unzip();
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        let Some(first) = heads.first() else { return Err(PartsError::Missing { part: 1, parts: 1 }) };
        belong_together(first, &heads, &names)?;
        let (alignment, (head, pieces, bytes)) = (first.alignment, lay_out(first, &heads, tensors));
        let addressed = usize::try_from(bytes).unwrap_or(usize::MAX);
        Gguf::parse_outline(&head, addressed).map_err(PartsError::Joined)?;
        Ok(Self { parts, head, alignment, pieces, bytes })
    }

    /// Bytes of what comes of them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What that begins with: all that stands before its tensors.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Writes it, and tells how many bytes are written, for as long as that answers true.
    ///
    /// # Errors
    /// [`PartsError`]; what was written until then is no file.
    pub fn write(
        &mut self,
        out: &mut impl Write,
        told: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), PartsError> {
        let Self { parts, head, alignment, pieces, .. } = self;
        out.write_all(head).map_err(PartsError::Write)?;
        let (mut written, mut buffer) = (head.len() as u64, vec![0_u8; COPY_BYTES]);
        for piece in pieces.iter() {
            // A piece is of one of the parts that it was made of.
            let Some(GgufPart { name, bytes }) = parts.get_mut(piece.part) else { continue };
            let unread = |error| PartsError::Read { name: name.clone(), error };
            bytes.seek(SeekFrom::Start(piece.at)).map_err(unread)?;
            let mut left = piece.bytes;
            while left > 0 {
                let length = usize::try_from(left).map_or(COPY_BYTES, |left| left.min(COPY_BYTES));
                let copied = &mut buffer[..length];
                bytes.read_exact(copied).map_err(unread)?;
                out.write_all(copied).map_err(PartsError::Write)?;
                left -= length as u64;
                written += length as u64;
                if !told(written) {
                    return Err(PartsError::Stopped);
                }
            }
            let zeros = vec![0_u8; padding(piece.bytes, *alignment)];
            out.write_all(&zeros).map_err(PartsError::Write)?;
            written += zeros.len() as u64;
        }
        out.flush().map_err(PartsError::Write)?;
        if told(written) { Ok(()) } else { Err(PartsError::Stopped) }
    }
}

/// Whether these are all the parts of one file, sorted by which they are.
fn belong_together(first: &PartHead, heads: &[PartHead], names: &[&str]) -> Result<(), PartsError> {
    let name = |place: usize| names.get(place).copied().unwrap_or_default().to_owned();
    for (place, head) in heads.iter().enumerate() {
        if (head.mark.parts, head.tensors_said) != (first.mark.parts, first.tensors_said) {
            return Err(PartsError::Counts { one: name(0), other: name(place) });
        }
        let (version, found) = (first.version, head.version);
        if version != found {
            return Err(PartsError::Versions { one: name(0), version, other: name(place), found });
        }
    }
    let found = heads.iter().map(|head| Some(head.mark.part)).chain([None]);
    let missing = (1..=first.mark.parts).zip(found).find(|(part, found)| Some(*part) != *found);
    if let Some((part, _)) = missing {
        return Err(PartsError::Missing { part, parts: first.mark.parts });
    }
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, head) in heads.iter().enumerate() {
        for tensor in &head.tensors {
            match places.insert(&tensor.name, place) {
                None => {}
                Some(one) if one == place => {
                    let within = Within::Tensor(&tensor.name).to_string();
                    return Err(PartsError::Part { name: name(place), error: GgufError::Twice { within } });
                }
                Some(one) => {
                    let (tensor, one, other) = (tensor.name.clone(), name(one), name(place));
                    return Err(PartsError::Tensor { tensor, one, other });
                }
            }
        }
    }
    let found = places.len() as u64;
    if found != first.tensors_said {
        return Err(PartsError::Sum { found, said: first.tensors_said });
    }
    Ok(())
}

/// What stands before the tensors, where each of them comes from, and how long all of it is.
fn lay_out(first: &PartHead, heads: &[PartHead], tensors: u64) -> (Vec<u8>, Vec<CopiedTensor>, u64) {
    let mut head = MAGIC.to_vec();
    head.extend(first.version.to_le_bytes());
    head.extend(tensors.to_le_bytes());
    head.extend(first.key_count.to_le_bytes());
    head.extend(&first.keys);
    let (mut end, mut pieces) = (0_u64, Vec::new());
    for (part, from) in heads.iter().enumerate() {
        for tensor in &from.tensors {
            head.extend(&tensor.written);
            head.extend(end.to_le_bytes());
            pieces.push(CopiedTensor { part, at: tensor.at, bytes: tensor.bytes });
            let behind = padding(tensor.bytes, first.alignment) as u64;
            end = end.saturating_add(tensor.bytes).saturating_add(behind);
        }
    }
    head.resize(head.len().next_multiple_of(first.alignment), 0);
    let bytes = end.saturating_add(head.len() as u64);
    (head, pieces, bytes)
}

/// Zeros behind so many bytes.
fn padding(bytes: u64, alignment: usize) -> usize {
    // An alignment is a power of two that fits 32 bits.
    let over = (bytes % alignment as u64) as usize;
    if over == 0 { 0 } else { alignment - over }
}
