//! Writes files: for the models that are made here, and for tests.
//!
//! **Invariant:** what was written is read back as it was given.

use std::io;

use super::{ALIGNMENT, Gguf, GgufError, MAGIC, VERSION, tensor};
use crate::format::Format;

/// What a key can be given.
pub trait Writable {
    /// The number of its type in a file.
    const CODE: u32;

    /// Adds the value, without its type.
    fn put(&self, out: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($name:ident $code:literal),*) => {$(
        impl Writable for $name {
            const CODE: u32 = $code;

            fn put(&self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }
        }
    )*};
}

numbers!(u8 0, i8 1, u16 2, i16 3, u32 4, i32 5, f32 6, u64 10, i64 11, f64 12);

impl Writable for bool {
    const CODE: u32 = 7;

    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Writable for &[u8] {
    const CODE: u32 = 8;

    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        out.extend(*self);
    }
}

impl Writable for &str {
    const CODE: u32 = 8;

    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }
}

impl Writable for String {
    const CODE: u32 = 8;

    fn put(&self, out: &mut Vec<u8>) {
        self.as_str().put(out);
    }
}

/// Items of one type.
impl<T: Writable> Writable for Vec<T> {
    const CODE: u32 = 9;

    fn put(&self, out: &mut Vec<u8>) {
        T::CODE.put(out);
        (self.len() as u64).put(out);
        self.iter().for_each(|item| item.put(out));
    }
}

/// A file in the making. Tensors are named first and filled when all is written, so that one is in memory at a time.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    keys: Vec<u8>,
    key_count: u64,
    headings: Vec<u8>,
    tensors: Vec<(String, usize)>,
    offset: usize,
}

impl Writer {
    /// A file without keys and tensors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    pub fn key<T: Writable>(&mut self, name: &str, value: T) -> &mut Self {
        name.put(&mut self.keys);
        T::CODE.put(&mut self.keys);
        value.put(&mut self.keys);
        self.key_count += 1;
        self
    }

    /// Adds all keys of a file.
    pub fn keys_of(&mut self, file: &Gguf<'_>) -> &mut Self {
        self.keys.extend(file.key_bytes);
        self.key_count += file.keys.len() as u64;
        self
    }

    /// Adds a tensor; its lengths begin with that of a row.
    ///
    /// # Errors
    /// A shape that no tensor of this type has.
    pub fn tensor(
        &mut self,
        name: &str,
        tensor_type: Format,
        lengths: &[usize],
    ) -> Result<&mut Self, GgufError> {
        let lengths: Vec<u64> = lengths.iter().map(|length| *length as u64).collect();
        let bytes = tensor::size(name, tensor_type, &lengths)?;
        name.put(&mut self.headings);
        (lengths.len() as u32).put(&mut self.headings);
        lengths.iter().for_each(|length| length.put(&mut self.headings));
        tensor_type.code().put(&mut self.headings);
        (self.offset as u64).put(&mut self.headings);
        self.tensors.push((name.to_owned(), bytes));
        self.offset = (self.offset + bytes).next_multiple_of(ALIGNMENT);
        Ok(self)
    }

    /// Writes all of it; `fill` is given each tensor's name and as many zeros as it takes bytes.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write(&self, out: &mut impl io::Write, mut fill: impl FnMut(&str, &mut [u8])) -> io::Result<()> {
        let mut header = MAGIC.to_vec();
        VERSION.put(&mut header);
        (self.tensors.len() as u64).put(&mut header);
        self.key_count.put(&mut header);
        header.extend(&self.keys);
        header.extend(&self.headings);
        header.resize(header.len().next_multiple_of(ALIGNMENT), 0);
        out.write_all(&header)?;
        for (name, length) in &self.tensors {
            let mut bytes = vec![0; *length];
            fill(name, &mut bytes);
            bytes.resize(length.next_multiple_of(ALIGNMENT), 0);
            out.write_all(&bytes)?;
        }
        Ok(())
    }

    /// The whole file in memory.
    #[must_use]
    pub fn to_bytes(&self, fill: impl FnMut(&str, &mut [u8])) -> Vec<u8> {
        let mut out = Vec::new();
        // A vector takes whatever is written.
        let _ = self.write(&mut out, fill);
        out
    }
}
