//! Making names in a folder as durable as the bytes behind them.
//!
//! **Invariant:** a file that appears under its final name is whole and on the disk; nobody sees it half written.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// Waits until the entries of a folder are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Gives a written file its final name. Durable when this returns.
pub(crate) fn publish(file: &File, temporary: &Path, name: &Path) -> io::Result<()> {
    file.sync_all()?;
    fs::rename(temporary, name)?;
    let folder = name.parent().ok_or(io::ErrorKind::InvalidInput)?;
    sync_folder(folder)
}
