//! Files that clients upload, and those that are made for them, in a folder of the home.
//!
//! **Invariant:** a file belongs to the key that uploaded it, or to the owner of the home where there are no keys, and nobody
//! else knows of it. A file with a card is whole: its bytes are there before. What may be kept is bounded, by files and by bytes,
//! for each key and in all; what comes counts from its first byte on. What is made for a client is kept though it is more: it may
//! be paid. Whoever keeps as much as it may begins no other batch.

mod arriving_file;
mod kept_files;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use assay_protocol::id::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::fs::File;

use self::kept_files::{FileRoom, KeptFiles};
pub(crate) use self::{
    arriving_file::ArrivingFile,
    kept_files::{FILE_BYTES_MAX, FileRefused},
};
use crate::{
    asked_once::{AskedOnce, OnceHead},
    batch::{BatchError, replace_with},
    damage::{ASIDE, put_aside, read_json},
    disk_floor::DiskFloor,
    drawn_name::FileId,
};

/// Behind the name of a file's card, and of its bytes.
const CARD: &str = ".json";
const BYTES: &str = ".data";

/// Whose something is: a key's, by its digest, or the home's.
pub(crate) type FileOwner = Option<Digest>;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FilePurpose {
    /// Requests of a batch.
    Batch,
    /// What came of them.
    BatchOutput,
}

impl FilePurpose {
    /// What it is called.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::BatchOutput => "batch_output",
        }
    }
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewayFile {
    pub(crate) id: FileId,
    pub(crate) owner: FileOwner,
    pub(crate) purpose: FilePurpose,
    /// What its client calls it. No place is made of it.
    pub(crate) filename: String,
    pub(crate) bytes: u64,
    pub(crate) created: Timestamp,
    /// When it is let go, if its client said so.
    #[serde(default)]
    pub(crate) expires: Option<Timestamp>,
    /// How the request that uploaded it is told from others.
    #[serde(default)]
    pub(crate) once: AskedOnce,
}

