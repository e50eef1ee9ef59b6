//! The founding document of a network: who keeps its books, what its numbers are, what is checked and by whom at first.
//!
//! **Invariant:** a network is named by the digest of its genesis, so no number in it can change under its peers.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    codec,
    id::{Digest, NetworkId, PeerId},
    manifest::{Manifest, TensorFormat},
    units::{Amount, Duration, Rate, Work},
};

/// The founding document of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// What people call the network.
    pub name: String,
    /// What a credit is called.
    pub unit: String,
    /// Whether credits are backed by money; `false` in every network this release can found.
    pub real_money: bool,
    /// The peers that keep books.
    pub notaries: Vec<PeerId>,
    /// The key whose grants create credits.
    pub issuer: PeerId,
    /// Lengths of time.
    pub timers: Timers,
    /// Numbers of verification.
    pub checks: Checks,
    /// Numbers of money.
    pub money: Money,
    /// When outputs of each format agree.
    pub thresholds: Vec<Threshold>,
    /// What can be ordered by name from the first day.
    pub manifests: Vec<Manifest>,
    /// Who can check from the first day.
    pub verifiers: Vec<Founder>,
}

/// Lengths of time; deadlines fall at the first tick at or past them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timers {
    /// Between two ticks of a notary.
    pub tick: Duration,
    /// The most that a pause between two ticks counts.
    pub gap_max: Duration,
    /// Ticks from one checkpoint to the next.
    pub epoch_ticks: u64,
    /// The least time for a claim, beside three times the order's longest run.
    pub claim: Duration,
    /// For the client's secret after a claim.
    pub reveal: Duration,
    /// For the client to serve an input, before the provider must.
    pub input: Duration,
    /// The least time for a verifier's seal, beside three times the estimate of the check.
    pub seal: Duration,
    /// For opening what was claimed or sealed.
    pub opening: Duration,
    /// For an accused provider to open its claim.
    pub silence: Duration,
    /// The least time from the draw to the payment of a job that was not drawn.
    pub window: Duration,
    /// The longest time from opening to settling that an order may ask for.
    pub settle_max: Duration,
}

/// Numbers of verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// The rate below which no trust brings a provider.
    pub base: Rate,
    /// How slowly trust grows: the rate is `ramp / (v + 1)`.
    pub ramp: u64,
    /// How far deterrence exceeds the gain of a cheat.
    pub theta: Rate,
    /// The share of the checking stake that may collude.
    pub collusion: Rate,
    /// The chance that a check notices a cheat.
    pub power: Rate,
    /// Operators beside the parties that must be able to check a job.
    pub operators_min: u64,
    /// The greatest margin by which a jury convicts.
    pub margin_max: u64,
    /// Jurors after which a jury gives up.
    pub jurors_max: u64,
    /// Positions tried for one verifier.
    pub tries_max: u64,
    /// The share of the checking stake below which a verifier is not drawn.
    pub share_min: Rate,
    /// The share of the draws that one operator can have.
    pub share_max: Rate,
    /// A verifier's stake, in multiples of what the client can lose.
    pub stake_multiple: u64,
}

impl Default for Checks {
    /// The numbers that the deterrence of a cheat was computed for.
    fn default() -> Self {
        Self {
            base: Rate::per_mille(20),
            ramp: 5,
            theta: Rate::per_mille(1_500),
            collusion: Rate::per_mille(200),
            power: Rate::per_mille(950),
            operators_min: 3,
            margin_max: 6,
            jurors_max: 40,
            tries_max: 256,
            share_min: Rate::per_mille(10),
            share_max: Rate::per_mille(50),
            stake_multiple: 10,
        }
    }
}

/// Numbers of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// What a check earns for each unit of work.
    pub per_work: Amount,
    /// Microseconds that a unit of work is estimated to take.
    pub micros_per_work: u64,
    /// What fees exceed the expected cost of checks by.
    pub margin: Rate,
    /// The pool at the beginning.
    pub pool: Amount,
    /// Below this the margin rises.
    pub low_water: Amount,
    /// What a new account is given.
    pub welcome: Amount,
    /// New accounts that are given something, in an hour.
    pub welcomes_per_hour: u64,
    /// A slash in multiples of what the client can lose.
    pub slash_multiple: u64,
    /// The least slash in check costs.
    pub slash_checks: u64,
    /// The greatest bounty in check costs.
    pub bounty_checks: u64,
    /// The entry level in check costs.
    pub entry_checks: u64,
}

/// When outputs of one format agree, as shares of their root mean square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The format.
    pub format: TensorFormat,
    /// Up to this difference they match.
    pub ok: Rate,
    /// From this difference on they do not.
    pub bad: Rate,
}

/// A verifier of the first day: it counts as registered for all pinned manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Founder {
    /// The peer.
    pub peer: PeerId,
    /// Who runs it; the peer itself where nothing is declared.
    pub operator: Digest,
    /// What it has at stake.
    pub stake: Amount,
    /// What it has to spend.
    pub free: Amount,
    /// The classes of machine it checks for.
    pub classes: Vec<Digest>,
}

impl Genesis {
    /// The name of the network.
    #[must_use]
    pub fn id(&self) -> NetworkId {
        codec::digest("genesis", self)
    }

    /// What a check of this much work earns; the greatest amount if it does not fit.
    #[must_use]
    pub fn check_cost(&self, work: Work) -> Amount {
        self.money.per_work.times(work).unwrap_or(Amount(u64::MAX))
    }

    /// How long this much work is estimated to take.
    #[must_use]
    pub fn estimate(&self, work: Work) -> Duration {
        Duration(work.saturating_mul(self.money.micros_per_work).div_ceil(1_000))
    }

    /// The pinned manifest of this name.
    #[must_use]
    pub fn manifest(&self, name: &str) -> Option<&Manifest> {
        self.manifests.iter().find(|manifest| manifest.name == name)
    }

    /// When outputs of `format` agree; no network without it can check such jobs.
    #[must_use]
    pub fn threshold(&self, format: TensorFormat) -> Option<Threshold> {
        self.thresholds.iter().copied().find(|threshold| threshold.format == format)
    }
}
