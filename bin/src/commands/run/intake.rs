//! What a model takes, in words: for whoever gave it something else.
//!
//! **Invariant:** it is said of what the bundled runners read, as far as a manifest shows that it is one of theirs; of any other
//! nothing is guessed.

use assay_peer::executor::reads_texts;
use assay_protocol::manifest::Manifest;
use serde_json::{Map, Value};

/// The parameters of the runners that classify pictures: one with any other is not theirs.
const PICTURE_PARAMS: [&str; 7] = ["labels", "input", "output", "width", "height", "shape", "invert"];

/// What the model of this manifest takes; nothing, if that does not show.
pub(super) fn intake(manifest: &Manifest) -> Option<String> {
    let params: Map<String, Value> = serde_json::from_str(&manifest.params).unwrap_or_default();
    let input = params.get("input").and_then(Value::as_str);
    let what = if manifest.policy.is_proven_by_rows() {
        asked(input).to_owned()
    } else if reads_texts(manifest) {
        texts(input).to_owned()
    } else {
        picture(&picture_params(manifest)?)
    };
    Some(format!("{} takes {what}", manifest.name))
}

/// What a model of language is asked.
fn asked(input: Option<&str>) -> &'static str {
    match input {
        Some("text") => "a text in UTF-8 that leaves it room for an answer",
        Some(_) | None => "a text in UTF-8, or messages as JSON, that leave it room for an answer",
    }
}

/// What is read by a model that embeds texts.
fn texts(input: Option<&str>) -> &'static str {
    match input {
        Some("text") => "a text in UTF-8",
        Some("list") => "a JSON list of texts, each of which is a unit (--units says how many)",
        Some(_) | None => {
            "a text in UTF-8, or a JSON list of texts, each of which is a unit (--units says how many)"
        }
    }
}

/// The parameters of one of the bundled runners that classify pictures; nothing, if it is another one's.
pub(super) fn picture_params(manifest: &Manifest) -> Option<Map<String, Value>> {
    let params: Map<String, Value> = serde_json::from_str(&manifest.params).ok()?;
    let is_known = params.keys().all(|key| PICTURE_PARAMS.contains(&key.as_str()));
    let is_of_texts = manifest.policy.is_proven_by_rows() || reads_texts(manifest);
    (params.contains_key("labels") && is_known && !is_of_texts).then_some(params)
}

/// What a model is shown, by whether its runner turns pictures round.
pub(super) fn ink(is_inverted: bool) -> &'static str {
    if is_inverted { "dark ink on a light ground" } else { "light ink on a dark ground" }
}

/// What a model is shown that classifies pictures.
fn picture(params: &Map<String, Value>) -> String {
    let ink = ink(params.get("invert").and_then(Value::as_bool).unwrap_or_default());
    let side = |name: &str| params.get(name).and_then(Value::as_u64);
    let pixels = side("width").zip(side("height")).and_then(|(width, height)| width.checked_mul(height));
    let raw = pixels.map(|pixels| format!(", or {pixels} bytes, one for each pixel")).unwrap_or_default();
    format!("a picture: a PNG, JPEG or WebP file of any size, {ink}{raw}")
}

#[cfg(test)]
mod tests {
    use assay_protocol::{
        id::Digest,
        manifest::{Meter, Policy, TensorFormat, WorkPerMeter},
    };

    use super::*;

    fn said(policy: Policy, params: &str) -> Option<String> {
        intake(&Manifest {
            name: "it".into(),
            runner: Digest::default(),
            model: Digest::default(),
            params: params.into(),
            policy,
            meter: Meter::Calls,
            work: WorkPerMeter::default(),
            work_most: 1,
            memory_bytes: 1,
            licence: "MIT".into(),
        })
    }

    #[test]
    fn a_model_takes_what_its_runner_reads_and_of_other_runners_nothing_is_said() {
        let numbers = Policy::Tensor(TensorFormat::F32);
        let digits = r#"{"labels":["0"],"input":"pixels","output":"scores","width":8,"height":8}"#;
        let cases = [
            (
                numbers,
                digits,
                Some(
                    "a picture: a PNG, JPEG or WebP file of any size, light ink on a dark ground, or 64 bytes, one for each pixel",
                ),
            ),
            (
                Policy::Exact,
                r#"{"labels":["0"],"invert":true}"#,
                Some("a picture: a PNG, JPEG or WebP file of any size, dark ink on a light ground"),
            ),
            (numbers, r#"{"labels":["0"],"sound":"wave"}"#, None),
            (numbers, r#"{"output":"scores"}"#, None),
            (numbers, "", None),
            (numbers, r#"{"pooling":"mean","input":"text"}"#, Some("a text in UTF-8")),
            (
                numbers,
                r#"{"pooling":"mean"}"#,
                Some(
                    "a text in UTF-8, or a JSON list of texts, each of which is a unit (--units says how many)",
                ),
            ),
            (
                Policy::Replay,
                r#"{"input":"text"}"#,
                Some("a text in UTF-8 that leaves it room for an answer"),
            ),
            (
                Policy::Replay,
                "",
                Some("a text in UTF-8, or messages as JSON, that leave it room for an answer"),
            ),
        ];
        for (policy, params, what) in cases {
            assert_eq!(said(policy, params), what.map(|what| format!("it takes {what}")), "{params}");
        }
    }
}
