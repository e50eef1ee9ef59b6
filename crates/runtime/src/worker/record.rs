//! What the parent has heard of a running job.
//!
//! **Invariant:** output and log stay inside their limits whatever the worker says: the worker enforces them on the guest,
//! and this enforces them on a worker that a guest took over.

use super::{Listener, wire::Reply};
use crate::{
    envelope::Limits,
    outcome::{Failure, Outcome},
};

pub(super) struct Record {
    limits: Limits,
    output: Vec<u8>,
    log: Vec<String>,
    log_bytes: u64,
}

impl Record {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, output: Vec::new(), log: Vec::new(), log_bytes: 0 }
    }

    /// Adds a reply; says how the job ended, once it has.
    pub(super) fn add(
        &mut self,
        (reply, body): (Reply, Vec<u8>),
        listener: &mut dyn Listener,
    ) -> Option<Result<Outcome, Failure>> {
        match reply {
            Reply::Chunk => self.add_output(&body, listener).err().map(Err),
            Reply::Line => {
                self.add_line(&body, listener);
                None
            }
            Reply::Done { end, meters } => {
                if let Err(failure) = self.add_output(&body, listener) {
                    return Some(Err(failure));
                }
                let (output, log) = (std::mem::take(&mut self.output), std::mem::take(&mut self.log));
                Some(Ok(Outcome { output, end, meters, log }))
            }
            Reply::Failed(failure) => Some(Err(failure)),
            other @ (Reply::Ready { .. } | Reply::Compiled | Reply::Classified(_)) => {
                Some(Err(Failure::WorkerDied(format!("it answered {other:?} to a job"))))
            }
        }
    }

    fn add_output(&mut self, bytes: &[u8], listener: &mut dyn Listener) -> Result<(), Failure> {
        let sum = self.output.len() as u64 + bytes.len() as u64;
        if sum > self.limits.output_bytes {
            return Err(Failure::OutputTooLong { bytes: sum, max: self.limits.output_bytes });
        }
        if !bytes.is_empty() {
            listener.chunk(bytes);
            self.output.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn add_line(&mut self, bytes: &[u8], listener: &mut dyn Listener) {
        self.log_bytes += bytes.len() as u64 + 1;
        if self.log_bytes <= self.limits.log_bytes.into() {
            let line = String::from_utf8_lossy(bytes).into_owned();
            listener.line(&line);
            self.log.push(line);
        }
    }
}
