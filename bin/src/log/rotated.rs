//! The log of a home: a file, and the one before it.
//!
//! **Invariant:** neither is longer than the bound and one line, however long the daemon runs. What the process says
//! outside the log, such as its last words, goes to the same file.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::system;

/// The file that is written to.
pub(super) struct Rotated {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
    /// True if standard output and error follow.
    is_standard: bool,
}

impl Rotated {
    /// The log at this path, if standard error goes there.
    pub(super) fn here(path: &Path, bytes_max: u64) -> Option<Self> {
        if !system::is_standard_error(&io::stderr(), path) {
            return None;
        }
        Self::open(path, bytes_max, true).ok()
    }

    pub(super) fn open(path: &Path, bytes_max: u64, is_standard: bool) -> io::Result<Self> {
        let file = system::open_log(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, bytes_max, is_standard })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.bytes + bytes.len() as u64 > self.bytes_max {
            self.turn()?;
        }
        // Others write here too, if rarely; their bytes count when the file is opened again.
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// Puts the file in the place of the one before it, and begins another.
    fn turn(&mut self) -> io::Result<()> {
        fs::rename(&self.path, before(&self.path))?;
        *self = Self::open(&self.path, self.bytes_max, self.is_standard)?;
        if self.is_standard {
            // Where that fails, last words are in the file before.
            let _ = system::take_over_output(&self.file);
        }
        Ok(())
    }
}

/// The file before the one at this path.
pub(super) fn before(path: &Path) -> PathBuf {
    let mut before = path.to_owned().into_os_string();
    before.push(".1");
    before.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_two_files_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.log");
        fs::write(&path, "old\n").unwrap();
        let mut log = Rotated::open(&path, 1_000, false).unwrap();
        for number in 0..1_000 {
            log.write(format!("line {number}\n").as_bytes()).unwrap();
        }
        let files: Vec<u64> = fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .collect();
        assert!(files.len() == 2 && files.iter().all(|bytes| *bytes <= 1_000), "{files:?}");
        assert!(fs::read_to_string(&path).unwrap().ends_with("line 999\n"));
    }

    #[test]
    fn a_log_that_standard_error_does_not_go_to_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.log");
        fs::write(&path, "old\n").unwrap();
        assert!(Rotated::here(&path, 1_000).is_none());
    }
}
