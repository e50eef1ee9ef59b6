//! Frames: four bytes of length, then JSON; the first in each direction is a greeting.
//!
//! **Invariant:** a frame over its bound is refused before a byte of it is read; the greeting's form never changes, so
//! that any two versions can tell each other apart.

use std::io;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::request::INPUT_BYTES_MAX;

/// The version of requests and responses; another one is refused.
pub const HANDLE_VERSION: u32 = 2;
/// Bytes in the longest frame: an input in hexadecimal digits, and what is around it.
pub const FRAME_BYTES_MAX: usize = 2 * INPUT_BYTES_MAX + 1024 * 1024;

/// Why a frame did not go through.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection ended between two frames.
    #[error("the connection ended")]
    Ended,
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// More bytes than a frame may have.
    #[error("a frame of {bytes} bytes, where at most {FRAME_BYTES_MAX} are allowed")]
    TooLong {
        /// How many there are.
        bytes: usize,
    },
    /// Not what belongs here.
    #[error("a frame that does not belong here: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// What each side says first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The version of the frames that follow.
    pub(crate) assay: u32,
    /// The version of the program, for people.
    pub(crate) program: String,
}

impl Hello {
    pub(crate) fn ours() -> Self {
        Self { assay: HANDLE_VERSION, program: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// Sends one value.
pub(crate) async fn write_frame<T: Serialize>(
    to: &mut (impl AsyncWrite + Unpin),
    value: &T,
) -> Result<(), FrameError> {
    let body = serde_json::to_vec(value)?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= FRAME_BYTES_MAX);
    let length = length.ok_or(FrameError::TooLong { bytes: body.len() })?;
    to.write_all(&length.to_be_bytes()).await?;
    to.write_all(&body).await?;
    Ok(to.flush().await?)
}

/// Receives one value. The buffer grows with the bytes that arrive, not with the length that is announced.
pub(crate) async fn read_frame<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> Result<T, FrameError> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(FrameError::Ended),
        result => result?,
    };
    let bytes = u32::from_be_bytes(length) as usize;
    if bytes > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong { bytes });
    }
    let mut body = Vec::new();
    from.take(bytes as u64).read_to_end(&mut body).await?;
    if body.len() < bytes {
        return Err(FrameError::Ended);
    }
    Ok(serde_json::from_slice(&body)?)
}
