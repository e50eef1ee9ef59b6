//! A collector on this machine, which is told what the protocol has and nothing else.

use std::{
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use assay_protocol::{id::Digest, manifest::End, units::Timestamp};
use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc};

use super::{exposition::families, spans::SPANS_MAX, *};
use crate::{
    BoundGateway, GatewayOptions,
    answer::WholeAnswer,
    metrics::RequestLabels,
    tests::{bound, options},
};

/// What was told, and where.
type Told = (String, Value);

/// A collector that is busy for so many messages.
struct Busy {
    left: AtomicU32,
    told: mpsc::Sender<Told>,
}

async fn hear(State(busy): State<Arc<Busy>>, request: Request) -> StatusCode {
    assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
    let path = request.uri().path().to_owned();
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    busy.told.send((path, serde_json::from_slice(&body).unwrap())).await.unwrap();
    let is_busy = busy.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    if is_busy.is_ok() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

async fn collector(busy_for: u32) -> (SocketAddr, mpsc::Receiver<Told>) {
    let (told, heard) = mpsc::channel(64);
    let busy = Arc::new(Busy { left: AtomicU32::new(busy_for), told });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().fallback(hear).with_state(busy);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, heard)
}

/// A gateway that tells a collector at this address.
async fn telling(folder: &Path, address: String) -> Arc<Gateway> {
    let options = options(folder, "127.0.0.1:0", None);
    let bound = BoundGateway::bind(GatewayOptions { otlp: Some(address), ..options }).await.unwrap();
    bound.gateway
}

