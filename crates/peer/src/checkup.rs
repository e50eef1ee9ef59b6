//! What of a home can be seen without living in it: whether its journal would open, and with what.
//!
//! **Invariant:** nothing is changed and no lock is taken. Of a home whose daemon runs, that daemon knows better.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use assay_market::node::Config;
use assay_protocol::signed::Signer;

use crate::{
    config::{Home, NetworkFile},
    daemon::DaemonError,
    disk::HomeDisk,
    driver::beginnings,
    index::Index,
    journal::{Journal, JournalFigures, OpenError, Owner},
    snapshots::Snapshots,
};

/// How what a peer must not forget stands on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HomeFigures {
    /// The journal; nothing, if none was begun.
    pub journal: Option<JournalFigures>,
    /// Snapshots that can be begun with.
    pub snapshots: usize,
    /// Snapshots that cannot.
    pub unusable: usize,
    /// The last record that the index knows; nothing, if there is no index or it will not open.
    pub indexed: Option<u64>,
}

impl HomeFigures {
    /// These, if the index knows of no record that the journal has not.
    fn compared(self) -> Result<Self, DaemonError> {
        let present = self.journal.map_or(0, |journal| journal.records);
        match self.indexed {
            Some(known) if known > present => Err(OpenError::LostTail { known, present }.into()),
            Some(_) | None => Ok(self),
        }
    }
}

/// Bytes of all that lies in a folder; none if it is not there.
///
/// # Errors
/// The disk fails.
pub fn bytes_in(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0;
    for entry in entries {
        let path: PathBuf = entry?.path();
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => bytes += bytes_in(&path)?,
            Ok(metadata) => bytes += metadata.len(),
            // A daemon that runs removes files.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// Reads the journal of a home as its daemon would when it starts, and compares it with the index.
///
/// # Errors
/// [`DaemonError`], as a daemon that would not start.
pub fn memory(home: &Home, file: &NetworkFile) -> Result<HomeFigures, DaemonError> {
    let (own, folder) = (home.key()?.id(), home.journal());
    let owner = Owner { peer: own, network: file.genesis.id() };
    let config = Config::new(file.genesis.clone());
    let indexed = Index::look(&home.index()).map_err(DaemonError::System)?;
    if !folder.exists() {
        let figures = HomeFigures { journal: None, snapshots: 0, unusable: 0, indexed };
        return figures.compared();
    }
    let snapshots = Snapshots::new(&HomeDisk::default(), &folder, owner);
    let all = snapshots.list().map_err(DaemonError::System)?.len();
    let usable = beginnings(&snapshots, own, &config).map_err(DaemonError::System)?.count() - 1;
    let mut refused = None;
    for begun in beginnings(&snapshots, own, &config).map_err(DaemonError::System)? {
        match Journal::look(&folder, owner, &begun.base) {
            // Another snapshot may be of this journal.
            Err(error @ OpenError::Damaged { offset: 0, .. }) => {
                refused.get_or_insert(error);
            }
            journal => {
                let unusable = all.saturating_sub(usable);
                let figures = HomeFigures { journal: journal?, snapshots: usable, unusable, indexed };
                return figures.compared();
            }
        }
    }
    Err(refused.unwrap_or(OpenError::NotAJournal).into())
}
