//! What parties show of their outputs, as it is compared.
//!
//! **Invariant:** a record is compared only under the root that its owner committed to.

use crate::{
    check::{Evidence, ShownRecord},
    claim::{Claim, EvidenceLeaf, OutputLeaf},
    compare::Testimony,
    id::Digest,
    merkle,
};

/// True if each of these records stands under `root`.
pub(super) fn proven(root: Digest, count: u64, records: &[ShownRecord]) -> bool {
    records.iter().all(|record| {
        record.bytes.len() <= merkle::RECORD_BYTES
            && merkle::verify(root, count, record.position, &record.bytes, &record.path)
    })
}

/// What a provider claimed, with the records that it shows.
pub(super) fn opened(
    claim: &Claim,
    output: &OutputLeaf,
    evidence: &EvidenceLeaf,
    records: &[ShownRecord],
) -> Testimony {
    Testimony {
        written: output.written,
        evidence_root: evidence.evidence_root,
        records: evidence.records,
        units: output.units,
        work: claim.work,
        check_work: claim.check_work,
        end: output.end,
        rms: evidence.rms,
        shown: records.iter().map(|record| (record.position, record.bytes.clone())).collect(),
    }
}

/// What a verifier sealed, with the records that it shows.
pub(super) fn testimony(evidence: &Evidence, records: &[ShownRecord]) -> Testimony {
    Testimony {
        written: evidence.written,
        evidence_root: evidence.evidence_root,
        records: evidence.records,
        units: evidence.units,
        work: evidence.work,
        check_work: evidence.check_work,
        end: evidence.end,
        rms: evidence.rms,
        shown: records.iter().map(|record| (record.position, record.bytes.clone())).collect(),
    }
}
