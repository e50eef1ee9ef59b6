//! What the gateway counts, and how its daemon is, for `/metrics` and for collectors.
//!
//! Names are as Prometheus has them: units behind the name, `_total` behind what only grows.
//!
//! **Invariant:** no name that a stranger chose becomes a label: there are as many series as there are routes, keys and ends.
//! Each figure stands in `docs/gateway.md`.

use std::{sync::atomic::AtomicU64, time::Duration};

use assay_peer::{
    clock::wall,
    handle::{ShowStatus, StatusView},
};
use assay_protocol::units::{Amount, NANO_PER_CREDIT, Timestamp};
use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};
use tokio::time::timeout;

use crate::{answer::WholeAnswer, link::DaemonLink, otlp::spans::SpanQueue};

/// How long a daemon has to say how it is.
const PEER_WAIT: Duration = Duration::from_secs(2);

/// A figure that may go down.
type FloatGauge = Gauge<f64, AtomicU64>;

/// What a request was and how it ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    /// The route, as it is declared.
    pub(crate) route: String,
    pub(crate) status: u16,
}

/// Whose answers.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KeyLabels {
    key: String,
}

/// All that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<RequestLabels, Counter>,
    /// Answers that are being written.
    pub(crate) open: Gauge,
    answers: Family<KeyLabels, Counter>,
    tokens_read: Family<KeyLabels, Counter>,
    tokens_written: Family<KeyLabels, Counter>,
    spent: Family<KeyLabels, Counter<f64, AtomicU64>>,
    first_word: Histogram,
    whole: Histogram,
    /// Answers that a collector has not heard of.
    pub(crate) spans: SpanQueue,
    /// Since when is counted.
    pub(crate) started: Timestamp,
}

impl Metrics {
    /// Nothing was counted yet; whether a collector is told.
    pub(crate) fn new(is_told: bool) -> Self {
        let mut registry = Registry::with_prefix("assay_gateway");
        let metrics = Self {
            requests: Family::default(),
            open: Gauge::default(),
            answers: Family::default(),
            tokens_read: Family::default(),
            tokens_written: Family::default(),
            spent: Family::default(),
            first_word: Histogram::new(exponential_buckets(0.01, 2.0, 14)),
            whole: Histogram::new(exponential_buckets(0.05, 2.0, 14)),
            spans: SpanQueue::new(is_told),
            started: wall(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests by route and status", metrics.requests.clone());
        registry.register("answers_open", "Answers that are being written", metrics.open.clone());
        registry.register("answers", "Answers that were delivered, by key", metrics.answers.clone());
        registry.register("tokens_read", "Tokens of prompts, by key", metrics.tokens_read.clone());
        registry.register("tokens_written", "Tokens of answers, by key", metrics.tokens_written.clone());
        let (first_word, whole) = (metrics.first_word.clone(), metrics.whole.clone());
        let credits = || Unit::Other("credits".to_owned());
        registry.register_with_unit("spent", "Prices of answers, by key", credits(), metrics.spent.clone());
        registry.register_with_unit(
            "first_word",
            "From the order to the first word",
            Unit::Seconds,
            first_word,
        );
        registry.register_with_unit("answer", "From the order to the last word", Unit::Seconds, whole);
        let help = "Answers that no collector was told of because too many waited for it";
        registry.register("spans_dropped", help, metrics.spans.dropped.clone());
        let begun = FloatGauge::default();
        begun.set(metrics.started.0 as f64 / 1e3);
        let help = "When the gateway began, in seconds since 1970";
        registry.register_with_unit("start_time", help, Unit::Seconds, begun);
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of the program", version);
        Self { registry, ..metrics }
    }

    /// Counts an answer that was delivered to the holder of a key.
    pub(crate) fn count(&self, key: &str, whole: &WholeAnswer) {
        let labels = KeyLabels { key: key.to_owned() };
        self.answers.get_or_create(&labels).inc();
        self.tokens_read.get_or_create(&labels).inc_by(whole.tokens_read.unwrap_or_default());
        self.tokens_written.get_or_create(&labels).inc_by(whole.tokens_written);
        self.spent.get_or_create(&labels).inc_by(whole.price.0 as f64 / NANO_PER_CREDIT as f64);
        if let Some(seconds) = whole.first_word_s {
            self.first_word.observe(seconds);
        }
        if let Some(seconds) = whole.took_s {
            self.whole.observe(seconds);
        }
        self.spans.put(whole);
    }

    /// All of it with how the daemon is, if it says so, as scrapers read it.
    pub(crate) fn text(&self, peer: Option<PeerFigures>) -> String {
        let mut text = String::new();
        // A string takes whatever is written to it.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &of_peer(peer)))
            .and_then(|()| encode_eof(&mut text));
        text
    }
}

/// What is told now of a gateway and of its daemon.
pub(crate) async fn told(metrics: &Metrics, link: &DaemonLink) -> String {
    let status = timeout(PEER_WAIT, link.call(ShowStatus)).await;
    let peer = status.ok().and_then(Result::ok).map(|status| PeerFigures::from(&status));
    metrics.text(peer)
}

/// How a daemon is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PeerFigures {
    neighbours: u64,
    offers: u64,
    jobs_open: u64,
    runs: u64,
    blob_bytes: u64,
    disk_free_bytes: Option<u64>,
    uptime_ms: u64,
    spent_today: Amount,
}

impl From<&StatusView> for PeerFigures {
    fn from(status: &StatusView) -> Self {
        Self {
            neighbours: status.neighbours.len() as u64,
            offers: status.offers,
            jobs_open: status.jobs_open,
            runs: status.running,
            blob_bytes: status.blob_bytes,
            disk_free_bytes: status.disk_free,
            uptime_ms: status.uptime.0,
            spent_today: status.day.spent,
        }
    }
}

/// A registry of what is known of a daemon; of one that does not answer, that.
fn of_peer(peer: Option<PeerFigures>) -> Registry {
    let mut registry = Registry::with_prefix("assay_peer");
    let mut put = |name: &str, help: &str, unit: Option<Unit>, value: f64| {
        let gauge = FloatGauge::default();
        gauge.set(value);
        match unit {
            Some(unit) => registry.register_with_unit(name, help, unit, gauge),
            None => registry.register(name, help, gauge),
        }
    };
    put("up", "Whether the daemon answers", None, f64::from(u8::from(peer.is_some())));
    if let Some(peer) = peer {
        put("neighbours", "Peers that it is connected to", None, peer.neighbours as f64);
        put("offers", "Offers that it knows", None, peer.offers as f64);
        put("jobs_open", "Jobs of this home that are not over", None, peer.jobs_open as f64);
        put("runs", "Jobs that run here now", None, peer.runs as f64);
        put("blob", "Inputs, results and models on the disk", Some(Unit::Bytes), peer.blob_bytes as f64);
        if let Some(free) = peer.disk_free_bytes {
            put("disk_free", "What its disk has free", Some(Unit::Bytes), free as f64);
        }
        put("uptime", "Since the daemon started", Some(Unit::Seconds), peer.uptime_ms as f64 / 1e3);
        let spent = peer.spent_today.0 as f64 / NANO_PER_CREDIT as f64;
        let credits = Unit::Other("credits".to_owned());
        put("spent_today", "What the orders of today may cost", Some(credits), spent);
    }
    registry
}

#[cfg(test)]
mod tests;
