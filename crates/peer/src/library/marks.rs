//! Digests that the owner of a home noted: each an empty file of that name, in a folder of the library's.
//!
//! **Invariant:** what is noted is on the disk when that returns, and what is erased is gone from it.

use std::{collections::BTreeSet, fs, io, path::Path};

use assay_protocol::id::Digest;

use crate::disk::HomeDisk;

/// What is noted in a folder, of which so many files are looked at.
pub(super) fn noted_in(folder: &Path, files_max: usize) -> io::Result<BTreeSet<Digest>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let mut noted = BTreeSet::new();
    for entry in entries.take(files_max) {
        noted.extend(entry?.file_name().to_str().and_then(|name| name.parse::<Digest>().ok()));
    }
    Ok(noted)
}

/// Notes a digest. Durable when this returns.
pub(super) fn note(disk: &HomeDisk, folder: &Path, digest: &Digest) -> io::Result<()> {
    let path = folder.join(digest.to_string());
    disk.create_folder(folder)?;
    let mut file = disk.create(&path.with_extension("new"))?;
    disk.publish(&mut file, &path)
}

/// Erases a digest, noted or not. Durable when this returns.
pub(super) fn erase(disk: &HomeDisk, folder: &Path, digest: &Digest) -> io::Result<()> {
    disk.remove(&folder.join(digest.to_string()))?;
    if folder.try_exists()? { disk.sync_folder(folder) } else { Ok(()) }
}