impl GatewayFile {
    /// Whether it is there for its client.
    fn is_there(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// The files of a gateway. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct GatewayFiles(Arc<FileFolder>);

#[derive(Debug)]
struct FileFolder {
    path: PathBuf,
    floor: DiskFloor,
    kept: Mutex<KeptFiles>,
    /// Held while a file becomes one of those that are kept: no two do for the same request.
    settling: Mutex<()>,
}

impl GatewayFiles {
    /// Those in a folder, which is made if there is none; its disk is to keep so many bytes free. What was coming when a gateway
    /// ended is let go.
    pub(crate) fn open(path: &Path, free_bytes_min: u64) -> io::Result<Self> {
        make_private(path)?;
        let mut kept = KeptFiles::default();
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            names.push(entry?.file_name());
        }
        for name in names.iter().filter_map(|name| name.to_str()) {
            let Some(id) = name.strip_suffix(CARD).and_then(|id| id.parse::<FileId>().ok()) else { continue };
            let (card, bytes) = (path.join(name), path.join(format!("{id}{BYTES}")));
            match read_card(id, &card, &bytes)? {
                CardFound::Whole(card) => kept.keep(card, FileRoom::default()),
                CardFound::Damaged(why) => put_aside(&[card, bytes], &why),
                CardFound::Alone => {}
            }
        }
        for name in names {
            if name.to_str().is_some_and(|name| name.ends_with(ASIDE)) || !path.join(&name).exists() {
                continue;
            }
            let id = name.to_str().and_then(|name| name.strip_suffix(CARD).or(name.strip_suffix(BYTES)));
            let is_kept =
                id.and_then(|id| id.parse::<FileId>().ok()).is_some_and(|id| kept.files.contains_key(&id));
            if is_kept {
                continue;
            }
            // What somebody else put there, such as a folder, is in nobody's way.
            if let Err(error) = fs::remove_file(path.join(&name)) {
                tracing::warn!(%error, ?name, "what is no file of a client's is not let go");
            }
        }
        let floor = DiskFloor::of(path.to_owned(), free_bytes_min);
        let (kept, settling) = (Mutex::new(kept), Mutex::default());
        Ok(Self(Arc::new(FileFolder { path: path.to_owned(), floor, kept, settling })))
    }

    /// A file of an owner's, who knows of it by its name.
    pub(crate) fn find(&self, owner: FileOwner, id: FileId) -> Option<GatewayFile> {
        let (now, mut kept) = (Timestamp::now(), self.lock());
        let found = kept.files.get(&id).filter(|file| file.owner == owner && file.is_there(now)).cloned()?;
        kept.known.insert(id);
        Some(found)
    }

    /// All files of an owner, oldest first.
    pub(crate) fn all(&self, owner: FileOwner) -> Vec<GatewayFile> {
        let (now, kept) = (Timestamp::now(), self.lock());
        let own = kept.files.values().filter(|file| file.owner == owner && file.is_there(now));
        let mut all: Vec<GatewayFile> = own.cloned().collect();
        drop(kept);
        all.sort_by_key(|file| (file.created, file.id));
        all
    }

    /// Where the bytes of a file are.
    pub(crate) fn path(&self, id: FileId) -> PathBuf {
        self.0.path.join(format!("{id}{BYTES}"))
    }

    fn card(&self, id: FileId) -> PathBuf {
        self.0.path.join(format!("{id}{CARD}"))
    }

    /// Begins to take a file of an owner's, whose request says this of itself.
    pub(crate) fn receive(&self, owner: FileOwner, head: OnceHead) -> Result<ArrivingFile, FileRefused> {
        if head.key().is_some_and(|key| self.lock().has_key(owner, key)) {
            // It is here already, and needs no room: what comes is only held against it.
            return Ok(ArrivingFile::new(self.clone(), (owner, head), None));
        }
        self.check_disk(0)?;
        self.lock().take(owner, FileRoom { files: 1, bytes: 0 })?;
        let made = NamedTempFile::new_in(&self.0.path).and_then(|place| Ok((place.reopen()?, place)));
        let (written, place) =
            made.inspect_err(|_| self.lock().give(owner, FileRoom { files: 1, bytes: 0 }))?;
        Ok(ArrivingFile::new(self.clone(), (owner, head), Some((File::from_std(written), place))))
    }

    /// The keys that files belong to.
    pub(crate) fn owners(&self) -> BTreeSet<Digest> {
        self.lock().files.values().filter_map(|file| file.owner).collect()
    }

    /// Keeps a file that is made for an owner, for so many seconds if that is said: whoever says the same again finds it made. It
    /// counts, and is not refused.
    pub(crate) fn make(
        &self,
        (id, owner): (FileId, FileOwner),
        (filename, lasts_s): (String, Option<u32>),
        write: impl FnOnce(&Path) -> Result<(), BatchError>,
    ) -> Result<(), BatchError> {
        if self.lock().files.contains_key(&id) {
            return Ok(());
        }
        let path = self.path(id);
        write(&path)?;
        let bytes = fs::metadata(&path).map_err(|error| BatchError::disk(&path, error))?.len();
        let (purpose, created) = (FilePurpose::BatchOutput, Timestamp::now());
        let expires = expiry(created, lasts_s);
        let once = AskedOnce::default();
        let card = GatewayFile { id, owner, purpose, filename, bytes, created, expires, once };
        self.write_card(&card).map_err(|error| BatchError::disk(&self.card(id), error))?;
        self.lock().keep(card, FileRoom::default());
        Ok(())
    }

    /// Lets a file of an owner's go; false if there is none.
    pub(crate) fn remove(&self, owner: FileOwner, id: FileId) -> io::Result<bool> {
        let mut kept = self.lock();
        let Some(file) = kept.files.get(&id).filter(|file| file.owner == owner) else { return Ok(false) };
        let room = FileRoom { files: 1, bytes: file.bytes };
        // Without a card it is none, whatever of the rest is still there.
        fs::remove_file(self.card(id))?;
        kept.files.remove(&id);
        kept.known.remove(&id);
        kept.give(owner, room);
        drop(kept);
        // It is gone for its client; what is left of it goes with the next start.
        if let Err(error) = fs::remove_file(self.path(id)) {
            tracing::warn!(%error, file = %id, "the bytes of a file that is deleted are not let go yet");
        }
        Ok(true)
    }

    /// Lets those go whose time is over, and says how many.
    pub(crate) fn let_expired_go(&self, now: Timestamp) -> usize {
        self.remove_those(|file| !file.is_there(now))
    }

    /// Lets all go that belong to a key, and says how many.
    pub(crate) fn remove_all(&self, key: Digest) -> usize {
        self.remove_those(|file| file.owner == Some(key))
    }

    fn remove_those(&self, is_one: impl Fn(&GatewayFile) -> bool) -> usize {
        let kept = self.lock();
        let ids: Vec<(FileOwner, FileId)> =
            kept.files.values().filter(|file| is_one(file)).map(|file| (file.owner, file.id)).collect();
        drop(kept);
        let removed = ids.into_iter().filter(|(owner, id)| match self.remove(*owner, *id) {
            Ok(is_removed) => is_removed,
            Err(error) => {
                tracing::warn!(%error, file = %id, "a file is not let go");
                false
            }
        });
        removed.count()
    }

    /// Whether so much more of clients' may be put on the disk.
    pub(crate) fn check_disk(&self, more: u64) -> Result<(), FileRefused> {
        Ok(self.0.floor.check(more)?)
    }

    /// Whether an owner may keep another file, such as what comes of a batch.
    pub(crate) fn check_room(&self, owner: FileOwner) -> Result<(), FileRefused> {
        self.check_disk(0)?;
        self.lock().check(owner, FileRoom { files: 1, bytes: 0 }).map(|_| ())
    }

    fn write_card(&self, card: &GatewayFile) -> io::Result<()> {
        let text = serde_json::to_vec(card)?;
        replace_with(&self.card(card.id), |file| file.write_all(&text))
    }

    fn lock(&self) -> MutexGuard<'_, KeptFiles> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a file is let go that was made then and is kept for so long.
fn expiry(created: Timestamp, lasts_s: Option<u32>) -> Option<Timestamp> {
    lasts_s.and_then(|seconds| Timestamp::from_second(created.as_second() + i64::from(seconds)).ok())
}

/// What a card says that is in the folder.
enum CardFound {
    /// Of a file whose bytes are there.
    Whole(GatewayFile),
    /// It is not as it was written, or the bytes are not.
    Damaged(String),
    /// Its bytes are gone: so is the file.
    Alone,
}

fn read_card(id: FileId, card: &Path, bytes: &Path) -> io::Result<CardFound> {
    let found: GatewayFile = match read_json(card) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Ok(CardFound::Damaged(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    let length = match fs::metadata(bytes) {
        Ok(there) if there.is_file() => there.len(),
        // They may be there, and paid for.
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Ok(CardFound::Damaged(format!("its bytes cannot be looked at: {error}")));
        }
        Ok(_) | Err(_) => return Ok(CardFound::Alone),
    };
    Ok(match found {
        GatewayFile { id: other, .. } if other != id => {
            CardFound::Damaged(format!("it is the card of {other}"))
        }
        GatewayFile { bytes, .. } if bytes != length => {
            CardFound::Damaged(format!("the file has {length} bytes, and had {bytes}"))
        }
        found => CardFound::Whole(found),
    })
}

/// Makes a folder that its owner alone may enter, where the system has such a thing.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests;
