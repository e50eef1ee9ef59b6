//! What can move a job, as it was signed: the link between statements and the steps of the table.

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    check::{OpenClaim, OpenSeal, Seal, Underway, Unserved},
    claim::{Claim, Reveal},
    codec::bounded,
    draw::{TRIES_MAX, Try},
    id::{Digest, JobId, NetworkId, PeerId},
    job::{Job, Party, Step},
    message::Opened,
    objection::{Cancel, Contradict, Dispute},
    order::Abort,
    signed::{Scheme, Signed},
    units::{Amount, Timestamp},
};

/// One thing that moved a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoryEvent {
    /// When: the round of the last tick before it.
    pub round: u64,
    /// What.
    pub what: Happening,
}

/// What can move a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "each is moved a few times; a box would cost an allocation")]
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
    /// It was drawn whether to check, or whether to look again.
    Draw {
        /// Whether.
        check: bool,
    },
    /// A verifier was drawn.
    Seat {
        /// The positions that were tried, the last being its own; none if nobody could be drawn.
        #[serde(deserialize_with = "bounded::list::<TRIES_MAX, _, _>")]
        tries: Vec<Try>,
        /// From when on its time counts, where it has checks before it that were given to it earlier.
        after: Option<Timestamp>,
    },
    /// A verifier sealed.
    Seal(Signed<Seal>),
    /// A verifier was not given the input.
    Unserved(Signed<Unserved>),
    /// The provider opened its claim.
    OpenClaim {
        /// Its statement.
        opening: Signed<OpenClaim>,
        /// Hides from whoever knows the statement that this is it, as long as only its digest is published: nobody can show
        /// a verifier whether a claim is a trap.
        blind: Digest,
        /// What the client put up for it where the claim is a trap: what is at stake in that, or as much of it as it had.
        pledged: Amount,
    },
    /// A verifier opened its seal.
    OpenSeal(Signed<OpenSeal>),
    /// A tick moved the job. One at which a freeze holds it back does not, and is not told.
    Tick,
    /// The provider was convicted over another job.
    Convicted,
    /// Over another job of the provider too many were given no input.
    Unreached,
    /// A verifier said that it is there.
    Underway(Signed<Underway>),
}

/// What to do with the statement in a happening, whichever it is, and what to say where there is none.
macro_rules! of_statement {
    ($happening:expr, $signed:ident => $of:expr, none => $none:expr) => {
        match $happening {
            Happening::Claim { claim: $signed, .. } => $of,
            Happening::Abort($signed) => $of,
            Happening::Cancel($signed) => $of,
            Happening::Reveal($signed) => $of,
            Happening::Dispute($signed) => $of,
            Happening::Contradict($signed) => $of,
            Happening::Seal($signed) => $of,
            Happening::Unserved($signed) => $of,
            Happening::OpenClaim { opening: $signed, .. } => $of,
            Happening::OpenSeal($signed) => $of,
            Happening::Underway($signed) => $of,
            Happening::Draw { .. }
            | Happening::Seat { .. }
            | Happening::Tick
            | Happening::Convicted
            | Happening::Unreached => $none,
        }
    };
}

impl Happening {
    /// What a party's message makes happen to its job, where the notary's journal goes on at this position; nothing, if
    /// it is no step of a job.
    #[must_use]
    pub fn of(message: &Opened, position: u64) -> Option<Self> {
        Some(match message {
            Opened::Claim(claim) => Self::Claim { claim: claim.signed().clone(), position },
            Opened::Abort(abort) => Self::Abort(abort.signed().clone()),
            Opened::Cancel(cancel) => Self::Cancel(cancel.signed().clone()),
            Opened::Reveal(reveal) => Self::Reveal(reveal.signed().clone()),
            Opened::Dispute(dispute) => Self::Dispute(dispute.signed().clone()),
            Opened::Contradict(contradict) => Self::Contradict(Box::new(contradict.signed().clone())),
            Opened::Underway(underway) => Self::Underway(underway.signed().clone()),
            Opened::Seal(seal) => Self::Seal(seal.signed().clone()),
            Opened::Unserved(unserved) => Self::Unserved(unserved.signed().clone()),
            Opened::OpenClaim(opening) => {
                let (blind, pledged) = (Digest::default(), Amount::ZERO);
                Self::OpenClaim { opening: opening.signed().clone(), blind, pledged }
            }
            Opened::OpenSeal(opening) => Self::OpenSeal(opening.signed().clone()),
            Opened::Offer(_)
            | Opened::Propose(_)
            | Opened::Accept(_)
            | Opened::Refuse(_)
            | Opened::Open(_)
            | Opened::Ticket(_)
            | Opened::Start(_)
            | Opened::Deliver(_)
            | Opened::Check(_)
            | Opened::Notice(_)
            | Opened::Query(_)
            | Opened::Account(_)
            | Opened::Output(_)
            | Opened::Stake(_)
            | Opened::Unstake(_)
            | Opened::Register(_)
            | Opened::Grant(_)
            | Opened::Tick(_)
            | Opened::Settled(_)
            | Opened::PeerStanding(_) => return None,
        })
    }

