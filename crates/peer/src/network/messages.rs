//! The carrier of messages: a frame there, one byte back that says whether it was taken.
//!
//! **Invariant:** `Taken` leaves only after the message is in the queue of the driver.

use std::io;

use assay_protocol::codec::MESSAGE_BYTES_MAX;
use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncWrite, AsyncWriteExt},
    request_response,
};

use super::wire::{read_byte, read_frame, write_frame};

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Acknowledgement {
    Taken = 1,
    Busy = 2,
}

/// The bytes of messages and acknowledgements.
#[derive(Clone, Default)]
pub(super) struct MessageCodec;

impl request_response::Codec for MessageCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Acknowledgement;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io, MESSAGE_BYTES_MAX).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Acknowledgement>
    where
        T: AsyncRead + Unpin + Send,
    {
        match read_byte(io).await? {
            1 => Ok(Acknowledgement::Taken),
            2 => Ok(Acknowledgement::Busy),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, message: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, &message).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        acknowledgement: Acknowledgement,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&[acknowledgement as u8]).await
    }
}
