//! The index: where the receipts of the journal's jobs are, arranged for looking up.
//!
//! Rows live in one tree, told apart by the first byte of their key, so that rows and the sequence they come from change
//! together or not at all:
//!
//! ```text
//! r job        → receipt 32            the digest of a job's receipt
//! s            → sequence              the last journal record folded in
//! m            → nothing               rows are missing that only receipts tell
//! ```
//!
//! The database forgets acknowledged rows when the power fails and sometimes will not open again. Both are harmless:
//! the sequence then lies behind the journal, and the caller folds the rest in, or everything.
//!
//! Where the journal does not reach back so far any more, receipts tell the same.
//!
//! **Invariant:** nothing is in the index that cannot be made again from journal and receipts. No other file names sled.

use std::{env, fs, io, panic, path::Path, thread, time::Duration};

use assay_protocol::{
    id::{Digest, JobId},
    receipt::Receipt,
};

use crate::{receipts::Receipts, system::create_folder};

/// Bytes of rows that are kept in memory.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// How often a locked index is tried.
const LOCK_TRIES_MAX: u32 = 20;
/// How long to wait between two tries.
const LOCK_WAIT: Duration = Duration::from_millis(50);
/// The key of the sequence.
const SEQUENCE: &[u8] = b"s";
/// Set while rows are missing that only receipts tell.
const MISSING: &[u8] = b"m";
/// Rows written at a time while they are looked for.
const FILLED_ROWS: usize = 1024;
/// The first byte of the keys of receipts.
const RECEIPTS: u8 = b'r';

/// Why the index could not be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A row is not what was written: rebuild the index from the journal.
    #[error("the index is damaged; it can be rebuilt from the journal")]
    Damaged,
    /// Somebody else has it open.
    #[error("the index is in use")]
    InUse,
    /// The database failed.
    #[error("the index cannot be used: {0}")]
    Database(#[from] sled::Error),
    /// The folder could not be made or emptied.
    #[error("the folder of the index cannot be made anew: {0}")]
    Disk(#[from] io::Error),
}

/// A row: which receipt is a job's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FiledReceipt {
    /// The job.
    pub job: JobId,
    /// The digest of its receipt.
    pub receipt: Digest,
}

/// What receipts told an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilledRows {
    /// How many rows.
    pub rows: u64,
    /// Receipts that cannot be read, so that nobody knows whose they are.
    pub unreadable: Vec<Digest>,
}

/// An open index.
#[derive(Clone)]
pub struct Index {
    tree: sled::Tree,
    /// Held so that the database stays open.
    _database: sled::Db,
}

/// How the opening went.
pub struct OpenedIndex {
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
    pub fn open(folder: &Path) -> Result<OpenedIndex, IndexError> {
        match open_unlocked(folder) {
            Ok(index) => Ok(OpenedIndex { index, rebuilt: false }),
            // Not damage: it must not be thrown away under whoever uses it.
            Err(IndexError::InUse) => Err(IndexError::InUse),
            Err(error) => {
                tracing::warn!(%error, "the index will not open and is made anew from the journal");
                remove(folder)?;
                Ok(OpenedIndex { index: open_database(folder)?, rebuilt: true })
            }
        }
    }

    /// The sequence of the last record folded into the index in `folder`, which is left as it is: a copy of it is opened. None,
    /// if there is no index, or it will not open.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn look(folder: &Path) -> io::Result<Option<u64>> {
        if !folder.try_exists()? {
            return Ok(None);
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let copied = env::temp_dir().join(format!("assay-index-{:032x}", u128::from_le_bytes(random)));
        let looked = copy(folder, &copied).map(|()| {
            let opened = open_unlocked(&copied).and_then(|index| index.sequence());
            opened.inspect_err(|error| tracing::debug!(%error, "a copy of the index will not open")).ok()
        });
        let removed = remove(&copied);
        looked.and_then(|sequence| removed.map(|()| sequence))
    }

