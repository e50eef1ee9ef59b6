//! A model of language with less of each weight, for demonstrations and tests of how whoever runs one is found.

use std::{fs, io, path::Path};

use assay_engine::{coarse::write_coarser, gguf::Gguf};

/// Bits of a weight where it is only tried: what cannot be written with these cannot be with others.
const TRIED_BITS: u32 = 4;

/// The file of a model with so many bits of each weight. All of it is in memory.
///
/// # Errors
/// Those of the disk, and [`io::ErrorKind::InvalidData`] for what is no model of language, or cannot be written so.
pub fn coarser(model: &Path, bits: u32) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    write(model, bits, &mut out)?;
    Ok(out)
}

/// Whether there is such a file of a model. All of the model is in memory, and nothing of what would come of it.
///
/// # Errors
/// Those of [`coarser`].
pub fn try_coarser(model: &Path) -> io::Result<()> {
    write(model, TRIED_BITS, &mut io::sink())
}

fn write(model: &Path, bits: u32, out: &mut impl io::Write) -> io::Result<()> {
    let bytes = fs::read(model)?;
    let file = Gguf::parse(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    write_coarser(&file, bits, out)
}
