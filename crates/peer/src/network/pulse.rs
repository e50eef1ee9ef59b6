//! When something was last heard of those that are guests here, and streams on which each byte counts as that.
//!
//! **Invariant:** only who is a guest has a pulse.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Instant,
};

use libp2p::{
    PeerId,
    futures::{AsyncRead, AsyncWrite},
};

/// When something was last heard of one guest.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    pub(super) fn beat(&self, now: Instant) {
        *lock(&self.0) = now;
    }

    pub(super) fn last(&self) -> Instant {
        *lock(&self.0)
    }
}

/// The pulses of all guests. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulses(Arc<Mutex<HashMap<PeerId, Pulse>>>);

impl Pulses {
    pub(super) fn of(&self, peer: &PeerId) -> Option<Pulse> {
        lock(&self.0).get(peer).cloned()
    }

    /// Somebody is a guest from now on, or comes once more.
    pub(super) fn begin(&self, peer: PeerId, now: Instant) {
        lock(&self.0).entry(peer).or_insert_with(|| Pulse(Arc::new(Mutex::new(now)))).beat(now);
    }

    pub(super) fn end(&self, peer: &PeerId) {
        lock(&self.0).remove(peer);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream on which whoever is at its other end is heard of with each byte that moves.
pub(crate) struct FeltStream<S> {
    stream: S,
    pulse: Option<Pulse>,
}

impl<S> FeltStream<S> {
    pub(super) fn new(stream: S, pulse: Option<Pulse>) -> Self {
        Self { stream, pulse }
    }

    fn moved(&self, moved: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let (Poll::Ready(Ok(1..)), Some(pulse)) = (&moved, &self.pulse) {
            pulse.beat(Instant::now());
        }
        moved
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FeltStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_read(context, into);
        self.moved(moved)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FeltStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.moved(moved)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}
