//! How long an answer may be where neither its line nor the command says: as long as usual, or less where that costs more than may
//! be spent, as with a gateway.
//!
//! **Invariant:** a batch that goes on has the length that it was begun with, whatever offers cost by then.

use std::{collections::BTreeMap, time::Duration};

use assay_peer::handle::{Attachment, Submit};
use assay_protocol::{id::Digest, manifest::Manifest, units::Amount};
use tokio::time::Instant;

use super::{batch_folder::BatchFolder, batch_lines::BatchLines};
use crate::{
    command_error::CommandError, commands::run::fitting::quoted, daemon::RunningDaemon,
    invocation::Invocation,
};

/// How long offers are waited for.
const OFFERS_WAIT: Duration = Duration::from_secs(10);
/// As long as usual, and the least that it is made shorter to.
pub(super) const TOKENS_USUAL: u32 = 256;
const TOKENS_FEWEST: u32 = 16;

/// The length that these lines were begun with, under this label.
pub(super) fn begun_with(
    content: Digest,
    label: Option<&str>,
    invocation: &Invocation,
) -> Result<Option<u32>, CommandError> {
    let all = BatchFolder::all(invocation)?;
    let mut same =
        all.into_iter().filter(|(_, plan)| plan.content == content && plan.label.as_deref() == label);
    Ok(same.next().map(|(_, plan)| plan.tokens_max))
}

/// The length that can be paid for now.
pub(super) async fn affordable(
    mut lines: BatchLines,
    manifests: &BTreeMap<String, Manifest>,
    cost_max: Option<Amount>,
    daemon: &RunningDaemon,
) -> Result<u32, CommandError> {
    let deadline = Instant::now() + OFFERS_WAIT;
    let mut most = TOKENS_USUAL;
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
            let quote = quoted(&Submit { input: Attachment::default(), ..submit }, deadline, daemon).await?;
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
