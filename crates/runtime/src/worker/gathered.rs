//! What the parent has heard of a running job.
//!
//! **Invariant:** output, evidence, chances and log stay inside their limits whatever the worker says: the worker enforces them on
//! the guest, and this enforces them on a worker that a guest took over.

use assay_protocol::{codec, id::Digest};

use super::{Follower, wire::WorkerReply};
use crate::{
    chances::{LIKELIEST_MAX, TEXTS_BYTES_MAX, WrittenChance, places_max},
    envelope::RunLimits,
    outcome::{Completed, RunFailure},
};

/// Bytes of an output for each row of evidence at the least: a token's own.
const OUTPUT_BYTES_PER_ROW: u64 = 4;

pub(super) struct Gathered {
    pub(super) limits: RunLimits,
    /// How many of the likeliest tokens are told of each place, if chances are.
    likeliest: Option<u8>,
    output: Vec<u8>,
    rows: Vec<Digest>,
    chances: Vec<WrittenChance>,
    /// Bytes that those add to texts.
    chances_bytes: usize,
    log: Vec<String>,
    log_bytes: u64,
}

impl Gathered {
    /// Nothing yet of a job of which so many of the likeliest tokens are told, if chances are.
    pub(super) fn new(limits: &RunLimits, likeliest: Option<u8>) -> Self {
        let (output, rows, chances, log) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { limits: *limits, likeliest, output, rows, chances, chances_bytes: 0, log, log_bytes: 0 }
    }

    /// Whether anything was written yet.
    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty()
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
                let empty = Self::new(&self.limits, self.likeliest);
                let Self { output, rows, chances, log, .. } = std::mem::replace(self, empty);
                Some(Ok(Completed { output, end, meters, rows, chances, log }))
            }
            WorkerReply::Failed(failure) => Some(Err(failure)),
            other @ (WorkerReply::Ready { .. }
            | WorkerReply::Compiled
            | WorkerReply::Classified { .. }
            | WorkerReply::Cards(_)
            | WorkerReply::PackTaken
            | WorkerReply::PackRefused(_)
            | WorkerReply::Packed(_)
            | WorkerReply::NotPacked(_)
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
        let others = || RunFailure::WorkerDied("it tells other chances than were asked for".into());
        let most = self.likeliest.map(|most| usize::from(most).min(LIKELIEST_MAX)).ok_or_else(others)?;
        let chances: Vec<WrittenChance> = codec::decode(bytes, bytes.len())
            .map_err(|error| RunFailure::WorkerDied(format!("its chances made no sense ({error})")))?;
        let are_sound = chances.iter().all(|one| {
            let mut all = one.likeliest.iter().chain([&one.written]);
            one.likeliest.len() <= most && all.all(|chance| chance.log.is_finite())
        });
        self.chances_bytes += chances.iter().map(WrittenChance::text_bytes).sum::<usize>();
        self.chances.extend(chances);
        // Each is of a token that was written, and those come behind their rows.
        let places = self.rows.len().min(places_max(most));
        match are_sound && self.chances.len() <= places && self.chances_bytes <= TEXTS_BYTES_MAX {
            true => Ok(()),
            false => Err(others()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chances::TokenChance;

    /// A token that adds so many bytes to a text, with so many beside it.
    fn chance(bytes: usize, likeliest: usize) -> WrittenChance {
        let one = TokenChance { token: 1, text: vec![b'a'; bytes], log: -0.5 };
        WrittenChance { written: one.clone(), likeliest: vec![one; likeliest] }
    }

    /// What is gathered of a text of so many tokens, where two of the likeliest are asked for, if anything is.
    fn gathered(tokens: usize, likeliest: Option<u8>) -> Gathered {
        let mut gathered = Gathered::new(&RunLimits::default(), likeliest);
        let digests = vec![1; tokens * size_of::<Digest>()];
        let output = vec![0; tokens * 4];
        for part in [(WorkerReply::Chunk, output), (WorkerReply::Rows, digests)] {
            assert_eq!(gathered.add(part, &mut ()), None);
        }
        gathered
    }

    fn is_taken(gathered: &mut Gathered, chances: &[WrittenChance]) -> bool {
        gathered.add((WorkerReply::Chances, codec::encode(chances)), &mut ()).is_none()
    }

    #[test]
    fn a_worker_tells_no_other_chances_than_were_asked_for() {
        assert!(is_taken(&mut gathered(2, Some(2)), &[chance(1, 2), chance(1, 1)]));
        assert!(!is_taken(&mut gathered(2, None), &[chance(1, 0)]), "nobody asked");
        assert!(!is_taken(&mut gathered(2, Some(2)), &[chance(1, 3)]), "more than two");
        let never = TokenChance { log: f64::NAN, ..chance(1, 0).written };
        assert!(!is_taken(&mut gathered(2, Some(2)), &[WrittenChance { written: never, ..chance(1, 2) }]));
        let mut two = gathered(2, Some(2));
        assert!(is_taken(&mut two, &[chance(1, 0), chance(1, 0)]));
        assert!(!is_taken(&mut two, &[chance(1, 0)]), "of a token that was not written");
    }

    #[test]
    fn whatever_a_worker_tells_of_chances_is_bounded() {
        let mut long = gathered(9, Some(2));
        assert!(is_taken(&mut long, &[chance(TEXTS_BYTES_MAX, 0)]));
        assert!(!is_taken(&mut long, &[chance(1, 0)]), "longer texts than any");
        let most = places_max(2);
        let mut many = gathered(most + 1, Some(2));
        assert!(is_taken(&mut many, &vec![chance(0, 0); most]));
        assert!(!is_taken(&mut many, &[chance(0, 0)]), "more places than any");
    }
}
