//! What a record makes true.
//!
//! **Invariant:** every kind of record is weighed by its name.

use assay_protocol::{
    check::{Check, Seal, Unserved},
    claim::Claim,
    id::{Digest, JobId, PeerId},
    journal::{Entry, Fact},
    notice::Head,
    order::{Abort, Open, Order},
    signed::Signed,
    ticket::Ticket,
};

use crate::record::{ClientRecord, Instructed, OwnerRecord, ProviderRecord, Record, VerifierRecord};

/// What a record makes true: the ground of what is said because of it.
pub(super) enum Ground<'a> {
    /// Of nothing that others can see.
    Nothing,
    /// A submission.
    Wish(Digest),
    /// The end that a submission's user wants.
    End(Digest),
    /// The end of a job whose provider is not heard of.
    Forsaken(JobId),
    /// An order that was made.
    Order(&'a Signed<Order>),
    /// An order that its provider agreed to.
    Agreement(&'a Signed<Open>),
    /// An order that the notary opened.
    Ticket(&'a Signed<Ticket>),
    /// A claim that the notary showed.
    Shown(&'a Signed<Claim>),
    /// A result that its client doubts.
    Doubt(JobId),
    /// A job that is over.
    Close,
    /// What is on offer.
    Provision,
    /// A claim, with the digest of what was computed.
    Result(&'a Signed<Claim>, Digest),
    /// A claim for the fee of a job that was cancelled.
    Yield(&'a Signed<Claim>),
    /// A job that was given up.
    Abort(&'a Signed<Abort>),
    /// A check that this peer was drawn for.
    Asked(&'a Signed<Check>),
    /// What a check found.
    Seal(&'a Signed<Seal>),
    /// A check whose input nobody served.
    Unserved(&'a Signed<Unserved>),
    /// An instruction with its number.
    Instruction(&'a Instructed),
    /// What beacons grow from.
    Seed,
    /// An entry of a notary's chain.
    Entry(&'a Entry),
}

impl<'a> Ground<'a> {
    /// What this record makes true.
    pub(super) fn of(record: &'a Record) -> Self {
        match record {
            Record::Client(record) => Self::of_client(record),
            Record::Provider(record) => Self::of_provider(record),
            Record::Verifier(record) => match &**record {
                VerifierRecord::Asked(check) => Self::Asked(check.signed()),
                VerifierRecord::Sealed { seal, .. } => Self::Seal(seal.signed()),
                VerifierRecord::Unserved(unserved) => Self::Unserved(unserved.signed()),
                VerifierRecord::Ended(_) | VerifierRecord::Forgotten(_) => Self::Nothing,
            },
            Record::Chain(entry) => Self::Entry(entry),
            Record::Opening(_) => Self::Nothing,
            Record::Beacon(_) => Self::Seed,
            Record::Owner(record) => match &**record {
                OwnerRecord::Numbered(said) => Self::Instruction(said),
                OwnerRecord::Wished { .. }
                | OwnerRecord::Checkpoint(_)
                | OwnerRecord::Forked(_)
                | OwnerRecord::Ended { .. } => Self::Nothing,
            },
        }
    }

    fn of_client(record: &'a ClientRecord) -> Self {
        match record {
            ClientRecord::Submitted(submission) => Self::Wish(submission.key),
            ClientRecord::Ordered { order, .. } => Self::Order(order.signed()),
            ClientRecord::Agreed { open } => Self::Agreement(open.signed()),
            ClientRecord::Ticketed(ticket) => Self::Ticket(ticket.signed()),
            ClientRecord::Claimed(claim) => Self::Shown(claim.signed()),
            ClientRecord::Closed { .. } => Self::Close,
            ClientRecord::Cancelled { key } => Self::End(*key),
            ClientRecord::Forsaken { job } => Self::Forsaken(*job),
            ClientRecord::Disputed { job } => Self::Doubt(*job),
            ClientRecord::Dropped { .. }
            | ClientRecord::Delivered { .. }
            | ClientRecord::Failed { .. }
            | ClientRecord::Ended { .. }
            | ClientRecord::NotDisputed { .. }
            | ClientRecord::Taken { .. } => Self::Nothing,
        }
    }

    fn of_provider(record: &'a ProviderRecord) -> Self {
        match record {
            ProviderRecord::Provision(_) | ProviderRecord::Paused(_) => Self::Provision,
            ProviderRecord::Claimed { claim, result, .. } => {
                Self::Result(claim.signed(), result.written.blob)
            }
            ProviderRecord::Yielded(claim) => Self::Yield(claim.signed()),
            ProviderRecord::Aborted(abort) => Self::Abort(abort.signed()),
            ProviderRecord::Closed { .. } => Self::Close,
            ProviderRecord::Started { .. } | ProviderRecord::Blocked(_) | ProviderRecord::Unblocked(_) => {
                Self::Nothing
            }
        }
    }

    /// True for one of the provider's that holds this claim.
    pub(super) fn holds(&self, claim: &Signed<Claim>) -> bool {
        matches!(self, Self::Result(held, _) | Self::Yield(held) if *held == claim)
    }

    /// True for the entry that a notary's statement of its journal quotes, and for one about the same job or account.
    pub(super) fn bears(&self, head: Option<Head>, job: Option<JobId>, account: Option<PeerId>) -> bool {
        let Self::Entry(entry) = self else { return false };
        let (about, by) = subject(&entry.fact);
        let same_job = about.is_some() && about == job;
        let same_account = by.is_some() && by == account;
        same_job || same_account || head.is_some_and(|head| head.digest == entry.digest())
    }
}

/// Which job an entry is about, and whose account.
fn subject(fact: &Fact) -> (Option<JobId>, Option<PeerId>) {
    match fact {
        Fact::Tick(_) => (None, None),
        Fact::Open(open) => (Some(open.said().order.said().id()), None),
        Fact::Job(happening) => (happening.about().map(|(job, _)| job), None),
        Fact::Query(query) => (None, Some(query.said().signer())),
        Fact::Stake(stake) => (None, Some(stake.said().signer())),
        Fact::Unstake(unstake) => (None, Some(unstake.said().signer())),
        Fact::Register(register) => (None, Some(register.said().signer())),
        Fact::Grant(grant) => (None, Some(grant.said().signer())),
    }
}
