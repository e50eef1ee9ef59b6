//! `POST /v1/embeddings`.

use std::sync::Arc;

use assay_peer::{
    executor::{reads_texts, vectors},
    handle::{Attachment, Submit},
};
use assay_protocol::manifest::{Manifest, Meter};
use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{choice::OneOrMore, usage};
use crate::{
    Gateway,
    answer::WholeAnswer,
    asked_once::AskedOnce,
    failure::HttpFailure,
    guard::Caller,
    json_answer::JsonAnswer,
    json_body::OnceBody,
    order::{AssayTerms, CheckWish},
    order_set,
};

/// Texts of one request.
const TEXTS_MAX: usize = 2_048;

/// What is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmbeddingRequest {
    model: String,
    input: OneOrMore,
    #[serde(default)]
    encoding_format: VectorEncoding,
    #[serde(default)]
    dimensions: Option<u64>,
    #[serde(default)]
    assay: AssayTerms,
    // What changes nothing of the answer.
    #[serde(default, rename = "user")]
    _user: Option<String>,
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum VectorEncoding {
    /// As numbers.
    #[default]
    Float,
    /// As the bytes of 32-bit numbers, little-endian.
    Base64,
}

/// Makes vectors of texts.
pub(crate) async fn embed(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    OnceBody { said: request, once }: OnceBody<EmbeddingRequest>,
) -> Result<Response, HttpFailure> {
    let manifest = order_set::model_once(&gateway, &caller, &request.model, &once).await?;
    let submit = request.order(&manifest)?;
    let mut answers = order_set::one(&gateway, &caller, &manifest, submit, once).await?.whole().await?;
    let whole = answers.pop().unwrap_or_else(|| unreachable!("one was ordered"));
    let document = request.document(&manifest, &whole)?;
    Ok((usage::headers(&[whole]), JsonAnswer(document)).into_response())
}

impl EmbeddingRequest {
    /// What the model is called by who asks.
    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    /// How its result is checked.
    pub(crate) fn check(&self) -> CheckWish {
        self.assay.check
    }

    /// The order of it.
    pub(crate) fn order(&self, manifest: &Manifest) -> Result<Submit, HttpFailure> {
        if self.dimensions.is_some() && self.dimensions != width(manifest) {
            return Err(HttpFailure::unsupported("dimensions", "vectors are as long as they are"));
        }
        order(manifest, self.input.all(), &self.assay)
    }

    /// What it is answered with.
    pub(crate) fn document(&self, manifest: &Manifest, whole: &WholeAnswer) -> Result<Value, HttpFailure> {
        let all = read_vectors(manifest, whole, self.input.all().len())?;
        let entry = |(index, vector): (usize, &Vec<f32>)| json!({ "object": "embedding", "index": index, "embedding": self.encoding_format.write(vector) });
        Ok(json!({
            "object": "list", "model": self.model, "data": all.iter().enumerate().map(entry).collect::<Vec<_>>(),
            // Networks that embed texts are billed by calls, and say nothing of tokens.
            "usage": { "prompt_tokens": 0, "total_tokens": 0 },
            "assay": usage::provenance(std::slice::from_ref(whole)),
        }))
    }
}

/// Numbers in each vector that a network makes, as its manifest says.
fn width(manifest: &Manifest) -> Option<u64> {
    serde_json::from_str::<Value>(&manifest.params).ok()?.get("width")?.as_u64()
}

/// A vector for each of these texts, and the answer that they came in.
pub(crate) async fn of_texts(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    manifest: &Manifest,
    (texts, terms): (Vec<String>, &AssayTerms),
    once: AskedOnce,
) -> Result<(WholeAnswer, Vec<Vec<f32>>), HttpFailure> {
    let submit = order(manifest, &texts, terms)?;
    let mut answers = order_set::one(gateway, caller, manifest, submit, once).await?.whole().await?;
    let whole = answers.pop().unwrap_or_else(|| unreachable!("one was ordered"));
    let all = read_vectors(manifest, &whole, texts.len())?;
    Ok((whole, all))
}

fn order(manifest: &Manifest, texts: &[String], terms: &AssayTerms) -> Result<Submit, HttpFailure> {
    if texts.is_empty() || texts.len() > TEXTS_MAX || texts.iter().any(String::is_empty) {
        let message = format!("input is one text or a list of 1 to {TEXTS_MAX}, none of them empty");
        return Err(HttpFailure::wrong("input", message));
    }
    if manifest.policy.is_proven_by_rows() || !reads_texts(manifest) {
        return Err(HttpFailure::wrong("model", format!("{} does not embed texts", manifest.name)));
    }
    let units_max = (manifest.meter == Meter::Calls).then_some(texts.len() as u64);
    let input = Attachment(json!(texts).to_string().into_bytes());
    Ok(Submit { units_max, input, ..terms.order(manifest) })
}

/// The vectors of an answer to so many texts.
fn read_vectors(
    manifest: &Manifest,
    whole: &WholeAnswer,
    count: usize,
) -> Result<Vec<Vec<f32>>, HttpFailure> {
    vectors(manifest, &whole.output).filter(|all| all.len() == count).ok_or_else(|| {
        HttpFailure::new(
            StatusCode::BAD_GATEWAY,
            "unreadable",
            "what was delivered is no vector for each text",
        )
        .after_order()
    })
}

impl VectorEncoding {
    fn write(self, vector: &[f32]) -> Value {
        match self {
            // By way of the shortest text, so that 0.1 does not become 0.10000000149011612.
            Self::Float => {
                vector.iter().map(|number| json!(number.to_string().parse::<f64>().ok())).collect()
            }
            Self::Base64 => {
                json!(base64(&vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>()))
            }
        }
    }
}

/// Bytes in letters, three in four.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .enumerate()
            .fold(0_u32, |group, (index, byte)| group | u32::from(*byte) << (16 - 8 * index));
        for index in 0..4 {
            let letter = LETTERS[(group >> (18 - 6 * index)) as usize & 63];
            text.push(if index <= chunk.len() { letter.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_in_letters_as_everywhere() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("\u{ff}>", "w78+"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn vectors_are_written_as_they_were_asked_for() {
        assert_eq!(VectorEncoding::Float.write(&[0.1, -2.0]), json!([0.1, -2.0]));
        assert_eq!(VectorEncoding::Base64.write(&[1.0]), json!("AACAPw=="));
    }
}
