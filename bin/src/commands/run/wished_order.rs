//! What was asked for, without its input: where that costs too much, what less of an answer would cost can still be asked.
//!
//! **Invariant:** nothing is ordered here, and no length is said to be enough that was not quoted.

use assay_gateway::tokens_read_most;
use assay_market::quote::Quote;
use assay_peer::handle::{Attachment, Handle, QuoteJob, Submit, units_assumed};
use assay_protocol::{
    manifest::{Manifest, Meter},
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
        let mut most = usual;
        while most > fewest {
            most = (most / 2).max(fewest);
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
