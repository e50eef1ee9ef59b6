//! Blobs over streams: a digest and a number there; a byte and, if it says so, the values of the blob's pieces and then the
//! pieces from that number on back.
//!
//! A served blob goes from its file to the stream piece by piece. What is fetched is proven piece by piece as it arrives,
//! and handed on. Both ends end a transfer that moves too slowly; one that is dropped ends at both.
//!
//! **Invariant:** a transfer that is going out holds a slot; a piece is handed on only if it is that piece of the blob that
//! was asked for, and nothing of a longer blob than was wanted is read.

use std::{io, sync::Arc};

use assay_protocol::id::{Digest, PeerId};
use blake3::OUT_LEN;
use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::{
    io::{AsyncReadExt as _, AsyncSeekExt as _},
    sync::mpsc,
    task::spawn_blocking,
};

use super::{
    BlobSource, Pace, Progress,
    event::{ExchangeFailure, FetchError},
    pace::Patience,
    slots::Asker,
    wire::CHUNK_BYTES,
};
use crate::pieces::{self, BlobPieces, ServedBlob};

const ABSENT: u8 = 0;
const FOUND: u8 = 1;
const BUSY: u8 = 2;

/// The number of a piece that no blob has: whoever asks from there on is given the last one, and knows by that at which height of
/// the tree the values lie and how long the blob is.
const LAST_PIECE: u64 = u64::MAX;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlobWish {
    pub(super) digest: Digest,
    /// The most bytes that it may have.
    pub(super) bytes_max: u64,
    pub(super) pace: Pace,
}

/// Upload one blob to one peer.
pub(super) struct Upload {
    pub(super) source: Arc<dyn BlobSource>,
    pub(super) to: PeerId,
    /// None if there is too much to do.
    pub(super) asker: Option<Asker>,
    pub(super) pace: Pace,
}

/// Gets a blob whole.
pub(super) async fn fetch(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    asked: BlobWish,
    progress: &Progress,
) -> Result<Vec<u8>, FetchError> {
    let (mut reader, pieces) = Download::begin(stream, asked, 0).await?;
    let mut bytes = Vec::new();
    for piece in 0..pieces.count() {
        let filled = bytes.len();
        reader.read_piece(&pieces, piece, progress, &mut bytes).await?;
        if !pieces.proves(piece, &bytes[filled..]) {
            return Err(FetchError::Corrupt { digest: asked.digest });
        }
    }
    Ok(bytes)
}

/// Asks what pieces a blob has. Values of another height of its tree join to its digest as well; that they are those of pieces,
/// and that the blob is as long as it is said to be, shows the last piece, whose place and length are in its value.
pub(super) async fn ask_pieces(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    asked: BlobWish,
) -> Result<BlobPieces, FetchError> {
    let (mut reader, pieces) = Download::begin(stream, asked, LAST_PIECE).await?;
    let (last, mut bytes) = (pieces.count() - 1, Vec::new());
    reader.read_piece(&pieces, last, &Progress::default(), &mut bytes).await?;
    if pieces.proves(last, &bytes) { Ok(pieces) } else { Err(FetchError::Corrupt { digest: asked.digest }) }
}

/// Gets the pieces of a blob from the one at `first` on, one after the other.
pub(super) async fn fetch_pieces(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    asked: BlobWish,
    pieces: &BlobPieces,
    first: u64,
    progress: &Progress,
    into: mpsc::Sender<Vec<u8>>,
) -> Result<(), FetchError> {
    let (mut reader, said) = Download::begin(stream, asked, first).await?;
    let corrupt = FetchError::Corrupt { digest: asked.digest };
    if said != *pieces {
        return Err(corrupt);
    }
    progress.add(pieces.range(first).start);
    for piece in first..pieces.count() {
        let mut bytes = Vec::new();
        reader.read_piece(pieces, piece, progress, &mut bytes).await?;
        if !pieces.proves(piece, &bytes) {
            return Err(corrupt);
        }
        // Nobody takes it: the disk failed, and whoever has it says so.
        into.send(bytes).await.map_err(|_| ExchangeFailure::Closed)?;
    }
    Ok(())
}

