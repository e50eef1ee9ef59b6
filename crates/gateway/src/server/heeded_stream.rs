//! A connection whose other end reads what it asked for.
//!
//! **Invariant:** what is written is taken, at a pace, or the connection ends: whoever reads nothing, or next to nothing, keeps no
//! answer, and no place of one, for ever. Where nothing is to be written nobody is behind.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// How fast a client is to read what there is for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadingPace {
    /// How long it may be behind.
    pub(super) wait: Duration,
    /// Bytes that it is to take in a second.
    pub(super) bytes: u64,
}

/// Such a connection.
#[derive(Debug)]
pub(super) struct HeededStream<S> {
    stream: S,
    pace: ReadingPace,
    /// How long it may be waited for it yet.
    left: Duration,
    /// Since when it is, and until when.
    stalled: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> HeededStream<S> {
    /// One that is read at such a pace.
    pub(super) fn new(stream: S, pace: ReadingPace) -> Self {
        Self { stream, pace, left: pace.wait, stalled: None }
    }

    /// What came of writing: an error, once it was waited for too long.
    fn judged(&mut self, written: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            return Poll::Ready(written.inspect(|bytes| self.took(*bytes)));
        }
        let left = self.left;
        let (_, alarm) = self.stalled.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// So much was taken: what that may take at its pace comes back of the time that was waited.
    fn took(&mut self, bytes: usize) {
        if let Some((since, _)) = self.stalled.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let earned = bytes.saturating_mul(1_000_000).checked_div(self.pace.bytes).unwrap_or_default();
        self.left = self.left.saturating_add(Duration::from_micros(earned)).min(self.pace.wait);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeededStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeededStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judged(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judged(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
