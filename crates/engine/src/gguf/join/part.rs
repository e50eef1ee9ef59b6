//! What the beginning of a part says: which it is, and where its tensors lie.

use std::io::{Read, Seek, SeekFrom};

use super::{PARTS_MAX, PartsError};
use crate::gguf::{Gguf, GgufError, HeaderCursor, TENSORS_MAX, alignment, headings, read_beginning};

/// Into how many parts a file was cut.
const PARTS: &str = "split.count";
/// Which of them it is, from nought on.
const PLACE: &str = "split.no";
/// How many tensors all of them have.
const TENSORS: &str = "split.tensors.count";
/// What the keys begin with that are about parts alone.
const ABOUT_PARTS: &str = "split.";

/// A part of a file.
#[derive(Debug)]
pub struct GgufPart<R> {
    /// What it is called where something is wrong with it.
    pub name: String,
    /// Its bytes.
    pub bytes: R,
}

/// What a file says of its being a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitMark {
    /// Which it is, from one on.
    pub part: u64,
    /// How many there are.
    pub parts: u64,
}

impl SplitMark {
    /// What a file says, if it was cut. One that was joined again is cut into none.
    ///
    /// # Errors
    /// A key holds no number.
    pub fn of(file: &Gguf<'_>) -> Result<Option<Self>, GgufError> {
        let parts: u64 = file.get(PARTS)?.unwrap_or_default();
        if parts <= 1 {
            return Ok(None);
        }
        let place: u64 = file.get(PLACE)?.unwrap_or_default();
        Ok(Some(Self { part: place.saturating_add(1), parts }))
    }
}

/// The beginning of a part.
#[derive(Debug)]
pub(super) struct PartHead {
    pub(super) version: u32,
    pub(super) mark: SplitMark,
    /// Tensors of all parts.
    pub(super) tensors_said: u64,
    /// Its keys as they are written, but for those about parts.
    pub(super) keys: Vec<u8>,
    pub(super) key_count: u64,
    pub(super) alignment: usize,
    pub(super) tensors: Vec<PartTensor>,
    /// Bytes behind its beginning.
    found: u64,
}

/// A tensor of a part.
#[derive(Debug)]
pub(super) struct PartTensor {
    pub(super) name: String,
    /// What is written of it, but for its place.
    pub(super) written: Vec<u8>,
    /// Where it lies in the part's file.
    pub(super) at: u64,
    pub(super) bytes: u64,
}

impl PartHead {
    pub(super) fn read<R: Read + Seek>(part: &mut GgufPart<R>) -> Result<Self, PartsError> {
        let GgufPart { name, bytes } = part;
        let length = bytes.seek(SeekFrom::End(0)).and_then(|length| bytes.rewind().map(|()| length));
        let read = length.and_then(|length| read_beginning(&mut *bytes, |head| Self::parse(head, length)));
        let name = || name.clone();
        let read = read.map_err(|error| PartsError::Read { name: name(), error })?;
        let head = read.map_err(|error| PartsError::Part { name: name(), error })?;
        let Some(head) = head else { return Err(PartsError::Whole { name: name() }) };
        let SplitMark { part, parts } = head.mark;
        if parts > PARTS_MAX {
            return Err(PartsError::Many { name: name(), parts });
        }
        if part > parts {
            return Err(PartsError::Beyond { name: name(), part, parts });
        }
        let taken = head.tensors.iter().try_fold(0_u64, |taken, tensor| taken.checked_add(tensor.bytes));
        if taken.is_none_or(|taken| taken > head.found) {
            return Err(PartsError::Overlap { name: name() });
        }
        Ok(head)
    }

    /// What the beginning of a file of so many bytes says, if it is a part.
    fn parse(head: &[u8], file_bytes: u64) -> Result<Option<Self>, GgufError> {
        let mut cursor = HeaderCursor::new(head);
        let (tensor_count, file) = Gguf::head(&mut cursor, head)?;
        let Some(mark) = SplitMark::of(&file)? else { return Ok(None) };
        // Where nobody says which part this is, its tensors cannot be put in their place.
        file.need::<u64>(PLACE)?;
        let tensors_said = file.need::<u64>(TENSORS)?;
        if tensors_said > TENSORS_MAX {
            return Err(GgufError::Tensors { found: tensors_said });
        }
        let alignment = alignment(&file.keys)?;
        let headings = headings(&mut cursor, tensor_count)?;
        let begin = cursor.at().next_multiple_of(alignment) as u64;
        let found = file_bytes.saturating_sub(begin);
        let addressed = usize::try_from(found).unwrap_or(usize::MAX);
        let mut tensors = Vec::new();
        for heading in &headings {
            let place = heading.place(addressed, alignment)?;
            tensors.push(PartTensor {
                name: heading.name.to_owned(),
                written: heading.written.to_owned(),
                at: begin + place.start as u64,
                bytes: place.len() as u64,
            });
        }
        // What the others say is the first one's again, or nothing.
        let (keys, key_count) = if mark.part == 1 { kept_keys(&file)? } else { (Vec::new(), 0) };
        let version = file.version();
        Ok(Some(Self { version, mark, tensors_said, keys, key_count, alignment, tensors, found }))
    }
}

/// The keys that stay, as they are written and in their order, and how many they are.
fn kept_keys(file: &Gguf<'_>) -> Result<(Vec<u8>, u64), GgufError> {
    let mut cursor = HeaderCursor::new(file.key_bytes);
    let (mut kept, mut count) = (Vec::<u8>::new(), 0);
    for _ in 0..file.keys.len() {
        let before = cursor.at();
        let name = cursor.name()?;
        cursor.value()?;
        if !name.starts_with(ABOUT_PARTS) {
            kept.extend(cursor.since(before));
            count += 1;
        }
    }
    Ok((kept, count))
}
