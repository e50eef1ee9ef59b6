//! Open files on their way from a parent into a worker that may open none itself.
//!
//! **Invariant:** a file travels with exactly one byte of its own, so that plain reads of frames never swallow it.

use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use assay_protocol::id::Digest;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

use crate::outcome::RunFailure;

/// Hands over one open file.
pub(super) fn give(socket: &UnixStream, file: &File) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = [file.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&files));
    sendmsg(socket, &[IoSlice::new(&[0])], &mut control, SendFlags::empty())?;
    Ok(())
}

/// Takes one open file.
pub(super) fn take(socket: &UnixStream) -> io::Result<File> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::empty())?;
    let file = control.drain().find_map(|message| {
        let RecvAncillaryMessage::ScmRights(mut files) = message else { return None };
        files.next()
    });
    file.map(|file: OwnedFd| File::from(file)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Reads a file and makes sure that it holds what its name says.
pub(super) fn read(
    mut file: File,
    name: Digest,
    absent: fn(String) -> RunFailure,
) -> Result<Vec<u8>, RunFailure> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| absent(error.to_string()))?;
    if Digest::of(&bytes) != name {
        return Err(RunFailure::WrongBytes { name });
    }
    Ok(bytes)
}
