//! A model of language with less of each weight, for demonstrations and tests of how whoever runs one is found.

use std::{fs, io, path::Path};

use assay_engine::{coarse::write_coarser, gguf::Gguf};

/// The file of a model with so many bits of each weight. All of it is in memory.
///
/// # Errors
/// Those of the disk, and [`io::ErrorKind::InvalidData`] for what is no model of language, or cannot be written so.
pub fn coarser(model: &Path, bits: u32) -> io::Result<Vec<u8>> {
    let bytes = fs::read(model)?;
    let file = Gguf::parse(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let mut out = Vec::new();
    write_coarser(&file, bits, &mut out)?;
    Ok(out)
}
