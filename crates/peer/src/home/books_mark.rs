//! Whether this home has ever kept a notary's books.
//!
//! **Invariant:** the mark is on the disk before the first entry is signed, and nothing takes it away: where it is and no journal,
//! the journal was lost, and a notary that began anew would contradict what it has signed.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::disk::HomeDisk;

/// The mark, in the home's folder.
const FILE: &str = "kept-books";

/// A file that says that books were kept here.
#[derive(Clone, Debug)]
pub(crate) struct BooksMark {
    path: PathBuf,
    disk: HomeDisk,
}

impl BooksMark {
    pub(crate) fn of(home: &Path, disk: HomeDisk) -> Self {
        Self { path: home.join(FILE), disk }
    }

    /// True if books were kept here.
    pub(crate) fn is_set(&self) -> bool {
        self.path.exists()
    }

    /// Notes for good that books are kept here.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn set(&self) -> io::Result<()> {
        if self.is_set() {
            return Ok(());
        }
        let mut file = self.disk.create(&self.path.with_extension("new"))?;
        file.write_all(b"This notary has signed entries. Without its journal it must not begin anew.\n")?;
        self.disk.publish(&mut file, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_set_once_and_stays() {
        let home = tempfile::tempdir().unwrap();
        let mark = BooksMark::of(home.path(), HomeDisk::default());
        assert!(!mark.is_set());
        for _ in 0..2 {
            mark.set().unwrap();
            assert!(BooksMark::of(home.path(), HomeDisk::default()).is_set());
        }
        assert!(BooksMark::of(&home.path().join("nowhere"), HomeDisk::default()).set().is_err());
    }
}
