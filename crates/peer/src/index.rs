//! The index: what the journal says, arranged for looking up.
//!
//! Rows live in one tree, told apart by the first byte of their key, so that rows and the sequence they come from change
//! together or not at all:
//!
//! ```text
//! j key        → place 8 · value       the jobs
//! p place      → key                   the same jobs by the order in which they first came
//! r key        → value                 the receipts
//! s            → sequence              the last journal record folded in
//! ```
//!
//! The database forgets acknowledged rows when the power fails and sometimes will not open again. Both are harmless:
//! the sequence then lies behind the journal, and the caller folds the rest in, or everything.
//!
//! **Invariant:** nothing is in the index that cannot be made again from the journal. No other file names sled.

use std::{fs, io, panic, path::Path, thread, time::Duration};

use assay_protocol::id::Digest;

/// Bytes in the longest value; what is longer is a blob.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of rows that are kept in memory.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// How often a locked index is tried.
const LOCK_TRIES_MAX: u32 = 20;
/// How long to wait between two tries.
const LOCK_WAIT: Duration = Duration::from_millis(50);
/// The key of the sequence.
const SEQUENCE: &[u8] = b"s";
/// The first byte of the keys that list the jobs by place.
const PLACES: u8 = b'p';

/// Why the index could not be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The value is longer than [`VALUE_BYTES_MAX`].
    #[error("a value of {bytes} bytes, where at most {VALUE_BYTES_MAX} are allowed")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A row is not what was written: rebuild the index from the journal.
    #[error("the index is damaged; it can be rebuilt from the journal")]
    Damaged,
    /// Somebody else has it open.
    #[error("the index is in use")]
    InUse,
    /// The database failed.
    #[error("the index cannot be used: {0}")]
    Database(#[from] sled::Error),
    /// The folder could not be emptied.
    #[error("the index cannot be replaced: {0}")]
    Disk(#[from] io::Error),
}

/// The tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Jobs by their id.
    Jobs,
    /// The digest of a job's receipt by the job's id.
    Receipts,
}

/// A row to write, or to remove if it has no value.
#[derive(Clone, Debug)]
pub struct Change {
    /// Where.
    pub table: Table,
    /// The key.
    pub key: Digest,
    /// The value.
    pub value: Option<Vec<u8>>,
}

/// An open index.
#[derive(Clone)]
pub struct Index {
    tree: sled::Tree,
    /// Held so that the database stays open.
    _database: sled::Db,
}

/// How the opening went.
pub struct Opened {
    /// The index.
    pub index: Index,
    /// The old one would not open and was thrown away: this one is empty.
    pub rebuilt: bool,
}

impl Index {
    /// Opens the index in `folder`. One that will not open is replaced by an empty one.
    ///
    /// # Errors
    /// [`IndexError`], if not even an empty one can be made.
    pub fn open(folder: &Path) -> Result<Opened, IndexError> {
        match open_unlocked(folder) {
            Ok(index) => Ok(Opened { index, rebuilt: false }),
            // Not damage: it must not be thrown away under whoever uses it.
            Err(IndexError::InUse) => Err(IndexError::InUse),
            Err(error) => {
                tracing::warn!(%error, "the index will not open and is made anew from the journal");
                remove(folder)?;
                Ok(Opened { index: open_database(folder)?, rebuilt: true })
            }
        }
    }

