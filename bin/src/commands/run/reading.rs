//! What the output of a classifier says: the label with the highest score.

use assay_protocol::manifest::{Manifest, Policy, TensorFormat};
use serde::Deserialize;
use serde_json::Value;

/// Bytes of one score.
const SCORE_BYTES: usize = 4;

/// A classifier's answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// The label with the highest score.
    pub(crate) label: String,
    /// Every label with its score, in the model's order.
    scores: Vec<(String, f32)>,
}

#[derive(Deserialize)]
struct Params {
    labels: Vec<String>,
}

impl Reading {
    /// The answer in `output`, if `manifest` is that of a classifier and the output is one score for each label.
    pub(crate) fn of(manifest: &Manifest, output: &[u8]) -> Option<Self> {
        let Policy::Tensor(TensorFormat::F32) = manifest.policy else { return None };
        let labels = serde_json::from_str::<Params>(&manifest.params).ok()?.labels;
        let (scores, rest) = output.as_chunks::<SCORE_BYTES>();
        if !rest.is_empty() || scores.len() != labels.len() {
            return None;
        }
        let scores: Vec<(String, f32)> =
            labels.into_iter().zip(scores.iter().map(|bytes| f32::from_le_bytes(*bytes))).collect();
        let (label, _) = scores.iter().max_by(|one, other| one.1.total_cmp(&other.1))?;
        Some(Self { label: label.clone(), scores })
    }

    /// How far the highest score is from none, as people read it.
    pub(crate) fn certainty(&self) -> String {
        let highest = self.scores.iter().map(|(_, score)| *score).max_by(f32::total_cmp).unwrap_or_default();
        format!("{:.1} %", 100.0 * highest)
    }

    /// Every label with its score, for programs.
    pub(crate) fn document(&self) -> Value {
        // By way of the shortest text, so that 0.1 does not become 0.10000000149011612.
        let exact = |score: f32| score.to_string().parse::<f64>().ok();
        self.scores.iter().map(|(label, score)| (label.clone(), Value::from(exact(*score)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::DIGITS;

    fn output(scores: &[f32]) -> Vec<u8> {
        scores.iter().flat_map(|score| score.to_le_bytes()).collect()
    }

    #[test]
    fn the_label_is_that_of_the_highest_score() {
        let manifest = DIGITS.manifest();
        let mut scores = [0.01; 10];
        scores[7] = 0.91;
        let reading = Reading::of(&manifest, &output(&scores)).unwrap();
        assert_eq!(reading.label, "7");
        assert_eq!(reading.certainty(), "91.0 %");
        assert_eq!(reading.document()["7"], 0.91);
    }

    #[test]
    fn what_is_not_one_score_for_each_label_has_no_reading() {
        let manifest = DIGITS.manifest();
        assert_eq!(Reading::of(&manifest, &output(&[0.5; 9])), None);
        assert_eq!(Reading::of(&manifest, &[0; 41]), None);
    }
}
