//! Lies about traps: who says that a claim is one, of which claim, and what it costs.

use assay_protocol::{
    check::Trap,
    costs,
    id::PeerId,
    outcome::Outcome,
    receipt::{Happening, Story},
};

use super::told::sealed;
use crate::fuzz::town::PROVIDER;

/// Takes more of whoever was caught than was at stake.
pub(super) fn dearer(story: &mut Story) -> bool {
    // What a verifier had that has less is the notary's word.
    let forfeit = costs::forfeit(&story.genesis, &story.open.said().order.said());
    let Some(fine) = story.settlement.fines.first_mut() else { return false };
    let caught = story.outcome == Outcome::Trap && fine.amount == forfeit;
    fine.amount.0 += 1;
    story.settlement.provider.0 += 1;
    caught
}

/// Says that the client put up more for a trap than is at stake in one, or anything where there is none.
pub(super) fn pledged(story: &mut Story) -> bool {
    let forfeit = costs::forfeit(&story.genesis, &story.open.said().order.said());
    let told = story.events.iter_mut().find_map(|event| {
        let Happening::OpenClaim { opening, pledged, .. } = &mut event.what else { return None };
        Some((opening.said().trap.is_some(), pledged))
    });
    let Some((is_trap, pledged)) = told else { return false };
    pledged.0 = if is_trap { forfeit.0 + 1 } else { 1 };
    // An opening that opens nothing convicts, whatever is said with it.
    story.outcome != Outcome::FalseOpening
}

/// Calls the claim a trap in this name, and changes what is said of it; the provider says so too.
pub(super) fn trap(story: &mut Story, by: PeerId, change: fn(&mut Trap)) -> bool {
    let claimed = story.events.iter().find_map(|event| {
        if let Happening::Claim { claim, .. } = &event.what { Some(*claim.said()) } else { None }
    });
    let at = story.events.iter().position(|event| matches!(event.what, Happening::OpenClaim { .. }));
    let (Some(claim), Some(at)) = (claimed, at) else { return false };
    let Happening::OpenClaim { opening, blind, pledged } = &story.events[at].what else { return false };
    let (mut opening, blind, pledged) = (opening.said().clone(), *blind, *pledged);
    let mut trap = Trap { job: claim.job, commit: claim.commit };
    change(&mut trap);
    opening.trap = Some(sealed(story, by, trap));
    story.events[at].what =
        Happening::OpenClaim { opening: sealed(story, PROVIDER, opening), blind, pledged };
    true
}
