//! Opens packs, and gives out what is in them.
//!
//! **Invariant:** no number of a pack is believed: a part that would lie beyond its end is refused when it is opened.

use std::{collections::BTreeMap, sync::Arc};

use super::{ALIGNMENT, DIGEST, MAGIC, PREFIX, Pack, PackError, PackPart, VERSION, digest};
use crate::{
    format::Format,
    gguf::{GgufError, NAME_BYTES_MAX, TENSORS_MAX},
    matrix::{Matrix, SharedBytes},
    model::{ARITHMETIC_VERSION, ModelError},
};

impl Pack {
    /// Opens a pack.
    ///
    /// # Errors
    /// It is something else, of another version, or broken.
    pub fn open(bytes: SharedBytes) -> Result<Self, PackError> {
        let all = (*bytes).as_ref();
        let body = all.len().checked_sub(DIGEST).and_then(|length| all.get(..length));
        let mut cursor = Cursor { rest: body.unwrap_or_default() };
        if cursor.take(MAGIC.len())? != MAGIC {
            return Err(PackError::Magic);
        }
        let found = cursor.u32()?;
        if found != VERSION {
            return Err(PackError::Version { found });
        }
        let found = cursor.u32()?;
        if found != ARITHMETIC_VERSION {
            return Err(PackError::Arithmetic { found });
        }
        let mut source = [0; DIGEST];
        source.copy_from_slice(cursor.take(DIGEST)?);
        let keys = cursor.count()?;
        let count = cursor.u64()?;
        cursor.take(keys)?;
        if count > TENSORS_MAX {
            return Err(PackError::Broken { what: "more parts than models have" });
        }
        let mut parts = BTreeMap::new();
        for _ in 0..count {
            let (name, part) = cursor.part()?;
            part.check(&name, body.unwrap_or_default().len())?;
            parts.insert(name, part);
        }
        Ok(Self { bytes: Arc::clone(&bytes), source, keys: PREFIX..PREFIX + keys, parts })
    }

    /// The digest of the file that it was made of.
    #[must_use]
    pub const fn source(&self) -> [u8; DIGEST] {
        self.source
    }

    /// The source without its tensors: a file of keys alone.
    #[must_use]
    pub fn keys(&self) -> &[u8] {
        (*self.bytes).as_ref().get(self.keys.clone()).unwrap_or_default()
    }

    /// Reads all of it, and compares with the digest that was written behind.
    ///
    /// # Errors
    /// A byte has changed.
    pub fn verify(&self) -> Result<(), PackError> {
        self.verify_by(1)
    }

    /// The same by so many threads.
    ///
    /// # Errors
    /// As [`Pack::verify`].
    pub fn verify_by(&self, threads: usize) -> Result<(), PackError> {
        let Some((body, written)) = (*self.bytes).as_ref().split_last_chunk::<DIGEST>() else {
            return Err(PackError::Broken { what: "no digest" });
        };
        if digest::of(threads, body) == *written { Ok(()) } else { Err(PackError::Digest) }
    }

    /// The digest that was written behind it. Whether it is that of what stands before, [`Pack::verify`] alone says.
    #[must_use]
    pub fn digest(&self) -> [u8; DIGEST] {
        (*self.bytes).as_ref().last_chunk::<DIGEST>().copied().unwrap_or_default()
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        (*self.bytes).as_ref().len()
    }

    /// Whether it has a part.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.parts.contains_key(name)
    }

    /// So many numbers.
    pub(crate) fn vector(&self, name: &str, count: usize) -> Result<Vec<f32>, ModelError> {
        let part = self.part(name, 1, count)?;
        let bytes = (*self.bytes).as_ref().get(part.begin..).unwrap_or_default();
        let numbers = bytes.as_chunks::<4>().0.iter().take(count).map(|bytes| f32::from_le_bytes(*bytes));
        Ok(numbers.collect())
    }

    /// Rows `from` to `from + rows` of a matrix that has `all` of them. `from` is a multiple of a tile's rows.
    pub(crate) fn matrix_rows(
        &self,
        name: &str,
        all: usize,
        columns: usize,
        from: usize,
        rows: usize,
    ) -> Result<Matrix, ModelError> {
        let part = self.part(name, all, columns)?;
        let refused = |why| ModelError::Weights { tensor: name.to_owned(), why };
        let before = match from {
            0 => 0,
            from => Matrix::pack_bytes(part.format, from, columns).map_err(refused)?,
        };
        let begin = part.begin + before;
        Matrix::packed(part.format, rows, columns, Arc::clone(&self.bytes), begin).map_err(refused)
    }

    /// A whole matrix.
    pub(crate) fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, ModelError> {
        self.matrix_rows(name, rows, columns, 0, rows)
    }

    fn part(&self, name: &str, rows: usize, columns: usize) -> Result<PackPart, ModelError> {
        let missing = || GgufError::NoTensor { tensor: name.to_owned() };
        let part = *self.parts.get(name).ok_or_else(missing)?;
        if (part.rows, part.columns) == (rows, columns) {
            return Ok(part);
        }
        let (found, wanted) = (format!("[{}, {}]", part.columns, part.rows), format!("[{columns}, {rows}]"));
        Err(ModelError::Shape { tensor: name.to_owned(), found, wanted })
    }
}

impl PackPart {
    fn check(&self, name: &str, end: usize) -> Result<(), PackError> {
        let size = if self.format == Format::F32 {
            self.rows.checked_mul(self.columns).and_then(|count| count.checked_mul(size_of::<f32>()))
        } else {
            let refused = |why| PackError::Part { name: name.to_owned(), why };
            Some(Matrix::pack_bytes(self.format, self.rows, self.columns).map_err(refused)?)
        };
        let lies = size.and_then(|size| size.checked_add(self.begin)).is_some_and(|last| last <= end);
        match lies && self.begin.is_multiple_of(ALIGNMENT) {
            true => Ok(()),
            false => Err(PackError::Broken { what: "a part beyond its end" }),
        }
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], PackError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(PackError::Broken { what: "it ends too soon" })?;
        self.rest = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], PackError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, PackError> {
        self.number().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, PackError> {
        self.number().map(u64::from_le_bytes)
    }

    fn count(&mut self) -> Result<usize, PackError> {
        usize::try_from(self.u64()?).map_err(|_| PackError::Broken { what: "a number beyond its end" })
    }

    fn part(&mut self) -> Result<(String, PackPart), PackError> {
        let length = usize::from(u16::from_le_bytes(self.number()?));
        if length > NAME_BYTES_MAX {
            return Err(PackError::Broken { what: "a name longer than names are" });
        }
        let name = String::from_utf8_lossy(self.take(length)?).into_owned();
        let format = Format::from_code(self.u32()?);
        let format = format.ok_or(PackError::Broken { what: "a format that is not known" })?;
        let (rows, columns, begin) = (self.count()?, self.count()?, self.count()?);
        Ok((name, PackPart { format, rows, columns, begin }))
    }
}
