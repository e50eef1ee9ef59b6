//! What can be ordered: a runner, a model and the rules by which its work is counted and its outputs are compared.
//!
//! **Invariant:** a manifest is named by the digest of its canonical encoding; everything that decides what runs, what
//! it costs to check and when two outputs agree is in it.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{
    account::Registration,
    codec::{self, bounded},
    id::Digest,
    units::{Units, Work},
};

/// Bytes in the longest name of a manifest.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes in the longest parameters of a manifest.
pub const PARAMS_BYTES_MAX: usize = 4 * 1024;
/// Instructions of the guest that count as one step of [`Meter::MegaFuel`].
const FUEL_PER_MEGA: u64 = 1_000_000;
/// Bytes of an input that count for nothing beside what is read of it: what says how a text is drawn has fewer.
const INPUT_BYTES_FREE: u64 = 256;
/// Bytes of an input beyond those that count as a token that is read, at the least: several times those of a token of text.
const INPUT_BYTES_PER_TOKEN: u64 = 16;

/// A runner joined with a model, ready to be ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What people call it.
    #[serde(deserialize_with = "bounded::text::<NAME_BYTES_MAX, _>")]
    pub name: String,
    /// The WASM component that runs it.
    pub runner: Digest,
    /// The model file; the digest of nothing for runners that compute everything themselves.
    pub model: Digest,
    /// JSON that the runner validates.
    #[serde(deserialize_with = "bounded::text::<PARAMS_BYTES_MAX, _>")]
    pub params: String,
    /// How two outputs are compared.
    pub policy: Policy,
    /// What a job is billed by.
    pub meter: Meter,
    /// What a job costs to compute.
    pub work: WorkPerMeter,
    /// The most work of one run: no order asks for more, and who checks has a stake to match.
    pub work_most: Work,
    /// Memory that a run needs, in bytes.
    pub memory_bytes: u64,
    /// The licence of the model, as an SPDX expression.
    #[serde(deserialize_with = "bounded::text::<NAME_BYTES_MAX, _>")]
    pub licence: String,
}

/// How two outputs are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The same bytes.
    Exact,
    /// Numbers of one format that differ by little, as a share of their root mean square.
    Tensor(TensorFormat),
    /// The same bytes, made by the same rows: a language model whose every choice can be followed, on an engine that gives
    /// the same bits on every machine.
    Replay,
}

impl Policy {
    /// True if what is compared is roots and counts, and no records: then a claim is opened to the notary as it is made,
    /// and a seal as it is said, so that nobody has to be asked for either later.
    #[must_use]
    pub fn opens_itself(self) -> bool {
        match self {
            Self::Exact | Self::Replay => true,
            Self::Tensor(_) => false,
        }
    }

    /// What a check costs to compute, of a run with so much work that says that a check of it is so much. Where a check is
    /// the run once more there is nothing to say.
    #[must_use]
    pub fn work_of_check(self, work: Work, check_work: Work) -> Work {
        if self.is_proven_by_rows() { check_work } else { work }
    }

    /// True if what a run proves itself by is no part of its output: one digest of a row for each token that it wrote.
    /// Then a check may run along the claimed output, which by itself proves nothing.
    #[must_use]
    pub fn is_proven_by_rows(self) -> bool {
        match self {
            Self::Replay => true,
            Self::Exact | Self::Tensor(_) => false,
        }
    }
}

/// The numbers an output of [`Policy::Tensor`] consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TensorFormat {
    /// 32-bit floats, little-endian.
    F32,
}

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    /// One call to the engine.
    Calls,
    /// Tokens, each with a weight.
    Tokens(TokenWeights),
    /// A million instructions of the guest.
    MegaFuel,
}

/// What a token counts, by what was done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenWeights {
    /// Units of a token that was read.
    pub read: u32,
    /// Units of a token that was written.
    pub written: u32,
}

