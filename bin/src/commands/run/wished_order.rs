//! What was asked for, without its input: where that costs too much, what less of an answer would cost can still be asked.
//!
//! **Invariant:** nothing is ordered here, and no length is said to be enough that was not quoted.

use assay_gateway::tokens_read_most;
use assay_market::quote::Quote;
use assay_peer::handle::{Attachment, Handle, QuoteJob, Submit, units_assumed};
use assay_protocol::{
    manifest::{Manifest, Meter, WorkPerMeter},
    units::Units,
};

use super::{
    ceiling::{CeilingNames, ShorterAnswer},
    fitting::{TOKENS_FEWEST, tokens_within},
};

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct WishedOrder {
    submit: Submit,
    /// The tokens that are read of its input, at most.
    read: u64,
}

impl WishedOrder {
    /// An order that is about to be made.
    pub(crate) fn of(submit: &Submit, manifest: &Manifest) -> Self {
        let read = tokens_read_most(&submit.input.0, manifest);
        Self { submit: Submit { input: Attachment::default(), ..submit.clone() }, read }
    }

    /// These limits, with what helps beside another ceiling: an answer of half as many tokens, or half of those, that costs little
    /// enough; and with what the account can spend, which no ceiling makes more.
    pub(crate) async fn below(
        &self,
        ceilings: CeilingNames,
        manifest: &Manifest,
        handle: &Handle,
    ) -> CeilingNames {
        let bytes = self.submit.input.0.len() as u64;
        let usual = self.submit.units_max.unwrap_or_else(|| units_assumed(manifest, bytes));
        let Some(free) = self.quoted(usual, handle).await.map(|quote| quote.free) else { return ceilings };
        ceilings.beside(self.shorter(usual, manifest, handle).await, free)
    }

    async fn shorter(&self, usual: Units, manifest: &Manifest, handle: &Handle) -> ShorterAnswer {
        let Meter::Tokens(weights) = manifest.meter else { return ShorterAnswer::Never };
        if !manifest.gives_parts() {
            return ShorterAnswer::Never;
        }
        let fewest = weights.units(self.read, TOKENS_FEWEST);
        let room = weights.units(self.read, tokens_of_run(manifest, self.read));
        let mut most = usual;
        while most > fewest {
            most = (most / 2).min(room).max(fewest);
            match self.quoted(most, handle).await {
                Some(quote) if quote.is_affordable() => {
                    return ShorterAnswer::Tokens(tokens_within(most, self.read, weights));
                }
                Some(_) => {}
                None => break,
            }
        }
        ShorterAnswer::Never
    }

    /// What so many units would cost now; nothing if the daemon does not say.
    async fn quoted(&self, units: Units, handle: &Handle) -> Option<Quote> {
        handle.call(QuoteJob(Submit { units_max: Some(units), ..self.submit.clone() })).await.ok()
    }
}

/// The most tokens that a run of a model writes where so many are read: no order has room for more, whatever it asks for.
fn tokens_of_run(manifest: &Manifest, read: u64) -> u64 {
    let WorkPerMeter { token_read, token_written, .. } = manifest.work;
    let left = manifest.work_most.saturating_sub(read.saturating_mul(token_read));
    left.checked_div(token_written).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::SUMS;

    #[test]
    fn no_more_tokens_are_named_than_a_run_of_the_model_has_room_for() {
        let work = |token_written| WorkPerMeter { token_read: 2, token_written, ..SUMS.manifest().work };
        let model =
            |token_written| Manifest { work: work(token_written), work_most: 1_000, ..SUMS.manifest() };
        assert_eq!([0, 100, 600].map(|read| tokens_of_run(&model(8), read)), [125, 100, 0]);
        assert_eq!(tokens_of_run(&model(0), 100), u64::MAX, "what costs no work is bounded by nothing");
    }
}
