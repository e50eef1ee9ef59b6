//! What was ordered.

use serde::de::DeserializeOwned;

use crate::{Failure, bindings::assay::runner::types};

/// What was ordered.
#[derive(Clone, Debug)]
pub struct Job {
    /// JSON from the manifest or the order; see [`Job::params`].
    pub params: String,
    /// The only randomness there is: the same for every run of this job.
    pub seed: Vec<u8>,
    /// The most units that will be paid for.
    pub units_max: u64,
}

impl Job {
    /// The parameters as a type of the runner's; use `deny_unknown_fields`, so that a misspelt name is noticed.
    pub fn params<P: DeserializeOwned>(&self) -> Result<P, Failure> {
        serde_json::from_str(&self.params)
            .map_err(|error| Failure::BadParams(format!("the parameters are wrong: {error}")))
    }
}

impl From<types::Job> for Job {
    fn from(job: types::Job) -> Self {
        Self { params: job.params, seed: job.seed, units_max: job.units_max }
    }
}