/// The fewest tokens that a text counts as read of an input of so many bytes, whatever its model reads of it: what a runner
/// does with the rest, such as hold an answer to a schema, nobody does for nothing.
#[must_use]
pub fn tokens_read_least(input_bytes: u64) -> u64 {
    input_bytes.saturating_sub(INPUT_BYTES_FREE) / INPUT_BYTES_PER_TOKEN
}

impl TokenWeights {
    /// What so many tokens count.
    #[must_use]
    pub fn units(self, tokens_read: u64, tokens_written: u64) -> Units {
        let read = tokens_read.saturating_mul(self.read.into());
        read.saturating_add(tokens_written.saturating_mul(self.written.into()))
    }
}

impl Default for TokenWeights {
    /// To write a token takes a pass through the whole model of its own.
    fn default() -> Self {
        Self { read: 1, written: 4 }
    }
}

/// How much work one step of each meter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkPerMeter {
    /// For each call to the engine.
    pub call: Work,
    /// For each token read.
    pub token_read: Work,
    /// For each token written.
    pub token_written: Work,
    /// For each million instructions of the guest.
    pub mega_fuel: Work,
}

/// What the host counted during a run: the same on every machine, never a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meters {
    /// Calls to the engine.
    pub calls: u64,
    /// Tokens read; of a text at least [`tokens_read_least`] of its input.
    pub tokens_read: u64,
    /// Tokens written.
    pub tokens_written: u64,
    /// Instructions of the guest.
    pub fuel: u64,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The runner was done.
    Stop,
    /// The ceiling on units was reached.
    Length,
    /// The client wanted no more.
    Cancelled,
}

impl Manifest {
    /// The name that orders and registrations use.
    #[must_use]
    pub fn digest(&self) -> Digest {
        codec::digest("manifest", self)
    }

    /// The kind of its jobs on machines of this class.
    #[must_use]
    pub fn kind(&self, class: Digest) -> Registration {
        Registration { class, manifest: self.digest(), work_most: self.work_most }
    }

