//! Which files are kept, and how much room that takes.
//!
//! **Invariant:** what may be kept is bounded, by files and by bytes, for each owner and in all; what comes counts from its first
//! byte on, and what is refused changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use assay_protocol::id::Digest;
use jiff::Timestamp;

use super::{FileOwner, GatewayFile};
use crate::{
    asked_once::{AskedOnce, KeptRequest, KeyTaken},
    counted::counted,
    disk_floor::DiskShort,
    drawn_name::FileId,
};

/// Bytes of a file.
pub(crate) const FILE_BYTES_MAX: u64 = 200 * 1024 * 1024;
/// What one key may keep.
pub(super) const OWN_MOST: FileRoom = FileRoom { files: 500, bytes: 1024 * 1024 * 1024 };
/// What all of them may.
pub(super) const ALL_MOST: FileRoom = FileRoom { files: 5_000, bytes: 8 * 1024 * 1024 * 1024 };

/// Why a file is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileRefused {
    /// It is too long.
    #[error("a file has at most {FILE_BYTES_MAX} bytes")]
    TooLong,
    /// There are too many.
    #[error(
        "{whose} {} of {} bytes together, where at most {} of {} may be kept; delete some",
        counted(have.files, "file", "files"), have.bytes, most.files, most.bytes
    )]
    Full {
        /// Who has them.
        whose: &'static str,
        /// How many there are, with what is coming.
        have: FileRoom,
        /// How many there may be.
        most: FileRoom,
    },
    /// The key of its request names another one.
    #[error(transparent)]
    Key(#[from] KeyTaken),
    /// The disk has too little room.
    #[error(transparent)]
    Short(#[from] DiskShort),
    /// The disk failed.
    #[error("the file cannot be kept: {0}")]
    Disk(#[from] io::Error),
}

/// So many files, of so many bytes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileRoom {
    pub(super) files: usize,
    pub(super) bytes: u64,
}

/// The files that there are, and the room that is taken.
#[derive(Debug, Default)]
pub(super) struct KeptFiles {
    pub(super) files: BTreeMap<FileId, GatewayFile>,
    /// What each owner has, with what is coming.
    pub(super) taken: BTreeMap<FileOwner, FileRoom>,
    /// Those whose clients are known to know of them.
    pub(super) known: BTreeSet<FileId>,
}

impl KeptFiles {
    /// A file is there, of which so much was counted before.
    pub(super) fn keep(&mut self, card: GatewayFile, counted: FileRoom) {
        let taken = self.taken.entry(card.owner).or_default();
        taken.files += 1 - counted.files.min(1);
        taken.bytes += card.bytes.saturating_sub(counted.bytes);
        self.files.insert(card.id, card);
    }

    /// Whether a request of an owner's with this key has uploaded one of them.
    pub(super) fn has_key(&self, owner: FileOwner, key: Digest) -> bool {
        let now = Timestamp::now();
        let mut own = self.files.values().filter(|file| file.owner == owner && file.is_there(now));
        own.any(|file| file.once.key() == Some(key))
    }

    /// What a request has uploaded when it was sent before: the youngest that it may be.
    pub(super) fn asked_before(
        &mut self,
        owner: FileOwner,
        once: &AskedOnce,
    ) -> Result<Option<GatewayFile>, KeyTaken> {
        let now = Timestamp::now();
        let own = self.files.values().filter(|file| file.owner == owner && file.is_there(now));
        let own = own.map(|file| KeptRequest {
            id: file.id,
            once: file.once,
            created: file.created,
            is_known: self.known.contains(&file.id),
        });
        let own: Vec<KeptRequest<FileId>> = own.collect();
        let found = once.asked_before(own, |id| {
            self.known.insert(id);
        })?;
        Ok(found.and_then(|id| self.files.get(&id).cloned()))
    }

    /// Counts so much more of an owner's, if it may be so much.
    pub(super) fn take(&mut self, owner: FileOwner, more: FileRoom) -> Result<(), FileRefused> {
        let after = self.check(owner, more)?;
        self.taken.insert(owner, after);
        Ok(())
    }

    /// What an owner has with so much more, if it may be so much.
    pub(super) fn check(&self, owner: FileOwner, more: FileRoom) -> Result<FileRoom, FileRefused> {
        let own = self.taken.get(&owner).copied().unwrap_or_default();
        let all = self.taken.values().fold(FileRoom::default(), |sum, room| sum.plus(*room));
        for (have, most, whose) in [(own, OWN_MOST, "you have"), (all, ALL_MOST, "all keys together have")] {
            let after = have.plus(more);
            if after.files > most.files || after.bytes > most.bytes {
                return Err(FileRefused::Full { whose, have, most });
            }
        }
        Ok(own.plus(more))
    }

    /// So much of an owner's is not there any more.
    pub(super) fn give(&mut self, owner: FileOwner, less: FileRoom) {
        let Some(taken) = self.taken.get_mut(&owner) else { return };
        taken.files = taken.files.saturating_sub(less.files);
        taken.bytes = taken.bytes.saturating_sub(less.bytes);
        if *taken == FileRoom::default() {
            self.taken.remove(&owner);
        }
    }
}

impl FileRoom {
    fn plus(self, more: Self) -> Self {
        Self { files: self.files.saturating_add(more.files), bytes: self.bytes.saturating_add(more.bytes) }
    }
}
