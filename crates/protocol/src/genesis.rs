//! The founding document of a network: who keeps its books, what its numbers are, what is checked and by whom at first.
//!
//! **Invariant:** a network is named by the digest of its genesis, so no number in it can change under its peers.

mod timers;

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

pub use self::timers::Timers;
use crate::{
    codec::{self, bounded},
    draw::TRIES_MAX,
    id::{Digest, NetworkId, PeerId},
    manifest::{Manifest, NAME_BYTES_MAX, TensorFormat},
    units::{Amount, Duration, Rate, Work},
};

/// Notaries of one network.
pub const NOTARIES_MAX: usize = 16;
/// Manifests that one network pins.
pub const MANIFESTS_MAX: usize = 64;
/// Pairs of model and class that one network endows.
pub const PAIRS_MAX: usize = 64;
/// Verifiers of the first day.
pub const FOUNDERS_MAX: usize = 256;
/// Classes that one of them checks for.
pub const CLASSES_MAX: usize = 16;
/// Ticks in the longest epoch: a hash chain is walked from one end of it to the other.
pub const EPOCH_TICKS_MAX: u64 = 4_096;
/// Draws in the longest jury; what each juror says has to fit one receipt.
pub const DRAWS_MAX: u64 = 40;
/// The greatest margin of any jury: more than there are draws.
pub const MARGIN_MAX: u64 = 64;
/// Jobs that one notary can be made to keep open.
pub const JOBS_OPEN_MAX: u64 = 1_000_000;
/// Formats that one network compares.
pub const THRESHOLDS_MAX: usize = 16;

/// The founding document of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// What people call the network.
    #[serde(deserialize_with = "bounded::text::<NAME_BYTES_MAX, _>")]
    pub name: String,
    /// What a credit is called.
    #[serde(deserialize_with = "bounded::text::<NAME_BYTES_MAX, _>")]
    pub unit: String,
    /// Whether credits are backed by money; `false` in every network this release can found.
    pub real_money: bool,
    /// The peers that keep books.
    #[serde(deserialize_with = "bounded::list::<NOTARIES_MAX, _, _>")]
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
    #[serde(deserialize_with = "bounded::list::<THRESHOLDS_MAX, _, _>")]
    pub thresholds: Vec<Threshold>,
    /// What can be ordered by name from the first day.
    #[serde(deserialize_with = "bounded::list::<MANIFESTS_MAX, _, _>")]
    pub manifests: Vec<Manifest>,
    /// What is checked at the endowment's cost at first.
    #[serde(deserialize_with = "bounded::list::<PAIRS_MAX, _, _>")]
    pub endowed: Vec<Pair>,
    /// Who can check from the first day.
    #[serde(deserialize_with = "bounded::list::<FOUNDERS_MAX, _, _>")]
    pub verifiers: Vec<Founder>,
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
    /// Verifiers beside the parties that must be able to check a job.
    pub leaves_min: u64,
    /// As how many of equal weight they must count: (Σ weight)² / Σ weight².
    pub effective_min: Rate,
    /// The share of the stake that can check a job which one party to it may hold.
    pub party_share: Rate,
    /// The share of it that must be there, together with what suspensions took of late and has not come back.
    pub weight_kept: Rate,
    /// The stake that a verifier of a manifest needs, in costs of the largest run that the manifest allows.
    pub stake_checks: u64,
    /// The margin by which a jury convicts, in draws.
    pub convict_margin: u64,
    /// The margin by which it clears.
    pub clear_margin: u64,
    /// By how many draws those that were not given the input outnumber all others where it ends as unreached.
    pub unreached_margin: u64,
    /// Draws after which a jury gives up.
    pub draws_max: u64,
    /// The chance that somebody looks again where a verifier accuses a newcomer.
    pub second: Rate,
    /// Positions tried for one verifier.
    pub tries_max: u64,
    /// Checks that the endowment pays for each pair of model and class that the network names.
    pub endowed_checks: u64,
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
            leaves_min: 3,
            effective_min: Rate::per_mille(2_500),
            party_share: Rate::per_mille(250),
            weight_kept: Rate::per_mille(500),
            stake_checks: 12,
            convict_margin: 6,
            clear_margin: 4,
            unreached_margin: 12,
            draws_max: 40,
            second: Rate::per_mille(250),
            tries_max: 256,
            endowed_checks: 200,
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
    /// What the first checks of the endowed pairs are paid from.
    pub endowment: Amount,
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
    /// By how many check costs the entry level of an order lies above its price.
    pub entry_checks: u64,
    /// What a provider puts at stake of its net pay below the entry level.
    pub autostake_newcomer: Rate,
    /// What it puts at stake from there to its target.
    pub autostake: Rate,
    /// The target in multiples of the price of the job, where the provider has set none.
    pub autostake_multiple: u64,
    /// What a place among the open jobs costs for an hour where half of them are taken.
    pub place_hour: Amount,
    /// Jobs that a notary keeps open.
    pub jobs_max: u64,
}

