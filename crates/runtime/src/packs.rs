//! Packs that stay from one process to the next: models as they are computed with, each in a file of its own.
//!
//! ```text
//!  FOLDER/MODEL/ARITHMETIC-LAYOUT-PROGRAM-DIGEST   a pack, by its versions and the digests of its model's file and its own bytes
//!  FOLDER/making/NUMBER                            one that is being written
//! ```
//!
//! A pack is the same for every instruction set and for cards. Its own digest stands in its name, where the process that
//! wrote it cannot reach: whoever reads it has found that digest in it before it computes anything.
//!
//! **Invariant:** a file has its name only once its writer has said its digest, and one that is not what its name says is
//! used by nobody. Without a pack a model is there later, and nothing else is different.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use assay_engine::{model::ARITHMETIC_VERSION, pack::VERSION};
use assay_protocol::id::Digest;

/// The folder of packs that are being written.
const MAKING: &str = "making";
/// The version of this program.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");
/// Models of which it is remembered how lately they were used.
const USED_MAX: usize = 256;
/// How long a pack that was used makes room for no other: models that take turns in less room than they need would be written
/// to the disk over and over.
const STAY: Duration = Duration::from_secs(4 * 60 * 60);
/// Bytes that a pack may have beside twice those of its model's file, which it is about as long as: small tensors are filled up.
const BESIDE_BYTES: u64 = 16 * 1024 * 1024;

/// Whoever owns the disk that packs lie on.
pub trait PackKeeper: Send + Sync {
    /// Bytes that may be written to it now.
    fn room(&self) -> u64;
    /// Whether a model is here. The pack of one that is not goes.
    fn is_wanted(&self, model: Digest) -> bool;
    /// Hears what became of the pack of a model.
    fn hear(&self, model: Digest, news: &PackNews);
}

/// What became of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackNews {
    /// It was written, and is there for the next process.
    Kept {
        /// How long it is.
        bytes: u64,
    },
    /// A process has found it to be what was written, and computes with it.
    Taken,
    /// It is not what was written, and gone: the model is packed anew.
    Refused {
        /// How that was seen.
        why: String,
    },
    /// The model is packed into the memory of its process, and again by the next.
    NotKept {
        /// Why.
        why: String,
    },
    /// It made room for another.
    MadeRoom {
        /// How long it was.
        bytes: u64,
    },
}

/// A folder of packs.
pub struct PackFolder {
    root: PathBuf,
    /// Bytes that they may take together.
    bytes_max: u64,
    keeper: Box<dyn PackKeeper>,
    /// How many were begun.
    begun: AtomicU64,
    /// Bytes that those which are being written may take.
    promised: Mutex<u64>,
    /// Whose packs were used and when, most lately last.
    used: Mutex<Vec<(Digest, Instant)>>,
    /// How long one that was used stays.
    stay: Duration,
}

/// A file of the folder.
struct PackFile {
    model: Digest,
    path: PathBuf,
    bytes: u64,
    written: SystemTime,
}

impl PackFile {
    /// What was listed, unless it has gone since.
    fn of(model: Digest, listed: &fs::DirEntry) -> io::Result<Option<Self>> {
        let Some(metadata) = unless_absent(listed.metadata())? else { return Ok(None) };
        let (bytes, written) = (metadata.len(), metadata.modified()?);
        Ok(Some(Self { model, path: listed.path(), bytes, written }))
    }
}

impl PackFolder {
    /// Opens a folder, made if there is none, that nobody else has. What an ended process left half written goes, and so do
    /// packs of models that are not wanted, and those for which there is no room.
    ///
    /// # Errors
    /// It cannot be made, or changed.
    pub fn open(root: &Path, bytes_max: u64, keeper: impl PackKeeper + 'static) -> io::Result<Self> {
        let making = root.join(MAKING);
        absent_is_gone(fs::remove_dir_all(&making))?;
        fs::create_dir_all(&making)?;
        let (begun, promised, used) = (AtomicU64::default(), Mutex::default(), Mutex::default());
        let folder = Self {
            root: root.to_owned(),
            bytes_max,
            keeper: Box::new(keeper),
            begun,
            promised,
            used,
            stay: STAY,
        };
        for PackFile { model, .. } in folder.list()? {
            if !folder.keeper.is_wanted(model) {
                remove(root, model)?;
            }
        }
        folder.make_room();
        Ok(folder)
    }

