//! Files that clients upload, and those that are made for them, in a folder of the home.
//!
//! **Invariant:** a file belongs to the key that uploaded it, or to the owner of the home where there are no keys, and nobody
//! else knows of it. A file with a card is whole: its bytes are there before. What may be kept is bounded, by files and by bytes,
//! for each key and in all; what comes counts from its first byte on. What is made for a client is kept though it is more: it may
//! be paid. Whoever keeps as much as it may begins no other batch.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use assay_protocol::id::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::{fs::File, io::AsyncWriteExt, task::spawn_blocking};

use crate::{
    batch::{BatchError, replace_with},
    drawn_name::FileId,
};

/// Bytes of a file.
pub(crate) const FILE_BYTES_MAX: u64 = 200 * 1024 * 1024;
/// What one key may keep.
const OWN_MOST: FileRoom = FileRoom { files: 500, bytes: 1024 * 1024 * 1024 };
/// What all of them may.
const ALL_MOST: FileRoom = FileRoom { files: 5_000, bytes: 8 * 1024 * 1024 * 1024 };
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
}

/// Why a file is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileRefused {
    /// It is too long.
    #[error("a file has at most {FILE_BYTES_MAX} bytes")]
    TooLong,
    /// There are too many.
    #[error("{whose} at most {} files of {} bytes in all are kept; delete some", most.files, most.bytes)]
    Full {
        /// Of whom.
        whose: &'static str,
        /// How many there may be.
        most: FileRoom,
    },
    /// The disk failed.
    #[error("the file cannot be kept: {0}")]
    Disk(#[from] io::Error),
}

/// So many files, of so many bytes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileRoom {
    files: usize,
    bytes: u64,
}

/// The files of a gateway. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct GatewayFiles(Arc<FileFolder>);

#[derive(Debug)]
struct FileFolder {
    path: PathBuf,
    kept: Mutex<KeptFiles>,
}

#[derive(Debug, Default)]
struct KeptFiles {
    files: BTreeMap<FileId, GatewayFile>,
    /// What each owner has, with what is coming.
    taken: BTreeMap<FileOwner, FileRoom>,
}

/// A file that is coming. Dropped, nothing of it is kept.
#[derive(Debug)]
pub(crate) struct ArrivingFile {
    files: GatewayFiles,
    owner: FileOwner,
    written: File,
    /// None once it is kept.
    place: Option<NamedTempFile>,
    bytes: u64,
}

