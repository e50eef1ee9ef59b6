//! The disk that a home lies on, and the place where a test can stand between it and this program.
//!
//! Journal, snapshots, blobs and receipts change files and their names through here. (The index is a database that does
//! so by itself; it can be made again from the journal.) A [`Watcher`] hears of each change before it is made, and may
//! refuse it, shorten it, or let the power fail.
//!
//! **Invariant:** where nobody watches, a change is the one call of the system that it is named after.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::system::{self, private};

/// The disk. Cheap to clone.
#[derive(Clone, Default)]
pub struct HomeDisk {
    watcher: Option<Arc<dyn Watcher>>,
}

/// Hears of every change of a disk before it is made.
pub trait Watcher: Send + Sync {
    /// How many bytes of a write get through; of any other change, that it is made.
    ///
    /// # Errors
    /// What the system is to have said instead; then it is not made.
    fn permit(&self, change: Change<'_>) -> io::Result<usize>;
}

/// A change of what a disk holds.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// An empty file of this name.
    Create(&'a Path),
    /// A file whose bytes are those of another, shared with it.
    Share {
        /// The other.
        from: &'a Path,
        /// The new one.
        to: &'a Path,
    },
    /// Bytes at this place of a file.
    Write {
        /// The file.
        path: &'a Path,
        /// Where in it.
        offset: u64,
        /// How many.
        bytes: usize,
    },
    /// A file ends here.
    Cut {
        /// The file.
        path: &'a Path,
        /// How long it is then.
        length: u64,
    },
    /// What was written into a file is on the disk.
    Sync(&'a Path),
    /// A file has another name.
    Rename {
        /// The old one.
        from: &'a Path,
        /// The new one, which may have been another file's.
        to: &'a Path,
    },
    /// A file has no name any more.
    Remove(&'a Path),
    /// The names in a folder are on the disk.
    SyncFolder(&'a Path),
}

impl std::fmt::Debug for HomeDisk {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(if self.watcher.is_some() { "HomeDisk(watched)" } else { "HomeDisk" })
    }
}

impl HomeDisk {
    /// A disk whose changes somebody hears of.
    #[must_use]
    pub fn watched(watcher: Arc<dyn Watcher>) -> Self {
        Self { watcher: Some(watcher) }
    }

    fn permit(&self, change: Change<'_>) -> io::Result<()> {
        self.watcher.as_ref().map_or(Ok(()), |watcher| watcher.permit(change).map(|_| ()))
    }

    /// Makes an empty file of the owner's alone.
    ///
    /// # Errors
    /// If there is one already, or the disk fails.
    pub(crate) fn create_new(&self, path: &Path) -> io::Result<DiskFile> {
        self.permit(Change::Create(path))?;
        Ok(self.file(path, private().read(true).write(true).create_new(true).open(path)?))
    }

    /// Makes an empty file of the owner's alone, in the place of another of this name.
    pub(crate) fn create(&self, path: &Path) -> io::Result<DiskFile> {
        self.remove(path)?;
        self.create_new(path)
    }

    /// Opens a file to be changed.
    pub(crate) fn open(&self, path: &Path) -> io::Result<DiskFile> {
        Ok(self.file(path, private().read(true).write(true).open(path)?))
    }

    /// Opens a file that is not changed: only its name is.
    pub(crate) fn open_read(&self, path: &Path) -> io::Result<DiskFile> {
        Ok(self.file(path, File::open(path)?))
    }

    /// Makes a file whose bytes are those of another, without copying them: a clone where the disk can, else a second name.
    ///
    /// # Errors
    /// If the disk can do neither, or there is one already.
    pub(crate) fn share(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.permit(Change::Share { from, to })?;
        system::clone_file(from, to).or_else(|_| fs::hard_link(from, to))
    }

    fn file(&self, path: &Path, file: File) -> DiskFile {
        DiskFile { disk: self.clone(), path: path.to_owned(), file, at: 0 }
    }

    /// Removes a file. What is not there is no error.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        if !path.try_exists()? {
            return Ok(());
        }
        self.permit(Change::Remove(path))?;
        fs::remove_file(path)
    }

    /// Gives a file another name.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.permit(Change::Rename { from, to })?;
        fs::rename(from, to)
    }

    /// Waits until the entries of a folder are on the disk.
    pub(crate) fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.permit(Change::SyncFolder(folder))?;
        system::sync_folder(folder)
    }

    /// Gives a written file its final name. Durable when this returns.
    pub(crate) fn publish(&self, file: &mut DiskFile, name: &Path) -> io::Result<()> {
        file.sync_all()?;
        self.rename(&file.path, name)?;
        file.path = name.to_owned();
        self.sync_folder(name.parent().ok_or(io::ErrorKind::InvalidInput)?)
    }

    /// Makes a folder of the owner's alone in one that is there, durably, if there is none.
    pub(crate) fn create_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.try_exists()? {
            return Ok(());
        }
        system::create_folder(folder)?;
        self.sync_folder(folder.parent().ok_or(io::ErrorKind::InvalidInput)?)
    }
}

/// A file that is changed.
#[derive(Debug)]
pub(crate) struct DiskFile {
    disk: HomeDisk,
    path: PathBuf,
    file: File,
    at: u64,
}

impl DiskFile {
    /// Waits until the bytes are on the disk.
    pub(crate) fn sync_data(&self) -> io::Result<()> {
        self.disk.permit(Change::Sync(&self.path))?;
        self.file.sync_data()
    }

    /// Waits until the bytes, and what the system notes of the file, are on the disk.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        self.disk.permit(Change::Sync(&self.path))?;
        self.file.sync_all()
    }

    /// Lets the file end here.
    pub(crate) fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.permit(Change::Cut { path: &self.path, length })?;
        self.file.set_len(length)
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = match &self.disk.watcher {
            None => bytes.len(),
            Some(watcher) => {
                let change = Change::Write { path: &self.path, offset: self.at, bytes: bytes.len() };
                watcher.permit(change)?.min(bytes.len())
            }
        };
        let written = self.file.write(&bytes[..most])?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for DiskFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(bytes)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for DiskFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}
