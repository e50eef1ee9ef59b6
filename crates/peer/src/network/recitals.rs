//! Speeches over streams: a job and a number there; a byte, and if it says so all that its run writes from that byte on back,
//! in frames, as it is written. Whoever asks before the run has begun asks again: nobody waits here for that.
//!
//! A frame is a length of four bytes, little-endian, and as many bytes; one of no bytes is the end. A stream that ends
//! without it broke off.
//!
//! **Invariant:** a speech that is going out holds a slot for as long as its listener is there, and no longer; a frame is as
//! long as is said below at most.

use std::{io, time::Duration};

use assay_protocol::{
    codec::BLOB_BYTES_MAX,
    id::{Digest, JobId, PeerId},
};
use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::{select, time::timeout};

use super::{Pace, event::ExchangeFailure, pace::Patience, slots::Asker, wire::read_exact};
use crate::speech::{SpeechListener, SpeechPart, Speeches};

/// Bytes in the longest frame.
const FRAME_BYTES_MAX: usize = 16 * 1024;
/// How long a peer may take to say whether it speaks.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

const SILENT: u8 = 0;
const SPEAKS: u8 = 1;
const BUSY: u8 = 2;

/// What is written for a peer, as it hears it.
pub(crate) struct SpeechReader<S> {
    stream: S,
    heard: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> SpeechReader<S> {
    /// Asks for what a run writes, from one byte on; nothing, if it does not run, or not for this peer.
    pub(super) async fn begin(
        mut stream: S,
        job: &JobId,
        from: u64,
    ) -> Result<Option<Self>, ExchangeFailure> {
        let question = [&job.as_bytes()[..], &from.to_le_bytes()].concat();
        let mut said = [0];
        let asked = timeout(ANSWER_WAIT_MAX, async {
            stream.write_all(&question).await?;
            stream.flush().await?;
            stream.read_exact(&mut said).await
        });
        asked.await.map_err(|_| ExchangeFailure::TimedOut)?.map_err(|_| ExchangeFailure::Broken)?;
        match said[0] {
            SPEAKS => Ok(Some(Self { stream, heard: 0 })),
            SILENT => Ok(None),
            BUSY => Err(ExchangeFailure::Busy),
            _ => Err(ExchangeFailure::Broken),
        }
    }

    /// What is written next, however long that takes; nothing once that was all.
    ///
    /// # Errors
    /// [`ExchangeFailure::Broken`], if it broke off, or became longer than any output.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, ExchangeFailure> {
        let frame = self.read_frame().await.map_err(|_| ExchangeFailure::Broken)?;
        self.heard += frame.len();
        if self.heard > BLOB_BYTES_MAX {
            return Err(ExchangeFailure::Broken);
        }
        Ok(Some(frame).filter(|frame| !frame.is_empty()))
    }

    async fn read_frame(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        // A model may think for minutes. Whether somebody is there at all, the connection finds out.
        self.stream.read_exact(&mut length).await?;
        let length = u32::from_le_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut frame = vec![0; length];
        read_exact(&mut self.stream, &mut frame).await?;
        Ok(frame)
    }
}

/// Recite to one peer.
pub(super) struct Reciting {
    pub(super) speeches: Speeches,
    pub(super) to: PeerId,
    /// None if there is too much to do.
    pub(super) asker: Option<Asker>,
    pub(super) pace: Pace,
}

/// Answers on a stream that a peer opened, and gives the place back.
pub(super) async fn recite(stream: impl AsyncRead + AsyncWrite + Unpin, reciting: Reciting) {
    let to = reciting.to;
    if let Err(error) = answer(stream, reciting).await {
        tracing::debug!(%to, %error, "a speech was not heard to the end");
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, reciting: Reciting) -> io::Result<()> {
    let Reciting { speeches, to, asker, pace } = reciting;
    let (mut from_peer, mut to_peer) = stream.split();
    let mut patience = Patience::new(pace);
    let Some(asker) = asker else {
        write_out(&mut to_peer, &[BUSY], &mut patience).await?;
        return to_peer.close().await;
    };
    let (mut job, mut from) = ([0; 32], [0; 8]);
    read_exact(&mut from_peer, &mut job).await?;
    read_exact(&mut from_peer, &mut from).await?;
    let from = usize::try_from(u64::from_le_bytes(from)).map_err(io::Error::other)?;
    let Some(listener) = speeches.listen(Digest(job), to) else {
        write_out(&mut to_peer, &[SILENT], &mut patience).await?;
        return to_peer.close().await;
    };
    // Held until it is over.
    let Some(_slot) = asker.enter() else {
        write_out(&mut to_peer, &[BUSY], &mut patience).await?;
        return to_peer.close().await;
    };
    let mut more = [0];
    select! {
        recited = speak(&mut to_peer, listener, from, patience) => recited,
        // It says nothing more, so whatever comes is that it has left.
        _ = from_peer.read(&mut more) => Ok(()),
    }
}

/// Says all that a run writes from one byte on, for as long as it writes.
async fn speak(
    io: &mut (impl AsyncWrite + Unpin),
    mut listener: SpeechListener,
    mut from: usize,
    mut patience: Patience,
) -> io::Result<()> {
    write_out(io, &[SPEAKS], &mut patience).await?;
    loop {
        let bytes = match listener.next(from, FRAME_BYTES_MAX).await {
            SpeechPart::More(bytes) => bytes,
            SpeechPart::End => break,
            SpeechPart::BrokenOff => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        from += bytes.len();
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        write_out(io, &[&length.to_le_bytes()[..], &bytes].concat(), &mut patience).await?;
    }
    write_out(io, &0_u32.to_le_bytes(), &mut patience).await?;
    patience.wait(async { io.close().await.map(|()| 0) }).await.map(drop)
}

/// Writes bytes and sees to it that they leave at once.
async fn write_out(
    io: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    patience: &mut Patience,
) -> io::Result<()> {
    patience.write(io, bytes).await?;
    patience.wait(async { io.flush().await.map(|()| 0) }).await.map(drop)
}

#[cfg(test)]
mod tests;
