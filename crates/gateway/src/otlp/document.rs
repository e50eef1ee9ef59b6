//! Figures and answers as OTLP has them in JSON: keys in lower camel case, 64-bit integers as texts, enumerations as
//! numbers, names of traces in hexadecimal digits.
//!
//! **Invariant:** no key stands here that the protocol has not.

use assay_protocol::{codec, id::Digest, units::Timestamp};
use serde_json::{Value, json};

use super::exposition::{MetricFamily, MetricSample, families};
use crate::answer::WholeAnswer;

/// What a service is called that tells figures of this kind.
const SERVICE: &str = "assay-gateway";
/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u32 = 2;
/// `SPAN_KIND_SERVER`.
const SERVER: u32 = 2;
/// `STATUS_CODE_OK`.
const STATUS_OK: u32 = 1;

/// The messages of one moment.
pub(super) struct Telling {
    pub(super) figures: String,
    /// Nothing, if no answer was delivered since.
    pub(super) answers: Option<String>,
}

impl Telling {
    pub(super) fn of(
        text: &str,
        spans: &[Value],
        (started, now): (Timestamp, Timestamp),
        instance: &str,
    ) -> Self {
        let (resource, scope) =
            (resource(instance), json!({ "name": "assay", "version": env!("CARGO_PKG_VERSION") }));
        let times = Times { started: nanos(started), now: nanos(now) };
        let metrics: Vec<Value> = families(text).iter().filter_map(|family| metric(family, &times)).collect();
        let scoped = json!([{ "scope": scope, "metrics": metrics }]);
        let figures = json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": scoped }] });
        let scoped = json!([{ "scope": scope, "spans": spans }]);
        let answers = json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": scoped }] });
        Self { figures: figures.to_string(), answers: (!spans.is_empty()).then(|| answers.to_string()) }
    }
}

/// Since when is counted, and until when.
struct Times {
    started: String,
    now: String,
}

fn nanos(at: Timestamp) -> String {
    (u128::from(at.0) * 1_000_000).to_string()
}

fn resource(instance: &str) -> Value {
    let said = [
        ("service.name", SERVICE),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", instance),
    ];
    json!({ "attributes": said.map(|(key, value)| text(key, value)) })
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

fn metric(family: &MetricFamily, times: &Times) -> Option<Value> {
    let mut metric = json!({ "name": family.name, "description": family.help, "unit": unit(&family.unit) });
    let (kind, data) = match family.kind.as_str() {
        "counter" => {
            let points = points(family, "_total", Some(&times.started), &times.now);
            let sum =
                json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true });
            ("sum", sum)
        }
        "gauge" => ("gauge", json!({ "dataPoints": points(family, "", None, &times.now) })),
        "info" => ("gauge", json!({ "dataPoints": points(family, "_info", None, &times.now) })),
        "histogram" => {
            let points = [histogram(family, times)?];
            ("histogram", json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE }))
        }
        _ => return None,
    };
    metric[kind] = data;
    Some(metric)
}

/// A unit as UCUM has it.
fn unit(name: &str) -> String {
    match name {
        "" => "1".to_owned(),
        "seconds" => "s".to_owned(),
        "bytes" => "By".to_owned(),
        other => format!("{{{}}}", other.trim_end_matches('s')),
    }
}

fn points(family: &MetricFamily, ending: &str, started: Option<&str>, now: &str) -> Vec<Value> {
    let samples = family.samples.iter().filter(|sample| sample.ending == ending);
    let point = |sample: &MetricSample| {
        let mut point = json!({ "attributes": attributes(sample), "timeUnixNano": now });
        if let Some(started) = started {
            point["startTimeUnixNano"] = json!(started);
        }
        match sample.value.parse::<i64>() {
            Ok(whole) => point["asInt"] = json!(whole.to_string()),
            Err(_) => point["asDouble"] = json!(sample.value.parse::<f64>().unwrap_or_default()),
        }
        point
    };
    samples.map(point).collect()
}

fn attributes(sample: &MetricSample) -> Vec<Value> {
    sample.labels.iter().map(|(key, value)| text(key, value)).collect()
}

/// A histogram that has no labels of its own. Its buckets count up to their bound; here each counts what is in it.
fn histogram(family: &MetricFamily, times: &Times) -> Option<Value> {
    let of = |ending: &str| family.samples.iter().find(|sample| sample.ending == ending);
    let (sum, count) = (of("_sum")?, of("_count")?);
    let buckets = family.samples.iter().filter(|sample| sample.ending == "_bucket");
    let (mut bounds, mut counts, mut before) = (Vec::new(), Vec::new(), 0);
    for bucket in buckets {
        let bound = bucket.labels.iter().find(|(name, _)| name == "le")?.1.parse::<f64>().ok()?;
        if bound.is_finite() {
            bounds.push(bound);
        }
        let upto: u64 = bucket.value.parse().ok()?;
        counts.push((upto.saturating_sub(before)).to_string());
        before = upto;
    }
    Some(json!({
        "startTimeUnixNano": times.started, "timeUnixNano": times.now, "count": count.value,
        "sum": sum.value.parse::<f64>().ok()?, "bucketCounts": counts, "explicitBounds": bounds,
    }))
}

/// An answer that is whole now, as a span; what is said of its tokens is called as the conventions for models have it.
pub(super) fn span(whole: &WholeAnswer, now: Timestamp) -> Value {
    let took_ms = whole.took_s.map_or(0, |seconds| (seconds * 1e3) as u64);
    let begun = Timestamp(now.0.saturating_sub(took_ms));
    let mut attributes = vec![
        text("gen_ai.request.model", &whole.model),
        text("assay.job", &whole.by.job.to_string()),
        text("assay.provider", &whole.by.provider.to_string()),
        number("gen_ai.usage.output_tokens", whole.tokens_written),
    ];
    attributes.extend(whole.tokens_read.map(|tokens| number("gen_ai.usage.input_tokens", tokens)));
    json!({
        "traceId": digits(trace(whole.by.key), 32), "spanId": digits(whole.by.job, 16), "name": "answer", "kind": SERVER,
        "startTimeUnixNano": nanos(begun), "endTimeUnixNano": nanos(now), "attributes": attributes,
        "status": { "code": STATUS_OK },
    })
}

/// What the trace of an answer is called. Whoever knows the name of a submission may ask for its answer, so not even a part of
/// that leaves here.
fn trace(key: Digest) -> Digest {
    codec::digest("trace", &key)
}

/// The first digits of a name.
fn digits(name: Digest, count: usize) -> String {
    name.to_string().chars().take(count).collect()
}