    /// The pack of a model, open, if there is one.
    pub(crate) fn find(self: &Arc<Self>, model: Digest) -> Option<KeptPack> {
        let named = |file: fs::DirEntry| Some((own_digest(&file.file_name())?, file.path()));
        let (digest, path) =
            fs::read_dir(self.root.join(model.to_string())).ok()?.flatten().find_map(named)?;
        let file = File::open(&path).ok()?;
        self.note_use(model);
        Some(KeptPack { folder: Arc::clone(self), model, digest, path, file })
    }

    /// An empty file for the pack of a model whose own has so many bytes, if there is room.
    pub(crate) fn begin(self: &Arc<Self>, model: Digest, model_bytes: u64) -> Option<PackDraft> {
        // Held until the promise is made: nobody is promised what somebody else is.
        let mut promised = lock(&self.promised);
        let free = self.keeper.room();
        let room = free.min(self.room_beside(model)).saturating_sub(*promised);
        let bytes_max = room.min(model_bytes.saturating_mul(2).saturating_add(BESIDE_BYTES));
        let path = self.root.join(MAKING).join(self.begun.fetch_add(1, Ordering::Relaxed).to_string());
        let opened = match (free, bytes_max) {
            (0, _) => Err(io::Error::from(io::ErrorKind::StorageFull)),
            (_, 0) => Err(io::Error::other("others that are in use have all the room that packs may take")),
            _ => File::options().read(true).write(true).create_new(true).open(&path),
        };
        match opened {
            Ok(file) => {
                *promised += bytes_max;
                Some(PackDraft { folder: Arc::clone(self), model, path, file, bytes_max })
            }
            Err(why) => {
                drop(promised);
                self.keeper.hear(model, &PackNews::NotKept { why: why.to_string() });
                None
            }
        }
    }

    /// Gives a pack its name, and says how long it is.
    fn place(&self, draft: &PackDraft, digest: Digest) -> io::Result<u64> {
        if !self.keeper.is_wanted(draft.model) {
            return Err(io::Error::other("the model was let go meanwhile"));
        }
        let bytes = draft.file.metadata()?.len();
        let folder = self.root.join(draft.model.to_string());
        fs::create_dir_all(&folder)?;
        let named = folder.join(format!("{}{digest}", prefix()));
        fs::rename(&draft.path, &named)?;
        // It may have gone since, with whatever of it was here before this.
        if !self.keeper.is_wanted(draft.model) {
            remove(&self.root, draft.model)?;
            return Err(io::Error::other("the model was let go meanwhile"));
        }
        // Of a model there is one: another is of another version.
        for other in fs::read_dir(folder)? {
            let other = other?.path();
            if other != named {
                absent_is_gone(fs::remove_file(other))?;
            }
        }
        Ok(bytes)
    }

    /// Bytes that there are for a pack beside those of other models that stay.
    fn room_beside(&self, model: Digest) -> u64 {
        let used = lock(&self.used).clone();
        let stays =
            |other: Digest| used.iter().any(|(used, when)| *used == other && when.elapsed() < self.stay);
        // What cannot be listed may be all that there is room for.
        let Ok(files) = self.list() else { return 0 };
        let others = files.iter().filter(|file| file.model != model && stays(file.model));
        self.bytes_max.saturating_sub(others.map(|file| file.bytes).sum())
    }

    /// Removes those that were not used for longest, until the others have room. Whoever has read one keeps it.
    fn make_room(&self) {
        // What cannot be listed is looked at when the next is kept.
        let Ok(mut files) = self.list() else { return };
        let used = lock(&self.used).clone();
        let last_use = |model: Digest| used.iter().position(|(used, _)| *used == model);
        files.sort_by_key(|file| (last_use(file.model), file.written));
        let mut sum: u64 = files.iter().map(|file| file.bytes).sum();
        for PackFile { model, path, bytes, .. } in files {
            if sum <= self.bytes_max {
                break;
            }
            if fs::remove_file(path).is_ok() {
                sum -= bytes;
                self.keeper.hear(model, &PackNews::MadeRoom { bytes });
            }
        }
    }

