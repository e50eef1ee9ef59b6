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
}

impl Policy {
    /// True if what is compared is roots and counts, and no records: then a claim is opened to the notary as it is made,
    /// and a seal as it is said, so that nobody has to be asked for either later.
    #[must_use]
    pub fn opens_itself(self) -> bool {
        match self {
            Self::Exact => true,
            Self::Tensor(_) => false,
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
    /// One token read or written.
    Tokens,
    /// A million instructions of the guest.
    MegaFuel,
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
    /// Tokens read.
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
            Meter::Tokens => meters.tokens_read.saturating_add(meters.tokens_written),
            Meter::MegaFuel => meters.fuel.div_ceil(FUEL_PER_MEGA),
        }
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
}
