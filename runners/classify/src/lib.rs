//! Gives the scores of an image classifier that an engine runs.
//!
//! Input: a PNG, JPEG or WebP file of any size, or raw pixels of the model's size, one byte each; light ink on a dark ground.
//! Output: one little-endian `f32` for each label. The label itself is the client's to find: that of the highest score.

use assay_runner::{Failure, Job, Model, Outcome, Runner, Tensor, session};
use pixels::Target;
use serde::Deserialize;

/// Values in the largest input tensor.
const INPUT_VALUES_MAX: u64 = 1024 * 1024;

/// What is noted of a picture that looks the wrong way round.
const LIGHT_GROUND: &str =
    "the picture is light at its edges: it is taken for light ink on a dark ground unless `invert` is true";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// What each score is for; the runner only counts them.
    labels: Vec<String>,
    /// The name of the model's input.
    input: String,
    /// The name of the model's output.
    output: String,
    /// Columns of the model's picture.
    width: u32,
    /// Rows of the model's picture.
    height: u32,
    /// The shape of the input; one row of all pixels when absent.
    #[serde(default)]
    shape: Option<Vec<u32>>,
    /// Whether the picture has dark ink on a light ground.
    #[serde(default)]
    invert: bool,
}

struct Classify;

impl Runner for Classify {
    fn run(job: &Job, input: &[u8]) -> Result<Outcome, Failure> {
        let params: Params = job.params()?;
        let (shape, target) = (params.shape()?, params.target());
        let pixels = pixels::read(input, target).map_err(|why| Failure::BadInput(why.to_string()))?;
        if pixels::has_light_ground(&pixels, target) {
            session::log(LIGHT_GROUND);
        }
        let mut outputs = Model::of_job()?.run(vec![(&params.input, Tensor::f32(&shape, &pixels))])?;
        let scores = outputs.take(&params.output)?.to_f32()?;
        if scores.len() != params.labels.len() {
            let (scores, labels) = (scores.len(), params.labels.len());
            return Err(Failure::BadParams(format!(
                "the model gives {scores} scores and there are {labels} labels"
            )));
        }
        Ok(Outcome::floats(&scores))
    }
}

impl Params {
    fn target(&self) -> Target {
        Target { width: self.width, height: self.height, invert: self.invert }
    }

    /// The shape of the input tensor, which must hold exactly the picture.
    fn shape(&self) -> Result<Vec<u32>, Failure> {
        let pixels = u64::from(self.width) * u64::from(self.height);
        if pixels == 0 || pixels > INPUT_VALUES_MAX {
            let (width, height) = (self.width, self.height);
            return Err(Failure::BadParams(format!(
                "a picture of {width} x {height} pixels cannot be classified"
            )));
        }
        let shape = self.shape.clone().unwrap_or_else(|| vec![1, pixels as u32]);
        let values = shape.iter().try_fold(1_u64, |product, &axis| product.checked_mul(u64::from(axis)));
        if values != Some(pixels) {
            return Err(Failure::BadParams(format!("the shape {shape:?} does not hold {pixels} pixels")));
        }
        Ok(shape)
    }
}

assay_runner::export!(Classify);

#[cfg(test)]
mod tests;
