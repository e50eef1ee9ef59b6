//! What a client can say against a job: that it wants no more of it, that it doubts the result, that the provider
//! contradicts itself.

use serde::{Deserialize, Serialize};

use crate::{
    check::ShownRecord,
    claim::{OutputLeaf, Written},
    id::{Digest, JobId},
    merkle::{self, RECORD_BYTES},
    signed::{Attested, Signed, Verified, statements},
};

/// The client wants no more of a job that is not claimed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Which job.
    pub job: JobId,
    /// The digest of the ticket that it was opened under.
    pub ticket: Digest,
}

/// The client has a result checked that was not drawn, and pays one check in advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dispute {
    /// Which job.
    pub job: JobId,
}

/// The provider's word for what it has streamed so far: signed every now and then while it streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Which job.
    pub job: JobId,
    /// Whole records that were streamed so far.
    pub records: u64,
    /// The root over them.
    pub root: Digest,
}

/// The client shows that the provider claimed something else than it had streamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contradict {
    /// Which job.
    pub job: JobId,
    /// What was streamed, by the provider's word.
    pub output: Signed<Output>,
    /// The opened half of the claim.
    pub leaf: OutputLeaf,
    /// The digest of the sealed half.
    pub evidence: Digest,
    /// One record as it was streamed, and as it was claimed; nothing where the two roots and counts are enough.
    pub records: Option<(ShownRecord, ShownRecord)>,
}

impl Verified<Contradict> {
    /// What was streamed, as whoever streamed it signed it.
    #[must_use]
    pub fn output(&self) -> Attested<'_, Output> {
        self.inside(|contradict| &contradict.output)
    }
}

impl Output {
    /// True if what was streamed is not the beginning of what was claimed. No record has to be shown where no more were
    /// claimed than streamed: a root fixes all that are under it.
    #[must_use]
    pub fn contradicts(&self, leaf: &OutputLeaf, records: Option<&(ShownRecord, ShownRecord)>) -> bool {
        let Written { root, records: count, .. } = leaf.written;
        let Some((streamed, claimed)) = records else {
            return count < self.records || (count == self.records && root != self.root);
        };
        let shown = |root, count, record: &ShownRecord| {
            record.bytes.len() <= RECORD_BYTES
                && merkle::verify(root, count, record.position, &record.bytes, &record.path)
        };
        streamed.position == claimed.position
            && streamed.bytes != claimed.bytes
            && shown(self.root, self.records, streamed)
            && shown(root, count, claimed)
    }
}

statements!(Cancel, Dispute, Output, Contradict { output });

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::manifest::End;

    fn leaf(bytes: &[u8]) -> OutputLeaf {
        OutputLeaf { written: Written::of(bytes), units: 1, end: End::Stop, blind: Digest::default() }
    }

    fn record(bytes: &[u8], position: u64) -> ShownRecord {
        let path = merkle::prove(bytes, RECORD_BYTES, position).expect("the record is there");
        let from = position as usize * RECORD_BYTES;
        ShownRecord { position, bytes: bytes[from..bytes.len().min(from + RECORD_BYTES)].to_vec(), path }
    }

    #[test]
    fn a_stream_contradicts_a_claim_that_is_shorter_or_differs_in_a_record_and_no_other() {
        let bytes: Vec<u8> = (0..1_000).map(|byte| (byte / 7) as u8).collect();
        let output =
            Output { job: Digest::default(), records: 2, root: merkle::root(&bytes[..512], RECORD_BYTES) };
        let mut other = bytes.clone();
        other[300] ^= 1;
        assert!(!output.contradicts(&leaf(&bytes), None), "the claim goes on where the stream was signed");
        assert!(output.contradicts(&leaf(&bytes[..256]), None), "the claim is shorter");
        assert!(
            !output.contradicts(&leaf(&bytes[..512]), None),
            "the claim ends where the stream was signed"
        );
        assert!(output.contradicts(&leaf(&other[..512]), None), "as many records, of which one differs");
        assert!(output.contradicts(&leaf(&bytes[..511]), None), "the last record of as many lacks a byte");
        assert!(!output.contradicts(&leaf(&other), None), "of a longer claim a record has to be shown");
        let pair = |streamed: &[u8], claimed: &[u8], position| {
            let pair = (record(&streamed[..512], position), record(claimed, position));
            output.contradicts(&leaf(claimed), Some(&pair))
        };
        assert!(pair(&bytes, &other, 1));
        assert!(!pair(&bytes, &other, 0), "this record is the same");
        assert!(!pair(&other, &bytes, 1), "this was never streamed");
        let shifted = (record(&bytes[..512], 0), record(&bytes, 1));
        assert!(!output.contradicts(&leaf(&bytes), Some(&shifted)), "two records of two places");
    }
}
