//! The parent's end of the pipe that a worker answers on.
//!
//! **Invariant:** waiting for a reply never lasts longer than asked, even for a worker that stops in the middle of one.

use std::{io, process::ChildStdout, time::Instant};

use super::{
    system::Arrivals,
    wire::{self, WorkerReply},
};

/// Replies as they arrive.
pub(super) struct Inbox {
    arrivals: Arrivals,
    buffer: Vec<u8>,
}

impl Inbox {
    pub(super) fn new(pipe: ChildStdout) -> io::Result<Self> {
        Ok(Self { arrivals: Arrivals::over(pipe)?, buffer: Vec::new() })
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
            if !self.arrivals.read(until, &mut self.buffer)? {
                return Ok(None);
            }
        }
    }
}