fn answer() -> WholeAnswer {
    WholeAnswer::example("85", End::Stop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_told_figures_and_answers_and_again_what_it_was_too_busy_for() {
    let (address, mut heard) = collector(2).await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = telling(folder.path(), format!("http://{address}")).await;
    let labels = RequestLabels { route: "/v1/\"odd\"\\route".to_owned(), status: 200 };
    gateway.metrics.requests.get_or_create(&labels).inc();
    gateway.metrics.count("laptop", &answer());
    let telling = tokio::spawn(async move {
        let collector = gateway.collector.clone().unwrap();
        tell_each(Duration::from_millis(5), &gateway, &collector, "here".to_owned()).await;
    });
    let mut all = Vec::new();
    while all.len() < 5 {
        all.push(heard.recv().await.unwrap());
    }
    telling.abort();
    let paths: Vec<&str> = all.iter().map(|(path, _)| path.as_str()).collect();
    let [figures, answers] = ["/v1/metrics", "/v1/traces"];
    assert_eq!(paths, [figures, answers, figures, answers, figures], "an answer that was taken is told once");
    all.iter().for_each(|(_, document)| holds("", document));
    assert_eq!(all[1].1, all[3].1, "the same answer");

    let scoped = &all[2].1["resourceMetrics"][0]["scopeMetrics"][0];
    let metric = |name: &str| {
        let metrics = scoped["metrics"].as_array().unwrap();
        metrics.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("no {name}: {scoped}"))
    };
    let requests = &metric("assay_gateway_requests")["sum"];
    assert_eq!((&requests["isMonotonic"], &requests["aggregationTemporality"]), (&true.into(), &2.into()));
    assert_eq!(requests["dataPoints"][0]["asInt"], "1");
    let route = &requests["dataPoints"][0]["attributes"][0];
    assert_eq!((&route["key"], &route["value"]["stringValue"]), (&"route".into(), &labels.route.into()));
    let took = metric("assay_gateway_answer_seconds");
    assert_eq!((&took["unit"], &took["histogram"]["dataPoints"][0]["count"]), (&"s".into(), &"1".into()));
    assert_eq!(took["histogram"]["dataPoints"][0]["sum"], 0.25);
    assert_eq!(metric("assay_peer_up")["gauge"]["dataPoints"][0]["asDouble"], 0.0, "no daemon runs there");
    let span = &all[1].1["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["spanId"], "02".repeat(8));
    let nanos = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(nanos("endTimeUnixNano") - nanos("startTimeUnixNano"), 250_000_000);
}

/// Whether a document says only what the protocol has, as its encoding in JSON wants it.
fn holds(key: &str, value: &Value) {
    let text =
        |digits: fn(&u8) -> bool| value.as_str().is_some_and(|text| text.as_bytes().iter().all(digits));
    let is_right = match key {
        "resourceMetrics" | "scopeMetrics" | "metrics" | "dataPoints" | "attributes" | "resourceSpans"
        | "scopeSpans" | "spans" | "bucketCounts" | "explicitBounds" => value.is_array(),
        "" | "resource" | "scope" | "value" | "gauge" | "histogram" | "status" => value.is_object(),
        // Of a metric an object, of a histogram a number.
        "sum" => value.is_object() || value.is_f64(),
        "name" | "version" | "description" | "unit" | "key" | "stringValue" => value.is_string(),
        "timeUnixNano" | "startTimeUnixNano" | "endTimeUnixNano" | "count" | "asInt" | "intValue" => {
            text(u8::is_ascii_digit)
        }
        "traceId" => text(u8::is_ascii_hexdigit) && value.as_str().map(str::len) == Some(32),
        "spanId" => text(u8::is_ascii_hexdigit) && value.as_str().map(str::len) == Some(16),
        "aggregationTemporality" | "kind" | "code" => value.is_u64(),
        "isMonotonic" => value.is_boolean(),
        "asDouble" => value.is_f64(),
        _ => false,
    };
    assert!(is_right, "{key}: {value}");
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| holds(key, value)),
        Value::Array(items) if key == "bucketCounts" => items.iter().for_each(|count| holds("count", count)),
        Value::Array(items) if key == "explicitBounds" => {
            assert!(items.iter().all(Value::is_f64), "{items:?}")
        }
        Value::Array(items) => items.iter().for_each(|item| holds("", item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    if let Some(counts) = value["bucketCounts"].as_array() {
        assert_eq!(counts.len(), value["explicitBounds"].as_array().unwrap().len() + 1, "{value}");
        let number = |count: &Value| count.as_str().unwrap().parse::<u64>().unwrap();
        assert_eq!(counts.iter().map(number).sum::<u64>(), number(&value["count"]), "{value}");
    }
}

#[tokio::test]
async fn answers_that_nobody_takes_are_bounded_and_counted_and_without_a_collector_none_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = telling(folder.path(), "http://127.0.0.1:9".to_owned()).await;
    let more = 5;
    (0..SPANS_MAX + more).for_each(|_| gateway.metrics.count("", &answer()));
    assert_eq!(gateway.metrics.spans.dropped.get(), more as u64);
    let some = gateway.metrics.spans.take();
    let taken = some.len();
    assert!(taken > 0 && taken < SPANS_MAX);
    gateway.metrics.count("", &answer());
    gateway.metrics.spans.give_back(some);
    assert_eq!(gateway.metrics.spans.dropped.get(), more as u64 + 1, "one has taken a place meanwhile");

    let other = tempfile::tempdir().unwrap();
    let silent = bound(other.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    silent.metrics.count("", &answer());
    assert!(silent.metrics.spans.take().is_empty());
}

#[tokio::test]
async fn a_collector_that_is_away_is_told_later_and_less_and_less_often() {
    // A connection has the port, so that nobody listens there meanwhile.
    let other_end = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let held = std::net::TcpStream::connect(other_end.local_addr().unwrap()).unwrap();
    let nobody = held.local_addr().unwrap();
    let collector = Collector::at(&format!("http://{nobody}")).unwrap();
    let telling = Telling { figures: "{}".to_owned(), answers: None };
    assert_eq!(collector.tell(telling).await, (Sent::Later(None), Sent::Taken));
    let second = Duration::from_secs(1);
    assert_eq!(again(second, None), 2 * second);
    assert_eq!(again(second, Some(9 * second)), 9 * second, "as it wishes itself");
    assert_eq!(again(AGAIN_MAX, Some(100 * AGAIN_MAX)), AGAIN_MAX);
}

#[test]
fn a_span_says_nothing_of_the_name_by_which_its_answer_can_be_asked_for() {
    let (one, mut other) = (answer(), answer());
    other.by.key = Digest([4; 32]);
    let [one, again, other] = [&one, &answer(), &other].map(|whole| {
        let span = document::span(whole, Timestamp(7_000));
        let key = whole.by.key.to_string();
        let mut parts = (0..=key.len() - 8).map(|at| &key[at..at + 8]);
        assert!(!parts.any(|part| span.to_string().contains(part)), "{span}");
        span
    });
    assert_eq!(one["traceId"], again["traceId"]);
    assert_ne!(one["traceId"], other["traceId"], "another answer has another");
}

#[test]
fn a_collector_is_an_address_of_the_web() {
    for address in ["http://127.0.0.1:4318", "https://collector.example/otlp/", "http://[::1]:4318"] {
        assert!(Collector::at(address).is_some(), "{address}");
    }
    for address in ["", "127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://", "http://me:word@127.0.0.1"] {
        assert!(Collector::at(address).is_none(), "{address}");
    }
}

#[test]
fn what_is_printed_is_read_to_the_letter() {
    let text = "# HELP a_b What it is.\n# TYPE a_b counter\n# UNIT a_b b\na_b_total{key=\"x\\\"\\\\,\\n}\",two=\"2\"} 1.5\n\
                a_b_total 7\n# EOF\n";
    let [family] = &families(text)[..] else { panic!("{:?}", families(text)) };
    assert_eq!((family.name.as_str(), family.kind.as_str(), family.unit.as_str()), ("a_b", "counter", "b"));
    assert_eq!(family.help, "What it is.");
    let labels =
        [("key", "x\"\\,\n}"), ("two", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!((&family.samples[0].labels[..], family.samples[0].value.as_str()), (&labels[..], "1.5"));
    assert_eq!((family.samples[1].labels.len(), family.samples[1].value.as_str()), (0, "7"));
}

#[test]
fn whoever_takes_what_it_is_told_is_told_all_that_waits_and_nobody_is_asked_without_a_pause() {
    let (taken, later, refused) = (Sent::Taken, Sent::Later(None), Sent::Refused(404));
    let second = Duration::from_secs(1);
    let waits = [
        ((taken, taken), second, false, second),
        ((taken, taken), second, true, Duration::ZERO),
        ((taken, taken), 8 * second, false, second),
        ((taken, later), Duration::ZERO, true, 2 * second),
        ((later, taken), 2 * second, true, 4 * second),
        ((Sent::Later(Some(9 * second)), refused), second, false, 9 * second),
        ((refused, taken), Duration::ZERO, true, 2 * second),
    ];
    for (sent, wait, fill_one, expected) in waits {
        assert_eq!(pause(sent, (wait, second), fill_one), expected, "{sent:?} after {wait:?}");
    }
    assert_eq!(trouble_of((taken, taken)), None);
    assert_eq!([(later, taken), (refused, later)].map(trouble_of), [Some(later); 2]);
    assert_eq!([(refused, taken), (taken, refused)].map(trouble_of), [Some(refused); 2]);
}

#[tokio::test]
async fn as_many_answers_as_a_message_holds_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = telling(folder.path(), "http://127.0.0.1:9".to_owned()).await;
    (0..SPANS_MAX).for_each(|_| gateway.metrics.count("", &answer()));
    let spans = &gateway.metrics.spans;
    let mut messages = 0;
    while spans.fill_one() {
        assert!(!spans.take().is_empty());
        messages += 1;
    }
    assert!(messages > 1 && spans.take().is_empty(), "{messages}");
}
