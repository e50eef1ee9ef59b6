//! How long an answer may be where its line does not say: as long as usual, or less where that costs more than may be spent, as
//! with a request of its own.

use std::{collections::BTreeMap, time::Duration};

use assay_market::{quote::Quote, submission::Unmatched};
use assay_peer::handle::{Attachment, CallError, Handle, QuoteJob, Submit, WatchUpdates};
use assay_protocol::{manifest::Manifest, units::Amount};
use tokio::time::{Instant, timeout_at};

use super::{batch_error::BatchError, batch_lines::BatchLines};

/// How long offers are waited for.
const OFFERS_WAIT: Duration = Duration::from_secs(10);
/// As long as usual, and the least that it is made shorter to.
pub const TOKENS_USUAL: u32 = 256;
const TOKENS_FEWEST: u32 = 16;

/// The length that can be paid for now: the usual one that the lines are read with, or a shorter one.
///
/// # Errors
/// [`BatchError`].
pub async fn affordable(
    mut lines: BatchLines,
    usual: u32,
    manifests: &BTreeMap<String, Manifest>,
    cost_max: Option<Amount>,
    handle: &Handle,
) -> Result<u32, BatchError> {
    let deadline = Instant::now() + OFFERS_WAIT;
    let mut most = usual;
    let mut asked = Vec::new();
    for line in 0..lines.count() {
        let request = lines.request(line)?;
        // One line of a model says what all of them cost, as far as what is read differs little.
        if request.is_of_usual_length() && !asked.iter().any(|(model, _)| model == request.model()) {
            asked.push((request.model().to_owned(), line));
        }
    }
    for (model, line) in asked {
        let Some(manifest) = manifests.get(&model) else { continue };
        loop {
            lines = lines.with_tokens_max(most);
            let Ok(submit) = lines.request(line)?.order(manifest, 0) else { break };
            let quote = quoted(&Submit { input: Attachment::default(), ..submit }, deadline, handle).await?;
            let is_over =
                |most: Amount| quote.chosen.as_ref().is_some_and(|chosen| chosen.order.total_max > most);
            let is_too_dear = quote.is_too_dear() || cost_max.is_some_and(is_over);
            if !is_too_dear || most <= TOKENS_FEWEST {
                break;
            }
            most /= 2;
        }
    }
    Ok(most)
}

/// What an order would cost now, as soon as somebody offers it, or it shows why those who do are not taken.
///
/// # Errors
/// [`CallError`].
pub async fn quoted(submit: &Submit, deadline: Instant, handle: &Handle) -> Result<Quote, CallError> {
    let mut updates = handle.call(WatchUpdates { name: None }).await?;
    loop {
        let quote = handle.call(QuoteJob(submit.clone())).await?;
        let Unmatched { cost, price, busy, tried, other_provider, refusal, .. } = &quote.passed.counts;
        let is_others = submit.provider.is_some() && *other_provider > 0;
        let is_passed = cost + price + busy + tried > 0 || refusal.is_some() || is_others;
        let is_known = quote.chosen.is_some() || is_passed;
        let told = timeout_at(deadline, async { if is_known { None } else { updates.next().await } });
        if !matches!(told.await, Ok(Some(Ok(_)))) {
            return Ok(quote);
        }
    }
}