    /// The sequence of the last journal record folded in; 0 for none.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn sequence(&self) -> Result<u64, IndexError> {
        self.tree.get(SEQUENCE)?.map_or(Ok(0), |bytes| number(&bytes))
    }

    /// Writes the rows that the journal up to `sequence` asks for: all of them or none.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn fold(&self, sequence: u64, changes: &[Change]) -> Result<(), IndexError> {
        let (mut batch, mut place) = (sled::Batch::default(), self.next_place()?);
        for change in changes {
            if let Some(bytes) = change.value.as_ref().map(Vec::len).filter(|&bytes| bytes > VALUE_BYTES_MAX)
            {
                return Err(IndexError::TooLong { bytes });
            }
            match change.table {
                Table::Jobs => self.change_job(&mut batch, change, &mut place)?,
                Table::Receipts => change_row(&mut batch, key(b'r', &change.key), change.value.clone()),
            }
        }
        batch.insert(SEQUENCE, &sequence.to_be_bytes());
        Ok(self.tree.apply_batch(batch)?)
    }

    /// The value at a key.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn get(&self, table: Table, of: &Digest) -> Result<Option<Vec<u8>>, IndexError> {
        match table {
            Table::Jobs => Ok(self.job(of)?.map(|(_, value)| value)),
            Table::Receipts => Ok(self.tree.get(key(b'r', of))?.map(|value| value.to_vec())),
        }
    }

    /// Jobs, the one that came last first.
    pub fn newest_jobs(&self) -> impl Iterator<Item = Result<(Digest, Vec<u8>), IndexError>> + '_ {
        self.tree.scan_prefix([PLACES]).rev().map(|row| {
            let key = digest(&row?.1)?;
            let (_, value) = self.job(&key)?.ok_or(IndexError::Damaged)?;
            Ok((key, value))
        })
    }

    /// Empties the index, so that the whole journal can be folded in again.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn clear(&self) -> Result<(), IndexError> {
        Ok(self.tree.clear()?)
    }

    /// Hands what is in memory to the disk. Nothing rests on it: it only shortens the next start.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn flush(&self) -> Result<(), IndexError> {
        self.tree.flush()?;
        Ok(())
    }

    fn next_place(&self) -> Result<u64, IndexError> {
        let last = self.tree.scan_prefix([PLACES]).keys().next_back().transpose()?;
        last.map_or(Ok(0), |key| number(&key[1..])).map(|place| place + 1)
    }

    /// A job and its place.
    fn job(&self, of: &Digest) -> Result<Option<(u64, Vec<u8>)>, IndexError> {
        let Some(row) = self.tree.get(key(b'j', of))? else { return Ok(None) };
        let (place, value) = row.split_at_checked(8).ok_or(IndexError::Damaged)?;
        Ok(Some((number(place)?, value.to_vec())))
    }

    /// A job keeps the place it first had.
    fn change_job(&self, batch: &mut sled::Batch, change: &Change, next: &mut u64) -> Result<(), IndexError> {
        let old = self.job(&change.key)?.map(|(place, _)| place);
        let place = old.unwrap_or(*next);
        let listed = [&[PLACES][..], &place.to_be_bytes()].concat();
        match (&change.value, old) {
            (Some(_), None) => {
                batch.insert(listed, change.key.as_bytes());
                *next += 1;
            }
            (None, Some(_)) => batch.remove(listed),
            (Some(_), Some(_)) | (None, None) => {}
        }
        let row = change.value.as_ref().map(|value| [&place.to_be_bytes()[..], value].concat());
        change_row(batch, key(b'j', &change.key), row);
        Ok(())
    }
}

fn change_row(batch: &mut sled::Batch, key: [u8; 33], value: Option<Vec<u8>>) {
    match value {
        Some(value) => batch.insert(&key[..], value),
        None => batch.remove(&key[..]),
    }
}

/// Opens the database. One that was closed a moment ago is still locked until its threads have ended.
fn open_unlocked(folder: &Path) -> Result<Index, IndexError> {
    for _ in 0..LOCK_TRIES_MAX {
        match open_database(folder) {
            Err(IndexError::Database(error)) if is_locked(&error) => thread::sleep(LOCK_WAIT),
            opened => return opened,
        }
    }
    Err(IndexError::InUse)
}

/// The database has no error of its own for this.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().starts_with("could not acquire lock"))
}

fn open_database(folder: &Path) -> Result<Index, IndexError> {
    // On some torn files the database panics instead of returning an error.
    let (tree, database) = panic::catch_unwind(|| {
        let database = sled::Config::default().path(folder).cache_capacity(CACHE_BYTES).open()?;
        sled::Result::Ok((database.open_tree("rows")?, database))
    })
    .map_err(|_| IndexError::Damaged)??;
    let index = Index { tree, _database: database };
    index.sequence()?;
    Ok(index)
}

