//! Blobs over streams: a digest there; a byte and, if it says so, the blob as one frame back.
//!
//! A served blob goes from its file to the stream piece by piece. A fetched one is hashed as it arrives. Both ends end a
//! transfer that moves too slowly; one that is dropped ends at both.
//!
//! **Invariant:** a transfer that is going out holds a slot; one that came in has the digest that was asked for, and no
//! more bytes than were wanted are read.

use std::{fs::File, io, sync::Arc};

use assay_protocol::{
    codec::BLOB_BYTES_MAX,
    id::{Digest, PeerId},
};
use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::{io::AsyncReadExt as _, task::spawn_blocking};

use super::{
    BlobSource, Pace, Progress,
    event::{ExchangeFailure, FetchError},
    pace::Patience,
    slots::Slot,
    wire::CHUNK_BYTES,
};

const ABSENT: u8 = 0;
const FOUND: u8 = 1;
const BUSY: u8 = 2;

/// What comes back.
enum Transfer {
    /// Bytes, and their digest.
    Blob {
        bytes: Vec<u8>,
        digest: Digest,
    },
    /// The blob has more bytes than are wanted.
    TooLong {
        bytes: u64,
    },
    Absent,
    Busy,
}

/// Upload one blob to one peer.
pub(super) struct Upload {
    pub(super) source: Arc<dyn BlobSource>,
    pub(super) to: PeerId,
    /// None if there is too much to do.
    pub(super) slot: Option<Slot>,
    pub(super) pace: Pace,
}

/// Gets a blob of at most `bytes_max` bytes over a stream.
pub(super) async fn fetch(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    digest: Digest,
    bytes_max: u64,
    progress: &Progress,
    pace: Pace,
) -> Result<Vec<u8>, FetchError> {
    let mut patience = Patience::new(pace);
    let transferred = async {
        write_whole(&mut stream, digest.as_bytes(), &mut patience).await?;
        stream.flush().await?;
        read_transfer(&mut stream, bytes_max, progress, &mut patience).await
    };
    match transferred.await.map_err(|error| failure(&error))? {
        Transfer::Blob { bytes, digest: found } if found == digest => Ok(bytes),
        Transfer::Blob { .. } => Err(FetchError::Corrupt { digest }),
        Transfer::TooLong { bytes } => Err(FetchError::TooLong { digest, bytes, max: bytes_max }),
        Transfer::Absent => Err(FetchError::Absent { digest }),
        Transfer::Busy => Err(ExchangeFailure::Busy.into()),
    }
}

/// Answers on a stream that a peer opened, and gives the place back.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, serving: Upload) {
    let to = serving.to;
    if let Err(error) = answer(stream, serving).await {
        tracing::debug!(%to, %error, "a blob was not served to the end");
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, serving: Upload) -> io::Result<()> {
    let Upload { source, to, slot, pace } = serving;
    let mut patience = Patience::new(pace);
    if slot.is_none() {
        write_whole(&mut stream, &[BUSY], &mut patience).await?;
        return close(&mut stream, &mut patience).await;
    }
    let mut digest = [0; 32];
    patience.wait(read_whole(&mut stream, &mut digest)).await?;
    let opened = spawn_blocking(move || source.open(&Digest(digest), &to)).await;
    match with_length(opened.ok().flatten()).await? {
        Some((file, length)) => write_file(&mut stream, file, length, &mut patience).await?,
        None => write_whole(&mut stream, &[ABSENT], &mut patience).await?,
    }
    close(&mut stream, &mut patience).await
}

async fn read_transfer(
    io: &mut (impl AsyncRead + Unpin),
    bytes_max: u64,
    progress: &Progress,
    patience: &mut Patience,
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
    let length = u32::from_le_bytes(prefix);
    if u64::from(length) > bytes_max {
        return Ok(Transfer::TooLong { bytes: u64::from(length) });
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
        progress.add(read as u64);
    }
    Ok(Transfer::Blob { bytes, digest: Digest(*hasher.finalize().as_bytes()) })
}

async fn write_file(
    io: &mut (impl AsyncWrite + Unpin),
    mut file: tokio::fs::File,
    length: u32,
    patience: &mut Patience,
) -> io::Result<()> {
    write_whole(io, &[FOUND], patience).await?;
    write_whole(io, &length.to_le_bytes(), patience).await?;
    let (mut rest, mut chunk) = (length as usize, vec![0; CHUNK_BYTES]);
    while rest > 0 {
        let read = file.read(&mut chunk).await?.min(rest);
        if read == 0 {
            // The file became shorter. The stream breaks off, and the other side sees that bytes are missing.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        write_whole(io, &chunk[..read], patience).await?;
        rest -= read;
    }
    Ok(())
}

/// The file and its length, unless it is too long to be transferred.
async fn with_length(file: Option<File>) -> io::Result<Option<(tokio::fs::File, u32)>> {
    let Some(file) = file.map(tokio::fs::File::from_std) else { return Ok(None) };
    let bytes = file.metadata().await?.len();
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= BLOB_BYTES_MAX as u64);
    Ok(length.map(|length| (file, length)))
}

async fn read_whole(io: &mut (impl AsyncRead + Unpin), into: &mut [u8]) -> io::Result<usize> {
    io.read_exact(into).await.map(|()| into.len())
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

async fn close(io: &mut (impl AsyncWrite + Unpin), patience: &mut Patience) -> io::Result<()> {
    patience.wait(async { io.close().await.map(|()| 0) }).await.map(drop)
}

fn failure(error: &io::Error) -> ExchangeFailure {
    if error.kind() == io::ErrorKind::TimedOut { ExchangeFailure::TimedOut } else { ExchangeFailure::Broken }
}

#[cfg(test)]
mod tests;
