//! Runs any network on tensors that are given as they are.
//!
//! Input: a line of JSON that lists the tensors, then their bytes, one tensor's behind the other's. Output: the numbers of
//! the one tensor that the parameters name, little-endian; without such a name all tensors, written as the input is.

mod listing;

use assay_runner::{Failure, Job, Model, Outcome, Runner};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The tensor that is wanted; it holds 32-bit floats.
    #[serde(default)]
    output: Option<String>,
}

struct Tensors;

impl Runner for Tensors {
    fn run(job: &Job, input: &[u8]) -> Result<Outcome, Failure> {
        let Params { output } = job.params()?;
        let inputs = listing::read(input)?;
        let inputs = inputs.iter().map(|(name, tensor)| (name.as_str(), tensor.clone())).collect();
        let mut outputs = Model::of_job()?.run(inputs)?;
        match output {
            Some(name) => Ok(Outcome::floats(&outputs.take(&name)?.to_f32()?)),
            None => Ok(Outcome::bytes(listing::write(outputs.into_all())?)),
        }
    }
}

assay_runner::export!(Tensors);
