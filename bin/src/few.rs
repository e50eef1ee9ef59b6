//! The numbers of a network of a few peers: the demonstration's, and those that friends found.
//!
//! **Invariant:** a handful of verifiers are enough, and nobody has to be kept out by what a place costs.

use assay_protocol::{
    genesis::{Checks, Money},
    manifest::Manifest,
    units::{Amount, Rate},
};

/// What a new account is given.
pub(crate) const WELCOME: Amount = Amount::credits(5);
/// How many are given it in an hour.
const WELCOMES_PER_HOUR: u64 = 60;
/// Verifiers that are left beside two who are verifiers themselves.
const LEAVES_MIN: u64 = 2;

/// The numbers of verification, where the verifiers that are left must count as so many of equal stake, in thousandths.
pub(crate) fn checks(effective_per_mille: u64) -> Checks {
    Checks {
        leaves_min: LEAVES_MIN,
        effective_min: Rate::per_mille(effective_per_mille),
        party_share: Rate::per_mille(500),
        weight_kept: Rate::ZERO,
        ..Checks::default()
    }
}

/// The numbers of money, where the heaviest check of any model earns this, whatever the models' constants are.
pub(crate) fn money(manifests: &[Manifest], heaviest_check: Amount) -> Money {
    let heaviest = manifests.iter().map(|manifest| manifest.work_most).max().unwrap_or(1).max(1);
    Money {
        per_work: Amount((heaviest_check.0 / heaviest).max(1)),
        welcome: WELCOME,
        welcomes_per_hour: WELCOMES_PER_HOUR,
        place_hour: Amount::ZERO,
        ..Money::default()
    }
}
