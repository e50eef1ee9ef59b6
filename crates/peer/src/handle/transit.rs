//! How an answer gets across: a value at once, or a head and then part after part, each when it is asked for.
//!
//! **Invariant:** nobody holds more than one part of an answer that is not asked for yet; what is to happen once the bytes
//! of an answer were taken happens when the part after the last is asked for, and not otherwise.

use std::fmt;

use assay_protocol::codec::BLOB_BYTES_MAX;
use futures::{StreamExt, stream, stream::BoxStream};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::OwnedSemaphorePermit,
};

use super::{CallError, FRAME_BYTES_MAX, FrameError, Refused};

/// Bytes in the longest piece.
pub const PIECE_BYTES_MAX: usize = FRAME_BYTES_MAX;

/// The parts of an answer as bytes. It ends after an error.
pub type PartStream = BoxStream<'static, Result<Vec<u8>, CallError>>;

/// What can be an answer.
pub trait Transit: Sized + Send + 'static {
    /// What is said at once, as JSON.
    type Head: Serialize + DeserializeOwned + Send + 'static;

    /// Takes it apart, where it is sent.
    fn split(self) -> (Self::Head, Option<PartStream>);

    /// Puts it together, where it arrives.
    fn join(head: Self::Head, parts: PartStream) -> Self;

    /// Has it keep a place until its end.
    #[must_use]
    fn holding(self, place: OwnedSemaphorePermit) -> Self {
        drop(place);
        self
    }
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Transit for T {
    type Head = T;

    fn split(self) -> (T, Option<PartStream>) {
        (self, None)
    }

    fn join(head: T, _: PartStream) -> T {
        head
    }
}

/// An answer that goes on: one thing after another, for as long as they are wanted. Dropping it ends the call.
pub struct Updates<T>(BoxStream<'static, Result<T, CallError>>);

impl<T: Send + 'static> Updates<T> {
    pub(crate) fn new(stream: impl futures::Stream<Item = Result<T, CallError>> + Send + 'static) -> Self {
        Self(stream.fuse().boxed())
    }

    /// The next thing; none once there is no more to come, or after an error. May be dropped and called again.
    ///
    /// # Errors
    /// [`CallError`], with which it ends.
    pub async fn next(&mut self) -> Option<Result<T, CallError>> {
        self.0.next().await
    }
}

impl<T> fmt::Debug for Updates<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Updates")
    }
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Transit for Updates<T> {
    type Head = ();

    fn split(self) -> ((), Option<PartStream>) {
        let written = |update: T| Ok(serde_json::to_vec(&update).map_err(FrameError::from)?);
        ((), Some(self.0.map(move |update| update.and_then(written)).boxed()))
    }

    fn join((): (), parts: PartStream) -> Self {
        let read = |part: Vec<u8>| Ok(serde_json::from_slice(&part).map_err(FrameError::from)?);
        Self::new(parts.map(move |part| part.and_then(read)))
    }

    fn holding(self, place: OwnedSemaphorePermit) -> Self {
        Self(held(self.0, place))
    }
}

/// An answer of bytes that come as they are made, for as long as they are wanted. Dropping it ends the call.
pub struct ByteFlow(PartStream);

impl ByteFlow {
    pub(crate) fn new(
        stream: impl futures::Stream<Item = Result<Vec<u8>, CallError>> + Send + 'static,
    ) -> Self {
        Self(stream.fuse().boxed())
    }

    /// The next bytes; none once that was all, or after an error. May be dropped and called again.
    ///
    /// # Errors
    /// [`CallError`], with which it ends.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, CallError>> {
        self.0.next().await
    }
}

impl fmt::Debug for ByteFlow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ByteFlow")
    }
}

impl Transit for ByteFlow {
    type Head = ();

    fn split(self) -> ((), Option<PartStream>) {
        ((), Some(self.0))
    }

    fn join((): (), parts: PartStream) -> Self {
        Self::new(parts)
    }

    fn holding(self, place: OwnedSemaphorePermit) -> Self {
        Self(held(self.0, place))
    }
}

/// An answer of many bytes, piece by piece. Dropping it ends the call.
pub struct Pieces {
    bytes: u64,
    parts: PartStream,
}

impl Pieces {
    /// This many bytes out of a file; `taken` is performed once all of them were taken.
    pub(crate) fn read(
        from: impl AsyncRead + Unpin + Send + 'static,
        bytes: u64,
        taken: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let parts = stream::unfold(Some((from, bytes, Box::pin(taken))), |state| async {
            let (mut from, left, taken) = state?;
            if left == 0 {
                taken.await;
                return None;
            }
            let length = usize::try_from(left).map_or(PIECE_BYTES_MAX, |left| left.min(PIECE_BYTES_MAX));
            let mut piece = vec![0; length];
            match from.read_exact(&mut piece).await {
                Ok(_) => Some((Ok(piece), Some((from, left - length as u64, taken)))),
                Err(error) => Some((Err(Refused::Disk { reason: error.to_string() }.into()), None)),
            }
        });
        Self { bytes, parts: parts.fuse().boxed() }
    }

    /// How many bytes there are in all.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next piece; none once all were taken, or after an error. The daemon takes the bytes for handed over when it
    /// is asked for the piece after the last.
    ///
    /// # Errors
    /// [`CallError`], with which it ends.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, CallError>> {
        self.parts.next().await
    }

    /// All the bytes.
    ///
    /// # Errors
    /// [`CallError`], if they do not come whole, or are more than a blob may have.
    pub async fn all(mut self) -> Result<Vec<u8>, CallError> {
        let all = self.whole().await?;
        self.take().await?;
        Ok(all)
    }

    /// All the bytes, which are not taken for handed over yet ([`Self::take`]).
    ///
    /// # Errors
    /// [`CallError`], if they do not come whole, or are more than a blob may have.
    pub async fn whole(&mut self) -> Result<Vec<u8>, CallError> {
        let expected = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        if expected > BLOB_BYTES_MAX {
            return Err(FrameError::TooLong { bytes: expected, max: BLOB_BYTES_MAX }.into());
        }
        let mut all = Vec::new();
        while all.len() < expected {
            let piece = self.next().await.ok_or(FrameError::Ended)??;
            all.extend_from_slice(&piece);
        }
        match all.len() > expected {
            true => Err(FrameError::TooLong { bytes: all.len(), max: expected }.into()),
            false => Ok(all),
        }
    }

    /// Says that all the bytes are where they are wanted.
    ///
    /// # Errors
    /// [`CallError`], if more of them come, or the daemon does not hear it.
    pub async fn take(mut self) -> Result<(), CallError> {
        match self.next().await {
            None => Ok(()),
            Some(more) => Err(FrameError::TooLong { bytes: more?.len(), max: 0 }.into()),
        }
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Pieces of {} bytes", self.bytes)
    }
}

impl Transit for Pieces {
    type Head = u64;

    fn split(self) -> (u64, Option<PartStream>) {
        (self.bytes, Some(self.parts))
    }

    fn join(bytes: u64, parts: PartStream) -> Self {
        Self { bytes, parts: parts.fuse().boxed() }
    }

    fn holding(self, place: OwnedSemaphorePermit) -> Self {
        Self { parts: held(self.parts, place), ..self }
    }
}

/// The same stream, which lets go of a place where it ends.
fn held<T: Send + 'static>(
    from: BoxStream<'static, T>,
    place: OwnedSemaphorePermit,
) -> BoxStream<'static, T> {
    let state = (from, place);
    let stream = stream::unfold(state, |(mut from, place)| async {
        let item = from.next().await?;
        Some((item, (from, place)))
    });
    stream.fuse().boxed()
}