    /// The sequence of the last journal record folded in; 0 for none.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn sequence(&self) -> Result<u64, IndexError> {
        caught(|| self.tree.get(SEQUENCE))?.map_or(Ok(0), |bytes| number(&bytes))
    }

    /// Writes the rows that the journal up to `sequence` asks for: all of them or none.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn fold(&self, sequence: u64, rows: &[FiledReceipt]) -> Result<(), IndexError> {
        let mut batch = sled::Batch::default();
        for FiledReceipt { job, receipt } in rows {
            batch.insert(&key(job)[..], receipt.as_bytes());
        }
        batch.insert(SEQUENCE, &sequence.to_be_bytes());
        caught(|| self.tree.apply_batch(batch))
    }

    /// The digest of a job's receipt.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn receipt(&self, of: &JobId) -> Result<Option<Digest>, IndexError> {
        caught(|| self.tree.get(key(of)))?.map(|row| digest(&row)).transpose()
    }

    /// Notes that rows are missing that only receipts tell, until [`Index::fill`] has ended.
    ///
    /// # Errors
    /// [`IndexError`].
    pub(crate) fn note_missing(&self) -> Result<(), IndexError> {
        caught(|| self.tree.insert(MISSING, &[])).map(drop)
    }

    /// True if rows are missing that only receipts tell.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn is_incomplete(&self) -> Result<bool, IndexError> {
        caught(|| self.tree.contains_key(MISSING))
    }

    /// Writes the row of every receipt that can be read, and says how many those are; while there are others, rows are missing.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn fill(&self, receipts: &Receipts) -> Result<FilledRows, IndexError> {
        let (digests, mut filled) = (receipts.list()?, FilledRows::default());
        for digests in digests.chunks(FILLED_ROWS) {
            let mut batch = sled::Batch::default();
            for digest in digests {
                let bytes = receipts.get(digest).ok().flatten();
                let Some(receipt) = bytes.and_then(|bytes| Receipt::from_bytes(&bytes).ok()) else {
                    filled.unreadable.push(*digest);
                    continue;
                };
                batch.insert(&key(&receipt.story.ticket.job)[..], digest.as_bytes());
                filled.rows += 1;
            }
            caught(|| self.tree.apply_batch(batch))?;
        }
        if filled.unreadable.is_empty() {
            caught(|| self.tree.remove(MISSING))?;
        }
        Ok(filled)
    }

    /// Empties the index, so that the whole journal can be folded in again.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn clear(&self) -> Result<(), IndexError> {
        caught(|| self.tree.clear())
    }

    /// Hands what is in memory to the disk. Nothing rests on it: it only shortens the next start.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn flush(&self) -> Result<(), IndexError> {
        caught(|| self.tree.flush()).map(|_| ())
    }
}

/// Asks the database, which panics on some faults of the disk instead of returning an error.
fn caught<T>(ask: impl FnOnce() -> sled::Result<T>) -> Result<T, IndexError> {
    let answered = panic::catch_unwind(panic::AssertUnwindSafe(ask));
    answered.map_err(|_| IndexError::Damaged)?.map_err(IndexError::Database)
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
    create_folder(folder)?;
    let (tree, database) = caught(|| {
        let database = sled::Config::default().path(folder).cache_capacity(CACHE_BYTES).open()?;
        Ok((database.open_tree("rows")?, database))
    })?;
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

/// Copies a folder and all that is in it into one of the owner's alone.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    create_folder(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, to) = (entry?, |name| to.join(name));
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to(entry.file_name()))?;
        } else {
            fs::copy(entry.path(), to(entry.file_name()))?;
        }
    }
    Ok(())
}

