//! Memory for packs.
//!
//! **Invariant:** the only file that maps.
#![allow(unsafe_code)]

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    sync::Arc,
};

#[cfg(not(target_family = "wasm"))]
use memmap2::MmapMut;
use memmap2::MmapOptions;

use super::{Pack, PackError, write_by, writer};
use crate::{gguf::Gguf, matrix::SharedBytes, model::ModelPlan};

impl Pack {
    /// Packs a model into memory of this process.
    ///
    /// # Errors
    /// The model is refused, or there is no memory.
    pub fn of_file(file: &Gguf<'_>, source: [u8; 32]) -> Result<Self, PackError> {
        Self::of_file_by(1, file, source)
    }

    /// The same by so many threads.
    ///
    /// # Errors
    /// As [`Pack::of_file`].
    pub fn of_file_by(threads: usize, file: &Gguf<'_>, source: [u8; 32]) -> Result<Self, PackError> {
        let plan = ModelPlan::of(file)?;
        let size = writer::bytes(file, &plan)?;
        Self::open(filled(size, |memory| write_by(threads, file, &plan, source, memory))?)
    }

    /// Maps a pack that was written to a file. All who map it have its pages once.
    ///
    /// # Errors
    /// It cannot be mapped, or is no pack.
    pub fn map(file: &File) -> Result<Self, PackError> {
        let length = length(file)?;
        // Privately, which a process may that must not share memory; what nobody writes to is one copy all the same.
        // SAFETY: the file is one of this program's own folder, written once, named by its digest and never changed.
        // Where its owner cuts it all the same, the process that reads it ends, and can say so (`cut.rs`).
        let map = unsafe { MmapOptions::new().len(length).map_copy_read_only(file)? };
        // As for memory of its own; few file systems have large pages to give.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        let bytes: SharedBytes = Arc::new(map);
        Self::open(bytes)
    }

    /// Reads a pack that was written to a file into memory of this process: on large pages, which a file has not, generation is a
    /// seventh faster, and what becomes of the file afterwards is nothing to whoever has it.
    ///
    /// # Errors
    /// It cannot be read, or is no pack.
    pub fn read(mut file: &File) -> Result<Self, PackError> {
        let length = length(file)?;
        file.seek(SeekFrom::Start(0))?;
        let bytes = filled(length, |memory| {
            let read = io::copy(&mut file.take(length as u64), memory)?;
            if read == length as u64 {
                Ok(())
            } else {
                Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
            }
        })?;
        Self::open(bytes)
    }
}

/// How long a file is its end says: a process that may name no file may not be allowed to ask what is noted of one.
fn length(mut file: &File) -> Result<usize, PackError> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    usize::try_from(length).map_err(|_| PackError::Broken { what: "longer than memory" })
}

/// Memory of its own that was written once.
#[cfg(not(target_family = "wasm"))]
fn filled(
    size: usize,
    write: impl FnOnce(&mut dyn Write) -> Result<(), PackError>,
) -> Result<SharedBytes, PackError> {
    let mut memory = MmapMut::map_anon(size)?;
    // Weights are read from end to end for each token: large pages save a look-up each 4 KiB. Without them it is slower
    // and nothing else.
    #[cfg(target_os = "linux")]
    let _ = memory.advise(memmap2::Advice::HugePage);
    write(&mut memory.as_mut())?;
    Ok(Arc::new(memory.make_read_only()?))
}

/// The same where nothing is mapped.
#[cfg(target_family = "wasm")]
fn filled(
    size: usize,
    write: impl FnOnce(&mut dyn Write) -> Result<(), PackError>,
) -> Result<SharedBytes, PackError> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(size).map_err(io::Error::other)?;
    write(&mut memory)?;
    Ok(Arc::new(memory))
}