impl GatewayFiles {
    /// Those in a folder, which is made if there is none. What was coming when a gateway ended is let go.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        make_private(path)?;
        let mut kept = KeptFiles::default();
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            names.push(entry?.file_name());
        }
        for name in names.iter().filter_map(|name| name.to_str()) {
            let Some(id) = name.strip_suffix(CARD).and_then(|id| id.parse::<FileId>().ok()) else { continue };
            let card = fs::read(path.join(name))?;
            let card: GatewayFile = serde_json::from_slice(&card)
                .map_err(|error| io::Error::other(format!("{}: {error}", path.join(name).display())))?;
            if card.id == id && path.join(format!("{id}{BYTES}")).is_file() {
                kept.keep(card, FileRoom::default());
            }
        }
        for name in names {
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
        Ok(Self(Arc::new(FileFolder { path: path.to_owned(), kept: Mutex::new(kept) })))
    }

    /// A file of an owner's.
    pub(crate) fn find(&self, owner: FileOwner, id: FileId) -> Option<GatewayFile> {
        self.lock().files.get(&id).filter(|file| file.owner == owner).cloned()
    }

    /// All files of an owner, oldest first.
    pub(crate) fn all(&self, owner: FileOwner) -> Vec<GatewayFile> {
        let kept = self.lock();
        let mut all: Vec<GatewayFile> =
            kept.files.values().filter(|file| file.owner == owner).cloned().collect();
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

    /// Begins to take a file of an owner's.
    pub(crate) fn receive(&self, owner: FileOwner) -> Result<ArrivingFile, FileRefused> {
        self.lock().take(owner, FileRoom { files: 1, bytes: 0 })?;
        let made = NamedTempFile::new_in(&self.0.path).and_then(|place| Ok((place.reopen()?, place)));
        let (written, place) =
            made.inspect_err(|_| self.lock().give(owner, FileRoom { files: 1, bytes: 0 }))?;
        Ok(ArrivingFile {
            files: self.clone(),
            owner,
            written: File::from_std(written),
            place: Some(place),
            bytes: 0,
        })
    }

    /// Keeps a file that is made for an owner: whoever says the same again finds it made. It counts, and is not refused.
    pub(crate) fn make(
        &self,
        (id, owner): (FileId, FileOwner),
        filename: String,
        write: impl FnOnce(&Path) -> Result<(), BatchError>,
    ) -> Result<(), BatchError> {
        if self.lock().files.contains_key(&id) {
            return Ok(());
        }
        let path = self.path(id);
        write(&path)?;
        let bytes = fs::metadata(&path).map_err(|error| BatchError::disk(&path, error))?.len();
        let purpose = FilePurpose::BatchOutput;
        let card = GatewayFile { id, owner, purpose, filename, bytes, created: Timestamp::now() };
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
        kept.give(owner, room);
        drop(kept);
        // It is gone for its client; what is left of it goes with the next start.
        if let Err(error) = fs::remove_file(self.path(id)) {
            tracing::warn!(%error, file = %id, "the bytes of a file that is deleted are not let go yet");
        }
        Ok(true)
    }

    /// Whether an owner may keep another file, such as what comes of a batch.
    pub(crate) fn check_room(&self, owner: FileOwner) -> Result<(), FileRefused> {
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

impl KeptFiles {
    /// A file is there, of which so much was counted before.
    fn keep(&mut self, card: GatewayFile, counted: FileRoom) {
        let taken = self.taken.entry(card.owner).or_default();
        taken.files += 1 - counted.files.min(1);
        taken.bytes += card.bytes.saturating_sub(counted.bytes);
        self.files.insert(card.id, card);
    }

    fn take(&mut self, owner: FileOwner, more: FileRoom) -> Result<(), FileRefused> {
        let after = self.check(owner, more)?;
        self.taken.insert(owner, after);
        Ok(())
    }

    /// What an owner has with so much more, if it may be so much.
    fn check(&self, owner: FileOwner, more: FileRoom) -> Result<FileRoom, FileRefused> {
        let own = self.taken.get(&owner).copied().unwrap_or_default();
        let all = self.taken.values().fold(FileRoom::default(), |sum, room| sum.plus(*room));
        for (room, most, whose) in [(own, OWN_MOST, "of a key"), (all, ALL_MOST, "in this gateway")] {
            let after = room.plus(more);
            if after.files > most.files || after.bytes > most.bytes {
                return Err(FileRefused::Full { whose, most });
            }
        }
        Ok(own.plus(more))
    }

    fn give(&mut self, owner: FileOwner, less: FileRoom) {
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

impl ArrivingFile {
    /// Takes what comes next of it.
    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), FileRefused> {
        let more = piece.len() as u64;
        if self.bytes.saturating_add(more) > FILE_BYTES_MAX {
            return Err(FileRefused::TooLong);
        }
        self.files.lock().take(self.owner, FileRoom { files: 0, bytes: more })?;
        self.bytes += more;
        Ok(self.written.write_all(piece).await?)
    }

    /// All of it is here.
    pub(crate) async fn keep(
        mut self,
        purpose: FilePurpose,
        filename: String,
    ) -> Result<GatewayFile, FileRefused> {
        self.written.flush().await?;
        self.written.sync_all().await?;
        let mut arrived = self;
        let kept = spawn_blocking(move || arrived.settle(purpose, filename));
        Ok(kept.await.map_err(io::Error::other)??)
    }

    fn settle(&mut self, purpose: FilePurpose, filename: String) -> io::Result<GatewayFile> {
        let (id, owner, bytes) = (FileId::draw()?, self.owner, self.bytes);
        let card = GatewayFile { id, owner, purpose, filename, bytes, created: Timestamp::now() };
        let Some(place) = self.place.take() else { return Err(io::ErrorKind::NotFound.into()) };
        let persisted = place.persist(self.files.path(id)).map_err(|error| error.error);
        if let Err(error) = persisted.and_then(|_| self.files.write_card(&card)) {
            let _ = fs::remove_file(self.files.path(id));
            self.files.lock().give(owner, FileRoom { files: 1, bytes });
            return Err(error);
        }
        self.files.lock().keep(card.clone(), FileRoom { files: 1, bytes });
        Ok(card)
    }
}

impl Drop for ArrivingFile {
    fn drop(&mut self) {
        if self.place.take().is_some() {
            self.files.lock().give(self.owner, FileRoom { files: 1, bytes: self.bytes });
        }
    }
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
mod tests {
    use super::*;

    const PHONE: FileOwner = Some(Digest([1; 32]));
    const LAPTOP: FileOwner = Some(Digest([2; 32]));

    async fn put(files: &GatewayFiles, owner: FileOwner, text: &str) -> GatewayFile {
        let mut file = files.receive(owner).unwrap();
        file.write(text.as_bytes()).await.unwrap();
        file.keep(FilePurpose::Batch, "../../lines.jsonl".to_owned()).await.unwrap()
    }

    fn entries(files: &GatewayFiles) -> usize {
        fs::read_dir(&files.0.path).unwrap().count()
    }

    #[tokio::test]
    async fn a_file_is_its_owners_alone_and_there_again_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("files");
        let files = GatewayFiles::open(&path).unwrap();
        let first = put(&files, PHONE, "one").await;
        let second = put(&files, PHONE, "two").await;
        assert_eq!(first.filename, "../../lines.jsonl");
        assert!(files.path(first.id).starts_with(&path), "its name says nothing of where it is");
        assert_eq!(fs::read_to_string(files.path(first.id)).unwrap(), "one");
        for other in [LAPTOP, None] {
            assert_eq!(files.find(other, first.id), None);
            assert!(!files.remove(other, first.id).unwrap());
            assert!(files.all(other).is_empty());
        }
        drop(files);
        let files = GatewayFiles::open(&path).unwrap();
        assert_eq!(files.all(PHONE), [first.clone(), second.clone()]);
        assert!(files.remove(PHONE, first.id).unwrap());
        assert_eq!((files.all(PHONE), entries(&files)), (vec![second], 2));
        assert!(!files.remove(PHONE, first.id).unwrap());
        #[cfg(unix)]
        for (path, mode) in [(path.clone(), 0o700), (files.path(files.all(PHONE)[0].id), 0o600)] {
            let found = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
            assert_eq!(found & 0o777, mode, "{}", path.display());
        }
    }

    #[tokio::test]
    async fn what_does_not_come_whole_is_not_kept_and_takes_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let files = GatewayFiles::open(folder.path()).unwrap();
        let mut file = files.receive(PHONE).unwrap();
        file.write(b"half").await.unwrap();
        assert_eq!(files.lock().taken[&PHONE], FileRoom { files: 1, bytes: 4 });
        drop(file);
        assert_eq!((entries(&files), files.lock().taken.len()), (0, 0));
        // What a gateway left that was killed.
        for name in [".tmpabc", "file-0.json", &format!("{}.data", FileId::draw().unwrap())] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        fs::create_dir(folder.path().join("lost+found")).unwrap();
        assert_eq!(entries(&GatewayFiles::open(folder.path()).unwrap()), 1, "what is no file is left");
    }

    #[tokio::test]
    async fn there_are_no_more_files_and_bytes_than_there_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let files = GatewayFiles::open(folder.path()).unwrap();
        let mut file = files.receive(PHONE).unwrap();
        file.bytes = FILE_BYTES_MAX - 1;
        file.write(b"x").await.unwrap();
        assert!(matches!(file.write(b"x").await, Err(FileRefused::TooLong)));
        let full = FileRoom { files: OWN_MOST.files - 1, bytes: OWN_MOST.bytes - 1 };
        files.lock().taken.insert(PHONE, full);
        let mut last = files.receive(PHONE).unwrap();
        assert!(matches!(files.receive(PHONE), Err(FileRefused::Full { most: OWN_MOST, .. })));
        assert!(files.receive(LAPTOP).is_ok(), "another key has room of its own");
        last.write(b"x").await.unwrap();
        assert!(matches!(last.write(b"x").await, Err(FileRefused::Full { .. })));
        files.lock().taken.insert(LAPTOP, FileRoom { files: ALL_MOST.files, bytes: 0 });
        assert!(matches!(files.receive(None), Err(FileRefused::Full { most: ALL_MOST, .. })));
        let id = FileId::draw().unwrap();
        let write = |path: &Path| fs::write(path, "paid").map_err(|error| BatchError::disk(path, error));
        files.make((id, PHONE), "output".to_owned(), write).unwrap();
        files.make((id, PHONE), "output".to_owned(), |_| unreachable!("it is made")).unwrap();
        assert_eq!(files.find(PHONE, id).unwrap().bytes, 4, "what is paid is kept");
        files.lock().taken.remove(&LAPTOP);
        assert!(files.check_room(PHONE).is_err(), "and no more is begun until some is deleted");
        assert!(files.check_room(LAPTOP).is_ok() && !files.lock().taken.contains_key(&LAPTOP));
    }
}
