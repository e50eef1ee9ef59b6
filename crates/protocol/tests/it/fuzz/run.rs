//! What a run of a job gave, as somebody tells it: the output, what is claimed and sealed of it, and what is opened.

use assay_protocol::{
    check::{Evidence, ShownRecord},
    claim::{Claim, EvidenceLeaf, OutputLeaf, Written, commit},
    codec, compare, draw,
    id::Digest,
    job::Job,
    manifest::End,
    merkle::{self, RECORD_BYTES},
};

use super::dice::Dice;

/// What somebody says a run of the job gave.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) bytes: Vec<u8>,
    pub(crate) units: u64,
    pub(crate) work: u64,
    /// What a check of it is said to cost, where that is another thing.
    pub(crate) check_work: u64,
    /// Tells rows from others of the same output.
    pub(crate) rows: u8,
    pub(crate) end: End,
}

impl Run {
    /// An output of so many records.
    pub(crate) fn of(records: usize) -> Self {
        let values = (0..records * RECORD_BYTES / 4).map(|value| 0.5 + value as f32);
        let mut bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
        bytes.truncate(bytes.len().saturating_sub(8));
        Self { bytes, units: 10, work: 900, check_work: 150, rows: 0, end: End::Stop }
    }

    /// The run as somebody tells it.
    pub(crate) fn told(&self, dice: &mut Dice<'_>) -> Self {
        let scaled = |by: f32| {
            let values = self.bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value) * by);
            Self { bytes: values.flat_map(f32::to_le_bytes).collect(), ..self.clone() }
        };
        match dice.mostly_first(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
            1 => scaled(1.000_01),
            2 => scaled(1.000_2),
            3 => scaled(2.0),
            4 => scaled(f32::NAN),
            5 => Self { bytes: self.bytes[..self.bytes.len() / 2].to_vec(), ..self.clone() },
            6 => Self { units: dice.number(), work: dice.number(), ..self.clone() },
            7 => Self { bytes: Vec::new(), end: End::Length, ..self.clone() },
            8 => Self { rows: dice.byte(), ..self.clone() },
            9 => Self { check_work: dice.number(), ..self.clone() },
            _ => self.clone(),
        }
    }

    pub(crate) fn root(&self) -> Digest {
        merkle::root(&self.bytes, RECORD_BYTES)
    }

    pub(crate) fn count(&self) -> u64 {
        merkle::count(self.bytes.len() as u64, RECORD_BYTES)
    }

    pub(crate) fn leaf(&self) -> OutputLeaf {
        let blind = Digest([11; 32]);
        OutputLeaf { written: Written::of(&self.bytes), units: self.units, end: self.end, blind }
    }

    /// The root and the count of what proves it: records of the output, or rows, one for each four bytes.
    fn proven(&self, job: &Job) -> (Digest, u64) {
        if !job.order().manifest.policy.is_proven_by_rows() {
            return (self.root(), self.count());
        }
        let row = |(place, token): (usize, &[u8])| codec::digest("row", &(self.rows, place as u64, token)).0;
        let rows: Vec<u8> = self.bytes.chunks(4).enumerate().flat_map(row).collect();
        (merkle::root(&rows, 32), merkle::count(rows.len() as u64, 32))
    }

    pub(crate) fn sealed_leaf(&self, job: &Job) -> EvidenceLeaf {
        let rms = compare::rms(job.order().manifest.policy, &self.bytes);
        let (evidence_root, records) = self.proven(job);
        EvidenceLeaf { evidence_root, records, rms, blind: Digest([12; 32]) }
    }

    pub(crate) fn claim(&self, job: &Job) -> Claim {
        Claim {
            job: job.id(),
            ticket: job.ticket().digest(),
            units: self.units,
            work: self.work,
            check_work: self.check_work,
            end: self.end,
            commit: commit(self.leaf().digest(), self.sealed_leaf(job).digest()),
        }
    }

    pub(crate) fn evidence(&self, job: &Job) -> Evidence {
        let (evidence_root, records) = self.proven(job);
        Evidence {
            written: Written::of(&self.bytes),
            evidence_root,
            records,
            units: self.units,
            work: self.work,
            check_work: self.check_work,
            end: self.end,
            rms: compare::rms(job.order().manifest.policy, &self.bytes),
            salt: Digest([13; 32]),
        }
    }

    /// The record at a position; an empty one where there is none.
    pub(crate) fn record(&self, position: u64) -> ShownRecord {
        let chunk = usize::try_from(position).ok().and_then(|at| self.bytes.chunks(RECORD_BYTES).nth(at));
        let path = merkle::prove(&self.bytes, RECORD_BYTES, position).unwrap_or_default();
        ShownRecord { position, bytes: chunk.unwrap_or_default().to_vec(), path }
    }

    /// The records that are wanted of it now; none while the beacon is awaited.
    pub(crate) fn wanted(&self, job: &Job) -> Option<Vec<ShownRecord>> {
        let beacon = job.positions().map(|beacon| beacon.value);
        let positions = draw::positions(job.id(), self.count(), beacon)?;
        Some(positions.into_iter().map(|position| self.record(position)).collect())
    }

    pub(crate) fn cut(&self, records: usize) -> Self {
        let end = self.bytes.len().min(records * RECORD_BYTES);
        Self { bytes: self.bytes[..end].to_vec(), ..self.clone() }
    }
}