fn key(of: &JobId) -> [u8; 33] {
    let mut key = [RECEIPTS; 33];
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
    use crate::disk::HomeDisk;

    fn row(job: u8, receipt: u8) -> FiledReceipt {
        FiledReceipt { job: Digest([job; 32]), receipt: Digest([receipt; 32]) }
    }

    fn receipt(index: &Index, job: u8) -> Option<u8> {
        index.receipt(&Digest([job; 32])).unwrap().map(|digest| digest.0[0])
    }

    #[test]
    fn the_last_receipt_of_a_job_is_found_and_rows_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let OpenedIndex { index, rebuilt } = Index::open(folder.path()).unwrap();
        assert_eq!((rebuilt, index.sequence().unwrap()), (false, 0));
        index.fold(1, &[row(9, 1), row(3, 2)]).unwrap();
        index.fold(2, &[row(9, 4)]).unwrap();
        index.flush().unwrap();
        drop(index);
        let index = Index::open(folder.path()).unwrap().index;
        assert_eq!(index.sequence().unwrap(), 2);
        assert_eq!([9, 3, 5].map(|job| receipt(&index, job)), [Some(4), Some(2), None]);
        index.clear().unwrap();
        assert_eq!((index.sequence().unwrap(), receipt(&index, 9)), (0, None));
    }

    #[test]
    fn an_index_in_use_is_not_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap().index;
        index.fold(1, &[row(1, 1)]).unwrap();
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
            index.fold(7, &[row(1, 1)]).unwrap();
            index.flush().unwrap();
            drop(index);
            fs::write(folder.path().join(file), [0xFF; 4096]).unwrap();
            let OpenedIndex { index, rebuilt } = Index::open(folder.path()).unwrap();
            assert_eq!(index.sequence().unwrap(), 0, "{file}");
            assert!(rebuilt || file == "db", "{file}");
            index.fold(8, &[row(2, 2)]).unwrap();
        }
    }

    #[test]
    fn what_an_index_lacks_is_made_again_from_receipts() {
        let golden = include_bytes!("../../protocol/tests/golden/receipts/checked.receipt");
        let receipt = Receipt::from_bytes(golden).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let receipts = Receipts::open(&HomeDisk::default(), &folder.path().join("receipts")).unwrap();
        let filed = receipts.file(&receipt).unwrap();
        let path = folder.path().join("index");
        let index = Index::open(&path).unwrap().index;
        assert!(!index.is_incomplete().unwrap());
        index.note_missing().unwrap();
        index.fold(7, &[]).unwrap();
        index.flush().unwrap();
        drop(index);
        let index = Index::open(&path).unwrap().index;
        assert!(index.is_incomplete().unwrap(), "no restart forgets that");
        let (stray, damaged) = (folder.path().join("receipts/00/00"), Digest([0; 32]));
        fs::create_dir_all(&stray).unwrap();
        fs::write(stray.join(damaged.to_string()), "no receipt").unwrap();
        assert_eq!(index.fill(&receipts).unwrap(), FilledRows { rows: 1, unreadable: vec![damaged] });
        assert!(index.is_incomplete().unwrap(), "whose receipt it was, nobody knows");
        fs::remove_file(stray.join(damaged.to_string())).unwrap();
        assert_eq!(index.fill(&receipts).unwrap(), FilledRows { rows: 1, unreadable: Vec::new() });
        assert!(!index.is_incomplete().unwrap());
        assert_eq!(index.receipt(&receipt.story.ticket.job).unwrap(), Some(filed));
        assert_eq!(index.sequence().unwrap(), 7, "rows of receipts are no records");
    }

    /// Names the folder that a process fills before it dies.
    const FILLED: &str = "ASSAY_TEST_FILLS";
    /// Rows, as of so many closed jobs.
    const ROWS: u32 = 1_000_000;

    fn numbered(number: u32) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    #[test]
    #[ignore = "writes a million rows"]
    fn a_million_rows_are_there_at_once_after_a_kill() {
        if let Ok(folder) = std::env::var(FILLED) {
            let (index, mut slowest) = (Index::open(Path::new(&folder)).unwrap().index, Duration::ZERO);
            for first in (0..ROWS).step_by(100) {
                let rows: Vec<FiledReceipt> = (first..first + 100)
                    .map(|number| FiledReceipt { job: numbered(number), receipt: numbered(number) })
                    .collect();
                let begun = std::time::Instant::now();
                index.fold(u64::from(first + 100), &rows).unwrap();
                slowest = slowest.max(begun.elapsed());
            }
            println!("of {} rows at a time the slowest were written after {slowest:?}", 100);
            // What a second of a daemon's life hands to the system.
            index.flush().unwrap();
            std::process::abort();
        }
        let folder = tempfile::tempdir().unwrap();
        let mut fill = std::process::Command::new(std::env::current_exe().unwrap());
        fill.args(["--ignored", "--exact", "index::tests::a_million_rows_are_there_at_once_after_a_kill"]);
        assert!(!fill.env(FILLED, folder.path()).status().unwrap().success());
        let begun = std::time::Instant::now();
        let index = Index::open(folder.path()).unwrap().index;
        let opened = begun.elapsed();
        assert_eq!(index.sequence().unwrap(), u64::from(ROWS));
        assert_eq!(index.receipt(&numbered(ROWS / 2)).unwrap(), Some(numbered(ROWS / 2)));
        let bytes: u64 =
            fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        println!("{ROWS} rows in {bytes} bytes are open after {opened:?}");
        assert!(opened < Duration::from_secs(1), "{opened:?}");
        let mut taken: Vec<Duration> =
            (ROWS..ROWS + 10_000).map(|number| time_of_a_row(&index, number)).collect();
        taken.sort_unstable();
        let [middle, most] = [taken.len() / 2, taken.len() * 99 / 100].map(|place| taken[place]);
        println!(
            "a row more is written after {middle:?} in the middle, {most:?} for 99 of 100, {:?} at most",
            taken[9_999]
        );
    }

    /// How long the loop of a daemon waits for one row.
    fn time_of_a_row(index: &Index, number: u32) -> Duration {
        let row = FiledReceipt { job: numbered(number), receipt: numbered(number) };
        let begun = std::time::Instant::now();
        index.fold(u64::from(number) + 1, &[row]).unwrap();
        begun.elapsed()
    }
}
