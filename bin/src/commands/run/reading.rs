//! What an output says, in the words of whoever asked: the label with the highest score, a text, or vectors.

use assay_peer::{
    executor::{reads_texts, vectors},
    hearing::ShownAnswer,
};
use assay_protocol::{
    frames,
    id::JobId,
    manifest::{Manifest, Policy, TensorFormat},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::printer::{Printer, number_of};

/// Bytes of a number.
const NUMBER_BYTES: usize = 4;

/// An output that was understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// A classifier's answer.
    Label(LabelReading),
    /// What a model of language wrote.
    Text(TextReading),
    /// What a network makes of texts.
    Vectors(VectorReading),
}

/// The answer of a classifier: every label with its score, in the model's order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LabelReading {
    label: String,
    scores: Vec<(String, f32)>,
}

/// A vector for each text, and all of them as they are printed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VectorReading {
    vectors: Vec<Value>,
    lines: String,
}

/// A text, and how many tokens it was written in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextReading {
    text: String,
    tokens: usize,
}

#[derive(Deserialize)]
struct Params {
    labels: Vec<String>,
}

impl Reading {
    /// What `output` says, if it is what the model of `manifest` gives: one score for each label, or frames of a text.
    pub(crate) fn of(manifest: &Manifest, output: &[u8]) -> Option<Self> {
        match manifest.policy {
            Policy::Tensor(TensorFormat::F32) if reads_texts(manifest) => {
                VectorReading::of(manifest, output).map(Self::Vectors)
            }
            Policy::Tensor(TensorFormat::F32) => LabelReading::of(manifest, output).map(Self::Label),
            Policy::Replay => Some(Self::Text(TextReading::of(output))),
            Policy::Exact => None,
        }
    }

    /// The answer and nothing else.
    pub(crate) fn answer(&self) -> &str {
        match self {
            Self::Label(reading) => &reading.label,
            Self::Text(reading) => &reading.text,
            Self::Vectors(reading) => &reading.lines,
        }
    }

    /// Prints the answer and nothing else, but for what was shown of it before. Where something else was, the whole answer
    /// stands below; false if whoever delivered it said that.
    pub(crate) fn print_beyond(&self, heard: &ShownAnswer, job: JobId, printer: &Printer) -> bool {
        let Self::Text(reading) = self else {
            printer.line(self.answer());
            return true;
        };
        let last = if reading.text.ends_with('\n') { "" } else { "\n" };
        let Some(rest) = reading.text.strip_prefix(&heard.shown) else {
            printer.piece(&format!("\n{}{last}", reading.text));
            let is_true = heard.job != Some(job) || reading.text.starts_with(&heard.said);
            if is_true {
                printer.note("what stands above it was said by another provider, which did not deliver it");
            }
            return is_true;
        };
        printer.piece(&format!("{rest}{last}"));
        true
    }

    /// What there is to know about it, as people read it.
    pub(crate) fn note(&self) -> String {
        match self {
            Self::Label(reading) => format!("{} sure", reading.certainty()),
            Self::Text(TextReading { tokens: 1, .. }) => "one token".to_owned(),
            Self::Text(TextReading { tokens, .. }) => format!("{tokens} tokens"),
            Self::Vectors(reading) => reading.extent(),
        }
    }

    /// The same for programs.
    pub(crate) fn document(&self) -> Value {
        match self {
            Self::Label(reading) => json!({ "best": reading.label, "scores": reading.document() }),
            Self::Text(reading) => json!({ "text": reading.text, "tokens": reading.tokens }),
            Self::Vectors(reading) => json!({ "vectors": reading.vectors }),
        }
    }
}

impl LabelReading {
    fn of(manifest: &Manifest, output: &[u8]) -> Option<Self> {
        let labels = serde_json::from_str::<Params>(&manifest.params).ok()?.labels;
        let (scores, rest) = output.as_chunks::<NUMBER_BYTES>();
        if !rest.is_empty() || scores.len() != labels.len() {
            return None;
        }
        let scores: Vec<(String, f32)> =
            labels.into_iter().zip(scores.iter().map(|bytes| f32::from_le_bytes(*bytes))).collect();
        let (label, _) = scores.iter().max_by(|one, other| one.1.total_cmp(&other.1))?;
        Some(Self { label: label.clone(), scores })
    }

