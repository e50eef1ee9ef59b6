//! A folder of files that are named by the BLAKE3 digest of their bytes.
//!
//! A file arrives under a temporary name, is synced and then gets its own, so a name stands for whole bytes even after a
//! power loss. What an ended process left half written is swept when the folder is opened, but for what has its digest for
//! a name there already: of that the pieces are known, and it goes on where it ended.
//!
//! **Invariant:** `read` takes a file for what its name says only if its bytes have that digest.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use assay_protocol::id::Digest;

use crate::{
    disk::{DiskFile, HomeDisk},
    system::{create_folder, free_bytes},
};

/// The folder, in the folder, of files that are still being written.
pub(crate) const TEMPORARY: &str = "arriving";
/// The folder, in the folder, of what is made of files here and can be made again.
const PACKS: &str = "packs";
/// Bytes read from a file at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// The folder.
pub(crate) struct Folder {
    disk: HomeDisk,
    root: PathBuf,
}

/// A file found in a folder; nothing was read of it.
pub(crate) struct Found {
    /// What it is named.
    pub(crate) digest: Digest,
    /// How long it is.
    pub(crate) bytes: u64,
    /// When it was written.
    pub(crate) written: SystemTime,
}

/// What comes of reading a file.
pub(crate) enum Content {
    /// There is none of this name.
    Absent,
    /// Its bytes.
    Whole(Vec<u8>),
    /// It is longer than was wanted.
    TooLong(u64),
    /// Its bytes are not what its name says.
    Damaged,
}

impl Folder {
    /// Opens a folder, made if there is none.
    pub(crate) fn open(disk: &HomeDisk, root: &Path) -> io::Result<Self> {
        let temporary = root.join(TEMPORARY);
        create_folder(&temporary)?;
        for left in fs::read_dir(&temporary)? {
            let left = left?;
            let (path, kind) = (left.path(), left.file_type()?);
            let is_part =
                digest_of(&left.file_name()).is_some_and(|digest| path.ends_with(digest.to_string()));
            match (kind.is_file() && is_part, kind.is_dir()) {
                (true, _) => {}
                (false, true) => fs::remove_dir_all(path)?,
                (false, false) => fs::remove_file(path)?,
            }
        }
        Ok(Self { disk: disk.clone(), root: root.to_owned() })
    }

    /// Opens what is here of a file that arrives in pieces; an empty one, if nothing is.
    pub(crate) fn open_part(&self, digest: &Digest) -> io::Result<DiskFile> {
        let path = self.part_path(digest);
        if path.try_exists()? { self.disk.open(&path) } else { self.disk.create_new(&path) }
    }

    /// Gives a file that has arrived in pieces its place. Durable when this returns.
    pub(crate) fn end_part(&self, part: &mut DiskFile, digest: &Digest) -> io::Result<()> {
        self.publish(part, digest)
    }

    /// Removes what is here of such a file. What is not there is no error.
    pub(crate) fn remove_part(&self, digest: &Digest) -> io::Result<()> {
        self.disk.remove(&self.part_path(digest))
    }

    /// All files that have arrived in part, and how much of each.
    pub(crate) fn list_parts(&self) -> io::Result<Vec<(Digest, u64)>> {
        let mut parts = Vec::new();
        for part in fs::read_dir(self.root.join(TEMPORARY))? {
            let part = part?;
            if let Some(digest) = digest_of(&part.file_name()) {
                parts.push((digest, part.metadata()?.len()));
            }
        }
        Ok(parts)
    }

