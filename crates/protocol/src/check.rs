//! A re-execution: what a verifier is asked, what it seals, what both sides open.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    claim::{Claim, EvidenceLeaf, OutputLeaf, Written},
    codec::{self, bounded},
    id::{Digest, JobId, NetworkId, PeerId},
    manifest::{End, Manifest, Policy},
    merkle::Path,
    signed::{Attested, Forged, Scheme, Signed, Statement, Verified, statements},
    units::{Duration, Timestamp, Units, Work},
};

/// Records that one opening shows.
pub const OPENED_RECORDS_MAX: usize = 16;

/// The notary asks a verifier to run a job again. Nothing in it tells a first check from a jury or a dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which job.
    pub job: JobId,
    /// Who is asked; the check is also its ticket to the input.
    pub verifier: PeerId,
    /// The class of machine that is to run it.
    pub class: Digest,
    /// What is to run.
    pub manifest: Manifest,
    /// Where the run ends at the latest: the order's ceiling, or what was claimed of a job that its client cancelled.
    pub units_max: Units,
    /// The longest run: [`crate::deadline::checking`].
    pub run_max: Duration,
    /// What the run draws its choices from.
    pub seed: Digest,
    /// The digest of the blob salt ‖ input.
    pub input_commit: Digest,
    /// Two peers that hold the input, in an order that says nothing.
    pub sources: [PeerId; 2],
    /// Until when the seal must be in.
    pub seal_by: Timestamp,
    /// What was claimed to have been written, where a run may be tried along it.
    pub draft: Option<Draft>,
    /// The same in the live time of the notary's books, in which it stays what it is: what the verifier answers to.
    pub due: Timestamp,
}

/// What a run may be tried along: what was claimed of the output, and nothing of what proves it. A hint that changes no bit
/// of what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The output; both parties serve it to the verifier.
    pub written: Written,
    /// What was billed.
    pub units: Units,
    /// Why the run ended.
    pub end: End,
}

/// A verifier is there, and works on its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Underway {
    /// Which job.
    pub job: JobId,
    /// Until when its seal is due, as its check says.
    pub due: Timestamp,
}

/// What a verifier found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The output.
    pub written: Written,
    /// The root over the evidence's records.
    pub evidence_root: Digest,
    /// How many records of evidence there are.
    pub records: u64,
    /// What the verifier counted.
    pub units: Units,
    /// What it cost to compute, as a run by itself.
    pub work: Work,
    /// What it costs to check: the same, but where a check runs along the output.
    pub check_work: Work,
    /// Why the run ended.
    pub end: End,
    /// The root mean square of the whole output, as the bits of a 64-bit float; 0 where nothing is measured.
    pub rms: u64,
    /// Hides the rest until it is opened.
    pub salt: Digest,
}

impl Evidence {
    /// True if its records are those that the policy wants: of the output itself, or of the rows that made it.
    #[must_use]
    pub fn is_in_form(&self, policy: Policy) -> bool {
        self.written.is_shown_by(policy, self.evidence_root, self.records)
    }

    /// What is sealed.
    #[must_use]
    pub fn commit(&self) -> Digest {
        codec::digest("seal", self)
    }
}

/// A verifier fixes what it found; where records are drawn from it, before it is known which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Which job.
    pub job: JobId,
    /// The digest of its evidence.
    pub commit: Digest,
    /// The evidence itself, where the policy compares no records; none where it is opened later.
    pub evidence: Option<Evidence>,
}

/// Nobody gave a verifier the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unserved {
    /// Which job.
    pub job: JobId,
}

/// One record with the path that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownRecord {
    /// Its place among the records.
    pub position: u64,
    /// Its bytes.
    #[serde(with = "bounded::record")]
    pub bytes: Vec<u8>,
    /// The siblings up to the evidence root.
    pub path: Path,
}

/// The client knows that a claim is false on purpose: a trap for verifiers that say what they were told instead of what they
/// found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trap {
    /// Of which job.
    pub job: JobId,
    /// The commitment in the claim.
    pub commit: Digest,
}

/// The provider opens its claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenClaim {
    /// Which job.
    pub job: JobId,
    /// The half that the client knows.
    pub output: OutputLeaf,
    /// The half that was sealed.
    pub evidence: EvidenceLeaf,
    /// All records if they are few, otherwise those that the beacon drew.
    #[serde(deserialize_with = "bounded::list::<OPENED_RECORDS_MAX, _, _>")]
    pub records: Vec<ShownRecord>,
    /// The client's word that the claim is a trap, where it is one.
    pub trap: Option<Signed<Trap>>,
}

impl OpenClaim {
    /// True if this opens all of a claim to an order of this client whose policy compares no records.
    #[must_use]
    pub fn is_whole(&self, claim: &Claim, policy: Policy, client: PeerId) -> bool {
        let trap = self.trap.as_ref().map(|trap| (trap.said().signer(), *trap.said()));
        is_whole(claim, policy, &self.output, &self.evidence, &self.records)
            && trap.is_none_or(|(signer, trap)| trap.is_set(claim, signer, client))
    }
}

impl Trap {
    /// True if this, by `signer`, makes a trap of a claim to an order of `client`.
    pub(crate) fn is_set(self, claim: &Claim, signer: PeerId, client: PeerId) -> bool {
        signer == client && (self.job, self.commit) == (claim.job, claim.commit)
    }
}

impl Verified<OpenClaim> {
    /// The client's word, as it was signed, where the claim is a trap.
    #[must_use]
    pub fn trap(&self) -> Option<Attested<'_, Trap>> {
        self.inside_if(|opening| opening.trap.as_ref())
    }
}

/// True if these open all of a claim whose policy compares no records: both halves are those that were committed to, in the
/// form that the policy wants, without a measure of it.
pub(crate) fn is_whole(
    claim: &Claim,
    policy: Policy,
    output: &OutputLeaf,
    evidence: &EvidenceLeaf,
    records: &[ShownRecord],
) -> bool {
    let opens = claim.opens_to(output, evidence.digest()) && evidence.is_in_form(policy, &output.written);
    opens && evidence.rms == 0 && records.is_empty()
}

/// A verifier opens its seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenSeal {
    /// Which job.
    pub job: JobId,
    /// What was sealed.
    pub evidence: Evidence,
    /// All records if they are few, otherwise those that the beacon drew.
    #[serde(deserialize_with = "bounded::list::<OPENED_RECORDS_MAX, _, _>")]
    pub records: Vec<ShownRecord>,
}

statements!(Check, Underway, Seal, Unserved, Trap, OpenSeal);

impl Statement for OpenClaim {
    const NAME: &'static str = "OpenClaim";

    fn verify_inside<S: Scheme>(&self, network: NetworkId) -> Result<(), Forged> {
        self.trap.as_ref().map_or(Ok(()), |trap| trap.verify::<S>(network))
    }
}
