//! Where a home keeps its batches: a folder for each, with what it is to do, its lines and what came of them.
//!
//! **Invariant:** one process at a time carries a batch out. A folder with a plan has all lines of it: they are there before it.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use assay_protocol::{id::Digest, manifest::Manifest};
use tokio::time::sleep;

use super::{
    batch_error::BatchError,
    batch_lines::BatchLines,
    batch_plan::BatchPlan,
    line_log::{LineLog, LineRecord, LineResult},
    stop_note::StopNote,
};

/// How often a batch is tried to be taken, and between two tries.
const LOCK_TRIES: u32 = 10;
const LOCK_STEP: Duration = Duration::from_millis(20);

/// The folder of one batch.
#[derive(Clone, Debug)]
pub struct BatchFolder(PathBuf);

/// Held by the process that carries a batch out.
#[derive(Debug)]
pub struct BatchLock(#[expect(dead_code, reason = "it is held, not read")] File);

impl BatchFolder {
    /// The folder of a batch among others, which need not be there.
    #[must_use]
    pub fn of(root: &Path, name: Digest) -> Self {
        Self(root.join(name.to_string()))
    }

    /// The folder of a batch at a place of its own.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// All batches among others, oldest first, with their folders. One that cannot be read is told of and left out.
    ///
    /// # Errors
    /// [`BatchError::Disk`], if the folder of all of them cannot be read.
    pub fn all(root: &Path, mut tell: impl FnMut(BatchError)) -> Result<Vec<(Self, BatchPlan)>, BatchError> {
        let entries = match fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| BatchError::disk(root, error))?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let folder = Self(entry.map_err(|error| BatchError::disk(root, error))?.path());
            match folder.plan() {
                Ok(Some(plan)) => all.push((folder, plan)),
                // One without a plan was never begun.
                Ok(None) => {}
                Err(error) => tell(error),
            }
        }
        all.sort_by_key(|(_, plan)| (plan.begun, plan.name));
        Ok(all)
    }

    /// What the batch is to do, if it was begun.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn plan(&self) -> Result<Option<BatchPlan>, BatchError> {
        let path = self.0.join("plan.json");
        let bytes = match fs::read(&path) {
            // A stray file in the folder of batches is none.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            bytes => bytes.map_err(|error| BatchError::disk(&path, error))?,
        };
        let plan = serde_json::from_slice(&bytes).map_err(|error| BatchError::disk(&path, error.into()))?;
        Ok(Some(plan))
    }

    /// Makes a place for a batch.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn make(&self) -> Result<(), BatchError> {
        fs::create_dir_all(&self.0).map_err(|error| BatchError::disk(&self.0, error))
    }

    /// Keeps a batch that is to be carried out. Whatever is left of one that never began is replaced.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn begin(&self, plan: &BatchPlan, lines: &mut dyn Read) -> Result<(), BatchError> {
        let (kept, log) = (self.lines_path(), self.log_path());
        let copied = replace_with(&kept, |file| io::copy(lines, file).map(|_| ()));
        copied.map_err(|error| BatchError::disk(&kept, error))?;
        match fs::remove_file(&log) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(BatchError::disk(&log, error));
            }
            _ => LineLog::create(&log).map_err(|error| BatchError::disk(&log, error))?,
        }
        self.keep(plan)
    }

    /// Keeps what it is to do from now on.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn keep(&self, plan: &BatchPlan) -> Result<(), BatchError> {
        let path = self.0.join("plan.json");
        let text = serde_json::to_vec_pretty(plan).map_err(|error| BatchError::disk(&path, error.into()))?;
        replace_with(&path, |file| file.write_all(&text)).map_err(|error| BatchError::disk(&path, error))
    }

    /// Keeps what its models are, so that it comes to an end whoever offers them by then.
    pub(crate) fn keep_models(&self, models: &BTreeMap<String, Manifest>) -> Result<(), BatchError> {
        let path = self.models_path();
        let text = serde_json::to_vec(models).map_err(|error| BatchError::disk(&path, error.into()))?;
        replace_with(&path, |file| file.write_all(&text)).map_err(|error| BatchError::disk(&path, error))
    }

    /// The models that were kept, if they are those that it was begun with.
    pub(crate) fn models(&self, plan: &BatchPlan) -> Option<BTreeMap<String, Manifest>> {
        let bytes = fs::read(self.models_path()).ok()?;
        let models: BTreeMap<String, Manifest> = serde_json::from_slice(&bytes).ok()?;
        let named = models.iter().map(|(name, manifest)| (name.clone(), manifest.digest()));
        (named.collect::<BTreeMap<_, _>>() == plan.models).then_some(models)
    }

    /// Its lines.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn lines(&self, plan: &BatchPlan) -> Result<BatchLines, BatchError> {
        let path = self.lines_path();
        let file = File::open(&path).map_err(|error| BatchError::disk(&path, error))?;
        let lines = BatchLines::open(file, plan.tokens_max)?;
        if lines.count() != plan.lines {
            return Err(BatchError::disk(
                &path,
                io::Error::new(io::ErrorKind::InvalidData, "its lines are not those that it was begun with"),
            ));
        }
        Ok(lines)
    }

    /// Takes it for this process.
    ///
    /// # Errors
    /// [`BatchError::Running`], if somebody else has it; [`BatchError::Disk`].
    pub async fn lock(&self, name: Digest) -> Result<BatchLock, BatchError> {
        let path = self.0.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| BatchError::disk(&path, error))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(BatchLock(file)),
                // Whoever only asks whether it is carried out holds it for a moment.
                Err(TryLockError::WouldBlock) => sleep(LOCK_STEP).await,
                Err(TryLockError::Error(error)) => return Err(BatchError::disk(&path, error)),
            }
        }
        Err(BatchError::Running { name })
    }

    /// Whether some process carries it out.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        let file = OpenOptions::new().write(true).open(self.0.join("lock"));
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// What came of its lines, to add to that: for whoever holds its lock.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn open_log(&self, plan: &BatchPlan) -> Result<LineLog, BatchError> {
        let path = self.log_path();
        LineLog::open(&path, plan.lines).map_err(|error| BatchError::disk(&path, error))
    }

    /// What came of its lines until now.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn log(&self, plan: &BatchPlan) -> Result<LineLog, BatchError> {
        let path = self.log_path();
        LineLog::look(&path, plan.lines).map_err(|error| BatchError::disk(&path, error))
    }

    /// What came of its lines as far as that can be read, where some of it is damaged.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub(crate) fn salvage(&self, plan: &BatchPlan) -> Result<LineLog, BatchError> {
        let path = self.log_path();
        LineLog::salvage(&path, plan.lines).map_err(|error| BatchError::disk(&path, error))
    }

    /// Adds to what came of its lines.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn add(&self, log: &mut LineLog, records: &[LineRecord]) -> Result<(), BatchError> {
        log.add(records).map_err(|error| BatchError::disk(&self.log_path(), error))
    }

    /// What came of one of them.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn result(&self, log: &LineLog, line: usize) -> Result<Option<LineResult>, BatchError> {
        log.result(line).map_err(|error| BatchError::disk(&self.log_path(), error))
    }

    /// Has whoever carries it out order nothing more.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn cancel(&self) -> Result<(), BatchError> {
        let path = self.cancelled_path();
        fs::write(&path, "").map_err(|error| BatchError::disk(&path, error))
    }

    /// Whether its user wants no more of it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled_path().exists()
    }

    /// It is wanted again: nothing keeps it any more.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn want(&self) -> Result<(), BatchError> {
        for path in [self.cancelled_path(), self.stop_path()] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(BatchError::disk(&path, error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Keeps why it stands before its end, until it is wanted again.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn keep_stop(&self, note: &StopNote) -> Result<(), BatchError> {
        let path = self.stop_path();
        let text = serde_json::to_vec(note).map_err(|error| BatchError::disk(&path, error.into()))?;
        replace_with(&path, |file| file.write_all(&text)).map_err(|error| BatchError::disk(&path, error))
    }

    /// Why it stands before its end, if that was kept.
    #[must_use]
    pub fn stop_note(&self) -> Option<StopNote> {
        serde_json::from_slice(&fs::read(self.stop_path()).ok()?).ok()
    }

    /// Lets all of it go.
    ///
    /// # Errors
    /// [`BatchError::Disk`].
    pub fn remove(&self) -> Result<(), BatchError> {
        // Without a plan it is none, whatever of the rest is still there.
        fs::remove_file(self.0.join("plan.json")).map_err(|error| BatchError::disk(&self.0, error))?;
        fs::remove_dir_all(&self.0).map_err(|error| BatchError::disk(&self.0, error))
    }

    fn log_path(&self) -> PathBuf {
        self.0.join("results.jsonl")
    }

    fn lines_path(&self) -> PathBuf {
        self.0.join("lines.jsonl")
    }

    fn models_path(&self) -> PathBuf {
        self.0.join("models.json")
    }

    fn cancelled_path(&self) -> PathBuf {
        self.0.join("cancelled")
    }

    fn stop_path(&self) -> PathBuf {
        self.0.join("stopped.json")
    }
}

/// Puts a file in its place whole, or leaves what is there. Who may read what is replaced may read it.
///
/// # Errors
/// What the system said.
pub fn replace_with(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut writer = io::BufWriter::new(&mut file);
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    if let Ok(before) = fs::metadata(path) {
        file.as_file().set_permissions(before.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // What cannot be synced so is a system on which that is not needed.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}
