//! What a store holds when it is opened.
//!
//! **Invariant:** only files named by a digest, in the folders of that name, are taken for blobs; what they hold is
//! checked when they are read.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use assay_protocol::id::Digest;

use super::TEMPORARY;

/// A blob found in a store.
pub(super) struct Found {
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    /// When it was written.
    pub(super) written: SystemTime,
}

/// All blobs in a folder. Files that are named otherwise are not ours and stay.
pub(super) fn stored(folder: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for first in fs::read_dir(folder)? {
        for second in folders_in(&first?.path())? {
            for file in fs::read_dir(second)? {
                let (file, name) = file.map(|file| (file.path(), file.file_name()))?;
                let Some(digest) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
                let metadata = fs::metadata(file)?;
                found.push(Found { digest, bytes: metadata.len(), written: metadata.modified()? });
            }
        }
    }
    Ok(found)
}

fn folders_in(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() || path.ends_with(TEMPORARY) {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    entries.filter(|path| path.as_ref().map_or(true, |path| path.is_dir())).collect()
}
