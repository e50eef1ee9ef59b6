//! The judge: recomputes a receipt from the file alone.

use alloc::string::String;

use crate::{id::{Digest, PeerId, NetworkId}, outcome::Outcome, receipt::Receipt, signed::Scheme, units::Rate};

/// What a verified receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The network.
    pub network: NetworkId,
    /// Its name.
    pub network_name: String,
    /// Who closed the job.
    pub notary: PeerId,
    /// Which job.
    pub job: Digest,
    /// How it ended.
    pub outcome: Outcome,
    /// The rate at which it was to be checked.
    pub rate: Rate,
    /// Re-executions that agree with the provider.
    pub agreeing: u64,
    /// Re-executions in all.
    pub checks: u64,
}

/// The step at which a receipt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Step {
    Encoding,
    NotarySignature,
    Order,
    Ticket,
    Claim,
    Reveal,
    Beacon,
    Draw,
    Verifiers,
    Evidence,
    Outcome,
    Payout,
}

/// Why a receipt is not what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step:?}: {expected}")]
pub struct Refuted {
    /// The step that failed.
    pub step: Step,
    /// What was expected.
    pub expected: String,
}

/// Judges a receipt.
///
/// # Errors
/// [`Refuted`] with the first step that fails.
pub fn verify<S: Scheme>(_receipt: &Receipt) -> Result<Report, Refuted> {
    unreachable!()
}