    /// True if its texts are within their bounds.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        let short = |text: &String| !text.is_empty() && text.len() <= NAME_BYTES_MAX;
        short(&self.name) && short(&self.licence) && self.params.len() <= PARAMS_BYTES_MAX
    }

    /// What a run is billed.
    #[must_use]
    pub fn units(&self, meters: &Meters) -> Units {
        match self.meter {
            Meter::Calls => meters.calls,
            Meter::Tokens(weights) => weights.units(meters.tokens_read, meters.tokens_written),
            Meter::MegaFuel => meters.fuel.div_ceil(FUEL_PER_MEGA),
        }
    }

    /// Whether a part of what a run writes is itself what a run gives: one with no units beyond it. So it is for texts, whose
    /// units bound what is written token by token; a part of anything else is nothing.
    #[must_use]
    pub fn gives_parts(&self) -> bool {
        self.policy.is_proven_by_rows() && matches!(self.meter, Meter::Tokens(weights) if weights.written > 0)
    }

    /// What a run cost to compute.
    #[must_use]
    pub fn work(&self, meters: &Meters) -> Work {
        let per = &self.work;
        [
            (meters.calls, per.call),
            (meters.tokens_read, per.token_read),
            (meters.tokens_written, per.token_written),
            (meters.fuel.div_ceil(FUEL_PER_MEGA), per.mega_fuel),
        ]
        .iter()
        .fold(0, |work: Work, (count, each)| work.saturating_add(count.saturating_mul(*each)))
    }

    /// What it costs to compute whether a run is what it says. Where a check runs along the claimed output, it reads what
    /// the run wrote; elsewhere it is the run once more.
    #[must_use]
    pub fn check_work(&self, meters: &Meters) -> Work {
        let along = Meters {
            tokens_read: meters.tokens_read.saturating_add(meters.tokens_written),
            tokens_written: 0,
            ..*meters
        };
        if self.policy.is_proven_by_rows() {
            self.work(&along).min(self.work(meters))
        } else {
            self.work(meters)
        }
    }

    /// The most work of a check of a run with so many units and so much work at most. How much of it is reading is not
    /// known before it is done; but where tokens are all that counts, units bound them.
    #[must_use]
    pub fn check_work_most(&self, units_max: Units, work_max: Work) -> Work {
        let lightest = match self.meter {
            Meter::Tokens(weights) => u64::from(weights.read.min(weights.written)),
            Meter::Calls | Meter::MegaFuel => 0,
        };
        let tokens_alone = (self.work.call, self.work.mega_fuel) == (0, 0) && self.policy.is_proven_by_rows();
        let tokens = units_max.checked_div(lightest).filter(|_| tokens_alone);
        tokens.map_or(work_max, |tokens| tokens.saturating_mul(self.work.token_read).min(work_max))
    }

    /// The least work of a run of so many units, whatever they are of: whoever claims to have given them has done as much.
    #[must_use]
    pub fn work_least(&self, units: Units) -> Work {
        self.least(units, self.work.token_written)
    }

    /// The least work of a check of such a run.
    #[must_use]
    pub fn check_work_least(&self, units: Units) -> Work {
        let run = self.work_least(units);
        // A check reads what was written.
        if self.policy.is_proven_by_rows() { run.min(self.least(units, self.work.token_read)) } else { run }
    }

    /// The least work of so many units, where a token that is written is this much.
    fn least(&self, units: Units, token_written: Work) -> Work {
        let of =
            |each: Work, weight: u32| (u128::from(units) * u128::from(each)).checked_div(u128::from(weight));
        match self.meter {
            Meter::Calls => units.saturating_mul(self.work.call),
            Meter::MegaFuel => units.saturating_mul(self.work.mega_fuel),
            Meter::Tokens(TokenWeights { read, written }) => {
                let kinds = [of(self.work.token_read, read), of(token_written, written)];
                let least = kinds.into_iter().flatten().min().unwrap_or_default();
                u64::try_from(least).unwrap_or(u64::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(weights: TokenWeights, work: WorkPerMeter, policy: Policy) -> Manifest {
        Manifest {
            name: "text".into(),
            runner: Digest::default(),
            model: Digest::default(),
            params: String::new(),
            policy,
            meter: Meter::Tokens(weights),
            work,
            work_most: 0,
            memory_bytes: 0,
            licence: "MIT".into(),
        }
    }

    const WEIGHTS: TokenWeights = TokenWeights { read: 2, written: 5 };
    const WORK: WorkPerMeter = WorkPerMeter { call: 0, token_read: 3, token_written: 40, mega_fuel: 0 };
    const METERS: Meters = Meters { calls: 6, tokens_read: 10, tokens_written: 4, fuel: 1_000_000 };

    #[test]
    fn a_token_counts_by_what_was_done_with_it_and_its_check_as_one_that_is_read() {
        let replay = text(WEIGHTS, WORK, Policy::Replay);
        assert_eq!((replay.units(&METERS), replay.work(&METERS), replay.check_work(&METERS)), (40, 190, 42));
        let exact = text(WEIGHTS, WORK, Policy::Exact);
        assert_eq!(exact.check_work(&METERS), 190, "a check is the run once more");
        let calling = WorkPerMeter { call: 7, mega_fuel: 1, ..WORK };
        let calls = text(WEIGHTS, calling, Policy::Replay);
        assert_eq!(calls.check_work(&METERS), 42 + 6 * 7 + 1, "the other meters are those of the run");
        let slow = text(WEIGHTS, WorkPerMeter { token_read: 50, ..WORK }, Policy::Replay);
        assert_eq!(slow.check_work(&METERS), slow.work(&METERS), "no check is more than a run");
    }

    #[test]
    fn an_input_counts_by_its_bytes_where_little_of_it_is_read() {
        let counts = [(0, 0), (256, 0), (271, 0), (272, 1), (1_024, 48), (65_792, 4_096)];
        for (bytes, tokens) in counts {
            assert_eq!(tokens_read_least(bytes), tokens, "{bytes} bytes");
        }
        assert_eq!(tokens_read_least(u64::MAX), (u64::MAX - 256) / 16);
    }

    #[test]
    fn no_run_within_an_order_has_a_check_that_is_more_work_than_the_order_says() {
        let replay = text(WEIGHTS, WORK, Policy::Replay);
        for (read, written) in [(0, 8), (20, 0), (5, 6), (10, 4)] {
            let meters = Meters { tokens_read: read, tokens_written: written, ..METERS };
            let (units, work) = (replay.units(&meters), replay.work(&meters));
            assert!(units <= 40 && work <= 500, "{read} and {written} are not within the order");
            assert!(replay.check_work(&meters) <= replay.check_work_most(40, 500), "{read} and {written}");
        }
        assert_eq!(replay.check_work_most(40, 500), 60);
        assert_eq!(replay.check_work_most(40, 30), 30, "no more than the run");
        let most = |manifest: Manifest| manifest.check_work_most(40, 500);
        let weightless = TokenWeights { read: 0, ..WEIGHTS };
        for manifest in [
            text(WEIGHTS, WORK, Policy::Exact),
            text(weightless, WORK, Policy::Replay),
            text(WEIGHTS, WorkPerMeter { call: 1, ..WORK }, Policy::Replay),
            Manifest { meter: Meter::Calls, ..replay },
        ] {
            assert_eq!(most(manifest.clone()), 500, "units do not bound tokens: {manifest:?}");
        }
    }

    #[test]
    fn no_run_and_no_check_is_less_work_than_its_units_are() {
        let cheap = WorkPerMeter { token_written: 1, call: 7, mega_fuel: 2, ..WORK };
        let weightless = TokenWeights { read: 0, ..WEIGHTS };
        let meters = [Meter::Calls, Meter::MegaFuel, Meter::Tokens(WEIGHTS), Meter::Tokens(weightless)];
        for (meter, work, policy) in meters.iter().flat_map(|meter| {
            [(WORK, Policy::Exact), (WORK, Policy::Replay), (cheap, Policy::Exact), (cheap, Policy::Replay)]
                .map(|(work, policy)| (*meter, work, policy))
        }) {
            let manifest = Manifest { meter, ..text(WEIGHTS, work, policy) };
            for (read, written) in [(0, 8), (20, 0), (5, 6), (10, 4), (7, 3)] {
                let run = Meters { tokens_read: read, tokens_written: written, ..METERS };
                let units = manifest.units(&run);
                assert!(manifest.work_least(units) <= manifest.work(&run), "{manifest:?} {run:?}");
                assert!(
                    manifest.check_work_least(units) <= manifest.check_work(&run),
                    "{manifest:?} {run:?}"
                );
            }
        }
    }

    #[test]
    fn units_are_the_least_work_that_gives_them() {
        let least =
            |manifest: &Manifest, units| (manifest.work_least(units), manifest.check_work_least(units));
        let replay = text(WEIGHTS, WORK, Policy::Replay);
        assert_eq!(least(&replay, 40), (60, 24), "all read; and in a check, as if all had been written");
        assert_eq!(least(&text(WEIGHTS, WORK, Policy::Exact), 40), (60, 60), "a check is the run once more");
        assert_eq!(least(&text(TokenWeights { read: 0, ..WEIGHTS }, WORK, Policy::Replay), 40), (320, 24));
        assert_eq!(least(&text(TokenWeights { read: 0, written: 0 }, WORK, Policy::Replay), 40), (0, 0));
        let counted = WorkPerMeter { call: 7, mega_fuel: 2, ..WORK };
        for (meter, expected) in [(Meter::Calls, 280), (Meter::MegaFuel, 80)] {
            let manifest = Manifest { meter, ..text(WEIGHTS, counted, Policy::Exact) };
            assert_eq!(least(&manifest, 40), (expected, expected));
            assert_eq!(least(&manifest, u64::MAX), (u64::MAX, u64::MAX));
        }
        let dear = WorkPerMeter { token_read: u64::MAX, token_written: u64::MAX, ..WORK };
        assert_eq!(least(&text(WEIGHTS, dear, Policy::Replay), u64::MAX), (u64::MAX, u64::MAX));
    }
}
