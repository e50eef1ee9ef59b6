//! From a run to the end of the provider's freedom: the sealed claim, its delivery, the client's secret.

use serde::{Deserialize, Serialize};

use crate::{
    codec,
    id::{Digest, JobId},
    manifest::{End, Policy},
    merkle::{self, RECORD_BYTES},
    order::Order,
    signed::{Attested, Signed, Verified, statements},
    units::{Amount, Units, Work},
};

/// The provider's statement of what it did; from here on nothing can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Which job.
    pub job: JobId,
    /// The digest of the ticket that it worked under: the notary cannot state other terms afterwards.
    pub ticket: Digest,
    /// What is billed.
    pub units: Units,
    /// What it cost to compute.
    pub work: Work,
    /// What it costs to check: the same, but where a check runs along the output.
    pub check_work: Work,
    /// Why the run ended.
    pub end: End,
    /// The digest over both leaves.
    pub commit: Digest,
}

/// What a run wrote, by both of its names: records are shown under the one, bytes are fetched by the other. Whoever states
/// them states that they are names of the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// The root over its records.
    pub root: Digest,
    /// How many records there are.
    pub records: u64,
    /// The digest of its bytes.
    pub blob: Digest,
}

/// The half of a claim that the client sees at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputLeaf {
    /// The output.
    pub written: Written,
    /// What is billed.
    pub units: Units,
    /// Why the run ended.
    pub end: End,
    /// Hides the rest.
    pub blind: Digest,
}

/// The half of a claim that stays sealed until a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceLeaf {
    /// The root over the evidence's records.
    pub evidence_root: Digest,
    /// How many records there are.
    pub records: u64,
    /// The root mean square of the whole output under the manifest's policy, as the bits of a 64-bit float; 0 for none.
    pub rms: u64,
    /// Hides the rest.
    pub blind: Digest,
}

impl Written {
    /// The names of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let records = merkle::count(bytes.len() as u64, RECORD_BYTES);
        Self { root: merkle::root(bytes, RECORD_BYTES), records, blob: Digest::of(bytes) }
    }

    /// True if evidence of this root and so many records is what the policy wants: this output's own records, or those of
    /// the rows that made it.
    pub(crate) fn is_shown_by(&self, policy: Policy, root: Digest, records: u64) -> bool {
        (root, records) == (self.root, self.records) || policy.is_proven_by_rows()
    }
}

impl OutputLeaf {
    /// What stands for this leaf in the commitment.
    #[must_use]
    pub fn digest(&self) -> Digest {
        codec::digest("output leaf", self)
    }
}

impl EvidenceLeaf {
    /// True if its records are those that the policy wants: of this output, or of the rows that made it.
    #[must_use]
    pub fn is_in_form(&self, policy: Policy, written: &Written) -> bool {
        written.is_shown_by(policy, self.evidence_root, self.records)
    }

    /// What stands for this leaf in the commitment.
    #[must_use]
    pub fn digest(&self) -> Digest {
        codec::digest("evidence leaf", self)
    }
}

/// The commitment over both leaves.
#[must_use]
pub fn commit(output: Digest, evidence: Digest) -> Digest {
    codec::digest("claim", &(output, evidence))
}

impl Claim {
    /// True if this closes a cancelled job for the agreed fee, rather than for what was streamed.
    #[must_use]
    pub fn is_for_the_fee(&self) -> bool {
        self.end == End::Cancelled && self.units == 0
    }

    /// The most that is paid for it, where this was ordered.
    #[must_use]
    pub fn pay_most(&self, order: &Order) -> Amount {
        order.unit_price.times(self.units.min(order.units_max)).unwrap_or_default()
    }

    /// The work that a run of it is paid for at most, where this was ordered: what it says, but no less than its units are.
    #[must_use]
    pub fn work_paid(&self, order: &Order) -> Work {
        self.work.max(order.manifest.work_least(self.units)).min(order.work_max)
    }

    /// The work that a check of it is paid for at most that finds what was claimed, where this was ordered.
    #[must_use]
    pub fn check_work_paid(&self, order: &Order) -> Work {
        let said = order.manifest.policy.work_of_check(self.work, self.check_work);
        said.max(order.manifest.check_work_least(self.units)).min(order.check_work_max())
    }

    /// True if this leaf and the digest of the other are what was claimed.
    #[must_use]
    pub fn opens_to(&self, output: &OutputLeaf, evidence: Digest) -> bool {
        self.commit == commit(output.digest(), evidence)
            && self.units == output.units
            && self.end == output.end
    }
}

/// The provider hands the client its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliver {
    /// The claim, as the notary gets it.
    pub claim: Signed<Claim>,
    /// The opened half.
    pub leaf: OutputLeaf,
    /// The digest of the sealed half.
    pub evidence: Digest,
}

impl Verified<Deliver> {
    /// The claim, as whoever ran the job signed it.
    #[must_use]
    pub fn claim(&self) -> Attested<'_, Claim> {
        self.inside(|deliver| &deliver.claim)
    }
}

/// The client's secret, once the claim is in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reveal {
    /// Which job.
    pub job: JobId,
    /// The position of the claim in the notary's journal.
    pub position: u64,
    /// The secret.
    pub secret: Digest,
}

statements!(Claim, Deliver { claim }, Reveal);
