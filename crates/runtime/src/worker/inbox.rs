//! The parent's end of the pipe that a worker answers on.
//!
//! **Invariant:** waiting for a reply never lasts longer than asked, even for a worker that stops in the middle of one.

use std::{
    io::{self, Read},
    os::fd::AsFd,
    process::ChildStdout,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::wire::{self, WorkerReply};

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// Replies as they arrive.
pub(super) struct Inbox {
    pipe: ChildStdout,
    buffer: Vec<u8>,
}

impl Inbox {
    pub(super) fn new(pipe: ChildStdout) -> Self {
        Self { pipe, buffer: Vec::new() }
    }

    /// The next reply and its body; nothing if none is complete by `until`.
    pub(super) fn next(
        &mut self,
        until: Instant,
        body_bytes_max: u64,
    ) -> io::Result<Option<(WorkerReply, Vec<u8>)>> {
        loop {
            if let Some(reply) = wire::take(&mut self.buffer, body_bytes_max)? {
                return Ok(Some(reply));
            }
            if !self.wait(until)? {
                return Ok(None);
            }
            self.read()?;
        }
    }

    /// True once there is something to read, or the end.
    fn wait(&self, until: Instant) -> io::Result<bool> {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left.max(Duration::from_millis(1))).map_err(io::Error::other)?;
        let mut fds = [PollFd::from_borrowed_fd(self.pipe.as_fd(), PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let start = self.buffer.len();
        self.buffer.resize(start + READ_BYTES, 0);
        let count = self.pipe.read(&mut self.buffer[start..]);
        self.buffer.truncate(start + *count.as_ref().unwrap_or(&0));
        match count? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
