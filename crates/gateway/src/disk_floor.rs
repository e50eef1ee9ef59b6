//! What the disk must keep free, whatever clients hand in.
//!
//! **Invariant:** nothing of a client's is begun that would leave less. What was begun goes on: it may be paid.

use std::path::PathBuf;

use assay_peer::system::free_bytes;

/// So many bytes stay free on the disk that a folder is on.
#[derive(Clone, Debug)]
pub(crate) struct DiskFloor {
    folder: PathBuf,
    floor: u64,
}

/// There is too little room on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk of this gateway has {free} bytes free, where {need} are needed and {floor} stay free")]
pub(crate) struct DiskShort {
    free: u64,
    need: u64,
    floor: u64,
}

impl DiskFloor {
    /// Of the disk that this folder is on.
    pub(crate) fn of(folder: PathBuf, floor: u64) -> Self {
        Self { folder, floor }
    }

    /// Whether so many bytes more may be put there.
    pub(crate) fn check(&self, need: u64) -> Result<(), DiskShort> {
        // A disk that does not say is not held to be full: what is written to it fails by itself.
        let Some(free) = free_bytes(&self.folder) else { return Ok(()) };
        let floor = self.floor;
        if free < floor.saturating_add(need) { Err(DiskShort { free, need, floor }) } else { Ok(()) }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn as_much_stays_free_as_is_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = |floor| DiskFloor::of(folder.path().to_owned(), floor);
        assert_eq!(at(0).check(1), Ok(()));
        let short = at(u64::MAX - 1).check(7).unwrap_err();
        assert_eq!((short.need, short.floor), (7, u64::MAX - 1));
        assert!(at(1).check(u64::MAX - 1).is_err());
    }
}
