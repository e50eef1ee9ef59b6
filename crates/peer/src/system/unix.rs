//! Files and folders that only their owner may read.
//!
//! **Invariant:** what is made here nobody else reads, writes or enters, whatever the process's mask is.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Only the owner reads and writes.
const FILE_MODE: u32 = 0o600;
/// Only the owner reads, writes and enters.
const FOLDER_MODE: u32 = 0o700;
/// Whoever else may read, write or enter.
const OTHERS: u32 = 0o077;

/// How a file of the owner's alone is opened where it may have to be made.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// Makes a folder of the owner's alone, and those above it that are missing. One in which something stands already stays
/// as it is: who could read that has perhaps read it, and its owner ought to know.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    if exposed(folder)?.is_some() && fs::read_dir(folder)?.next().is_none() {
        fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE))?;
    }
    Ok(())
}

/// The mode of a file or folder that others than its owner may read, write or enter; `None` where nobody may, or where
/// there is nothing.
pub(crate) fn exposed(path: &Path) -> io::Result<Option<u32>> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    let mode = metadata.permissions().mode() & 0o777;
    Ok((mode & OTHERS != 0).then_some(mode))
}

/// Waits until the entries of a folder are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