    fn note_use(&self, model: Digest) {
        let mut used = lock(&self.used);
        used.retain(|(used, _)| *used != model);
        if used.len() >= USED_MAX {
            used.remove(0);
        }
        used.push((model, Instant::now()));
    }

    /// All packs. Models are let go while they are listed: what has gone meanwhile is not among them.
    fn list(&self) -> io::Result<Vec<PackFile>> {
        let mut found = Vec::new();
        for folder in fs::read_dir(&self.root)? {
            let folder = folder?;
            let Some(model) = model_of(&folder.file_name()) else { continue };
            let Some(files) = unless_absent(fs::read_dir(folder.path()))? else { continue };
            for file in files {
                let Some(file) = unless_absent(file)? else { continue };
                found.extend(PackFile::of(model, &file)?);
            }
        }
        Ok(found)
    }
}

/// A pack that is there, of which nobody knows yet whether it is what was written.
pub(crate) struct KeptPack {
    folder: Arc<PackFolder>,
    model: Digest,
    pub(crate) digest: Digest,
    path: PathBuf,
    pub(crate) file: File,
}

impl KeptPack {
    /// A process has found it to be what was written.
    pub(crate) fn taken(self) {
        self.folder.keeper.hear(self.model, &PackNews::Taken);
    }

    /// It is not, and goes.
    pub(crate) fn refuse(self, why: &str) {
        // One that stays is refused by the next process as well.
        let _ = fs::remove_file(&self.path);
        self.folder.keeper.hear(self.model, &PackNews::Refused { why: why.to_owned() });
    }
}

/// A pack that is being written. Dropped, it leaves nothing.
pub(crate) struct PackDraft {
    folder: Arc<PackFolder>,
    model: Digest,
    path: PathBuf,
    pub(crate) file: File,
    /// Bytes that there is room for.
    pub(crate) bytes_max: u64,
}

impl PackDraft {
    /// It is written, and this is its digest.
    pub(crate) fn settle(self, digest: Digest) {
        let folder = &self.folder;
        match folder.place(&self, digest) {
            Ok(bytes) => {
                folder.note_use(self.model);
                folder.keeper.hear(self.model, &PackNews::Kept { bytes });
                folder.make_room();
            }
            Err(why) => folder.keeper.hear(self.model, &PackNews::NotKept { why: why.to_string() }),
        }
    }

    /// It is not written.
    pub(crate) fn give_up(self, why: &str) {
        self.folder.keeper.hear(self.model, &PackNews::NotKept { why: why.to_owned() });
    }
}

impl Drop for PackDraft {
    fn drop(&mut self) {
        // One that has its name is not there any more.
        let _ = fs::remove_file(&self.path);
        *lock(&self.folder.promised) -= self.bytes_max;
    }
}

/// Removes what a folder has of a model. What is not there is no error.
///
/// # Errors
/// The disk fails.
pub fn remove(root: &Path, model: Digest) -> io::Result<()> {
    absent_is_gone(fs::remove_dir_all(root.join(model.to_string())))
}

/// Removes a folder of packs. What is not there is no error.
///
/// # Errors
/// The disk fails.
pub fn remove_all(root: &Path) -> io::Result<()> {
    absent_is_gone(fs::remove_dir_all(root))
}

/// Bytes that a folder has of a model; nothing, if it has none.
#[must_use]
pub fn bytes_of(root: &Path, model: Digest) -> Option<u64> {
    let files = fs::read_dir(root.join(model.to_string())).ok()?;
    let bytes: u64 = files.flatten().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    (bytes > 0).then_some(bytes)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn absent_is_gone(removed: io::Result<()>) -> io::Result<()> {
    unless_absent(removed).map(|_| ())
}

/// What was looked at; nothing, where it is not there.
fn unless_absent<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the names begin with of packs that this version makes. What an older program has read is read again: it may have been
/// taken over by the model's file, by a fault that this one has not.
fn prefix() -> String {
    format!("{ARITHMETIC_VERSION}-{VERSION}-{PROGRAM}-")
}

/// The digest of its own bytes that a pack of this version is named by.
fn own_digest(name: &OsStr) -> Option<Digest> {
    name.to_str()?.strip_prefix(&prefix())?.parse().ok()
}

fn model_of(name: &OsStr) -> Option<Digest> {
    name.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests;
