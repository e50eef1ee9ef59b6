//! What can move a job, as it was signed: the link between statements and the steps of the table.

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    check::{OpenClaim, OpenSeal, Seal, Unserved},
    claim::{Claim, Reveal},
    codec::bounded,
    draw::{TRIES_MAX, Try},
    id::{JobId, NetworkId, PeerId},
    job::{Job, Party, Step},
    objection::{Cancel, Contradict, Dispute},
    order::Abort,
    signed::{Scheme, Signed},
};

/// One thing that moved a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When: the round of the last tick before it.
    pub round: u64,
    /// What.
    pub what: Happening,
}

/// What can move a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Happening {
    /// The provider claimed.
    Claim {
        /// Its statement.
        claim: Signed<Claim>,
        /// The position in the notary's journal.
        position: u64,
    },
    /// The provider gave up.
    Abort(Signed<Abort>),
    /// The client cancelled.
    Cancel(Signed<Cancel>),
    /// The client revealed its secret.
    Reveal(Signed<Reveal>),
    /// The client disputed the result.
    Dispute(Signed<Dispute>),
    /// The client showed that something else was streamed than claimed.
    Contradict(Box<Signed<Contradict>>),
    /// It was drawn whether to check.
    Draw {
        /// Whether.
        check: bool,
    },
    /// A verifier was drawn: the positions that were tried, the last being its own; none if nobody could be drawn.
    Seat(#[serde(deserialize_with = "bounded::list::<TRIES_MAX, _, _>")] Vec<Try>),
    /// A verifier sealed.
    Seal(Signed<Seal>),
    /// A verifier was not given the input.
    Unserved(Signed<Unserved>),
    /// The provider opened its claim.
    OpenClaim(Signed<OpenClaim>),
    /// A verifier opened its seal.
    OpenSeal(Signed<OpenSeal>),
    /// A tick moved the job. One at which a freeze holds it back does not, and is not told.
    Tick,
    /// The provider was convicted over another job.
    Convicted,
}

/// The step that a happening amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The step of the table.
    pub step: Step,
    /// The party that takes it.
    pub by: Party,
    /// Which job it is about and who says so, where it is somebody's statement.
    pub signed: Option<(JobId, PeerId)>,
}

impl Happening {
    /// The step of a job that it amounts to, whoever signed it. A verifier speaks for the seat that it was drawn for.
    #[must_use]
    pub fn taken(&self, job: &Job) -> Taken {
        match self {
            Self::Claim { claim, position } => {
                let said = claim.said();
                let step = Step::Claim { claim: *said, digest: said.digest(), position: *position };
                Taken { step, by: Party::Provider, signed: Some((said.job, said.signer())) }
            }
            Self::Abort(abort) => {
                let said = abort.said();
                let step = Step::Abort { ticket: said.ticket };
                Taken { step, by: Party::Provider, signed: Some((said.job, said.signer())) }
            }
            Self::Cancel(cancel) => {
                let said = cancel.said();
                let step = Step::Cancel { ticket: said.ticket };
                Taken { step, by: Party::Client, signed: Some((said.job, said.signer())) }
            }
            Self::Dispute(dispute) => {
                let said = dispute.said();
                Taken { step: Step::Dispute, by: Party::Client, signed: Some((said.job, said.signer())) }
            }
            Self::Contradict(contradict) => {
                let said = contradict.said();
                let signed = Some((said.job, said.signer()));
                let output = said.output.said();
                let step = Step::Contradict {
                    streamed_by: output.signer(),
                    output: *output,
                    leaf: said.leaf,
                    evidence: said.evidence,
                    records: said.records.clone(),
                };
                Taken { step, by: Party::Client, signed }
            }
            Self::Reveal(reveal) => {
                let said = reveal.said();
                let step = Step::Reveal { position: said.position, secret: said.secret };
                Taken { step, by: Party::Client, signed: Some((said.job, said.signer())) }
            }
            Self::Seal(seal) => {
                let said = seal.said();
                let step = Step::Seal { commit: said.commit };
                Taken { step, by: seat_of(job, said.signer()), signed: Some((said.job, said.signer())) }
            }
            Self::Unserved(unserved) => {
                let said = unserved.said();
                let by = seat_of(job, said.signer());
                Taken { step: Step::Unserved, by, signed: Some((said.job, said.signer())) }
            }
            Self::OpenClaim(opening) => {
                let said = opening.said();
                let signed = Some((said.job, said.signer()));
                let OpenClaim { output, evidence, records, .. } = said.clone();
                Taken { step: Step::OpenClaim { output, evidence, records }, by: Party::Provider, signed }
            }
            Self::OpenSeal(opening) => {
                let said = opening.said();
                let (signed, by) = (Some((said.job, said.signer())), seat_of(job, said.signer()));
                let OpenSeal { evidence, records, .. } = said.clone();
                Taken { step: Step::OpenSeal { evidence, records }, by, signed }
            }
            Self::Draw { check } => of_notary(Step::Draw { check: *check }),
            Self::Seat(tries) => {
                of_notary(Step::Seat { verifier: tries.last().map(|tried| tried.leaf.peer) })
            }
            Self::Tick => of_notary(Step::Tick { frozen: false }),
            Self::Convicted => of_notary(Step::Convicted),
        }
    }

