//! Where a home keeps its batches: a folder for each, with what it is to do, its lines and what came of them.
//!
//! **Invariant:** one process at a time carries a batch out. A folder with a plan has all lines of it: they are there before it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use assay_protocol::id::Digest;
use tokio::time::sleep;

use super::{
    batch_lines::BatchLines,
    batch_plan::BatchPlan,
    line_log::{LineLog, LineRecord, LineResult},
};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{full, short},
};

/// How often a batch is tried to be taken, and between two tries.
const LOCK_TRIES: u32 = 10;
const LOCK_STEP: Duration = Duration::from_millis(20);

/// The folder of one batch.
#[derive(Clone, Debug)]
pub(super) struct BatchFolder(PathBuf);

/// Held by the process that carries a batch out.
#[derive(Debug)]
pub(super) struct BatchLock(#[expect(dead_code, reason = "it is held, not read")] File);

impl BatchFolder {
    /// The folder of a batch, which need not be there.
    pub(super) fn of(invocation: &Invocation, name: Digest) -> Self {
        Self(invocation.home.batches().join(full(name)))
    }

    /// All batches of a home, oldest first, with their folders. One that cannot be read is told of and left out.
    pub(super) fn all(invocation: &Invocation) -> Result<Vec<(Self, BatchPlan)>, CommandError> {
        let root = invocation.home.batches();
        let entries = match fs::read_dir(&root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| failed(&root, &error))?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let folder = Self(entry.map_err(|error| failed(&root, &error))?.path());
            match folder.plan() {
                Ok(Some(plan)) => all.push((folder, plan)),
                // One without a plan was never begun.
                Ok(None) => {}
                Err(error) => invocation.printer.note(format!("note: left out: {}", error.lines()[0])),
            }
        }
        all.sort_by_key(|(_, plan)| (plan.begun, plan.name));
        Ok(all)
    }

    /// The batch that goes by a name, which is its own or the first digits of it.
    pub(super) fn named(invocation: &Invocation, name: &str) -> Result<(Self, BatchPlan), CommandError> {
        let mut found = Self::all(invocation)?;
        found.retain(|(_, plan)| !name.is_empty() && full(plan.name).starts_with(name));
        match (found.pop(), found.len()) {
            (Some(one), 0) => Ok(one),
            (None, _) => {
                let message = format!("no batch is called {name}");
                Err(CommandError::new(
                    Exit::NotFound,
                    "UNKNOWN_BATCH",
                    message,
                    "`assay batch ls` lists them",
                ))
            }
            (Some(_), more) => {
                let message = format!("{name} could be any of {} batches", more + 1);
                Err(CommandError::new(Exit::Usage, "AMBIGUOUS", message, "give more digits of the name"))
            }
        }
    }

    /// What the batch is to do, if it was begun.
    pub(super) fn plan(&self) -> Result<Option<BatchPlan>, CommandError> {
        let path = self.0.join("plan.json");
        let bytes = match fs::read(&path) {
            // A stray file in the folder of batches is none.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            bytes => bytes.map_err(|error| failed(&path, &error))?,
        };
        let plan = serde_json::from_slice(&bytes).map_err(|error| failed(&path, &error.into()))?;
        Ok(Some(plan))
    }

    /// Makes a place for a batch.
    pub(super) fn make(&self) -> Result<(), CommandError> {
        fs::create_dir_all(&self.0).map_err(|error| failed(&self.0, &error))
    }

    /// Keeps a batch that is to be carried out. Whatever is left of one that never began is replaced.
    pub(super) fn begin(&self, plan: &BatchPlan, lines: &[u8]) -> Result<(), CommandError> {
        let (kept, log) = (self.lines_path(), self.log_path());
        replace_with(&kept, |file| file.write_all(lines)).map_err(|error| failed(&kept, &error))?;
        match fs::remove_file(&log) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&log, &error)),
            _ => LineLog::create(&log).map_err(|error| failed(&log, &error))?,
        }
        self.keep(plan)
    }

    /// Keeps what it is to do from now on.
    pub(super) fn keep(&self, plan: &BatchPlan) -> Result<(), CommandError> {
        let path = self.0.join("plan.json");
        let text = serde_json::to_vec_pretty(plan).map_err(|error| failed(&path, &error.into()))?;
        replace_with(&path, |file| file.write_all(&text)).map_err(|error| failed(&path, &error))
    }

    /// Its lines.
    pub(super) fn lines(&self, plan: &BatchPlan) -> Result<BatchLines, CommandError> {
        let path = self.lines_path();
        let bytes = fs::read(&path).map_err(|error| failed(&path, &error))?;
        let lines = BatchLines::read(bytes, plan.tokens_max)?;
        if lines.count() != plan.lines {
            return Err(failed(&path, &io::Error::other("its lines are not those that it was begun with")));
        }
        Ok(lines)
    }

    /// Takes it for this process.
    pub(super) async fn lock(&self, name: Digest) -> Result<BatchLock, CommandError> {
        let path = self.0.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| failed(&path, &error))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(BatchLock(file)),
                // Whoever only asks whether it is carried out holds it for a moment.
                Err(TryLockError::WouldBlock) => sleep(LOCK_STEP).await,
                Err(TryLockError::Error(error)) => return Err(failed(&path, &error)),
            }
        }
        let name = short(name);
        let message = format!("the batch {name} is being carried out by another process");
        let hint = format!("`assay batch status {name}` says how far it is");
        Err(CommandError::new(Exit::Other, "BATCH_RUNNING", message, hint))
    }

    /// Whether some process carries it out.
    pub(super) fn is_locked(&self) -> bool {
        let file = OpenOptions::new().write(true).open(self.0.join("lock"));
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// What came of its lines, to add to that: for whoever holds its lock.
    pub(super) fn open_log(&self, plan: &BatchPlan) -> Result<LineLog, CommandError> {
        let path = self.log_path();
        LineLog::open(&path, plan.lines).map_err(|error| failed(&path, &error))
    }

    /// What came of its lines until now.
    pub(super) fn log(&self, plan: &BatchPlan) -> Result<LineLog, CommandError> {
        let path = self.log_path();
        LineLog::look(&path, plan.lines).map_err(|error| failed(&path, &error))
    }

    /// Adds to what came of its lines.
    pub(super) fn add(&self, log: &mut LineLog, records: &[LineRecord]) -> Result<(), CommandError> {
        log.add(records).map_err(|error| failed(&self.log_path(), &error))
    }

    /// What came of one of them.
    pub(super) fn result(&self, log: &LineLog, line: usize) -> Result<Option<LineResult>, CommandError> {
        log.result(line).map_err(|error| failed(&self.log_path(), &error))
    }

    /// Has whoever carries it out order nothing more.
    pub(super) fn cancel(&self) -> Result<(), CommandError> {
        let path = self.cancelled_path();
        fs::write(&path, "").map_err(|error| failed(&path, &error))
    }

    /// Whether its user wants no more of it.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled_path().exists()
    }

    /// It is wanted again.
    pub(super) fn want(&self) -> Result<(), CommandError> {
        match fs::remove_file(self.cancelled_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&self.0, &error)),
            _ => Ok(()),
        }
    }

    /// Lets all of it go.
    pub(super) fn remove(&self) -> Result<(), CommandError> {
        // Without a plan it is none, whatever of the rest is still there.
        fs::remove_file(self.0.join("plan.json")).map_err(|error| failed(&self.0, &error))?;
        fs::remove_dir_all(&self.0).map_err(|error| failed(&self.0, &error))
    }

    fn log_path(&self) -> PathBuf {
        self.0.join("results.jsonl")
    }

    fn lines_path(&self) -> PathBuf {
        self.0.join("lines.jsonl")
    }

    fn cancelled_path(&self) -> PathBuf {
        self.0.join("cancelled")
    }
}

/// Puts a file in its place whole, or leaves what is there. Who may read what is replaced may read it.
pub(in crate::commands) fn replace_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
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

/// The disk, or what is on it, is not as it should be.
pub(super) fn failed(path: &Path, error: &io::Error) -> CommandError {
    let message = format!("{}: {error}", path.display());
    let hint = "check that the disk is not full and who owns the home; what was ordered is not lost: say the same again";
    CommandError::new(Exit::Other, "DISK", message, hint)
}
