//! Gives a text back in capital letters: a runner to begin with.

use assay_runner::{Failure, Job, Outcome, Runner};
use serde::Deserialize;

/// What a manifest or an order says of it. A name that is not here is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// What is put behind the text.
    #[serde(default)]
    end: String,
}

struct Own;

impl Runner for Own {
    fn run(job: &Job, input: &[u8]) -> Result<Outcome, Failure> {
        let params: Params = job.params()?;
        let text = str::from_utf8(input).map_err(|_| Failure::BadInput("the input is no text".into()))?;
        Ok(Outcome::bytes((text.to_uppercase() + &params.end).into_bytes()))
    }
}

assay_runner::export!(Own);
