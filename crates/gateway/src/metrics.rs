//! What the gateway counts, for `/metrics`.
//!
//! **Invariant:** no name that a stranger chose becomes a label: there are as many series as there are routes, keys and ends.

use std::sync::atomic::AtomicU64;

use assay_protocol::units::NANO_PER_CREDIT;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::answer::WholeAnswer;

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
}

impl Metrics {
    /// Nothing was counted yet.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("assay_gateway");
        let metrics = Self {
            requests: Family::default(),
            open: Gauge::default(),
            answers: Family::default(),
            tokens_read: Family::default(),
            tokens_written: Family::default(),
            spent: Family::default(),
            first_word: Histogram::new(exponential_buckets(0.01, 2.0, 14)),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests by route and status", metrics.requests.clone());
        registry.register("answers_open", "Answers that are being written", metrics.open.clone());
        registry.register("answers", "Answers that were delivered, by key", metrics.answers.clone());
        registry.register("tokens_read", "Tokens of prompts, by key", metrics.tokens_read.clone());
        registry.register("tokens_written", "Tokens of answers, by key", metrics.tokens_written.clone());
        registry.register("spent_credits", "Prices of answers in credits, by key", metrics.spent.clone());
        let first_word = metrics.first_word.clone();
        registry.register_with_unit(
            "first_word",
            "From the order to the first word",
            Unit::Seconds,
            first_word,
        );
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
    }

    /// All of it, as scrapers read it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // A string takes whatever is written to it.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
