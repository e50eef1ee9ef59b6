//! Framed bytes on a stream: a length of four bytes, little-endian, then as many bytes.
//!
//! **Invariant:** a length over the cap is refused before anything behind it is read, and no more memory is taken than
//! bytes have arrived; an end of stream is never taken for the end of a frame.

use std::{io, time::Duration};

use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Bytes by which a buffer is made ready ahead of what arrives.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;
/// How long a sender may be silent in the middle of a frame.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Reads one byte.
pub(super) async fn read_byte(io: &mut (impl AsyncRead + Unpin)) -> io::Result<u8> {
    let mut byte = [0];
    read_exact(io, &mut byte).await?;
    Ok(byte[0])
}

/// Fills a short buffer.
pub(super) async fn read_exact(io: &mut (impl AsyncRead + Unpin), into: &mut [u8]) -> io::Result<()> {
    timeout(SILENCE_MAX, io.read_exact(into)).await?
}

/// Reads a frame of at most `max` bytes.
pub(super) async fn read_frame(io: &mut (impl AsyncRead + Unpin), max: usize) -> io::Result<Vec<u8>> {
    let mut prefix = [0; 4];
    read_exact(io, &mut prefix).await?;
    let length = u32::from_le_bytes(prefix) as usize;
    if length > max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame over its cap"));
    }
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let filled = bytes.len();
        bytes.resize(length.min(filled + CHUNK_BYTES), 0);
        let read = timeout(SILENCE_MAX, io.read(&mut bytes[filled..])).await??;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(filled + read);
    }
    Ok(bytes)
}

/// Writes a frame.
pub(super) async fn write_frame(io: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    io.write_all(&length_prefix(bytes.len() as u64)?).await?;
    io.write_all(bytes).await
}

/// What a frame of so many bytes begins with.
pub(super) fn length_prefix(bytes: u64) -> io::Result<[u8; 4]> {
    u32::try_from(bytes).map(u32::to_le_bytes).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use libp2p::futures::io::Cursor;

    use super::*;

    async fn read(bytes: &[u8], max: usize) -> Result<Vec<u8>, (io::ErrorKind, u64)> {
        let mut from = Cursor::new(bytes);
        read_frame(&mut from, max).await.map_err(|error| (error.kind(), from.position()))
    }

    #[tokio::test]
    async fn a_frame_is_read_whole_or_refused() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, b"hello").await.unwrap();
        assert_eq!(read(&bytes, 5).await.unwrap(), b"hello");
        assert_eq!(
            read(&bytes, 4).await.unwrap_err(),
            (io::ErrorKind::InvalidData, 4),
            "read past the length"
        );
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length], 5).await.unwrap_err().0, io::ErrorKind::UnexpectedEof);
        }
    }

    /// Offers some bytes and then nothing, not even an end; notes the longest buffer it was asked to fill.
    struct Silent {
        bytes: &'static [u8],
        longest: usize,
    }

    impl AsyncRead for Silent {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            into: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            self.longest = self.longest.max(into.len());
            let length = into.len().min(self.bytes.len());
            into[..length].copy_from_slice(&self.bytes[..length]);
            self.bytes = &self.bytes[length..];
            if length == 0 { Poll::Pending } else { Poll::Ready(Ok(length)) }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_promises_much_and_falls_silent_costs_little_and_is_given_up() {
        let mut promise = Silent { bytes: &[0, 0, 0, 1, 7, 7, 7], longest: 0 };
        let error = read_frame(&mut promise, usize::MAX).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(promise.longest <= CHUNK_BYTES);
    }
}
