//! What ran, and what was claimed of it, as whoever runs it again has to know it.
//!
//! **Invariant:** all of it stands in a receipt that holds. Counts are texts: a page that hands them on has no whole numbers
//! beyond 2⁵³.

use assay_protocol::{
    manifest::End,
    order::Order,
    receipt::{Happening, Receipt},
};
use serde_json::{Value, json};

/// The run of an order, with what its provider claimed once it opened that.
pub(crate) fn run(receipt: &Receipt, order: &Order) -> Value {
    let manifest = &order.manifest;
    let events = &receipt.story.events;
    // One that was cancelled is run again only as far as it got.
    let cancelled = events.iter().find_map(|event| {
        let Happening::Claim { claim, .. } = &event.what else { return None };
        let claim = claim.said();
        (claim.end == End::Cancelled).then_some(claim.units)
    });
    let claimed = events.iter().find_map(|event| {
        let Happening::OpenClaim { opening, .. } = &event.what else { return None };
        let (output, evidence) = (opening.said().output, opening.said().evidence);
        Some(json!({
            "written": output.written, "units": output.units.to_string(), "end": output.end,
            "evidence_root": evidence.evidence_root,
        }))
    });
    json!({
        "runner": manifest.runner, "model": manifest.model, "params": manifest.params, "class": order.class,
        "policy": manifest.policy, "meter": manifest.meter,
        "units_max": cancelled.unwrap_or(order.units_max).to_string(),
        "seed": order.seed(), "input_commit": order.input_commit, "claimed": claimed,
    })
}
