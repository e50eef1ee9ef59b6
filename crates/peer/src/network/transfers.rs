//! The carrier of blobs: a digest there; a byte and, if it says so, the blob as one frame back.
//!
//! A served blob goes from its file to the stream piece by piece. A fetched one is hashed as it arrives.
//!
//! **Invariant:** a transfer that is going out holds a slot; one that came in carries the digest of the bytes it has.

use std::{fs::File, io};

use assay_protocol::id::Digest;
use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    request_response,
};
use tokio::io::AsyncReadExt as _;

use super::{
    BLOB_BYTES_MAX,
    slots::Slot,
    wire::{CHUNK_BYTES, length_prefix, read_byte, read_frame_with},
};

const ABSENT: u8 = 0;
const FOUND: u8 = 1;
const BUSY: u8 = 2;

/// What comes back.
#[derive(Debug)]
pub(super) enum Transfer {
    /// Ours, still on the disk.
    File {
        file: File,
        _slot: Slot,
    },
    /// The other peer's bytes, and their digest.
    Blob {
        bytes: Vec<u8>,
        digest: Digest,
    },
    Absent,
    Busy,
}

/// The bytes of requests for blobs, and of blobs.
#[derive(Clone, Default)]
pub(super) struct Codec;

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Digest;
    type Response = Transfer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Digest>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut digest = [0; 32];
        io.read_exact(&mut digest).await?;
        Ok(Digest(digest))
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Transfer>
    where
        T: AsyncRead + Unpin + Send,
    {
        match read_byte(io).await? {
            FOUND => {
                let mut hasher = blake3::Hasher::new();
                let hash = |part: &[u8]| {
                    hasher.update(part);
                };
                let bytes = read_frame_with(io, BLOB_BYTES_MAX, hash).await?;
                Ok(Transfer::Blob { bytes, digest: Digest(*hasher.finalize().as_bytes()) })
            }
            ABSENT => Ok(Transfer::Absent),
            BUSY => Ok(Transfer::Busy),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, digest: Digest) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(digest.as_bytes()).await
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
            Transfer::File { file, _slot } => write_file(io, file).await,
            Transfer::Busy => io.write_all(&[BUSY]).await,
            Transfer::Absent | Transfer::Blob { .. } => io.write_all(&[ABSENT]).await,
        }
    }
}

async fn write_file(io: &mut (impl AsyncWrite + Unpin + Send), file: File) -> io::Result<()> {
    let mut file = tokio::fs::File::from_std(file);
    let mut rest = file.metadata().await?.len();
    if rest > BLOB_BYTES_MAX as u64 {
        return io.write_all(&[ABSENT]).await;
    }
    io.write_all(&[FOUND]).await?;
    io.write_all(&length_prefix(rest)?).await?;
    let mut chunk = vec![0; CHUNK_BYTES];
    while rest > 0 {
        let read = file.read(&mut chunk).await?.min(usize::try_from(rest).unwrap_or(usize::MAX));
        if read == 0 {
            // The file became shorter. The stream breaks off, and the other side sees that bytes are missing.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        io.write_all(&chunk[..read]).await?;
        rest -= read as u64;
    }
    Ok(())
}
