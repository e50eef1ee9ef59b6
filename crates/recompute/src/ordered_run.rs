//! What a receipt says that a run was: what is computed again, and what that is compared with.
//!
//! **Invariant:** counts come as texts, because a page that hands them on has no whole numbers beyond 2⁵³.

use std::str::FromStr;

use assay_engine::model::ARITHMETIC_VERSION;
use assay_protocol::{
    claim::Written,
    codec,
    id::Digest,
    manifest::{End, Meter, Policy, TokenWeights},
    units::Units,
};
use serde::{Deserialize, Deserializer, de};

use crate::page_model::NotRerun;

/// A run, as its order fixes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderedRun {
    /// The component that runs.
    pub runner: Digest,
    /// The model file.
    pub model: Digest,
    /// JSON that the runner judges.
    pub params: String,
    /// The machines that it is for.
    pub class: Digest,
    /// How outputs are compared.
    pub policy: Policy,
    /// What is billed.
    pub meter: Meter,
    /// Units that the run may use.
    #[serde(deserialize_with = "number")]
    pub units_max: Units,
    /// What choices are drawn from.
    pub seed: Digest,
    /// The digest of salt ‖ input.
    pub input_commit: Digest,
    /// What the provider says came of it; nothing where it never opened that.
    pub claimed: Option<RunClaim>,
}

/// What a provider says came of a run.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunClaim {
    /// The output.
    pub written: Written,
    /// What is billed.
    #[serde(deserialize_with = "number")]
    pub units: Units,
    /// Why the run ended.
    pub end: End,
    /// The root over the digests of the rows that its tokens were chosen from.
    pub evidence_root: Digest,
}

impl RunClaim {
    /// Whether a run that ended so is one that ended as it says: where whoever ordered it wanted no more, a run ends anywhere.
    pub(crate) fn has_ended(&self, end: End) -> bool {
        self.end == End::Cancelled || self.end == end
    }
}

impl OrderedRun {
    /// Reads one.
    ///
    /// # Errors
    /// It is none.
    pub fn read(text: &[u8]) -> Result<Self, NotRerun> {
        serde_json::from_slice(text).map_err(|error| NotRerun::Order(error.to_string()))
    }

    /// What tokens are billed, if it is a run that can be computed here.
    pub(crate) fn weights(&self) -> Result<TokenWeights, NotRerun> {
        let Meter::Tokens(weights) = self.meter else { return Err(NotRerun::NoText) };
        if !self.policy.is_proven_by_rows() {
            return Err(NotRerun::NoText);
        }
        if self.class != codec::digest("arithmetic", &ARITHMETIC_VERSION) {
            return Err(NotRerun::Class);
        }
        Ok(weights)
    }
}

fn number<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(from: D) -> Result<T, D::Error> {
    <&str>::deserialize(from)?.parse().map_err(de::Error::custom)
}
