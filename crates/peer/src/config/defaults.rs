//! The numbers of a network that nobody chose otherwise.
//!
//! **Invariant:** these are written into a network's file when it is founded and never read again: a later release with
//! other numbers here does not change a network that exists.

use assay_protocol::{
    genesis::{Checks, Genesis, Money, Threshold, Timers},
    id::PeerId,
    manifest::TensorFormat,
    units::{Amount, Duration, Rate},
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
        timers: timers(),
        checks: checks(),
        money: money(),
        thresholds: thresholds(),
        manifests: Vec::new(),
        verifiers: Vec::new(),
    }
}

/// Lengths of time.
#[must_use]
pub fn timers() -> Timers {
    Timers {
        tick: Duration::seconds(10),
        gap_max: Duration::seconds(20),
        epoch_ticks: 60,
        claim: Duration::seconds(30),
        reveal: Duration::seconds(15),
        input: Duration::seconds(10),
        seal: Duration::seconds(20),
        opening: Duration::seconds(30),
        silence: Duration::seconds(3_600),
        window: Duration::seconds(600),
        settle_max: Duration::seconds(12 * 3_600),
    }
}

/// Numbers of verification.
#[must_use]
pub fn checks() -> Checks {
    Checks::default()
}

/// Numbers of money.
#[must_use]
pub fn money() -> Money {
    Money {
        per_work: Amount(1_000),
        micros_per_work: 1,
        margin: Rate::of(15, 100),
        pool: Amount::credits(1_000),
        low_water: Amount::credits(100),
        welcome: Amount::ZERO,
        welcomes_per_hour: 0,
        slash_multiple: 100,
        slash_checks: 12,
        bounty_checks: 20,
        entry_checks: 4,
    }
}

/// When outputs of each format agree.
#[must_use]
pub fn thresholds() -> Vec<Threshold> {
    vec![Threshold { format: TensorFormat::F32, ok: Rate::of(5, 100_000), bad: Rate::of(5, 10_000) }]
}
