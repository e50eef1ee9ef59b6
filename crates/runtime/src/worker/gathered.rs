//! What the parent has heard of a running job.
//!
//! **Invariant:** output, evidence and log stay inside their limits whatever the worker says: the worker enforces them on the guest,
//! and this enforces them on a worker that a guest took over.

use assay_protocol::{codec, id::Digest};

use super::{Follower, wire::WorkerReply};
use crate::{
    chances::{LIKELIEST_MAX, WrittenChance},
    envelope::RunLimits,
    outcome::{Completed, RunFailure},
};

/// Bytes of an output for each row of evidence at the least: a token's own.
const OUTPUT_BYTES_PER_ROW: u64 = 4;

pub(super) struct Gathered {
    limits: RunLimits,
    output: Vec<u8>,
    rows: Vec<Digest>,
    chances: Vec<WrittenChance>,
    log: Vec<String>,
    log_bytes: u64,
}

impl Gathered {
    pub(super) fn new(limits: &RunLimits) -> Self {
        let (output, rows, chances, log) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { limits: *limits, output, rows, chances, log, log_bytes: 0 }
    }

    /// Adds a reply; says how the job ended, once it has.
    pub(super) fn add(
        &mut self,
        (reply, body): (WorkerReply, Vec<u8>),
        follower: &mut dyn Follower,
    ) -> Option<Result<Completed, RunFailure>> {
        match reply {
            WorkerReply::Chunk => self.add_output(&body, follower).err().map(Err),
            WorkerReply::Rows => self.add_rows(&body).err().map(Err),
            WorkerReply::Chances => self.add_chances(&body).err().map(Err),
            WorkerReply::Line => {
                self.add_line(&body, follower);
                None
            }
            WorkerReply::Done { end, meters } => {
                if let Err(failure) = self.add_output(&body, follower) {
                    return Some(Err(failure));
                }
                let Self { output, rows, chances, log, .. } =
                    std::mem::replace(self, Self::new(&self.limits));
                Some(Ok(Completed { output, end, meters, rows, chances, log }))
            }
            WorkerReply::Failed(failure) => Some(Err(failure)),
            other @ (WorkerReply::Ready { .. }
            | WorkerReply::Compiled
            | WorkerReply::Classified(_)
            | WorkerReply::Cards(_)
            | WorkerReply::Loaded(_)) => {
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

    fn add_rows(&mut self, bytes: &[u8]) -> Result<(), RunFailure> {
        let (rows, rest) = bytes.as_chunks::<{ size_of::<Digest>() }>();
        let count = (self.rows.len() + rows.len()) as u64;
        if !rest.is_empty() || count.saturating_mul(OUTPUT_BYTES_PER_ROW) > self.output.len() as u64 {
            return Err(RunFailure::WorkerDied("its evidence is longer than its output".into()));
        }
        self.rows.extend(rows.iter().map(|row| Digest(*row)));
        Ok(())
    }

    fn add_chances(&mut self, bytes: &[u8]) -> Result<(), RunFailure> {
        let chances: Vec<WrittenChance> = codec::decode(bytes, bytes.len())
            .map_err(|error| RunFailure::WorkerDied(format!("its chances made no sense ({error})")))?;
        let count = (self.chances.len() + chances.len()) as u64;
        let are_sound = chances.iter().all(|one| {
            let mut all = one.likeliest.iter().chain([&one.written]);
            one.likeliest.len() <= LIKELIEST_MAX && all.all(|chance| chance.log.is_finite())
        });
        if !are_sound || count.saturating_mul(OUTPUT_BYTES_PER_ROW) > self.output.len() as u64 {
            return Err(RunFailure::WorkerDied("it tells other chances than were asked for".into()));
        }
        self.chances.extend(chances);
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
