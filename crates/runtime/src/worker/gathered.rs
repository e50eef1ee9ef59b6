//! What the parent has heard of a running job.
//!
//! **Invariant:** output and log stay inside their limits whatever the worker says: the worker enforces them on the guest,
//! and this enforces them on a worker that a guest took over.

use super::{Follower, wire::WorkerReply};
use crate::{
    envelope::RunLimits,
    outcome::{Completed, RunFailure},
};

pub(super) struct Gathered {
    limits: RunLimits,
    output: Vec<u8>,
    log: Vec<String>,
    log_bytes: u64,
}

impl Gathered {
    pub(super) fn new(limits: &RunLimits) -> Self {
        Self { limits: *limits, output: Vec::new(), log: Vec::new(), log_bytes: 0 }
    }

    /// Adds a reply; says how the job ended, once it has.
    pub(super) fn add(
        &mut self,
        (reply, body): (WorkerReply, Vec<u8>),
        follower: &mut dyn Follower,
    ) -> Option<Result<Completed, RunFailure>> {
        match reply {
            WorkerReply::Chunk => self.add_output(&body, follower).err().map(Err),
            WorkerReply::Line => {
                self.add_line(&body, follower);
                None
            }
            WorkerReply::Done { end, meters } => {
                if let Err(failure) = self.add_output(&body, follower) {
                    return Some(Err(failure));
                }
                let (output, log) = (std::mem::take(&mut self.output), std::mem::take(&mut self.log));
                Some(Ok(Completed { output, end, meters, log }))
            }
            WorkerReply::Failed(failure) => Some(Err(failure)),
            other @ (WorkerReply::Ready { .. } | WorkerReply::Compiled | WorkerReply::Classified(_)) => {
                Some(Err(RunFailure::WorkerDied(format!("it answered {other:?} to a job"))))
            }
        }
    }

    fn add_output(&mut self, bytes: &[u8], follower: &mut dyn Follower) -> Result<(), RunFailure> {
        let sum = self.output.len() as u64 + bytes.len() as u64;
        if sum > self.limits.output_bytes {
            return Err(RunFailure::OutputTooLong { bytes: sum, max: self.limits.output_bytes });
        }
        if !bytes.is_empty() {
            follower.chunk(bytes);
            self.output.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn add_line(&mut self, bytes: &[u8], follower: &mut dyn Follower) {
        self.log_bytes += bytes.len() as u64 + 1;
        if self.log_bytes <= self.limits.log_bytes.into() {
            let line = String::from_utf8_lossy(bytes).into_owned();
            follower.line(&line);
            self.log.push(line);
        }
    }
}
