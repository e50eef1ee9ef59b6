//! A file as it comes.
//!
//! **Invariant:** it goes to the disk as it comes, beside the files that are kept, and is one of them only once all of it is
//! there.

use std::{fs, io};

use jiff::Timestamp;
use tempfile::NamedTempFile;
use tokio::{fs::File, io::AsyncWriteExt, task::spawn_blocking};

use super::{
    FileOwner, FilePurpose, GatewayFile, GatewayFiles, expiry,
    kept_files::{FILE_BYTES_MAX, FileRefused, FileRoom},
};
use crate::drawn_name::FileId;

/// The disk is asked how much it has free once so many bytes more were written.
const LOOK_BYTES: u64 = 16 * 1024 * 1024;

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

impl ArrivingFile {
    /// One of which nothing is here yet, and where it goes.
    pub(super) fn new(
        files: GatewayFiles,
        owner: FileOwner,
        (written, place): (File, NamedTempFile),
    ) -> Self {
        Self { files, owner, written, place: Some(place), bytes: 0 }
    }

    /// Takes what comes next of it.
    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), FileRefused> {
        let more = piece.len() as u64;
        if self.bytes.saturating_add(more) > FILE_BYTES_MAX {
            return Err(FileRefused::TooLong);
        }
        self.files.lock().take(self.owner, FileRoom { files: 0, bytes: more })?;
        let looked = self.bytes / LOOK_BYTES;
        self.bytes += more;
        if self.bytes / LOOK_BYTES != looked {
            self.files.check_disk(0)?;
        }
        Ok(self.written.write_all(piece).await?)
    }

    /// All of it is here, and is kept for so many seconds if that is said.
    pub(crate) async fn keep(
        mut self,
        purpose: FilePurpose,
        filename: String,
        lasts_s: Option<u32>,
    ) -> Result<GatewayFile, FileRefused> {
        self.written.flush().await?;
        self.written.sync_all().await?;
        let mut arrived = self;
        let kept = spawn_blocking(move || arrived.settle(purpose, filename, lasts_s));
        Ok(kept.await.map_err(io::Error::other)??)
    }

    fn settle(
        &mut self,
        purpose: FilePurpose,
        filename: String,
        lasts_s: Option<u32>,
    ) -> io::Result<GatewayFile> {
        let (id, owner, bytes, created) = (FileId::draw()?, self.owner, self.bytes, Timestamp::now());
        let expires = expiry(created, lasts_s);
        let card = GatewayFile { id, owner, purpose, filename, bytes, created, expires };
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