    /// The step of a job that it amounts to, and the party that takes it, whoever signed it. A verifier speaks for the
    /// seat that it was drawn for.
    #[must_use]
    pub fn step(&self, job: &Job) -> (Step, Party) {
        match self {
            Self::Claim { claim, position } => {
                let said = claim.said();
                let step = Step::Claim { claim: *said, digest: said.digest(), position: *position };
                (step, Party::Provider)
            }
            Self::Abort(abort) => (Step::Abort { ticket: abort.said().ticket }, Party::Provider),
            Self::Cancel(cancel) => (Step::Cancel { ticket: cancel.said().ticket }, Party::Client),
            Self::Dispute(_) => (Step::Dispute, Party::Client),
            Self::Contradict(contradict) => {
                let said = contradict.said();
                let output = said.output.said();
                let step = Step::Contradict {
                    streamed_by: output.signer(),
                    output: *output,
                    leaf: said.leaf,
                    evidence: said.evidence,
                    records: said.records.clone(),
                };
                (step, Party::Client)
            }
            Self::Reveal(reveal) => {
                let said = reveal.said();
                (Step::Reveal { position: said.position, secret: said.secret }, Party::Client)
            }
            Self::Seal(seal) => {
                let said = seal.said();
                let step = Step::Seal { commit: said.commit, evidence: said.evidence };
                (step, seat_of(job, said.signer()))
            }
            Self::Underway(underway) => {
                let said = underway.said();
                (Step::Underway { due: said.due }, seat_of(job, said.signer()))
            }
            Self::Unserved(unserved) => (Step::Unserved, seat_of(job, unserved.said().signer())),
            Self::OpenClaim { opening, pledged, .. } => {
                let OpenClaim { output, evidence, records, trap, .. } = opening.said().clone();
                let trap = trap.map(|trap| (trap.said().signer(), *trap.said()));
                (Step::OpenClaim { output, evidence, records, trap, pledged: *pledged }, Party::Provider)
            }
            Self::OpenSeal(opening) => {
                let said = opening.said();
                let OpenSeal { evidence, records, .. } = said.clone();
                (Step::OpenSeal { evidence, records }, seat_of(job, said.signer()))
            }
            Self::Draw { check } => (Step::Draw { check: *check }, Party::Notary),
            Self::Seat { tries, after } => {
                let verifier = tries.last().map(|tried| tried.leaf);
                (Step::Seat { verifier, after: *after }, Party::Notary)
            }
            Self::Tick => (Step::Tick { frozen: false }, Party::Notary),
            Self::Convicted => (Step::Convicted, Party::Notary),
            Self::Unreached => (Step::Unreached, Party::Notary),
        }
    }

    /// The job that somebody's statement is about, and who says so.
    #[must_use]
    pub fn about(&self) -> Option<(JobId, PeerId)> {
        of_statement!(self, signed => Some((signed.said().job, signed.said().signer())), none => None)
    }

    /// True if the statement in it, where there is one, was signed by the peer that it names, and each inside that too.
    #[must_use]
    pub fn is_signed<S: Scheme>(&self, network: NetworkId) -> bool {
        of_statement!(self, signed => signed.is_signed::<S>(network), none => true)
    }
}

/// The seat that a peer was drawn for; one that nobody has, if it was not drawn.
fn seat_of(job: &Job, peer: PeerId) -> Party {
    let seat = job.seats().iter().position(|seat| seat.peer == peer);
    Party::Verifier(seat.and_then(|seat| u16::try_from(seat).ok()).unwrap_or(u16::MAX))
}
