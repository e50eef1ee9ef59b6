//! The carrier of blobs: a digest there; a byte and, if it says so, the blob as one frame back.
//!
//! A served blob goes from its file to the stream piece by piece. A fetched one is hashed as it arrives. Both ends end a
//! transfer that moves too slowly, and the fetching end one that nobody waits for any more: its stream is reset, and the
//! serving end sees that.
//!
//! **Invariant:** a transfer that is going out holds a slot; one that came in carries the digest of the bytes it has, and
//! no more of them than were wanted.

use std::{fmt, io, sync::Arc, time::Duration};

use assay_protocol::id::{Digest, PeerId};
use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    request_response,
};
use tokio::{io::AsyncReadExt as _, sync::Notify, task::spawn_blocking};

use super::{
    BLOB_BYTES_MAX, BlobSource, Pace, Progress,
    pace::Patience,
    slots::Slot,
    wire::{CHUNK_BYTES, length_prefix, read_exact},
};

const ABSENT: u8 = 0;
const FOUND: u8 = 1;
const BUSY: u8 = 2;

/// What is asked for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) digest: Digest,
    /// What this end knows of its own request.
    pub(super) wanted: Arc<Wanted>,
}

/// A blob that somebody here waits for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The most bytes that it may have.
    pub(super) bytes_max: u64,
    /// How many have arrived.
    progress: Progress,
    /// Told when nobody waits any more.
    given_up: Notify,
}

/// What comes back.
#[derive(Debug)]
pub(super) enum Transfer {
    /// Ours, if it is here and the peer may have it.
    Served(Served),
    /// The other peer's bytes, and their digest.
    Blob {
        bytes: Vec<u8>,
        digest: Digest,
    },
    /// The other peer's blob has more bytes than are wanted.
    TooLong {
        bytes: u64,
    },
    Absent,
    Busy,
}

/// A blob that goes out.
pub(super) struct Served {
    pub(super) source: Arc<dyn BlobSource>,
    pub(super) digest: Digest,
    pub(super) to: PeerId,
    pub(super) slot: Slot,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("digest", &self.digest)
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

impl Wanted {
    pub(super) fn new(bytes_max: u64, progress: Progress) -> Self {
        Self { bytes_max, progress, given_up: Notify::new() }
    }

    /// Nobody waits for it any more.
    pub(super) fn give_up(&self) {
        self.given_up.notify_one();
    }

    /// Does one thing for it, unless nobody waits.
    async fn while_wanted<T>(&self, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        tokio::select! {
            biased;
            () = self.given_up.notified() => Err(io::ErrorKind::Interrupted.into()),
            done = work => done,
        }
    }
}

/// The longest that a transfer can take at this pace.
pub(super) fn wait_max(pace: Pace) -> Duration {
    Duration::from_secs(BLOB_BYTES_MAX as u64 / u64::from(pace.bytes_per_second_min.max(1))) + 3 * pace.grace
}

/// The bytes of requests for blobs, and of blobs. There is one for each stream.
#[derive(Clone)]
pub(super) struct Codec {
    pace: Pace,
    /// What this stream's request was for, once it was sent.
    wanted: Arc<Wanted>,
}

impl Codec {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, wanted: Arc::default() }
    }
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Transfer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut digest = [0; 32];
        read_exact(io, &mut digest).await?;
        Ok(Request { digest: Digest(digest), wanted: Arc::default() })
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Transfer>
    where
        T: AsyncRead + Unpin + Send,
    {
        let wanted = Arc::clone(&self.wanted);
        wanted.while_wanted(read_transfer(io, &wanted, Patience::new(self.pace))).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Request) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let Request { digest, wanted } = request;
        self.wanted = Arc::clone(&wanted);
        wanted.while_wanted(io.write_all(digest.as_bytes())).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        transfer: Transfer,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match transfer {
            Transfer::Served(served) => serve(io, served, Patience::new(self.pace)).await,
            Transfer::Busy => io.write_all(&[BUSY]).await,
            Transfer::Absent | Transfer::Blob { .. } | Transfer::TooLong { .. } => {
                io.write_all(&[ABSENT]).await
            }
        }
    }
}

async fn read_transfer(
    io: &mut (impl AsyncRead + Unpin + Send),
    wanted: &Wanted,
    mut patience: Patience,
) -> io::Result<Transfer> {
    let mut said = [0];
    patience.wait(read_whole(io, &mut said)).await?;
    match said[0] {
        FOUND => {}
        ABSENT => return Ok(Transfer::Absent),
        BUSY => return Ok(Transfer::Busy),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    }
    let mut prefix = [0; 4];
    patience.wait(read_whole(io, &mut prefix)).await?;
    let length = u64::from(u32::from_le_bytes(prefix));
    if length > wanted.bytes_max {
        return Ok(Transfer::TooLong { bytes: length });
    }
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?;
    let (mut bytes, mut hasher) = (Vec::new(), blake3::Hasher::new());
    while bytes.len() < length {
        let filled = bytes.len();
        bytes.resize(length.min(filled + CHUNK_BYTES), 0);
        let read = patience.wait(io.read(&mut bytes[filled..])).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(filled + read);
        hasher.update(&bytes[filled..]);
        wanted.progress.add(read as u64);
    }
    Ok(Transfer::Blob { bytes, digest: Digest(*hasher.finalize().as_bytes()) })
}

async fn read_whole(io: &mut (impl AsyncRead + Unpin), into: &mut [u8]) -> io::Result<usize> {
    io.read_exact(into).await.map(|()| into.len())
}

async fn serve(
    io: &mut (impl AsyncWrite + Unpin + Send),
    served: Served,
    mut patience: Patience,
) -> io::Result<()> {
    let Served { source, digest, to, slot: _slot } = served;
    let opened = spawn_blocking(move || source.open(&digest, &to)).await;
    let file = opened.ok().flatten().map(tokio::fs::File::from_std);
    let Some((mut file, mut rest)) = with_length(file).await? else {
        return io.write_all(&[ABSENT]).await;
    };
    write_whole(io, &[FOUND], &mut patience).await?;
    write_whole(io, &length_prefix(rest)?, &mut patience).await?;
    let mut chunk = vec![0; CHUNK_BYTES];
    while rest > 0 {
        let read = file.read(&mut chunk).await?.min(usize::try_from(rest).unwrap_or(usize::MAX));
        if read == 0 {
            // The file became shorter. The stream breaks off, and the other side sees that bytes are missing.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        write_whole(io, &chunk[..read], &mut patience).await?;
        rest -= read as u64;
    }
    Ok(())
}

/// The file and its length, unless it is too long to be transferred.
async fn with_length(file: Option<tokio::fs::File>) -> io::Result<Option<(tokio::fs::File, u64)>> {
    let Some(file) = file else { return Ok(None) };
    let bytes = file.metadata().await?.len();
    Ok((bytes <= BLOB_BYTES_MAX as u64).then_some((file, bytes)))
}

async fn write_whole(
    io: &mut (impl AsyncWrite + Unpin),
    mut bytes: &[u8],
    patience: &mut Patience,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match patience.wait(io.write(bytes)).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => bytes = &bytes[written..],
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
