//! The carrier of questions: a kind and a frame there; a byte and, if it says so, a frame back.
//!
//! **Invariant:** an answer that is being waited for or written holds a slot, so that all of them together have a bound.

use std::io;

use assay_protocol::codec::MESSAGE_BYTES_MAX;
use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncWrite, AsyncWriteExt},
    request_response,
};
use tokio::sync::oneshot;

use super::{
    ANSWER_BYTES_MAX,
    slots::Slot,
    wire::{read_byte, read_frame, write_frame},
};

const REFUSED: u8 = 0;
const ANSWERED: u8 = 1;
const BUSY: u8 = 2;

/// A question of some kind.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) kind: u8,
    pub(super) bytes: Vec<u8>,
    /// Bytes of the longest answer that is read, of one of this peer's own.
    pub(super) answer_bytes_max: usize,
}

/// What comes back.
#[derive(Debug)]
pub(super) enum Answer {
    /// Ours, when the driver gives it; refused if it does not.
    Later {
        answer: oneshot::Receiver<Vec<u8>>,
        _slot: Slot,
    },
    /// The other peer's.
    Bytes(Vec<u8>),
    Refused,
    Busy,
}

/// The bytes of questions and answers: each question has one of its own.
#[derive(Clone)]
pub(super) struct QuestionCodec {
    /// Bytes of the longest answer to the question that was asked with it.
    answer_bytes_max: usize,
}

impl Default for QuestionCodec {
    fn default() -> Self {
        Self { answer_bytes_max: ANSWER_BYTES_MAX }
    }
}

impl request_response::Codec for QuestionCodec {
    type Protocol = StreamProtocol;
    type Request = Question;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Question>
    where
        T: AsyncRead + Unpin + Send,
    {
        let (kind, bytes) = (read_byte(io).await?, read_frame(io, MESSAGE_BYTES_MAX).await?);
        Ok(Question { kind, bytes, answer_bytes_max: ANSWER_BYTES_MAX })
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        // The other peer may take its time to find the answer: only the whole request has a deadline here.
        let mut said = [0];
        libp2p::futures::AsyncReadExt::read_exact(io, &mut said).await?;
        match said[0] {
            ANSWERED => Ok(Answer::Bytes(read_frame(io, self.answer_bytes_max).await?)),
            REFUSED => Ok(Answer::Refused),
            BUSY => Ok(Answer::Busy),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, question: Question) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.answer_bytes_max = question.answer_bytes_max;
        io.write_all(&[question.kind]).await?;
        write_frame(io, &question.bytes).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, answer: Answer) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let (bytes, _slot) = match answer {
            Answer::Later { answer, _slot } => (answer.await.ok(), Some(_slot)),
            Answer::Bytes(bytes) => (Some(bytes), None),
            Answer::Refused => (None, None),
            Answer::Busy => return io.write_all(&[BUSY]).await,
        };
        match bytes.filter(|bytes| bytes.len() <= ANSWER_BYTES_MAX) {
            Some(bytes) => {
                io.write_all(&[ANSWERED]).await?;
                write_frame(io, &bytes).await
            }
            None => io.write_all(&[REFUSED]).await,
        }
    }
}
