//! A file that what is bought is to be written to.
//!
//! **Invariant:** that it can be written is known before anything is ordered or handed over, and nothing of it is changed until there
//! is something to write.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::unwritable;
use crate::command_error::CommandError;

/// A file that can be written.
#[derive(Debug)]
pub(crate) struct OutFile(PathBuf);

impl OutFile {
    /// Tries it, where one was named.
    pub(crate) fn tried(path: Option<&Path>) -> Result<Option<Self>, CommandError> {
        let Some(path) = path else { return Ok(None) };
        attempt(path).map_err(|error| unwritable(path, &error))?;
        Ok(Some(Self(path.to_owned())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes all of it, instead of what stood there.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), CommandError> {
        fs::write(&self.0, bytes).map_err(|error| unwritable(&self.0, &error))
    }
}

/// Opens it, and leaves everything as it was: whoever is ended from outside is to leave no empty file.
fn attempt(path: &Path) -> io::Result<()> {
    match File::create_new(path) {
        Ok(_) => fs::remove_file(path),
        // What is there already may be a pipe, which opens once somebody reads it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs::metadata(path) {
            Ok(there) if there.is_file() || there.is_dir() => {
                OpenOptions::new().append(true).open(path).map(drop)
            }
            Ok(_) | Err(_) => Ok(()),
        },
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_error::Exit;

    #[test]
    fn a_file_is_tried_before_it_is_needed_and_left_as_it_was_where_nothing_comes() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        fs::write(&old, "what stood there, which is longer").unwrap();
        for path in [&new, &old] {
            OutFile::tried(Some(path)).unwrap();
        }
        assert!(!new.exists());
        assert_eq!(fs::read_to_string(&old).unwrap(), "what stood there, which is longer");
        for path in [&new, &old] {
            OutFile::tried(Some(path)).unwrap().unwrap().write(b"bought").unwrap();
            assert_eq!(fs::read(path).unwrap(), b"bought");
        }
        let nowhere = folder.path().join("nowhere/file");
        assert_eq!(OutFile::tried(Some(&nowhere)).unwrap_err().exit(), Exit::Usage);
        assert_eq!(OutFile::tried(Some(folder.path())).unwrap_err().exit(), Exit::Usage);
        assert!(OutFile::tried(None).unwrap().is_none());
    }
}
