//! Frames: a greeting each way, then numbered frames, so that one connection carries many calls at a time.
//!
//! A greeting is four bytes of length and JSON. A frame is four bytes of length, one of kind, four of the call's number,
//! and so many bytes. A message longer than a frame is cut; all but its last frame have the top bit of the kind set.
//!
//! **Invariant:** a frame over its bound is refused before a byte of it is read; the greeting's form never changes, so
//! that any two versions can tell each other apart.

use std::{io, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter},
    sync::mpsc,
};

/// The version of frames and calls; another one is refused.
pub const HANDLE_VERSION: u32 = 11;
/// Bytes in the longest frame, without its header.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes in the longest message that is put together from frames.
pub const CALL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes in the longest greeting.
const HELLO_BYTES_MAX: usize = 4 * 1024;
/// Bytes before those of a frame.
const HEADER_BYTES: usize = 9;
/// The bit of a kind by which more of the message follows.
const MORE: u8 = 0x80;

/// Why a frame did not go through.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection ended.
    #[error("the connection ended")]
    Ended,
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(Arc<io::Error>),
    /// More bytes than there may be.
    #[error("{bytes} bytes, where at most {max} are allowed")]
    TooLong {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        max: usize,
    },
    /// Not what belongs here.
    #[error("a frame that does not belong here: {reason}")]
    Malformed {
        /// Why not.
        reason: String,
    },
}

impl FrameError {
    pub(super) fn malformed(reason: &str) -> Self {
        Self::Malformed { reason: reason.to_owned() }
    }

    /// True if the other side is gone.
    pub(super) fn is_end(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        match self {
            Self::Ended => true,
            Self::Io(error) => matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset),
            Self::TooLong { .. } | Self::Malformed { .. } => false,
        }
    }
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Ended } else { Self::Io(Arc::new(error)) }
    }
}

impl From<serde_json::Error> for FrameError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed { reason: error.to_string() }
    }
}

/// What each side says first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// The version of the frames that follow.
    pub(super) assay: u32,
    /// The version of the program, for people.
    pub(super) program: String,
}

impl Hello {
    pub(super) fn ours() -> Self {
        Self { assay: HANDLE_VERSION, program: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// Says it.
    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> Result<(), FrameError> {
        let body = serde_json::to_vec(self)?;
        let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= HELLO_BYTES_MAX);
        let length = length.ok_or(FrameError::TooLong { bytes: body.len(), max: HELLO_BYTES_MAX })?;
        to.write_all(&length.to_be_bytes()).await?;
        to.write_all(&body).await?;
        Ok(to.flush().await?)
    }

    /// Hears it.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Self, FrameError> {
        let length = from.read_u32().await?;
        Ok(serde_json::from_slice(&read_body(from, length, HELLO_BYTES_MAX).await?)?)
    }
}

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FrameKind {
    /// From the asker: a call, as JSON.
    Ask = 1,
    /// From either side: the next part of an answer or an attachment is wanted.
    Next = 2,
    /// From either side: that part.
    Part = 3,
    /// From the asker: nobody waits for this call any more.
    Cancel = 4,
    /// From the daemon: the whole answer, as JSON. The call is over.
    Answer = 5,
    /// From the daemon: the head of an answer, as JSON; parts follow as they are wanted.
    Begin = 6,
    /// From the daemon: there are no more parts. The call is over.
    End = 7,
    /// From the daemon: why not, or why no further, as JSON. The call is over.
    Refused = 8,
}

impl FrameKind {
    const ALL: [Self; 8] = [
        Self::Ask,
        Self::Next,
        Self::Part,
        Self::Cancel,
        Self::Answer,
        Self::Begin,
        Self::End,
        Self::Refused,
    ];
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// More frames of the same message follow.
    pub(super) more: bool,
    /// Of which call.
    pub(super) number: u32,
    pub(super) body: Vec<u8>,
}

impl Frame {
    /// A whole message in one frame.
    pub(super) fn new(kind: FrameKind, number: u32, body: Vec<u8>) -> Self {
        Self { kind, more: false, number, body }
    }

    /// Receives one. What is read of it before this is dropped is lost.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Self, FrameError> {
        let length = from.read_u32().await?;
        let kind = from.read_u8().await?;
        let number = from.read_u32().await?;
        let known = FrameKind::ALL.into_iter().find(|known| *known as u8 == kind & !MORE);
        let known = known.ok_or_else(|| FrameError::Malformed { reason: format!("of the kind {kind}") })?;
        let body = read_body(from, length, FRAME_BYTES_MAX).await?;
        Ok(Self { kind: known, more: kind & MORE != 0, number, body })
    }

    /// Sends it.
    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> Result<(), FrameError> {
        let bytes = self.body.len();
        let length = u32::try_from(bytes).ok().filter(|_| bytes <= FRAME_BYTES_MAX);
        let length = length.ok_or(FrameError::TooLong { bytes, max: FRAME_BYTES_MAX })?;
        let more = if self.more { MORE } else { 0 };
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&length.to_be_bytes());
        header[4] = self.kind as u8 | more;
        header[5..].copy_from_slice(&self.number.to_be_bytes());
        to.write_all(&header).await?;
        Ok(to.write_all(&self.body).await?)
    }
}

async fn read_body(
    from: &mut (impl AsyncRead + Unpin),
    length: u32,
    max: usize,
) -> Result<Vec<u8>, FrameError> {
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    if bytes > max {
        return Err(FrameError::TooLong { bytes, max });
    }
    let mut body = vec![0; bytes];
    from.read_exact(&mut body).await?;
    Ok(body)
}

/// Puts a message in the queue, cut into frames; waits while the queue is full.
pub(super) async fn queue(
    frames: &mpsc::Sender<Frame>,
    kind: FrameKind,
    number: u32,
    body: Vec<u8>,
) -> Result<(), FrameError> {
    queue_after(frames, kind, number, body, || ()).await
}

/// The same, with something to do once there is room for the last frame and before it is in the queue.
pub(super) async fn queue_after(
    frames: &mpsc::Sender<Frame>,
    kind: FrameKind,
    number: u32,
    mut body: Vec<u8>,
    before_last: impl FnOnce(),
) -> Result<(), FrameError> {
    if body.len() > FRAME_BYTES_MAX {
        let last = body.split_off((body.len() - 1) / FRAME_BYTES_MAX * FRAME_BYTES_MAX);
        for chunk in body.chunks(FRAME_BYTES_MAX) {
            let frame = Frame { kind, more: true, number, body: chunk.to_vec() };
            frames.send(frame).await.map_err(|_| FrameError::Ended)?;
        }
        body = last;
    }
    let room = frames.reserve().await.map_err(|_| FrameError::Ended)?;
    before_last();
    room.send(Frame::new(kind, number, body));
    Ok(())
}

/// Sends what is queued until nobody queues any more.
pub(super) async fn write_queued(
    mut frames: mpsc::Receiver<Frame>,
    to: impl AsyncWrite + Unpin,
) -> Result<(), FrameError> {
    let mut to = BufWriter::with_capacity(FRAME_BYTES_MAX, to);
    while let Some(frame) = frames.recv().await {
        frame.write(&mut to).await?;
        while let Ok(frame) = frames.try_recv() {
            frame.write(&mut to).await?;
        }
        to.flush().await?;
    }
    Ok(to.shutdown().await?)
}