impl Default for Money {
    /// The numbers that the deterrence of a cheat was computed for; nobody is welcomed with money.
    fn default() -> Self {
        Self {
            per_work: Amount(1_000),
            micros_per_work: 1,
            margin: Rate::per_mille(150),
            pool: Amount::credits(1_000),
            endowment: Amount::ZERO,
            low_water: Amount::credits(100),
            welcome: Amount::ZERO,
            welcomes_per_hour: 0,
            slash_multiple: 100,
            slash_checks: 12,
            bounty_checks: 20,
            entry_checks: 14,
            autostake_newcomer: Rate::per_mille(500),
            autostake: Rate::per_mille(200),
            autostake_multiple: 100,
            place_hour: Amount(100_000),
            jobs_max: 100_000,
        }
    }
}

/// A model on a class of machine whose first results the network wants to know: all are checked, at the endowment's cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The model file.
    pub model: Digest,
    /// The class of machine.
    pub class: Digest,
}

/// What a trap costs in checks at most, if nobody was caught in it: whoever sets it puts up what verifiers have at stake.
const STAKE_CHECKS_MIN: u64 = 3;

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
    /// What it has at stake.
    pub stake: Amount,
    /// What it has to spend.
    pub free: Amount,
    /// The classes of machine it checks for.
    #[serde(deserialize_with = "bounded::list::<CLASSES_MAX, _, _>")]
    pub classes: Vec<Digest>,
}

/// A number that no network can be run by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the network's rules need {expected}")]
pub struct Unsound {
    /// What a network needs.
    pub expected: &'static str,
}

impl Genesis {
    /// The name of the network.
    #[must_use]
    pub fn id(&self) -> NetworkId {
        codec::digest("genesis", self)
    }

    /// Whether the numbers are ones that a network can be run by, whoever wrote them.
    ///
    /// # Errors
    /// [`Unsound`], with the first number that is not.
    pub fn examine(&self) -> Result<(), Unsound> {
        let Self { timers, checks, money, .. } = self;
        let parts = [
            checks.base,
            checks.collusion,
            checks.power,
            checks.party_share,
            checks.weight_kept,
            checks.second,
            money.margin,
            money.autostake,
            money.autostake_newcomer,
        ];
        let margins = [checks.convict_margin, checks.clear_margin, checks.unreached_margin];
        let demands = [
            (self.notaries.len() <= 1, "one notary: two would each keep all of the money"),
            (self.is_bounded(), "lists and texts that can be read"),
            (timers.tick.0 > 0 && timers.gap_max >= timers.tick, "a tick, and a gap that is no shorter"),
            (timers.outlast_outages(), "times to answer that exceed a gap and two ticks"),
            ((1..=EPOCH_TICKS_MAX).contains(&timers.epoch_ticks), "1 to 4,096 ticks in an epoch"),
            (parts.iter().all(|part| *part <= Rate::ONE), "shares of at most the whole"),
            (checks.base > Rate::ZERO, "a least rate of checks"),
            (checks.second > Rate::ZERO, "accusations of newcomers that are looked at again"),
            (checks.stake_checks >= STAKE_CHECKS_MIN, "three runs at stake of whoever checks"),
            (
                margins.iter().all(|margin| (1..=MARGIN_MAX).contains(margin)),
                "margins of a jury from 1 to 64",
            ),
            ((1..=DRAWS_MAX).contains(&checks.draws_max), "1 to 40 draws in a jury"),
            ((1..=TRIES_MAX as u64).contains(&checks.tries_max), "1 to 256 tries for a verifier"),
            (money.low_water.0 > 0, "a low-water mark"),
            ((1..=JOBS_OPEN_MAX).contains(&money.jobs_max), "1 to 1,000,000 open jobs"),
            (self.thresholds.iter().all(|threshold| threshold.ok < threshold.bad), "ok below bad"),
            (self.minted().is_some(), "money that fits into one sum"),
        ];
        demands.iter().find(|(met, _)| !met).map_or(Ok(()), |(_, expected)| Err(Unsound { expected }))
    }

    /// True if its lists and texts are no longer than whoever reads it takes.
    fn is_bounded(&self) -> bool {
        self.name.len() <= NAME_BYTES_MAX
            && self.unit.len() <= NAME_BYTES_MAX
            && self.thresholds.len() <= THRESHOLDS_MAX
            && self.manifests.len() <= MANIFESTS_MAX
            && self.manifests.iter().all(Manifest::is_bounded)
            && self.endowed.len() <= PAIRS_MAX
            && self.verifiers.len() <= FOUNDERS_MAX
            && self.verifiers.iter().all(|founder| founder.classes.len() <= CLASSES_MAX)
    }

