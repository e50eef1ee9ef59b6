//! How long a text would take, by what its provider's offer says of itself.
//!
//! **Invariant:** where an offer says nothing, nothing is said; what it says is its provider's word, and at best so.

use assay_gateway::tokens_read_most;
use assay_market::{pace::TextPace, quote::Chosen};
use assay_peer::handle::OfferView;
use assay_protocol::{
    manifest::{Manifest, Meter},
    units::Duration,
};
use serde_json::{Value, json};

use crate::{
    commands::run::fitting::tokens_within,
    printer::{Table, ago, number_of},
};

/// In which tokens are counted: of a slow model few come in a second.
const TEN_SECONDS: Duration = Duration::seconds(10);
/// From so many a second on no tenths are told.
const FAST: u64 = 100;

/// How long a text would take.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextTime {
    /// Tokens that are written in ten seconds.
    tokens: u64,
    /// Until the first token, once the job has begun and its model is loaded; nothing where no input was named.
    first: Option<Duration>,
    /// The most tokens of the answer, and how long all of them take.
    longest: (u64, Duration),
    /// Whether the model is loaded now, where the offer is still known.
    is_loaded: Option<bool>,
}

/// The most tokens that are read of an input; nothing where none was named.
pub(super) fn tokens_read(input: &[u8], manifest: &Manifest) -> Option<u64> {
    (!input.is_empty()).then(|| tokens_read_most(input, manifest))
}

impl TextTime {
    /// That of what would be ordered, where so many tokens are read; nothing of what is no text, or of which nothing is said.
    pub(super) fn of(chosen: &Chosen, tokens_read: Option<u64>, offer: Option<&OfferView>) -> Option<Self> {
        let order = &chosen.order;
        let Meter::Tokens(weights) = order.manifest.meter else { return None };
        let pace = TextPace::of(&order.manifest, chosen.run)?;
        let read = tokens_read.unwrap_or_default();
        let most = tokens_within(order.units_max, read, weights);
        let manifest = order.manifest.digest();
        let bench = offer.and_then(|offer| offer.benches.iter().find(|bench| bench.class == order.class));
        let service =
            bench.and_then(|bench| bench.services.iter().find(|service| service.manifest == manifest));
        Some(Self {
            tokens: pace.tokens_in(TEN_SECONDS),
            first: tokens_read.map(|read| pace.time(read, 1)),
            longest: (most, pace.time(read, most)),
            is_loaded: service.map(|service| service.warm),
        })
    }

    /// Tells it in words.
    pub(super) fn rows(self, table: &mut Table) {
        let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
        row("speed", format!("up to {} a second, by that run", self.speed()));
        if let Some(first) = self.first {
            let loaded = match self.is_loaded {
                Some(false) => {
                    "; its model is loaded before that, and the offer does not say how long that takes"
                }
                Some(true) | None => "",
            };
            row("first token", format!("{} after the run has begun{loaded}", ago(first)));
        }
        let (most, time) = self.longest;
        row("longest text", format!("{} for {}", ago(time), number_of(most, "token")));
    }

    fn speed(self) -> String {
        let (whole, tenths) = (self.tokens / 10, self.tokens % 10);
        match (whole, tenths) {
            (FAST.., _) | (_, 0) => number_of(whole, "token"),
            _ => format!("{whole}.{tenths} tokens"),
        }
    }

    /// The same for programs.
    pub(super) fn document(self) -> Value {
        let (most, time) = self.longest;
        json!({
            "tokens_per_ten_seconds": self.tokens, "first_token_ms": self.first.map(|first| first.0),
            "answer_tokens_max": most, "longest_text_ms": time.0, "is_loaded": self.is_loaded,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_told_of_slow_models() {
        let time = TextTime { tokens: 0, first: None, longest: (1, Duration(1)), is_loaded: None };
        let speeds = [3, 10, 35, 999, 1_234].map(|tokens| TextTime { tokens, ..time }.speed());
        assert_eq!(speeds, ["0.3 tokens", "1 token", "3.5 tokens", "99.9 tokens", "123 tokens"]);
    }
}