    /// How far the highest score is from none, as people read it.
    fn certainty(&self) -> String {
        let highest = self.scores.iter().map(|(_, score)| *score).max_by(f32::total_cmp).unwrap_or_default();
        format!("{:.1} %", 100.0 * highest)
    }

    fn document(&self) -> Value {
        self.scores.iter().map(|(label, score)| (label.clone(), exact(*score))).collect()
    }
}

impl VectorReading {
    fn of(manifest: &Manifest, output: &[u8]) -> Option<Self> {
        let vectors = vectors(manifest, output)?;
        let vector = |vector: Vec<f32>| Value::Array(vector.into_iter().map(exact).collect());
        let vectors: Vec<Value> = vectors.into_iter().map(vector).collect();
        let lines = vectors.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        Some(Self { vectors, lines })
    }

    fn extent(&self) -> String {
        let width = self.vectors.first().and_then(Value::as_array).map_or(0, Vec::len);
        let numbers = number_of(width, "number");
        match self.vectors.len() {
            1 => format!("a vector of {numbers}"),
            count => format!("{count} vectors of {numbers}"),
        }
    }
}

/// By way of the shortest text, so that 0.1 does not become 0.10000000149011612.
fn exact(number: f32) -> Value {
    Value::from(number.to_string().parse::<f64>().ok())
}

impl TextReading {
    /// A text that is not UTF-8 where it was cut off is shown with a mark there.
    fn of(output: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&frames::text(output)).into_owned();
        Self { text, tokens: frames::tokens(output).len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{DIGITS, SUMS};

    fn output(scores: &[f32]) -> Vec<u8> {
        scores.iter().flat_map(|score| score.to_le_bytes()).collect()
    }

    #[test]
    fn the_label_is_that_of_the_highest_score() {
        let manifest = DIGITS.manifest();
        let mut scores = [0.01; 10];
        scores[7] = 0.91;
        let reading = Reading::of(&manifest, &output(&scores)).unwrap();
        assert_eq!((reading.answer(), reading.note()), ("7", "91.0 % sure".to_owned()));
        assert_eq!(reading.document()["scores"]["7"], 0.91);
    }

    #[test]
    fn what_is_not_one_score_for_each_label_has_no_reading() {
        let manifest = DIGITS.manifest();
        assert_eq!(Reading::of(&manifest, &output(&[0.5; 9])), None);
        assert_eq!(Reading::of(&manifest, &[0; 41]), None);
    }

    #[test]
    fn vectors_are_a_line_each_as_long_as_the_parameters_say() {
        let params = r#"{"pooling":"mean","width":2}"#.to_owned();
        let manifest = Manifest { params, ..DIGITS.manifest() };
        let reading = Reading::of(&manifest, &output(&[0.1, -0.5, 1.0, 0.25])).unwrap();
        assert_eq!(reading.answer(), "[0.1,-0.5]\n[1.0,0.25]");
        assert_eq!(reading.note(), "2 vectors of 2 numbers");
        assert_eq!(reading.document()["vectors"][1][1], 0.25);
        assert_eq!(Reading::of(&manifest, &output(&[0.1; 3])), None);
        assert_eq!(Reading::of(&manifest, &[]), None);
        let boundless = Manifest { params: r#"{"pooling":"mean"}"#.to_owned(), ..manifest };
        assert_eq!(Reading::of(&boundless, &output(&[0.1; 2])), None);
    }

    #[test]
    fn a_text_is_read_out_of_its_frames() {
        let manifest = SUMS.manifest();
        let output =
            [frames::encode(&[5, 6], "1é".as_bytes()).unwrap(), frames::encode(&[7], b"2\xC3").unwrap()]
                .concat();
        let reading = Reading::of(&manifest, &output).unwrap();
        assert_eq!((reading.answer(), reading.note()), ("1é2\u{FFFD}", "3 tokens".to_owned()));
    }
}
