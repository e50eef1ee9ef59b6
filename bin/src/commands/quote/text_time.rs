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
const MINUTE: Duration = Duration::seconds(60);
/// From so many a second on no tenths are told.
const FAST: u64 = 100;

/// How long a text would take.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextTime {
    /// Tokens that are written in a minute.
    by_minute: u64,
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
            by_minute: pace.tokens_in(MINUTE),
            first: tokens_read.map(|read| pace.time(read, 1)),
            longest: (most, pace.time(read, most)),
            is_loaded: service.map(|service| service.warm),
        })
    }

    /// Tells it in words.
    pub(super) fn rows(self, table: &mut Table) {
        let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
        row("speed", format!("{}, by that run", self.speed()));
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
        let tenths = self.by_ten_seconds();
        match (tenths / 10, tenths % 10) {
            (0, 0) if self.by_minute == 0 => "less than 1 token a minute".to_owned(),
            (0, 0) => format!("up to {} a minute", number_of(self.by_minute, "token")),
            (whole @ FAST.., _) | (whole, 0) => format!("up to {} a second", number_of(whole, "token")),
            (whole, tenths) => format!("up to {whole}.{tenths} tokens a second"),
        }
    }

    fn by_ten_seconds(self) -> u64 {
        self.by_minute / 6
    }

    /// The same for programs.
    pub(super) fn document(self) -> Value {
        let (most, time) = self.longest;
        json!({
            "tokens_per_ten_seconds": self.by_ten_seconds(), "first_token_ms": self.first.map(|first| first.0),
            "answer_tokens_max": most, "longest_text_ms": time.0, "is_loaded": self.is_loaded,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_told_of_slow_models_and_minutes_of_very_slow_ones() {
        let time = |by_minute| {
            let (first, longest, is_loaded) = (None, (1, Duration(1)), None);
            TextTime { by_minute, first, longest, is_loaded }
        };
        let speeds = [3, 10, 35, 999, 1_234].map(|tenths| time(6 * tenths).speed());
        let told = ["0.3 tokens", "1 token", "3.5 tokens", "99.9 tokens", "123 tokens"];
        assert_eq!(speeds, told.map(|told| format!("up to {told} a second")));
        let slow = [0, 1, 5].map(|by_minute| time(by_minute).speed());
        assert_eq!(slow, ["less than 1 token a minute", "up to 1 token a minute", "up to 5 tokens a minute"]);
    }
}
