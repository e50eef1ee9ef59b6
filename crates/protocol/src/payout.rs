//! The exact payout table.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{id::PeerId, units::Amount};

/// Who gets and pays what at a close.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// What the client gets back of what was held.
    pub client: Amount,
    /// What the provider is paid.
    pub provider: Amount,
    /// What the provider loses of its stake.
    pub slashed: Amount,
    /// What each verifier earns.
    pub fees: Vec<Fee>,
    /// What each verifier on the losing side pays from its stake.
    pub fines: Vec<Fee>,
    /// What the pool gets.
    pub pool_gains: Amount,
    /// What the pool gives.
    pub pool_gives: Amount,
}

/// What one verifier earns or pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// Who.
    pub peer: PeerId,
    /// How much.
    pub amount: Amount,
}
