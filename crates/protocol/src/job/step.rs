//! The vocabulary of the table: who can do what to a job, and why a step is refused.

use alloc::vec::Vec;

use crate::{
    check::{Evidence, ShownRecord, Trap},
    claim::{Claim, EvidenceLeaf, OutputLeaf},
    id::{Digest, PeerId},
    objection::Output,
    roster::Leaf,
    units::{Amount, Timestamp},
};

/// Who takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// Who ordered.
    Client,
    /// Who runs the job.
    Provider,
    /// Who checks it, by seat.
    Verifier(u16),
    /// Who keeps the books, and time with them.
    Notary,
}

/// What may happen to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The provider states what it did.
    Claim {
        /// The statement.
        claim: Claim,
        /// Its digest.
        digest: Digest,
        /// Its position in the notary's journal.
        position: u64,
    },
    /// The provider gives up.
    Abort {
        /// The digest of the ticket that it worked under; that of zeros, if it was shown none.
        ticket: Digest,
    },
    /// The client wants no more of it.
    Cancel {
        /// The digest of the ticket that it was opened under.
        ticket: Digest,
    },
    /// The client reveals its secret.
    Reveal {
        /// The position of the claim that it quotes.
        position: u64,
        /// The secret.
        secret: Digest,
    },
    /// The client has a result checked that was not drawn.
    Dispute,
    /// The client shows that something else was streamed than claimed.
    Contradict {
        /// Who signed for what was streamed.
        streamed_by: PeerId,
        /// What was streamed.
        output: Output,
        /// The opened half of the claim.
        leaf: OutputLeaf,
        /// The digest of the sealed half.
        evidence: Digest,
        /// One record as it was streamed, and as it was claimed.
        records: Option<(ShownRecord, ShownRecord)>,
    },
    /// The notary draws whether it is checked, or whether somebody looks again.
    Draw {
        /// Whether.
        check: bool,
    },
    /// The notary draws a verifier.
    Seat {
        /// Who it is; none if nobody can check it.
        verifier: Option<Leaf>,
        /// From when on its time counts, where it has checks before it that were given to it earlier; none for now.
        after: Option<Timestamp>,
    },
    /// A verifier says that it is there.
    Underway {
        /// Until when its seal is due, as it was told.
        due: Timestamp,
    },
    /// A verifier seals what it found.
    Seal {
        /// The digest of its evidence.
        commit: Digest,
        /// The evidence, where it is sealed and opened at once.
        evidence: Option<Evidence>,
    },
    /// A verifier was not given the input.
    Unserved,
    /// The provider opens its claim.
    OpenClaim {
        /// The half that the client knows.
        output: OutputLeaf,
        /// The half that was sealed.
        evidence: EvidenceLeaf,
        /// The wanted records.
        records: Vec<ShownRecord>,
        /// That the claim is a trap, and who says so.
        trap: Option<(PeerId, Trap)>,
        /// What the client put up for that.
        pledged: Amount,
    },
    /// A verifier opens its seal.
    OpenSeal {
        /// What was sealed.
        evidence: Evidence,
        /// The wanted records.
        records: Vec<ShownRecord>,
    },
    /// Time passed.
    Tick {
        /// True while a juror supports an accusation of the provider over another job.
        frozen: bool,
    },
    /// The provider was convicted over another job.
    Convicted,
    /// Over another job of the provider too many were given no input.
    Unreached,
}

/// Why a step was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Misstep {
    /// The party never takes this step, or another one sits in its seat.
    #[error("this step is not this party's to take")]
    NotYours,
    /// The stage for this step is still to come.
    #[error("too early")]
    TooEarly,
    /// The stage for this step is over.
    #[error("too late")]
    TooLate,
    /// The same step was taken before; nothing changes.
    #[error("already known")]
    Known,
    /// Something else was said in its place before.
    #[error("contradicts what was said before")]
    Conflict,
    /// The statement quotes another ticket.
    #[error("quotes another ticket")]
    OtherTicket,
    /// The statement quotes another position of the claim.
    #[error("quotes another position of the claim")]
    OtherPosition,
    /// The statement does not open what was committed to.
    #[error("does not open what was committed to")]
    Unmatched,
    /// The records are not those that are wanted.
    #[error("does not show the wanted records")]
    Unwanted,
    /// The records do not stand under their root, or the sealed measure is not theirs.
    #[error("the records are not those of the evidence")]
    Unproven,
    /// What was streamed is the beginning of what was claimed.
    #[error("what was streamed is no other than what was claimed")]
    Consistent,
    /// The verifier was told another deadline.
    #[error("names another deadline than the check's")]
    OtherDeadline,
    /// The claim exceeds the order.
    #[error("exceeds the order")]
    Excess,
    /// The claim calls a job cancelled that is not.
    #[error("nobody cancelled the job")]
    NotCancelled,
    /// The job is closed.
    #[error("the job is closed")]
    Closed,
}