    /// All money of the first day, unless it does not fit.
    #[must_use]
    pub fn minted(&self) -> Option<Amount> {
        let founders = self.verifiers.iter().flat_map(|founder| [founder.free, founder.stake]);
        founders.chain([self.money.endowment]).try_fold(self.money.pool, Amount::plus)
    }

    /// What a check of this much work earns; the greatest amount if it does not fit.
    #[must_use]
    pub fn check_cost(&self, work: Work) -> Amount {
        self.money.per_work.times(work).unwrap_or(Amount(u64::MAX))
    }

    /// The stake that a verifier needs to stand in the roster of a manifest whose runs are at most this much work: dust
    /// that accuses falsely would cost others more than it lost.
    #[must_use]
    pub fn stake_least(&self, work_most: Work) -> Amount {
        self.check_cost(work_most).times(self.checks.stake_checks).unwrap_or(Amount(u64::MAX))
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

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::{job::tests::world, manifest::PARAMS_BYTES_MAX};

    fn founder(classes: usize) -> Founder {
        let peer = PeerId([9; 32]);
        Founder { peer, stake: Amount(1), free: Amount(1), classes: vec![Digest::default(); classes] }
    }

    /// A sound network that pins a manifest.
    fn sound() -> Genesis {
        let manifest = world::order(&world::Terms::SPOT).manifest;
        Genesis { manifests: vec![manifest], ..world::genesis() }
    }

    /// What a network lacks once this was done to a sound one.
    fn lacks(change: impl FnOnce(&mut Genesis)) -> Option<&'static str> {
        let mut genesis = sound();
        change(&mut genesis);
        genesis.examine().err().map(|unsound| unsound.expected)
    }

    #[test]
    fn two_notaries_would_each_hold_all_the_money_of_the_first_day() {
        assert_eq!(lacks(|_| {}), None);
        assert_eq!(lacks(|genesis| genesis.notaries.clear()), None);
        let two = lacks(|genesis| genesis.notaries = vec![PeerId([1; 32]), PeerId([2; 32])]);
        assert!(two.is_some_and(|expected| expected.contains("one notary")), "{two:?}");
    }

    #[test]
    fn a_network_that_is_sound_can_be_read() {
        type Change = fn(&mut Genesis, usize);
        let longest: [(usize, Change); 10] = [
            (NAME_BYTES_MAX, |genesis, length| genesis.name = "n".repeat(length)),
            (NAME_BYTES_MAX, |genesis, length| genesis.unit = "n".repeat(length)),
            (THRESHOLDS_MAX, |genesis, length| {
                let threshold = Threshold { format: TensorFormat::F32, ok: Rate(1), bad: Rate(2) };
                genesis.thresholds = vec![threshold; length];
            }),
            (MANIFESTS_MAX, |genesis, length| {
                let manifest = genesis.manifests[0].clone();
                genesis.manifests = vec![manifest; length];
            }),
            (NAME_BYTES_MAX, |genesis, length| genesis.manifests[0].name = "n".repeat(length)),
            (NAME_BYTES_MAX, |genesis, length| genesis.manifests[0].licence = "n".repeat(length)),
            (PARAMS_BYTES_MAX, |genesis, length| genesis.manifests[0].params = "n".repeat(length)),
            (PAIRS_MAX, |genesis, length| {
                genesis.endowed = vec![Pair { model: Digest::default(), class: Digest::default() }; length];
            }),
            (FOUNDERS_MAX, |genesis, length| genesis.verifiers = vec![founder(1); length]),
            (CLASSES_MAX, |genesis, length| genesis.verifiers = vec![founder(length)]),
        ];
        for (at, (max, change)) in longest.into_iter().enumerate() {
            for (length, fits) in [(max, true), (max + 1, false)] {
                let mut genesis = sound();
                change(&mut genesis, length);
                let bytes = codec::encode(&genesis);
                let read = codec::decode::<Genesis>(&bytes, codec::RECEIPT_BYTES_MAX);
                assert_eq!(read.is_ok(), fits, "{at}: {length}");
                assert_eq!(genesis.examine().is_ok(), fits, "{at}: {length}");
            }
        }
        let empty: Vec<Option<&str>> = vec![
            lacks(|genesis| genesis.manifests[0].name.clear()),
            lacks(|genesis| genesis.manifests[0].licence.clear()),
        ];
        assert!(empty.iter().all(Option::is_some), "nobody could order it: {empty:?}");
    }
}
