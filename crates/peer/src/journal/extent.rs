//! How far the durable part of a journal goes, and which files it lies in.
//!
//! **Invariant:** everything inside an extent is on the disk; its parts are in ascending order, the last is written to.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// How the name of a part ends.
const ENDING: &str = ".records";
/// Records after which a part is sealed.
pub(crate) const PART_RECORDS: u64 = 1024;
/// Bytes after which it is, too.
pub(super) const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Where a part of a journal begins. Its file is named by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartPlace {
    /// The number of its first record.
    pub(super) first: u64,
    /// Entries before it.
    pub(super) entries: u64,
}

/// The part of the journal that holds durable records.
#[derive(Clone, Debug)]
pub(super) struct Extent {
    pub(super) folder: PathBuf,
    /// The number of the last record.
    pub(super) records: u64,
    /// How many of all are entries.
    pub(super) entries: u64,
    /// The byte behind the last record, in the last part.
    pub(super) end: u64,
    /// Never empty.
    pub(super) parts: Vec<PartPlace>,
}

impl PartPlace {
    /// The file that holds this part.
    pub(super) fn path(self, folder: &Path) -> PathBuf {
        folder.join(format!("{:016}-{:016}{ENDING}", self.first, self.entries))
    }

    fn of(name: &str) -> Option<Self> {
        let (first, entries) = name.strip_suffix(ENDING)?.split_once('-')?;
        Some(Self { first: first.parse().ok()?, entries: entries.parse().ok()? })
    }

    /// The parts in a folder, in their order.
    pub(super) fn list(folder: &Path) -> io::Result<Vec<Self>> {
        let mut parts = Vec::new();
        for file in fs::read_dir(folder)? {
            parts.extend(file?.file_name().to_str().and_then(Self::of));
        }
        parts.sort_unstable();
        Ok(parts)
    }
}

impl Extent {
    /// Takes in a batch that stands at the end.
    pub(super) fn grow(&mut self, records: u64, entries: u64, bytes: u64) {
        self.records += records;
        self.entries += entries;
        self.end += bytes;
    }

    /// Takes in a part that begins behind all others.
    pub(super) fn begin(&mut self, place: PartPlace, header_bytes: u64) {
        self.parts.push(place);
        self.end = header_bytes;
    }

    /// Where the next part would begin, if the last is full.
    pub(super) fn next_part(&self) -> Option<PartPlace> {
        let first = self.parts.last().map_or(0, |place| place.first);
        let is_full = self.records + 1 - first >= PART_RECORDS || self.end >= PART_BYTES;
        is_full.then_some(PartPlace { first: self.records + 1, entries: self.entries })
    }

    /// The parts from the one on that holds this record.
    pub(super) fn parts_from_record(&self, sequence: u64) -> &[PartPlace] {
        let after = self.parts.partition_point(|place| place.first <= sequence);
        &self.parts[after.saturating_sub(1)..]
    }

    /// The parts from the one on that holds this entry; the first is 0.
    pub(super) fn parts_from_entry(&self, entry: u64) -> &[PartPlace] {
        let after = self.parts.partition_point(|place| place.entries <= entry);
        &self.parts[after.saturating_sub(1)..]
    }
}
