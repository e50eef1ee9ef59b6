//! Memory for packs.
//!
//! **Invariant:** the only file that maps.
#![allow(unsafe_code)]

use std::{fs::File, io, sync::Arc};

use memmap2::{Mmap, MmapMut};

use super::{Pack, PackError, write, writer};
use crate::{gguf::Gguf, matrix::SharedBytes, model::ModelPlan};

impl Pack {
    /// Packs a model into memory of this process.
    ///
    /// # Errors
    /// The model is refused, or there is no memory.
    pub fn of_file(file: &Gguf<'_>, source: [u8; 32]) -> Result<Self, PackError> {
        let plan = ModelPlan::of(file)?;
        let mut memory = MmapMut::map_anon(writer::bytes(file, &plan)?)?;
        // Weights are read from end to end for each token: large pages save a look-up each 4 KiB. Without them it is
        // slower and nothing else.
        #[cfg(target_os = "linux")]
        let _ = memory.advise(memmap2::Advice::HugePage);
        write(file, &plan, source, &mut memory.as_mut())?;
        let bytes: SharedBytes = Arc::new(memory.make_read_only()?);
        Self::open(bytes)
    }

    /// Maps a pack that was written to a file.
    ///
    /// # Errors
    /// It cannot be mapped, or is no pack.
    pub fn map(file: &File) -> Result<Self, PackError> {
        let length = file.metadata()?.len();
        if length == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        // SAFETY: the file is one of this program's own folder, written once, named by its digest and never changed.
        // Where its owner cuts it all the same, the process that reads it ends, and can say so (`cut.rs`).
        let map = unsafe { Mmap::map(file)? };
        let bytes: SharedBytes = Arc::new(map);
        Self::open(bytes)
    }
}
