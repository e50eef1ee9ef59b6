//! The numbers of a network that nobody chose otherwise.
//!
//! **Invariant:** these are written into a network's file when it is founded and never read again: a later release with
//! other numbers here does not change a network that exists.

use assay_protocol::{
    genesis::{Checks, Genesis, Money, Threshold, Timers},
    id::PeerId,
    manifest::TensorFormat,
    units::Rate,
};

/// A network without notaries, manifests and verifiers, whose credits `issuer` grants.
#[must_use]
pub fn genesis(name: &str, issuer: PeerId) -> Genesis {
    Genesis {
        name: name.to_owned(),
        unit: "credit".to_owned(),
        real_money: false,
        notaries: Vec::new(),
        issuer,
        timers: Timers::default(),
        checks: Checks::default(),
        money: Money::default(),
        thresholds: thresholds(),
        manifests: Vec::new(),
        endowed: Vec::new(),
        verifiers: Vec::new(),
    }
}

/// When outputs of each format agree.
#[must_use]
pub fn thresholds() -> Vec<Threshold> {
    vec![Threshold { format: TensorFormat::F32, ok: Rate::of(5, 100_000), bad: Rate::of(5, 10_000) }]
}
