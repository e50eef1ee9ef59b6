//! Blobs that arrive in pieces, straight to the disk.
//!
//! What has arrived of one stays when its source is lost or the process ends; it is proven again before it goes on.
//!
//! **Invariant:** of one blob there is at most one arrival, and its room is promised as long as that lives; whatever lies
//! before its end on the disk is proven.

use std::{
    collections::HashSet,
    fs,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    sync::PoisonError,
};

use assay_protocol::id::Digest;

use super::{BlobError, Blobs, proofs::Stamp};
use crate::{
    disk::DiskFile,
    pieces::{BlobPieces, PIECE_BYTES},
};

/// Bytes that a blob which arrives leaves free on the disk.
const FREE_BYTES_LEFT: u64 = 256 << 20;

/// The blobs that arrive now.
#[derive(Default)]
pub(super) struct Arrivals {
    under_way: HashSet<Digest>,
}

/// A blob that arrives. Dropped, it leaves what has come of it for the next one.
pub(crate) struct BlobArrival {
    blobs: Blobs,
    digest: Digest,
    pieces: BlobPieces,
    part: BlobPart,
    end: ArrivalEnd,
}

/// How an arrival ends, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArrivalEnd {
    /// Its source is lost: what is here stays for the next one.
    Lost,
    /// The disk failed: what is here goes, for it may be full.
    Spoilt,
    /// It is all here, and has its place.
    Settled,
}

/// What is here of it.
struct BlobPart {
    file: DiskFile,
    /// How many pieces are here.
    pieces: u64,
}

impl Blobs {
    /// Makes room for a blob of these pieces, and goes on with what is here of it. Waits until nobody else does.
    pub(crate) fn arrive(&self, digest: Digest, pieces: BlobPieces) -> Result<BlobArrival, BlobError> {
        let mut state = self.state();
        while !state.arrivals.under_way.insert(digest) {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let part = state.quota.forget_part(&digest);
        drop(state);
        let begun = self.has_room(pieces.bytes(), part).and_then(|()| {
            let begun = self.begin(&digest, &pieces);
            begun.inspect_err(|_| self.state().quota.redeem(pieces.bytes())).map_err(BlobError::Disk)
        });
        match begun {
            Ok(part) => Ok(BlobArrival { blobs: self.clone(), digest, pieces, part, end: ArrivalEnd::Lost }),
            Err(error) => {
                match part {
                    // An empty file may have been made; one that cannot be removed is swept at the next start.
                    0 => drop(self.folder.remove_part(&digest)),
                    _ => self.state().quota.note_part(digest, part),
                }
                self.end_arrival(&digest);
                Err(error)
            }
        }
    }

    /// Promises room in the quota, once the disk has it too: what a model takes must be left for what a peer cannot do
    /// without.
    pub(super) fn has_room(&self, bytes: u64, part: u64) -> Result<(), BlobError> {
        let need = bytes.saturating_sub(part).saturating_add(FREE_BYTES_LEFT);
        let free = || self.folder.free_bytes().unwrap_or(u64::MAX);
        // What cannot fit anyway makes nothing go.
        let (before, may_go) = (free(), self.total_bytes());
        if before.saturating_add(may_go) < need {
            return Err(BlobError::DiskFull { need, free: before });
        }
        self.make_room(bytes)?;
        let after = free();
        if after < need {
            self.state().quota.redeem(bytes);
            return Err(BlobError::DiskFull { need, free: after });
        }
        Ok(())
    }

    /// Opens what is here of a blob, and cuts off what is not proven.
    fn begin(&self, digest: &Digest, pieces: &BlobPieces) -> io::Result<BlobPart> {
        let mut file = self.folder.open_part(digest)?;
        let (mut here, mut piece) = (0, Vec::new());
        while here < pieces.count() {
            piece.clear();
            (&mut file).take(PIECE_BYTES).read_to_end(&mut piece)?;
            if !pieces.proves(here, &piece) {
                break;
            }
            here += 1;
        }
        let end = pieces.range(here).start;
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(BlobPart { file, pieces: here })
    }

    fn end_arrival(&self, digest: &Digest) {
        self.state().arrivals.under_way.remove(digest);
        self.ended.notify_all();
    }
}

impl BlobArrival {
    /// The piece that comes next; as many are here.
    pub(crate) fn next(&self) -> u64 {
        self.part.pieces
    }

    /// Puts the next piece behind the others. It was proven.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Result<(), BlobError> {
        let written = self.part.file.write_all(piece);
        self.part.pieces += u64::from(written.is_ok());
        if written.is_err() {
            self.end = ArrivalEnd::Spoilt;
        }
        Ok(written?)
    }

    /// The last piece is here: the blob is.
    ///
    /// # Panics
    /// If it is not.
    pub(crate) fn settle(mut self) -> Result<(), BlobError> {
        assert_eq!(self.part.pieces, self.pieces.count(), "a piece of {} is missing", self.digest);
        let ended = self.blobs.folder.end_part(&mut self.part.file, &self.digest);
        self.end = if ended.is_ok() { ArrivalEnd::Settled } else { ArrivalEnd::Spoilt };
        Ok(ended?)
    }
}

impl Drop for BlobArrival {
    fn drop(&mut self) {
        let here = self.pieces.range(self.part.pieces).start;
        let stays = self.end == ArrivalEnd::Lost && here > 0 && !self.blobs.contains(&self.digest);
        if self.end != ArrivalEnd::Settled
            && !stays
            && let Err(error) = self.blobs.folder.remove_part(&self.digest)
        {
            tracing::debug!(digest = %self.digest, %error, "what has come of a blob cannot be removed");
        }
        // Its bytes were proven as they came.
        let file = fs::metadata(self.blobs.folder.path(&self.digest));
        let stamp = file.ok().and_then(|file| Stamp::of(&file));
        let state = &mut *self.blobs.state();
        state.quota.redeem(self.pieces.bytes());
        if self.end == ArrivalEnd::Settled {
            state.quota.add(self.digest, self.pieces.bytes());
            state.proofs.note(self.digest, stamp, self.pieces.clone());
        } else if stays {
            state.quota.note_part(self.digest, here);
        }
        state.arrivals.under_way.remove(&self.digest);
        self.blobs.ended.notify_all();
    }
}

#[cfg(test)]
mod tests;
