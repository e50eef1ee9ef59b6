//! A file that arrives from a hub: what is here of it, and of which bytes that is the beginning.
//!
//! It lies in a folder of this program's with a note beside it, both named after what was asked for. It stays over Ctrl-C, a
//! kill and a lost connection, and is read once before it goes on.
//!
//! **Invariant:** one process at a time has it; the sum that is known of it is that of what is on the disk.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    download::DownloadError,
    name::HubName,
    sha256::{Sha256Hasher, Sha256Sum},
};

/// Bytes of a note.
const NOTE_BYTES_MAX: u64 = 8 * 1024;
/// Digits of what a file is named here.
const NAME_DIGITS: usize = 32;

/// Which bytes a file is to have in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WholeNote {
    /// Where they come from.
    source: String,
    bytes: u64,
    sha256: Option<String>,
    /// What the server that gives them calls them.
    tag: Option<String>,
}

/// What is here of a file.
pub(crate) struct PartialFile {
    path: PathBuf,
    file: File,
    here: u64,
    hasher: Sha256Hasher,
    whole: WholeNote,
    /// Held as long as this lives.
    _lock: File,
}

impl PartialFile {
    /// Opens what is here of a file that is to have these bytes; what is here of others goes.
    pub(crate) fn open(
        folder: &Path,
        name: &HubName,
        bytes: u64,
        sha256: Option<Sha256Sum>,
    ) -> Result<Self, DownloadError> {
        fs::create_dir_all(folder)?;
        let path = place(folder, name);
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(path.with_extension("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DownloadError::UnderWay { name: Box::new(name.clone()) });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        let sha256 = sha256.map(|sum| sum.to_string());
        let whole = WholeNote { source: name.to_string(), bytes, sha256, tag: None };
        let (here, hasher) = (0, Sha256Hasher::default());
        let mut partial = Self { path, file, here, hasher, whole, _lock: lock };
        match partial.noted() {
            // Without a digest nobody would know that two halves belong together.
            Some(noted) if noted.sha256.is_some() && noted.is_same(&partial.whole) => {
                partial.whole.tag = noted.tag;
                partial.take_up()?;
            }
            Some(_) | None => partial.restart()?,
        }
        partial.note()?;
        Ok(partial)
    }

    /// How much of it is here.
    pub(crate) fn here(&self) -> u64 {
        self.here
    }

    /// What the server that gave it called the whole.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.whole.tag.as_deref()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The sum of what is here.
    pub(crate) fn sum(&self) -> Sha256Sum {
        self.hasher.sum()
    }

    /// Puts bytes behind what is here. What the disk did not take is not here.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            self.file.set_len(self.here)?;
            self.file.seek(SeekFrom::Start(self.here))?;
            return Err(error);
        }
        self.hasher.update(bytes);
        self.here += bytes.len() as u64;
        Ok(())
    }

    /// Lets what is here go, and begins anew: in a file of its own, since what was here may have another name by now, under
    /// which somebody has stored it.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        fs::remove_file(&self.path)?;
        self.file = OpenOptions::new().create_new(true).read(true).write(true).open(&self.path)?;
        (self.here, self.hasher) = (0, Sha256Hasher::default());
        self.set_tag(None)
    }

    /// Notes what the server calls the whole.
    pub(crate) fn set_tag(&mut self, tag: Option<String>) -> io::Result<()> {
        if self.whole.tag == tag {
            return Ok(());
        }
        self.whole.tag = tag;
        self.note()
    }

    /// Waits until all of it is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Removes it.
    pub(crate) fn remove(self) -> io::Result<()> {
        let Self { path, file, .. } = self;
        drop(file);
        // The lock's file stays: whoever waits for it would hold one that nobody else can find.
        fs::remove_file(&path)?;
        fs::remove_file(path.with_extension("json"))
    }

    /// Reads what is here, if it can be the beginning.
    fn take_up(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() > self.whole.bytes {
            return self.restart();
        }
        self.here = self.hasher.read(&self.file)?;
        Ok(())
    }

    fn noted(&self) -> Option<WholeNote> {
        let mut text = Vec::new();
        let note = File::open(self.path.with_extension("json")).ok()?;
        note.take(NOTE_BYTES_MAX).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn note(&self) -> io::Result<()> {
        let (note, new) = (self.path.with_extension("json"), self.path.with_extension("new"));
        fs::write(&new, serde_json::to_vec(&self.whole)?)?;
        fs::rename(new, note)
    }
}

/// Bytes that are here of a file, of whichever commit.
pub(crate) fn bytes_here(folder: &Path, name: &HubName) -> u64 {
    fs::metadata(place(folder, name)).map_or(0, |file| file.len())
}

/// Where a file arrives. No commit: of a file that changes on the hub there is one here.
fn place(folder: &Path, name: &HubName) -> PathBuf {
    let file = HubName { revision: None, ..name.clone() }.to_string();
    let key: String = Sha256Sum::of(file.as_bytes()).to_string().chars().take(NAME_DIGITS).collect();
    folder.join(format!("{key}.part"))
}

impl WholeNote {
    /// Whether both are of the same bytes, wherever those come from.
    fn is_same(&self, other: &Self) -> bool {
        (self.bytes, &self.sha256) == (other.bytes, &other.sha256)
    }
}