/// The end of a stream at which a blob arrives.
struct Download<S> {
    stream: S,
    patience: Patience,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Download<S> {
    /// Asks for the pieces of a blob from one on, and reads what they all are.
    async fn begin(stream: S, asked: BlobWish, first: u64) -> Result<(Self, BlobPieces), FetchError> {
        let BlobWish { digest, bytes_max, pace } = asked;
        let mut begun = Self { stream, patience: Patience::new(pace) };
        let said = begun.ask(digest, first).await.map_err(|error| failure(&error))?;
        match said {
            FOUND => {}
            ABSENT => return Err(FetchError::Absent { digest }),
            BUSY => return Err(ExchangeFailure::Busy.into()),
            _ => return Err(ExchangeFailure::Broken.into()),
        }
        let bytes = begun.read_number().await.map_err(|error| failure(&error))?;
        if bytes > bytes_max {
            return Err(FetchError::TooLong { digest, bytes, max: bytes_max });
        }
        let values = begun.read_values(pieces::count(bytes)).await.map_err(|error| failure(&error))?;
        let pieces = BlobPieces::proven(&digest, bytes, values).ok_or(FetchError::Corrupt { digest })?;
        Ok((begun, pieces))
    }

    /// Sends a question, and says the byte that comes back.
    async fn ask(&mut self, digest: Digest, first: u64) -> io::Result<u8> {
        let question = [&digest.as_bytes()[..], &first.to_le_bytes()].concat();
        self.patience.write(&mut self.stream, &question).await?;
        self.stream.flush().await?;
        let mut said = [0];
        self.patience.wait(read_whole(&mut self.stream, &mut said)).await?;
        Ok(said[0])
    }

    async fn read_number(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.patience.wait(read_whole(&mut self.stream, &mut bytes)).await?;
        Ok(u64::from_le_bytes(bytes))
    }

    async fn read_values(&mut self, count: u64) -> io::Result<Vec<[u8; OUT_LEN]>> {
        let mut values = Vec::new();
        for _ in 0..count {
            let mut value = [0; OUT_LEN];
            self.patience.wait(read_whole(&mut self.stream, &mut value)).await?;
            values.push(value);
        }
        Ok(values)
    }

    /// Reads one piece behind what is in `into`.
    async fn read_piece(
        &mut self,
        pieces: &BlobPieces,
        piece: u64,
        progress: &Progress,
        into: &mut Vec<u8>,
    ) -> Result<(), FetchError> {
        let range = pieces.range(piece);
        let length = usize::try_from(range.end - range.start).map_err(|_| ExchangeFailure::Broken)?;
        let mut filled = into.len();
        let end = filled + length;
        into.resize(end, 0);
        while filled < end {
            let read = self.patience.wait(self.stream.read(&mut into[filled..])).await;
            match read.map_err(|error| failure(&error))? {
                0 => return Err(ExchangeFailure::Broken.into()),
                read => {
                    progress.add(read as u64);
                    filled += read;
                }
            }
        }
        Ok(())
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
    let Upload { source, to, asker, pace } = serving;
    let mut patience = Patience::new(pace);
    let Some(asker) = asker else { return refuse(&mut stream, BUSY, &mut patience).await };
    let (mut digest, mut first) = ([0; 32], [0; 8]);
    patience.wait(read_whole(&mut stream, &mut digest)).await?;
    patience.wait(read_whole(&mut stream, &mut first)).await?;
    let Some(slot) = asker.enter() else { return refuse(&mut stream, BUSY, &mut patience).await };
    let opened = spawn_blocking(move || source.open(&Digest(digest), &to)).await;
    let Some(served) = opened.ok().flatten() else {
        // Who is given nothing needs no place, however slowly it hears that.
        drop(slot);
        return refuse(&mut stream, ABSENT, &mut patience).await;
    };
    write_file(&mut stream, served, u64::from_le_bytes(first), &mut patience).await?;
    close(&mut stream, &mut patience).await
}

/// Says why nothing is served, and ends.
async fn refuse(io: &mut (impl AsyncWrite + Unpin), why: u8, patience: &mut Patience) -> io::Result<()> {
    patience.write(io, &[why]).await?;
    close(io, patience).await
}

/// Says what pieces there are, and then those from `first` on.
async fn write_file(
    io: &mut (impl AsyncWrite + Unpin),
    served: ServedBlob,
    first: u64,
    patience: &mut Patience,
) -> io::Result<()> {
    let ServedBlob { file, pieces } = served;
    let mut said = vec![FOUND];
    said.extend(pieces.bytes().to_le_bytes());
    said.extend(pieces.values().iter().flatten());
    patience.write(io, &said).await?;
    let first = first.min(pieces.count() - 1);
    let (mut file, start) = (tokio::fs::File::from_std(file), pieces.range(first).start);
    file.seek(io::SeekFrom::Start(start)).await?;
    let (mut rest, mut chunk) = (pieces.bytes() - start, vec![0; CHUNK_BYTES]);
    while rest > 0 {
        let wanted = CHUNK_BYTES.min(usize::try_from(rest).unwrap_or(usize::MAX));
        let read = file.read(&mut chunk[..wanted]).await?;
        if read == 0 {
            // The file became shorter. The stream breaks off, and the other side sees that bytes are missing.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        patience.write(io, &chunk[..read]).await?;
        rest -= read as u64;
    }
    Ok(())
}

async fn read_whole(io: &mut (impl AsyncRead + Unpin), into: &mut [u8]) -> io::Result<usize> {
    io.read_exact(into).await.map(|()| into.len())
}

async fn close(io: &mut (impl AsyncWrite + Unpin), patience: &mut Patience) -> io::Result<()> {
    patience.wait(async { io.close().await.map(|()| 0) }).await.map(drop)
}

fn failure(error: &io::Error) -> ExchangeFailure {
    if error.kind() == io::ErrorKind::TimedOut { ExchangeFailure::TimedOut } else { ExchangeFailure::Broken }
}

#[cfg(test)]
mod race;
#[cfg(test)]
mod tests;
