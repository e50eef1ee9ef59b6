//! The home of a peer belongs to one process at a time.
//!
//! **Invariant:** while a `HomeLock` lives, no other process holds one for the same folder; the kernel lets go of it
//! however the process ends, so a stale lock cannot exist.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

/// The file in a home that is locked. It holds the process id of the owner, for people to read.
const LOCK_FILE: &str = "lock";
/// Digits in the longest process id, and its line end.
const PID_BYTES_MAX: u64 = 16;

/// Why a home could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// The lock file could not be made or read.
    #[error("the home cannot be locked: {0}")]
    Disk(#[from] io::Error),
}

/// Another process has the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the home is in use by process {pid}")]
pub struct Locked {
    /// The process that has it, or 0 if it has not yet written its number.
    pub pid: u32,
}

/// Proof that this process owns a home.
#[derive(Debug)]
pub struct HomeLock {
    _file: File,
}

impl HomeLock {
    /// Takes the home in `folder`, which is made if there is none.
    ///
    /// # Errors
    /// [`LockError::Locked`] with the owner's process id, if another process has it.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        fs::create_dir_all(folder)?;
        let path = folder.join(LOCK_FILE);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Locked { pid: owner(&file) }.into()),
            Err(error) => return Err(LockError::Disk(error.into())),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

fn owner(file: &File) -> u32 {
    let mut text = String::new();
    let read = file.take(PID_BYTES_MAX).read_to_string(&mut text);
    read.ok().and_then(|_| text.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_one_owner_until_it_lets_go() {
        let home = tempfile::tempdir().unwrap();
        let held = HomeLock::take(home.path()).unwrap();
        match HomeLock::take(home.path()) {
            Err(LockError::Locked(Locked { pid })) => assert_eq!(pid, std::process::id()),
            other => panic!("{other:?}"),
        }
        drop(held);
        HomeLock::take(home.path()).unwrap();
    }
}
