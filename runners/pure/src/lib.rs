//! Classifies handwritten digits without any engine: the weights are in the runner.
//!
//! Input and output are those of `classify` with the model `digits`. As nothing is computed outside WASM, every machine
//! gives the same bytes, and the policy is `exact`.

use assay_runner::{Failure, Job, Outcome, Runner};
use pixels::Target;
use serde::Deserialize;

mod network;

/// Digits, and so labels.
const LABELS: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// What each score is for; the runner only counts them.
    labels: Vec<String>,
    /// Whether the picture has dark ink on a light ground.
    #[serde(default)]
    invert: bool,
}

struct Pure;

impl Runner for Pure {
    fn run(job: &Job, input: &[u8]) -> Result<Outcome, Failure> {
        let params: Params = job.params()?;
        if params.labels.len() != LABELS {
            let labels = params.labels.len();
            return Err(Failure::BadParams(format!("there are {LABELS} digits and {labels} labels")));
        }
        let target = Target { width: 8, height: 8, invert: params.invert };
        let pixels = pixels::read(input, target).map_err(|why| Failure::BadInput(why.to_string()))?;
        Ok(Outcome::floats(&network::scores(&pixels)))
    }
}

assay_runner::export!(Pure);

#[cfg(test)]
mod tests;
