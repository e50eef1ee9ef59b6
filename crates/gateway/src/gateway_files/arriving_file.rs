//! A file as it comes.
//!
//! **Invariant:** it goes to the disk as it comes, beside the files that are kept, and is one of them only once all of it is
//! there.

use std::{fs, io, sync::PoisonError};

use assay_protocol::{codec, id::Digest};
use jiff::Timestamp;
use tempfile::NamedTempFile;
use tokio::{fs::File, io::AsyncWriteExt, task::spawn_blocking};

use super::{
    FileOwner, FilePurpose, GatewayFile, GatewayFiles, expiry,
    kept_files::{FILE_BYTES_MAX, FileRefused, FileRoom},
};
use crate::{asked_once::OnceHead, drawn_name::FileId};

/// The disk is asked how much it has free once so many bytes more were written.
const LOOK_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes of which the digest of a file is made at a time.
const BLOCK_BYTES: usize = 64 * 1024;

/// A file that is coming. Dropped, nothing of it is kept.
#[derive(Debug)]
pub(crate) struct ArrivingFile {
    files: GatewayFiles,
    owner: FileOwner,
    head: OnceHead,
    written: Option<File>,
    /// None once it is kept, and where one of before is there already.
    place: Option<NamedTempFile>,
    pub(super) bytes: u64,
    content: PieceDigest,
}

/// What bytes are called that come piece by piece, however they are cut.
#[derive(Debug, Default)]
struct PieceDigest {
    before: Digest,
    block: Vec<u8>,
}

impl ArrivingFile {
    /// One of which nothing is here yet, and where it goes, unless it was here before.
    pub(super) fn new(
        files: GatewayFiles,
        (owner, head): (FileOwner, OnceHead),
        place: Option<(File, NamedTempFile)>,
    ) -> Self {
        let (written, place) = place.unzip();
        Self { files, owner, head, written, place, bytes: 0, content: PieceDigest::default() }
    }

    /// Takes what comes next of it.
    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), FileRefused> {
        let more = piece.len() as u64;
        if self.bytes.saturating_add(more) > FILE_BYTES_MAX {
            return Err(FileRefused::TooLong);
        }
        let Some(written) = &mut self.written else {
            self.bytes += more;
            self.content.take(piece);
            return Ok(());
        };
        self.files.lock().take(self.owner, FileRoom { files: 0, bytes: more })?;
        let looked = self.bytes / LOOK_BYTES;
        self.bytes += more;
        self.content.take(piece);
        if self.bytes / LOOK_BYTES != looked {
            self.files.check_disk(0)?;
        }
        Ok(written.write_all(piece).await?)
    }

    /// All of it is here, and is kept for so many seconds if that is said. Where its request has uploaded it before, that is it.
    pub(crate) async fn keep(
        mut self,
        purpose: FilePurpose,
        filename: String,
        lasts_s: Option<u32>,
    ) -> Result<GatewayFile, FileRefused> {
        if let Some(written) = &mut self.written {
            written.flush().await?;
            written.sync_all().await?;
        }
        let mut arrived = self;
        let kept = spawn_blocking(move || arrived.settle(purpose, filename, lasts_s));
        kept.await.map_err(io::Error::other)?
    }

    fn settle(
        &mut self,
        purpose: FilePurpose,
        filename: String,
        lasts_s: Option<u32>,
    ) -> Result<GatewayFile, FileRefused> {
        let said = (purpose.word(), filename.as_str(), lasts_s, self.content.end());
        let once = self.head.asks(codec::digest("file", &said));
        let files = self.files.clone();
        let _settling = files.0.settling.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = files.lock().asked_before(self.owner, &once)? {
            return Ok(before);
        }
        let (id, owner, bytes, created) = (FileId::draw()?, self.owner, self.bytes, Timestamp::now());
        let expires = expiry(created, lasts_s);
        let card = GatewayFile { id, owner, purpose, filename, bytes, created, expires, once };
        // Where it was only held against one of before, that was deleted meanwhile.
        let Some(place) = self.place.take() else {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        };
        let persisted = place.persist(files.path(id)).map_err(|error| error.error);
        if let Err(error) = persisted.and_then(|_| files.write_card(&card)) {
            let _ = fs::remove_file(files.path(id));
            files.lock().give(owner, FileRoom { files: 1, bytes });
            return Err(error.into());
        }
        files.lock().keep(card.clone(), FileRoom { files: 1, bytes });
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

impl PieceDigest {
    fn take(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let (now, later) = piece.split_at(piece.len().min(BLOCK_BYTES - self.block.len()));
            self.block.extend_from_slice(now);
            piece = later;
            if self.block.len() == BLOCK_BYTES {
                self.fold();
            }
        }
    }

    /// What all of them are called.
    fn end(&mut self) -> Digest {
        self.fold();
        self.before
    }

    fn fold(&mut self) {
        self.before = codec::digest("file block", &(self.before, Digest::of(&self.block)));
        self.block.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bytes_are_called_says_nothing_of_how_they_came() {
        let bytes: Vec<u8> = (0..3 * BLOCK_BYTES).map(|place| (place % 251) as u8).collect();
        let name = |bytes: &[u8], length: usize| {
            let mut digest = PieceDigest::default();
            bytes.chunks(length).for_each(|piece| digest.take(piece));
            digest.end()
        };
        let whole = name(&bytes, bytes.len());
        for length in [1, 7, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1] {
            assert_eq!(name(&bytes, length), whole, "{length}");
        }
        assert_ne!(name(&bytes[1..], 7), whole);
        assert_ne!(name(&bytes[..2 * BLOCK_BYTES], 7), whole);
        assert_ne!(name(&[], 1), name(&[0], 1));
    }
}
