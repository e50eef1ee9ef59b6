//! A file that what is bought is to be written to.
//!
//! **Invariant:** that it can be written is known before anything is ordered; what stood in it stays until there is something to
//! take its place.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, Write},
    path::{Path, PathBuf},
};

use super::unwritable;
use crate::command_error::CommandError;

/// A file that is open to be written.
#[derive(Debug)]
pub(super) struct OutFile {
    path: PathBuf,
    file: File,
    /// It is to go again where nothing is written.
    is_new: bool,
}

impl OutFile {
    /// Opens it, where one was named.
    pub(super) fn open(path: Option<&Path>) -> Result<Option<Self>, CommandError> {
        let Some(path) = path else { return Ok(None) };
        let is_new = !path.exists();
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
        let file = opened.map_err(|error| unwritable(path, &error))?;
        Ok(Some(Self { path: path.to_owned(), file, is_new }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all of it, instead of what stood there.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        self.replace(bytes).map_err(|error| unwritable(&self.path, &error))
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A pipe or a device has no length that could be set.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
            self.file.rewind()?;
        }
        self.is_new = false;
        self.file.write_all(bytes)?;
        self.file.flush()
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        if self.is_new {
            // Whoever cannot remove it finds an empty file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_error::Exit;

    #[test]
    fn a_file_is_opened_before_it_is_needed_and_left_as_it_was_where_nothing_comes() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        fs::write(&old, "what stood there, which is longer").unwrap();
        for path in [&new, &old] {
            drop(OutFile::open(Some(path)).unwrap());
        }
        assert!(!new.exists());
        assert_eq!(fs::read_to_string(&old).unwrap(), "what stood there, which is longer");
        for path in [&new, &old] {
            OutFile::open(Some(path)).unwrap().unwrap().write(b"bought").unwrap();
            assert_eq!(fs::read(path).unwrap(), b"bought");
        }
        let nowhere = folder.path().join("nowhere/file");
        assert_eq!(OutFile::open(Some(&nowhere)).unwrap_err().exit(), Exit::Usage);
        assert_eq!(OutFile::open(Some(folder.path())).unwrap_err().exit(), Exit::Usage);
        assert!(OutFile::open(None).unwrap().is_none());
    }
}