fn remove(folder: &Path) -> io::Result<()> {
    let result = if folder.is_file() { fs::remove_file(folder) } else { fs::remove_dir_all(folder) };
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn key(table: u8, of: &Digest) -> [u8; 33] {
    let mut key = [table; 33];
    key[1..].copy_from_slice(of.as_bytes());
    key
}

fn number(bytes: &[u8]) -> Result<u64, IndexError> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| IndexError::Damaged)
}

fn digest(bytes: &[u8]) -> Result<Digest, IndexError> {
    bytes.try_into().map(Digest).map_err(|_| IndexError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: u8, value: Option<&[u8]>) -> Change {
        Change { table: Table::Jobs, key: Digest([name; 32]), value: value.map(Vec::from) }
    }

    fn newest(index: &Index) -> Vec<(u8, Vec<u8>)> {
        index.newest_jobs().map(Result::unwrap).map(|(key, value)| (key.0[0], value)).collect()
    }

    #[test]
    fn jobs_are_listed_by_when_they_came_and_rows_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let Opened { index, rebuilt } = Index::open(folder.path()).unwrap();
        assert_eq!((rebuilt, index.sequence().unwrap()), (false, 0));
        index.fold(1, &[job(9, Some(b"a")), job(3, Some(b"b"))]).unwrap();
        let receipt = Change { table: Table::Receipts, ..job(9, Some(b"receipt")) };
        index.fold(2, &[job(9, Some(b"later")), job(5, Some(b"c")), receipt]).unwrap();
        index.fold(3, &[job(3, None)]).unwrap();
        index.flush().unwrap();
        drop(index);
        let index = Index::open(folder.path()).unwrap().index;
        assert_eq!(index.sequence().unwrap(), 3);
        assert_eq!(newest(&index), [(5, b"c".to_vec()), (9, b"later".to_vec())]);
        assert_eq!(index.get(Table::Receipts, &Digest([9; 32])).unwrap().unwrap(), b"receipt");
        assert_eq!(index.get(Table::Jobs, &Digest([3; 32])).unwrap(), None);
        index.clear().unwrap();
        assert_eq!((index.sequence().unwrap(), newest(&index)), (0, vec![]));
    }

    #[test]
    fn a_value_that_is_too_long_leaves_all_rows_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap().index;
        let long = vec![0; VALUE_BYTES_MAX + 1];
        let folded = index.fold(1, &[job(1, Some(b"a")), job(2, Some(&long))]);
        assert!(matches!(folded, Err(IndexError::TooLong { bytes }) if bytes == long.len()));
        assert_eq!((index.sequence().unwrap(), newest(&index)), (0, vec![]));
    }

    #[test]
    fn an_index_in_use_is_not_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap().index;
        index.fold(1, &[job(1, Some(b"a"))]).unwrap();
        assert!(matches!(Index::open(folder.path()), Err(IndexError::InUse)));
        thread::scope(|scope| {
            let again =
                scope.spawn(|| Index::open(folder.path()).map(|opened| opened.index.sequence().unwrap()));
            drop(index);
            assert_eq!(again.join().unwrap().unwrap(), 1);
        });
    }

    #[test]
    fn an_index_that_will_not_open_is_replaced_by_an_empty_one() {
        for file in ["db", "conf"] {
            let folder = tempfile::tempdir().unwrap();
            let index = Index::open(folder.path()).unwrap().index;
            index.fold(7, &[job(1, Some(b"a"))]).unwrap();
            index.flush().unwrap();
            drop(index);
            fs::write(folder.path().join(file), [0xFF; 4096]).unwrap();
            let Opened { index, rebuilt } = Index::open(folder.path()).unwrap();
            assert_eq!(index.sequence().unwrap(), 0, "{file}");
            assert!(rebuilt || file == "db", "{file}");
            index.fold(8, &[job(2, Some(b"b"))]).unwrap();
        }
    }
}