    /// The job that somebody's statement is about, and who says so.
    #[must_use]
    pub fn about(&self) -> Option<(JobId, PeerId)> {
        fn of<T>(signed: &Signed<T>, job: impl Fn(&T) -> JobId) -> Option<(JobId, PeerId)> {
            let said = signed.said();
            Some((job(&said), said.signer()))
        }
        match self {
            Self::Claim { claim, .. } => of(claim, |said| said.job),
            Self::Abort(abort) => of(abort, |said| said.job),
            Self::Cancel(cancel) => of(cancel, |said| said.job),
            Self::Reveal(reveal) => of(reveal, |said| said.job),
            Self::Dispute(dispute) => of(dispute, |said| said.job),
            Self::Contradict(contradict) => of(contradict, |said| said.job),
            Self::Seal(seal) => of(seal, |said| said.job),
            Self::Unserved(unserved) => of(unserved, |said| said.job),
            Self::OpenClaim(opening) => of(opening, |said| said.job),
            Self::OpenSeal(opening) => of(opening, |said| said.job),
            Self::Draw { .. } | Self::Seat(_) | Self::Tick | Self::Convicted => None,
        }
    }

    /// True if the statement in it, where there is one, was signed by the peer that it names, and each inside that too.
    #[must_use]
    pub fn is_signed<S: Scheme>(&self, network: NetworkId) -> bool {
        match self {
            Self::Claim { claim, .. } => claim.is_signed::<S>(network),
            Self::Abort(abort) => abort.is_signed::<S>(network),
            Self::Cancel(cancel) => cancel.is_signed::<S>(network),
            Self::Dispute(dispute) => dispute.is_signed::<S>(network),
            Self::Contradict(contradict) => contradict.is_signed::<S>(network),
            Self::Reveal(reveal) => reveal.is_signed::<S>(network),
            Self::Seal(seal) => seal.is_signed::<S>(network),
            Self::Unserved(unserved) => unserved.is_signed::<S>(network),
            Self::OpenClaim(opening) => opening.is_signed::<S>(network),
            Self::OpenSeal(opening) => opening.is_signed::<S>(network),
            Self::Draw { .. } | Self::Seat(_) | Self::Tick | Self::Convicted => true,
        }
    }
}

/// The seat that a peer was drawn for; one that nobody has, if it was not drawn.
fn seat_of(job: &Job, peer: PeerId) -> Party {
    let seat = job.seats().iter().position(|seat| seat.peer == peer);
    Party::Verifier(seat.and_then(|seat| u16::try_from(seat).ok()).unwrap_or(u16::MAX))
}

fn of_notary(step: Step) -> Taken {
    Taken { step, by: Party::Notary, signed: None }
}
