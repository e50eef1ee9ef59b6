//! What an answer took, and where it came from, as it stands beside an answer.

use assay_protocol::{id::PeerId, manifest::End};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::answer::{BegunAnswer, PENDING, WholeAnswer};

/// Who works, the job, and the price: said as headers, where they are known in time.
const PROVIDER: HeaderName = HeaderName::from_static("x-assay-provider");
const JOB: HeaderName = HeaderName::from_static("x-assay-job");
const RECEIPT: HeaderName = HeaderName::from_static("x-assay-receipt");
const LABEL: HeaderName = HeaderName::from_static("x-assay-label");
const COST: HeaderName = HeaderName::from_static("x-assay-cost");

/// Why an answer ended, in OpenAI's words. For one that was broken off they have none; what clients do with one that is too short is
/// what they are to do with it.
pub(crate) fn finish_reason(end: End) -> &'static str {
    match end {
        End::Stop => "stop",
        End::Length | End::Cancelled => "length",
    }
}

/// The tokens of some answers to one prompt.
pub(crate) fn usage(answers: &[WholeAnswer]) -> Value {
    // The same prompt is read for each of them, and counts once, as elsewhere.
    let read = answers.iter().filter_map(|whole| whole.tokens_read).max().unwrap_or_default();
    let written: u64 = answers.iter().map(|whole| whole.tokens_written).sum();
    json!({ "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written })
}

/// The same of one answer, as a response has it. Nobody tells which of them were read before, or are thoughts alone.
pub(super) fn response_usage(answer: &WholeAnswer) -> Value {
    let (read, written) = (answer.tokens_read.unwrap_or_default(), answer.tokens_written);
    json!({
        "input_tokens": read, "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
        "output_tokens": written, "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": read + written,
    })
}

/// What no other endpoint says: where an answer ran and what became of it.
pub(crate) fn provenance(answers: &[WholeAnswer]) -> Value {
    answers
        .iter()
        .map(|whole| {
            let BegunAnswer { key, job, provider } = whole.by;
            json!({
                "key": key.to_string(), "job": job.to_string(), "provider": provider.to_string(),
                "price": whole.price.to_string(), "cost_max": whole.cost_max.to_string(), "label": whole.label,
                "receipt": receipt_path(&whole.by), "cancelled": whole.end == End::Cancelled,
            })
        })
        .collect()
}

/// The same as headers, of the first answer.
pub(crate) fn headers(answers: &[WholeAnswer]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(whole) = answers.first() {
        headers = begun_headers(&whole.by);
        insert(&mut headers, COST, &whole.price.to_string());
        insert(&mut headers, LABEL, whole.label);
    }
    headers
}

/// What is known as soon as somebody works on an answer.
pub(crate) fn begun_headers(begun: &BegunAnswer) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let provider: PeerId = begun.provider;
    insert(&mut headers, PROVIDER, &provider.to_string());
    insert(&mut headers, JOB, &begun.job.to_string());
    insert(&mut headers, RECEIPT, &receipt_path(begun));
    insert(&mut headers, LABEL, PENDING);
    headers
}

fn receipt_path(begun: &BegunAnswer) -> String {
    format!("/v1/receipts/{}", begun.key)
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Digits and paths of digits are values of headers.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