    /// Bytes that are free on the disk, if it says so.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        free_bytes(&self.root)
    }

    fn part_path(&self, digest: &Digest) -> PathBuf {
        self.root.join(TEMPORARY).join(digest.to_string())
    }

    /// Where the packs of models are.
    pub(crate) fn packs(&self) -> PathBuf {
        self.root.join(PACKS)
    }

    /// Where the file of this name is, or would be.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        let (first, second) = (&name[..2], &name[2..4]);
        self.root.join(first).join(second).join(&name)
    }

    /// Opens the file of this name, whatever is in it.
    pub(crate) fn file(&self, digest: &Digest) -> io::Result<Option<File>> {
        match File::open(self.path(digest)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a file of at most `bytes_max` bytes.
    pub(crate) fn read(&self, digest: &Digest, bytes_max: u64) -> io::Result<Content> {
        let Some(file) = self.file(digest)? else { return Ok(Content::Absent) };
        let bytes = file.metadata()?.len();
        if bytes > bytes_max {
            return Ok(Content::TooLong(bytes));
        }
        let mut content = Vec::new();
        file.take(bytes_max).read_to_end(&mut content)?;
        let whole = Digest::of(&content) == *digest;
        Ok(if whole { Content::Whole(content) } else { Content::Damaged })
    }

    /// Stores bytes under their digest and says how many they are. Durable when this returns.
    pub(crate) fn store(&self, mut from: impl Read) -> io::Result<(Digest, u64)> {
        let temporary = self.temporary()?;
        let mut file = self.disk.create_new(&temporary)?;
        let stored = copy(&mut from, &mut file).and_then(|(digest, bytes)| {
            self.publish(&mut file, &digest)?;
            Ok((digest, bytes))
        });
        if stored.is_err() {
            // Left where it is it would only be swept at the next start, and the disk may be full.
            drop(self.disk.remove(&temporary));
        }
        stored
    }

    /// Stores a file under its digest without copying it, and says how long it is; nothing, where the disk cannot do that.
    /// Durable when this returns.
    pub(crate) fn share(&self, path: &Path) -> io::Result<Option<(Digest, u64)>> {
        let temporary = self.temporary()?;
        if self.disk.share(path, &temporary).is_err() {
            return Ok(None);
        }
        let shared = self.disk.open_read(&temporary).and_then(|mut file| {
            let named = copy(&mut file, &mut io::sink())?;
            self.publish(&mut file, &named.0)?;
            Ok(named)
        });
        // A second name of a file is not taken off by giving it a name that it has already.
        let removed = self.disk.remove(&temporary);
        shared.and_then(|named| removed.map(|()| Some(named)))
    }

    /// A name for a file that is being written.
    fn temporary(&self) -> io::Result<PathBuf> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        Ok(self.root.join(TEMPORARY).join(format!("{:032x}", u128::from_le_bytes(random))))
    }

    /// The folders that hold the name of a file, and those of the folders that it is in.
    pub(crate) fn folders_of(&self, digest: &Digest) -> Vec<PathBuf> {
        self.path(digest).ancestors().skip(1).take(3).map(Path::to_owned).collect()
    }

    /// Waits until the names in one of those are on the disk.
    pub(crate) fn sync(&self, folder: &Path) -> io::Result<()> {
        self.disk.sync_folder(folder)
    }

    /// Removes a file. What is not there is no error.
    pub(crate) fn remove(&self, digest: &Digest) -> io::Result<()> {
        self.disk.remove(&self.path(digest))
    }

    /// All files that are named by a digest. Those named otherwise are not ours and stay.
    pub(crate) fn list(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for first in fs::read_dir(&self.root)? {
            for second in folders_in(&first?.path())? {
                for file in fs::read_dir(second)? {
                    let (file, name) = file.map(|file| (file.path(), file.file_name()))?;
                    let Some(digest) = digest_of(&name) else { continue };
                    let metadata = fs::metadata(file)?;
                    found.push(Found { digest, bytes: metadata.len(), written: metadata.modified()? });
                }
            }
        }
        Ok(found)
    }

    fn publish(&self, file: &mut DiskFile, digest: &Digest) -> io::Result<()> {
        let path = self.path(digest);
        let folders = path.parent().and_then(|second| Some((second.parent()?, second)));
        let (first, second) = folders.ok_or(io::ErrorKind::InvalidInput)?;
        self.disk.create_folder(first)?;
        self.disk.create_folder(second)?;
        self.disk.publish(file, &path)
    }
}

/// The digest that a file is named by.
fn digest_of(name: &OsStr) -> Option<Digest> {
    name.to_str().and_then(|name| name.parse().ok())
}

fn folders_in(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() || path.ends_with(TEMPORARY) || path.ends_with(PACKS) {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    entries.filter(|path| path.as_ref().map_or(true, |path| path.is_dir())).collect()
}

/// Copies to the end and returns the digest and the length of what went by.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut bytes, mut chunk) = (blake3::Hasher::new(), 0, vec![0; CHUNK_BYTES]);
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => return Ok((Digest(*hasher.finalize().as_bytes()), bytes)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&chunk[..read]);
        to.write_all(&chunk[..read])?;
        bytes += read as u64;
    }
}
